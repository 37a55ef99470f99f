//! SIP messages in frames, with the phone and the server they belong to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use crate::{
    bridge::rules::ports_of,
    config::{Bench, Mac},
    event::{
        Door, Fate, Knock, Observed, OutageId, PhoneName, RawRef, ServerName, SipFact, SipMessage, Toward, Transport,
    },
    wire::{
        frame::{Body, Content, Frame, Packet, TcpSegment},
        redact, sip,
        stream::{Flow, FlowEvent},
    },
};

/// Connections watched at a time, one for each direction. Phones hold a few each.
const MAX_FLOWS: usize = 4096;

/// What is known of a frame besides its bytes.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    /// Which way it goes.
    pub toward: Toward,
    /// When it came in.
    pub unix_ns: i64,
    /// What became of it.
    pub fate: Fate,
    /// Where it lies in the capture.
    pub raw: RawRef,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// A message, and when (wall clock).
    Sip(i64, Box<SipFact>),
    /// An [`Observed::Knock`], and when.
    Knock(i64, Box<Observed>),
    /// Bytes of a connection that we should have seen and did not.
    Gap(i64),
}

/// Reads frames, connections included.
#[derive(Debug)]
pub(super) struct Signalling {
    phones: BTreeMap<Mac, PhoneName>,
    servers: BTreeMap<IpAddr, ServerName>,
    keep_secrets: bool,
    /// What the bridge says in a server's name is a stream of its own: the two number their bytes alike.
    flows: BTreeMap<(Ends, Author), Watched>,
}

/// One direction between one phone and one address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    phone: PhoneName,
    phone_addr: SocketAddr,
    server_addr: SocketAddr,
    toward: Toward,
}

/// Who wrote a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Author {
    /// The end that it comes from.
    Sender,
    /// The bridge, for this outage.
    Bridge(OutageId),
}

#[derive(Debug, Default)]
struct Watched {
    flow: Flow<Tag>,
    last_ns: i64,
}

/// What a message needs to know of its segments.
#[derive(Debug, Clone, Copy)]
struct Tag {
    unix_ns: i64,
    offset: u64,
    len: u64,
    outage: Option<OutageId>,
}

impl Ends {
    fn is_same_connection(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.phone_addr, it.server_addr);
        self.phone == other.phone && of(self) == of(other)
    }
}

impl Signalling {
    /// For the phones and servers of a bench. Records hold what the capture holds: no secrets, unless they are kept.
    pub fn new(bench: &Bench, keep_secrets: bool) -> Self {
        let servers = bench.servers.iter();
        Self {
            phones: bench.phones.iter().map(|phone| (phone.mac, phone.name.clone())).collect(),
            servers: servers.flat_map(|it| it.addresses.iter().map(|at| (*at, it.name.clone()))).collect(),
            keep_secrets,
            flows: BTreeMap::new(),
        }
    }

    /// Reads one frame as it came in.
    pub fn read(&mut self, bytes: &[u8], sighting: &Sighting) -> Vec<Found> {
        let Ok(frame) = Frame::parse(bytes) else { return Vec::new() };
        let knock = self.knock(&frame, sighting);
        let Content::Ip(packet) = &frame.content else { return knock.into_iter().collect() };
        let Some(ends) = self.ends(&frame, packet, sighting.toward) else { return Vec::new() };
        let message = match &packet.body {
            Body::Udp { payload, .. } if sip::looks_like_sip(payload) => self.message(payload),
            Body::Fragment { protocol: 17, payload, .. } if payload.get(8..).is_some_and(sip::looks_like_sip) => {
                SipMessage::Unreadable { reason: "its datagram came in fragments".to_owned(), offset: 0 }
            }
            Body::Tcp(segment) => {
                let mut found = self.read_segment(ends, segment, sighting);
                found.extend(knock);
                return found;
            }
            _ => return Vec::new(),
        };
        let fact = self.fact(&ends, Transport::Udp, sighting.fate, sighting.raw.clone(), message);
        vec![Found::Sip(sighting.unix_ns, fact)]
    }

    fn ends(&self, frame: &Frame<'_>, packet: &Packet<'_>, toward: Toward) -> Option<Ends> {
        let (source_port, destination_port) = ports_of(packet)?;
        let source = SocketAddr::new(packet.source, source_port);
        let destination = SocketAddr::new(packet.destination, destination_port);
        let (mac, phone_addr, server_addr) = match toward {
            Toward::Server => (frame.source, source, destination),
            Toward::Phone => (frame.destination, destination, source),
        };
        Some(Ends { phone: self.phones.get(&mac?)?.clone(), phone_addr, server_addr, toward })
    }

    /// Whether the frame is a phone's first step toward a server of the bench, or the answer to it.
    fn knock(&self, frame: &Frame<'_>, sighting: &Sighting) -> Option<Found> {
        let (door, knock, server) = match (&frame.content, sighting.toward) {
            (Content::Arp { operation: 1, target_ip, .. }, Toward::Server) => {
                (Door::Arp, Knock::Asked, (*target_ip).into())
            }
            (Content::Arp { operation: 2, sender_ip, .. }, Toward::Phone) => {
                (Door::Arp, Knock::Opened, (*sender_ip).into())
            }
            (Content::Ip(Packet { source, destination, body: Body::Tcp(segment) }), toward) => {
                match (toward, segment.syn, segment.ack.is_some(), segment.rst) {
                    (Toward::Server, true, false, false) => (Door::Tcp, Knock::Asked, *destination),
                    (Toward::Phone, true, true, false) => (Door::Tcp, Knock::Opened, *source),
                    (Toward::Phone, _, _, true) => (Door::Tcp, Knock::Refused, *source),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let phone = match sighting.toward {
            Toward::Server => frame.source,
            Toward::Phone => frame.destination,
        };
        let observed = Observed::Knock {
            phone: self.phones.get(&phone?)?.clone(),
            server: self.servers.get(&server)?.clone(),
            door,
            knock,
            fate: sighting.fate,
            raw: sighting.raw.clone(),
        };
        Some(Found::Knock(sighting.unix_ns, Box::new(observed)))
    }

    fn read_segment(&mut self, ends: Ends, segment: &TcpSegment<'_>, sighting: &Sighting) -> Vec<Found> {
        let (author, outage) = match sighting.fate {
            Fate::Passed => (Author::Sender, None),
            Fate::Dropped(outage) => (Author::Sender, Some(outage)),
            Fate::Injected(outage) => (Author::Bridge(outage), None),
        };
        if segment.rst && author != Author::Sender {
            // For the phone the connection is over, whoever thinks that he is still in it.
            self.flows.retain(|(of, _), _| !of.is_same_connection(&ends));
            return Vec::new();
        }
        self.make_room(&(ends.clone(), author));
        let RawRef { offset, len, .. } = sighting.raw;
        let watched = self.flows.entry((ends.clone(), author)).or_default();
        watched.last_ns = sighting.unix_ns;
        let tag = Tag { unix_ns: sighting.unix_ns, offset, len, outage };
        let events = watched.flow.push(segment, tag, outage.is_some());
        let arrived = match author {
            Author::Sender => Fate::Passed,
            Author::Bridge(outage) => Fate::Injected(outage),
        };
        let mut found = Vec::new();
        for event in events {
            let (bytes, tag, fate) = match event {
                // The first segment may have passed and a later one not; then the one at hand was dropped.
                FlowEvent::Message { bytes, tag, dropped } => {
                    let by = tag.outage.or(outage).filter(|_| dropped);
                    (bytes, tag, by.map_or(arrived, Fate::Dropped))
                }
                FlowEvent::Redelivered { bytes, tag } => (bytes, tag, arrived),
                FlowEvent::Gap { len, tag } if len > 0 => {
                    found.push(Found::Gap(tag.unix_ns));
                    continue;
                }
                FlowEvent::Garbage { reason, tag } => {
                    let message = SipMessage::Unreadable { reason: reason.to_owned(), offset: 0 };
                    found.push(self.found(&ends, tag, sighting, sighting.fate, message));
                    continue;
                }
                FlowEvent::KeepAlive { .. } | FlowEvent::Gap { .. } | FlowEvent::Closed { .. } => continue,
            };
            found.push(self.found(&ends, tag, sighting, fate, self.message(&bytes)));
        }
        found
    }

    /// Reads a message, its secrets masked: dialled numbers hold PINs.
    fn message(&self, bytes: &[u8]) -> SipMessage {
        if self.keep_secrets {
            return sip::read(bytes);
        }
        let mut masked = bytes.to_vec();
        redact::sip_in_place(&mut masked);
        sip::read(&masked)
    }

    fn found(&self, ends: &Ends, tag: Tag, sighting: &Sighting, fate: Fate, message: SipMessage) -> Found {
        let raw = RawRef { file: sighting.raw.file.clone(), offset: tag.offset, len: tag.len };
        Found::Sip(tag.unix_ns, self.fact(ends, Transport::Tcp, fate, raw, message))
    }

    fn fact(&self, ends: &Ends, transport: Transport, fate: Fate, raw: RawRef, message: SipMessage) -> Box<SipFact> {
        Box::new(SipFact {
            phone: ends.phone.clone(),
            server: self.servers.get(&ends.server_addr.ip()).cloned(),
            server_addr: ends.server_addr,
            phone_addr: ends.phone_addr,
            toward: ends.toward,
            transport,
            fate,
            raw,
            message,
        })
    }

    /// Gives the connection up that was silent longest, if there are too many.
    fn make_room(&mut self, newcomer: &(Ends, Author)) {
        if self.flows.len() < MAX_FLOWS || self.flows.contains_key(newcomer) {
            return;
        }
        let oldest = self.flows.iter().min_by_key(|(_, watched)| watched.last_ns).map(|(ends, _)| ends.clone());
        if let Some(oldest) = oldest {
            self.flows.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
