//! Whatever dies of a console, of its terminal or of its run in an outage: the network is whole again, and nobody is left.
//!
//! Three seconds are promised, and how long it took is printed (`--nocapture`).

#![expect(clippy::print_stdout, reason = "tests that can't run say so, and how long it took is told")]

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    poll::{PollTimeout, poll},
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::{
    operator_console::{Desk, has_virtual_bench},
    virtual_run::descendants,
    window::{Window, now},
};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");
/// In that time the network is whole, and nobody is left.
const PROMISED: Duration = Duration::from_secs(3);
/// Phones that need longer to move than anything takes here.
const SLOW: [&str; 4] = ["--phones", "p1,p3", "--set", "expires=8s"];

pub fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

/// Whether that is still the same process, and lives: a zombie only waits for its parent to take note.
pub fn lives(id: u32, words: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = state.rsplit_once(')').map_or("", |(_, behind)| behind.trim_start());
    let same = fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|it| it.replace('\0', " ") == words);
    same && !state.is_empty() && !state.starts_with(['Z', 'X'])
}

/// All of them are gone: with the helper its table is, and with the bench its interfaces are.
pub fn are_gone(of: &str, processes: &[(u32, String)]) {
    let begun = now();
    let (helper, rest): (Vec<_>, Vec<_>) = processes.iter().partition(|(_, words)| words.contains("bridge-helper"));
    assert!(!helper.is_empty() && !rest.is_empty(), "{processes:?}");
    let mut whole = None;
    loop {
        if whole.is_none() && !helper.iter().any(|(id, words)| lives(*id, words)) {
            whole = Some(begun.elapsed());
        }
        let left: Vec<_> = processes.iter().filter(|(id, words)| lives(*id, words)).collect();
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PROMISED, "{of}: {left:?}");
        std::thread::yield_now();
    }
    let whole = whole.unwrap_or_default();
    println!("{of}: helper gone after {} ms, everybody after {} ms", whole.as_millis(), begun.elapsed().as_millis());
}

/// An outage of a run that a console began, with everybody below that console.
pub fn in_an_outage(desk: &Desk) -> (Window, Vec<(u32, String)>) {
    let mut own = desk.open(&SLOW);
    own.shows("a IS AWAY");
    let below = descendants(own.child.id());
    (own, below)
}

#[test]
fn when_the_window_is_closed_the_console_is_killed_or_its_whole_group_is() {
    if !has_virtual_bench() {
        return;
    }
    for how in ["window closed", "console killed", "window closed and group killed"] {
        let desk = Desk::new();
        let (mut own, mut below) = in_an_outage(&desk);
        let console = own.child.id();
        below.push((console, fs::read_to_string(format!("/proc/{console}/cmdline")).unwrap().replace('\0', " ")));
        if how.starts_with("window") {
            own.master = None;
        }
        if how == "console killed" {
            kill(pid(console), Signal::SIGKILL).unwrap();
        }
        if how.ends_with("group killed") {
            killpg(pid(console), Signal::SIGKILL).unwrap();
        }
        are_gone(how, &below);
        // Killed with its console, the run had no time to tell.
        let told = desk.journal().unwrap().contains("outage-ended");
        assert!(told || how.ends_with("group killed"), "{how}");
    }
}

#[test]
fn when_the_run_is_killed_the_attached_console_stays_says_so_and_does_nothing() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let (_own, below) = in_an_outage(&desk);
    let mut attached = desk.open(&["--attach"]);
    attached.shows("a IS AWAY");
    let is_controller = |(_, words): &&(u32, String)| words.contains("siprig run") && words.contains("--bench");
    let (controller, _) = below.iter().find(is_controller).unwrap();
    kill(pid(*controller), Signal::SIGKILL).unwrap();
    are_gone("run killed", &below);
    attached.shows("THE RUN IS GONE");
    let before = ticks(attached.child.id());
    poll(&mut [], PollTimeout::from(1_000_u16)).unwrap();
    let spent = ticks(attached.child.id()) - before;
    // Of a hundred, more than twenty of which would be a loop that waits for nothing.
    assert!(spent < 20, "{spent} ticks in a second");
    attached.types(b"q");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn when_the_tmux_session_is_killed() {
    let tmux = |desk: &Desk, arguments: &[&str]| {
        let mut tmux = Command::new("tmux");
        // A server of its own, which ends with its session.
        tmux.arg("-S").arg(desk.reports().with_file_name("tmux.sock")).args(["-f", "/dev/null"]).args(arguments);
        tmux.env_remove("TMUX").env("LANG", "C.UTF-8").env("SIPRIG_STATE", desk.reports().with_file_name("state"));
        tmux.current_dir(desk.reports().parent().unwrap()).stdin(Stdio::null()).output()
    };
    let desk = Desk::new();
    if tmux(&desk, &["-V"]).is_err() {
        println!("SKIPPED: there is no tmux here");
        return;
    }
    if !has_virtual_bench() {
        return;
    }
    let console = format!("{SIPRIG} console {}", SLOW.join(" "));
    let begun = tmux(&desk, &["new-session", "-d", "-x", "80", "-y", "24", &console]).unwrap();
    assert!(begun.status.success(), "{begun:?}");
    desk.is_told("outage-began");
    let server = tmux(&desk, &["display-message", "-p", "#{pid}"]).unwrap();
    let server: u32 = String::from_utf8(server.stdout).unwrap().trim().parse().unwrap();
    let below = descendants(server);
    assert!(below.iter().any(|(_, words)| words.contains("console")), "{below:?}");
    tmux(&desk, &["kill-session"]).unwrap();
    are_gone("tmux session killed", &below);
    assert!(desk.journal().unwrap().contains("outage-ended"));
}

/// Processor time, in hundredths of a second (proc_pid_stat(5)).
fn ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, behind) = stat.rsplit_once(')').unwrap();
    behind.split_whitespace().skip(12).take(2).map(|word| word.parse::<u64>().unwrap()).sum()
}
