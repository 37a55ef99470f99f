//! Nights on the virtual bench: quiet ones, and ones in which runs, or the night itself, are killed, stopped or hung.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use quick_junit::Report;
use serde_json::Value;

use crate::{
    consoles::PATIENCE,
    net::Bench,
    operator_deaths::lives,
    virtual_run::{descendants, refused},
    window::now,
};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");

/// A run of it takes three seconds with a lifetime of eight.
pub const QUICK: &str = "[[entry]]\nscenarios = [\"baseline\"]\nphones = [\"p1\"]\n";

/// A night, what it says from then on, and the processes of its run in flight.
pub type Begun = (Child, BufReader<ChildStderr>, Vec<(u32, String)>);

pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    /// A place for a night of this suite, that looks at no phone and sees no failure twice.
    pub fn new(suite: &str) -> Self {
        Self::with(&format!("preflight = false\nconfirm-new = false\n{suite}"))
    }

    /// A place for a night of just this suite.
    fn with(suite: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("suite.toml"), format!("name = \"short\"\n{suite}")).unwrap();
        Self { folder }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SIPRIG);
        command.args(arguments).current_dir(self.folder.path()).env("SIPRIG_STATE", self.folder.path().join("state"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A night, to its end.
    pub fn night(&self, more: &[&str]) -> Option<Output> {
        let output = self.command(&["nightly", "--suite", "suite.toml", "--set", "expires=8s"]).args(more).output();
        let output = output.unwrap();
        (!self.was_refused(&output)).then_some(output)
    }

    /// Whether there is no virtual bench here, by what the runs said.
    pub fn was_refused(&self, output: &Output) -> bool {
        let logs = self.directory().read_dir().unwrap().map(|entry| entry.unwrap().path());
        let logs = logs.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        let said: Vec<u8> = logs.flat_map(|path| fs::read(path).unwrap()).collect();
        refused(&Output { stderr: said, ..output.clone() })
    }

    /// A night that has begun, whose runs take eleven seconds.
    pub fn begin(&self) -> Child {
        self.command(&["nightly", "--suite", "suite.toml", "--set", "expires=14s"]).spawn().unwrap()
    }

    /// Begins, and waits until the night tells of a run and that, whose log this is, of a registration. None: no virtual bench here.
    pub fn begin_to(&self, run: &str, log: &str) -> Option<Begun> {
        let mut night = self.begin();
        let mut said = BufReader::new(night.stderr.take().unwrap());
        told_of(&mut said, run);
        let Some(processes) = in_flight(self, &night, log) else {
            night.wait().unwrap();
            return None;
        };
        Some((night, said, processes))
    }

    fn resume(&self) -> Output {
        self.command(&["nightly", "--resume", "latest"]).output().unwrap()
    }

    pub fn directory(&self) -> PathBuf {
        let nights = self.folder.path().join("reports").read_dir().unwrap();
        let nights: Vec<PathBuf> = nights.map(|entry| entry.unwrap().path()).collect();
        let [night] = nights.as_slice() else { panic!("one night, not {nights:?}") };
        night.clone()
    }

    pub fn summary(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.directory().join("summary.json")).unwrap()).unwrap()
    }

    /// The entries of the ledger of one kind.
    pub fn ledger(&self, event: &str) -> Vec<Value> {
        let ledger = fs::read_to_string(self.directory().join("night.jsonl")).unwrap();
        let entries = ledger.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["event"] == event).collect()
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn verdicts(summary: &Value) -> Vec<String> {
    let cases = summary["cases"].as_array().unwrap();
    cases.iter().map(|case| format!("{} {} {}", case["run"], case["phone"], case["verdict"]).replace('"', "")).collect()
}

/// Reads what a night says until a line has this in it.
pub fn told_of(said: &mut impl BufRead, event: &str) -> String {
    let mut all = String::new();
    while !all.lines().last().is_some_and(|line| line.contains(event)) {
        assert!(said.read_line(&mut all).unwrap() > 0, "it ended before `{event}`: {all}");
    }
    all
}

/// The processes of the run in flight, once it has told of a registration; none: no virtual bench here.
fn in_flight(desk: &Desk, night: &Child, log: &str) -> Option<Vec<(u32, String)>> {
    let (begun, log) = (now(), desk.directory().join(log));
    loop {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if refused(&Output { status: Default::default(), stdout: Vec::new(), stderr: said.clone().into() }) {
            return None;
        }
        if said.contains("is registered at") {
            return Some(descendants(night.id()));
        }
        assert!(begun.elapsed() < PATIENCE, "{said}");
        std::thread::yield_now();
    }
}

pub fn send(to: u32, signal: Signal) {
    kill(Pid::from_raw(to.cast_signed()), signal).unwrap();
}

pub fn are_gone(processes: &[(u32, String)]) {
    let begun = now();
    while let Some(left) = processes.iter().find(|(id, words)| lives(*id, words)) {
        assert!(begun.elapsed() < PATIENCE, "{left:?} is left");
        std::thread::yield_now();
    }
}

#[test]
fn a_night_tells_what_each_run_came_to_and_a_known_issue_breaks_nothing() {
    let issue = "[[known-issue]]\nscenario = \"failover\"\nphone = \"p2\"\ncode = \"never-failed-back\"\nreason = \"ticket 4711\"\n\
                 expires = 2999-12-31\n[[known-issue]]\nscenario = \"baseline\"\ncode = \"late\"\nreason = \"old\"\nexpires = 2020-01-01\n";
    let desk = Desk::new(&format!(
        "{QUICK}[[entry]]\nscenarios = [\"failover\"]\nphones = [\"p1\", \"p2\"]\nretry = 1\n{issue}"
    ));
    let Some(output) = desk.night(&["--set", "virtual.phone.p2.defects=[\"never-fails-back\"]"]) else { return };
    let (told, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}{said}");
    assert!(
        told.contains("1 failed as expected, 2 passed") && told.contains("known until 2999-12-31: ticket 4711"),
        "{told}"
    );
    assert!(said.contains("error: the known issue of baseline on every phone, late expired on 2020-01-01"), "{said}");
    assert!(!(told + &said).contains('\x1b'));
    let stamped = |line: &str| line.len() > 9 && line[..8].split(':').all(|part| part.parse::<u8>().is_ok());
    assert!(said.lines().all(stamped), "each line has its time: {said}");

    let summary = desk.summary();
    let expected = ["1.1.baseline p1 pass", "2.1.failover p1 pass", "2.1.failover p2 fail"];
    assert_eq!((verdicts(&summary), &summary["exit"]), (expected.map(str::to_owned).to_vec(), &0.into()));
    assert_eq!(summary["counts"], serde_json::json!({"known": 1, "pass": 2}));
    let junit = fs::read_to_string(desk.directory().join("junit.xml")).unwrap();
    let suite = Report::deserialize_from_str(&junit).unwrap().test_suites.remove(0);
    assert_eq!((suite.tests, suite.failures, suite.errors), (3, 0, 0), "{junit}");
    let runs = desk.command(&["runs", "list", "--report-dir"]).arg(desk.directory()).output().unwrap();
    assert_eq!(text(&runs.stdout).lines().count(), 2, "what is expected is not tried again: {}", text(&runs.stdout));
}

#[test]
fn a_night_that_was_killed_in_a_run_goes_on_and_does_nothing_twice() {
    let desk = Desk::new(&format!("{QUICK}repeat = 3\n"));
    let Some((mut night, _said, run)) = desk.begin_to("run 2 of 3", "1.2.baseline-1.log") else { return };
    send(night.id(), Signal::SIGKILL);
    night.wait().unwrap();
    are_gone(&run);
    let cut = desk.summary();
    assert_eq!(verdicts(&cut), ["1.1.baseline p1 pass", "1.2.baseline p1 not-run", "1.3.baseline p1 not-run"]);
    assert_eq!((&cut["exit"], &cut["runs"][1]["status"]), (&Value::Null, &"running".into()));

    let output = desk.resume();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1.2.baseline was cut off at attempt 1, and is run again"));
    let summary = desk.summary();
    assert_eq!(verdicts(&summary), ["1.1.baseline p1 pass", "1.2.baseline p1 pass", "1.3.baseline p1 pass"]);
    let begun: Vec<_> = desk.ledger("began").iter().map(|it| format!("{} {}", it["run"], it["attempt"])).collect();
    assert_eq!(begun, [r#""1.1.baseline" 1"#, r#""1.2.baseline" 1"#, r#""1.2.baseline" 2"#, r#""1.3.baseline" 1"#]);
    assert_eq!((desk.ledger("interrupted").len(), desk.ledger("ended").len()), (1, 3));

    let again = desk.resume();
    assert_eq!((again.status.code(), desk.ledger("began").len()), (Some(0), 4), "{}", text(&again.stderr));
}

#[test]
fn a_chain_that_was_killed_in_its_second_scenario_goes_on_with_that_one() {
    let desk = Desk::new("[[entry]]\nscenarios = [\"baseline\", \"swallowed-200\"]\nphones = [\"p1\"]\nchain = true\n");
    let Some((mut night, mut said, run)) = desk.begin_to("run 1 of 1", "1.1.baseline+1-1.log") else { return };
    told_of(&mut said, "pass      baseline p1/1001");
    assert_eq!(verdicts(&desk.summary()), ["1.1.baseline+1 p1 pass", "1.1.baseline+1 p1 not-run"]);
    send(night.id(), Signal::SIGKILL);
    night.wait().unwrap();
    are_gone(&run);

    let output = desk.resume();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("swallowed-200 on p1 (1.1.baseline+1), attempt 2"), "{said}");
    let summary = desk.summary();
    assert_eq!(verdicts(&summary), ["1.1.baseline+1 p1 pass", "1.1.baseline+1 p1 pass"]);
    let directories: Vec<_> = summary["cases"].as_array().unwrap().iter().map(|case| &case["directory"]).collect();
    assert!(directories[0].is_string() && directories[1].is_string() && directories[0] != directories[1]);
    let first = desk.directory().join(directories[0].as_str().unwrap());
    assert!(first.join("report.html").exists(), "what the killed run could not write any more is written");
    let again: Vec<_> = desk.ledger("began").iter().map(|began| began["scenarios"].to_string()).collect();
    assert_eq!(again, [r#"["baseline","swallowed-200"]"#, r#"["swallowed-200"]"#]);
}

#[test]
fn phones_whose_consoles_are_crossed_are_parked_and_the_night_goes_on_without_them() {
    let desk = Desk::with("[[entry]]\nscenarios = [\"baseline\"]\nphones = [\"p1\", \"p2\", \"p3\"]\n");
    let Some(output) = desk.night(&["--set", r#"virtual.swapped.consoles=["p1","p2"]"#]) else { return };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for phone in ["p1", "p2"] {
        assert!(said.contains(&format!("parked    {phone}: console-swapped: ")), "{said}");
    }
    assert!(said.contains("baseline on p3 (1.1.baseline)"), "{said}");
    let summary = desk.summary();
    let expected = ["1.1.baseline p1 not-run", "1.1.baseline p2 not-run", "1.1.baseline p3 pass"];
    assert_eq!(verdicts(&summary), expected);
    assert_eq!((&summary["cases"][0]["code"], &summary["parked"][1]["phone"]), (&"parked".into(), &"p2".into()));
    assert_eq!(desk.ledger("preflight").len(), 2, "and once more before the night is over");
    let again = desk.resume();
    assert_eq!((again.status.code(), desk.ledger("preflight").len()), (Some(3), 3), "{}", text(&again.stderr));
}

#[test]
fn a_signal_ends_a_night_in_good_order_and_another_has_it_say_where_it_is() {
    let desk = Desk::new(&format!("{QUICK}repeat = 2\n"));
    let Some((mut night, mut said, run)) = desk.begin_to("run 1 of 2", "1.1.baseline-1.log") else { return };
    send(night.id(), Signal::SIGUSR1);
    told_of(&mut said, "0 of 2 runs done");
    told_of(&mut said, "still running: 1.1.baseline");
    send(night.id(), Signal::SIGTERM);
    told_of(&mut said, "2 runs are left, because the night was ended by SIGTERM");
    assert_eq!(night.wait().unwrap().code(), Some(143));
    are_gone(&run);
    let summary = desk.summary();
    assert_eq!((&summary["exit"], &summary["stopped_by"]), (&143.into(), &"SIGTERM".into()));
    assert_eq!(desk.ledger("interrupted").len(), 1);
    let log = fs::read_to_string(desk.directory().join("1.1.baseline-1.log")).unwrap();
    assert!(log.contains("report.html"), "the run ended in good order: {log}");

    assert_eq!(desk.resume().status.code(), Some(0));
    assert_eq!(verdicts(&desk.summary()), ["1.1.baseline p1 pass", "1.2.baseline p1 pass"]);
}

#[test]
fn a_run_that_falls_is_the_rig_s_fault_and_one_that_passes_afterwards_is_flaky() {
    let desk = Desk::new(&format!("gate-flaky = true\n{QUICK}retry = 1\n"));
    let Some((night, _said, run)) = desk.begin_to("run 1 of 1", "1.1.baseline-1.log") else { return };
    let controller = run.iter().rfind(|(_, words)| words.contains("siprig run")).unwrap();
    send(controller.0, Signal::SIGKILL);
    let output = night.wait_with_output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{told}");
    assert!(told.contains("1 passed on a retry"), "{told}");
    let summary = desk.summary();
    assert_eq!((&summary["cases"][0]["blame"], &summary["cases"][0]["code"]), (&"rig".into(), &"run-crashed".into()));
    let ends: Vec<&Value> = summary["runs"][0]["attempts"].as_array().unwrap().iter().map(|it| &it["end"]).collect();
    assert_eq!(ends, ["crashed", "told"]);
}

#[test]
fn a_run_that_can_not_keep_its_reports_proves_nothing_though_its_lines_passed() {
    let desk = Desk::new(QUICK);
    let Some((night, mut said, _)) = desk.begin_to("run 1 of 1", "1.1.baseline-1.log") else { return };
    // No file can take the place of a directory.
    let runs = desk.directory().read_dir().unwrap().map(|entry| entry.unwrap().path());
    runs.filter(|path| path.is_dir()).for_each(|run| fs::create_dir(run.join("junit.xml")).unwrap());
    let said = told_of(&mut said, "1.1.baseline took");
    assert!(said.contains("1.1.baseline unkept: cannot write") && said.contains("junit.xml"), "{said}");
    assert_eq!(night.wait_with_output().unwrap().status.code(), Some(3));
    let summary = desk.summary();
    assert_eq!(verdicts(&summary), ["1.1.baseline p1 rig-error"]);
    assert_eq!((&summary["cases"][0]["blame"], &summary["cases"][0]["code"]), (&"rig".into(), &"evidence-lost".into()));
}

#[test]
fn a_run_that_hangs_is_ended_and_the_next_one_has_its_turn() {
    let desk = Desk::new(&format!("{QUICK}time-limit = \"3s\"\n{QUICK}"));
    let Some((night, mut said, run)) = desk.begin_to("run 1 of 2", "1.1.baseline-1.log") else { return };
    // It hears no signal any more, but the last.
    run.iter().filter(|(_, words)| words.contains("siprig run")).for_each(|(id, _)| send(*id, Signal::SIGSTOP));
    let said = told_of(&mut said, "1.1.baseline took");
    assert!(
        said.contains("takes longer than 3.0 s, and is ended") && said.contains("does not end, and is killed"),
        "{said}"
    );
    let output = night.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    are_gone(&run);
    let summary = desk.summary();
    assert_eq!(verdicts(&summary), ["1.1.baseline p1 rig-error", "2.1.baseline p1 pass"]);
    assert_eq!((&summary["cases"][0]["blame"], &summary["cases"][0]["code"]), (&"rig".into(), &"run-hung".into()));
}

#[test]
fn what_there_is_no_time_for_is_not_run_and_is_run_by_whoever_goes_on() {
    let late = "[[entry]]\nscenarios = [\"failover\"]\nphones = [\"p1\"]\npriority = 9\n";
    let desk = Desk::new(&format!("{late}{QUICK}"));
    let Some(output) = desk.night(&["--budget", "2m"]) else { return };
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    let summary = desk.summary();
    assert_eq!(verdicts(&summary), ["1.1.failover p1 not-run", "2.1.baseline p1 pass"]);
    let why = "there was no time for it in the 2 min 00 s that the night may take";
    assert_eq!((&summary["runs"][0]["left"], &summary["cases"][0]["reason"]), (&why.into(), &why.into()));
    assert!(text(&output.stdout).contains(why), "{}", text(&output.stdout));

    assert_eq!(desk.resume().status.code(), Some(0));
    assert_eq!(verdicts(&desk.summary()), ["1.1.failover p1 pass", "2.1.baseline p1 pass"]);
}

#[test]
fn a_power_cut_in_an_outage_leaves_a_server_stopped_and_whoever_goes_on_starts_it_before_anything_else() {
    let Some(bench) = Bench::start() else { return };
    let folder = bench.folder.path();
    let suite = "name = \"short\"\npreflight = false\n[[entry]]\nscenarios = [\"server-stopped\"]\nphones = [\"p1\"]\n";
    fs::write(folder.join("suite.toml"), suite).unwrap();
    let mut night = bench.command("nightly --suite suite.toml").stderr(Stdio::piped()).spawn().unwrap();
    told_of(&mut BufReader::new(night.stderr.take().unwrap()), "run 1 of 1");
    let log = || {
        let nights = folder.join("reports").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let logs = nights.map(|night| night.join("1.1.server-stopped-1.log"));
        logs.filter_map(|log| fs::read_to_string(log).ok()).collect::<String>()
    };
    let begun = now();
    while !log().contains("a is stopped") {
        assert!(begun.elapsed() < PATIENCE, "{}", log());
        std::thread::yield_now();
    }
    let all = descendants(night.id());
    let stop = |word: &str, signal| {
        let is_ours = |words: &str| words.starts_with(SIPRIG) || words.starts_with("siprig run ");
        let ours = all.iter().filter(|(_, words)| is_ours(words) && words.contains(word));
        ours.for_each(|(id, _)| send(*id, signal));
    };
    // Nobody is left who could note anything.
    stop(" nightly ", Signal::SIGSTOP);
    stop(" run ", Signal::SIGKILL);
    stop(" nightly ", Signal::SIGKILL);
    // nsenter(1) stops when what it has begun does.
    let nsenter = all.iter().find(|(_, words)| words.starts_with("nsenter ")).unwrap().0;
    let begun = now();
    while night.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "{all:?}");
        let _ = kill(Pid::from_raw(nsenter.cast_signed()), Signal::SIGCONT);
        std::thread::yield_now();
    }
    are_gone(&all);

    let output = bench.inside("nightly --resume latest");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let (before, _) = said.split_once("run 1 of 1").unwrap();
    assert!(before.contains("server a was stopped by a siprig that did not start it again"), "{said}");
    assert!(said.contains("attempt 2") && text(&output.stdout).contains("1 passed"), "{said}");
    assert_eq!(bench.end(), ["virtual"]);
}

/// A bench of devices that are nowhere: it is never reached, but for the command that starts its server.
const NOWHERE: &str = r#"
[bench]
name = "nowhere"
[[server]]
name = "a"
role = "primary"
addresses = ["10.77.0.2"]
hook = { stop = ["true"], start = ["touch", "started"] }
[[server]]
name = "b"
role = "backup"
addresses = ["10.77.0.3"]
[[phone]]
name = "p1"
model = "aastra-6731i"
mac = "00:08:5d:23:74:29"
extension = "1001"
"#;

#[test]
fn what_a_killed_run_left_behind_is_undone_before_a_night_goes_on_even_if_nothing_is_left_to_run() {
    let desk = Desk::new(QUICK);
    fs::write(desk.folder.path().join("bench.toml"), NOWHERE).unwrap();
    let short = ["--budget", "1s"];
    let begun =
        desk.command(&["nightly", "--suite", "suite.toml", "--bench", "bench.toml"]).args(short).output().unwrap();
    assert_eq!(begun.status.code(), Some(5), "{}", text(&begun.stderr));
    let noted = r#"{"schema":"siprig.stopped/1","servers":{"a":{"since_unix_s":1,"hook":{"stop":["true"],"start":["false"],"limit":"9s"}}}}"#;
    fs::write(desk.folder.path().join("state/stopped-nowhere.json"), noted).unwrap();
    let on = desk.command(&["nightly", "--resume", "latest"]).args(short).output().unwrap();
    let said = text(&on.stderr);
    assert_eq!(on.status.code(), Some(5), "{said}");
    let (before, _) = said.split_once("0 of 1 runs done").unwrap();
    assert!(before.contains("server a was stopped by a siprig that did not start it again"), "{said}");
    assert!(desk.folder.path().join("started").exists());

    for (option, value) in [("--bench", "virtual"), ("--set", "expires=9m")] {
        let other = desk.command(&["nightly", "--resume", "latest", option, value]).output().unwrap();
        let said = text(&other.stderr);
        assert!(other.status.code() == Some(2) && said.contains("the night goes on with the"), "{said}");
    }
}
