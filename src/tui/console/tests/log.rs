//! The log: what is selected in it, where it is filtered as well.

use super::*;

/// The log of a run with five lines, shown as far as it fits these words.
fn filtered(words: &str) -> Console {
    let mut console = at(58_100, LIVE);
    press(&mut console, "6/");
    press(&mut console, words);
    console.press(Key::Enter);
    console
}

fn shown(console: &Console) -> String {
    drawn(console, 58_100, (80, 24), GLYPHS).to_string()
}

/// The row that is marked as selected.
fn marked(console: &Console) -> String {
    let text = shown(console);
    let marked: Vec<&str> = text.lines().filter(|row| row.starts_with("\">")).collect();
    assert_eq!(marked.len(), 1, "{text}");
    marked[0].to_owned()
}

#[test]
fn keys_go_through_the_events_that_fit_and_return_opens_the_one_that_is_marked() {
    let mut console = filtered("p2/1002");
    let last = marked(&console);
    assert!(last.contains("p2/1002"), "{last}");
    press(&mut console, "k");
    let before = marked(&console);
    assert!(before.contains("p2/1002") && before != last, "{before}");
    press(&mut console, "j");
    assert_eq!(marked(&console), last);
    press(&mut console, "k");
    console.press(Key::Enter);
    assert_eq!(console.phone().unwrap().0, "p2");
    assert!(shown(&console).contains("[3 SIP]"), "{}", shown(&console));
}

#[test]
fn what_is_held_and_does_not_fit_is_left_for_the_last_before_it_that_does() {
    let mut console = at(58_100, LIVE);
    press(&mut console, "6g");
    assert!(marked(&console).contains("0.0"), "{}", marked(&console));
    press(&mut console, "/p3");
    let fits = |row: &str| row.contains("p3");
    assert!(fits(&marked(&console)), "the first that fits comes after it: {}", marked(&console));
    console.press(Key::Enter);
    console.press(Key::Enter);
    assert_eq!(console.phone().unwrap().0, "p3");
}

#[test]
fn return_says_so_where_no_event_fits() {
    let mut console = filtered("nothing-of-the-kind");
    assert!(shown(&console).contains("Log 0/") && shown(&console).contains("no event fits"), "{}", shown(&console));
    press(&mut console, "kjgf");
    console.press(Key::Enter);
    let text = shown(&console);
    assert!(text.contains("[6 Log]") && text.contains("! no event fits the filter"), "{text}");
}

#[test]
fn the_first_event_is_followed_by_as_many_as_have_room() {
    let mut console = at(58_100, LIVE);
    press(&mut console, "6g");
    let text = shown(&console);
    let rows: Vec<&str> = text.lines().skip(4).take(19).collect();
    assert!(rows[0].starts_with("\">") && rows.iter().all(|row| row.trim_matches(['"', ' ']).len() > 10), "{text}");
}

#[test]
fn where_a_line_is_registered_leaves_every_event_in_the_log_with_an_exclamation_mark_as_without() {
    let all = at(58_100, LIVE).log.len();
    for words in ["reg:primary", "!reg:primary", "!reg:none reg:backup"] {
        assert_eq!(filtered(words).events().len(), all, "{words}");
    }
    let mut fitting = filtered("!reg:primary !p1/");
    assert!(fitting.events().len() < all && !fitting.events().is_empty(), "other words count as ever");
    press(&mut fitting, "1");
    let text = shown(&fitting);
    assert!(!text.contains("Lines 5/5"), "of lines it tells something: {text}");
}

#[test]
fn all_of_an_event_that_is_longer_than_its_row_is_shown_and_goes_away_again() {
    let mut records = sample::mixed_run();
    let reason = format!("{} the-end-of-it", "word after word and a-word-that-no-row-has-room-for-".repeat(12));
    sample::rename_reason(&mut records, "late", &reason);
    let mut console = Console::new(LIVE);
    records.iter().for_each(|record| console.apply(record));
    let flat = |console: &Console| shown(console).replace(['┃', '"', '\n', ' '], "");
    press(&mut console, "6/the-end-of-it");
    console.press(Key::Enter);
    assert!(
        !flat(&console).contains("the-end-of-itG") && shown(&console).contains("d all of it"),
        "{}",
        shown(&console)
    );
    press(&mut console, "d");
    let whole = shown(&console);
    assert!(flat(&console).contains(&reason.replace(' ', "")), "{whole}");
    insta::assert_snapshot!("whole_80", whole);
    console.press(Key::Esc);
    let text = shown(&console);
    assert!(text.contains("[6 Log]") && !text.contains('┃'), "{text}");
    press(&mut console, "d3q");
    assert!(!shown(&console).contains('┃'), "whoever comes back sees rows");
    let mut none = filtered("nothing-of-the-kind");
    press(&mut none, "d");
    assert!(shown(&none).contains("! no event fits the filter"), "{}", shown(&none));
}

#[test]
fn of_an_event_that_no_box_has_room_for_it_is_said_how_much_is_missing() {
    let mut records = sample::mixed_run();
    sample::rename_reason(&mut records, "late", &"x".repeat(60_000));
    let mut console = Console::new(LIVE);
    records.iter().for_each(|record| console.apply(record));
    press(&mut console, "6/xxx");
    console.press(Key::Enter);
    press(&mut console, "d");
    assert!(shown(&console).contains("rows more; the journal has all of it"), "{}", shown(&console));
}
