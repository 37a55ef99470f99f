use std::time::Duration;

use super::{Board, BoardInput, BoardOutput};
use crate::{
    event::Stamp,
    virtual_bench::random::Random,
    wire::kp1::{BoardFrame, Event, Host, HostEvent, HostFrame, Verb},
};

const MS: Duration = Duration::from_millis(1);

fn verb(text: &str) -> Verb {
    text.parse().unwrap()
}

fn line(seq: u8, text: &str) -> Vec<u8> {
    HostFrame { seq, unit: 1, verb: verb(text) }.line().into_bytes()
}

/// Feeds bytes and returns the edges and the frames that follow at once.
fn feed(board: &mut Board, now: Duration, bytes: Vec<u8>) -> (Vec<String>, Vec<BoardFrame>) {
    board.handle(now, BoardInput::Bytes(bytes));
    drain(board)
}

fn drain(board: &mut Board) -> (Vec<String>, Vec<BoardFrame>) {
    let (mut edges, mut frames) = (Vec::new(), Vec::new());
    while let Some(output) = board.poll_output() {
        match output {
            BoardOutput::Bytes(bytes) => frames.push(BoardFrame::parse(&bytes).unwrap()),
            BoardOutput::KeyDown { row, col, .. } => edges.push(format!("+{row}.{col}")),
            BoardOutput::KeyUp { row, col, .. } => edges.push(format!("-{row}.{col}")),
        }
    }
    (edges, frames)
}

/// Runs from deadline to deadline until `end`; returns each edge with its time in milliseconds.
fn run(board: &mut Board, end: Duration) -> Vec<(u128, String)> {
    let mut seen = Vec::new();
    while let Some(at) = board.poll_deadline().filter(|at| *at <= end) {
        board.handle(at, BoardInput::Timeout);
        seen.extend(drain(board).0.into_iter().map(|edge| (at.as_millis(), edge)));
    }
    seen
}

fn answer(frames: &[BoardFrame]) -> Result<String, String> {
    match frames.first() {
        Some(BoardFrame::Reply { result, .. }) => result.clone().map_err(|refusal| refusal.code),
        other => panic!("no reply first, but {other:?}"),
    }
}

#[test]
fn a_sequence_is_timed_by_the_board() {
    let mut board = Board::new(1);
    let (edges, frames) = feed(&mut board, 100 * MS, line(1, "S 80,20 1.1 2.0:1500 3.0+3.2:200 ~400 +0.0 1.1 -0.0"));
    assert_eq!(answer(&frames), Ok(String::new()));
    assert_eq!(edges, ["+1.1"]);
    let expected = [
        (180, "-1.1"),
        (200, "+2.0"),
        (1700, "-2.0"),
        (1720, "+3.0"),
        (1720, "+3.2"),
        (1920, "-3.0"),
        (1920, "-3.2"),
        (2340, "+0.0"),
        (2340, "+1.1"),
        (2420, "-1.1"),
        (2440, "-0.0"),
    ]
    .map(|(at, edge)| (at, edge.to_owned()));
    assert_eq!(run(&mut board, 10_000 * MS), expected);
    assert_eq!(board.poll_deadline(), None);
}

#[test]
fn a_late_call_makes_up_for_what_it_missed() {
    let mut board = Board::new(1);
    feed(&mut board, Duration::ZERO, line(1, "S 80,80 0.0 0.1"));
    board.handle(Duration::from_secs(60), BoardInput::Timeout);
    let (edges, frames) = drain(&mut board);
    assert_eq!(edges, ["-0.0", "+0.1", "-0.1"]);
    assert_eq!(frames.last(), Some(&BoardFrame::Event { ms: 320, event: Event::Done { seq: 1 } }));
}

#[test]
fn a_repeated_frame_is_answered_and_not_executed_again() {
    let mut board = Board::new(1);
    let (first, answers) = feed(&mut board, Duration::ZERO, line(7, "D 1.2"));
    assert_eq!(first, ["+1.2"]);
    feed(&mut board, MS, line(8, "U *"));
    let (again, repeated) = feed(&mut board, 2 * MS, line(8, "U *"));
    assert!(again.is_empty());
    assert_eq!(repeated.len(), 1);
    assert_eq!(answer(&repeated), answer(&answers));
}

#[test]
fn a_new_greeting_with_an_old_number_is_executed() {
    let mut board = Board::new(2);
    let (_, frames) = feed(&mut board, Duration::ZERO, line(0, "HELLO 00000001"));
    assert_eq!(answer(&frames), Ok("00000001 KP1 SIM1 8 8 2 64".to_owned()));
    let (_, frames) = feed(&mut board, MS, line(0, "HELLO 00000002"));
    assert_eq!(answer(&frames), Ok("00000002 KP1 SIM1 8 8 2 64".to_owned()));
}

#[test]
fn the_dead_man_lets_all_keys_go_and_says_so() {
    let mut board = Board::new(1);
    feed(&mut board, Duration::ZERO, line(1, "W 3000"));
    feed(&mut board, 1000 * MS, line(2, "D 1.2+0.7"));
    // A bad frame does not feed it, a good one does.
    feed(&mut board, 2000 * MS, b"@03 1 P*0000\n".to_vec());
    assert_eq!(board.poll_deadline(), Some(4000 * MS));
    let (_, frames) = feed(&mut board, 2500 * MS, line(3, "R"));
    assert_eq!(answer(&frames), Ok("0.7+1.2".to_owned()));
    assert_eq!(board.poll_deadline(), Some(5500 * MS));
    assert_eq!(run(&mut board, 6000 * MS), [(5500, "-0.7".to_owned()), (5500, "-1.2".to_owned())]);
    let (_, frames) = feed(&mut board, 6000 * MS, line(4, "R"));
    assert_eq!(answer(&frames), Ok("-".to_owned()));
}

#[test]
fn what_it_cannot_do_is_refused_by_a_stable_word() {
    let mut board = Board::new(1);
    let refused = |board: &mut Board, bytes: Vec<u8>| answer(&feed(board, Duration::ZERO, bytes).1).unwrap_err();
    assert_eq!(refused(&mut board, line(1, "D 8.0")), "key");
    assert_eq!(refused(&mut board, HostFrame { seq: 2, unit: 2, verb: Verb::Ping }.line().into_bytes()), "unit");
    let long = format!("S 80,80{}", " 0.0".repeat(65));
    assert_eq!(refused(&mut board, line(3, &long)), "long");
    assert_eq!(answer(&feed(&mut board, Duration::ZERO, line(4, "S 80,80 0.0")).1), Ok(String::new()));
    assert_eq!(refused(&mut board, line(5, "D 0.1")), "busy");
    assert_eq!(answer(&feed(&mut board, Duration::ZERO, line(6, "P")).1), Ok("playing 04".to_owned()));
    assert_eq!(feed(&mut board, Duration::ZERO, line(7, "X")).0, ["-0.0"]);
    assert_eq!(answer(&feed(&mut board, Duration::ZERO, line(8, "P")).1), Ok("idle".to_owned()));
}

#[test]
fn bounces_surround_each_edge() {
    let mut board = Board::new(1);
    feed(&mut board, Duration::ZERO, line(1, "B 2,300"));
    assert_eq!(feed(&mut board, MS, line(2, "D 0.0")).0, ["+0.0", "-0.0", "+0.0", "-0.0", "+0.0"]);
}

/// A serial line that loses or changes bytes at the given rate.
fn noise(random: &mut Random, per_100_000: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if random.number() % 100_000 >= per_100_000 {
            out.push(*byte);
        } else if random.number().is_multiple_of(2) {
            out.push(byte ^ (1 << (random.number() % 8)));
        }
    }
    out
}

#[test]
fn five_faulty_bytes_in_a_thousand_change_no_key_event() {
    let mut random = Random::new(5);
    let (mut host, mut board) = (Host::new(), Board::new(1));
    let (mut now, mut retries, mut lines) = (Duration::ZERO, 0, Vec::new());
    let (mut edges, mut expected) = (Vec::new(), Vec::new());
    for round in 0..2000_u64 {
        let key = format!("{}.{}", round % 8, round / 8 % 8);
        let order = if round % 2 == 0 { format!("S 10,5 {key}") } else { format!("S 10,5 +{key} ~3 -{key}") };
        host.send(1, verb(&order)).unwrap();
        expected.extend([format!("+{key}"), format!("-{key}")]);
        let mut answered = false;
        while !answered {
            if let Some(bytes) = host.poll_transmit(stamp(now)) {
                board.handle(now, BoardInput::Bytes(noise(&mut random, 500, &bytes)));
            }
            let next = host.poll_deadline().map(|at| Duration::from_nanos(at.0));
            now = board.poll_deadline().into_iter().chain(next).min().unwrap_or(now).max(now);
            while let Some(output) = board.poll_output() {
                match output {
                    BoardOutput::Bytes(bytes) => lines.extend(noise(&mut random, 500, &bytes)),
                    BoardOutput::KeyDown { row, col, .. } => edges.push(format!("+{row}.{col}")),
                    BoardOutput::KeyUp { row, col, .. } => edges.push(format!("-{row}.{col}")),
                }
            }
            while let Some(end) = lines.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = lines.drain(..=end).collect();
                if let Some(HostEvent::Answered { result, tries, .. }) = host.handle_line(&line) {
                    assert!(result.is_ok(), "round {round}: {result:?}");
                    retries += tries - 1;
                    answered = true;
                }
            }
            assert_eq!(host.handle_deadline(stamp(now)), None, "round {round}: the host gave up");
            board.handle(now, BoardInput::Timeout);
        }
        now += 100 * MS;
        board.handle(now, BoardInput::Timeout);
    }
    while let Some(output) = board.poll_output() {
        match output {
            BoardOutput::KeyDown { row, col, .. } => edges.push(format!("+{row}.{col}")),
            BoardOutput::KeyUp { row, col, .. } => edges.push(format!("-{row}.{col}")),
            BoardOutput::Bytes(_) => {}
        }
    }
    assert_eq!(edges, expected);
    assert!(retries > 100, "the noise did not bite: {retries} retries");
}

fn stamp(now: Duration) -> Stamp {
    Stamp(u64::try_from(now.as_nanos()).unwrap())
}
