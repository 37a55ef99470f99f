//! `siprig console` at a run that says more than anybody can read, and at one that says nothing any more.

use std::{
    fs,
    io::Write,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    consoles::PATIENCE,
    operator_console::{Desk, has_virtual_bench},
    virtual_run::descendants,
    window::now,
};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");
/// Records of the journal that is caught up with: more than can be taken at a look, in any build on any machine.
const RECORDS: usize = 60_000;

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

/// A journal that has become long, of a run that goes on: its one failover is told again and again.
fn long_journal(run: &Path) {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let recorded = fs::read_to_string(recorded).unwrap();
    let (beginning, rest) = recorded.split_at(recorded.match_indices('\n').nth(1).unwrap().0 + 1);
    let rest: Vec<&str> = rest.lines().filter(|line| !line.contains("run-ended")).collect();
    let mut journal = fs::File::create(run.join("journal.jsonl")).unwrap();
    journal.write_all(beginning.as_bytes()).unwrap();
    for line in rest.iter().cycle().take(RECORDS) {
        writeln!(journal, "{line}").unwrap();
    }
    // By this one knows that everything was taken.
    let last = r#"{"seq":900000,"seen":17000000000,"at":17000000000,"observed":{"what":"stop-requested","by":"anna"}}"#;
    writeln!(journal, "{last}").unwrap();
}

#[test]
fn who_lags_behind_a_run_says_so_hears_keys_and_draws_what_is_there_and_not_all_that_was() {
    let desk = Desk::new();
    let run = desk.reports().join("2026-11-25T183352Z-failover");
    fs::create_dir_all(&run).unwrap();
    long_journal(&run);
    let _ear = UnixListener::bind(run.join("operator.sock")).unwrap();
    let mut attached = desk.open(&["--attach"]);
    let first = attached.shows("catching up: ");
    assert!(!first.contains("then ending"), "{first}");
    attached.types(b"6");
    assert!(attached.shows("[6 Log]").contains("catching up: "), "a key waits for what lags");
    assert!(attached.shows("giving everything back, then ending").contains("attached"));
    let frames = attached.sees("").matches("\u{1b}[?25l").count();
    assert!(frames > 2 && frames < RECORDS / 20, "{frames} frames for {RECORDS} records");
    attached.types(b"q");
    attached.shows("[1 Phones]");
    attached.types(b"q");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn a_watcher_that_is_stopped_holds_no_run_up_and_shows_its_end_when_it_goes_on() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut run = Command::new(SIPRIG);
    run.args(["run", "--phones", "p1,p3", "--set", "expires=8s"]).current_dir(desk.reports().parent().unwrap());
    run.env("SIPRIG_STATE", desk.reports().parent().unwrap().join("state"));
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    desk.is_told("outage-began");
    let mut attached = desk.open(&["--attach"]);
    attached.shows("a IS AWAY");
    kill(pid(attached.child.id()), Signal::SIGSTOP).unwrap();
    let begun = now();
    let ended = loop {
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "the run waits for its watcher");
        std::thread::yield_now();
    };
    assert_eq!(ended.code(), Some(0));
    kill(pid(attached.child.id()), Signal::SIGCONT).unwrap();
    assert!(attached.shows("  ended").contains("2/2 decided"));
    attached.types(b"q");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn a_run_whose_process_is_stopped_is_stale_until_it_goes_on_and_so_is_one_whose_bridge_helper_is() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = desk.open(&["--phones", "p1,p3", "--set", "expires=30s"]);
    own.shows("● primary a");
    let below = descendants(own.child.id());
    let of = |words: [&str; 2]| below.iter().find(|(_, line)| words.iter().all(|word| line.contains(word))).unwrap().0;
    let (controller, helper) = (pid(of(["siprig run", "--bench"])), pid(of(["internal", "bridge-helper"])));
    for (stopped, why) in [(helper, "the bridge's taps say nothing"), (controller, "the run does not answer")] {
        kill(stopped, Signal::SIGSTOP).unwrap();
        let stale = own.shows(why);
        assert!(stale.contains("! STALE for 2 s") && !stale.contains("● primary a"), "{stale}");
        kill(stopped, Signal::SIGCONT).unwrap();
        own.shows_no_more("STALE");
    }
    own.types(b"xy");
    own.shows("  ended");
    own.types(b"q");
    own.ends();
}
