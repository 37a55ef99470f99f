//! SIP in byte streams: connections of our own, and those of others, watched from beside.

use siprig::wire::{
    frame::TcpSegment,
    sip::{self, MAX_MESSAGE},
    stream::{Flow, FlowEvent, Framed, Framer},
};

use super::{cost, script};

/// Most heap that a framer takes between pushes, in bytes, beside what was pushed at once: a message, in a buffer that may
/// be twice as large as it needs to be.
const FRAMER: isize = 4 * MAX_MESSAGE.cast_signed();

/// Most heap that a flow takes: 64 dropped messages are remembered, and a quarter of a mebibyte waits behind a hole, or
/// for the end of its message in segments of a byte each.
const FLOW: isize = 64 * MAX_MESSAGE.cast_signed() + (8 << 20);

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
    let syn = TcpSegment { syn: true, ..segment(first.wrapping_sub(1), b"") };
    assert!(flow.push(&syn, usize::MAX, false).is_empty());
    let (mut found, mut gaps, mut dropped) = (Vec::new(), false, Vec::new());
    for (tag, Sent { at, bytes, dropped: fate }) in sent.iter().enumerate() {
        // A stream of a test is shorter than 2³² bytes.
        for event in flow.push(&segment(first.wrapping_add(*at as u32), bytes), tag, *fate) {
            match event {
                FlowEvent::Message { bytes, tag: of, dropped: undelivered } => {
                    assert!(of <= tag, "a message of the future");
                    if undelivered {
                        dropped.push(bytes.clone());
                    }
                    found.push(bytes);
                }
                FlowEvent::Redelivered { bytes, .. } => {
                    let known = dropped.iter().position(|other| *other == bytes).expect("it was told as dropped");
                    dropped.remove(known);
                }
                FlowEvent::Gap { .. } => gaps = true,
                FlowEvent::KeepAlive { .. } | FlowEvent::Garbage { .. } => {}
                FlowEvent::Closed { .. } => panic!("nobody ended it"),
            }
        }
    }
    if !lost && !gaps {
        assert!(found == messages, "{} messages watched, {} sent", found.len(), messages.len());
    }
    if sent.iter().all(|segment| !segment.dropped) {
        assert_eq!(dropped, [] as [Vec<u8>; 0], "nothing was dropped");
    }
    let end = first.wrapping_add(stream.len() as u32);
    let closed = flow.push(&TcpSegment { rst: true, ..segment(end, b"") }, 0, false);
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(flow.push(&TcpSegment { rst: true, ..segment(end, b"") }, 0, false).is_empty());
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
    for _ in 0..rounds {
        for Sent { at, bytes, dropped } in &sent {
            drop(flow.push(&segment(base.wrapping_add(*at as u32), bytes), (), *dropped));
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
