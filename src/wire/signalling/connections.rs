//! TCP connections that speak SIP or TLS: which segments belong to one, and what their two directions say.

use super::{Ends, Heard, Link, Sighting, Step, What, sniff};
use crate::{
    event::{Fate, OutageId, Transport},
    wire::{
        frame::TcpSegment,
        recent::Recent,
        stream::{Flow, FlowEvent, Seen},
        tls::{End, TlsConnection},
    },
};

/// Connections watched at a time. Phones hold a few each.
const MOST: usize = 4096;

/// Connections of which only the opening was seen. A scan of ports must not push out those that speak.
const MOST_ASKED: usize = 1024;

/// Connections that were reset and are remembered.
const MOST_OVER: usize = 1024;

/// A segment so far behind the end of a stream, in bytes, may still be a copy of one of it.
const MAX_BEHIND: u32 = 1 << 20;

/// What all of them may hold, in bytes, of messages that are not complete and segments that wait.
const MAX_HELD: usize = 32 << 20;

/// Streams of one connection: its two directions, and what the bridge says in them for so many outages.
const MAX_STREAMS: usize = 8;

/// All of them.
#[derive(Debug)]
pub struct Connections<T> {
    /// Those that carried something.
    known: Recent<Pair, Connection<T>>,
    /// Those that did not yet.
    asked: Recent<Pair, Connection<T>>,
    /// Those that were reset. Who was not told sends his last segments again, to nobody.
    over: Recent<Pair, Vec<Last>>,
    held: usize,
    max_held: usize,
}

/// The two ends of a connection, whoever speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    low: std::net::SocketAddr,
    high: std::net::SocketAddr,
}

/// A segment and what is known of it.
#[derive(Debug)]
pub struct Given<'a, T> {
    pub ends: Ends,
    pub segment: &'a TcpSegment<'a>,
    pub link: Link,
    pub sighting: &'a Sighting<T>,
    /// One of its ports is one of SIP's.
    pub expected: bool,
}

#[derive(Debug)]
struct Connection<T> {
    asked: bool,
    opened: bool,
    tls: Option<TlsConnection>,
    streams: Vec<Stream<T>>,
}

/// How far one end had come, or the bridge in its name, when their connection was reset.
#[derive(Debug, Clone, Copy)]
struct Last {
    from: End,
    author: Author,
    /// Sequence number of the byte that would have been the next.
    next: u32,
}

impl Last {
    /// Whether all that a segment carries was read before.
    fn has_read(self, segment: &TcpSegment<'_>) -> bool {
        // RFC 1982: the nearer way around the circle of sequence numbers.
        let end = segment.sequence.wrapping_add(segment.payload.len() as u32);
        self.next.wrapping_sub(end) <= MAX_BEHIND
    }
}

/// What one end says, or the bridge in its name: the two number their bytes alike.
#[derive(Debug)]
struct Stream<T> {
    from: End,
    author: Author,
    ends: Ends,
    link: Link,
    flow: Flow<Mark<T>>,
    /// The outage that last took a segment of it.
    taken_by: Option<OutageId>,
}

/// Who wrote a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// The end that it comes from.
    Sender,
    /// The bridge, for this outage.
    Bridge(OutageId),
}

/// What a message needs to know of its segments.
#[derive(Debug, Clone, Copy)]
struct Mark<T> {
    unix_ns: i64,
    tag: T,
    outage: Option<OutageId>,
}

impl Pair {
    /// Those of a packet, and which of them sent it.
    pub fn of(ends: Ends) -> (Self, End) {
        let Ends { source, destination } = ends;
        if source <= destination {
            (Self { low: source, high: destination }, End::Low)
        } else {
            (Self { low: destination, high: source }, End::High)
        }
    }
}

impl<T> Default for Connections<T> {
    fn default() -> Self {
        Self {
            known: Recent::new(MOST),
            asked: Recent::new(MOST_ASKED),
            over: Recent::new(MOST_OVER),
            held: 0,
            max_held: MAX_HELD,
        }
    }
}

impl<T: Copy> Connections<T> {
    /// Whether these ends have spoken SIP or TLS.
    pub fn knows(&self, pair: &Pair) -> bool {
        self.known.get(pair).is_some()
    }

    /// Takes in a segment.
    pub fn take(&mut self, given: &Given<'_, T>, sink: &mut impl FnMut(Heard<'_, T>)) {
        let Given { ends, segment, link, sighting, .. } = *given;
        let (pair, from) = Pair::of(ends);
        let author = match sighting.fate {
            Fate::Passed | Fate::Dropped(_) => Author::Sender,
            Fate::Injected(outage) => Author::Bridge(outage),
        };
        let passed = !matches!(sighting.fate, Fate::Dropped(_));
        if self.is_late(&pair, (from, author), segment) {
            return;
        }
        let mut refused = segment.sequence == 0 && segment.ack.is_some();
        let mut over = None;
        if (segment.rst || segment.syn)
            && let Some(connection) = self.find(pair, given, sink)
        {
            refused |= connection.asked && !connection.opened;
            let known = connection.streams.iter().find(|stream| (stream.from, stream.author) == (from, author));
            if segment.rst {
                // For the receiver the connection is over, whoever thinks that he is still in it.
                let valid = author != Author::Sender || known.is_none_or(|stream| stream.flow.is_reset_by(segment));
                over = (passed && valid).then_some("the connection was reset within it");
            } else if segment.ack.is_none() && known.is_some_and(|it| it.flow.is_renewed_by(segment)) {
                over = Some("another connection took the place of its own");
            }
        }
        if let Some(reason) = over {
            if let Some(connection) = self.known.get(&pair).filter(|_| segment.rst) {
                let _ = self.over.insert(pair, connection.lasts());
            }
            self.give_up(pair, reason, sink);
        }
        if !(segment.rst && over.is_some())
            && let Some(connection) = self.find(pair, given, sink)
        {
            let before = connection.held();
            connection.take((from, author), given, sink);
            let after = connection.held();
            self.held = self.held + after - before;
            self.keep_to_budget(sink);
        }
        let step = match (segment.syn, segment.ack.is_some()) {
            _ if segment.rst && refused => Step::Refused,
            _ if segment.rst => Step::Reset,
            (true, false) => Step::Asked,
            (true, true) => Step::Opened,
            (false, _) => return,
        };
        sink(Heard { sighting: *sighting, link, what: What::Connection { ends, step } });
    }

    /// There are no more segments.
    pub fn finish(&mut self, sink: &mut impl FnMut(Heard<'_, T>)) {
        while let Some((_, connection)) = self.known.pop() {
            connection.finish("nothing follows in which it goes on", sink);
        }
        *self = Self { max_held: self.max_held, ..Self::default() };
    }

    #[cfg(test)]
    pub fn hold_at_most(&mut self, bytes: usize) {
        self.max_held = bytes;
    }

    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held
    }

    #[cfg(test)]
    pub fn watched(&self) -> usize {
        self.known.len() + self.asked.len()
    }

    /// The connection of a segment, if it is one to be watched.
    fn find(
        &mut self,
        pair: Pair,
        given: &Given<'_, T>,
        sink: &mut impl FnMut(Heard<'_, T>),
    ) -> Option<&mut Connection<T>> {
        if self.knows(&pair) {
            return self.known.touch(&pair);
        }
        let Given { segment, expected, .. } = *given;
        if segment.payload.is_empty() {
            if segment.syn && expected && self.asked.get(&pair).is_none() {
                // It holds nothing that would have to be told.
                let _ = self.asked.insert(pair, Connection::default());
            }
            return self.asked.touch(&pair);
        }
        let asked = self.asked.remove(&pair);
        let tells = || sniff::begins_sip_stream(segment.payload) || sniff::begins_tls_stream(segment.payload);
        if asked.is_none() && !expected && !tells() {
            return None;
        }
        if let Some((_, oldest)) = self.known.insert(pair, asked.unwrap_or_default()) {
            self.held -= oldest.held();
            oldest.finish(TOO_MUCH, sink);
        }
        self.known.get_mut(&pair)
    }

    fn give_up(&mut self, pair: Pair, reason: &'static str, sink: &mut impl FnMut(Heard<'_, T>)) {
        self.asked.remove(&pair);
        if let Some(connection) = self.known.remove(&pair) {
            self.held -= connection.held();
            connection.finish(reason, sink);
        }
    }

    /// Whether a segment is the copy of one that was read before its connection was reset.
    fn is_late(&mut self, pair: &Pair, by: (End, Author), segment: &TcpSegment<'_>) -> bool {
        if self.over.is_empty() {
            return false;
        }
        let Some(lasts) = self.over.get(pair) else { return false };
        if segment.syn {
            self.over.remove(pair);
            return false;
        }
        let last = lasts.iter().find(|last| (last.from, last.author) == by);
        !segment.payload.is_empty() && last.is_some_and(|last| last.has_read(segment))
    }

    /// Gives up the connection that was silent longest, and the next, until the others hold no more than they may.
    fn keep_to_budget(&mut self, sink: &mut impl FnMut(Heard<'_, T>)) {
        while self.held > self.max_held {
            let Some((_, oldest)) = self.known.pop() else { break };
            self.held -= oldest.held();
            oldest.finish(TOO_MUCH, sink);
        }
    }
}

const TOO_MUCH: &str = "its connection was given up, to make room for others";

impl<T> Default for Connection<T> {
    fn default() -> Self {
        Self { asked: false, opened: false, tls: None, streams: Vec::new() }
    }
}

impl<T: Copy> Connection<T> {
    fn held(&self) -> usize {
        let tls = self.tls.as_ref().map_or(0, TlsConnection::held);
        tls + self.streams.iter().map(|stream| stream.flow.held()).sum::<usize>()
    }

    fn take(&mut self, (from, author): (End, Author), given: &Given<'_, T>, sink: &mut impl FnMut(Heard<'_, T>)) {
        let Given { ends, segment, link, sighting: Sighting { unix_ns, fate, tag }, .. } = *given;
        self.asked |= segment.syn && segment.ack.is_none();
        self.opened |= segment.syn && segment.ack.is_some();
        let Self { tls, streams, .. } = self;
        let is_other = |stream: &&mut Stream<T>| stream.from != from && stream.author == Author::Sender;
        if let Some(ack) = segment.ack.filter(|_| author == Author::Sender)
            && let Some(other) = streams.iter_mut().find(is_other)
        {
            let (flow, mut teller) = other.told(tls, sink);
            flow.acknowledge(ack, *unix_ns, &mut |event| teller.tell(event));
        }
        let place = streams.iter().position(|stream| (stream.from, stream.author) == (from, author));
        let place = place.unwrap_or_else(|| {
            if streams.len() >= MAX_STREAMS {
                // Of outages that are over.
                streams.retain(|stream| stream.author == Author::Sender);
            }
            let mut flow = Flow::default();
            if tls.is_some() {
                flow.become_tls();
            }
            streams.push(Stream { from, author, ends, link, flow, taken_by: None });
            streams.len() - 1
        });
        let was_tls = tls.is_some();
        if let Some(stream) = streams.get_mut(place) {
            let outage = match fate {
                Fate::Dropped(outage) => Some(*outage),
                Fate::Passed | Fate::Injected(_) => None,
            };
            stream.link = link;
            stream.taken_by = outage.or(stream.taken_by);
            let seen = Seen {
                tag: Mark { unix_ns: *unix_ns, tag: *tag, outage },
                unix_ns: *unix_ns,
                dropped: outage.is_some(),
            };
            let (flow, mut teller) = stream.told(tls, sink);
            flow.take(segment, seen, &mut |event| teller.tell(event));
        }
        if tls.is_some() && !was_tls {
            streams.iter_mut().for_each(|stream| stream.flow.become_tls());
        }
    }

    /// How far its streams had come. One of which an outage took something is not known to have come anywhere.
    fn lasts(&self) -> Vec<Last> {
        let all = self.streams.iter().filter(|stream| !stream.flow.lacks_any());
        let all = all.filter_map(|Stream { from, author, flow, .. }| {
            flow.next_sequence().map(|next| Last { from: *from, author: *author, next })
        });
        all.collect()
    }

    /// Nothing more comes: reads what still can be, and says what is not complete.
    fn finish(mut self, reason: &'static str, sink: &mut impl FnMut(Heard<'_, T>)) {
        for stream in &mut self.streams {
            let (flow, mut teller) = stream.told(&mut self.tls, sink);
            flow.finish(reason, &mut |event| teller.tell(event));
        }
    }
}

impl<T: Copy> Stream<T> {
    /// Its flow, and who makes something heard of what that says.
    fn told<'a, F>(
        &'a mut self,
        tls: &'a mut Option<TlsConnection>,
        sink: &'a mut F,
    ) -> (&'a mut Flow<Mark<T>>, Teller<'a, F>) {
        let Self { from, author, ends, link, flow, taken_by } = self;
        let arrived = match author {
            Author::Sender => Fate::Passed,
            Author::Bridge(outage) => Fate::Injected(*outage),
        };
        (flow, Teller { from: *from, arrived, taken_by: *taken_by, ends: *ends, link: *link, tls, sink })
    }
}

/// Makes what a flow says heard.
struct Teller<'a, F> {
    from: End,
    arrived: Fate,
    taken_by: Option<OutageId>,
    ends: Ends,
    link: Link,
    tls: &'a mut Option<TlsConnection>,
    sink: &'a mut F,
}

impl<F> Teller<'_, F> {
    fn tell<T: Copy>(&mut self, event: FlowEvent<Mark<T>, &[u8]>)
    where
        F: FnMut(Heard<'_, T>),
    {
        let Self { from, arrived, taken_by, ends, link, tls, sink } = self;
        let (ends, transport) = (*ends, Transport::Tcp);
        let mut say = |mark: Mark<T>, by: Option<OutageId>, what: What<'_>| {
            let fate = by.map_or(*arrived, Fate::Dropped);
            sink(Heard { sighting: Sighting { unix_ns: mark.unix_ns, fate, tag: mark.tag }, link: *link, what });
        };
        match event {
            // The first segment may have passed and a later one not.
            FlowEvent::Message { bytes, tag, dropped } => {
                let by = tag.outage.or(*taken_by).filter(|_| dropped);
                say(tag, by, What::Message { ends, transport, bytes });
            }
            FlowEvent::Redelivered { bytes, tag } => say(tag, None, What::Message { ends, transport, bytes }),
            FlowEvent::Tls { bytes, tag } => {
                let tls = tls.get_or_insert_default();
                tls.take(*from, bytes, &mut |event| say(tag, tag.outage, What::Tls { ends, event }));
            }
            FlowEvent::KeepAlive { tag } => say(tag, tag.outage, What::KeepAlive { ends, transport }),
            FlowEvent::Garbage { reason, offset, tag } => {
                say(tag, tag.outage, What::Unreadable { ends, transport, reason, offset });
            }
            FlowEvent::Gap { len, tag } => match tls {
                Some(tls) => tls.skip(*from, len),
                None => say(tag, tag.outage, What::Gap { ends, missing: len }),
            },
            FlowEvent::Closed { reset: false, tag } => {
                say(tag, tag.outage, What::Connection { ends, step: Step::Closed });
            }
            FlowEvent::Closed { reset: true, .. } => {}
        }
    }
}
