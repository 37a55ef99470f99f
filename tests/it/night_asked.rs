//! A night that is asked from outside where it is: while it goes on, when it was killed, and when it is over.

use std::{
    fs,
    io::BufReader,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    nightly::{Desk, QUICK, are_gone, send, text, told_of},
    operator_deaths::lives,
};

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
    let told = fs::read_to_string(desk.folder.path().join("night.prom")).unwrap();
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
    fs::create_dir_all(&night).unwrap();
    fs::write(night.join("night.jsonl"), "what is this\n").unwrap();
    let output = desk.command(&["status", "--json"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), String::new()));
    assert!(text(&output.stderr).contains("night.jsonl is not a ledger"), "{}", text(&output.stderr));
}

/// A suite that has its nights told to a script of this text.
fn telling(script: &str) -> Desk {
    let desk = Desk::new(&format!("{QUICK}[notify]\ncommand = [\"./tell.sh\"]\nlimit = \"1s\"\n"));
    let path = desk.folder.path().join("tell.sh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    desk
}

fn message(desk: &Desk) -> Value {
    serde_json::from_str(&fs::read_to_string(desk.folder.path().join("message.json")).unwrap()).unwrap()
}

#[test]
fn who_is_to_be_told_is_handed_what_a_night_came_to_and_a_sample_for_the_asking() {
    let desk = telling("cat > message.json");
    let tried = desk.command(&["nightly", "--suite", "suite.toml", "--test-message"]).output().unwrap();
    assert_eq!(tried.status.code(), Some(0), "{}", text(&tried.stderr));
    assert!(message(&desk)["test"] == true && !desk.folder.path().join("reports").exists());

    let Some(output) = desk.night(&["--annotations", "gitlab"]) else { return };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let message = message(&desk);
    assert_eq!((&message["schema"], &message["test"]), (&"siprig.message/1".into(), &false.into()));
    assert_eq!(message["verdict"], "Night short on virtual: 1 passed (exit code 0)");
    assert_eq!(message["directory"], desk.directory().canonicalize().unwrap().to_str().unwrap());
    let told = &desk.ledger("message")[0];
    assert!(told["why"].is_null() && desk.summary()["message"]["why"].is_null(), "{told}");
    assert_eq!(fs::read_to_string(desk.directory().join("gl-code-quality-report.json")).unwrap(), "[]\n");
}

#[test]
fn a_command_that_is_told_of_a_night_and_hangs_changes_nothing_and_ends_with_all_that_it_began() {
    let desk = telling("sleep 600 & echo $! > pid; printf '\\033[31mhanging'; wait");
    let Some(output) = desk.night(&[]) else { return };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("error: the message was not taken: ") && said.contains("did not end within 1s"), "{said}");
    assert!(!said.contains('\x1b') && said.contains("[31mhanging"), "{said}");
    let summary = desk.summary();
    assert!(summary["message"]["why"].as_str().unwrap().contains("did not end within 1s") && summary["exit"] == 0);
    let pid: u32 = fs::read_to_string(desk.folder.path().join("pid")).unwrap().trim().parse().unwrap();
    are_gone(&[(pid, "sleep 600 ".to_owned())]);
    assert!(!lives(pid, "sleep 600 "));

    let tried = desk.command(&["nightly", "--suite", "suite.toml", "--test-message"]).output().unwrap();
    assert_eq!(tried.status.code(), Some(3), "{}", text(&tried.stderr));
}

#[test]
fn a_command_that_is_not_there_is_said_and_changes_nothing() {
    let desk = telling("");
    fs::remove_file(desk.folder.path().join("tell.sh")).unwrap();
    let Some(output) = desk.night(&[]) else { return };
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("could not be run: No such file"), "{said}");
}

#[test]
fn a_night_says_something_again_and_again_without_escape_codes_and_tells_the_service_manager_that_it_goes_on() {
    let desk = telling("printf '\\033[31mred'; exit 7");
    let manager = UnixDatagram::bind(desk.folder.path().join("notify")).unwrap();
    let mut command = desk.command(&["nightly", "--suite", "suite.toml", "--set", "expires=14s", "--silence", "1s"]);
    command.env("NOTIFY_SOCKET", desk.folder.path().join("notify")).env("WATCHDOG_USEC", "2000000");
    command.envs([("TERM", "xterm-256color"), ("CLICOLOR_FORCE", "1")]).env_remove("NO_COLOR");
    let output = command.output().unwrap();
    let log = fs::read_to_string(desk.directory().join("1.1.baseline-1.log")).unwrap_or_default();
    if crate::virtual_run::refused(&std::process::Output { stderr: log.into(), ..output.clone() }) {
        return;
    }
    let (told, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!(told + &said).contains('\x1b') && said.contains("ended with exit code 7: \\u{1b}[31mred"), "{said}");
    // A run takes eleven seconds.
    assert!(said.lines().filter(|line| line.contains("still running")).count() >= 5, "{said}");

    manager.set_nonblocking(true).unwrap();
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length) = manager.recv(&mut buffer) {
        heard.push(text(&buffer[..length]));
    }
    assert!(heard[0].starts_with("READY=1\nSTATUS="), "{heard:?}");
    let signs = heard.iter().filter(|it| it.starts_with("WATCHDOG=1\nSTATUS=0 of 1 runs done")).count();
    assert!(signs >= 5, "the receiver's queue holds more (net.unix.max_dgram_qlen): {heard:?}");
}

#[test]
fn who_waits_for_a_bench_says_so_again_and_again() {
    let desk = Desk::new(QUICK);
    let Some((mut night, _said, run)) = desk.begin_to("run 1 of 1", "1.1.baseline-1.log") else { return };
    let waits = ["nightly", "--suite", "suite.toml", "--wait", "10m", "--silence", "100ms"];
    let mut second = desk.command(&waits).spawn().unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap());
    for _ in 0..4 {
        told_of(&mut said, "waiting: the bench `virtual` is in use by siprig nightly, suite short");
    }
    second.kill().unwrap();
    second.wait().unwrap();
    night.kill().unwrap();
    night.wait().unwrap();
    are_gone(&run);
}
