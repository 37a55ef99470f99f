//! Streams cut in all ways, and segments in all orders.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::wire::frame::TcpSegment;

type FlowEvent<T> = super::FlowEvent<T, Vec<u8>>;

fn sip(body: &str) -> Vec<u8> {
    format!("OPTIONS sip:a SIP/2.0\r\nCall-ID: c\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn one(head: &str) -> Vec<Framed> {
    Framer::default().push(format!("OPTIONS sip:a SIP/2.0\r\n{head}\r\n\r\nhello").as_bytes())
}

fn body_of(framed: &Framed) -> &[u8] {
    let Framed::Message(bytes) = framed else { panic!("{framed:?}") };
    &bytes[memchr::memmem::find(bytes, b"\r\n\r\n").unwrap() + 4..]
}

#[test]
fn content_length_is_found_in_every_spelling() {
    for line in ["Content-Length: 5", "CONTENT-LENGTH:5", "l:5", "L :  5", "Content-Length \t:\r\n 5", "l: 5\r\nl: 05"]
    {
        assert_eq!(body_of(&one(line)[0]), b"hello", "{line}");
    }
    assert_eq!(body_of(&one("X: y")[0]), b"", "without a length there is no body");
}

#[test]
fn a_length_that_is_none_or_two_is_garbage_and_the_next_message_is_read() {
    for (line, reason) in [
        ("Content-Length: 5\r\nl: 6", "conflicting Content-Length"),
        ("Content-Length: -5", "an unusable Content-Length"),
        ("Content-Length: 99999999999999999999999", "an unusable Content-Length"),
        ("Content-Length: 65536", "a body longer than a message may be"),
        ("Content-Length:", "an unusable Content-Length"),
    ] {
        let mut framer = Framer::default();
        let bytes = format!("OPTIONS sip:a SIP/2.0\r\n{line}\r\n\r\nhello\r\n");
        let framed = [framer.push(bytes.as_bytes()), framer.push(&sip("x"))].concat();
        assert!(matches!(framed[0], Framed::Garbage { reason: found, .. } if found == reason), "{line}: {framed:?}");
        assert_eq!(framed.last(), Some(&Framed::Message(sip("x"))), "{line}");
    }
}

#[test]
fn what_says_nothing_ahead_of_a_start_line_is_no_part_of_it_whatever_came_before() {
    let stream = [b"rubbish\r\n\0\r", &sip("a")[..]].concat();
    let whole = Framer::default().push(&stream);
    let mut framer = Framer::default();
    let pieces: Vec<_> = stream.chunks(9).flat_map(|piece| framer.push(piece)).collect();
    for framed in [whole, pieces] {
        assert!(matches!(framed[0], Framed::Garbage { len: 9, .. }), "{framed:?}");
        assert_eq!(framed[1..], [Framed::KeepAlive, Framed::Message(sip("a"))]);
    }
}

#[test]
fn keep_alives_between_messages_are_told_apart() {
    let mut framer = Framer::default();
    assert_eq!(framer.push(b"\r"), [], "it waits for the LF");
    assert_eq!(framer.push(b"\n"), [Framed::KeepAlive]);
    assert_eq!(framer.push(b"\r\n\r\n"), [Framed::KeepAlive]);
    let framed = framer.push(&[&sip("")[..], b"\r\n\r\n", &sip("b")].concat());
    assert_eq!(framed, [Framed::Message(sip("")), Framed::KeepAlive, Framed::Message(sip("b"))]);
}

#[test]
fn a_stream_that_is_not_sip_does_not_fill_the_memory() {
    let mut framer = Framer::default();
    let mut garbage = 0;
    for _ in 0..1000 {
        for framed in framer.push(&[0x16; 1000]) {
            let Framed::Garbage { reason: "not SIP", len } = framed else { panic!("{framed:?}") };
            garbage += len;
        }
        assert!(framer.buffer.len() < MAX_START_LINE + 1001);
    }
    assert!(garbage > 980_000, "{garbage}");
    framer.push(b"\n");
    assert_eq!(framer.push(&sip("x")), [Framed::Message(sip("x"))]);
}

#[test]
fn headers_without_end_are_given_up() {
    let mut framer = Framer::default();
    framer.push(b"OPTIONS sip:a SIP/2.0\r\n");
    let framed: Vec<_> = (0..70).flat_map(|_| framer.push(&b"X: 0123456789\r\n".repeat(70))).collect();
    assert_eq!(framed[0], Framed::Garbage { reason: "headers without end", len: framed_len(&framed[0]) });
    assert!(framer.buffer.len() < 2 * MAX_MESSAGE);
}

#[test]
fn what_is_given_up_does_not_depend_on_how_much_came_at_once() {
    let line = |len: usize| [&b"x".repeat(len)[..], b" SIP/2.0\r\n"].concat();
    for garbage in [
        line(MAX_START_LINE),
        line(3 * MAX_START_LINE),
        [&b"OPTIONS sip:a SIP/2.0\r\n"[..], &b"X: 0123456789\r\n".repeat(5000), b"\r\n"].concat(),
        [&b"OPTIONS sip:a SIP/2.0\r\n"[..], &b"X: SIP/2.0\r\n".repeat(5000)].concat(),
    ] {
        let stream = [&garbage[..], &sip("x"), b"\r\n\r", b"\n", &sip("y")].concat();
        let messages = |piece: usize| {
            let mut framer = Framer::default();
            let framed = stream.chunks(piece).flat_map(|bytes| framer.push(bytes)).collect::<Vec<_>>();
            framed.into_iter().filter(|framed| matches!(framed, Framed::Message(_))).collect::<Vec<_>>()
        };
        let whole = messages(stream.len());
        assert_eq!(whole.last(), Some(&Framed::Message(sip("y"))));
        for piece in [1, 7, 1460, MAX_START_LINE, MAX_START_LINE + 1, MAX_MESSAGE, MAX_MESSAGE + 1] {
            assert_eq!(messages(piece), whole, "in pieces of {piece}");
        }
    }
}

fn framed_len(framed: &Framed) -> usize {
    match framed {
        Framed::Garbage { len, .. } => *len,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_searched_once() {
    let head = format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "a:\n".repeat(20_000));
    let mut framer = Framer::default();
    let framed: Vec<_> = head.as_bytes().iter().flat_map(|byte| framer.push(&[*byte])).collect();
    assert_eq!(framed, [Framed::Message(head.into_bytes())]);
}

thread_local! {
    /// Bytes that were looked at for a line break, or moved.
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

pub fn count_steps(steps: usize) {
    STEPS.set(STEPS.get() + steps);
}

#[test]
fn reading_takes_time_in_proportion_to_the_bytes_in_whatever_segments_they_come() {
    let head = "OPTIONS sip:a SIP/2.0\r\n";
    let size = 64 * 1024;
    let shapes = [
        ("a body", [head, "l: 64000\r\n\r\n", &"b".repeat(64_000)].concat()),
        ("short header lines", [head, &"a:\n".repeat(size / 3)].concat()),
        ("headers without end", [head, &"a".repeat(2 * size)].concat()),
        ("a folded length", [head, "l:", &"\r\n ".repeat(size / 4), "5\r\n\r\nhello"].concat()),
        ("one line", "x".repeat(size)),
        ("short lines", "x\r\n".repeat(size / 3)),
        ("line ends that do not end", "\r".repeat(size)),
        ("keep-alives", "\r\n".repeat(size / 2)),
        ("small messages", format!("{head}\r\n").repeat(size / 25)),
        ("lengths that are none", format!("{head}l: x\r\n\r\n").repeat(size / 31)),
    ];
    for (shape, stream) in &shapes {
        for cut in [1, 7, 1460, usize::MAX] {
            assert_linear(shape, stream.as_bytes(), cut, false);
            assert_linear(shape, stream.as_bytes(), cut, true);
        }
    }
    let (shape, stream) = &shapes[0];
    assert_linear(shape, stream.repeat(16).as_bytes(), 1, false);
}

/// Feeds a stream in segments of so many bytes, pairs of them in reverse order if they are `swapped`.
fn assert_linear(shape: &str, stream: &[u8], cut: usize, swapped: bool) {
    let cut = cut.min(stream.len());
    let mut segments: Vec<(usize, &[u8])> = stream.chunks(cut).enumerate().collect();
    if swapped {
        segments.chunks_mut(2).for_each(<[_]>::reverse);
    }
    let mut flow = Flow::default();
    flow.push(&TcpSegment { syn: true, ..segment(u32::MAX, b"") }, (), false);
    STEPS.set(0);
    let mut fresh = 0;
    for (index, bytes) in segments {
        fresh += flow.push(&segment((index * cut) as u32, bytes), (), false).len();
        assert!(flow.held() <= 2 * MAX_MESSAGE + cut, "{shape}: {}", flow.held());
    }
    let steps = STEPS.get();
    assert!(steps <= 4 * stream.len() + 100, "{shape} in segments of {cut}: {steps} for {}", stream.len());
    assert!(fresh <= stream.len(), "{shape}");
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

impl<T: Copy> Flow<T> {
    /// Takes in a segment at no time in particular.
    fn push(&mut self, segment: &TcpSegment<'_>, tag: T, dropped: bool) -> Vec<FlowEvent<T>> {
        let mut events = Vec::new();
        self.take(segment, Seen { tag, unix_ns: 0, dropped }, &mut |event| events.push(owned(event)));
        events
    }
}

fn owned<T>(event: super::FlowEvent<T, &[u8]>) -> FlowEvent<T> {
    use super::FlowEvent as Lent;
    match event {
        Lent::Message { bytes, tag, dropped } => FlowEvent::Message { bytes: bytes.to_vec(), tag, dropped },
        Lent::Redelivered { bytes, tag } => FlowEvent::Redelivered { bytes: bytes.to_vec(), tag },
        Lent::Tls { bytes, tag } => FlowEvent::Tls { bytes: bytes.to_vec(), tag },
        Lent::KeepAlive { tag } => FlowEvent::KeepAlive { tag },
        Lent::Garbage { reason, offset, tag } => FlowEvent::Garbage { reason, offset, tag },
        Lent::Gap { len, tag } => FlowEvent::Gap { len, tag },
        Lent::Closed { reset, tag } => FlowEvent::Closed { reset, tag },
    }
}

fn message(bytes: Vec<u8>, tag: u32, dropped: bool) -> FlowEvent<u32> {
    FlowEvent::Message { bytes, tag, dropped }
}

#[test]
fn a_message_in_three_segments_carries_the_tag_of_the_first() {
    let bytes = sip("hello");
    let mut flow = Flow::default();
    assert_eq!(flow.push(&TcpSegment { syn: true, ..segment(u32::MAX - 4, b"") }, 0, false), []);
    assert_eq!(flow.push(&segment(u32::MAX - 3, &bytes[..3]), 1, false), []);
    assert_eq!(flow.push(&segment(6, &bytes[10..]), 3, false), [], "out of order, around the end of the numbers");
    assert_eq!(flow.push(&segment(u32::MAX, &bytes[3..10]), 2, false), [message(bytes, 1, false)]);
}

#[test]
fn a_dropped_message_is_reported_once_as_dropped_and_once_as_redelivered() {
    let bytes = sip("");
    let len = bytes.len() as u32;
    let mut flow = Flow::default();
    assert_eq!(flow.push(&segment(100, &bytes), 1, true), [message(bytes.clone(), 1, true)]);
    for tag in 2..6 {
        assert_eq!(flow.push(&segment(100, &bytes), tag, true), [], "a retransmission that is dropped too");
    }
    assert_eq!(flow.push(&segment(100, &bytes[..20]), 6, false), [], "the first part alone");
    let redelivered = FlowEvent::Redelivered { bytes: bytes.clone(), tag: 7 };
    assert_eq!(flow.push(&segment(120, &bytes[20..]), 7, false), [redelivered]);
    assert_eq!(flow.push(&segment(100, &bytes), 8, false), [], "reported once");
    assert_eq!(flow.push(&segment(100 + len, &bytes), 9, false), [message(bytes, 9, false)]);
}

#[test]
fn a_message_whose_retransmission_joins_others_is_redelivered_with_them() {
    let (first, second) = (sip("1"), sip("22"));
    let both = [&first[..], &second].concat();
    let mut flow = Flow::default();
    flow.push(&segment(0, &first), 1, true);
    flow.push(&segment(first.len() as u32, &second), 2, true);
    assert_eq!(
        flow.push(&segment(0, &both), 3, false),
        [FlowEvent::Redelivered { bytes: first, tag: 3 }, FlowEvent::Redelivered { bytes: second, tag: 3 }]
    );
}

#[test]
fn a_message_that_was_dropped_in_part_and_passed_before_it_was_whole_is_not_dropped() {
    let bytes = sip("hello");
    let mut flow = Flow::default();
    flow.push(&segment(0, &bytes[..10]), 1, true);
    flow.push(&segment(0, &bytes[..10]), 2, false);
    assert_eq!(flow.push(&segment(10, &bytes[10..]), 3, false), [message(bytes, 1, false)]);
}

#[test]
fn keep_alive_probes_of_tcp_change_nothing() {
    let bytes = sip("");
    let mut flow = Flow::default();
    flow.push(&segment(50, &bytes), 1, false);
    let next = 50 + bytes.len() as u32;
    assert_eq!(flow.push(&segment(next - 1, b""), 2, false), []);
    assert_eq!(flow.push(&segment(next - 1, b"\0"), 3, false), []);
    assert_eq!(flow.push(&segment(next, &bytes), 4, false), [message(bytes, 4, false)]);
}

#[test]
fn a_hole_that_stays_is_a_gap_and_reading_goes_on_behind_it() {
    let bytes = sip("");
    let len = bytes.len() as u32;
    let mut flow = Flow::default();
    flow.push(&segment(0, &bytes[..30]), 0, false);
    let mut waiting = 0;
    let events = loop {
        waiting += 1;
        assert!(flow.held() <= assembly::MAX_WAITING + 1000);
        let events = flow.push(&segment(waiting * len, &bytes), waiting, false);
        if !events.is_empty() {
            break events;
        }
    };
    assert!(waiting > 1000, "{waiting}");
    assert_eq!(events[0], FlowEvent::Gap { len: len - 30, tag: 1 });
    assert_eq!(events[1..], (1..=waiting).map(|tag| message(bytes.clone(), tag, false)).collect::<Vec<_>>());
}

#[test]
fn a_tap_that_starts_in_the_middle_finds_the_next_message() {
    let bytes = sip("x");
    let mut flow = Flow::default();
    let events = flow.push(&segment(7, &[b"of something: else\r\n\r\n", &bytes[..]].concat()), 1, false);
    assert_eq!(events.last(), Some(&message(bytes, 1, false)));
    assert!(matches!(events[0], FlowEvent::Garbage { reason: "not SIP", tag: 1, .. }));
}

#[test]
fn ends_are_reported_once_and_in_order() {
    let bytes = sip("");
    let len = bytes.len() as u32;
    let mut flow = Flow::default();
    let fin = TcpSegment { fin: true, ..segment(len, b"") };
    flow.push(&segment(0, &bytes[..5]), 1, false);
    assert_eq!(flow.push(&fin, 2, false), [], "bytes ahead of it are missing");
    let events = flow.push(&segment(5, &bytes[5..]), 3, false);
    assert_eq!(events, [message(bytes.clone(), 1, false), FlowEvent::Closed { reset: false, tag: 2 }]);
    assert_eq!(flow.push(&fin, 4, false), [], "sent again");
    let rst = TcpSegment { rst: true, ..segment(0, b"") };
    assert_eq!(flow.push(&rst, 5, false), [FlowEvent::Closed { reset: true, tag: 5 }]);
    assert_eq!(flow.push(&rst, 6, false), [], "nothing was open");
}

#[test]
fn a_last_message_that_is_sent_again_with_its_end_is_not_reported_again() {
    let bytes = sip("");
    let mut flow = Flow::default();
    let last = TcpSegment { fin: true, ..segment(0, &bytes) };
    let closed = FlowEvent::Closed { reset: false, tag: 1 };
    assert_eq!(flow.push(&last, 1, true), [message(bytes.clone(), 1, true), closed]);
    assert_eq!(flow.push(&last, 2, true), []);
    assert_eq!(flow.push(&last, 3, false), [FlowEvent::Redelivered { bytes, tag: 3 }]);
}

#[test]
fn a_new_connection_on_the_same_ports_is_a_new_stream() {
    let bytes = sip("");
    let mut flow = Flow::default();
    let syn = |sequence| TcpSegment { syn: true, ..segment(sequence, b"") };
    flow.push(&syn(9), 1, false);
    flow.push(&segment(10, &bytes[..8]), 2, true);
    flow.push(&syn(9), 3, false);
    flow.push(&syn(500), 4, false);
    assert_eq!(flow.push(&segment(501, &bytes), 5, false), [message(bytes.clone(), 5, false)]);
    let far = flow.push(&segment(0x8000_0000, &bytes), 6, false);
    assert_eq!(far, [FlowEvent::Gap { len: 0, tag: 6 }, message(bytes, 6, false)]);
}

/// Messages, and where a sender cut them into segments.
fn traffic() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>)> {
    (prop::collection::vec("[a-z\r\n]{0,60}", 1..6), prop::collection::vec(1..60_usize, 1..30))
        .prop_map(|(bodies, cuts)| (bodies.iter().map(|body| sip(body)).collect(), cuts))
}

/// The stream in segments: place and bytes.
fn segments(stream: &[u8], cuts: &[usize]) -> Vec<(u32, Vec<u8>)> {
    let mut at = 0;
    let mut cuts = cuts.iter().cycle();
    let mut out = Vec::new();
    while at < stream.len() {
        let len = cuts.next().map_or(1, |len| *len).min(stream.len() - at);
        out.push((at as u32, stream[at..at + len].to_vec()));
        at += len;
    }
    out
}

proptest! {
    #[test]
    fn no_cut_of_a_stream_changes_its_messages((messages, cuts) in traffic()) {
        let stream = messages.concat();
        let mut framer = Framer::default();
        let framed: Vec<_> = segments(&stream, &cuts).iter().flat_map(|(_, bytes)| framer.push(bytes)).collect();
        prop_assert_eq!(framed, messages.into_iter().map(Framed::Message).collect::<Vec<_>>());
    }

    #[test]
    fn reordered_repeated_and_overlapping_segments_give_the_same_messages(
        (messages, cuts) in traffic(),
        base: u32,
        swaps in prop::collection::vec((any::<prop::sample::Index>(), 1..6_usize), 0..40),
        again in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..100_usize), 0..10),
    ) {
        let stream = messages.concat();
        let mut order = segments(&stream, &cuts);
        for (index, far) in swaps {
            let index = index.index(order.len());
            let other = (index + far).min(order.len() - 1);
            order.swap(index, other);
        }
        for (place, from, len) in again {
            let from = from.index(stream.len());
            let bytes = stream[from..(from + len).min(stream.len())].to_vec();
            order.insert(place.index(order.len() + 1), (from as u32, bytes));
        }
        let mut flow = Flow::default();
        flow.push(&TcpSegment { syn: true, ..segment(base.wrapping_sub(1), b"") }, (), false);
        let mut found = Vec::new();
        for (at, bytes) in &order {
            for event in flow.push(&segment(base.wrapping_add(*at), bytes), (), false) {
                match event {
                    FlowEvent::Message { bytes, dropped, .. } => {
                        prop_assert!(!dropped);
                        found.push(bytes);
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn a_message_is_dropped_until_all_of_it_has_passed(
        (messages, cuts) in traffic(),
        fates in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..40),
    ) {
        let stream = messages.concat();
        let pieces = segments(&stream, &cuts);
        let mut flow = Flow::default();
        let mut passed = vec![false; stream.len()];
        let (mut reported, mut lost, mut found) = (0, Vec::new(), Vec::new());
        let ends: Vec<usize> = messages.iter().scan(0, |end, bytes| { *end += bytes.len(); Some(*end) }).collect();
        // Each segment once in order, each followed by retransmissions of earlier ones, all passed or dropped.
        let mut fates = fates.iter();
        for (index, (at, bytes)) in pieces.iter().enumerate() {
            let mut turn = vec![(*at, bytes, fates.next().is_some_and(|(_, dropped)| *dropped))];
            if let Some((earlier, dropped)) = fates.next() {
                let (at, bytes) = &pieces[earlier.index(index + 1)];
                turn.push((*at, bytes, *dropped));
            }
            for (at, bytes, dropped) in turn {
                if !dropped {
                    passed[at as usize..at as usize + bytes.len()].fill(true);
                }
                let events = flow.push(&segment(at, bytes), (), dropped);
                let whole = |index: usize| passed[ends[index] - messages[index].len()..ends[index]].iter().all(|byte| *byte);
                let mut redelivered = Vec::new();
                for event in events {
                    match event {
                        FlowEvent::Message { bytes, dropped, .. } => {
                            prop_assert_eq!(dropped, !whole(reported));
                            if dropped {
                                lost.push(reported);
                            }
                            reported += 1;
                            found.push(bytes);
                        }
                        FlowEvent::Redelivered { bytes, .. } => redelivered.push(bytes),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                let expected: Vec<_> = lost.iter().filter(|index| whole(**index)).map(|index| messages[*index].clone()).collect();
                lost.retain(|index| !whole(*index));
                prop_assert_eq!(redelivered, expected);
            }
        }
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn no_segments_make_a_flow_panic_or_grow_without_bound(
        pushes in prop::collection::vec((any::<u32>(), 0..200_000_u32, any::<[bool; 5]>(), prop::collection::vec(any::<u8>(), 0..50)), 0..60),
    ) {
        let mut flow = Flow::default();
        for (far, near, [wild, syn, fin, rst, dropped], payload) in pushes {
            let sequence = if wild { far } else { near };
            let rare = far % 8 == 0;
            let _ = flow.push(&TcpSegment { syn: syn && rare, fin: fin && rare, rst: rst && rare, ..segment(sequence, &payload) }, (), dropped);
        }
    }
}
