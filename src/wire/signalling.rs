//! Frames in, signalling out: what the frames of phones and servers say ahead of, around and in SIP.
//!
//! Serves whoever watches a link while it happens and whoever reads a capture of it later; neither reads a frame, a
//! stream or a datagram itself. What is heard is lent to a sink, so that a datagram costs no memory. Frames come in the
//! order of their times, as far as that is known.
//!
//! Not here: who the ends are (a phone, a server), what a message says ([`sip`]), and anything encrypted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    fragments::{Fragments, Outcome},
    frame::{Body, Content, Frame, Packet, Vlans},
    recent::Recent,
    tls::TlsEvent,
};
use crate::{
    config::Mac,
    event::{Fate, Transport},
};

mod connections;
mod icmp;
mod pieces;
pub(in crate::wire) mod sniff;

pub use connections::Pair;
pub use icmp::{Undelivered, is_refusal};
pub use sniff::{begins_sip_stream, begins_tls_stream, is_sip_datagram};

use connections::{Connections, Given};
use pieces::Begun;

/// SIP is looked for at these ports, whatever else is declared (RFC 3261 section 19.1.2).
pub const SIP_PORTS: [u16; 2] = [5060, 5061];

/// Ends that are known to speak SIP over UDP, at a time.
const MAX_PATHS: usize = 8192;

/// What is known of a frame besides its bytes. `T` is what the caller wants to know again of a frame that something was
/// heard in: where it lies, from which side it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<T> {
    /// When it came in, in nanoseconds since the Unix epoch.
    pub unix_ns: i64,
    /// What became of it.
    pub fate: Fate,
    /// The caller's own.
    pub tag: T,
}

/// Sender and receiver of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    /// Who sent it.
    pub source: SocketAddr,
    /// For whom it is.
    pub destination: SocketAddr,
}

/// What stood around a packet on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Sender of the frame, where the link layer tells.
    pub source: Option<Mac>,
    /// Receiver of the frame, where the link layer tells.
    pub destination: Option<Mac>,
    /// Its VLAN ids.
    pub vlans: Vlans,
}

/// Something heard, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a, T> {
    /// Time and tag of the frame in which it began: the first segment of a message, the first fragment of a datagram. Its
    /// fate is that of the whole: what was in part dropped was dropped, until another copy of that part passes.
    pub sighting: Sighting<T>,
    /// What stood around that frame, or another one of the same connection.
    pub link: Link,
    /// What it is.
    pub what: What<'a>,
}

/// What can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// A whole SIP message, not yet read: it has a start line of SIP, and nothing else is sure. One that was dropped in
    /// part and has then passed is heard once more.
    Message {
        /// From whom to whom.
        ends: Ends,
        /// What carried it.
        transport: Transport,
        /// All of it. A datagram is not cut by its `Content-Length`.
        bytes: &'a [u8],
    },
    /// Something that looked like SIP, or that lay where there is SIP, and that is no whole message.
    Unreadable {
        /// From whom to whom.
        ends: Ends,
        /// What carried it.
        transport: Transport,
        /// What is wrong. Never quotes the bytes, which may hold secrets.
        reason: &'static str,
        /// Where, in bytes from its beginning.
        offset: usize,
    },
    /// What only keeps a path open, between ends that speak SIP: CRLFs, NULs, an empty datagram, STUN.
    KeepAlive {
        /// From whom to whom.
        ends: Ends,
        /// What carried it.
        transport: Transport,
    },
    /// Bytes of a connection that speaks SIP were never seen. A message that they cut in two is lost.
    Gap {
        /// From whom to whom.
        ends: Ends,
        /// How many bytes; 0: unknown.
        missing: u32,
    },
    /// A step in the life of a TCP connection, whatever is spoken in it; of its orderly end only where that is SIP or TLS.
    Connection {
        /// From whom to whom the packet went that shows it.
        ends: Ends,
        /// Which step.
        step: Step,
    },
    /// A step in the life of a TLS connection: it is *blind*, nothing in it is SIP to us.
    Tls {
        /// From whom to whom the packet went that shows it.
        ends: Ends,
        /// Which step.
        event: TlsEvent<'a>,
    },
    /// An ICMP error: somebody on the way says that a packet was not delivered, which went to a SIP port or between ends
    /// that speak SIP.
    Unreachable {
        /// From whom to whom that packet went.
        ends: Ends,
        /// What carried it.
        transport: Transport,
        /// Who says so.
        by: IpAddr,
        /// ICMP type, or ICMPv6 type where `by` is an IPv6 address.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// ARP for IPv4.
    Arp {
        /// 1 request, 2 reply.
        operation: u16,
        /// Who speaks.
        sender_mac: Mac,
        /// Who speaks.
        sender: Ipv4Addr,
        /// Who is asked for or told.
        target: Ipv4Addr,
    },
}

/// A step in the life of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Somebody asks for one: a SYN.
    Asked,
    /// The other end takes it: a SYN with ACK.
    Opened,
    /// The other end does not take it: a RST in answer to a SYN.
    Refused,
    /// One end has said its last: a FIN, all ahead of which was seen.
    Closed,
    /// One end knows nothing of it, or no longer: any other RST.
    Reset,
}

impl Ends {
    /// Those of an answer.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

impl Link {
    fn of(frame: &Frame<'_>) -> Self {
        Self { source: frame.source, destination: frame.destination, vlans: frame.vlans }
    }
}

/// Hears what frames say.
#[derive(Debug)]
pub struct Signalling<T: Copy> {
    /// A handful.
    sip_ports: Vec<u16>,
    connections: Connections<T>,
    fragments: Fragments<Begun<T>>,
    /// Ends that have spoken SIP over UDP.
    paths: Recent<Pair, ()>,
}

impl<T: Copy> Signalling<T> {
    /// Nothing heard yet. At these ports SIP is expected, besides 5060 and 5061.
    pub fn new(sip_ports: impl IntoIterator<Item = u16>) -> Self {
        Self {
            sip_ports: sip_ports.into_iter().chain(SIP_PORTS).collect(),
            connections: Connections::default(),
            fragments: Fragments::default(),
            paths: Recent::new(MAX_PATHS),
        }
    }

    /// Takes in one frame and says what is to be heard now.
    pub fn take(&mut self, frame: &Frame<'_>, sighting: &Sighting<T>, sink: &mut impl FnMut(Heard<'_, T>)) {
        let link = Link::of(frame);
        self.fragments.expire(sighting.unix_ns);
        match &frame.content {
            Content::Arp { operation, sender_mac, sender_ip, target_ip } => {
                let what = What::Arp {
                    operation: *operation,
                    sender_mac: *sender_mac,
                    sender: *sender_ip,
                    target: *target_ip,
                };
                sink(Heard { sighting: *sighting, link, what });
            }
            Content::Ip(packet) if matches!(packet.body, Body::Fragment { .. }) => {
                self.fragment(packet, link, sighting);
            }
            Content::Ip(packet) => self.packet(packet, link, sighting, sink),
            Content::Other { .. } => {}
        }
        self.tell_fragments(sink);
    }

    /// There are no more frames: says what was begun and is not complete.
    pub fn finish(&mut self, sink: &mut impl FnMut(Heard<'_, T>)) {
        self.fragments.finish();
        self.tell_fragments(sink);
        self.connections.finish(sink);
    }

    /// A packet that is no fragment, or was put together from some.
    fn packet(&mut self, packet: &Packet<'_>, link: Link, sighting: &Sighting<T>, sink: &mut impl FnMut(Heard<'_, T>)) {
        let ends = |source_port, destination_port| Ends {
            source: SocketAddr::new(packet.source, source_port),
            destination: SocketAddr::new(packet.destination, destination_port),
        };
        match &packet.body {
            Body::Udp { source_port, destination_port, payload } => {
                let ends = ends(*source_port, *destination_port);
                if let Some(what) = self.datagram(ends, payload) {
                    sink(Heard { sighting: *sighting, link, what });
                }
            }
            Body::Tcp(segment) => {
                let ends = ends(segment.source_port, segment.destination_port);
                let expected = self.is_expected(ends);
                self.connections.take(&Given { ends, segment, link, sighting, expected }, sink);
            }
            Body::Icmp { kind, code, payload } => {
                let by = packet.source;
                if let Some(Undelivered { ends, transport, .. }) = Undelivered::read(by, *kind, payload)
                    && (self.sip_ports.contains(&ends.destination.port()) || self.is_known(ends, transport))
                {
                    let what = What::Unreachable { ends, transport, by, kind: *kind, code: *code };
                    sink(Heard { sighting: *sighting, link, what });
                }
            }
            Body::Fragment { .. } | Body::Other { .. } => {}
        }
    }

    fn fragment(&mut self, packet: &Packet<'_>, link: Link, sighting: &Sighting<T>) {
        let Some(fragment) = pieces::read(packet, link, sighting, |ends| self.is_expected(ends)) else { return };
        let unwanted = fragment.offset == 0
            && fragment.first.is_none_or(|begun: Begun<T>| {
                !begun.sip && !self.is_expected(begun.ends) && !self.is_known(begun.ends, begun.transport)
            });
        if unwanted {
            self.fragments.ignore(fragment.of, fragment.unix_ns);
        } else {
            self.fragments.take(&fragment);
        }
    }

    /// What has become of datagrams in fragments.
    fn tell_fragments(&mut self, sink: &mut impl FnMut(Heard<'_, T>)) {
        while let Some(outcome) = self.fragments.poll() {
            let (Outcome::Whole { first, .. } | Outcome::Broken { first, .. }) = &outcome;
            let Begun { mut sighting, link, ends, transport, protocol, sip } = *first;
            let reason = match &outcome {
                Outcome::Whole { bytes, outage, .. } => {
                    if let Some(outage) = outage {
                        sighting.fate = Fate::Dropped(*outage);
                    } else if matches!(sighting.fate, Fate::Dropped(_)) {
                        sighting.fate = Fate::Passed;
                    }
                    let (source, destination) = (ends.source.ip(), ends.destination.ip());
                    match Body::reassembled(source.is_ipv6(), protocol, bytes) {
                        Ok(body) => {
                            self.packet(&Packet { source, destination, body }, link, &sighting, sink);
                            continue;
                        }
                        Err(_) => "its datagram is not as long as it says",
                    }
                }
                Outcome::Broken { reason, .. } => reason,
            };
            if sip {
                sink(Heard { sighting, link, what: What::Unreadable { ends, transport, reason, offset: 0 } });
            }
        }
    }

    /// Whether these ends have spoken SIP, or TLS.
    fn is_known(&self, ends: Ends, transport: Transport) -> bool {
        let (pair, _) = Pair::of(ends);
        match transport {
            Transport::Udp => self.paths.get(&pair).is_some(),
            Transport::Tcp => self.connections.knows(&pair),
        }
    }

    /// Whether SIP is expected at a port of these.
    fn is_expected(&self, ends: Ends) -> bool {
        [ends.source, ends.destination].iter().any(|end| self.sip_ports.contains(&end.port()))
    }

    fn datagram<'a>(&mut self, ends: Ends, payload: &'a [u8]) -> Option<What<'a>> {
        let expected = self.is_expected(ends);
        let (pair, _) = Pair::of(ends);
        let transport = Transport::Udp;
        if is_sip_datagram(payload, expected) {
            if self.paths.touch(&pair).is_none() {
                // Nothing is known of the one that it may push out.
                let _ = self.paths.insert(pair, ());
            }
            return Some(What::Message { ends, transport, bytes: payload });
        }
        self.paths.touch(&pair)?;
        if sniff::is_keep_alive(payload) {
            return Some(What::KeepAlive { ends, transport });
        }
        expected.then_some(What::Unreadable { ends, transport, reason: "not SIP", offset: 0 })
    }
}

#[cfg(test)]
mod tests;
