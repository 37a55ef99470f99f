//! `siprig check --cabling` on the virtual bench, with each kind of exchange planted in its bench file.

use std::process::Command;

use serde_json::Value;

use crate::virtual_run::refused;

/// What was found: the state of each finding, and what it is.
type Found = Vec<(String, String)>;

/// Runs the check and returns its exit code and what it found; none: no virtual bench here.
fn check(swapped: &[(&str, &str)]) -> Option<(Option<i32>, Found)> {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(["check", "--cabling", "--json", "--set", "virtual.phones=3"]).env("SIPRIG_STATE", state.path());
    for (part, phones) in swapped {
        command.arg("--set").arg(format!("virtual.swapped.{part}={phones}"));
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if refused(&output) {
        return None;
    }
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = document["findings"].as_array().unwrap_or_else(|| panic!("{document}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let found = findings.iter().map(|finding| (text(finding, "state"), text(finding, "what"))).collect();
    Some((output.status.code(), found))
}

/// What is said to be swapped, as `console of p1 = p2`.
fn swapped(found: &[(String, String)]) -> Vec<String> {
    let mut said: Vec<String> = found
        .iter()
        .filter(|(state, _)| state == "problem")
        .map(|(_, what)| {
            let (part, rest) = what.strip_prefix("the ").and_then(|it| it.split_once(" is that of ")).unwrap();
            format!("{part} = {}", rest.split(':').next().unwrap())
        })
        .collect();
    said.sort();
    said
}

#[test]
fn a_bench_that_is_cabled_rightly_is_proven_phone_by_phone() {
    let Some((code, found)) = check(&[]) else { return };
    let proof = "MAC address, address, extension, console and keypad belong together";
    let expected = ["p1", "p2", "p3"].map(|phone| ("ok".to_owned(), format!("{phone}: {proof}")));
    assert_eq!((code, found), (Some(0), expected.to_vec()));
}

#[test]
fn swapped_consoles_are_found() {
    finds(&[("consoles", r#"["p1","p2"]"#)], &["console of p1 = p2", "console of p2 = p1"]);
}

#[test]
fn swapped_keypads_are_found_also_three_in_a_ring() {
    let expected = ["keypad of p1 = p2", "keypad of p2 = p3", "keypad of p3 = p1"];
    finds(&[("keypads", r#"["p1","p2","p3"]"#)], &expected);
}

#[test]
fn swapped_consoles_and_keypads_are_found_together() {
    let expected = ["console of p1 = p3", "console of p3 = p1", "keypad of p1 = p3", "keypad of p3 = p1"];
    finds(&[("consoles", r#"["p1","p3"]"#), ("keypads", r#"["p1","p3"]"#)], &expected);
}

#[test]
fn swapped_extensions_are_found() {
    finds(&[("extensions", r#"["p1","p2"]"#)], &["extension of p1 = p2", "extension of p2 = p1"]);
}

#[test]
fn swapped_mac_addresses_are_found() {
    finds(&[("macs", r#"["p2","p3"]"#)], &["MAC address of p2 = p3", "MAC address of p3 = p2"]);
}

#[test]
fn swapped_addresses_are_found() {
    finds(&[("addresses", r#"["p1","p2"]"#)], &["address of p1 = p2", "address of p2 = p1"]);
}

fn finds(planted: &[(&str, &str)], expected: &[&str]) {
    let Some((code, found)) = check(planted) else { return };
    assert_eq!(swapped(&found), expected, "{found:#?}");
    assert_eq!(code, Some(3));
}
