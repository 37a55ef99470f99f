//! Calls with a partner on the servers' side: the lab's own, and SIPp where it is installed.

use std::{fs, process::Command};

use serde_json::Value;

use crate::virtual_run::refused;

/// A run on the virtual bench with a partner; none: no virtual bench here.
fn run(arguments: &[&str]) -> Option<(Value, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(["run", "--json", "--set", "expires=8s"]).args(arguments);
    let output = command.current_dir(&folder).env("SIPRIG_STATE", folder.path().join("state")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if refused(&output) {
        return None;
    }
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let run = folder.path().join("reports").read_dir().unwrap().next().unwrap().unwrap().path();
    Some((document, fs::read_to_string(run.join("journal.jsonl")).unwrap()))
}

fn all_pass(document: &Value) {
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    assert!(cases.iter().all(|case| case["verdict"] == "pass"), "{document:#}");
}

#[test]
fn phones_are_called_from_the_servers_side_and_call_there() {
    for scenario in ["incoming-in-the-gap", "incoming-through-failover", "outgoing-on-backup"] {
        let Some((document, journal)) = run(&[scenario]) else { return };
        all_pass(&document);
        let begun = journal.lines().filter(|line| line.contains(r#""what":"peer-calls""#)).count();
        let expected = [("incoming-in-the-gap", 4), ("incoming-through-failover", 2), ("outgoing-on-backup", 0)];
        assert!(expected.contains(&(scenario, begun)), "{scenario}: {begun} calls of the peer");
    }
}

#[test]
fn speech_is_counted_both_ways_and_a_phone_that_falls_silent_when_it_moves_is_blamed() {
    let defect = "virtual.phone.p1.defects=[\"falls-silent-on-move\"]";
    // Silence counts from 5 s on: the phones come home when their next renewal is due.
    let arguments = ["incoming-through-failover", "--set", defect, "--set", "expires=24s"];
    let Some((document, journal)) = run(&arguments) else { return };
    let case = |phone: &str| document["cases"].as_array().unwrap().iter().find(|it| it["phone"] == phone).unwrap();
    let found = |case: &Value| ["verdict", "blame", "code"].map(|key| case[key].as_str().unwrap_or("none").to_owned());
    assert_eq!(found(case("p1")), ["fail", "phone", "one-way-media"], "{document:#}");
    assert_eq!(found(case("p2")), ["pass", "none", "none"], "{document:#}");
    let gap = |name: &str| {
        let measured = case("p2")["measurements"].as_array().unwrap().iter();
        measured.rev().find(|it| it["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    // A busy machine is late, and not for so long.
    assert!(gap("media-gap-sent") < 5_000.0 && gap("media-gap-heard") < 5_000.0, "{document:#}");
    let spoken = |phone: &str, toward: &str| {
        let records = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of = |it: &Value| {
            let it = &it["observed"];
            it["what"] == "spoke" && it["phone"] == phone && it["toward"] == toward
        };
        records.filter(of).filter_map(|it| it["observed"]["packets"].as_u64()).max().unwrap_or_default()
    };
    for phone in ["p1", "p2"] {
        for toward in ["server", "phone"] {
            assert!(spoken(phone, toward) > 50, "{phone} {toward}: {}", spoken(phone, toward));
        }
    }
    assert!(spoken("p1", "server") < spoken("p1", "phone"), "it said less than it heard");
}

#[test]
fn sipp_calls_phones_and_is_hung_up_by_them() {
    if Command::new("sipp").arg("-v").output().is_err() {
        println!("SKIPPED: SIPp is not installed");
        return;
    }
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/rig/real-software/sipp-calls.xml");
    let words = ["sipp", "{server}", "-sf", scenario, "-s", "{extension}", "-i", "10.77.0.250", "-m", "1", "-nostdin"];
    let command = format!("virtual.peer-call={words:?}");
    // What it does is seen at the phones; it is where the controller is, which has an address on the bridge.
    let Some((document, journal)) =
        run(&["incoming-through-failover", "--set", "virtual.push=true", "--set", &command])
    else {
        return;
    };
    all_pass(&document);
    let ended: Vec<&str> = journal.lines().filter(|line| line.contains(r#""what":"peer-called""#)).collect();
    assert_eq!(ended.len(), 2, "{ended:#?}");
    assert!(ended.iter().all(|line| !line.contains(r#""error""#)), "SIPp ends well when it is hung up: {ended:#?}");
}
