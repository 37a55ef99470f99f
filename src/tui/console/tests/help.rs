//! The help, as it is searched.

use super::*;

fn searched(keys: &str, words: &str) -> Console {
    let mut console = at(21_000, LIVE);
    press(&mut console, keys);
    press(&mut console, "?");
    press(&mut console, words);
    console
}

fn shown(console: &Console) -> String {
    drawn(console, 21_000, (80, 24), GLYPHS).to_string()
}

#[test]
fn any_action_is_found_by_its_name_from_everywhere_with_where_it_can_be_done() {
    for entry in ACTIONS {
        for screen in ["1", "5"] {
            let console = searched(screen, entry.help);
            let text = shown(&console);
            assert!(text.contains(entry.help), "{}: {text}", entry.help);
        }
    }
}

#[test]
fn what_can_not_be_done_here_is_dim_and_return_only_says_where_it_can() {
    let mut console = searched("1", "hexadecimal");
    let coloured = drawn(&console, 21_000, (80, 24), Look { colour: true, ..GLYPHS });
    let text = coloured.to_string();
    assert!(text.contains("hexadecimal, or lines (on Console)"), "{text}");
    let row = text.lines().position(|row| row.contains("hexadecimal, or")).unwrap() as u16;
    assert!(coloured.buffer()[(2, row)].modifier.contains(Modifier::DIM));
    let before = console.view.screen;
    assert_eq!((console.press(Key::Enter), console.view.screen), (None, before));
    assert!(shown(&console).contains("! hexadecimal, or lines: on Console"), "{}", shown(&console));
    let mut several = searched("1", "found further");
    several.press(Key::Enter);
    assert!(shown(&several).contains("! nothing of `found further` can be done here"), "{}", shown(&several));
}

#[test]
fn what_can_be_done_here_comes_first_and_return_does_what_alone_is_left_of_it() {
    let mut console = searched("3", "hold the rows");
    assert!(!shown(&console).contains("(on"), "{}", shown(&console));
    console.press(Key::Enter);
    assert_eq!(console.view.help, None);
    let mut ending = searched("1", "end the run");
    let text = shown(&ending);
    let rows: Vec<&str> = text.lines().filter(|row| row.contains("end the run (asks)")).collect();
    assert!(rows.len() == 2 && !rows[0].contains("(on") && rows[1].contains("(on Scenario"), "{text}");
    ending.press(Key::Enter);
    assert!(shown(&ending).contains("End the run?"), "{}", shown(&ending));
    // Without a word of it there is only what can be done here.
    assert!(!shown(&searched("1", "")).contains("hexadecimal"));
}
