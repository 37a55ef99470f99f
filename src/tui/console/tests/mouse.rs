//! What the mouse points at, as it is drawn.

use ratatui::layout::Rect;

use super::*;
use crate::event::Stroke;

const AREA: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };

/// Clicks where that is drawn.
fn click(console: &mut Console, ms: u64, what: &str) -> Option<Wish> {
    let text = drawn(console, ms, (80, 24), GLYPHS).to_string();
    let rows = text.lines().map(|line| line.trim_start_matches('"'));
    let found = rows.enumerate().find_map(|(y, row)| {
        let at = row.find(what)?;
        Some((row[..at].chars().count() as u16, y as u16))
    });
    let at = found.unwrap_or_else(|| panic!("`{what}` is not drawn: {text}"));
    console.click(screen::target(console, Stamp::from_millis(ms), AREA, at)?)
}

#[test]
fn screens_rows_and_hints_do_what_their_keys_do() {
    let mut console = at(21_000, LIVE);
    click(&mut console, 21_000, "p3/1003");
    assert_eq!(console.phone().unwrap().0, "p3");
    click(&mut console, 21_000, "p3/1003");
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("[2 Phone]"), "again: opened");
    click(&mut console, 21_000, "6 Log");
    click(&mut console, 21_000, "p1/1001 is registered at b");
    assert!(console.view.event.is_some());
    console.wheel(false);
    assert!(console.view.event < Some(console.log.len() - 1));
    assert_eq!(click(&mut console, 21_000, "U restore"), Some(Wish::Restore));
}

#[test]
fn a_message_is_selected_by_a_click_and_shown_in_full_by_the_next() {
    let mut console = recorded(9_300, LIVE);
    click(&mut console, 9_300, "3 SIP");
    click(&mut console, 9_300, "REGISTER");
    assert!(console.view.rung.is_some() && !console.view.detail);
    click(&mut console, 9_300, "REGISTER");
    assert!(console.view.detail);
}

#[test]
fn a_question_is_answered_by_no_click() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "x");
    for at in [(2, 1), (40, 12), (10, 2), (3, 23)] {
        let target = screen::target(&console, Stamp::from_millis(21_000), AREA, at);
        assert_eq!(target.and_then(|target| console.click(target)), None);
    }
    console.wheel(true);
    assert_eq!(press(&mut console, "y"), Some(Wish::Stop), "it is asked still");
}

#[test]
fn the_keys_of_a_phone_can_be_clicked_and_nothing_else_can_be_meanwhile() {
    let mut console = recorded(9_300, LIVE);
    press(&mut console, "2iy");
    let pressed = click(&mut console, 9_300, "goodbye");
    let Some(Wish::Press { stroke, .. }) = pressed else { panic!("{pressed:?}") };
    assert_eq!(stroke, Stroke::key("goodbye"));
    let digit = click(&mut console, 9_300, "7  8  9");
    assert!(matches!(digit, Some(Wish::Press { secret: true, .. })), "{digit:?}");
    click(&mut console, 9_300, "6 Log");
    let text = drawn(&console, 9_300, (80, 24), GLYPHS).to_string();
    assert!(text.contains("[2 Phone]") && text.contains(" KEYS "), "{text}");
    console.wheel(true);
}

#[test]
fn the_mouse_is_the_terminals_when_it_is_released() {
    let mut console = at(21_000, LIVE);
    assert!(console.has_mouse());
    press(&mut console, "m");
    assert!(!console.has_mouse());
    press(&mut console, "m");
    assert!(console.has_mouse());
}
