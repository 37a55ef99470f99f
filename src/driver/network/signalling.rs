//! What is heard in frames, with the phone and the server it belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use crate::{
    config::{Bench, Mac, Server},
    event::{
        Door, Fate, Fetch, Knock, Observed, PhoneName, RawRef, ServerName, SipFact, SipMessage, TlsFact, TlsStep,
        Toward, Transport,
    },
    wire::{
        download,
        frame::{Body, Content, Frame},
        recent::Recent,
        redact,
        signalling::{self, Ends, Heard, Link, Step, What, is_refusal},
        sip, tftp,
        tls::Steps,
    },
};

/// TLS connections that are told of at a time. Phones hold a few each.
const MAX_ENCRYPTED: usize = 4096;

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
    /// What a phone asks for, and when.
    Fetched(i64, Box<Fetch>),
    /// A step of a TLS connection, and when.
    Tls(i64, Box<TlsFact>),
    /// Bytes of a connection that we should have seen and did not.
    Gap(i64),
}

/// Reads frames, connections included.
#[derive(Debug)]
pub(super) struct Signalling {
    heard: signalling::Signalling<Tag>,
    names: Names,
    /// By the ends of the phone and of the server.
    encrypted: Recent<(SocketAddr, SocketAddr), Steps>,
}

/// Who is who, and where.
#[derive(Debug)]
struct Names {
    phones: BTreeMap<Mac, PhoneName>,
    /// Those behind routers.
    routed: BTreeMap<IpAddr, PhoneName>,
    servers: BTreeMap<IpAddr, ServerName>,
    /// The places where servers speak SIP.
    sip: BTreeSet<SocketAddr>,
    keep_secrets: bool,
    /// Of the captures that frames lie in.
    files: Vec<String>,
}

/// What a message needs to know of its frame.
#[derive(Debug, Clone, Copy)]
struct Tag {
    toward: Toward,
    /// Place of the capture's name among the [`Names`].
    file: usize,
    offset: u64,
    len: u64,
}

impl Signalling {
    /// For the phones and servers of a bench. Records hold what the capture holds: no secrets, unless they are kept.
    pub fn new(bench: &Bench, keep_secrets: bool) -> Self {
        let servers = bench.servers.iter();
        let names = Names {
            phones: bench.phones.iter().filter_map(|it| Some((it.mac_on_link()?, it.name.clone()))).collect(),
            routed: bench.phones.iter().flat_map(|it| it.routed().iter().map(|at| (*at, it.name.clone()))).collect(),
            servers: servers.clone().flat_map(|it| it.addresses.iter().map(|at| (*at, it.name.clone()))).collect(),
            sip: servers.clone().flat_map(places).collect(),
            keep_secrets,
            files: Vec::new(),
        };
        let ports = servers.flat_map(|server| server.sip_ports().to_vec());
        Self { heard: signalling::Signalling::new(ports), names, encrypted: Recent::new(MAX_ENCRYPTED) }
    }

    /// Reads one frame as it came in.
    pub fn read(&mut self, bytes: &[u8], sighting: &Sighting) -> Vec<Found> {
        let Ok(frame) = Frame::parse(bytes) else { return Vec::new() };
        let Sighting { toward, unix_ns, fate, raw } = sighting;
        let Self { heard, names, encrypted } = self;
        let tag = Tag { toward: *toward, file: names.file(&raw.file), offset: raw.offset, len: raw.len };
        let mut found = Vec::from_iter(names.fetched(&frame, sighting));
        let seen = signalling::Sighting { unix_ns: *unix_ns, fate: *fate, tag };
        heard.take(&frame, &seen, &mut |heard| {
            found.extend(names.found(&heard));
            found.extend(names.encrypted(&heard, encrypted));
        });
        found
    }
}

/// Where a server speaks SIP, or may.
fn places(server: &Server) -> impl Iterator<Item = SocketAddr> + '_ {
    let ports = || server.sip_ports().iter().copied().chain(signalling::SIP_PORTS);
    server.addresses.iter().flat_map(move |address| ports().map(|port| SocketAddr::new(*address, port)))
}

impl Names {
    /// The place of a capture's name; it is added if it is new.
    fn file(&mut self, name: &str) -> usize {
        if self.files.last().is_none_or(|last| last != name) {
            self.files.push(name.to_owned());
        }
        self.files.len() - 1
    }

    /// What a record is made of, if it is of a phone of the bench.
    fn found(&self, heard: &Heard<'_, Tag>) -> Option<Found> {
        let Heard { sighting, link, what } = heard;
        let toward = sighting.tag.toward;
        let (door, knock, server, own) = match *what {
            What::Message { ends, transport, bytes } => {
                return self.sip(heard, ends, transport, self.message(bytes));
            }
            What::Unreadable { ends, transport, reason, offset } => {
                let message = SipMessage::Unreadable { reason: reason.to_owned(), offset };
                return self.sip(heard, ends, transport, message);
            }
            What::Gap { missing, .. } => return (missing > 0).then_some(Found::Gap(sighting.unix_ns)),
            What::Arp { operation: 1, target, .. } if toward == Toward::Server => {
                (Door::Arp, Knock::Asked, target.into(), None)
            }
            What::Arp { operation: 2, sender, .. } if toward == Toward::Phone => {
                (Door::Arp, Knock::Opened, sender.into(), None)
            }
            What::Connection { ends, step } => match (toward, step) {
                (Toward::Server, Step::Asked) => (Door::Tcp, Knock::Asked, ends.destination.ip(), Some(ends.source)),
                (Toward::Phone, Step::Opened) => (Door::Tcp, Knock::Opened, ends.source.ip(), Some(ends.destination)),
                (Toward::Phone, Step::Refused | Step::Reset) => {
                    (Door::Tcp, Knock::Refused, ends.source.ip(), Some(ends.destination))
                }
                _ => return None,
            },
            What::Unreachable { ends, transport, by, kind, code }
                if toward == Toward::Phone && is_refusal(by, kind, code) =>
            {
                let door = match transport {
                    Transport::Udp => Door::Udp,
                    Transport::Tcp => Door::Tcp,
                };
                (door, Knock::Refused, ends.destination.ip(), Some(ends.source))
            }
            What::KeepAlive { .. } | What::Tls { .. } | What::Unreachable { .. } | What::Arp { .. } => return None,
        };
        let observed = Observed::Knock {
            phone: self.phone(link, toward, own)?.clone(),
            server: self.servers.get(&server)?.clone(),
            address: Some(server),
            door,
            knock,
            fate: sighting.fate,
            raw: self.raw(sighting.tag),
        };
        Some(Found::Knock(sighting.unix_ns, Box::new(observed)))
    }

    /// What a phone asks a server for of its files.
    fn fetched(&self, frame: &Frame<'_>, sighting: &Sighting) -> Option<Found> {
        let Sighting { toward: Toward::Server, unix_ns, fate, raw } = sighting else { return None };
        let Content::Ip(packet) = &frame.content else { return None };
        let file = match &packet.body {
            Body::Udp { destination_port: tftp::PORT, payload, .. } => tftp::asked_file(payload)?,
            Body::Tcp(segment) => download::asked_file(segment.payload)?,
            _ => return None,
        };
        let phone = frame.source.and_then(|mac| self.phones.get(&mac)).or_else(|| self.routed.get(&packet.source))?;
        let fetch = Fetch {
            phone: phone.clone(),
            address: packet.destination,
            server: self.servers.get(&packet.destination).cloned(),
            file: file.to_owned(),
            fate: *fate,
            raw: raw.clone(),
        };
        Some(Found::Fetched(*unix_ns, Box::new(fetch)))
    }

    /// The phone that a frame comes from or goes to, and its end of what is spoken there.
    fn phone(&self, link: &Link, toward: Toward, own: Option<SocketAddr>) -> Option<&PhoneName> {
        let mac = match toward {
            Toward::Server => link.source,
            Toward::Phone => link.destination,
        };
        let on_link = mac.and_then(|mac| self.phones.get(&mac));
        on_link.or_else(|| self.routed.get(&own?.ip()))
    }

    fn raw(&self, tag: Tag) -> RawRef {
        let file = self.files.get(tag.file).cloned().unwrap_or_default();
        RawRef { file, offset: tag.offset, len: tag.len }
    }

    fn sip(&self, heard: &Heard<'_, Tag>, ends: Ends, transport: Transport, message: SipMessage) -> Option<Found> {
        let Heard { sighting, link, .. } = heard;
        let toward = sighting.tag.toward;
        let (phone_addr, server_addr) = sides(ends, toward);
        let fact = SipFact {
            phone: self.phone(link, toward, Some(phone_addr))?.clone(),
            server: self.servers.get(&server_addr.ip()).cloned(),
            server_addr,
            phone_addr,
            toward,
            transport,
            fate: sighting.fate,
            raw: self.raw(sighting.tag),
            message,
        };
        Some(Found::Sip(sighting.unix_ns, Box::new(fact)))
    }

    /// What a record of encrypted signalling is made of.
    fn encrypted(
        &self,
        heard: &Heard<'_, Tag>,
        connections: &mut Recent<(SocketAddr, SocketAddr), Steps>,
    ) -> Option<Found> {
        let Heard { sighting: signalling::Sighting { unix_ns, fate, tag }, link, what } = heard;
        let (What::Tls { ends, .. } | What::Connection { ends, .. }) = *what else { return None };
        let key @ (phone_addr, server_addr) = sides(ends, tag.toward);
        if !self.sip.contains(&server_addr) {
            return None;
        }
        let step = match *what {
            What::Tls { event, .. } => {
                let mut steps = connections.remove(&key).unwrap_or_default();
                let step = steps.take(event, tag.toward, *unix_ns);
                // Nobody is told of the end of a connection that had to go.
                let _ = connections.insert(key, steps);
                step?
            }
            What::Connection { step: Step::Closed | Step::Reset | Step::Refused, .. } => {
                connections.remove(&key)?;
                TlsStep::Ended
            }
            _ => return None,
        };
        let fact = TlsFact {
            phone: self.phone(link, tag.toward, Some(phone_addr))?.clone(),
            server: self.servers.get(&server_addr.ip())?.clone(),
            server_addr,
            phone_addr,
            toward: tag.toward,
            step,
            fate: *fate,
            raw: self.raw(*tag),
        };
        Some(Found::Tls(*unix_ns, Box::new(fact)))
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
}

/// The phone's end, and the server's.
const fn sides(ends: Ends, toward: Toward) -> (SocketAddr, SocketAddr) {
    match toward {
        Toward::Server => (ends.source, ends.destination),
        Toward::Phone => (ends.destination, ends.source),
    }
}

#[cfg(test)]
mod tests;
