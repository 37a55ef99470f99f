//! The operator's terminal itself: keys that come together, what is pasted, one that is very large, that others write to, that is left to
//! the shell, or that takes nothing any more; and a journal that can not be read under it.

use std::{fs, io::Write, process::Command};

use nix::{
    poll::{PollTimeout, poll},
    sys::signal::{Signal, kill},
};

use super::{
    operator_console::{Desk, has_virtual_bench},
    operator_deaths::{are_gone, in_an_outage, pid},
    window::now,
};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");

/// A moment in which somebody else does something.
fn moment() {
    poll(&mut [], PollTimeout::from(50_u8)).unwrap();
}

#[test]
fn escape_cancels_whatever_is_read_with_it_and_what_is_pasted_gives_no_orders() {
    let desk = Desk::with_recording();
    let mut window = desk.open(&["--replay", "latest"]);
    window.shows("[1 Phones]");
    window.types(b"/p3");
    window.shows("FILTER");
    // Over a network that lags, they come in one read.
    window.types(b"\x1b4");
    window.shows("[4 Network]");
    window.types(b"1");
    window.shows("Lines 2/2");
    window.types(b"\x1b[200~3q\rx\x1b[201~");
    assert!(window.shows("what was pasted is left out").contains("[1 Phones]"));
    window.types(b"/\x1b[200~p3\x1b[201~");
    window.shows("Lines 1/2");
    window.types(b"\x1b");
    window.shows("Lines 2/2");
    window.types(b"q");
    assert_eq!(window.ends(), Some(0));
}

#[test]
fn what_others_have_written_on_the_screen_is_gone_when_it_is_drawn_anew() {
    let desk = Desk::with_recording();
    let mut window = desk.open(&["--replay", "latest"]);
    window.types(b" ");
    window.shows("[1 Phones]");
    window.settles();
    window.writes("\x1b[2J\x1b[5;5Hbroadcast message");
    window.shows("broadcast message");
    window.types(b"\x0c");
    window.shows_no_more("broadcast message");
    window.shows("[1 Phones]");
}

#[test]
fn it_is_left_to_the_shell_and_taken_again() {
    let desk = Desk::with_recording();
    let mut window = desk.open(&["--replay", "latest"]);
    window.types(b" ");
    window.shows("[1 Phones]");
    window.settles();
    window.types(b"\x1a");
    window.shows_no_more("[1 Phones]");
    let console = window.child.id();
    let begun = now();
    let is_stopped = || fs::read_to_string(format!("/proc/{console}/stat")).unwrap().contains(") T ");
    while !is_stopped() {
        assert!(begun.elapsed() < super::consoles::PATIENCE, "it goes on");
        moment();
    }
    window.is_as_it_was();
    kill(pid(console), Signal::SIGCONT).unwrap();
    window.shows("[1 Phones]");
    window.types(b"q");
    assert_eq!(window.ends(), Some(0));
}

#[test]
fn one_of_two_hundred_thousand_cells_is_drawn_to_its_last_row() {
    let desk = Desk::with_recording();
    let mut command = Command::new("setsid");
    command.args(["--ctty", SIPRIG, "console", "--replay", "latest"]);
    let mut window = desk.open_sized(command, (500, 400));
    let shown = window.shows("? more");
    assert!(shown.contains("[1 Phones]") && shown.lines().nth(399).is_some_and(|last| last.contains("? more")));
    window.types(b"q");
    assert_eq!(window.ends(), Some(0));
}

#[test]
fn a_terminal_that_takes_nothing_any_more_keeps_no_signal_waiting() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let (own, mut below) = in_an_outage(&desk);
    let console = own.child.id();
    below.push((console, fs::read_to_string(format!("/proc/{console}/cmdline")).unwrap().replace('\0', " ")));
    // Nobody reads what it writes from here on, and soon nothing more fits in between.
    let begun = now();
    while !own.is_full() {
        own.types(b"\t");
        moment();
        assert!(begun.elapsed() < super::consoles::PATIENCE, "it takes everything");
    }
    // What is on its way is written whole, or not at all.
    for _ in 0..40 {
        own.types(b"\t");
        moment();
    }
    kill(pid(console), Signal::SIGTERM).unwrap();
    are_gone("terminal takes nothing, and SIGTERM", &below);
    assert!(desk.journal().unwrap().contains("outage-ended"));
}

#[test]
fn a_journal_that_can_not_be_read_is_said_and_ends_nothing() {
    let desk = Desk::with_recording();
    let journal = desk.run().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let middle = text.match_indices('\n').nth(text.lines().count() / 2).unwrap().0 + 1;
    fs::write(&journal, format!("{}garbage\n{}", &text[..middle], &text[middle..])).unwrap();
    let mut window = desk.open(&["--replay", "latest"]);
    window.shows("[1 Phones]");
    for _ in 0..3 {
        window.types(b"\x1b[C");
        window.settles();
    }
    window.shows("STALE");
    window.types(b"6");
    window.shows("[6 Log]");
    window.types(b"0");
    window.shows_no_more("STALE");
    window.types(b"\x03");
    assert_eq!(window.ends(), Some(0));
}

#[test]
fn a_run_whose_journal_can_not_be_read_is_ended_by_who_leaves_it_and_by_nobody_before() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let (mut own, _) = in_an_outage(&desk);
    let mut journal = fs::OpenOptions::new().append(true).open(desk.run().join("journal.jsonl")).unwrap();
    journal.write_all(b"garbage\n").unwrap();
    own.shows("STALE");
    assert_eq!(own.child.try_wait().unwrap(), None);
    own.types(b"q");
    own.shows("Leave?");
    own.types(b"y");
    // What it came to can not be told either.
    assert_eq!(own.ends(), Some(3));
}
