//! Phones of a virtual bench that are set otherwise by their files: real files, a real TFTP server and real boots.

use std::{collections::BTreeSet, fs};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    hooks::{document, end_when, journal, journal_of},
    net::Bench,
};

const SET: &str = r#"
name = "set"
title = "phones ask for another lifetime for a while"

[[step]]
expect = "baseline"

[[step]]
configure = { "sip registration period" = 20 }

[[step]]
wait = "1s"
"#;

/// What is told when the phones' files are written, and before anything else comes of it.
const WRITTEN: &str = "00085D770002.cfg of p2 was written";

/// A bench of two phones that load their files, and the scenario in its folder.
fn bench(more: &[&str]) -> Option<(Bench, String)> {
    let of_bench = ["--set", "virtual.provisioning=true", "--set", "virtual.phones=2"];
    let bench = Bench::start_with(&[&of_bench, more].concat())?;
    let file = bench.folder.path().join("set.toml");
    fs::write(&file, SET).unwrap();
    let run = format!("run {} --json", file.display());
    Some((bench, run))
}

fn found(document: &Value, phone: &str) -> [String; 3] {
    let case = document["cases"].as_array().unwrap().iter().find(|case| case["phone"] == phone).unwrap();
    ["verdict", "blame", "code"].map(|key| case[key].as_str().unwrap_or("none").to_owned())
}

#[test]
fn phones_load_what_is_written_go_by_it_and_are_set_back() {
    let defect = "virtual.phone.p2.defects=[\"ignores-files\"]";
    let Some((bench, run)) = bench(&["--set", defect]) else { return };
    let output = bench.inside(&run);
    let document = document(&output);
    assert_eq!(found(&document, "p1"), ["pass", "none", "none"], "{document:#}");
    assert_eq!(found(&document, "p2"), ["fail", "phone", "setting-without-effect"], "{document:#}");
    let records = journal(&bench);
    let of = |what: &str| -> Vec<&Value> {
        records.iter().map(|record| &record["observed"]).filter(|it| it["what"] == what).collect()
    };
    let files: Vec<bool> = of("phone-file-written").into_iter().map(|it| it["settings"].is_null()).collect();
    assert_eq!(files, [false, false, true, true], "written, and written back");
    // A phone that is switched on loads its files as well.
    let written = records.iter().skip_while(|record| record["observed"]["what"] != "phone-file-written");
    let own = |it: &&Value| it["file"] == "00085D770001.cfg" && it["server"] == "a";
    let own = written.map(|record| &record["observed"]).filter(own).filter(|it| it["what"] == "fetched").count();
    assert_eq!(own, 2, "once for the settings, and once for the base set");
    let asked = records.iter().filter(|record| {
        let note = record["derived"]["note"].as_str().unwrap_or_default();
        record["derived"]["case"]["phone"] == "p1" && note.contains("it asks for 20 s")
    });
    assert_eq!(asked.count(), 1, "what the boot has shown is said");
    // A check sees what the last run has left in the folder that is served.
    let checked = bench.inside("check");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("serves the 3 files of"), "{said}");
    assert_eq!(bench.end(), ["virtual"]);
}

#[test]
fn what_is_written_when_a_run_is_ended_or_killed_is_written_back_and_the_phones_are_restarted_by_the_next() {
    let Some((bench, run)) = bench(&[]) else { return };
    let said = end_when(&bench, &run, WRITTEN, Signal::SIGINT);
    assert!(said.contains("00085D770002.cfg of p2 is as it was"), "{said}");

    end_when(&bench, &run, WRITTEN, Signal::SIGKILL);
    let output = bench.inside("net restore");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let left = "00085D770002.cfg of p2 was written by a siprig that did not write it back";
    assert!(told.contains(left) && told.contains("writing it back"), "{told}");
    assert!(told.contains("p1, p2 may go by settings of a run that did not come to its end"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");

    // Nobody has seen the phones boot since.
    let output = bench.inside("run baseline --json");
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    let records = journal_of(&bench, &document);
    let settled: BTreeSet<&str> = records
        .iter()
        .filter(|record| record["action"]["do"] == "settle-phone-file")
        .filter_map(|record| record["action"]["phone"].as_str())
        .collect();
    assert_eq!(settled, BTreeSet::from(["p1", "p2"]), "both have loaded the base set");
    let told = String::from_utf8_lossy(&bench.inside("net restore").stderr).into_owned();
    assert!(!told.contains("may go by settings"), "{told}");
    assert_eq!(bench.end(), ["virtual"]);
}
