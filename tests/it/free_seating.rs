//! A user who changes his phone in the course of a run: real phones' keys, a real server's seats, and the report that says so.

use std::{fs, process::Command};

use serde_json::Value;

use crate::virtual_run::refused;

/// The user of p1 logs off there and on at p2, ahead of an outage; p1 could not come home from one.
const SCENARIO: &str = r##"
name = "seat-changed"
title = "the user of p1 logs on at p2, and the primary goes away"
proves = "a line is judged at the phone where its user sits"
start = "registered"

[[step]]
title = "every line is registered at its primary"
expect = "baseline"

[[step]]
title = "the user of p1 leaves it"
dial = "#11#"
only = "callers"

[[step]]
wait = "3s"

[[step]]
title = "and logs on at p2"
dial = "*11*271828182845*1001#"
only = "callees"

[[step]]
wait = "5s"

[[step]]
title = "take the primary away"
outage = { server = "primary", limit = "20m" }

[[step]]
title = "every line moves to its backup"
expect = "failover"

[[step]]
title = "give the primary back"
lift = true

[[step]]
title = "every line comes home"
expect = "failback"
"##;

#[test]
fn the_line_of_a_user_who_moved_to_another_phone_is_judged_there_and_every_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = folder.path().join("rig/scenarios");
    fs::create_dir_all(&scenarios).unwrap();
    fs::write(scenarios.join("seat-changed.toml"), SCENARIO).unwrap();
    let siprig = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(words).current_dir(folder.path()).env("SIPRIG_STATE", folder.path().join("state"));
        command.output().unwrap()
    };
    let output = siprig(&[
        "run",
        "seat-changed",
        "--json",
        "--phones",
        "p1,p2",
        "--set",
        "expires=8s",
        "--set",
        "virtual.phone.p1.pin=\"271828182845\"",
        "--set",
        "virtual.phone.p1.defects=[\"never-fails-back\"]",
    ]);
    if refused(&output) {
        return;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let case = |phone: &str| document["cases"].as_array().unwrap().iter().find(|case| case["phone"] == phone).unwrap();

    let moved = case("p1");
    assert_eq!((&moved["line"], &moved["verdict"]), (&"1001".into(), &"pass".into()), "{document:#}\n{said}");
    let reason = moved["reason"].as_str().unwrap();
    assert!(reason.starts_with("at p2 since "), "{reason}");
    for name in ["failover", "failback"] {
        let value = moved["measurements"].as_array().unwrap().iter().find(|value| value["name"] == name);
        assert!(value.unwrap()["value"].as_f64().unwrap() > 0.0, "{moved:#}");
    }
    let other = case("p2");
    assert_eq!(
        (&other["verdict"], &other["blame"], &other["code"]),
        (&"rig-error".into(), &"unknown".into(), &"seat-taken".into()),
        "its own user was logged off by that: {other:#}"
    );

    let run = folder.path().join("reports").join(document["run"].as_str().unwrap());
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let records: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let evidence = moved["evidence"].as_array().unwrap();
    let heard =
        records.iter().filter(|record| evidence.contains(&record["seq"]) && record["observed"]["what"] == "sip");
    let at_p2 = heard.filter(|record| record["observed"]["phone"] == "p2").count();
    assert!(at_p2 >= 3, "what p2 asked and was answered carries the verdict: {moved:#}");
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains(reason), "the report does not say where he sits");
    assert!(said.contains("where its user has logged on"), "{said}");
    let verified = siprig(&["runs", "verify", "latest"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
