//! The drills of `docs/operator.md`: its commands are run, its keys pressed, and what it says comes up.

use std::{fmt::Write as _, path::Path, process::Command, time::Duration};

use super::{
    operator_console::{Desk, has_virtual_bench},
    operator_hands::letter,
};

/// For a sign to come up: the page says half a minute, of a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(90);

const BESIDE: &str = "the letter beside ";

/// A drill as the page has it.
struct Drill {
    title: String,
    command: String,
    /// What is pressed, and what comes up.
    rows: Vec<(String, Vec<String>)>,
}

fn drills() -> Vec<Drill> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operator.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("## Three drills\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.split("\n### ").skip(1).map(drill).collect()
}

fn drill(text: &str) -> Drill {
    let (_, command) = text.split_once("```sh\n").unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 2, "{line}");
        (cells[0].trim().to_owned(), quoted(cells[1]))
    });
    Drill {
        title: text.lines().next().unwrap().to_owned(),
        command: command.lines().next().unwrap().to_owned(),
        rows: rows.collect(),
    }
}

/// What stands in back-quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What a terminal sends for a key as the page names it; anything else is typed.
fn sent(key: &str) -> Vec<u8> {
    match key {
        "Enter" => b"\r".to_vec(),
        "Esc" => b"\x1b".to_vec(),
        text => text.as_bytes().to_vec(),
    }
}

/// Goes through a drill as somebody does who has nothing but the page.
fn go_through(title: &str) {
    if !has_virtual_bench() {
        return;
    }
    let drill = drills().into_iter().find(|drill| drill.title == title).unwrap();
    assert!(drill.rows.len() >= 8, "{title} has lost its table");
    let desk = Desk::new();
    let mut told = drill.command.clone();
    let mut command = Command::new("setsid");
    command.args(["--ctty", "sh", "-c", &drill.command]);
    let mut window = desk.open_with(command);
    for (keys, signs) in &drill.rows {
        assert!(!signs.is_empty(), "{title}: nothing is to be seen after {keys}");
        let _ = write!(told, "\n{keys} -> {signs:?}");
        if let Some(key) = keys.strip_prefix(BESIDE) {
            let screen = window.shows_within("KEYS:", PATIENCE, &told);
            window.types(&[letter(&screen, key.trim_matches('`'))]);
        } else {
            for key in quoted(keys) {
                window.types(&sent(&key));
                // A terminal tells Escape from the beginning of a longer key by what does not follow.
                if key == "Esc" {
                    window.settles();
                }
            }
        }
        for sign in signs {
            window.shows_within(sign, PATIENCE, &told);
        }
    }
    assert!(window.ends().is_some(), "{told}");
}

#[test]
fn the_page_has_three_drills() {
    let titles: Vec<String> = drills().into_iter().map(|drill| drill.title).collect();
    assert_eq!(titles, ["A cut", "A loose cable", "A hung phone"]);
}

#[test]
fn a_cut_is_drilled_as_the_page_says() {
    go_through("A cut");
}

#[test]
fn a_loose_cable_is_drilled_as_the_page_says() {
    go_through("A loose cable");
}

#[test]
fn a_hung_phone_is_drilled_as_the_page_says() {
    go_through("A hung phone");
}
