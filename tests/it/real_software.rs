//! `failover` on SIP software that is not ours: kamailio registrars and baresip phones, on the bench of
//! `rig/real-software`. Each test takes up to three minutes, in which nothing happens but time, and needs packages;
//! `.ci/real-software` sees to both and runs them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

mod capture;
mod first_day;
mod keys;
mod learning;
mod mixed;
mod recording;
mod registrar;
mod residue;
mod tls;
mod witnessed;

use registrar::Holding;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");

/// What siprig says when all lines are registered, when all are at the backup, and whenever one is home again.
const TAKEN: &str = "is taken away";
const GIVEN: &str = "give the primary back";
const HOME: &str = "is registered at a (primary)";

/// RFC 3261 section 17.1.2.2: a request over UDP is given up after 64 times T1, 32 s; and what a busy machine adds.
const GIVEN_UP_MS: std::ops::Range<f64> = 31_990.0..33_000.0;

/// A run that is over.
struct Run {
    _folder: tempfile::TempDir,
    code: Option<i32>,
    document: Value,
    directory: PathBuf,
    holdings: Vec<Holding>,
}

impl Run {
    /// Runs `failover` on the bench. The registrars are asked what they hold before the outage has changed anything, at
    /// its end, and when so many lines have returned.
    fn failover(bench: &[&str], arguments: &[&str], returned: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = folder.path().join("bench");
        let mut command = with_bench(bench, &lab);
        command.args(["sh", "-c", "exec \"$@\" --bench \"$SIPRIG_BENCH\"", "sh", SIPRIG, "run", "failover", "--json"]);
        command.args(["--report-dir"]).arg(folder.path().join("reports")).args(arguments).current_dir(ROOT);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

        let mut said = String::new();
        let mut holdings = Vec::new();
        let homes = std::iter::repeat_n((HOME, false), returned - 1);
        let moments = [(TAKEN, true), (GIVEN, true)].into_iter().chain(homes).chain([(HOME, true)]);
        let mut moments = moments.peekable();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, true)) = moments.next_if(|(word, _)| line.contains(word)) {
                holdings.extend(["a", "b"].map(|server| Holding::ask(&lab, server)));
            }
            said.push_str(&line);
            said.push('\n');
        }
        let output = child.wait_with_output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!(holdings.len(), 6, "{said}");
        let directory = PathBuf::from(document["directory"].as_str().unwrap());
        Self { _folder: folder, code: output.status.code(), document, directory, holdings }
    }

    fn case(&self, phone: &str) -> &Value {
        let cases = self.document["cases"].as_array().unwrap();
        cases.iter().find(|case| case["phone"] == phone).unwrap_or_else(|| panic!("no case of {phone}"))
    }

    fn measured(&self, phone: &str, name: &str) -> &Value {
        let list = self.case(phone)["measurements"].as_array().unwrap();
        list.iter().find(|value| value["name"] == name).unwrap_or_else(|| panic!("{phone} has no {name}"))
    }

    fn value(&self, phone: &str, name: &str) -> f64 {
        let measurement = self.measured(phone, name);
        measurement["value"].as_f64().unwrap_or_else(|| panic!("{phone}: {measurement}"))
    }

    /// It passed, both moves in their windows.
    fn passed(&self, phone: &str) {
        let case = self.case(phone);
        assert_eq!(case["verdict"], "pass", "{case:#}");
        for name in ["failover", "failback"] {
            let limit = self.measured(phone, name)["max"].as_f64().unwrap();
            let value = self.value(phone, name);
            assert!(value > 0.0 && value <= limit, "{phone}: {name} {value} ms, at most {limit} ms");
        }
    }

    /// The registrars' own lists are among the evidence of these phones: each server has named the line.
    fn lists_are_evidence(&self, phones: &[&str]) {
        let journal = fs::read_to_string(self.directory.join("journal.jsonl")).unwrap();
        let records: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for phone in phones {
            let evidence = self.case(phone)["evidence"].as_array().unwrap();
            let words = records.iter().filter(|record| evidence.contains(&record["seq"]));
            let registered = words.filter(|record| record["observed"]["standing"] == "registered");
            let servers: Vec<&Value> = registered.map(|record| &record["observed"]["witness"]["server"]).collect();
            assert!(servers.contains(&&"a".into()) && servers.contains(&&"b".into()), "{phone}: {servers:?}");
        }
    }

    /// All that holds of every run, whatever its verdicts: it is judged again to the byte, the capture says what the
    /// report says, and the registrars say the same.
    fn holds_against_every_witness(&self) {
        let verify = Command::new(SIPRIG).args(["runs", "verify"]).arg(&self.directory).output().unwrap();
        let said = String::from_utf8_lossy(&verify.stdout);
        assert!(verify.status.success() && said.contains("every conclusion is the same"), "{said}");

        let report = fs::read_to_string(self.directory.join("report.html")).unwrap();
        for case in self.document["cases"].as_array().unwrap() {
            let words = ["phone", "verdict", "code"].map(|key| case[key].as_str());
            for word in words.into_iter().flatten() {
                assert!(report.contains(word), "the report says nothing of `{word}`");
            }
        }
        capture::agrees(&self.directory, &self.document);
        registrar::agree(&self.directory.join("journal.jsonl"), &self.holdings);
    }
}

#[test]
#[ignore = "three minutes, and packages; .ci/real-software runs it"]
fn serreg_phones_pass_and_the_one_that_never_looks_back_fails() {
    let run = Run::failover(&["--serreg"], &[], 3);
    for phone in ["p1", "p2", "p4"] {
        run.passed(phone);
        let detecting = run.value(phone, "failover-detecting");
        assert!(GIVEN_UP_MS.contains(&detecting), "{phone}: {detecting} ms");
    }
    let stuck = run.case("p3");
    assert_eq!((&stuck["verdict"], &stuck["blame"]), (&"fail".into(), &"phone".into()), "{stuck:#}");
    assert_eq!((&stuck["code"], &stuck["expected"]), (&"never-failed-back".into(), &true.into()), "{stuck:#}");
    assert!(GIVEN_UP_MS.contains(&run.value("p3", "failover-detecting")), "{stuck:#}");
    assert!(run.measured("p3", "failback")["value"].is_null(), "{stuck:#}");
    assert_eq!(run.code, Some(100));
    run.holds_against_every_witness();
    run.lists_are_evidence(&["p1", "p2", "p4"]);
}

#[test]
#[ignore = "two minutes, and packages; .ci/real-software runs it"]
fn srv_and_twofold_phones_pass_by_the_timers_of_their_own_models() {
    let run = Run::failover(&["--srv"], &[], 1);
    run.passed("p5");
    // The server's challenge sends it back to the dead one, for another 32 s.
    let moving = run.value("p5", "failover") - run.value("p5", "failover-waiting");
    assert!((2.0 * GIVEN_UP_MS.start..2.0 * GIVEN_UP_MS.end).contains(&moving), "{moving} ms");
    run.passed("p6");
    assert!(run.value("p6", "unreachable") < 1_000.0, "it was registered at the other server all the time");
    assert_eq!(run.code, Some(0));
    run.holds_against_every_witness();
}

#[test]
#[ignore = "two minutes, and packages; .ci/real-software runs it"]
fn phones_without_console_and_keypad_pass_by_the_wire_alone() {
    let run = Run::failover(&["--wire-only"], &["--phones", "p1,p2,p4,p5"], 3);
    for phone in ["p1", "p2", "p4", "p5"] {
        run.passed(phone);
    }
    assert_eq!(run.code, Some(0));
    let files = fs::read_dir(&run.directory).unwrap().flatten();
    let consoles = files.filter(|file| file.file_name().to_string_lossy().starts_with("console-")).count();
    assert_eq!(consoles, 0);
    run.holds_against_every_witness();
}

fn with_bench(options: &[&str], directory: &Path) -> Command {
    // A shell can not trap what was ignored when it began, as a hangup is for all that `nohup` starts.
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(Path::new(ROOT).join("rig/real-software/with-bench.sh"));
    command.arg("--directory").arg(directory).args(options).arg("--");
    command
}
