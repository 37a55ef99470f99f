//! In which order lines stand, which are marked, and how one is found by its number.

use super::*;

fn numbers(console: &Console, ms: u64) -> Vec<String> {
    let text = drawn(console, ms, (80, 24), GLYPHS).to_string();
    let rows = text.lines().skip(5).take(5).map(|row| row.trim_matches('"'));
    rows.map(|row| row[1..].split_whitespace().next().unwrap_or("").to_owned()).collect()
}

#[test]
fn lines_keep_their_numbers_in_every_order() {
    let mut console = at(58_100, LIVE);
    assert_eq!(numbers(&console, 58_100), ["1", "2", "3", "4", "5"]);
    press(&mut console, "s");
    assert_eq!(numbers(&console, 58_100), ["2", "3", "5", "1", "4"], "trouble first");
    press(&mut console, "s");
    assert_eq!(numbers(&console, 58_100), ["5", "3", "1", "2", "4"], "moved last first");
    press(&mut console, "s");
    assert_eq!(numbers(&console, 58_100)[4], "4", "what is registered nowhere ends last");
    press(&mut console, "s");
    assert!(drawn(&console, 58_100, (80, 24), GLYPHS).to_string().contains("longest silent first"));
    press(&mut console, "s");
    assert_eq!(numbers(&console, 58_100), ["1", "2", "3", "4", "5"]);
}

#[test]
fn the_last_column_tells_what_one_chooses_and_a_sign_of_the_result_is_always_there() {
    let mut console = recorded(9_300, LIVE);
    let rows = |console: &Console, columns| drawn(console, 9_500, (columns, 24), GLYPHS).to_string();
    let wide = rows(&console, 120);
    press(&mut console, "c");
    insta::assert_snapshot!("phones_display_80", drawn(&console, 9_500, (80, 24), GLYPHS));
    assert_eq!(rows(&console, 120), wide, "there is room for all of it");
    press(&mut console, "c");
    insta::assert_snapshot!("phones_lamps_80", drawn(&console, 9_500, (80, 24), GLYPHS));
    press(&mut console, "c");
    assert!(rows(&console, 80).contains("RESULT"));
    // A verdict is told by its sign.
    let mut console = recorded(58_100, LIVE);
    press(&mut console, "c");
    let text = drawn(&console, 58_100, (80, 24), GLYPHS).to_string();
    assert!(text.contains("  ✓ Registration … 41s"), "{text}");
}

#[test]
fn a_line_is_found_by_its_number_in_any_order_and_behind_any_filter() {
    let mut console = at(58_100, LIVE);
    console.filter_by("p1");
    assert!(drawn(&console, 58_100, (80, 24), GLYPHS).to_string().contains("Lines 1/5   /p1"));
    press(&mut console, "s:4");
    let text = drawn(&console, 58_100, (80, 24), GLYPHS).to_string();
    assert!(text.contains(":4_") && text.contains(" LINE "), "{text}");
    console.press(Key::Enter);
    assert_eq!(console.selected().unwrap().phone.0, "p4");
    assert!(drawn(&console, 58_100, (80, 24), GLYPHS).to_string().contains("Lines 5/5"));
    press(&mut console, ":77");
    console.press(Key::Enter);
    assert!(drawn(&console, 58_100, (80, 24), GLYPHS).to_string().contains("! there are lines 1 to 5"));
    press(&mut console, ":1");
    console.press(Key::Esc);
    assert_eq!(console.selected().unwrap().phone.0, "p4", "it was forgotten");
}

#[test]
fn a_server_is_blocked_for_the_phones_that_are_marked() {
    let mut console = at(21_000, LIVE);
    press(&mut console, " jj ");
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("2 marked") && text.contains(" 1 *p1/1001") && text.contains(">3 *p3/1003"), "{text}");
    press(&mut console, "4jBpp");
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("(•) the 2 marked") && text.contains("2 phones that are judged"), "{text}");
    let wish = press(&mut console, "y");
    let Some(Wish::Block(blocking)) = wish else { panic!("{wish:?}") };
    assert_eq!(blocking.phones, ["p1".into(), "p3".into()]);
    press(&mut console, "1 ");
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("1 marked"));
}

#[test]
fn the_help_does_what_alone_is_left_of_what_was_searched_and_nothing_while_there_is_a_choice() {
    let mut console = at(21_000, LIVE);
    press(&mut console, "?network back");
    assert_eq!(console.press(Key::Enter), Some(Wish::Restore));
    press(&mut console, "?end the run");
    assert_eq!(console.press(Key::Enter), None);
    assert!(drawn(&console, 21_000, (80, 24), GLYPHS).to_string().contains("End the run?"), "it asks as its key does");
    press(&mut console, "n?the");
    assert_eq!(console.press(Key::Enter), None);
    let text = drawn(&console, 21_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains(" NORMAL ") && text.contains("[1 Phones]"), "{text}");
}
