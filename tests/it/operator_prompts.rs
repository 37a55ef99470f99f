//! A run that needs a person, and the person at its console.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::operator_console::{Desk, has_virtual_bench};

/// A scenario that asks for something twice, so long that nobody waits for its end.
const SCENARIO: &str = r#"
name = "handset"
title = "a person lifts a handset"

[[step]]
expect = "baseline"

[[step]]
title = "handset"
ask = "Lift the handset of {phone} and put it back"
limit = "50m"
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    fs::write(desk.folder().join("handset.toml"), SCENARIO).unwrap();
    desk
}

fn run(desk: &Desk, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(["run", "./handset.toml", "--phones", "p1,p2", "--json"]).args(more);
    command.current_dir(desk.folder()).env("SIPRIG_STATE", desk.folder().join("state"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn everybody_who_has_the_run_open_is_asked_and_the_first_answer_counts() {
    if !has_virtual_bench() {
        return;
    }
    let desk = desk();
    let mut own = desk.open(&["./handset.toml", "--phones", "p1,p2"]);
    own.shows("OPERATOR NEEDED (5 shows it)");
    let mut other = desk.open(&["--attach"]);
    for window in [&mut own, &mut other] {
        window.types(b"5");
        let box_ = window.shows("y done   s skip   a abort the run");
        assert!(box_.contains("Lift the handset of p1 and put it back"), "{box_}");
    }
    own.types(b"y");
    own.shows("Lift the handset of p2");
    other.shows("OPERATOR NEEDED 2/2: p2");
    other.shows("y done   s skip");
    other.types(b"s");
    other.shows("  ended");
    own.shows("  ended");
    other.types(b"1q");
    assert_eq!(other.ends(), Some(0));
    own.types(b"1q");
    let said = own.sees("What was asked of an operator:");
    assert_eq!(own.ends(), Some(0), "{said}");
    let table = own.sees("Lift the handset of p2 and put it back: skipped by ");
    assert!(table.contains("Lift the handset of p1 and put it back: done by "), "{table}");
    assert!(table.contains("operator-skipped"), "{table}");
    let journal = desk.journal().unwrap();
    assert_eq!(journal.matches(r#""what":"reply-given""#).count(), 2);
    let page = fs::read_to_string(desk.run().join("report.html")).unwrap();
    assert!(page.contains("Lift the handset of p1 and put it back: done by "));
}

#[test]
fn a_run_that_nobody_attends_does_not_wait_and_says_where_it_could_be_answered() {
    if !has_virtual_bench() {
        return;
    }
    let desk = desk();
    let output = run(&desk, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("siprig console --attach"), "{said}");
    assert_eq!(output.status.code(), Some(4), "nothing but skipped cases: {said}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for case in document["cases"].as_array().unwrap() {
        assert_eq!(
            (case["verdict"].as_str(), case["code"].as_str()),
            (Some("skipped"), Some("needs-operator")),
            "{case}"
        );
    }
}

#[test]
fn a_run_that_is_to_be_attended_waits_for_whoever_comes() {
    if !has_virtual_bench() {
        return;
    }
    let desk = desk();
    let waiting = run(&desk, &["--attended"]).spawn().unwrap();
    desk.is_told(r#""what":"operator-asked""#);
    let mut window = desk.open(&["--attach"]);
    window.types(b"5");
    for phone in ["p1", "p2"] {
        window.shows(&format!("Lift the handset of {phone} "));
        window.shows("y done");
        window.types(b"y");
    }
    window.shows("  ended");
    window.types(b"1q");
    assert_eq!(window.ends(), Some(0));
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_dry_run_says_whom_it_would_ask_and_for_how_long() {
    let desk = desk();
    let output = run(&desk, &["--dry-run"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("2. handset\n      asks a person, at `siprig console --attach`; without an answer in 50m"),
        "{said}"
    );
}
