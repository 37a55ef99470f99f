//! Settings of the PBX of a virtual bench, changed by the commands of its bench file: real processes, real commands.

use std::{fs, path::Path, process::Command};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    hooks::{document, end_when, journal},
    net::Bench,
};

const SWITCHED: &str = r#"
name = "switched"
title = "distribution is on for a while"

[[step]]
expect = "baseline"

[[step]]
pbx = { distribution = "on" }

[[step]]
wait = "1s"
"#;

/// A bench, and the scenario in its folder.
fn bench() -> Option<(Bench, String)> {
    let bench = Bench::start()?;
    let file = bench.folder.path().join("switched.toml");
    fs::write(&file, SWITCHED).unwrap();
    let run = format!("run {} --json", file.display());
    Some((bench, run))
}

#[test]
fn a_setting_is_read_set_read_back_and_set_back_by_real_commands() {
    let Some((bench, run)) = bench() else { return };
    let output = bench.inside(&run);
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    let records = journal(&bench);
    let ran = records.iter().filter(|record| record["observed"]["what"] == "pbx-ran");
    let told = ran.map(|record| (record["observed"]["act"].clone(), record["observed"]["outcome"]["output"].clone()));
    let read = |state: &str| (Value::from("read"), Value::from(state));
    let set = |state: &str| (serde_json::json!({ "set": state }), Value::from(state));
    let expected = [read("off"), set("on"), read("on"), set("off"), read("off")];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let verified = records.iter().any(|record| {
        let note = record["derived"]["note"].as_str();
        note.is_some_and(|note| note.contains("pbx.distribution reads as on, and was off"))
    });
    assert!(verified);
    assert_eq!(bench.end(), ["virtual"]);
}

#[test]
fn what_is_changed_when_a_run_is_ended_or_killed_is_set_back() {
    let Some((bench, run)) = bench() else { return };
    let changed = "pbx.distribution is changed, and was off";
    let said = end_when(&bench, &run, changed, Signal::SIGINT);
    assert!(said.contains("pbx.distribution is as it was"), "{said}");

    end_when(&bench, &run, changed, Signal::SIGKILL);
    let output = bench.inside("net restore");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("pbx.distribution was changed by a siprig that did not set it back"), "{told}");
    assert!(told.contains("setting it back to off"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");

    end_when(&bench, &run, changed, Signal::SIGKILL);
    let output = bench.inside(&run);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("setting it back to off"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{:#}", document(&output));

    end_when(&bench, &run, changed, Signal::SIGKILL);
    let output = bench.inside(r#"net restore --set 'pbx.distribution.set.off=["false"]'"#);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("pbx.distribution is left changed, and should be off"), "{told}");
    assert_eq!(output.status.code(), Some(3), "{told}");
}

#[test]
fn commands_that_hang_or_change_nothing_are_faults_of_the_bench_file() {
    let Some((bench, run)) = bench() else { return };
    let rows = [
        (r#"["sleep","600"]"#, "pbx-failed", "to set pbx.distribution to on did not end within 1s, and was killed"),
        (r#"["true"]"#, "pbx-unchanged", "pbx.distribution was set to on, and reads as off 1s later"),
    ];
    for (command, code, words) in rows {
        let set = format!("--set 'pbx.distribution.set.on={command}' --set pbx.distribution.limit=1s");
        let output = bench.inside(&format!("{run} {set}"));
        let document = document(&output);
        assert_eq!(output.status.code(), Some(3), "{document:#}");
        for case in document["cases"].as_array().unwrap() {
            let found = ["verdict", "blame", "code"].map(|key| case[key].as_str().unwrap());
            assert_eq!(found, ["rig-error", "configuration", code], "{case:#}");
            assert!(case["reason"].as_str().unwrap().contains(words), "{case:#}");
        }
    }
    assert_eq!(bench.end(), ["virtual"], "nothing is left changed");
}

#[test]
fn a_need_that_the_bench_lacks_is_said_by_a_dry_run() {
    let dry = |bench: &str, scenario: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(["run", scenario, "--dry-run", "--bench", bench]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let lacking = dry("rig/lab-example.toml", "distribution-switched");
    let skipped =
        "  needs pbx.distribution\n  skipped: needs pbx.distribution: the bench file has no [pbx.distribution]\n";
    assert!(lacking.contains(skipped), "{lacking}");
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("switched.toml");
    fs::write(&scenario, SWITCHED).unwrap();
    let known = dry(&fixture("bench-pbx"), &scenario.to_string_lossy());
    assert!(known.contains("pbx       distribution: off, on; read by `ssh root@10.77.0.2 print`\n"), "{known}");
    assert!(known.contains("by `ssh root@10.77.0.2 set on`; afterwards set back to what it was\n"), "{known}");
    assert!(!known.contains("skipped"), "{known}");
}

fn fixture(name: &str) -> String {
    Path::new("fixtures/config/valid").join(name).with_extension("toml").to_string_lossy().into_owned()
}
