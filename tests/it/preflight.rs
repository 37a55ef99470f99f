//! `siprig check --preflight` on the virtual bench: what is seeded there is found by its code, and a healthy bench is all right.

use std::process::{Command, Output};

use serde_json::Value;

use crate::virtual_run::refused;

/// What came of a preflight.
struct Told {
    exit: Option<i32>,
    document: Value,
}

impl Told {
    /// State, code and phone of each finding that is not as it should be; `-` for what is of the bench. Clocks are whatever
    /// this machine's are.
    fn amiss(&self) -> Vec<[String; 3]> {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        let findings = self.document["findings"].as_array().unwrap_or_else(|| panic!("{}", self.document));
        let amiss = findings.iter().filter(|finding| finding["state"] != "ok" && finding["state"] != "skipped");
        let amiss = amiss.filter(|finding| finding["area"] != "clock");
        let mut amiss: Vec<_> = amiss.map(|finding| ["state", "code", "phone"].map(|key| text(finding, key))).collect();
        amiss.sort();
        amiss
    }

    /// Codes of what is all right with a phone.
    fn fine(&self, phone: &str) -> Vec<&str> {
        let findings = self.document["findings"].as_array().into_iter().flatten();
        let fine = findings.filter(|finding| finding["state"] == "ok" && finding["phone"] == phone);
        fine.filter_map(|finding| finding["code"].as_str()).collect()
    }
}

/// Looks at a virtual bench; none: there is none here.
fn output(changes: &[&str], more: &[&str]) -> Option<Output> {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    // Whoever runs the tests need not be able to write where they are.
    command.args(["check", "--preflight", "--report-dir"]).arg(state.path()).env("SIPRIG_STATE", state.path());
    for change in changes {
        command.args(["--set", change]);
    }
    let output = command.args(more).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    (!refused(&output)).then_some(output)
}

/// The same, as a program is told.
fn preflight(changes: &[&str], more: &[&str]) -> Option<Told> {
    let output = output(changes, &[&["--json"], more].concat())?;
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    Some(Told { exit: output.status.code(), document })
}

#[test]
fn a_healthy_bench_is_all_right_and_each_finding_has_its_phone_and_code() {
    let Some(told) = preflight(&["virtual.phones=2", "virtual.licences=2"], &[]) else { return };
    assert_eq!((told.amiss(), told.exit), (vec![], Some(0)), "{}", told.document);
    assert_eq!(told.document["schema"], "siprig.check/1");
    for phone in ["p1", "p2"] {
        assert_eq!(told.fine(phone), ["cabling", "console", "keypad", "registered", "firmware"], "{}", told.document);
    }
    let findings = told.document["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["code"].is_string()), "{}", told.document);
    let value =
        |code: &str| findings.iter().find(|it| it["code"] == code).unwrap_or_else(|| panic!("{code}"))["value"].clone();
    assert_eq!(value("firmware"), "3.2.0.70-SIP");
    assert_eq!(value("licences"), "2");
    let disk = findings.iter().find(|finding| finding["code"] == "disk").unwrap();
    assert!(disk.get("phone").is_none(), "it is of the bench: {disk}");
}

#[test]
fn people_are_told_of_a_healthy_bench_in_lines_of_which_none_is_a_problem() {
    let Some(output) = output(&["virtual.phones=2"], &[]) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ok       registration 1002 of p2 is registered at its primary"), "{text}");
    assert!(!text.contains("PROBLEM") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn consoles_that_are_crossed_are_found_also_where_only_one_of_the_phones_is_looked_at() {
    let crossed = ["virtual.phones=3", r#"virtual.swapped.consoles=["p1","p2"]"#];
    let Some(told) = preflight(&crossed, &[]) else { return };
    let swapped = |phone: &str| ["problem", "console-swapped", phone].map(str::to_owned);
    assert_eq!((told.amiss(), told.exit), (vec![swapped("p1"), swapped("p2")], Some(3)), "{}", told.document);
    let Some(told) = preflight(&crossed, &["--phones", "p1"]) else { return };
    assert!(told.amiss().contains(&swapped("p1")), "{}", told.document);
    let about = |name: &str| told.document["findings"].as_array().unwrap().iter().any(|it| it["phone"] == name);
    assert!(about("p1") && !about("p2") && !about("p3"), "{}", told.document);
}

/// Looks at a bench in which this is seeded, no longer than a while, and holds what is amiss against what should be.
fn finds(changes: &[&str], expected: &[[&str; 3]]) {
    let all = [&["virtual.phones=2"], changes].concat();
    let Some(told) = preflight(&all, &["--listen", "15s"]) else { return };
    assert_eq!(
        (told.amiss(), told.exit),
        (expected.iter().map(|it| it.map(str::to_owned)).collect(), Some(3)),
        "{}",
        told.document
    );
}

#[test]
fn crossed_keypads_are_found() {
    let swapped = |phone| ["problem", "keypad-swapped", phone];
    finds(&[r#"virtual.swapped.keypads=["p1","p2"]"#], &[swapped("p1"), swapped("p2")]);
}

#[test]
fn a_keypad_that_presses_nothing_is_found_though_it_acknowledges() {
    finds(&[r#"virtual.phone.p2.defects=["deaf-keypad"]"#], &[["problem", "keypad-mute", "p2"]]);
}

#[test]
fn a_console_that_is_silent_is_found_and_its_phone_has_no_pass_by_the_wire_alone() {
    let silent = [["problem", "console-silent", "p2"], ["problem", "keypad-mute", "p2"]];
    finds(&[r#"virtual.phone.p2.defects=[{console-silent-after="0s"}]"#], &silent);
}

#[test]
fn a_phone_that_is_registered_at_its_backup_is_found() {
    let at_backup = ["problem", "registered-at-backup", "p2"];
    finds(&[r#"virtual.phone.p2.defects=["registers-at-backup"]"#], &[at_backup]);
}

#[test]
fn phones_that_are_registered_nowhere_are_found() {
    let nowhere = |phone| ["problem", "not-registered", phone];
    finds(&[r#"virtual.server.a.defects=[{reject=403}]"#], &[nowhere("p1"), nowhere("p2")]);
}

#[test]
fn a_server_that_keeps_no_binding_of_a_line_that_it_took_is_found() {
    let forgets = [r#"virtual.witnesses=["server"]"#, r#"virtual.server.a.defects=[{forgets-line="1002"}]"#];
    finds(&forgets, &[["problem", "binding-forgotten", "p2"]]);
}

#[test]
fn too_few_licences_are_found() {
    finds(&["virtual.licences=1"], &[["problem", "licences-few", "-"]]);
}

#[test]
fn a_phone_without_a_console_is_known_by_the_wire_and_its_firmware_by_its_name() {
    let Some(told) = preflight(&["virtual.phones=2", "virtual.phone.p2.console-unplugged=true"], &[]) else { return };
    assert_eq!((told.amiss(), told.exit), (vec![], Some(0)), "{}", told.document);
    let findings = told.document["findings"].as_array().unwrap();
    let firmware = findings.iter().find(|it| it["code"] == "firmware" && it["phone"] == "p2").unwrap();
    assert_eq!(firmware["value"], "Aastra 6731i/3.2.0.70-SIP");
}

#[test]
fn the_files_of_phones_have_fingerprints() {
    let Some(told) = preflight(&["virtual.phones=2", "virtual.provisioning=true"], &[]) else { return };
    assert_eq!((told.amiss(), told.exit), (vec![], Some(0)), "{}", told.document);
    let prints = told.document["findings"].as_array().unwrap().iter().filter(|it| it["code"] == "configuration");
    let mut of: Vec<_> =
        prints.map(|it| (it["phone"].as_str().unwrap_or("-"), it["value"].as_str().map_or(0, str::len))).collect();
    of.sort_unstable();
    assert!(of.contains(&("p1", 64)) && of.contains(&("p2", 64)) && of.contains(&("-", 64)), "{of:?}");
}
