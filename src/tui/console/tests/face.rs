//! What displays show and how lamps burn, with how old that is.

use super::*;
use crate::event::PortKind;

const COLOURED: Look = Look { colour: true, unicode: true };

fn tell(console: &mut Console, ms: u64, observed: Observed) {
    let mut record = sample::mixed_run().remove(0);
    record.event = Event::Observed(observed);
    record.when.at = Stamp::from_millis(ms);
    console.apply(&record);
}

fn say(console: &mut Console, ms: u64, phone: &str, text: &str) {
    let raw = RawRef { file: String::new(), offset: 0, len: 0 };
    let text = format!("[    1.000000] {text}");
    tell(console, ms, Observed::ConsoleLine { phone: phone.into(), text, raw, echo: false });
}

/// Whether this stands there, and is dim.
fn is_dim(screen: &TestBackend, wanted: &str) -> bool {
    let text = screen.to_string();
    let row = text.lines().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("{wanted}: {text}"));
    let line = text.lines().nth(row).unwrap();
    // Before the first column stands a quotation mark.
    let column = line[..line.find(wanted).unwrap()].chars().count() - 1;
    screen.buffer()[(column as u16, row as u16)].modifier.contains(Modifier::DIM)
}

#[test]
fn display_and_lamps_have_their_age_and_what_was_before_the_console_was_lost_is_told_as_such() {
    let mut console = at(20_000, LIVE);
    say(&mut console, 9_000, "p1", "display: Idle | 1001");
    say(&mut console, 9_500, "p1", "lamp: message slow");
    say(&mut console, 10_000, "p2", "display: \x1b[2J\u{202e}No Service");
    let lost = PortKind::Console;
    tell(&mut console, 12_000, Observed::PortLost { phone: "p2".into(), port: lost, reason: "unplugged".to_owned() });
    let text = drawn(&console, 20_000, (120, 40), GLYPHS).to_string();
    assert!(text.contains("Idle | 1001 11s       message s… 10s"), "{text}");
    assert!(text.contains("! \\u{1b}[2J\\u{20… 10s ?"), "{text}");
    press(&mut console, "2");
    let text = drawn(&console, 20_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("\"Idle | 1001\"") && text.contains("told 00:11 ago by its console"), "{text}");
    assert!(text.contains("message slow (00:10 ago)"), "{text}");
    press(&mut console, "]");
    let screen = drawn(&console, 20_000, (80, 24), COLOURED);
    assert!(screen.to_string().contains("! 00:10 old; console lost 00:08 ago"), "{screen}");
    assert!(is_dim(&screen, "No Service\""), "it is no more than what was");
    press(&mut console, "]]");
    assert!(drawn(&console, 20_000, (80, 24), GLYPHS).to_string().contains("nothing tells of them"));
}

#[test]
fn what_was_told_more_than_three_seconds_ago_is_dim_wherever_it_is_shown_and_its_age_is_told() {
    let mut console = at(20_000, LIVE);
    say(&mut console, 20_000, "p1", "display: Ringing");
    let phones = |console: &Console, ms| drawn(console, ms, (120, 40), COLOURED);
    assert!(!is_dim(&phones(&console, 23_000), "Ringing"));
    assert!(is_dim(&phones(&console, 23_001), "Ringing 3s"));
    assert!(phones(&console, 320_000).to_string().contains("Ringing 5m"));
    let first = console.clone();
    for keys in ["2", "2i"] {
        let mut console = first.clone();
        press(&mut console, keys);
        if keys == "2i" {
            press(&mut console, "y");
        }
        let phone = |ms| drawn(&console, ms, (80, 24), COLOURED);
        for (ms, age, dim) in
            [(20_000, "0.0 s", false), (20_290, "0.2 s", false), (23_000, "3.0 s", false), (23_100, "00:03", true)]
        {
            let screen = phone(ms);
            assert_eq!(is_dim(&screen, "\"Ringing\""), dim, "{ms}: {screen}");
            assert!(screen.to_string().contains(&format!("told {age} ago by its console")), "{screen}");
        }
    }
}

#[test]
fn what_one_of_them_tells_makes_the_other_no_younger() {
    let mut console = at(20_000, LIVE);
    say(&mut console, 20_000, "p1", "display: Idle");
    say(&mut console, 24_000, "p1", "lamp: message slow");
    press(&mut console, "2");
    let screen = drawn(&console, 24_500, (80, 24), COLOURED);
    assert!(is_dim(&screen, "\"Idle\"") && !is_dim(&screen, "message slow (0.5 s ago)"), "{screen}");
    say(&mut console, 28_000, "p1", "display: Ringing");
    let screen = drawn(&console, 28_500, (80, 24), COLOURED);
    assert!(!is_dim(&screen, "\"Ringing\"") && is_dim(&screen, "message slow (00:04 ago)"), "{screen}");
}

#[test]
fn it_is_drawn_anew_for_as_long_as_its_age_looks_different_and_then_with_the_seconds() {
    let mut console = at(20_000, LIVE);
    say(&mut console, 20_000, "p1", "display: Idle");
    let fading = |console: &Console, ms| console.fading(Stamp::from_millis(ms));
    // Among all phones only whether it is old is of interest,
    assert_eq!(fading(&console, 20_100), fading(&console, 22_900));
    assert_ne!(fading(&console, 23_000), fading(&console, 23_001));
    // on its own screen each tenth of a second,
    press(&mut console, "2");
    assert_ne!(fading(&console, 20_100), fading(&console, 20_200));
    assert_eq!(fading(&console, 23_001), fading(&console, 60_000));
    // and elsewhere nothing.
    press(&mut console, "4");
    assert_eq!(fading(&console, 20_000), fading(&console, 60_000));
}
