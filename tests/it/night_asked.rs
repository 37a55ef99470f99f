//! A night that is asked from outside where it is: while it goes on, when it was killed, and when it is over.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::nightly::{Desk, QUICK, are_gone, send, text, told_of};

/// What `siprig status` tells, with its exit code.
fn status(desk: &Desk) -> (Option<i32>, Value) {
    let output = desk.command(&["status", "--json"]).output().unwrap();
    assert_eq!(text(&output.stderr), "");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn where_a_night_is_can_be_asked_while_it_goes_on_when_it_was_killed_and_when_it_is_over() {
    let desk = Desk::new(&format!("{QUICK}repeat = 2\n"));
    let (exit, none) = status(&desk);
    assert_eq!((exit, &none["schema"], &none["night"]), (Some(4), &"siprig.status/1".into(), &Value::Null));
    assert!(!desk.folder.path().join("state").exists(), "who only asks leaves nothing behind");

    let Some((mut night, mut said, run)) = desk.begin_to("run 1 of 2", "1.1.baseline-1.log") else { return };
    let (exit, document) = status(&desk);
    let stands = &document["night"];
    assert_eq!((exit, &stands["state"], &stands["exit"]), (Some(0), &"running".into(), &Value::Null), "{stands}");
    assert_eq!(stands["runs"], serde_json::json!({"all": 2, "done": 0, "running": 1, "waiting": 1, "left": 0}));
    let flight = &stands["in_flight"];
    assert_eq!((&flight["run"], &flight["attempt"]), (&"1.1.baseline".into(), &1.into()));
    assert!(flight["doing"].as_str().unwrap().starts_with("step "), "{flight}");
    let people = desk.command(&["status"]).output().unwrap();
    assert!(text(&people.stdout).contains("0 of 2 done, 1 in flight, 1 to go"), "{}", text(&people.stdout));
    assert!(!text(&people.stdout).contains('\x1b'));
    told_of(&mut said, "run 2 of 2");

    send(night.id(), Signal::SIGKILL);
    night.wait().unwrap();
    are_gone(&run);
    let (exit, document) = status(&desk);
    assert_eq!((exit, &document["night"]["state"]), (Some(5), &"cut-off".into()));
    assert_eq!(document["night"]["counts"], serde_json::json!({"not-run": 1, "pass": 1}));

    let resumed = desk.command(&["nightly", "--resume", "latest"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    let (exit, document) = status(&desk);
    let stands = &document["night"];
    assert_eq!((exit, &stands["state"], &stands["exit"]), (Some(0), &"over".into(), &0.into()));
    assert_eq!((&stands["resumed"], &stands["left_ms"]), (&1.into(), &Value::Null));
}

#[test]
fn a_night_tells_its_metrics_while_it_goes_on_and_what_it_came_to_and_a_place_for_them_that_there_is_not_changes_nothing()
 {
    let desk = Desk::new(QUICK);
    let Some(output) = desk.night(&["--metrics", "night.prom"]) else { return };
    let told = std::fs::read_to_string(desk.folder.path().join("night.prom")).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let of = |metric: &str| told.lines().filter(|line| line.starts_with(metric)).collect::<Vec<_>>();
    let labels = "suite=\"short\",bench=\"virtual\"";
    assert_eq!(of("siprig_night_exit_code"), [format!("siprig_night_exit_code{{{labels}}} 0")]);
    let passed = format!("siprig_night_cases{{{labels},verdict=\"pass\",blame=\"none\",known=\"false\"}} 1");
    assert_eq!(of("siprig_night_cases"), [passed]);
    assert!(!desk.folder.path().join("night.partial").exists());

    let resumed = desk.command(&["nightly", "--resume", "latest", "--metrics", "nowhere/night.prom"]).output().unwrap();
    let said = text(&resumed.stderr);
    assert_eq!((resumed.status.code(), said.matches("the metrics are not told").count()), (Some(0), 1), "{said}");
}

#[test]
fn a_ledger_that_can_not_be_read_is_said_to_be_so() {
    let desk = Desk::new(QUICK);
    let night = desk.folder.path().join("reports/2026-11-25T221503Z-short");
    std::fs::create_dir_all(&night).unwrap();
    std::fs::write(night.join("night.jsonl"), "what is this\n").unwrap();
    let output = desk.command(&["status", "--json"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), String::new()));
    assert!(text(&output.stderr).contains("night.jsonl is not a ledger"), "{}", text(&output.stderr));
}
