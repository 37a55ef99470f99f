//! `siprig console` at a real terminal: driven by its keys as a person would, and looked at.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    consoles::PATIENCE,
    virtual_run::descendants,
    window::{Window, now},
};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");
const ESC: &[u8] = b"\x1b";
const RIGHT: &[u8] = b"\x1b[C";

/// A failover that takes as short as it can.
const QUICK: [&str; 4] = ["--phones", "p1,p3", "--set", "expires=8s"];

/// A folder with runs in it, and who looks at them.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the recording of a run of two phones.
    pub fn with_recording() -> Self {
        let desk = Self::new();
        let run = desk.reports().join("2026-11-25T183352Z-failover");
        fs::create_dir_all(&run).unwrap();
        let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
        fs::copy(journal, run.join("journal.jsonl")).unwrap();
        desk
    }

    pub fn open(&self, arguments: &[&str]) -> Window {
        // setsid(1) gives the program the PTY for a controlling terminal, as a shell in a window has it.
        let mut command = Command::new("setsid");
        command.args(["--ctty", SIPRIG, "console"]).args(arguments);
        self.open_with(command)
    }

    /// A window with that command in it, which finds siprig by its name.
    pub fn open_with(&self, command: Command) -> Window {
        self.open_sized(command, (80, 24))
    }

    /// The same, so large.
    pub fn open_sized(&self, mut command: Command, (columns, rows): (u16, u16)) -> Window {
        let programs = Path::new(SIPRIG).parent().unwrap().to_str().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command.current_dir(self.folder.path()).env("PATH", format!("{programs}:{path}"));
        command.env("SIPRIG_STATE", self.folder.path().join("state")).env("LANG", "C.UTF-8").env("NO_COLOR", "1");
        command.env("TERM", "xterm-256color").env_remove("LC_ALL").env("SUDO_USER", "anna");
        Window::open_sized(command, columns, rows)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn reports(&self) -> PathBuf {
        self.folder.path().join("reports")
    }

    /// The directory of the only run.
    pub fn run(&self) -> PathBuf {
        self.reports().read_dir().unwrap().next().unwrap().unwrap().path()
    }

    /// The journal of the only run.
    pub fn journal(&self) -> Option<String> {
        let run = self.reports().read_dir().ok()?.next()?.ok()?.path();
        fs::read_to_string(run.join("journal.jsonl")).ok()
    }

    pub fn is_told(&self, what: &str) {
        let begun = now();
        while !self.journal().is_some_and(|journal| journal.contains(what)) {
            assert!(begun.elapsed() < PATIENCE, "never told: {what}");
            std::thread::yield_now();
        }
    }
}

/// Whether this user may make namespaces, which a virtual bench is made of.
pub fn has_virtual_bench() -> bool {
    let mut unshare = Command::new("unshare");
    let tried = unshare.args(["--user", "--map-root-user", "--net", "true"]).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        println!("SKIPPED: no virtual bench here");
    }
    can
}

#[test]
fn from_the_footer_and_the_help_alone_one_finds_out_what_became_of_a_phone() {
    let desk = Desk::with_recording();
    let mut window = desk.open(&["--replay", "latest"]);
    let first = window.shows("? more");
    assert!(first.contains("[1 Phones]") && first.contains("Space play"), "{first}");
    window.types(b"?");
    assert!(window.shows("search:").contains("where lines are registered"));
    window.types(b"?");
    window.shows("? more");
    // Ten seconds on, twice: to the end.
    window.types(RIGHT);
    window.shows("is registered at b (backup)");
    window.types(RIGHT);
    window.shows("✓ pass");
    window.types(b"/p3\r");
    window.shows("Lines 1/2");
    window.types(b"j\r");
    assert!(window.shows("[2 Phone]").contains("Console:"));
    window.shows("─ p3 ─");
    window.types(b"3");
    let ladder = window.shows("a IS AWAY");
    assert!(ladder.contains("REGISTER 12") && ladder.contains("b backup"), "{ladder}");
    for (key, sign) in [(b"4", "Servers,"), (b"5", "Step by step"), (b"6", "Log "), (b"1", "Lines ")] {
        window.types(key);
        window.shows(sign);
    }
    // A click on the name of a screen (the mouse in SGR coordinates), and one that is the terminal's.
    window.types(b"\x1b[<0;14;3M");
    window.shows("[2 Phone]");
    window.types(b"1 0");
    window.shows("? unsure");
    window.types(b"/");
    window.shows("FILTER");
    window.types(ESC);
    window.shows("Lines 2/2");
    window.types(b"q");
    assert_eq!(window.ends(), Some(0));
}

#[test]
fn who_is_attached_sees_the_run_and_can_give_the_network_back() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = desk.open(&QUICK);
    own.shows("a IS AWAY");
    let mut attached = desk.open(&["--attach"]);
    assert!(attached.shows("a IS AWAY").contains("attached"));
    attached.types(b"x\r");
    attached.shows("End the run?");
    attached.types(b"nU");
    attached.shows("disturbed");
    own.shows("disturbed");
    attached.types(b"q");
    assert_eq!(attached.ends(), Some(0));
    own.shows("  ended");
    own.types(b"q");
    assert_eq!(own.ends(), Some(5), "cases are outstanding");
    desk.is_told("restore-requested");
    let mut runs = desk.reports().read_dir().unwrap().flatten();
    assert!(runs.all(|run| !run.path().join("operator.sock").exists()));
}

#[test]
fn a_run_is_ended_in_good_order_whatever_becomes_of_its_console() {
    if !has_virtual_bench() {
        return;
    }
    for how in ["closed", "killed"] {
        let desk = Desk::new();
        let mut own = desk.open(&QUICK);
        own.shows("a IS AWAY");
        if how == "closed" {
            own.master = None;
            assert_eq!(own.ends(), Some(129));
        } else {
            kill(Pid::from_raw(own.child.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
        }
        desk.is_told("run-ended");
        let journal = desk.journal().unwrap();
        assert!(journal.contains("stop-requested") && journal.contains("outage-ended"), "{how}");
    }
}

#[test]
fn a_run_that_is_killed_behind_its_console_is_told_to_be_gone() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = desk.open(&QUICK);
    own.shows("a IS AWAY");
    let below = descendants(own.child.id());
    for (pid, _) in below.iter().filter(|(_, words)| words.contains("siprig run")) {
        // What it has begun goes with it.
        let _ = kill(Pid::from_raw((*pid).try_into().unwrap()), Signal::SIGKILL);
    }
    own.shows("THE RUN IS GONE");
    own.types(b"q");
    assert_ne!(own.ends(), Some(0));
}

#[test]
fn a_run_that_can_not_begin_says_why_and_leaves_the_terminal() {
    let mut window = Desk::new().open(&["--bench", "nowhere.toml"]);
    window.sees("nowhere.toml");
    assert_eq!(window.ends(), Some(78));
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let output = Command::new(SIPRIG).arg("console").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("needs a terminal") && said.contains("siprig run"), "{said}");
}
