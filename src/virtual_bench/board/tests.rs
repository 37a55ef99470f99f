use std::time::Duration;

use super::{Board, BoardInput, BoardOutput};
use crate::wire::kp1::{BoardFrame, Event, HostFrame, Key, Verb};

const MS: Duration = Duration::from_millis(1);

const KEY: Key = Key { row: 0, column: 0 };

fn verb(text: &str) -> Verb {
    text.parse().unwrap()
}

fn line(seq: u8, text: &str) -> Vec<u8> {
    HostFrame { seq, unit: 1, verb: verb(text) }.line().into_bytes()
}

/// A board that was greeted.
fn greeted(units: u8) -> Board {
    let mut board = Board::new(units);
    let (_, frames) = feed(&mut board, Duration::ZERO, line(0xF0, "HELLO 00000000"));
    assert!(answer(&frames).is_ok());
    board
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
    let mut board = greeted(1);
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
    let mut board = greeted(1);
    feed(&mut board, Duration::ZERO, line(1, "S 80,80 0.0 0.1"));
    board.handle(Duration::from_secs(60), BoardInput::Timeout);
    let (edges, frames) = drain(&mut board);
    assert_eq!(edges, ["-0.0", "+0.1", "-0.1"]);
    assert_eq!(frames.last(), Some(&BoardFrame::Event { ms: 320, event: Event::Done { seq: 1 } }));
}

#[test]
fn a_repeated_frame_is_answered_and_not_executed_again() {
    let mut board = greeted(1);
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
    let mut board = greeted(1);
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
    let mut board = greeted(1);
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
fn bounces_surround_each_edge_at_their_distance_and_another_edge_ends_them() {
    let mut board = greeted(1);
    feed(&mut board, Duration::ZERO, line(1, "B 2,300"));
    assert_eq!(feed(&mut board, MS, line(2, "D 0.0")).0, ["+0.0"]);
    let mut edges = Vec::new();
    while let Some(at) = board.poll_deadline() {
        board.handle(at, BoardInput::Timeout);
        let (moved, frames) = drain(&mut board);
        assert_eq!(frames, [], "a bounce is no event");
        edges.extend(moved.into_iter().map(|edge| (at.as_micros(), edge)));
    }
    let expected = [(1300, "-0.0"), (1600, "+0.0"), (1900, "-0.0"), (2200, "+0.0")];
    assert_eq!(edges, expected.map(|(at, edge)| (at, edge.to_owned())));
    // In the middle of its bounces it is told to go up: no movement of the first edge comes after that.
    feed(&mut board, 10 * MS, line(3, "D 0.1"));
    run(&mut board, 10 * MS + MS / 2);
    assert_eq!(feed(&mut board, 10 * MS + MS / 2, line(4, "U 0.1")).0, ["-0.1"; 0], "it is open just now");
    let mut last = String::new();
    while let Some(at) = board.poll_deadline() {
        board.handle(at, BoardInput::Timeout);
        last = drain(&mut board).0.pop().unwrap_or(last);
    }
    assert_eq!(last, "-0.1");
    assert_eq!(feed(&mut board, 20 * MS, line(5, "B 0,0")).0, ["-0.1"; 0]);
    assert_eq!(feed(&mut board, 20 * MS, line(6, "U *")).0, ["-0.0"]);
}

#[test]
fn nothing_is_done_for_who_does_not_greet_and_nothing_is_remembered_across_a_restart() {
    let mut board = Board::new(1);
    for order in ["D 0.0", "S 80,80 0.0", "P", "R", "W 3000"] {
        let (edges, frames) = feed(&mut board, Duration::ZERO, line(1, order));
        assert_eq!((edges.len(), answer(&frames)), (0, Err("hello".to_owned())), "{order}");
    }
    let mut board = greeted(1);
    feed(&mut board, MS, line(1, "W 3000"));
    feed(&mut board, MS, line(2, "S 80,80 0.0:60000"));
    board.handle(5 * MS, BoardInput::PowerCycle);
    assert_eq!(drain(&mut board).0, ["-0.0"]);
    assert_eq!(board.poll_deadline(), None);
    // Not even the answer to the last order.
    assert_eq!(answer(&feed(&mut board, 6 * MS, line(2, "S 80,80 0.0:60000")).1), Err("hello".to_owned()));
    let (_, frames) = feed(&mut board, 7 * MS, line(3, "HELLO 00000001"));
    assert!(answer(&frames).is_ok());
    let (_, frames) = feed(&mut board, 9 * MS, line(4, "D 0.0"));
    assert_eq!(
        frames[1],
        BoardFrame::Event { ms: 4, event: Event::Down { unit: 1, key: KEY } },
        "its clock began anew"
    );
}

#[test]
fn a_welded_contact_is_read_back_though_nobody_holds_its_key() {
    let mut board = greeted(1);
    board.handle(MS, BoardInput::Weld { unit: 1, key: KEY });
    assert_eq!(drain(&mut board).0, ["+0.0"]);
    assert_eq!(answer(&feed(&mut board, MS, line(1, "R")).1), Ok("0.0".to_owned()));
    assert_eq!(feed(&mut board, MS, line(2, "X")).0, ["-0.0"; 0]);
    assert_eq!(answer(&feed(&mut board, MS, line(3, "R")).1), Ok("0.0".to_owned()));
}

mod faults;
