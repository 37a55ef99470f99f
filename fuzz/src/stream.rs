//! SIP in byte streams: connections of our own, and those of others, watched from beside.

use siprig::wire::{
    frame::TcpSegment,
    sip::{self, MAX_MESSAGE},
    stream::{Flow, FlowEvent, Framed, Framer, Seen},
};

use super::{cost, script};

/// Most heap that a framer takes between pushes, in bytes, beside what was pushed at once: a message, in a buffer that may
/// be twice as large as it needs to be.
const FRAMER: isize = 4 * MAX_MESSAGE.cast_signed();

/// Most that a flow says it holds, in bytes: what waits behind a hole, dropped messages that may come again, a message that
/// is not complete, and a segment on top of each.
const HELD: usize = 2 * 256 * 1024 + 4 * MAX_MESSAGE;

/// Most heap that it takes: buffers may be twice as large as they need to be, and segments of a byte cost more than that.
const FLOW: isize = 16 * HELD.cast_signed();

/// How often a stream is sent, at most, to see whether memory grows.
const ROUNDS: usize = 64;

/// However the stream is cut, its messages are the same; in whatever order segments come, they are the same unless a gap
/// is told; and however long it goes on, it takes no more memory.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    let messages = framed(script, stream);
    watched(script, stream, &messages);
    // Long streams are tried less often.
    let rounds = script.first().map_or(1, |byte| 1 + usize::from(*byte) % ROUNDS);
    if rounds * stream.len() < 1 << 20 {
        endless(script, stream, rounds);
    }
}

/// The messages of a stream, which are those of the stream in pieces.
fn framed(script: &[u8], stream: &[u8]) -> Vec<Vec<u8>> {
    let found = |framed: Vec<Framed>| {
        framed.into_iter().filter_map(|framed| match framed {
            Framed::Message(bytes) => Some(bytes),
            Framed::KeepAlive | Framed::Garbage { .. } => None,
        })
    };
    let whole: Vec<Vec<u8>> = found(Framer::default().push(stream)).collect();
    let mut framer = Framer::default();
    let pieces: Vec<Vec<u8>> =
        script::pieces(script, stream).flat_map(|(_, piece)| found(framer.push(piece))).collect();
    assert!(pieces == whole, "{} messages in pieces, {} in one", pieces.len(), whole.len());
    let mut total = 0;
    for message in &whole {
        assert!(sip::looks_like_sip(message) && message.len() <= MAX_MESSAGE);
        total += message.len();
    }
    assert!(total <= stream.len());
    whole
}

/// A segment of a watched stream.
struct Sent<'a> {
    at: usize,
    bytes: &'a [u8],
    dropped: bool,
}

/// The stream in segments, as the script has them: some change places with the next, come twice, overlap with what was
/// before, are dropped at first, dropped for ever or never seen. The last says whether something was.
fn segments<'a>(script: &[u8], stream: &'a [u8]) -> (Vec<Sent<'a>>, bool) {
    let (mut sent, mut at, mut lost) = (Vec::new(), 0_usize, false);
    let mut early: Option<Sent<'a>> = None;
    for (step, bytes) in script::pieces(script, stream) {
        let begin = if step.act == 5 { at.saturating_sub(7) } else { at };
        let segment = |dropped| Sent { at: begin, bytes: &stream[begin..at + bytes.len()], dropped };
        let held = early.take();
        match step.act {
            1 if held.is_none() => early = Some(segment(false)),
            3 => sent.extend([segment(true), segment(false)]),
            4 => sent.extend([segment(false), segment(false)]),
            6 => sent.push(segment(true)),
            7 => lost = true,
            _ => sent.push(segment(false)),
        }
        sent.extend(held);
        at += bytes.len();
    }
    sent.extend(early);
    (sent, lost)
}

fn watched(script: &[u8], stream: &[u8], messages: &[Vec<u8>]) {
    let (sent, lost) = segments(script, stream);
    // Around the end of the sequence numbers for some.
    let first = 0_u32.wrapping_sub(u32::from(script.first().copied().unwrap_or_default()) * 8);
    let mut flow = Flow::default();
    let mut now = 0_usize;
    let (mut found, mut lossy, mut dropped, mut ends) = (Vec::new(), lost, Vec::new(), 0);
    let mut hear = |event: FlowEvent<usize, &[u8]>, now: usize| match event {
        FlowEvent::Message { bytes, tag, dropped: undelivered } => {
            assert!(tag <= now, "a message of the future");
            if undelivered {
                dropped.push(bytes.to_vec());
            }
            found.push(bytes.to_vec());
        }
        FlowEvent::Redelivered { bytes, .. } => {
            let known = dropped.iter().position(|other| other == bytes).expect("it was told as dropped");
            dropped.remove(known);
        }
        FlowEvent::Gap { .. } | FlowEvent::Tls { .. } => lossy = true,
        FlowEvent::KeepAlive { .. } | FlowEvent::Garbage { .. } => {}
        FlowEvent::Closed { .. } => ends += 1,
    };
    let seen = |tag: usize, dropped| Seen { tag, unix_ns: tag as i64, dropped };
    let syn = TcpSegment { syn: true, ..segment(first.wrapping_sub(1), b"") };
    flow.take(&syn, seen(0, false), &mut |event| hear(event, 0));
    for Sent { at, bytes, dropped } in &sent {
        now += 1;
        // A stream of a test is shorter than 2³² bytes.
        let segment = segment(first.wrapping_add(*at as u32), bytes);
        flow.take(&segment, seen(now, *dropped), &mut |event| hear(event, now));
        assert!(flow.held() <= HELD, "{} bytes held", flow.held());
    }
    let end = first.wrapping_add(stream.len() as u32);
    for _ in 0..2 {
        now += 1;
        flow.take(&TcpSegment { rst: true, ..segment(end, b"") }, seen(now, false), &mut |event| hear(event, now));
    }
    flow.finish("the end", &mut |event| hear(event, now));
    assert_eq!(flow.held(), 0);
    assert_eq!(ends, 1, "reset once");
    if !lossy {
        assert!(found == messages, "{} messages watched, {} sent", found.len(), messages.len());
    }
    if sent.iter().all(|segment| !segment.dropped) {
        assert!(dropped.is_empty(), "nothing was dropped");
    }
}

/// The same stream again and again.
fn endless(script: &[u8], stream: &[u8], rounds: usize) {
    let before = cost::heap();
    let mut framer = Framer::default();
    for _ in 0..rounds {
        for (_, piece) in script::pieces(script, stream) {
            drop(framer.push(piece));
            let taken = cost::heap() - before;
            assert!(taken <= FRAMER + 4 * piece.len().cast_signed(), "a framer of {taken} bytes");
        }
    }
    drop(framer);
    let (sent, _) = segments(script, stream);
    let before = cost::heap();
    let mut flow = Flow::default();
    let mut base = 0_u32;
    for round in 0..rounds {
        for Sent { at, bytes, dropped } in &sent {
            let seen = Seen { tag: (), unix_ns: round as i64, dropped: *dropped };
            flow.take(&segment(base.wrapping_add(*at as u32), bytes), seen, &mut |_| {});
        }
        let taken = cost::heap() - before;
        assert!(taken <= FLOW, "a flow of {taken} bytes");
        base = base.wrapping_add(stream.len() as u32);
    }
}

fn segment(sequence: u32, payload: &[u8]) -> TcpSegment<'_> {
    TcpSegment {
        source_port: 5060,
        destination_port: 5060,
        sequence,
        ack: Some(1),
        syn: false,
        fin: false,
        rst: false,
        payload,
    }
}
