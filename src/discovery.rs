//! What a link tells of the lab on it: frames in, the draft of a bench file out.
//!
//! Phones are those who register, servers are those they register with. What frames prove is written as it is; what is
//! concluded from them is marked for a person to confirm; what no frame tells has a placeholder, and is listed first. Who
//! is the primary, for instance, is no fact of the wire until a line has left it in need and come back to it.
//!
//! | part | what it does |
//! |---|---|
//! | [`hosts`] | stations, addresses, sides, services |
//! | [`line`] | one line and its registrations |
//! | [`preference`] | which server a line prefers, if its moves prove it |
//! | [`provisioned`] | what the phones' own configuration files add |
//! | [`model`] | which model a phone is of, by what it calls itself |
//! | [`draft`] | from what was seen to what is written |
//! | [`text`] | the file itself |
//!
//! Everything that phones say is hostile until it is quoted. Not here: where frames come from.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
};

use crate::{
    analysis::Settings,
    config::Mac,
    engine::registration::{Fix, Heard},
    event::{Fate, SipStart, Stamp, Toward, Transport, When},
    wire::{
        capture::{Captured, Note},
        digest::Credentials,
        redact,
        signalling::{self, Ends, Link, Sighting, Signalling, Step, What},
        sip::{self, Glance},
    },
};

mod draft;
mod hosts;
mod line;
mod model;
mod preference;
mod provisioned;
mod text;

pub use model::KnownModel;
pub use provisioned::Provisioned;
pub use text::Origin;

use hosts::{Hosts, is_host};
use line::{Around, Line};

/// Lines that are followed; those that come later are counted alone.
const MAX_LINES: usize = 2048;

/// Lines that are followed at one address.
const MAX_LINES_AT: usize = 64;

/// Servers that are remembered.
const MAX_SERVERS: usize = 256;

/// Ports of a server that are remembered.
const MAX_PORTS: usize = 16;

/// SIP over TLS (RFC 3261 section 19.1.2).
const SIPS: u16 = 5061;

/// Watches a link, or reads a capture of one.
#[derive(Debug)]
pub struct Discovery {
    signalling: Signalling<u64>,
    book: Book,
}

/// What was seen so far.
#[derive(Debug)]
struct Book {
    settings: Settings,
    first_ns: Option<i64>,
    last: Stamp,
    frames: u64,
    hosts: Hosts,
    lines: Vec<Line>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    lines_left_out: u64,
    servers: BTreeMap<IpAddr, Server>,
    /// Phones whose signalling is encrypted, with their MAC and the server's end.
    blind: BTreeMap<IpAddr, (Option<Mac>, SocketAddr)>,
}

/// An address that REGISTERs were sent to.
#[derive(Debug, Default)]
struct Server {
    ports: BTreeSet<u16>,
    transports: BTreeSet<Transport>,
    /// It answered something.
    answered: bool,
    /// Somebody speaks TLS with it.
    blind: bool,
    /// When it first accepted somebody.
    accepted: Option<Stamp>,
    /// When it was first asked.
    asked: Stamp,
}

/// How much was found so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Frames that were seen.
    pub frames: u64,
    /// Stations that sent them.
    pub stations: usize,
    /// Phones that registered or asked to.
    pub phones: usize,
    /// Lines of theirs that a server accepted.
    pub registered: usize,
    /// Servers that they asked.
    pub servers: usize,
}

impl Discovery {
    /// Nothing seen yet.
    pub fn new(settings: Settings) -> Self {
        let ports: Vec<u16> = settings.sip_ports.iter().copied().collect();
        Self {
            signalling: Signalling::new(ports),
            book: Book {
                settings,
                first_ns: None,
                last: Stamp::ZERO,
                frames: 0,
                hosts: Hosts::default(),
                lines: Vec::new(),
                by_address: HashMap::new(),
                lines_left_out: 0,
                servers: BTreeMap::new(),
                blind: BTreeMap::new(),
            },
        }
    }

    /// Takes in the next frame.
    pub fn take(&mut self, captured: &Captured<'_>) {
        let Some(sighting) = self.book.begin(captured) else { return };
        let Ok(frame) = captured.frame() else { return };
        let interface = self.book.hosts.interface(captured.interface, captured.interface_name);
        if sighting.fate == Fate::Passed || matches!(sighting.fate, Fate::Dropped(_)) {
            self.book.hosts.take(&frame, captured.bytes, captured.unix_ns, interface);
        }
        self.signalling.take(&frame, &sighting, &mut |heard| self.book.hear(&heard));
    }

    /// How much was found so far.
    pub fn tally(&self) -> Tally {
        let phones: BTreeSet<IpAddr> = self.book.lines.iter().map(|line| line.address).collect();
        Tally {
            frames: self.book.frames,
            stations: self.book.hosts.stations(),
            phones: phones.len() + self.book.blind.len(),
            registered: self.book.lines.iter().filter(|line| line.was_registered()).count(),
            servers: self.book.servers.len(),
        }
    }

    /// The draft of a bench file; none: no phone was seen. `models` are those that it can name, `files` those of the phones'
    /// provisioning server.
    pub fn draft(mut self, models: &[KnownModel], files: &Provisioned, origin: &Origin) -> Option<String> {
        self.signalling.finish(&mut |heard| self.book.hear(&heard));
        let draft = draft::Draft::of(&self.book, models, files, origin);
        draft.has_phones().then(|| text::render(&draft, origin))
    }
}

impl Book {
    /// Counts a frame and takes its comments in; none if it is not to be read.
    fn begin(&mut self, captured: &Captured<'_>) -> Option<Sighting<u64>> {
        self.frames += 1;
        let first_ns = *self.first_ns.get_or_insert(captured.unix_ns);
        self.last = self.last.max(stamp(captured.unix_ns, first_ns));
        let mut fate = Fate::Passed;
        for note in captured.comment.as_deref().map(Note::all).into_iter().flatten() {
            match note {
                Note::Dropped { outage } => fate = Fate::Dropped(outage),
                Note::Injected { outage } => fate = Fate::Injected(outage),
                // Frames of our own, and copies of frames that were read where they came in.
                Note::Canary | Note::Leak | Note::Stray | Note::Doubled { .. } => return None,
                Note::OutageBegan { .. } | Note::OutageEnded { .. } | Note::Late { .. } => {}
            }
        }
        Some(Sighting { unix_ns: captured.unix_ns, fate, tag: self.frames })
    }

    fn hear(&mut self, heard: &signalling::Heard<'_, u64>) {
        let at = stamp(heard.sighting.unix_ns, self.first_ns.unwrap_or_default());
        match heard.what {
            What::Message { ends, transport, bytes } => {
                let fix = Fix { seq: heard.sighting.tag, when: When::exactly(at) };
                self.message(bytes, ends, transport, heard.sighting.fate, heard.link, fix);
            }
            What::Connection { ends, step } => self.connection(ends, step, at),
            What::Unreachable { ends, .. } => {
                for index in self.lines_at(ends.source.ip()) {
                    self.lines[index].preference.turned_away(ends.destination.ip(), at);
                }
            }
            What::Tls { ends, .. } => self.blind(ends, heard.link, at),
            _ => {}
        }
    }

    fn message(&mut self, bytes: &[u8], ends: Ends, transport: Transport, fate: Fate, link: Link, fix: Fix) {
        // Most messages are of calls and keep-alives, and are not read at all.
        if memchr::memmem::find(bytes, b"REGISTER").is_none() {
            return;
        }
        let Ok(read) = sip::Message::parse(bytes) else { return };
        let message = read.summary();
        if message.method != "REGISTER" {
            return;
        }
        let (toward, phone, server) = match message.start {
            SipStart::Request { .. } => (Toward::Server, ends.source, ends.destination),
            SipStart::Response { .. } => (Toward::Phone, ends.destination, ends.source),
        };
        let (phone, server_address) = (phone.ip(), server.ip());
        if !is_host(phone) || !is_host(server_address) || self.settings.is_server(phone) {
            return;
        }
        if !self.note_server(server, transport, toward, fate, fix.when.at) {
            return;
        }
        let record = redact::text(&message.to).into_owned();
        let user = record.rsplit_once('@').map_or(record.as_str(), |(user, _)| user);
        let Some(index) = self.line(user, phone, toward, link) else { return };
        let credentials = read.headers("Authorization").chain(read.headers("Proxy-Authorization"));
        let credentials = credentials.map(Credentials::parse).find_map(|it| it);
        let line = &mut self.lines[index];
        let before = line.accepted.len();
        line.take(&Around {
            heard: Heard { toward, transport, fate, message: &Glance::from(message), server: &server_address },
            auth_user: credentials.as_ref().map(|it| it.username.as_str()),
            fix,
            patience: self.settings.patience(phone),
        });
        if line.accepted.len() > before
            && let Some(server) = self.servers.get_mut(&server_address)
        {
            server.accepted.get_or_insert(fix.when.at);
        }
    }

    /// Whether it is a server, or may be one: what answers and was never asked is not known to be.
    fn note_server(&mut self, server: SocketAddr, transport: Transport, toward: Toward, fate: Fate, at: Stamp) -> bool {
        let known = self.servers.len();
        match (self.servers.get_mut(&server.ip()), toward) {
            (Some(seen), Toward::Phone) => {
                seen.answered |= fate == Fate::Passed;
                return true;
            }
            (None, Toward::Phone) => return false,
            (None, Toward::Server) if known >= MAX_SERVERS => return false,
            (_, Toward::Server) => {}
        }
        let seen = self.servers.entry(server.ip()).or_insert_with(|| Server { asked: at, ..Server::default() });
        if seen.ports.len() < MAX_PORTS {
            seen.ports.insert(server.port());
        }
        seen.transports.insert(transport);
        true
    }

    fn connection(&mut self, ends: Ends, step: Step, at: Stamp) {
        match step {
            Step::Asked => {
                for index in self.lines_at(ends.source.ip()) {
                    self.lines[index].preference.knocked(ends.destination.ip(), at);
                }
            }
            Step::Opened => {
                for index in self.lines_at(ends.destination.ip()) {
                    self.lines[index].preference.heard_from(ends.source.ip());
                }
            }
            Step::Refused | Step::Reset => {
                for index in self.lines_at(ends.destination.ip()) {
                    self.lines[index].preference.turned_away(ends.source.ip(), at);
                }
            }
            Step::Closed => {}
        }
    }

    /// Somebody speaks TLS where there is SIP, which can not be read.
    fn blind(&mut self, ends: Ends, link: Link, at: Stamp) {
        let is_sip = |end: SocketAddr| end.port() == SIPS || self.settings.sip_ports.contains(&end.port());
        let (phone, server, mac) = match (is_sip(ends.destination), is_sip(ends.source)) {
            (true, _) => (ends.source, ends.destination, link.source),
            (_, true) => (ends.destination, ends.source, link.destination),
            _ => return,
        };
        let known = self.blind.contains_key(&phone.ip());
        if known || !is_host(phone.ip()) || !is_host(server.ip()) || self.blind.len() >= MAX_LINES {
            return;
        }
        if self.servers.len() < MAX_SERVERS || self.servers.contains_key(&server.ip()) {
            let seen = self.servers.entry(server.ip()).or_insert_with(|| Server { asked: at, ..Server::default() });
            seen.blind = true;
            seen.answered = true;
            seen.ports.extend(Some(server.port()).filter(|_| seen.ports.len() < MAX_PORTS));
            self.blind.insert(phone.ip(), (mac.filter(|mac| hosts::is_device(*mac)), server));
        }
    }

    fn lines_at(&self, address: IpAddr) -> Vec<usize> {
        self.by_address.get(&address).cloned().unwrap_or_default()
    }

    /// The line of that user at an address; made if it is new and speaks.
    fn line(&mut self, user: &str, address: IpAddr, toward: Toward, link: Link) -> Option<usize> {
        let there = self.by_address.get(&address).map(Vec::as_slice).unwrap_or_default();
        if let Some(known) = there.iter().find(|index| self.lines[**index].user == user) {
            return Some(*known);
        }
        if toward == Toward::Phone {
            return None;
        }
        if self.lines.len() >= MAX_LINES || there.len() >= MAX_LINES_AT {
            self.lines_left_out += 1;
            return None;
        }
        let mac = link.source.filter(|mac| hosts::is_device(*mac));
        self.by_address.entry(address).or_default().push(self.lines.len());
        self.lines.push(Line::new(user, address, mac, link.vlans));
        Some(self.lines.len() - 1)
    }
}

/// The time of a frame since the first one; frames before that count as of its time.
fn stamp(unix_ns: i64, first_ns: i64) -> Stamp {
    Stamp(u64::try_from(unix_ns.saturating_sub(first_ns)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
