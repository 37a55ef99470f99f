//! TCP connections in which the helper answers in a server's name. Pure, and no TCP of its own: it acknowledges what comes
//! in order, answers whole requests, and keeps to the sequence numbers that the phone's segments show.
//!
//! What it sends it sends once: of an answer that is lost on the way to the phone nothing is repeated, and the phone's own
//! timers decide. The two ends of a connection in which it has answered no longer agree; so each is reset when its outage
//! ends, and the phone opens a new one. A helper that is killed resets nothing: then the phone's transaction timer does.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    config::Mac,
    event::{OutageId, Toward},
    wire::{
        frame::{Envelope, Frame, Packet, TcpSegment, Timestamps, timestamps},
        sip::StandIn,
        stream::{Framed, Framer},
    },
};

/// Connections held at a time; each may hold a whole message. The one that was silent longest gives way and is reset.
const MOST: usize = 64;

/// Nanoseconds in a step of the clock that initial sequence numbers are read from (RFC 9293 section 3.4.1).
const ISN_STEP_NS: i64 = 4_000;

/// A frame that the helper made, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// For which outage.
    pub outage: OutageId,
    /// To a phone in a server's name, or, to reset a connection, to a server in a phone's.
    pub toward: Toward,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// The connections of all outages.
#[derive(Debug, Default)]
pub struct Connections(BTreeMap<Ends, Connection>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    mac: Mac,
    phone: SocketAddr,
    server: SocketAddr,
}

#[derive(Debug)]
struct Connection {
    outage: OutageId,
    envelope: Envelope,
    began: Began,
    /// What the phone sends next.
    expected: u32,
    /// What it expects next.
    next: u32,
    framer: Framer,
    /// Both ends have said their last.
    ended: bool,
    touched_ns: i64,
}

/// How a connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Began {
    /// With this SYN of the phone's, and this initial sequence number of ours.
    Here(u32, u32),
    /// With the server, who expects this sequence number.
    There(u32),
}

impl Connections {
    /// Takes a segment of a phone, which the outage took from its server; `bytes` is its frame.
    pub fn take(
        &mut self,
        (outage, stand_in): (OutageId, &StandIn),
        (frame, bytes): (&Frame<'_>, &[u8]),
        (packet, segment): (&Packet<'_>, &TcpSegment<'_>),
        at_ns: i64,
    ) -> Vec<Made> {
        let Some(mac) = frame.source else { return Vec::new() };
        let ends = Ends {
            mac,
            phone: SocketAddr::new(packet.source, segment.source_port),
            server: SocketAddr::new(packet.destination, segment.destination_port),
        };
        let Some(envelope) = Envelope::of(bytes).map(Envelope::back) else { return Vec::new() };
        let mut made = Vec::new();
        if !self.knows(&ends, segment) {
            let Some(connection) = Connection::begin(outage, envelope, segment, at_ns) else { return made };
            made = self.give_up(&ends).into_iter().chain(self.make_room()).collect();
            self.0.insert(ends, connection);
        }
        let Some(connection) = self.0.get_mut(&ends) else { return made };
        connection.touched_ns = at_ns;
        let times = timestamps(bytes).filter(|_| matches!(connection.began, Began::There(_)));
        // Our clock is the one that the server showed last.
        let times = times.map(|theirs| Timestamps { value: theirs.echo, echo: theirs.value });
        made.extend(connection.take(&ends, segment, stand_in).into_iter().map(|answer| {
            let segment = TcpSegment {
                source_port: ends.server.port(),
                destination_port: ends.phone.port(),
                sequence: answer.sequence,
                ack: Some(answer.ack),
                syn: answer.syn,
                fin: answer.fin,
                rst: false,
                payload: &answer.payload,
            };
            let bytes = connection.envelope.tcp(ends.server.ip(), ends.phone.ip(), &segment, times);
            Made { outage, toward: Toward::Phone, bytes }
        }));
        if segment.rst && matches!(connection.began, Began::Here(..)) {
            self.0.remove(&ends);
        }
        made
    }

    /// Resets every connection of an outage that is over.
    pub fn reset(&mut self, outage: OutageId) -> Vec<Made> {
        let over = self.0.extract_if(.., |_, connection| connection.outage == outage);
        over.flat_map(|(ends, connection)| connection.reset(&ends)).collect()
    }

    /// Whether a segment belongs to a connection that is known; a new SYN begins another.
    fn knows(&self, ends: &Ends, segment: &TcpSegment<'_>) -> bool {
        self.0.get(ends).is_some_and(|connection| match connection.began {
            Began::Here(syn, _) => !segment.syn || segment.sequence == syn,
            Began::There(_) => !segment.syn,
        })
    }

    /// A phone that opens another connection from the same port has done with the last one; its server has not.
    fn give_up(&mut self, ends: &Ends) -> Vec<Made> {
        let left = self.0.remove(ends);
        left.map_or_else(Vec::new, |connection| Connection { ended: true, ..connection }.reset(ends))
    }

    fn make_room(&mut self) -> Vec<Made> {
        if self.0.len() < MOST {
            return Vec::new();
        }
        let oldest = self.0.iter().min_by_key(|(_, connection)| connection.touched_ns).map(|(ends, _)| *ends);
        let oldest = oldest.and_then(|ends| Some((ends, self.0.remove(&ends)?)));
        oldest.map_or_else(Vec::new, |(ends, connection)| connection.reset(&ends))
    }
}

/// What is said to the phone.
#[derive(Debug, Default)]
struct Answer {
    sequence: u32,
    ack: u32,
    syn: bool,
    fin: bool,
    payload: Vec<u8>,
}

impl Connection {
    /// Of segments without a connection, those with a SYN open one, those that carry something show one that is open
    /// already, and the others need no answer.
    fn begin(outage: OutageId, envelope: Envelope, segment: &TcpSegment<'_>, at_ns: i64) -> Option<Self> {
        let (began, expected, next) = match segment.ack {
            _ if segment.rst => return None,
            None if segment.syn => {
                // Cut to its last 32 bits, as the sequence numbers are a circle.
                let isn = (at_ns / ISN_STEP_NS) as u32;
                (Began::Here(segment.sequence, isn), segment.sequence.wrapping_add(1), isn.wrapping_add(1))
            }
            Some(ack) if !segment.syn && (segment.fin || !segment.payload.is_empty()) => {
                (Began::There(segment.sequence), segment.sequence, ack)
            }
            _ => return None,
        };
        let framer = Framer::default();
        Some(Self { outage, envelope, began, expected, next, framer, ended: false, touched_ns: at_ns })
    }

    fn take(&mut self, ends: &Ends, segment: &TcpSegment<'_>, stand_in: &StandIn) -> Vec<Answer> {
        if segment.rst {
            self.ended = true;
            return Vec::new();
        }
        if let (true, Began::Here(_, isn)) = (segment.syn, self.began) {
            let ack = segment.sequence.wrapping_add(1);
            return vec![Answer { sequence: isn, ack, syn: true, ..Answer::default() }];
        }
        if self.ended {
            // Repeated, because our last word was lost.
            let again = segment.fin || !segment.payload.is_empty();
            let last =
                Answer { sequence: self.next.wrapping_sub(1), ack: self.expected, fin: true, ..Answer::default() };
            return again.then_some(last).into_iter().collect();
        }
        // More of the server's than the first segment knew of was on its way when the outage began.
        if let Some(ack) = segment.ack.filter(|ack| ack.wrapping_sub(self.next).cast_signed() > 0) {
            self.next = ack;
        }
        let known = self.expected.wrapping_sub(segment.sequence).cast_signed();
        let fresh = usize::try_from(known).ok().and_then(|known| segment.payload.get(known..)).unwrap_or_default();
        // A segment is shorter than 2³².
        self.expected = self.expected.wrapping_add(fresh.len() as u32);
        let mut answers = Vec::new();
        for framed in self.framer.push(fresh) {
            let Framed::Message(request) = framed else { continue };
            let Some(payload) = stand_in.answer(&request, ends.phone) else { continue };
            let sequence = self.next;
            self.next = self.next.wrapping_add(payload.len() as u32);
            answers.push(Answer { sequence, ack: self.expected, payload, ..Answer::default() });
        }
        let end = segment.sequence.wrapping_add(segment.payload.len() as u32);
        if segment.fin && end == self.expected {
            self.expected = self.expected.wrapping_add(1);
            answers.push(Answer { sequence: self.next, ack: self.expected, fin: true, ..Answer::default() });
            self.next = self.next.wrapping_add(1);
            self.ended = true;
        }
        // Whatever takes room, and whatever asks whether we are still there (RFC 9293 section 3.8.4), is acknowledged.
        let wants = segment.fin || !segment.payload.is_empty() || known != 0;
        if answers.is_empty() && wants {
            answers.push(Answer { sequence: self.next, ack: self.expected, ..Answer::default() });
        }
        answers
    }

    fn reset(self, ends: &Ends) -> Vec<Made> {
        let mut made = Vec::new();
        let mut say = |toward, envelope: &Envelope, from: SocketAddr, to: SocketAddr, sequence| {
            let segment = TcpSegment {
                source_port: from.port(),
                destination_port: to.port(),
                sequence,
                ack: None,
                syn: false,
                fin: false,
                rst: true,
                payload: b"",
            };
            let bytes = envelope.tcp(from.ip(), to.ip(), &segment, None);
            made.push(Made { outage: self.outage, toward, bytes });
        };
        if !self.ended {
            say(Toward::Phone, &self.envelope, ends.server, ends.phone, self.next);
        }
        if let Began::There(sequence) = self.began {
            say(Toward::Server, &self.envelope.clone().back(), ends.phone, ends.server, sequence);
        }
        made
    }
}
