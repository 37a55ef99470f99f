//! Screens as they look, and keys as they work.

use std::path::Path;

use ratatui::{
    Terminal,
    backend::TestBackend,
    style::{Color, Modifier},
};

use super::{Console, Going, Source, Wish, action::ACTIONS, key::Key, screen};
use crate::{
    config::load,
    event::{Derived, Event, Manner, Observed, OutageMode, RawRef, Record, Stamp, Unreachable},
    journal::JournalReader,
    look::Look,
    report::sample,
    verdict::Measurement,
};

mod alert;
mod face;
mod hands;
mod help;
mod instant;
mod lanes;
mod log;
mod long;
mod moment;
mod mouse;
mod network;
mod order;
mod prompts;
mod serial;
mod silence;
mod small;
mod stale;

const GLYPHS: Look = Look { colour: false, unicode: true };
const LIVE: Source = Source::Live { own: true, state: Going::On, behind: 0 };

/// A run with five lines, of which some go wrong, as it stands at a time.
fn at(ms: u64, source: Source) -> Console {
    let mut console = Console::new(source);
    for record in sample::mixed_run().into_iter().filter(|record| record.seen <= Stamp::from_millis(ms)) {
        console.apply(&telling(record));
    }
    console
}

/// A run of two phones that was recorded, with their SIP, consoles and keys, as it stood at a time.
fn recorded(ms: u64, source: Source) -> Console {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let mut console = Console::new(source);
    let records = JournalReader::open(&journal).unwrap().map(Result::unwrap).map(telling);
    for record in records.filter(|record| record.seen <= Stamp::from_millis(ms)) {
        console.apply(&record);
    }
    console
}

/// The record with consoles that tell of displays and lamps, if it is the beginning of a run.
pub(super) fn telling(mut record: Record) -> Record {
    if let Event::Observed(Observed::RunStarted { plan }) = &mut record.event {
        let telling = load::model("aastra-6731i", Path::new(load::RIG)).unwrap().console;
        plan.models.values_mut().for_each(|model| model.console.clone_from(&telling));
    }
    record
}

fn drawn(console: &Console, ms: u64, (columns, rows): (u16, u16), look: Look) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let draw = |frame: &mut ratatui::Frame<'_>| {
        screen::draw(console, Stamp::from_millis(ms), look, frame.area(), frame.buffer_mut());
    };
    terminal.draw(draw).unwrap();
    terminal.backend().clone()
}

fn press(console: &mut Console, keys: &str) -> Option<Wish> {
    keys.chars().map(|char| console.press(Key::Char(char))).last().flatten()
}

#[test]
fn every_screen_at_eighty_by_twenty_four_and_in_ascii() {
    for (number, name) in (1..).zip(["phones", "phone", "sip", "network", "scenario", "log"]) {
        // Lines of every fate where there are many lines, a real run where there is one.
        let (mut console, now) = match name {
            "phones" | "scenario" => (at(21_000, LIVE), 21_000),
            _ => (recorded(9_300, LIVE), 9_500),
        };
        press(&mut console, &number.to_string());
        insta::assert_snapshot!(format!("{name}_80"), drawn(&console, now, (80, 24), GLYPHS));
        let plain = drawn(&console, now, (80, 24), Look::PLAIN);
        let foreign: String = plain.to_string().chars().filter(|char| !char.is_ascii()).collect();
        assert_eq!(foreign, "", "{plain}");
        insta::assert_snapshot!(format!("{name}_80_ascii"), plain);
    }
}

#[test]
fn every_screen_of_a_recording_at_a_hundred_and_twenty_by_forty() {
    let replay = Source::Replay { playing: true, speed: 4.0, end: Stamp::from_millis(58_100) };
    for (number, name) in (1..).zip(["phones", "phone", "sip", "network", "scenario", "log"]) {
        let (mut console, now) = match name {
            "phones" | "scenario" => (at(58_100, replay.clone()), 58_100),
            _ => (recorded(16_800, replay.clone()), 16_800),
        };
        press(&mut console, &format!("]{number}"));
        insta::assert_snapshot!(format!("{name}_120"), drawn(&console, now, (120, 40), GLYPHS));
    }
}

#[test]
fn a_message_is_shown_in_full_and_goes_away_again() {
    let mut console = recorded(16_800, LIVE);
    press(&mut console, "3kkk");
    console.press(Key::Enter);
    insta::assert_snapshot!("message_80", drawn(&console, 16_800, (80, 24), GLYPHS));
    console.press(Key::Esc);
    let text = drawn(&console, 16_800, (80, 24), GLYPHS).to_string();
    assert!(text.contains("[3 SIP]") && !text.contains("Call-ID"), "{text}");
}

#[test]
fn what_each_line_did_about_each_outage_is_a_map() {
    let unreachable = OutageMode::Steady(Manner::Unreachable(Unreachable::Host));
    let records = sample::outage_records(&[OutageMode::DROP, unreachable, OutageMode::Steady(Manner::Reset)]);
    let mut console = Console::new(LIVE);
    records.iter().for_each(|record| console.apply(record));
    let moved = [(0, 1, Some(9_000.0), None), (1, 1, Some(31_000.0), None), (0, 2, Some(400.0), None)];
    let not = [(1, 2, None, Some(Measurement::STAYED)), (0, 3, None, Some(Measurement::STRANDED))];
    for (line, outage, value, why) in moved.into_iter().chain(not) {
        let case = sample::id(line);
        let at_ms = 100_000.0 * f64::from(outage);
        let mut record = records[0].clone();
        record.event = Event::Derived(Derived::Measured {
            case,
            measurement: Measurement {
                name: "failover".to_owned(),
                at_ms: Some(at_ms),
                from_server: None,
                to_server: None,
                value,
                unit: "ms".to_owned(),
                error: None,
                min: None,
                max: None,
                why_null: why.map(str::to_owned),
            },
        });
        console.apply(&record);
    }
    press(&mut console, "5");
    insta::assert_snapshot!("map_80", drawn(&console, 400_000, (80, 24), GLYPHS));
    insta::assert_snapshot!("map_80_ascii", drawn(&console, 400_000, (80, 24), Look::PLAIN));
}

#[test]
fn questions_and_help_at_eighty_by_twenty_four() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "x");
    insta::assert_snapshot!("stop_80", drawn(&console, 21_000, (80, 24), GLYPHS));
    console.press(Key::Esc);
    press(&mut console, "?");
    insta::assert_snapshot!("help_80", drawn(&console, 21_000, (80, 24), GLYPHS));
    press(&mut console, "network");
    insta::assert_snapshot!("help_80_searched", drawn(&console, 21_000, (80, 24), GLYPHS));
    let gone = at(21_000, Source::Live { own: false, state: Going::Gone, behind: 0 });
    insta::assert_snapshot!("gone_80", drawn(&gone, 21_000, (80, 24), GLYPHS));
}

#[test]
fn what_disturbs_is_asked_and_return_never_confirms_and_the_way_back_asks_nobody() {
    let mut console = at(21_000, LIVE);
    assert_eq!(press(&mut console, "x"), None);
    assert_eq!(console.press(Key::Enter), None);
    assert_eq!(console.press(Key::Char('x')), None, "held down");
    assert_eq!(press(&mut console, "y"), Some(Wish::Stop));
    assert_eq!(press(&mut console, "xn"), None);
    assert_eq!(press(&mut console, "y"), None, "nothing is asked any more");
    assert_eq!(press(&mut console, "U"), Some(Wish::Restore));
    assert_eq!(console.press(Key::Ctrl('c')), None);
    assert_eq!(console.press(Key::Enter), None, "Return never confirms");
    assert_eq!(console.press(Key::Ctrl('c')), Some(Wish::Leave));
}

#[test]
fn leaving_asks_only_where_the_run_is_the_consoles_own_and_goes_on() {
    let mut own = at(21_000, LIVE);
    assert_eq!(press(&mut own, "q"), None);
    assert_eq!(press(&mut own, "y"), Some(Wish::Leave));
    let mut attached = at(21_000, Source::Live { own: false, state: Going::On, behind: 0 });
    assert_eq!(press(&mut attached, "q"), Some(Wish::Leave));
    let mut ended = at(58_100, Source::Live { own: true, state: Going::Ended, behind: 0 });
    assert_eq!(press(&mut ended, "q"), Some(Wish::Leave));
}

#[test]
fn back_goes_where_one_came_from() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "34");
    assert_eq!(console.press(Key::Esc), None);
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("[3 SIP]"));
    console.press(Key::Esc);
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("[1 Phones]"));
}

#[test]
fn a_filter_shows_what_fits_with_a_count_and_takes_every_key_meanwhile() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "/reg:none");
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("Lines 1/5   /reg:none_") && text.contains("FILTER"), "{text}");
    console.press(Key::Enter);
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("p5/1005") && !text.contains(" p1/1001  "), "{text}");
    assert_eq!(console.clone().selected().unwrap().phone.0, "p5", "what is shown alone is what Return opens");
    assert_eq!(press(&mut console, "q"), None, "the filter goes first");
    press(&mut console, "/!reg:none");
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("Lines 4/5"));
    console.press(Key::Esc);
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("Lines 5/5"));
}

#[test]
fn where_a_filter_hides_the_selected_line_what_is_opened_or_marked_is_the_first_that_is_shown() {
    for keys in ["2", "3", "5", " ", "\n"] {
        let mut console = at(21_000, LIVE);
        console.filter_by("p3");
        for char in keys.chars() {
            console.press(if char == '\n' { Key::Enter } else { Key::Char(char) });
        }
        assert_eq!(console.phone().unwrap().0, "p3", "{keys:?}");
        let marked: Vec<&str> = console.view.marked.iter().map(|phone| phone.0.as_str()).collect();
        assert_eq!(marked, if keys == " " { vec!["p3"] } else { vec![] });
    }
    let mut console = at(21_000, LIVE);
    press(&mut console, "jj");
    console.filter_by("1");
    console.press(Key::Enter);
    assert_eq!(console.phone().unwrap().0, "p3", "what is shown stays selected");
}

#[test]
fn a_line_stays_selected_when_the_order_changes() {
    let mut console = at(58_100, LIVE);
    press(&mut console, "jj");
    let selected = console.selected().cloned();
    press(&mut console, "s");
    assert_eq!(console.selected().cloned(), selected);
    console.press(Key::Enter);
    let text = drawn(&console, 58_100, (80, 24), GLYPHS).to_string();
    assert!(text.contains("[2 Phone]") && text.contains("─ p3 ─"), "{text}");
}

#[test]
fn a_log_that_is_held_stays_where_it_is_and_says_what_is_new() {
    let mut console = at(20_000, LIVE);
    press(&mut console, "6f");
    let before = drawn(&console, 20_000, (80, 24), GLYPHS).to_string();
    for record in sample::mixed_run().iter().filter(|record| record.seen > Stamp::from_millis(20_000)) {
        console.apply(record);
    }
    let after = drawn(&console, 58_100, (80, 24), GLYPHS).to_string();
    // Where there was room below, what is new may have it.
    let events = |text: &str| text.lines().skip(4).take(17).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(events(&before), events(&after));
    assert!(after.contains("held, ") && after.contains("G follows"), "{after}");
    press(&mut console, "G");
    assert_ne!(events(&drawn(&console, 58_100, (80, 24), GLYPHS).to_string()), events(&after));
}

#[test]
fn every_action_of_the_table_does_something_or_asks() {
    let replay = Source::Replay { playing: false, speed: 1.0, end: Stamp::from_millis(58_100) };
    for source in [LIVE, replay] {
        for screen in 1..=6 {
            for entry in ACTIONS.iter() {
                let mut console = recorded(12_000, source.clone());
                // In the middle of everything, so that each way leads somewhere.
                press(&mut console, &format!("j{screen}kkkk"));
                let fits = entry.fits(console.view.screen, console.phase(), console.view.mode);
                for key in entry.keys.iter().filter(|_| fits) {
                    let mut pressed = console.clone();
                    let wish = pressed.press(*key);
                    let changed = format!("{:?}", pressed.view) != format!("{:?}", console.view);
                    let at_end = matches!(key, Key::Char('g') | Key::Home | Key::PageUp | Key::Char('k') | Key::Up);
                    let same = screen == key_screen(*key) || at_end || matches!(key, Key::Char('G' | 'j') | Key::End);
                    assert!(wish.is_some() || changed || same, "{key} on {screen}: {entry:?}");
                }
            }
        }
    }
}

fn key_screen(key: Key) -> u32 {
    if let Key::Char(char) = key { char.to_digit(10).unwrap_or(0) } else { 0 }
}

#[test]
fn no_size_and_no_text_of_a_phone_breaks_it() {
    let mut records = sample::mixed_run();
    sample::rename_reason(&mut records, "late", "\x1b[2J\u{202e}evil\nline 世界 \u{200d}👩‍👩‍👧");
    let mut console = Console::new(LIVE);
    records.iter().for_each(|record| console.apply(record));
    for screen in 1..=6 {
        press(&mut console, &screen.to_string());
        console.press(Key::Enter);
        for (columns, rows) in [(0, 0), (1, 1), (79, 24), (80, 23), (80, 24), (81, 25), (300, 100)] {
            let text = drawn(&console, 58_100, (columns, rows), GLYPHS);
            let hostile = text.buffer().content().iter().any(|cell| cell.symbol().contains(['\x1b', '\u{202e}']));
            assert!(!hostile, "{columns}×{rows}");
        }
        press(&mut console, &screen.to_string());
    }
}

/// Where what is drawn looks otherwise than plain text: row, columns and how.
fn styles(drawn: &TestBackend) -> String {
    let (buffer, mut runs) = (drawn.buffer(), Vec::<(u16, u16, u16, String)>::new());
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = format!("{:?} {:?}", cell.fg, cell.modifier);
            match runs.last_mut() {
                Some((row, _, to, its)) if *row == y && *to + 1 == x && *its == style => *to = x,
                _ => runs.push((y, x, x, style)),
            }
        }
    }
    let plain = format!("{:?} {:?}", Color::Reset, Modifier::empty());
    runs.retain(|(_, _, _, style)| *style != plain);
    runs.iter().map(|(y, from, to, style)| format!("{y:2} {from:3}-{to:3} {style}\n")).collect()
}

#[test]
fn every_screen_in_colour_has_the_same_text_and_its_styles_at_both_sizes() {
    for (number, name) in (1..).zip(["phones", "phone", "sip", "network", "scenario", "log"]) {
        let (mut console, now) = match name {
            "phones" | "scenario" => (at(21_000, LIVE), 21_000),
            _ => (recorded(9_300, LIVE), 9_500),
        };
        press(&mut console, &number.to_string());
        for (columns, rows) in [(80, 24), (120, 40)] {
            let coloured = drawn(&console, now, (columns, rows), Look { colour: true, unicode: true });
            let plain = drawn(&console, now, (columns, rows), GLYPHS);
            assert_eq!(coloured.to_string(), plain.to_string(), "nothing is told by colour alone");
            insta::assert_snapshot!(format!("{name}_{columns}_styles"), styles(&coloured));
        }
    }
}

#[test]
fn colour_comes_after_a_letter_or_a_shape_and_is_absent_where_it_is_not_wanted() {
    let console = at(21_000, LIVE);
    let coloured = drawn(&console, 21_000, (80, 24), Look { colour: true, unicode: true });
    assert!(coloured.buffer().content().iter().any(|cell| cell.fg == Color::Red));
    let plain = drawn(&console, 21_000, (80, 24), GLYPHS);
    assert!(plain.buffer().content().iter().all(|cell| cell.fg == Color::Reset && cell.modifier.is_empty()));
}
