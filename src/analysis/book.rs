//! What was seen so far of lines and servers.

use std::{
    collections::{BTreeMap, HashMap, VecDeque, btree_map::Entry},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    blind::Blinds,
    calls::Took,
    clock::Clock,
    line::{self, Line},
    outage::Outages,
    settings::Settings,
};
use crate::{
    engine::{dialog::own_side, registration::Fix},
    event::{Fate, OutageId, Stamp, Toward, Transport, When},
    wire::{
        capture::{Captured, Note},
        signalling::{Ends, Heard, Link, Sighting, Step, What},
        sip::{self, Glance, Start, Unreadable},
        tls::TlsEvent,
    },
};

/// Lines that are followed; of a capture with more, those that come later are counted alone.
const MAX_LINES: usize = 65_536;

/// Lines whose messages are kept for ladders: the first ones.
const LADDERS: usize = 256;

/// Bindings that are over and remembered, of all lines; the oldest go first.
const MAX_OVER: usize = 1 << 20;

/// Calls that are followed at a time, of all lines; of more, the one that began first is told as it stood.
const MAX_CALLS: usize = 1 << 14;

/// Calls that are over and remembered, of all lines; and as many subscriptions. The oldest go first.
const MAX_PAST: usize = 1 << 18;

/// Addresses of servers that are remembered.
const MAX_SERVERS: usize = 4096;

/// A capture's stamps are as fine as a microsecond at best, whatever the file can hold.
const STAMP_ERROR_NS: u64 = 1_000;

/// What was seen so far.
#[derive(Debug)]
pub struct Book {
    pub settings: Settings,
    pub clock: Clock,
    pub frames: u64,
    pub messages: u64,
    pub unreadable: NotRead,
    pub outages: Outages,
    pub lines: Vec<Line>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    /// The line of the last REGISTER, or answer to one.
    last_line: usize,
    /// The lines of bindings that are over, in the order of their ends.
    over: VecDeque<u32>,
    /// The calls that are followed, by line and number, in the order in which they began; some may be over since.
    calls: VecDeque<(u32, u64)>,
    /// The lines of calls that are over, in the order in which they were settled.
    calls_over: VecDeque<u32>,
    /// The lines of subscriptions that are over.
    subscriptions_over: VecDeque<u32>,
    /// Messages of lines beyond those that are followed.
    pub lines_left_out: u64,
    pub servers: BTreeMap<IpAddr, ServerSeen>,
    connections: Connections,
    pub blinds: Blinds,
}

/// What could not be read.
#[derive(Debug, Default)]
pub struct NotRead {
    /// Messages.
    pub count: u64,
    /// The first ones: frame, reason, offset.
    pub first: Vec<(u64, String, usize)>,
    /// Holes in connections.
    pub gaps: u64,
    /// Frames whose headers contradict themselves, or that the capture cut short.
    pub frames: u64,
}

/// What is known of an address that REGISTERs are sent to.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerSeen {
    /// REGISTERs to it.
    pub requests: u64,
    /// 2xx from it.
    pub accepted: u64,
    /// Refusals from it.
    pub refused: u64,
    /// ICMP errors that quote packets to it.
    pub unreachable: u64,
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
    fn first_request(&mut self, phone: SocketAddr, server: SocketAddr, at: Stamp) -> Option<Duration> {
        if self.opened.is_empty() {
            return None;
        }
        self.opened.remove(&(phone, server)).map(|opened| at.since(opened))
    }
}

impl Book {
    /// Nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            outages: Outages::new(&settings),
            settings,
            clock: Clock::default(),
            frames: 0,
            messages: 0,
            unreadable: NotRead::default(),
            lines: Vec::new(),
            by_address: HashMap::new(),
            last_line: 0,
            over: VecDeque::new(),
            calls: VecDeque::new(),
            calls_over: VecDeque::new(),
            subscriptions_over: VecDeque::new(),
            lines_left_out: 0,
            servers: BTreeMap::new(),
            connections: Connections::default(),
            blinds: Blinds::default(),
        }
    }

    /// Counts a frame and takes its comments in; and whether it is of the phones and servers.
    pub fn begin(&mut self, captured: &Captured<'_>) -> (Sighting<u64>, bool) {
        self.frames += 1;
        if self.clock.tick(captured.unix_ns) {
            let now = self.clock.now();
            self.lines.iter_mut().for_each(|line| line.doubt_all(now));
        }
        let (mut fate, mut is_traffic) = (Fate::Passed, true);
        if let Some(comment) = &captured.comment {
            for note in Note::all(comment) {
                match note {
                    Note::Dropped { outage } => fate = Fate::Dropped(outage),
                    Note::Injected { outage } => fate = Fate::Injected(outage),
                    // Frames of our own, and copies of frames that were read where they came in.
                    Note::Canary | Note::Leak | Note::Stray | Note::Doubled { .. } => is_traffic = false,
                    // Its stamp is that of its end that matters.
                    Note::Late { .. } => {}
                    note @ (Note::OutageBegan { .. } | Note::OutageEnded { .. }) => self.learn(note),
                }
            }
        }
        (Sighting { unix_ns: captured.unix_ns, fate, tag: self.frames }, is_traffic)
    }

    /// An outage took a frame between these.
    pub fn taken(&mut self, outage: OutageId, ends: [IpAddr; 2]) {
        for end in ends {
            self.outages.is_of(outage, end);
        }
    }

    /// Takes in a comment that belongs to no frame.
    pub fn remark(&mut self, comment: &str) {
        Note::all(comment).for_each(|note| self.learn(note));
    }

    /// Takes in what siprig wrote of an outage.
    fn learn(&mut self, note: Note) {
        match note {
            Note::OutageBegan { outage, server, unix_ns, error_ns } => {
                self.outages.began(outage, &server.0, self.clock.at(unix_ns), error_ns);
            }
            Note::OutageEnded { outage, unix_ns, error_ns, .. } => {
                self.outages.ended(outage, self.clock.at(unix_ns), error_ns);
            }
            // About one frame.
            _ => {}
        }
    }

    /// There are no more frames: what has run out by the last one is over.
    pub fn close(&mut self) {
        for line in &mut self.lines {
            line.close(self.clock.now());
        }
    }

    /// A frame's headers contradict themselves, or the capture cut it short.
    pub fn cannot_read_frame(&mut self) {
        self.unreadable.frames += 1;
    }

    /// Takes in what was heard.
    pub fn hear(&mut self, heard: &Heard<'_, u64>, reader: &mut sip::Reader) {
        let at = self.clock.at(heard.sighting.unix_ns);
        let fix = Fix { seq: heard.sighting.tag, when: When { at, error_ns: STAMP_ERROR_NS } };
        match heard.what {
            What::Message { ends, transport, bytes } => match reader.glance(bytes) {
                Ok(message) => {
                    self.messages += 1;
                    let seen = Seen { ends, transport, fate: heard.sighting.fate, link: heard.link, fix };
                    self.message(&message, &seen);
                }
                Err(Unreadable { reason, offset }) => self.cannot_read(ends, fix, &reason, offset),
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
                self.each_at(ends.source.ip(), |line| line.unreachable(ends.destination.ip(), by, kind, code, fix));
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
            self.each_at(phone.ip(), |line| line.doubt(server.ip(), at));
        }
    }

    fn message(&mut self, message: &Glance<'_>, seen: &Seen) {
        let toward = match message.start {
            Start::Request { .. } => Toward::Server,
            Start::Response { .. } => Toward::Phone,
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
        self.note_server(message, server.ip(), toward);
        let Some(index) = self.line(&message.to, phone.ip(), toward) else { return };
        let line = &mut self.lines[index];
        if toward == Toward::Server {
            line.describe(message, seen);
            if let Some(delay) = self.connections.first_request(phone, server, seen.fix.when.at) {
                line.connected(&message.to, delay);
            }
        }
        let before = line.track.ended();
        line.take(message, toward, server.ip(), seen, &self.settings);
        for _ in before..line.track.ended() {
            self.over.push_back(index as u32);
        }
        while self.over.len() > MAX_OVER {
            let Some(oldest) = self.over.pop_front() else { break };
            self.lines[oldest as usize].track.forget();
        }
    }

    /// A message that is about no registration belongs to the line on the phone's side of it.
    fn other_message(&mut self, message: &Glance<'_>, seen: &Seen) {
        self.draw(message, seen);
        let Ends { source, destination } = seen.ends;
        for (phone, server, toward) in [(source, destination, Toward::Server), (destination, source, Toward::Phone)] {
            // What servers hand on to one another is no phone's.
            if self.settings.is_server(phone.ip()) {
                continue;
            }
            let Some(there) = self.by_address.get(&phone.ip()) else { continue };
            let user = line::user_of(own_side(message, toward));
            let Some(index) = there.iter().copied().find(|index| self.lines[*index].user == user) else { continue };
            let line = &mut self.lines[index];
            let before = line.waiting.ended();
            let took = line.take_other(message, toward, server.ip(), seen);
            for _ in before..line.waiting.ended() {
                self.subscriptions_over.push_back(index as u32);
            }
            self.remember(index as u32, took);
        }
    }

    /// Holds calls and subscriptions to what is remembered of them.
    fn remember(&mut self, index: u32, took: Took) {
        self.calls_over.extend(std::iter::repeat_n(index, took.settled));
        self.calls.extend(took.begun.map(|number| (index, number)));
        while self.calls.len() > MAX_CALLS {
            let Some((index, number)) = self.calls.pop_front() else { break };
            let settled = self.lines[index as usize].calls.settle(number);
            self.calls_over.extend(std::iter::repeat_n(index, settled));
        }
        while self.calls_over.len() > MAX_PAST {
            let Some(oldest) = self.calls_over.pop_front() else { break };
            self.lines[oldest as usize].calls.forget();
        }
        while self.subscriptions_over.len() > MAX_PAST {
            let Some(oldest) = self.subscriptions_over.pop_front() else { break };
            self.lines[oldest as usize].waiting.forget();
        }
    }

    /// It goes into the ladder of the first line that it names.
    fn draw(&mut self, message: &Glance<'_>, seen: &Seen) {
        let Ends { source, destination } = seen.ends;
        for (phone, server, toward) in [(source, destination, Toward::Server), (destination, source, Toward::Phone)] {
            let there = self.by_address.get(&phone.ip()).into_iter().flatten();
            if let Some(index) = there.copied().find(|index| self.lines[*index].is_party(message)) {
                return self.lines[index].note(message, toward, server.ip(), seen);
            }
        }
    }

    fn note_server(&mut self, message: &Glance<'_>, server: IpAddr, toward: Toward) {
        let count = self.servers.len();
        let known = match self.servers.entry(server) {
            Entry::Occupied(known) => known.into_mut(),
            // What answers and was never asked is not known to be a server.
            Entry::Vacant(unknown) if toward == Toward::Server && count < MAX_SERVERS => {
                unknown.insert(ServerSeen::default())
            }
            Entry::Vacant(_) => return,
        };
        match message.start {
            Start::Request { .. } => known.requests += 1,
            Start::Response { code, .. } if (200..300).contains(&code) => known.accepted += 1,
            Start::Response { code, .. } if code >= 300 && !matches!(code, 401 | 407 | 423) => known.refused += 1,
            Start::Response { .. } => {}
        }
    }

    fn connection(&mut self, ends: Ends, step: Step, fix: Fix) {
        match step {
            Step::Opened => {
                let (phone, server) = (ends.destination, ends.source);
                self.connections.opened(phone, server, fix.when.at);
            }
            Step::Asked => self.each_at(ends.source.ip(), |line| line.knocked(ends.destination.ip(), fix)),
            Step::Refused | Step::Reset => {
                let refused = step == Step::Refused;
                self.each_at(ends.destination.ip(), |line| line.cut_off(ends.source.ip(), refused, fix));
            }
            Step::Closed => {}
        }
        self.blinds.connection(ends, step, fix);
    }

    fn tls(&mut self, ends: Ends, event: TlsEvent<'_>, link: Link, fix: Fix) {
        self.blinds.hear(ends, event, link, fix, &self.settings);
    }

    fn each_at(&mut self, address: IpAddr, mut act: impl FnMut(&mut Line)) {
        for index in self.by_address.get(&address).into_iter().flatten() {
            act(&mut self.lines[*index]);
        }
    }

    /// The line that has this address of record, at this address; made if it is new.
    fn line(&mut self, aor: &str, address: IpAddr, toward: Toward) -> Option<usize> {
        let user = line::user_of(aor);
        // Question and answer follow one another.
        if self.lines.get(self.last_line).is_some_and(|last| last.address == address && last.user == user) {
            return Some(self.last_line);
        }
        let there = self.by_address.entry(address).or_default();
        if let Some(known) = there.iter().find(|index| self.lines[**index].user == user) {
            self.last_line = *known;
            return Some(*known);
        }
        if self.lines.len() >= MAX_LINES {
            self.lines_left_out += u64::from(toward == Toward::Server);
            return None;
        }
        there.push(self.lines.len());
        self.lines.push(Line::new(user.to_owned(), address, self.settings.ladders && self.lines.len() < LADDERS));
        self.last_line = self.lines.len() - 1;
        Some(self.last_line)
    }
}

/// What surrounds a message.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub ends: Ends,
    pub transport: Transport,
    pub fate: Fate,
    pub link: Link,
    pub fix: Fix,
}
