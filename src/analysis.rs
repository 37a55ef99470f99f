//! What a capture tells of registrations: one pass over its frames, flat in memory.
//!
//! For each line that is seen it says which server held a binding and for how long, when the line moved to its backup and
//! when it came back, and of what these moves consist. Everything is judged as in a run: by the same reading of frames
//! ([`signalling`](crate::wire::signalling)) and the same tracking ([`registration`](crate::engine::registration)), with
//! the times of the frames as the only clock.
//!
//! | part | what it does |
//! |---|---|
//! | [`settings`] | what is known beforehand: servers, roles, outages |
//! | [`line`] | one line: its registrations, its moves, what it said |
//! | [`moves`] | when a line moved, and the measurements of that |
//! | [`blind`] | phones whose signalling is encrypted |
//! | [`ladder`] | the messages of a line, as a picture |
//! | [`document`] | the result, as `--json` prints it |
//! | [`text`] | the result, for people |
//!
//! Not here: opening files, progress, and masking secrets (`wire::scrub`).

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use crate::{
    engine::registration::Fix,
    event::{Fate, SipMessage, SipStart, SipSummary, Stamp, Toward, Transport, When},
    wire::{
        capture::{Captured, Note},
        signalling::{Ends, Heard, Link, Sighting, Signalling, Step, What},
        sip,
        tls::TlsEvent,
    },
};

mod blind;
pub mod document;
mod ladder;
mod line;
mod moves;
mod outage;
pub mod settings;
mod text;

pub use settings::{GivenOutage, Moment, NamedServer, Settings};
pub use text::{View, render};

use blind::Blinds;
use document::Document;
use line::Line;
use outage::Outages;

/// Lines that are followed; of a capture with more, those that come later are counted alone.
const MAX_LINES: usize = 65_536;

/// Addresses of servers that are remembered.
const MAX_SERVERS: usize = 4096;

/// A capture's stamps are as fine as a microsecond at best, whatever the file can hold.
const STAMP_ERROR_NS: u64 = 1_000;

/// An analysis under way.
#[derive(Debug)]
pub struct Analysis {
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
    messages: u64,
    unreadable: Unreadable,
    outages: Outages,
    lines: Vec<Line>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    lines_left_out: u64,
    servers: BTreeMap<IpAddr, ServerSeen>,
    connections: Connections,
    blinds: Blinds,
}

/// What could not be read.
#[derive(Debug, Default)]
struct Unreadable {
    count: u64,
    /// The first ones: frame, reason, offset.
    first: Vec<(u64, String, usize)>,
    gaps: u64,
    /// Frames whose headers contradict themselves, or that the capture cut short.
    frames: u64,
}

/// What is known of an address that REGISTERs are sent to.
#[derive(Debug, Clone, Copy, Default)]
struct ServerSeen {
    requests: u64,
    accepted: u64,
    refused: u64,
    unreachable: u64,
}

/// Connections between phones and servers, by the phone's end and the server's.
#[derive(Debug, Default)]
struct Connections {
    opened: HashMap<(SocketAddr, SocketAddr), Stamp>,
}

impl Connections {
    /// Connections whose first message is awaited; when there are more, all are forgotten.
    const MAX: usize = 4096;

    fn opened(&mut self, phone: SocketAddr, server: SocketAddr, at: Stamp) {
        if self.opened.len() >= Self::MAX {
            self.opened.clear();
        }
        self.opened.insert((phone, server), at);
    }

    /// The time from the opening of a connection to its first request; once.
    fn first_request(&mut self, phone: SocketAddr, server: SocketAddr, at: Stamp) -> Option<std::time::Duration> {
        if self.opened.is_empty() {
            return None;
        }
        self.opened.remove(&(phone, server)).map(|opened| at.since(opened))
    }
}

/// Everything that was found.
#[derive(Debug)]
pub struct Findings {
    /// The result, for machines.
    pub document: Document,
    lines: Vec<Line>,
    first_unreadable: Vec<(u64, String, usize)>,
    unreadable_frames: u64,
    gaps: u64,
    servers: BTreeMap<IpAddr, ServerSeen>,
    settings: Settings,
    outages: Outages,
    last: Stamp,
}

impl Analysis {
    /// Nothing seen yet.
    pub fn new(settings: Settings) -> Self {
        let ports: Vec<u16> = settings.sip_ports.iter().copied().collect();
        Self { signalling: Signalling::new(ports), book: Book::new(settings) }
    }

    /// How many frames were taken in.
    pub fn frames(&self) -> u64 {
        self.book.frames
    }

    /// Takes in the next frame.
    pub fn take(&mut self, captured: &Captured<'_>) {
        let Some(sighting) = self.book.begin(captured) else { return };
        let Ok(frame) = captured.frame() else {
            self.book.unreadable.frames += 1;
            return;
        };
        self.signalling.take(&frame, &sighting, &mut |heard| self.book.hear(&heard));
    }

    /// Takes in a comment that belongs to no frame, as one behind the last.
    pub fn remark(&mut self, comment: &str) {
        Note::all(comment).for_each(|note| self.book.learn(note));
    }

    /// There are no more frames.
    pub fn finish(mut self) -> Findings {
        self.signalling.finish(&mut |heard| self.book.hear(&heard));
        self.book.close()
    }
}

impl Book {
    fn new(settings: Settings) -> Self {
        Self {
            outages: Outages::new(&settings),
            settings,
            first_ns: None,
            last: Stamp::ZERO,
            frames: 0,
            messages: 0,
            unreadable: Unreadable::default(),
            lines: Vec::new(),
            by_address: HashMap::new(),
            lines_left_out: 0,
            servers: BTreeMap::new(),
            connections: Connections::default(),
            blinds: Blinds::default(),
        }
    }

    /// Counts a frame and takes its comments in; none if it is not to be read.
    fn begin(&mut self, captured: &Captured<'_>) -> Option<Sighting<u64>> {
        self.frames += 1;
        let first_ns = *self.first_ns.get_or_insert(captured.unix_ns);
        self.last = self.last.max(stamp(captured.unix_ns, first_ns));
        let (mut fate, mut is_traffic) = (Fate::Passed, true);
        for note in captured.comment.as_deref().map(Note::all).into_iter().flatten() {
            match note {
                Note::Dropped { outage } => fate = Fate::Dropped(outage),
                Note::Injected { outage } => fate = Fate::Injected(outage),
                // Frames of our own, and copies of frames that were read where they came in.
                Note::Canary | Note::Leak => is_traffic = false,
                note @ (Note::OutageBegan { .. } | Note::OutageEnded { .. }) => self.learn(note),
            }
        }
        is_traffic.then_some(Sighting { unix_ns: captured.unix_ns, fate, tag: self.frames })
    }

    /// Takes in what siprig wrote of an outage.
    fn learn(&mut self, note: Note) {
        match note {
            Note::OutageBegan { outage, server, unix_ns, error_ns } => {
                self.outages.began(outage, &server.0, self.at(unix_ns), error_ns);
            }
            Note::OutageEnded { outage, unix_ns, error_ns, .. } => {
                self.outages.ended(outage, self.at(unix_ns), error_ns);
            }
            Note::Dropped { .. } | Note::Injected { .. } | Note::Canary | Note::Leak => {}
        }
    }

    fn close(mut self) -> Findings {
        let last = self.last;
        for line in &mut self.lines {
            line.expire(last);
        }
        let document = self.document();
        Findings {
            document,
            lines: self.lines,
            first_unreadable: self.unreadable.first,
            unreadable_frames: self.unreadable.frames,
            gaps: self.unreadable.gaps,
            servers: self.servers,
            settings: self.settings,
            outages: self.outages,
            last,
        }
    }

    fn at(&self, unix_ns: i64) -> Stamp {
        stamp(unix_ns, self.first_ns.unwrap_or(unix_ns))
    }

    fn hear(&mut self, heard: &Heard<'_, u64>) {
        let at = self.at(heard.sighting.unix_ns);
        let fix = Fix { seq: heard.sighting.tag, when: When { at, error_ns: STAMP_ERROR_NS } };
        match heard.what {
            What::Message { ends, transport, bytes } => match sip::read(bytes) {
                SipMessage::Read(message) => {
                    self.messages += 1;
                    let seen = Seen { ends, transport, fate: heard.sighting.fate, link: heard.link, fix };
                    self.message(&message, &seen);
                }
                SipMessage::Unreadable { reason, offset } => self.cannot_read(ends, fix, &reason, offset),
            },
            What::Unreadable { ends, reason, offset, .. } => self.cannot_read(ends, fix, reason, offset),
            What::Gap { ends, .. } => {
                self.unreadable.gaps += 1;
                self.doubt(ends, at);
            }
            What::Connection { ends, step } => self.connection(ends, step, fix),
            What::Tls { ends, event } => self.tls(ends, event, heard.link, fix),
            What::Unreachable { ends, by, kind, code, .. } => {
                if let Some(server) = self.servers.get_mut(&ends.destination.ip()) {
                    server.unreachable += 1;
                }
                for index in self.lines_at(ends.source.ip()) {
                    self.lines[index].unreachable(ends.destination.ip(), by, kind, code, fix);
                }
            }
            What::KeepAlive { .. } | What::Arp { .. } => {}
        }
    }

    fn cannot_read(&mut self, ends: Ends, fix: Fix, reason: &str, offset: usize) {
        const KEPT: usize = 20;
        self.unreadable.count += 1;
        if self.unreadable.first.len() < KEPT {
            self.unreadable.first.push((fix.seq, reason.to_owned(), offset));
        }
        self.doubt(ends, fix.when.at);
    }

    /// Something between these ends was not read: what a line does there is not known from then on.
    fn doubt(&mut self, ends: Ends, at: Stamp) {
        for (phone, server) in [(ends.source, ends.destination), (ends.destination, ends.source)] {
            for index in self.lines_at(phone.ip()) {
                self.lines[index].doubt(server.ip(), at);
            }
        }
    }

    fn message(&mut self, message: &SipSummary, seen: &Seen) {
        let toward = match message.start {
            SipStart::Request { .. } => Toward::Server,
            SipStart::Response { .. } => Toward::Phone,
        };
        if message.method != "REGISTER" {
            return self.other_message(message, seen);
        }
        let (phone, server) = match toward {
            Toward::Server => (seen.ends.source, seen.ends.destination),
            Toward::Phone => (seen.ends.destination, seen.ends.source),
        };
        // Servers that hand registrations on to one another are no phones.
        if self.settings.is_server(phone.ip()) {
            return;
        }
        self.note_server(message, server.ip(), toward, seen);
        let Some(index) = self.line(&message.to, phone.ip(), toward) else { return };
        let line = &mut self.lines[index];
        if toward == Toward::Server {
            line.describe(message, seen);
            if let Some(delay) = self.connections.first_request(phone, server, seen.fix.when.at) {
                line.connected(&message.to, delay);
            }
        }
        line.take(message, toward, server.ip(), seen, &self.settings);
    }

    /// A message that is about no registration goes into the ladders of its line.
    fn other_message(&mut self, message: &SipSummary, seen: &Seen) {
        for (phone, server, toward) in [
            (seen.ends.source, seen.ends.destination, Toward::Server),
            (seen.ends.destination, seen.ends.source, Toward::Phone),
        ] {
            let Some(index) = self.lines_at(phone.ip()).into_iter().find(|index| self.lines[*index].is_party(message))
            else {
                continue;
            };
            self.lines[index].note(message, toward, server.ip(), seen);
            return;
        }
    }

    fn note_server(&mut self, message: &SipSummary, server: IpAddr, toward: Toward, seen: &Seen) {
        if !self.servers.contains_key(&server) {
            // What answers and was never asked is not known to be a server.
            if toward == Toward::Phone || self.servers.len() >= MAX_SERVERS {
                return;
            }
            self.servers.insert(server, ServerSeen::default());
        }
        if let Fate::Dropped(outage) = seen.fate {
            self.outages.is_of(outage, server);
        }
        let Some(known) = self.servers.get_mut(&server) else { return };
        match &message.start {
            SipStart::Request { .. } => known.requests += 1,
            SipStart::Response { code, .. } if (200..300).contains(code) => known.accepted += 1,
            SipStart::Response { code, .. } if *code >= 300 && !matches!(code, 401 | 407 | 423) => known.refused += 1,
            SipStart::Response { .. } => {}
        }
    }

    fn connection(&mut self, ends: Ends, step: Step, fix: Fix) {
        match step {
            Step::Opened => {
                let (phone, server) = (ends.destination, ends.source);
                self.connections.opened(phone, server, fix.when.at);
            }
            Step::Asked => {
                for index in self.lines_at(ends.source.ip()) {
                    self.lines[index].knocked(ends.destination.ip(), fix);
                }
            }
            Step::Refused | Step::Reset => {
                for index in self.lines_at(ends.destination.ip()) {
                    self.lines[index].cut_off(ends.source.ip(), step == Step::Refused, fix);
                }
            }
            Step::Closed => {}
        }
        self.blinds.connection(ends, step, fix);
    }

    fn tls(&mut self, ends: Ends, event: TlsEvent<'_>, link: Link, fix: Fix) {
        self.blinds.hear(ends, event, link, fix, &self.settings);
    }

    fn lines_at(&self, address: IpAddr) -> Vec<usize> {
        self.by_address.get(&address).cloned().unwrap_or_default()
    }

    /// The line that has this address of record, at this address; made if it is new.
    fn line(&mut self, aor: &str, address: IpAddr, toward: Toward) -> Option<usize> {
        let user = line::user_of(aor);
        let there = self.by_address.entry(address).or_default();
        if let Some(known) = there.iter().find(|index| self.lines[**index].user == user) {
            return Some(*known);
        }
        if self.lines.len() >= MAX_LINES {
            self.lines_left_out += u64::from(toward == Toward::Server);
            return None;
        }
        there.push(self.lines.len());
        self.lines.push(Line::new(user.to_owned(), address, self.lines.len()));
        Some(self.lines.len() - 1)
    }
}

/// What surrounds a message.
#[derive(Debug, Clone, Copy)]
struct Seen {
    ends: Ends,
    transport: Transport,
    fate: Fate,
    link: Link,
    fix: Fix,
}

/// The time of a frame since the first one; frames before that count as of its time.
fn stamp(unix_ns: i64, first_ns: i64) -> Stamp {
    Stamp(u64::try_from(unix_ns.saturating_sub(first_ns)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
