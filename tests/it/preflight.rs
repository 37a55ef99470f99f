//! `siprig check --preflight` on the virtual bench: what is seeded there is found by its code, and a healthy bench is all right.

use std::process::Command;

use serde_json::Value;

use crate::virtual_run::refused;

/// What came of a preflight.
struct Told {
    exit: Option<i32>,
    document: Value,
}

impl Told {
    /// State, code and phone of each finding that is not as it should be; `-` for what is of the bench.
    fn amiss(&self) -> Vec<[String; 3]> {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        let findings = self.document["findings"].as_array().unwrap_or_else(|| panic!("{}", self.document));
        let amiss = findings.iter().filter(|finding| finding["state"] != "ok" && finding["state"] != "skipped");
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
fn preflight(changes: &[&str], more: &[&str]) -> Option<Told> {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(["check", "--preflight", "--json"]).env("SIPRIG_STATE", state.path());
    for change in changes {
        command.args(["--set", change]);
    }
    let output = command.args(more).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if refused(&output) {
        return None;
    }
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    Some(Told { exit: output.status.code(), document })
}

#[test]
fn a_healthy_bench_is_all_right_and_each_finding_has_its_phone_and_code() {
    let Some(told) = preflight(&["virtual.phones=2"], &[]) else { return };
    assert_eq!((told.amiss(), told.exit), (vec![], Some(0)), "{}", told.document);
    assert_eq!(told.document["schema"], "siprig.check/1");
    for phone in ["p1", "p2"] {
        assert!(told.fine(phone).contains(&"cabling"), "{}", told.document);
    }
    let findings = told.document["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["code"].is_string()), "{}", told.document);
    let disk = findings.iter().find(|finding| finding["code"] == "disk").unwrap();
    assert!(disk.get("phone").is_none(), "it is of the bench: {disk}");
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
