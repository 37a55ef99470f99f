//! Servers of a virtual bench that are stopped and started by the commands of its bench file: real processes, real commands.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::Value;

use crate::net::Bench;

#[test]
fn a_server_is_stopped_left_started_and_found_again_and_how_long_its_commands_took_is_known() {
    let Some(bench) = Bench::start() else { return };
    let output = bench.inside("run server-stopped --json");
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    let records = journal(&bench);
    let commands = records.iter().filter(|record| record["observed"]["what"] == "hook-ended");
    let acts: Vec<&str> = commands.clone().filter_map(|record| record["observed"]["act"].as_str()).collect();
    assert_eq!(acts, ["stop", "start"]);
    assert!(commands.clone().all(|record| record["observed"]["outcome"]["error"].is_null()));
    let began = records.iter().find(|record| record["observed"]["what"] == "outage-began").unwrap();
    let took = commands.clone().next().unwrap()["observed"]["outcome"]["took_ns"].as_u64();
    assert_eq!(began["error_ns"].as_u64(), took, "in doubt for as long as the command took");
    assert_eq!(bench.end(), ["virtual"]);
}

#[test]
fn whoever_is_stopped_when_a_run_is_ended_or_killed_is_started_again() {
    let Some(bench) = Bench::start() else { return };
    let said = end_in_outage(&bench, Signal::SIGINT);
    assert!(said.contains("a is given back"), "{said}");
    let output = bench.inside("net restore");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("did not start it again"), "{told}");

    end_in_outage(&bench, Signal::SIGKILL);
    let output = bench.inside("net restore");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("server a was stopped by a siprig that did not start it again"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");

    end_in_outage(&bench, Signal::SIGKILL);
    let output = bench.inside("run baseline --json");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("server a was stopped by a siprig that did not start it again"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{:#}", document(&output));
}

#[test]
fn a_server_that_answers_after_its_stop_command_is_a_fault_of_the_bench_file() {
    let Some(bench) = Bench::start() else { return };
    let output = bench.inside(r#"run server-stopped --json --set 'server.a.hook.stop=["true"]'"#);
    let document = document(&output);
    assert_eq!(output.status.code(), Some(3), "{document:#}");
    for case in document["cases"].as_array().unwrap() {
        let found = ["verdict", "blame", "code"].map(|key| case[key].as_str().unwrap());
        assert_eq!(found, ["rig-error", "configuration", "still-answers"], "{case:#}");
    }
}

#[test]
fn neither_the_controller_nor_a_command_of_the_bench_file_has_what_the_helper_was_given() {
    let Some(bench) = Bench::start() else { return };
    let look = r#"run server-stopped --set 'server.a.hook.stop=["sh","-c","grep ^Cap /proc/$PPID/status >controller; grep ^Cap /proc/self/status >command"]'"#;
    let command = bench.command(look);
    let enter = command.get_args().nth(1).unwrap().to_str().unwrap();
    let siprig = env!("CARGO_BIN_EXE_siprig");
    let given = format!("setpriv --inh-caps +net_admin --ambient-caps +net_admin {siprig}");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(enter.replacen(siprig, &given, 1)).current_dir(bench.folder.path());
    assert!(enter.contains(siprig), "{enter}");
    let output = shell.output().unwrap();
    let of = |who: &str, set: &str| {
        let text = fs::read_to_string(bench.folder.path().join(who));
        let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let bits = text.lines().find_map(|line| line.strip_prefix(set)).unwrap().trim().to_owned();
        u64::from_str_radix(&bits, 16).unwrap()
    };
    // CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN (capabilities(7)).
    const OF_THE_HELPER: u64 = 1 << 12 | 1 << 13 | 1 << 21;
    assert_eq!(of("controller", "CapEff:") & OF_THE_HELPER, 0, "works without them");
    assert_eq!(of("controller", "CapAmb:"), 1 << 12, "and hands them on");
    assert_eq!(of("command", "CapAmb:"), 0);
}

/// Ends a run with a signal to all of it, while its server is stopped.
fn end_in_outage(bench: &Bench, signal: Signal) -> String {
    end_when(bench, "run server-stopped", "a is stopped", signal)
}

/// Ends a run with a signal to all of it, when it has said something; what it said until its last process was gone.
#[expect(clippy::disallowed_methods, reason = "looks again until a deadline")]
pub(crate) fn end_when(bench: &Bench, command: &str, awaited: &str, signal: Signal) -> String {
    let mut command = bench.command(command);
    let mut run: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap());
    let mut all = String::new();
    while !all.contains(awaited) {
        assert_ne!(said.read_line(&mut all).unwrap(), 0, "{all}");
    }
    let group = members(run.id());
    killpg(Pid::from_raw(run.id().cast_signed()), signal).unwrap();
    std::io::Read::read_to_string(&mut said, &mut all).unwrap();
    run.wait().unwrap();
    // A process that is killed closes what it has one after the other; its ports may be the last.
    for _ in 0..1_000 {
        if !group.iter().any(|process| is_alive(*process)) {
            return all;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("some of {group:?} are still there: {all}");
}

/// The processes of a group.
fn members(group: u32) -> Vec<u32> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.filter(|process| status(*process).is_some_and(|(_, of)| of == group)).collect()
}

/// Whether a process is there, and has not closed everything (proc_pid_stat(5)).
fn is_alive(process: u32) -> bool {
    status(process).is_some_and(|(state, _)| !matches!(state.as_str(), "Z" | "X"))
}

/// State and group of a process; none: it is gone.
fn status(process: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.nth(1)?.parse().ok()?))
}

pub(crate) fn document(output: &Output) -> Value {
    let error = || panic!("{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| error())
}

/// The journal of the only run on a bench.
pub(crate) fn journal(bench: &Bench) -> Vec<Value> {
    let run = bench.folder.path().join("reports").read_dir().unwrap().next().unwrap().unwrap();
    journal_in(&run.path())
}

/// The journal of the run that a document is of: there may be several.
pub(crate) fn journal_of(bench: &Bench, document: &Value) -> Vec<Value> {
    journal_in(&bench.folder.path().join(document["directory"].as_str().unwrap()))
}

fn journal_in(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
