//! The whole thing, as a newcomer meets it: `siprig run` on the virtual bench, with times short enough for a test.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// A phone renews after 2 s then, and takes 4 s to give a server up; no phone of the model can be quicker.
const SHORT: [&str; 2] = ["--set", "expires=8s"];

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(arguments).current_dir(self.folder.path()).env("SIPRIG_STATE", self.folder.path().join("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Option<(Output, Value)> {
        let output = self.command(&["run", "--json"]).args(SHORT).args(arguments).output().unwrap();
        if refused(&output) {
            return None;
        }
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        Some((output, document))
    }

    fn run_directory(&self) -> PathBuf {
        self.folder.path().join("reports").read_dir().unwrap().next().unwrap().unwrap().path()
    }
}

/// A run on p1 in which its PIN was typed.
struct Typed {
    desk: Desk,
    document: Value,
    pin: String,
}

/// Runs a scenario and finds out in the middle of it which PIN the bench made up; none: no virtual bench here.
fn typed_pin(scenario: &str, more: &[&str]) -> Option<Typed> {
    let desk = Desk::new();
    let mut command = desk.command(&["run", "--json", scenario, "--phones", "p1"]);
    let mut child = command.args(SHORT).args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    told_of(&mut child, "is registered at")?;
    let controller = descendants(child.id()).into_iter().find(|(_, words)| words.contains("siprig run")).unwrap().0;
    // The bench's own files are in a mount namespace of the run.
    let inside = format!("/proc/{controller}/root{}/state/virtual/1001.pin", desk.folder.path().display());
    let pin = fs::read_to_string(inside).unwrap();
    assert_eq!(pin.len(), 12);
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    Some(Typed { desk, document, pin })
}

impl Typed {
    fn stands_in_no_file(&self) {
        let directory = self.desk.run_directory();
        let console = fs::read_to_string(directory.join("console-p1.log")).unwrap();
        assert_eq!(console.matches("key: press x").count(), self.pin.len(), "each digit arrived, none was shown");
        let files: Vec<PathBuf> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 6, "{files:?}");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(self.pin.len()).any(|window| window == self.pin.as_bytes());
            assert!(!found, "in {}", file.display());
        }
    }
}

/// This machine lets nobody make namespaces.
pub fn refused(output: &Output) -> bool {
    let refused = String::from_utf8_lossy(&output.stderr).contains("which this system refuses");
    if refused {
        println!("SKIPPED: no virtual bench here: {}", String::from_utf8_lossy(&output.stderr));
    }
    refused
}

fn case<'a>(document: &'a Value, phone: &str) -> &'a Value {
    document["cases"].as_array().unwrap().iter().find(|case| case["phone"] == phone).unwrap()
}

#[test]
fn good_phones_pass_and_the_journal_proves_it() {
    let desk = Desk::new();
    let Some((output, document)) = desk.run(&["--phones", "p1,p3"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{document:#}\n{}", String::from_utf8_lossy(&output.stderr));
    for phone in ["p1", "p3"] {
        let case = case(&document, phone);
        assert_eq!(case["verdict"], "pass", "{case:#}");
        let failover = case["measurements"].as_array().unwrap().iter().find(|value| value["name"] == "failover");
        let value = failover.unwrap()["value"].as_f64().unwrap();
        assert!((4000.0..8000.0).contains(&value), "{value} ms");
    }

    let verified = desk.command(&["runs", "verify", "latest"]).output().unwrap();
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && said.contains("every conclusion is the same"), "{said}");
    let summary = fs::read_to_string(desk.run_directory().join("summary.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&summary).unwrap(), document);
    let plan = fs::read_to_string(desk.run_directory().join("journal.jsonl")).unwrap();
    assert!(plan.contains(r#""overrides":["expires=8s"]"#), "overrides on record");
    assert!(String::from_utf8_lossy(&output.stderr).contains("report.html"));
    assert_eq!(leftovers(&desk.folder.path().join("state")), [] as [String; 0]);
}

#[test]
fn a_phone_that_never_comes_home_fails_and_the_others_do_not() {
    let desk = Desk::new();
    let defect = "virtual.phone.p2.defects=[\"never-fails-back\"]";
    let Some((output, document)) = desk.run(&["--phones", "p1,p2", "--set", defect]) else { return };
    assert_eq!(output.status.code(), Some(100), "{document:#}");
    assert_eq!(case(&document, "p1")["verdict"], "pass", "{document:#}");
    let bad = case(&document, "p2");
    assert_eq!(
        (&bad["verdict"], &bad["blame"], &bad["code"]),
        (&"fail".into(), &"phone".into(), &"never-failed-back".into())
    );
}

/// As with most desk phones: no console, but a web interface and syslog; and servers that can be asked.
#[test]
fn phones_without_a_console_pass_with_their_status_pages_and_one_that_shows_the_wrong_server_is_caught() {
    let desk = Desk::new();
    let page = [
        "--set",
        "virtual.consoles=false",
        "--set",
        "virtual.witnesses=[\"status-page\", \"syslog\", \"action-uri\", \"server\"]",
    ];
    let defect = "virtual.phone.p2.defects=[\"page-wrong\"]";
    let arguments = [page.as_slice(), &["--phones", "p1,p2,p3", "--set", defect]].concat();
    let Some((output, document)) = desk.run(&arguments) else { return };
    let journal = fs::read_to_string(desk.run_directory().join("journal.jsonl")).unwrap();
    let records: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for phone in ["p1", "p3"] {
        let case = case(&document, phone);
        assert_eq!(case["verdict"], "pass", "{case:#}\n{}", String::from_utf8_lossy(&output.stderr));
        let evidence = case["evidence"].as_array().unwrap();
        let words = records.iter().filter(|record| evidence.contains(&record["seq"]));
        let words: Vec<&Value> = words.map(|it| &it["observed"]["standing"]).filter(|it| it.is_string()).collect();
        assert!(words.contains(&&"primary".into()) && words.contains(&&"backup".into()), "{words:?}");
        let by = |witness: &Value| {
            let of_case = records.iter().filter(|record| evidence.contains(&record["seq"]));
            of_case.filter(|record| record["observed"]["witness"] == *witness).count()
        };
        for witness in ["syslog".into(), serde_json::json!({"server": "a"}), serde_json::json!({"server": "b"})] {
            assert!(by(&witness) > 0, "{witness} is not among the evidence");
        }
    }
    let syslog = fs::read_to_string(desk.run_directory().join("syslog-p1.log")).unwrap();
    assert!(syslog.contains(" sip: line 1 1001@bench.test registered at 10.77.0.3 expires"), "{syslog}");
    let liar = case(&document, "p2");
    assert_eq!(
        (&liar["verdict"], &liar["blame"], &liar["code"]),
        (&"fail".into(), &"phone".into(), &"display-wrong".into())
    );
    assert!(liar["reason"].as_str().unwrap().contains("its status page says registered at its primary"), "{liar:#}");
    assert!(!journal.contains("witness-lost"), "every page could be read");
    let called = records.iter().filter(|record| record["observed"]["witness"] == "action-uri");
    let quotes: Vec<&Value> = called.map(|record| &record["observed"]["quote"]).collect();
    assert!(quotes.len() >= 3 && quotes.iter().all(|quote| **quote == "REGISTERED 001"), "{quotes:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("p1/1001: its status page says: registered at its backup"), "{told}");
    let verified = desk.command(&["runs", "verify", "latest"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// The PTY goes and nobody plugs it in again: one fault of the rig, named once, and the run is as long as ever.
#[test]
fn a_console_that_goes_and_never_returns_is_one_clear_fault_of_the_rig() {
    let desk = Desk::new();
    let defect = "virtual.phone.p2.defects=[{ console-closes-after = \"8s\" }]";
    let Some((output, document)) = desk.run(&["--phones", "p1,p2", "--set", defect]) else { return };
    assert_eq!(output.status.code(), Some(3), "{document:#}");
    assert_eq!(case(&document, "p1")["verdict"], "pass", "{document:#}");
    let parted = case(&document, "p2");
    assert_eq!(
        (&parted["verdict"], &parted["blame"], &parted["code"]),
        (&"rig-error".into(), &"rig".into(), &"console-lost".into())
    );
    let journal = fs::read_to_string(desk.run_directory().join("journal.jsonl")).unwrap();
    let told = |what: &str| journal.lines().filter(|line| line.contains(what)).count();
    assert_eq!((told("\"port-lost\""), told("\"port-opened\"")), (1, 4), "lost once, never opened again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("console lost").count(), 1, "{said}");
}

#[test]
fn virtual_benches_side_by_side_exclude_nobody_and_phones_are_judged_by_the_servers_they_are_set_to() {
    let desk = Desk::new();
    let own = "virtual.phone.p1.settings=\"sip registrar ip: 10.77.0.4\\nsip backup registrar ip: 10.77.0.5\\n\"";
    // With their own proxies callers do not notice that their registrar is away.
    let apart = "virtual.settings=\"sip proxy ip: 10.77.0.4\\nsip backup proxy ip: 10.77.0.5\\n\"";
    let runs = [
        vec!["failover", "--phones", "p1,p2", "--set", "virtual.servers=4", "--set", own],
        vec!["call-before-renewal", "--phones", "p1,p2", "--set", "virtual.servers=4", "--set", apart],
        vec!["baseline", "--phones", "p1"],
        vec!["baseline", "--phones", "p1"],
    ];
    let children: Vec<_> = runs
        .iter()
        .map(|words| {
            let mut command = desk.command(&["run", "--json"]);
            command.args(SHORT).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    if outputs.iter().any(refused) {
        return;
    }
    let mut names = Vec::new();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        names.push(document["run"].as_str().unwrap().to_owned());
    }
    let document: Value = serde_json::from_slice(&outputs[0].stdout).unwrap();
    for (phone, servers) in [("p1", ("c", "d")), ("p2", ("a", "b"))] {
        let measurements = case(&document, phone)["measurements"].as_array().unwrap();
        let failover = measurements.iter().find(|value| value["name"] == "failover").unwrap();
        assert_eq!((&failover["from_server"], &failover["to_server"]), (&servers.0.into(), &servers.1.into()));
    }
    names.sort();
    let directories = fs::read_dir(desk.folder.path().join("reports")).unwrap();
    let mut directories: Vec<_> = directories.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    directories.sort();
    assert_eq!(directories, names, "a directory for each run");
    assert_eq!(leftovers(&desk.folder.path().join("state")), [] as [String; 0]);
}

#[test]
fn a_documented_limit_shows_and_the_pin_that_was_typed_for_it_stands_in_no_file() {
    let Some(typed) = typed_pin("log-off-on-backup", &[]) else { return };
    let case = case(&typed.document, "p1");
    assert_eq!((&case["verdict"], &case["code"]), (&"fail".into(), &"documented-limit".into()), "{case:#}");
    assert_eq!(case["expected"], false);
    typed.stands_in_no_file();
}

#[test]
fn a_pin_that_is_pushed_key_by_key_stands_in_no_file_and_no_push_in_the_capture() {
    let Some(typed) = typed_pin("log-on-key", &["--set", "virtual.keypads=xml"]) else { return };
    assert_eq!(case(&typed.document, "p1")["verdict"], "pass", "{:#}", typed.document);
    typed.stands_in_no_file();
    let capture = fs::read(typed.desk.run_directory().join("capture.pcapng")).unwrap();
    let contains = |text: &str| capture.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("REGISTER sip:"), "the capture is not empty");
    for pushed in ["ExecuteItem", "Key:", "KeyPad", "POST / "] {
        assert!(!contains(pushed), "`{pushed}` was captured");
    }
}

#[test]
fn phones_that_are_restarted_while_their_primary_is_away_register_with_the_backup() {
    let desk = Desk::new();
    let Some((output, document)) = desk.run(&["boot-on-backup", "--phones", "p1,p3"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{document:#}\n{}", String::from_utf8_lossy(&output.stderr));
    for phone in ["p1", "p3"] {
        let case = case(&document, phone);
        let value = |name: &str| {
            let found = case["measurements"].as_array().unwrap().iter().find(|value| value["name"] == name);
            found.and_then(|found| found["value"].as_f64()).unwrap_or_else(|| panic!("no {name}: {case:#}"))
        };
        // Two seconds off, and four of the transaction timer at the lost server.
        assert!((6000.0..12_000.0).contains(&value("log-on")), "{case:#}");
        assert!(value("failback") > 0.0, "{case:#}");
    }
    let journal = fs::read_to_string(desk.run_directory().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches(r#""do":"push""#).count(), 2);
    assert_eq!(journal.matches(r#""what":"pushed""#).count(), 2);
    let verified = desk.command(&["runs", "verify", "latest"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn a_signal_ends_a_run_in_good_order_with_its_own_exit_code() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let desk = Desk::new();
        let mut command = desk.command(&["run", "--phones", "p1", "--set", "expires=1h"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let Some(said) = during_the_outage(&mut child) else { return };
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}; said before: {said}");
        let journal = fs::read_to_string(desk.run_directory().join("journal.jsonl")).unwrap();
        assert!(journal.contains("outage-ended"), "the outage outlived its run");
        assert!(desk.run_directory().join("report.html").exists(), "{signal} left no report");
        let summary = fs::read_to_string(desk.run_directory().join("summary.json")).unwrap();
        assert!(summary.contains(&format!("the run was ended by {signal} before")), "{summary}");
    }
}

#[test]
fn a_disk_that_fills_up_is_a_fault_of_the_rig_and_gives_one_document() {
    let desk = Desk::new();
    let reports = desk.folder.path().join("reports");
    fs::create_dir(&reports).unwrap();
    // In a mount namespace of its own, which is gone with the run.
    let small = "mount -t tmpfs -o size=100k siprig-test \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", small, "sh"]).arg(&reports);
    command.arg(env!("CARGO_BIN_EXE_siprig")).args(["run", "--json", "--phones", "p1,p2"]).args(SHORT);
    command.current_dir(desk.folder.path()).env("SIPRIG_STATE", desk.folder.path().join("state"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare: ") || refused(&output) {
        println!("SKIPPED: no mounts here: {said}");
        return;
    }
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((output.status.code(), &document["exit"]), (Some(3), &3.into()), "{document:#}");
    for phone in ["p1", "p2"] {
        let case = case(&document, phone);
        assert_eq!((&case["verdict"], &case["blame"]), (&"rig-error".into(), &"rig".into()), "{case:#}");
    }
    assert!(said.contains("free some space on that disk"), "{said}");
}

#[test]
fn a_controller_that_is_killed_is_told_of() {
    let desk = Desk::new();
    let mut command = desk.command(&["run", "--json", "--phones", "p1", "--set", "expires=1h"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let Some(_) = during_the_outage(&mut child) else { return };
    let controller = descendants(child.id()).into_iter().find(|(_, words)| words.contains("siprig run")).unwrap();
    kill(Pid::from_raw(controller.0.cast_signed()), Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &document["exit"]), (Some(1), &1.into()));
    assert!(document["error"].as_str().unwrap().contains("SIGKILL"), "{document}");
}

/// The processes below one, with their command lines.
pub fn descendants(of: u32) -> Vec<(u32, String)> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    let children = children.split_whitespace().map(|child| child.parse().unwrap());
    let below = children.flat_map(|child: u32| {
        let words = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default().replace('\0', " ");
        std::iter::once((child, words)).chain(descendants(child))
    });
    below.collect()
}

/// What the run said until the server was gone; none: there can be no virtual bench here.
fn during_the_outage(child: &mut Child) -> Option<String> {
    told_of(child, "is taken away")
}

/// What a run said until it told of this.
fn told_of(child: &mut Child, event: &str) -> Option<String> {
    let mut said = String::new();
    for line in BufReader::new(child.stderr.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        said += &format!("{line}\n");
        if line.contains(event) {
            return Some(said);
        }
    }
    assert!(said.contains("which this system refuses"), "{said}");
    println!("SKIPPED: no virtual bench here: {said}");
    None
}

/// Files of the bench that outlived it; locks stay, held by nobody.
fn leftovers(state: &Path) -> Vec<String> {
    let files = state.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name != "virtual" && !name.ends_with(".lock")).collect()
}
