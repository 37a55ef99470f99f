//! The console of a phone: what is shown of it, and how it is looked through.

use super::*;
use crate::tui::console::{Said, Serial, Speaker};

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
