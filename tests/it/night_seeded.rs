//! A night on a bench with most of whose phones something is wrong: each case comes to what the documentation says.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::nightly::{Desk, text};

/// What each case is to come to, by scenario and phone, as `docs/suites.md` has it.
fn documented() -> BTreeMap<(String, String), String> {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/suites.md")).unwrap();
    let (_, table) = docs.split_once("<!-- seeded -->").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect();
    let mut rows = table.trim().lines().map(cells);
    let heading: Vec<String> = rows.next().unwrap();
    let of_row = |row: Vec<String>| {
        let phone = row[0].clone();
        let scenarios = heading.iter().zip(row).skip(2);
        scenarios.map(move |(scenario, cell)| ((scenario.clone(), phone.clone()), cell)).collect::<Vec<_>>()
    };
    rows.skip(1).flat_map(of_row).collect()
}

#[test]
fn every_case_of_a_night_with_seeded_faults_comes_to_its_true_class() {
    let desk = Desk::new("");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nights");
    let mut night = desk.command(&["nightly", "--suite"]);
    let night = night.arg(fixtures.join("seeded.toml")).arg("--bench").arg(fixtures.join("seeded-bench.toml"));
    let output = night.output().unwrap();
    if desk.was_refused(&output) {
        return;
    }
    assert_eq!(output.status.code(), Some(100), "{}", text(&output.stderr));
    let summary = desk.summary();
    let came_to = |case: &Value| {
        let word = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let came_to = match case["verdict"].as_str().unwrap() {
            "pass" => "pass".to_owned(),
            "fail" | "rig-error" => format!("{} {}", word("blame"), word("code")),
            other => other.to_owned(),
        };
        ((word("scenario"), word("phone")), came_to)
    };
    let reported: BTreeMap<_, _> = summary["cases"].as_array().unwrap().iter().map(came_to).collect();
    assert_eq!(reported.len(), 40);
    assert_eq!(reported, documented(), "{}", text(&output.stdout));
}
