//! The command as people and scripts meet it: help, messages, exit codes, documents, and nothing touched on errors.

use std::{
    fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nix::fcntl::{Flock, FlockArg};

/// A place for one test: working directory and state directory, both empty.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn siprig(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_siprig"))
            .args(arguments)
            .current_dir(self.path())
            .env("SIPRIG_STATE", self.path().join("state"))
            .env_remove("CLICOLOR_FORCE")
            .output()
            .unwrap()
    }

    /// Exit code, stdout and stderr as one text, with the places that differ from machine to machine taken out.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.siprig(arguments);
        let told = format!(
            "siprig {}\nexit {}\n--- stdout\n{}--- stderr\n{}",
            arguments.join(" "),
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(!told.contains('\x1b'), "escape codes off a terminal: {told:?}");
        told.replace(&fixtures().display().to_string(), "FIXTURES")
    }

    fn files(&self) -> Vec<PathBuf> {
        self.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config")
}

fn bench(name: &str) -> String {
    fixtures().join(name).display().to_string()
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    for command in ["", "run", "check", "virtual", "report", "runs", "runs list", "runs show", "runs verify"] {
        let mut arguments: Vec<_> = command.split_whitespace().collect();
        arguments.push("--help");
        let name = format!("help {command}").trim().replace(' ', "-");
        insta::assert_snapshot!(name, desk.told(&arguments));
    }
}

#[test]
fn each_kind_of_mistake_has_its_message_and_its_exit_code_and_touches_nothing() {
    let desk = Desk::new();
    let (typos, full, virtual_typo) =
        (bench("invalid/bench-typos.toml"), bench("valid/bench-full.toml"), bench("invalid/virtual-typo.toml"));
    let mistakes: &[(&str, &[&str])] = &[
        ("no-command", &[]),
        ("unknown-option", &["run", "--phone", "p1"]),
        ("unknown-scenario", &["run", "failver"]),
        ("missing-bench", &["run", "--bench", "nowhere.toml"]),
        ("unknown-bench", &["run", "--bench", "virtal"]),
        ("wrong-bench", &["run", "--bench", &typos]),
        ("wrong-virtual-bench", &["run", "--bench", &virtual_typo]),
        ("wrong-override", &["run", "--bench", &full, "--set", "timers.expirs=10m"]),
        ("wrong-override-of-the-virtual-bench", &["run", "--set", "virtual.phnes=3"]),
        ("override-without-value", &["run", "--set", "expires"]),
        ("unknown-phone", &["run", "--bench", &full, "--phones", "p1,p9"]),
        ("unknown-phone-of-the-virtual-bench", &["run", "--phones", "p5"]),
        ("time-without-unit", &["run", "--wait", "30"]),
        ("no-runs", &["report", "latest"]),
        ("unknown-run", &["runs", "show", "yesterday"]),
        ("not-virtual", &["virtual", "--bench", &full]),
        ("check-of-a-wrong-bench", &["check", "--bench", &typos]),
    ];
    for (name, arguments) in mistakes {
        insta::assert_snapshot!(format!("mistake-{name}"), desk.told(arguments));
        assert_eq!(desk.files(), [] as [PathBuf; 0], "{name} left something behind");
    }
}

#[test]
fn a_document_is_printed_even_when_nothing_ran() {
    let desk = Desk::new();
    let output = desk.siprig(&["run", "--json", "--bench", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(78));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["schema"], &document["exit"]), (&"siprig.run/1".into(), &78.into()));
    assert!(document["error"].as_str().unwrap().contains("nowhere.toml"), "{document}");
    assert_eq!(document["cases"], serde_json::json!([]));
}

#[test]
fn a_dry_run_tells_the_plan_and_touches_nothing() {
    let desk = Desk::new();
    let full = bench("valid/bench-full.toml");
    insta::assert_snapshot!("dry-run-of-a-lab", desk.told(&["run", "--bench", &full, "--dry-run", "--phones", "p2"]));
    insta::assert_snapshot!(
        "dry-run-of-the-virtual-bench",
        desk.told(&["run", "--dry-run", "--phones", "p1", "--set", "expires=20s"])
    );
    assert_eq!(desk.files(), [] as [PathBuf; 0]);
}

#[test]
fn a_bench_that_somebody_holds_is_busy_and_the_holder_is_named() {
    let desk = Desk::new();
    let full = bench("valid/bench-full.toml");
    let state = desk.path().join("state");
    fs::create_dir(&state).unwrap();
    let namespace = fs::metadata("/proc/self/ns/net").map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap();
    let path = state.join(format!("bench-{namespace}-full.lock"));
    fs::write(&path, r#"{"pid":4711,"name":"siprig run failover","since":"2026-11-23 22:15:03 UTC"}"#).unwrap();
    let file = fs::File::open(&path).unwrap();
    assert!(file.as_raw_fd() > 2);
    let held = Flock::lock(file, FlockArg::LockExclusive).unwrap();

    let json = desk.siprig(&["run", "--json", "--bench", &full]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.status.code(), &document["exit"]), (Some(75), &75.into()));
    insta::assert_snapshot!("busy", desk.told(&["run", "--bench", &full]));
    insta::assert_snapshot!("busy-after-waiting", desk.told(&["run", "--bench", &full, "--wait", "100ms"]));
    assert!(!desk.path().join("reports").exists());
    drop(held);
}

#[test]
fn a_run_without_its_ports_is_a_fault_of_the_rig() {
    let desk = Desk::new();
    let full = bench("valid/bench-full.toml");
    let told = desk.told(&["run", "--bench", &full, "--phones", "p1"]);
    // How soon it was told depends on the machine.
    insta::with_settings!({ filters => [(r"(?m)^ +\d+\.\d{3} ", "    (time) ")] }, {
        insta::assert_snapshot!("missing-port", told);
    });
}

#[test]
fn completions_and_manual_page_come_from_the_real_command_line() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.siprig(&["completions", shell]);
        assert!(script.status.success());
        assert!(String::from_utf8(script.stdout).unwrap().contains("report-dir"), "{shell}");
    }
    let page = desk.siprig(&["man"]);
    assert!(String::from_utf8(page.stdout).unwrap().contains("SIPRIG RUNS VERIFY"));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_siprig"))
        .arg("man")
        .current_dir(desk.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
