//! The console of a phone: what is shown of it, and how it is looked through.

use super::*;
use crate::{
    look::is_harmful,
    tui::console::{Said, Serial, Speaker},
};

const NOW: u64 = 9_500;

fn said(serial: &mut Serial, ms: u64, by: Speaker, text: &str) {
    serial.line(Said { at: Stamp::from_millis(ms), text: text.to_owned(), by });
    serial.bytes(Stamp::from_millis(ms), by, format!("{text}\r\n").as_bytes());
}

/// The console of p1 is looked at, and this was said.
fn at_console(source: Source) -> Console {
    let mut console = recorded(9_300, source);
    press(&mut console, "2c");
    let phone = console.listens_to().cloned().unwrap();
    console.listen(phone.clone());
    let serial = console.heard_of(&phone).unwrap();
    serial.port(Stamp::from_millis(5), "the port is open");
    said(serial, 80, Speaker::Phone, "[    0.080] sip: line 1 1001@bench.test registered at 10.77.0.2");
    said(serial, 400, Speaker::Rig, "sip status");
    said(serial, 401, Speaker::Echo, "aastra> sip status");
    said(
        serial,
        402,
        Speaker::Phone,
        "1 1001@bench.test Registered 10.77.0.2 expires 12 and a line that is longer than eighty columns",
    );
    for number in 0..40 {
        said(serial, 1_000 + number, Speaker::Phone, &format!("noise {number} \x1b[2J\u{202e}"));
    }
    said(serial, 6_081, Speaker::Phone, "sip: line 1 1001@bench.test gave up on 10.77.0.2");
    serial.tail = Some(Said { at: Stamp::from_millis(6_090), text: "aastra> ".to_owned(), by: Speaker::Phone });
    console
}

fn shown(console: &Console) -> String {
    drawn(console, NOW, (80, 24), GLYPHS).to_string()
}

#[test]
fn the_console_of_a_phone_at_both_sizes_as_lines_and_in_hexadecimal_and_in_ascii() {
    let mut console = at_console(LIVE);
    insta::assert_snapshot!("console_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("console_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let coloured = drawn(&console, NOW, (80, 24), Look { colour: true, unicode: true });
    assert_eq!(coloured.to_string(), shown(&console), "nothing is told by colour alone");
    press(&mut console, "h");
    insta::assert_snapshot!("console_hex_80", drawn(&console, NOW, (80, 24), GLYPHS));
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    press(&mut console, "h");
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    press(&mut console, "?");
    insta::assert_snapshot!("help_console_80", drawn(&console, NOW, (80, 24), GLYPHS));
}

/// A menu that the phone draws, with what must not reach the operator's terminal in it.
const MENU: &[u8] =
    b"\x1b[2J\x1b[1;1H\x1b[7m 6731i boot menu \x1b[0m\x1b]52;c;cm0=\x07\x1b[3;5H1  continue\x1b[4;5H\x1b[1;31m2  erase\
    \x1b[0m\x1b[24;1Hpress a key\x1b[1;70H\xe2\x80\xaespot\r\n\xe6\xbc\xa2\x1b[4;2H*";

#[test]
fn the_console_of_a_phone_as_it_stands_on_a_terminal() {
    let mut console = at_console(LIVE);
    let phone = console.listens_to().cloned().unwrap();
    press(&mut console, "v");
    let serial = console.heard_of(&phone).unwrap();
    serial.bytes(Stamp::from_millis(9_000), Speaker::Phone, MENU);
    insta::assert_snapshot!("console_terminal_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("console_terminal_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let coloured = drawn(&console, NOW, (80, 24), Look { colour: true, unicode: true });
    assert_eq!(coloured.to_string(), shown(&console), "nothing is told by colour alone");
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN).to_string();
    assert!(plain.is_ascii() && plain.contains(" *_ 2  erase") && plain.contains("rows 1-19, cursor 4,3"), "{plain}");
    for (columns, rows) in [(0, 0), (1, 1), (79, 24), (80, 24), (81, 25), (300, 100)] {
        let text = drawn(&console, NOW, (columns, rows), GLYPHS);
        let hostile = text.buffer().content().iter().any(|cell| cell.symbol().contains(is_harmful));
        assert!(!hostile, "{columns}×{rows}");
    }
    // What was said is looked through as lines; so is where the same is looked up.
    press(&mut console, "/press");
    assert!(shown(&console).contains("FIND") && shown(&console).contains(" lines"), "{}", shown(&console));
    console.press(Key::Esc);
    press(&mut console, "v");
    assert!(shown(&console).contains("6731i boot menu"), "{}", shown(&console));
    press(&mut console, "vv");
    assert!(shown(&console).contains("6731i boot menu"), "one who looks at it later sees the same");
    press(&mut console, "h");
    assert!(shown(&console).contains(" rows"));
}

#[test]
fn a_terminal_is_scrolled_back_and_what_comes_meanwhile_does_not_pull_one_away() {
    let mut console = at_console(LIVE);
    let phone = console.listens_to().cloned().unwrap();
    press(&mut console, "v");
    console.listen(phone.clone());
    for number in 0..100 {
        let text = format!("entry {number:03}\r\n");
        console.heard_of(&phone).unwrap().bytes(Stamp::from_millis(9_000), Speaker::Phone, text.as_bytes());
    }
    assert!(shown(&console).contains("entry 099") && shown(&console).contains("cursor 24,1"));
    press(&mut console, "kk");
    let before = shown(&console);
    assert!(before.contains("held, 2 rows back; G follows") && !before.contains("entry 099"), "{before}");
    console.heard_of(&phone).unwrap().bytes(Stamp::from_millis(9_001), Speaker::Phone, b"entry 100\r\n");
    let rows = |text: &str| text.lines().filter(|line| line.contains("entry")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&before), rows(&shown(&console)));
    press(&mut console, "g");
    assert!(shown(&console).contains("entry 000"), "{}", shown(&console));
    press(&mut console, "G");
    assert!(shown(&console).contains("entry 100"));
}

#[test]
fn a_recording_shows_the_same_as_the_run_that_went_on() {
    let replay = Source::Replay { playing: false, speed: 1.0, end: Stamp::from_millis(58_100) };
    let rows = |text: String| text.lines().skip(3).take(19).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(shown(&at_console(replay))), rows(shown(&at_console(LIVE))));
}

#[test]
fn words_are_found_further_back_and_further_on_and_what_comes_meanwhile_does_not_pull_one_away() {
    let mut console = at_console(LIVE);
    press(&mut console, "/REGISTERED");
    assert!(
        shown(&console).contains("FIND") && shown(&console).contains("/REGISTERED_ 2 found"),
        "{}",
        shown(&console)
    );
    console.press(Key::Enter);
    let text = shown(&console);
    assert!(text.contains("*  1 1001@bench.test Registered") && text.contains("held, 41 newer; G follows"), "{text}");
    press(&mut console, "n");
    assert!(shown(&console).contains("held, 44 newer"), "the one before it");
    press(&mut console, "n");
    assert!(shown(&console).contains("`REGISTERED` stands nowhere before"));
    press(&mut console, "N");
    let before = shown(&console);
    assert!(before.contains("held, 41 newer"));
    let phone = console.listens_to().cloned().unwrap();
    said(console.heard_of(&phone).unwrap(), 9_400, Speaker::Phone, "something new");
    let after = shown(&console);
    assert!(!after.contains("something new") && before.lines().nth(8) == after.lines().nth(8), "{after}");
    press(&mut console, "G");
    assert!(shown(&console).contains("something new") && shown(&console).contains("aastra> _"));
    press(&mut console, "/");
    console.press(Key::Esc);
    assert!(!shown(&console).contains('*'), "nothing is looked for any more");
}

#[test]
fn times_can_be_left_out_and_a_long_line_is_shown_whole() {
    let mut console = at_console(LIVE);
    press(&mut console, "g");
    press(&mut console, "jjjj");
    assert!(shown(&console).contains("    0.402   1 1001"), "{}", shown(&console));
    press(&mut console, "t");
    let text = shown(&console);
    assert!(!text.contains("0.402") && text.contains("   han eighty columns"), "{text}");
}

#[test]
fn a_prompt_is_shown_before_its_line_has_ended() {
    let mut console = at_console(LIVE);
    let phone = console.listens_to().cloned().unwrap();
    console.heard_of(&phone).unwrap().tail = None;
    assert!(!shown(&console).contains("aastra> "), "what was told long ago is none");
    let raw = RawRef { file: "console-p1.log".to_owned(), offset: 0, len: 8 };
    let line = Observed::ConsoleLine { phone, text: "aastra> ".to_owned(), raw, echo: false };
    let at = Stamp::from_millis(6_081);
    let when = crate::event::When::exactly(at);
    console.apply(&Record { seq: 99_999, seen: at, when, event: Event::Observed(line) });
    assert!(shown(&console).contains("aastra> _"), "{}", shown(&console));
}

/// The same, and what is typed is the phone's.
fn typing() -> Console {
    let mut console = at_console(LIVE);
    assert_eq!(press(&mut console, "S"), None);
    assert_eq!(console.press(Key::Enter), None, "Return never confirms");
    assert_eq!(press(&mut console, "y"), Some(Wish::Take));
    console
}

fn line(wish: Option<Wish>) -> (String, bool) {
    let Some(Wish::Type { phone, line, secret }) = wish else { panic!("{wish:?}") };
    assert_eq!(phone.0, "p1");
    (line, secret)
}

#[test]
fn one_only_watches_until_it_was_asked_and_then_every_character_goes_into_the_line() {
    let mut console = at_console(LIVE);
    press(&mut console, "S");
    insta::assert_snapshot!("serial_asked_80", drawn(&console, NOW, (80, 24), GLYPHS));
    press(&mut console, "nU");
    assert!(shown(&console).contains(" NORMAL "));

    let mut console = typing();
    assert_eq!(press(&mut console, "q? xUS"), None);
    assert!(shown(&console).contains("> q? xUS_") && shown(&console).contains(" SERIAL "), "{}", shown(&console));
    for _ in 0..6 {
        console.press(Key::Backspace);
    }
    press(&mut console, "sip status");
    assert_eq!(line(console.press(Key::Enter)), ("sip status".to_owned(), false));
    assert_eq!(line(console.press(Key::Enter)), (String::new(), false), "a line that is empty is one");
    press(&mut console, "half");
    assert_eq!(console.press(Key::Esc), Some(Wish::Give));
    assert!(shown(&console).contains(" NORMAL ") && !shown(&console).contains("half"));
}

#[test]
fn a_line_in_confidence_is_not_shown_and_the_next_one_is_none() {
    let mut console = typing();
    console.press(Key::Tab);
    press(&mut console, "hunter2");
    let text = shown(&console);
    assert!(text.contains("secret> *******_") && !text.contains("hunter2"), "{text}");
    assert_eq!(line(console.press(Key::Enter)), ("hunter2".to_owned(), true));
    press(&mut console, "ls");
    assert_eq!(line(console.press(Key::Enter)), ("ls".to_owned(), false));
}

#[test]
fn a_line_that_is_too_long_shows_its_end_and_one_that_was_refused_says_why() {
    let mut console = typing();
    press(&mut console, &"0123456789".repeat(41));
    assert!(shown(&console).contains("! the line is full"), "{}", shown(&console));
    press(&mut console, "x");
    let last = shown(&console).lines().nth(22).unwrap().to_owned();
    assert!(last.contains("3456789_"), "{last}");
    let reason = "the run is ending".to_owned();
    let refused = Derived::HandAnswered {
        by: "anna".to_owned(),
        phone: "p1".into(),
        hand: crate::event::Hand::Type("{secret-1}".to_owned()),
        answer: crate::event::Answer::Refused { reason },
    };
    let at = Stamp::from_millis(9_400);
    let when = crate::event::When::exactly(at);
    console.apply(&Record { seq: 99_999, seen: at, when, event: Event::Derived(refused) });
    insta::assert_snapshot!("serial_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("serial_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN).to_string();
    assert!(
        plain.is_ascii() && plain.contains(" SERIAL ") && plain.contains("! refused: the run is ending"),
        "{plain}"
    );
}

#[test]
fn nothing_is_typed_in_a_recording_or_when_the_run_is_over() {
    let replay = Source::Replay { playing: false, speed: 1.0, end: Stamp::from_millis(58_100) };
    let over = Source::Live { own: false, state: Going::Ended, behind: 0 };
    for (source, reason) in [(replay, "this is a recording"), (over, "the run is over")] {
        let mut console = at_console(source);
        press(&mut console, "S");
        assert!(shown(&console).contains(&format!("nothing can be typed: {reason}")), "{}", shown(&console));
        assert_eq!(console.view.question, None);
    }
}

#[test]
fn no_size_breaks_it_and_another_phone_is_listened_to_afresh() {
    let mut console = at_console(LIVE);
    for (columns, rows) in [(0, 0), (1, 1), (79, 24), (80, 24), (81, 25), (300, 100)] {
        let text = drawn(&console, NOW, (columns, rows), GLYPHS);
        let hostile = text.buffer().content().iter().any(|cell| cell.symbol().contains(['\x1b', '\u{202e}']));
        assert!(!hostile, "{columns}×{rows}");
    }
    press(&mut console, "]");
    let other = console.listens_to().cloned().unwrap();
    assert_eq!((other.0.as_str(), console.heard_of(&other).is_none()), ("p3", true));
    assert!(!shown(&console).contains("noise"), "it is not of this phone");
    console.press(Key::Esc);
    assert_eq!(console.listens_to(), None);
}

#[test]
fn a_control_character_is_sent_at_once_and_nothing_of_it_goes_into_the_line() {
    let mut console = at_console(LIVE);
    press(&mut console, "Sy");
    press(&mut console, "hw");
    console.press(Key::Ctrl('t'));
    assert!(shown(&console).contains("Ctrl-_"), "{}", shown(&console));
    assert_eq!(press(&mut console, "c"), Some(Wish::Control { phone: "p1".into(), letter: 'c' }));
    console.press(Key::Ctrl('t'));
    assert_eq!(press(&mut console, "!"), None);
    assert!(shown(&console).contains("Ctrl-! is no control character"));
    console.press(Key::Ctrl('t'));
    let twice = console.press(Key::Ctrl('t'));
    assert_eq!(twice, Some(Wish::Control { phone: "p1".into(), letter: 't' }), "twice, it is sent itself");
    press(&mut console, "info");
    let Some(Wish::Type { line, .. }) = console.press(Key::Enter) else { panic!() };
    assert_eq!(line, "hwinfo");
}

#[test]
fn ctrl_c_that_was_meant_for_the_phone_ends_nothing() {
    let mut console = typing();
    assert_eq!(console.press(Key::Ctrl('c')), None);
    assert_eq!(console.press(Key::Ctrl('c')), None);
    assert!(shown(&console).contains("Ctrl-t c sends it to the phone"), "{}", shown(&console));
    console.press(Key::Esc);
    assert_eq!((console.press(Key::Ctrl('c')), console.press(Key::Ctrl('c'))), (None, Some(Wish::Leave)));
}

#[test]
fn what_is_pasted_is_text_where_text_is_typed_and_nothing_elsewhere() {
    let mut console = at_console(LIVE);
    console.paste("xylophone");
    assert_eq!(console.view.question, None);
    assert!(shown(&console).contains("what was pasted is left out"), "{}", shown(&console));
    press(&mut console, "/");
    console.paste("sip\u{1b} status\r\nreboot\n");
    assert!(shown(&console).contains("/sip status_ "), "{}", shown(&console));
    console.press(Key::Esc);
    let mut console = typing();
    console.paste("sip status\nreboot\n");
    assert!(shown(&console).contains("only the first line"), "{}", shown(&console));
    assert_eq!(line(console.press(Key::Enter)), ("sip status".to_owned(), false));
    press(&mut console, "x");
    console.press(Key::Esc);
    press(&mut console, "S");
    console.paste("y");
    assert!(shown(&console).contains("ASK"), "what is asked is answered by hand: {}", shown(&console));
}

#[test]
fn the_keyboard_is_taken_from_another_only_when_that_was_asked() {
    let mut console = at_console(LIVE);
    let mut record = sample::mixed_run().remove(0);
    record.event = Event::Observed(Observed::KeyboardHeld { by: Some("bert\x1b[2J".to_owned()) });
    console.apply(&record);
    assert!(shown(&console).contains(" keys: bert\\u{1b}…"), "{}", shown(&console));
    let wide = drawn(&console, NOW, (120, 40), GLYPHS).to_string();
    assert!(wide.contains("keyboard: bert\\u{1b}[2J since 0.0"), "{wide}");
    press(&mut console, "L");
    assert_eq!(console.press(Key::Enter), None);
    assert_eq!(press(&mut console, "y"), Some(Wish::TakeOver));
    assert!(shown(&console).contains("SERIAL"));
    record.event = Event::Observed(Observed::KeyboardHeld { by: None });
    console.apply(&record);
    assert!(!shown(&console).contains("keys: "));
}

#[test]
fn what_is_typed_on_after_the_keyboard_was_taken_goes_nowhere_until_escape() {
    let mut console = at_console(LIVE);
    press(&mut console, "Sy");
    press(&mut console, "reboot pro");
    console.is_kept_off("anna", Stamp::from_millis(9_400));
    assert_eq!(press(&mut console, "xyU4? "), None);
    assert_eq!(console.press(Key::Enter), None);
    let text = shown(&console);
    assert!(text.contains(" LOST ") && text.contains("! anna has had the keyboard since 9.400; Esc, and L"), "{text}");
    assert!(text.contains("Console of p1") && !text.contains("End the run?"), "{text}");
    console.press(Key::Esc);
    assert!(shown(&console).contains(" NORMAL "));
}
