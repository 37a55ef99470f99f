//! KP1 read, printed, and carried over a line that loses and flips bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::event::Stamp;

fn key(row: u8, column: u8) -> Key {
    Key { row, column }
}

#[test]
fn the_check_sum_is_the_one_named_in_the_specification() {
    assert_eq!(crc16(b"123456789"), 0x29B1);
    assert_eq!(crc16(b""), 0xFFFF);
}

#[test]
fn every_verb_of_the_specification_is_read_and_printed_the_same() {
    for verb in [
        "HELLO 0000BEEF",
        "D 1.2+0.7",
        "U 1.2",
        "U *",
        "X",
        "S 80,80 1.1 2.0:1500 3.0+3.2:200 ~400 +0.0 1.1 -0.0",
        "W 3000",
        "P",
        "R",
        "B 4,300",
    ] {
        let line = seal(&format!("@0A 1 {verb}"));
        let frame = HostFrame::parse(line.as_bytes()).unwrap_or_else(|why| panic!("{verb}: {why}"));
        assert_eq!((frame.seq, frame.unit), (10, 1), "{verb}");
        assert_eq!(frame.line(), line, "{verb}");
    }
}

#[test]
fn a_sequence_is_read_into_its_items_and_knows_how_long_it_takes() {
    let sequence: Sequence = "80,70 1.1 2.0:1500 3.0+3.2:200 ~400 +0.0 1.1 -0.0".parse().unwrap();
    assert_eq!((sequence.hold_ms, sequence.gap_ms), (80, 70));
    let chord = Chord::of(vec![key(3, 0), key(3, 2)]).unwrap();
    assert_eq!(
        sequence.items,
        [
            Item::Tap { keys: Chord::single(key(1, 1)), hold_ms: None },
            Item::Tap { keys: Chord::single(key(2, 0)), hold_ms: Some(1500) },
            Item::Tap { keys: chord, hold_ms: Some(200) },
            Item::Pause { ms: 400 },
            Item::Press(Chord::single(key(0, 0))),
            Item::Tap { keys: Chord::single(key(1, 1)), hold_ms: None },
            Item::Release(Chord::single(key(0, 0))),
        ]
    );
    assert_eq!(sequence.duration_ms(), (80 + 70) + (1500 + 70) + (200 + 70) + 400 + (80 + 70));
}

#[test]
fn answers_and_events_are_read_and_printed_the_same() {
    let identity =
        Identity { nonce: 0xBEEF, version: 1, serial: "E6614".into(), rows: 8, columns: 8, units: 2, max_items: 64 };
    assert_eq!(identity.to_string().parse(), Ok(identity.clone()));
    for frame in [
        BoardFrame::Reply { seq: 0, result: Ok(identity.to_string()) },
        BoardFrame::Reply { seq: 255, result: Ok(String::new()) },
        BoardFrame::Reply { seq: 7, result: Err(Refusal { code: "key".into(), text: "no such row".into() }) },
        BoardFrame::Event { ms: 123_456, event: Event::Down { unit: 1, key: key(1, 2) } },
        BoardFrame::Event { ms: u32::MAX, event: Event::Up { unit: 2, key: key(0, 7) } },
        BoardFrame::Event { ms: 0, event: Event::Done { seq: 0xA5 } },
        BoardFrame::Event { ms: 1, event: Event::Released },
    ] {
        assert_eq!(BoardFrame::parse(frame.line().as_bytes()), Ok(frame));
    }
}

#[test]
fn what_is_no_frame_is_told_apart_from_what_is_not_understood() {
    assert_eq!(HostFrame::parse(b"\r\n"), Err(BadFrame::Blank));
    assert_eq!(HostFrame::parse(b"@00 1 P"), Err(BadFrame::Shape));
    assert_eq!(HostFrame::parse(b"@00 1 P*0000"), Err(BadFrame::Checksum));
    assert_eq!(HostFrame::parse(b"\xff\xfe*1234"), Err(BadFrame::Shape));
    assert_eq!(HostFrame::parse(b"@00 1 P*+123"), Err(BadFrame::Shape));
    let strange = seal("@2A 1 DANCE");
    assert_eq!(HostFrame::parse(strange.as_bytes()), Err(BadFrame::Meaning("verb")));
    assert_eq!(HostFrame::sequence_number(strange.as_bytes()), Some(0x2A));
    for wrong in ["@00 0 P", "@00 1 D 1.1+1.1", "@00 1 S 0,80 1.1", "@00 1 S 80,80", "@00 1 W 60001", "@00 1 B 21,1"] {
        let line = seal(wrong);
        assert!(matches!(HostFrame::parse(line.as_bytes()), Err(BadFrame::Meaning(_))), "{wrong}");
    }
}

#[test]
fn a_text_with_a_line_break_can_not_forge_a_frame() {
    let reply = BoardFrame::Reply { seq: 1, result: Ok("x\n=02 OK".to_owned()) };
    assert_eq!(reply.line().matches('\n').count(), 1);
}

#[test]
fn a_silent_board_is_given_up_after_twelve_tries_and_the_next_order_gets_its_turn() {
    let mut host = Host::new();
    let first = host.send(1, Verb::Ping).unwrap();
    let second = host.send(1, Verb::ReadBack).unwrap();
    let mut now = Stamp::ZERO;
    let mut sent = 0;
    let given_up = loop {
        while host.poll_transmit(now).is_some() {
            sent += 1;
        }
        now = host.poll_deadline().unwrap();
        assert_eq!(host.handle_deadline(Stamp(now.0 - 1)), None, "nothing happens before the deadline");
        if let Some(event) = host.handle_deadline(now) {
            break event;
        }
    };
    assert_eq!(given_up, HostEvent::GaveUp { seq: first, tries: 12 });
    assert_eq!(sent, 12);
    assert!(now.as_millis_f64() > 12.0 * 25.0 && now.as_millis_f64() < 12.0 * 30.0, "{now}");
    let bytes = host.poll_transmit(now).unwrap();
    assert_eq!(HostFrame::parse(bytes.trim_ascii()).unwrap().seq, second);
}

#[test]
fn an_answer_to_an_earlier_order_meets_nobody() {
    let mut host = Host::new();
    host.send(1, Verb::Ping).unwrap();
    host.poll_transmit(Stamp::ZERO);
    host.reset();
    let seq = host.send(1, Verb::Hello { nonce: 1 }).unwrap();
    let early = BoardFrame::Reply { seq, result: Ok(String::new()) };
    assert_eq!(host.handle_line(early.line().as_bytes()), None, "not sent yet");
    host.poll_transmit(Stamp::ZERO);
    let late = BoardFrame::Reply { seq: 0, result: Ok("idle".into()) };
    assert_eq!(host.handle_line(late.line().as_bytes()), None);
    assert!(matches!(host.handle_line(early.line().as_bytes()), Some(HostEvent::Answered { tries: 1, .. })));
}

#[test]
fn an_order_that_no_board_could_read_is_refused_before_it_is_sent() {
    let items = vec![Item::Tap { keys: Chord::single(key(1, 1)), hold_ms: None }; 200];
    let long = Verb::Play(Sequence { hold_ms: 80, gap_ms: 80, items });
    assert_eq!(Host::new().send(1, long), Err(HostError::Long));
}

/// A board as small as one can be: it remembers its last answer.
#[derive(Default)]
struct Board {
    last: Option<(u8, String)>,
    executed: Vec<u8>,
}

impl Board {
    fn answer(&mut self, line: &[u8]) -> Option<String> {
        let frame = HostFrame::parse(line).ok()?;
        if let Some((seq, answer)) = &self.last
            && *seq == frame.seq
        {
            return Some(answer.clone());
        }
        self.executed.push(frame.seq);
        let answer = BoardFrame::Reply { seq: frame.seq, result: Ok(String::new()) }.line();
        self.last = Some((frame.seq, answer.clone()));
        Some(answer)
    }
}

/// Flips or drops one byte in `one_in`, with a linear congruential generator.
fn noisy(bytes: &[u8], one_in: u64, state: &mut u64) -> Vec<u8> {
    let mut roll = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    };
    let mut out = Vec::new();
    for byte in bytes {
        match (roll() % one_in, roll() % 2) {
            (0, 0) => {}
            (0, _) => out.push(byte ^ (1 << (roll() % 8))),
            _ => out.push(*byte),
        }
    }
    out
}

#[test]
fn every_order_is_executed_exactly_once_over_a_line_with_five_faults_per_thousand_bytes() {
    let (mut host, mut board) = (Host::new(), Board::default());
    let (mut to_board, mut to_host) = (Vec::new(), Vec::new());
    let (mut now, mut state, mut tries) = (Stamp::ZERO, 7, 0);
    for _ in 0..2000 {
        let seq = host.send(1, Verb::Down(Chord::single(key(1, 2)))).unwrap();
        loop {
            if let Some(bytes) = host.poll_transmit(now) {
                to_board.extend(noisy(&bytes, 200, &mut state));
            }
            while let Some(end) = to_board.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = to_board.drain(..=end).collect();
                if let Some(answer) = board.answer(&line) {
                    to_host.extend(noisy(answer.as_bytes(), 200, &mut state));
                }
            }
            let mut answered = None;
            while let Some(end) = to_host.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = to_host.drain(..=end).collect();
                answered = host.handle_line(&line).or(answered);
            }
            match answered {
                Some(HostEvent::Answered { seq: of, tries: again, .. }) => {
                    assert_eq!(of, seq);
                    tries += again;
                    break;
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            now = host.poll_deadline().unwrap();
            assert_eq!(host.handle_deadline(now), None, "given up");
        }
    }
    let expected: Vec<u8> = (0..2000).map(|index| (index % 256) as u8).collect();
    assert_eq!(board.executed, expected);
    assert!(tries > 2100, "the line was not noisy: {tries} tries");
}

proptest! {
    #[test]
    fn no_line_makes_a_reader_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = (HostFrame::parse(&line), BoardFrame::parse(&line), HostFrame::sequence_number(&line));
        let text = String::from_utf8_lossy(&line);
        if !text.contains(['\r', '\n']) {
            let sealed = seal(&text);
            let _ = (HostFrame::parse(sealed.as_bytes()), BoardFrame::parse(sealed.as_bytes()));
        }
    }

    #[test]
    fn a_sequence_survives_being_printed(
        hold_ms in 1..=60_000_u16,
        gap_ms in 0..=60_000_u16,
        raw in prop::collection::vec((0..4, prop::collection::btree_set((any::<u8>(), any::<u8>()), 1..4), 1..=60_000_u16), 1..8),
    ) {
        let items = raw
            .into_iter()
            .map(|(kind, places, ms): (_, BTreeSet<(u8, u8)>, _)| {
                let keys = Chord::of(places.into_iter().map(|(row, column)| key(row, column)).collect()).unwrap();
                match kind {
                    0 => Item::Tap { keys, hold_ms: (ms % 2 == 0).then_some(ms) },
                    1 => Item::Pause { ms },
                    2 => Item::Press(keys),
                    _ => Item::Release(keys),
                }
            })
            .collect();
        let sequence = Sequence { hold_ms, gap_ms, items };
        prop_assert_eq!(sequence.to_string().parse(), Ok(sequence));
    }
}
