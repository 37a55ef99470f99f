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
    let runs = ["runs", "runs list", "runs show", "runs verify", "runs prune"];
    let net = ["net", "net show", "net block", "net shape", "net restore"];
    let keys = ["phone press", "phone dial", "phone learn"];
    for command in ["", "run", "nightly", "status", "analyze", "check", "serial", "virtual", "report"]
        .into_iter()
        .chain(runs)
        .chain(net)
        .chain(keys)
    {
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
    let (suite_phones, suite_link) = (bench("invalid/suite-phones.toml"), bench("valid/suite-link.toml"));
    let mistakes: &[(&str, &[&str])] = &[
        ("no-command", &[]),
        ("unknown-option", &["run", "--phone", "p1"]),
        ("unknown-scenario", &["run", "failver"]),
        ("missing-bench", &["run", "--bench", "nowhere.toml"]),
        ("endless-bench", &["run", "--bench", "/dev/zero"]),
        ("too-many-phones", &["run", "--set", "virtual.phones=300"]),
        ("endless-lifetime", &["run", "--set", "expires=9999h"]),
        ("unknown-bench", &["run", "--bench", "virtal"]),
        ("wrong-bench", &["run", "--bench", &typos]),
        ("wrong-virtual-bench", &["run", "--bench", &virtual_typo]),
        ("wrong-override", &["run", "--bench", &full, "--set", "timers.expirs=10m"]),
        ("wrong-override-of-the-virtual-bench", &["run", "--set", "virtual.phnes=3"]),
        ("override-without-value", &["run", "--set", "expires"]),
        ("link-down-of-protected-devices", &["run", "link-down", "--bench", &full]),
        ("link-down-unsaid", &["run", "failover", "link-down"]),
        ("unknown-phone", &["run", "--bench", &full, "--phones", "p1,p9"]),
        ("unknown-phone-of-the-virtual-bench", &["run", "--phones", "p5"]),
        ("time-without-unit", &["run", "--wait", "30"]),
        ("no-runs", &["report", "latest"]),
        ("unknown-run", &["runs", "show", "yesterday"]),
        ("not-virtual", &["virtual", "--bench", &full]),
        ("net-of-the-virtual-bench", &["net", "show"]),
        ("press-on-the-virtual-bench", &["phone", "press", "p1", "options"]),
        ("press-of-nothing", &["phone", "press", "p1", "options:soon", "--bench", &full]),
        ("press-on-an-unknown-phone", &["phone", "press", "p9", "options", "--bench", &full]),
        ("dial-of-letters", &["phone", "dial", "p1", "12a", "--bench", &full]),
        ("net-unknown-server", &["net", "block", "primry", "--bench", &full]),
        ("net-unknown-phone", &["net", "block", "primary", "--bench", &full, "--phones", "p11"]),
        ("net-answer-without-code", &["net", "block", "a", "--bench", &full, "--mode", "answer"]),
        ("net-code-without-answer", &["net", "block", "a", "--bench", &full, "--code", "503"]),
        ("net-redirection", &["net", "block", "a", "--bench", &full, "--mode", "answer", "--code", "302"]),
        ("net-one-way-refusal", &["net", "block", "a", "--bench", &full, "--mode", "refuse", "--one-way", "answers"]),
        (
            "net-part-that-nobody-asks-for",
            &["net", "block", "a", "--bench", &full, "--mode", "unresolvable", "--ports", "80"],
        ),
        ("net-link-down-unsaid", &["net", "block", "a", "--bench", &full, "--mode", "link-down"]),
        (
            "net-link-down-for-some",
            &["net", "block", "a", "--bench", &full, "--mode", "link-down", "--allow-link-down", "--phones", "p1"],
        ),
        ("net-side-of-no-link", &["net", "block", "a", "--bench", &full, "--side", "phone"]),
        ("net-scope-and-ports", &["net", "block", "a", "--bench", &full, "--scope", "sip", "--ports", "80"]),
        ("net-unknown-message", &["net", "block", "a", "--bench", &full, "--only", "metod=INVITE"]),
        ("net-too-long", &["net", "block", "a", "--bench", &full, "--for", "25h"]),
        ("net-nothing-shaped", &["net", "shape", "a", "--bench", &full]),
        ("net-no-share", &["net", "shape", "a", "--bench", &full, "--loss", "20"]),
        ("net-impossible-bursts", &["net", "shape", "a", "--bench", &full, "--loss", "90%", "--burst", "5"]),
        ("nightly-of-nothing", &["nightly"]),
        ("nightly-unknown-suite", &["nightly", "--suite", "nightli"]),
        ("nightly-of-phones-that-the-bench-has-not", &["nightly", "--suite", &suite_phones, "--bench", &full]),
        ("nightly-of-no-tag", &["nightly", "--suite", "nightly", "--tags", "quick,short"]),
        ("nightly-link-down-unsaid", &["nightly", "--suite", &suite_link]),
        ("nightly-unknown-night", &["nightly", "--resume", "latest"]),
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
    let link = desk.told(&["run", "link-down", "--dry-run", "--phones", "p1"]);
    let said = "the interface of the server side is switched off; needs --allow-link-down; ends by itself after 1h\n      with it, \
                for everybody: every server (a, b), whatever else is behind servers0\n";
    assert!(link.contains(said), "{link}");
    assert_eq!(desk.files(), [] as [PathBuf; 0]);
}

#[test]
fn a_dry_run_of_a_night_tells_its_runs_and_what_there_is_no_time_for() {
    let desk = Desk::new();
    let (full, suite) = (bench("valid/bench-full.toml"), desk.path().join("weekend.toml").display().to_string());
    let entry = |scenarios: &str, more: &str| format!("[[entry]]\nscenarios = {scenarios}\n{more}\n");
    let issue = |phone: &str, expires: &str| {
        format!(
            "[[known-issue]]\nscenario = \"failover\"\n{phone}\ncode = \"late\"\nreason = \"ticket 4711\"\nexpires = {expires}\n"
        )
    };
    let text = [
        "name = \"weekend\"\n".to_owned(),
        entry(r#"["baseline", "failover"]"#, "phones = [\"p2\"]\nrepeat = 2\npriority = 1"),
        entry(r#"["settling"]"#, "tags = [\"slow\"]"),
        issue("phone = \"p2\"", "2999-12-31"),
        issue("", "2020-01-01"),
    ];
    fs::write(&suite, text.concat()).unwrap();
    let told = |more: &[&str]| {
        let arguments = ["nightly", "--suite", &suite, "--bench", &full, "--dry-run"];
        desk.told(&[&arguments, more].concat()).replace(&desk.path().display().to_string(), "DESK")
    };
    insta::assert_snapshot!("dry-run-of-a-night", told(&[]));
    insta::assert_snapshot!("dry-run-of-a-short-night", told(&["--budget", "40m", "--set", "expires=2m"]));
    let slow = told(&["--tags", "slow"]);
    assert!(slow.contains("2.1.settling") && !slow.contains("baseline"), "{slow}");
    assert_eq!(desk.files(), [PathBuf::from(&suite)]);
}

#[test]
fn a_dry_run_says_which_outages_phones_have_to_do_without() {
    let full = bench("valid/bench-full.toml");
    let routed = "server.a.gateway=\"10.77.0.1\"";
    let told = Desk::new().told(&["run", "outage-matrix", "--bench", &full, "--dry-run", "--set", routed]);
    let skipped = "skipped for p1, p2, up to the next outage: needs a server on the link: server a is behind the gateway 10.77.0.1,";
    assert_eq!(told.matches("skipped for ").count(), 1, "{told}");
    assert!(told.contains(skipped), "{told}");
    let (before, _) = told.split_once(skipped).unwrap();
    let last: Vec<&str> = before.lines().rev().take(3).map(str::trim).collect();
    assert!(last[1].starts_with("unresolvable; ") && last[2].ends_with("(where the phone can)"), "{last:?}");
}

#[test]
fn a_bench_on_which_a_night_goes_on_is_busy_between_its_runs_as_well() {
    let desk = Desk::new();
    let full = bench("valid/bench-full.toml");
    let state = desk.path().join("state");
    fs::create_dir(&state).unwrap();
    let namespace = fs::metadata("/proc/self/ns/net").map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap();
    let path = state.join(format!("night-{namespace}-full.lock"));
    fs::write(&path, r#"{"pid":4711,"name":"siprig nightly, suite weekend","since":"2026-11-23 22:15:03 UTC"}"#)
        .unwrap();
    let held = Flock::lock(fs::File::open(&path).unwrap(), FlockArg::LockExclusive).unwrap();
    let suite = ["nightly", "--suite", "nightly", "--bench", &full];
    for arguments in [&["run", "--bench", &full][..], &suite, &[&suite[..], &["--wait", "100ms"]].concat()] {
        let output = desk.siprig(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{said}");
        let holder =
            "the bench `full` is in use by siprig nightly, suite weekend (process 4711) since 2026-11-23 22:15:03 UTC";
        assert!(said.contains(holder), "{said}");
        assert_eq!(said.contains("waiting: "), arguments.contains(&"--wait"), "{said}");
    }
    assert!(!desk.path().join("reports").exists());
    drop(held);
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
    // How long it took to get there is no matter of the message.
    let timed = told.lines().find(|line| line.contains("failover on bench")).unwrap();
    let (time, _) = timed.trim_start().split_once(' ').unwrap();
    insta::assert_snapshot!("missing-port", told.replace(time, "TIME"));
    let left = desk.path().join("reports").read_dir().unwrap().count();
    assert_eq!(left, 0, "the directory of a run that did not take place");
}

#[test]
fn configuration_files_of_phones_are_judged_phone_by_phone_and_never_betray_a_secret() {
    let desk = Desk::new();
    let folder = |name: &str| bench(&format!("aastra/{name}"));
    for (name, exit) in [("good", 0), ("bad", 78), ("slow", 78), ("logged-off", 78)] {
        let told = desk.told(&["check", "--config", &folder(name)]);
        assert!(told.contains(&format!("exit {exit}\n")), "{told}");
        assert!(!told.contains("hush"), "{told}");
        insta::assert_snapshot!(format!("audit-{name}"), told);

        let json = desk.siprig(&["check", "--config", &folder(name), "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!((&document["schema"], &document["exit"]), (&"siprig.audit/1".into(), &exit.into()));
        assert!(!document.to_string().contains("hush"));
    }
    assert_eq!(desk.files(), [] as [PathBuf; 0]);
}

#[test]
fn the_document_of_an_audit_has_a_verdict_and_the_expected_times_for_each_phone() {
    let desk = Desk::new();
    let json = desk.siprig(&["check", "--json", "--config", &bench("aastra/slow"), &bench("aastra/good")]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let phones = document["phones"].as_array().unwrap();
    let verdicts: Vec<_> = phones.iter().map(|phone| (&phone["phone"], &phone["verdict"])).collect();
    let (note, error) = (serde_json::json!("note"), serde_json::json!("error"));
    let names = ["any phone", "00085D237429", "00085D23742A"].map(serde_json::Value::from);
    assert_eq!(verdicts, [(&names[0], &error), (&names[1], &note), (&names[2], &note)]);
    let expected = serde_json::json!({"best_s": 32.0, "mean_s": 324.5, "worst_s": 617.0});
    assert_eq!(phones[0]["lines"][0]["failover"], expected);
    assert_eq!(phones[0]["lines"][0]["binding_lapses"], true);
    assert_eq!(phones[2]["lines"][1]["lifetime_s"], 120.0);
}

#[test]
fn files_named_one_by_one_are_layers_whatever_their_order_and_each_must_be_somebodys() {
    let desk = Desk::new();
    let file = |name: &str| bench(&format!("aastra/{name}"));
    let layers = [file("logged-off/local.cfg"), file("logged-off/00085D237429.cfg"), file("logged-off/aastra.cfg")];
    let ordered = desk.siprig(&["check", "--config", &layers[0], &layers[1], &layers[2], "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&ordered.stdout).unwrap();
    let files: Vec<_> =
        document["phones"][0]["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert_eq!(files, [layers[2].as_str(), &layers[1], &layers[0]]);
    insta::assert_snapshot!("audit-foreign", desk.told(&["check", "--config", &file("bad/reception.cfg")]));
    insta::assert_snapshot!("audit-missing", desk.told(&["check", "--config", "nowhere.cfg"]));
    insta::assert_snapshot!("audit-and-bench", desk.told(&["check", "--config", "a.cfg", "--bench", "virtual"]));
}

#[test]
fn completions_and_manual_page_come_from_the_real_command_line() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.siprig(&["completions", shell]);
        assert!(script.status.success());
        let script = String::from_utf8(script.stdout).unwrap();
        assert!(script.contains("report-dir") && script.contains("config"), "{shell}");
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
