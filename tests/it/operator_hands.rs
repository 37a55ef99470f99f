//! `siprig console` on the virtual bench, by somebody who lays hands on a phone.

use super::{
    operator_console::{Desk, has_virtual_bench},
    window::Window,
};

const ESC: &[u8] = b"\x1b";

/// One phone, which has a minute until it moves.
const CALM: [&str; 4] = ["--phones", "p1", "--set", "expires=60s"];

/// The letter that stands beside a key of the phone.
pub fn letter(screen: &str, key: &str) -> u8 {
    let line = screen.lines().find(|line| line.contains(key)).unwrap();
    line[..line.find(key).unwrap() - 1].bytes().last().unwrap()
}

/// A console of its own run, once the phone's primary is away.
fn in_outage(desk: &Desk) -> Window {
    let mut own = desk.open(&CALM);
    own.shows("a IS AWAY");
    own
}

/// Ends the run, and the console after it; its exit code.
fn ends_run(mut own: Window) -> Option<i32> {
    own.types(b"xy");
    own.shows("  ended");
    own.types(b"1q");
    own.ends()
}

#[test]
fn an_operator_presses_keys_that_the_phone_answers_and_another_one_is_told_who_has_the_keyboard() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = in_outage(&desk);
    own.types(b"2i\r");
    own.shows("Press keys of this phone?");
    own.types(b"y");
    let keyboard = own.shows("KEYS: digits secret");
    own.types(&[letter(&keyboard, "options")]);
    own.shows("display: Options | 1. Call Forward");
    own.shows("options arrived ");
    // The third entry of that menu; which digit led there, nobody is told.
    own.types(b"3");
    own.shows("display: Phone Status | x.");
    own.shows("a digit arrived ");
    let mut other = desk.open(&["--attach"]);
    other.shows("a IS AWAY");
    other.types(b"2iy");
    other.shows("has had the keyboard since");
    // What was meant for the phone goes nowhere.
    other.types(b"4xyU");
    other.shows(" LOST ");
    other.types(ESC);
    assert!(other.shows(" NORMAL ").contains("options arrived"), "others see what is pressed");
    // Taken from him, who is told.
    other.types(b"L\r");
    other.shows("Take the keyboard from whoever has it");
    other.types(b"y");
    other.shows("KEYS: digits secret");
    own.shows("has had the keyboard since");
    own.shows(" LOST ");
    own.types(ESC);
    own.shows(" NORMAL ");
    other.types(&[letter(&keyboard, "goodbye")]);
    own.shows("goodbye arrived ");
    other.types(ESC);
    other.shows(" NORMAL ");
    other.types(b"1q");
    assert_eq!(other.ends(), Some(0));
    assert_eq!(ends_run(own), Some(5), "a case is outstanding");
    let journal = desk.journal().unwrap();
    let hands: Vec<&str> = journal.lines().filter(|line| line.contains(r#""what":"hand-asked""#)).collect();
    assert_eq!(hands.len(), 3, "{hands:#?}");
    assert!(hands[1].contains(r#""press":"{secret-1}""#), "{}", hands[1]);
}

#[test]
fn the_console_of_a_phone_can_be_looked_through_while_the_run_goes_on_and_afterwards() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = in_outage(&desk);
    own.types(b"2c");
    own.shows("Console of p1: ");
    own.shows("display: Registration Status | 1001 Registered");
    own.types(b"/No Service\r");
    assert!(own.shows("/No Service ").contains("*  ["), "it is marked");
    own.types(b"h");
    own.shows(" rows   /No Service ");
    own.types(b"hG");
    own.shows("   following");
    ends_run(own);
    let mut replay = desk.open(&["--replay", "latest"]);
    replay.shows("? more");
    replay.types(b" 2c");
    replay.types(b"\x1b[C");
    replay.shows("display: Registration Status | 1001 Registered");
    replay.types(b"0");
    replay.shows("nothing is known of this phone");
    replay.types(b"1q");
    assert_eq!(replay.ends(), Some(0));
}

#[test]
fn an_operator_types_on_the_console_and_reads_the_answer_and_what_was_secret_is_nowhere() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = in_outage(&desk);
    own.types(b"2cS\r");
    own.shows("Type on the console of this phone?");
    own.types(b"y");
    own.shows("SERIAL");
    own.types(b"hwinfo\r");
    own.shows("> hwinfo");
    own.shows("= aastra> hwinfo");
    own.types(b"\tgeheim47\r");
    own.shows("> xxxxxxxx");
    own.shows("aastra> xxxxxxxx");
    own.types(b"\x14c");
    own.shows("> \\u{3}");
    own.types(b"set password=geheim48\r");
    own.shows("aastra> set password=xxxxxxxx");
    own.types(ESC);
    own.shows(" NORMAL ");
    assert_eq!(ends_run(own), Some(5), "a case is outstanding");
    let run = desk.run();
    for file in run.read_dir().unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let leaks = bytes.windows(6).any(|bytes| bytes == b"geheim");
        assert!(!leaks, "{}", file.path().display());
    }
    let journal = desk.journal().unwrap();
    assert_eq!(journal.matches(r#""what":"hand-asked""#).count(), 4);
    assert!(journal.contains(r#""control":"c""#), "a control character is on record");
}
