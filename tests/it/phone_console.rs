//! `siprig phone console` at a real terminal: a PTY that we look at from the other side.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{consoles::Line, window::Window};

const SIPRIG: &str = env!("CARGO_BIN_EXE_siprig");

/// The key that leaves: Ctrl-].
const LEAVE: &[u8] = b"\x1d";

/// A bench of one phone, whose serial line is ours.
struct Lab {
    folder: tempfile::TempDir,
    line: Line,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = Line::plugged_in_at(&folder.path().join("tty"));
        let bench = "[bench]\nname = \"lab\"\n[[server]]\nname = \"a\"\nrole = \"primary\"\naddresses = [\"10.77.0.2\"]\n\
                     [[phone]]\nname = \"p1\"\nmodel = \"aastra-6731i\"\nmac = \"00:08:5d:00:00:01\"\n\
                     extension = \"1001\"\nconsole = { port = \"tty\" }\n";
        std::fs::write(folder.path().join("bench.toml"), bench).unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        Self { folder, line }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, launcher: &[&str], arguments: &[&str]) -> Command {
        let mut words = launcher.iter().chain(&[SIPRIG, "phone", "console", "p1", "--bench"]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg(self.file("bench.toml"));
        command.args(arguments).env("SIPRIG_STATE", self.file("state")).env("TZ", "UTC").env("NO_COLOR", "1");
        command
    }

    fn attach(&self, arguments: &[&str]) -> Window {
        // setsid(1) gives the program the PTY for a controlling terminal, as a shell in a window has it.
        Window::open(self.command(&["setsid", "--ctty"], arguments))
    }
}

#[test]
fn what_a_phone_says_does_a_terminal_no_harm_and_what_is_typed_arrives() {
    let lab = Lab::new();
    let mut window = lab.attach(&["--times", "--log", lab.file("log.txt").to_str().unwrap()]);
    window.sees("Ctrl-] leaves");
    lab.line.says(b"\x1b]0;owned\x07\x1b[31mhello\x1b[0m\r\n");
    let seen = window.sees("hello");
    assert!(seen.contains("\\u{1b}]0;owned\\u{7}hello") && !seen.contains("\x1b]"), "{seen:?}");
    window.types(b"sip status\r");
    assert_eq!(lab.line.hears(11), b"sip status\r");
    // Ctrl-C is the phone's.
    window.types(b"\x03");
    assert_eq!(lab.line.hears(1), b"\x03");
    lab.line.says(b"fine\r\n");
    let seen = window.sees("fine");
    let stamped = seen.lines().find(|line| line.contains("fine")).unwrap();
    let time = stamped.trim_start().split(' ').next().unwrap();
    assert!(time.len() == 12 && time.as_bytes()[2] == b':' && time.as_bytes()[8] == b'.', "{stamped:?}");
    window.types(LEAVE);
    assert_eq!(window.ends(), Some(0));
    let log = std::fs::read_to_string(lab.file("log.txt")).unwrap();
    assert!(log.contains("> sip status") && log.contains("  fine"), "{log}");
}

#[test]
fn a_terminal_is_given_back_whatever_ends_the_program() {
    let lab = Lab::new();
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let mut window = lab.attach(&[]);
        window.sees("Ctrl-] leaves");
        kill(Pid::from_raw(window.child.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(window.ends(), Some(code));
    }
    let mut window = lab.attach(&[]);
    window.sees("Ctrl-] leaves");
    window.master = None;
    // The terminal is gone with its window.
    assert_eq!(window.ends(), Some(129));
    // And so is the port's lock.
    lab.attach(&[]).sees("Ctrl-] leaves");
}

#[test]
fn one_types_and_others_watch() {
    let lab = Lab::new();
    let mut typist = lab.attach(&[]);
    typist.sees("Ctrl-] leaves");
    let mut watcher = lab.attach(&["--hex"]);
    watcher.sees("watching p1; siprig phone console (process");
    watcher.types(b"x");
    watcher.sees("you only watch");
    typist.types(b"who\r");
    assert_eq!(lab.line.hears(4), b"who\r", "what the watcher typed went nowhere");
    watcher.sees("> 77686f0d");
    lab.line.says(b"me\r\n");
    watcher.sees("< 6d650d0a");
    typist.sees("me");
    let socket = std::fs::read_dir(lab.file("state"))
        .unwrap()
        .flatten()
        .find(|it| it.file_name().to_string_lossy().ends_with("-lab-p1.sock"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&socket.unwrap().metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    typist.types(LEAVE);
    assert_eq!(typist.ends(), Some(0));
    watcher.sees("has ended");
    assert_eq!(watcher.ends(), Some(0));
    assert_eq!(sockets(&lab.file("state")), 0);
    let mut late = lab.attach(&["--watch"]);
    late.sees("nobody uses the console of p1 now");
    assert_eq!(late.ends(), Some(3));
}

#[test]
fn a_file_is_typed_byte_for_byte_and_a_program_may_type_and_read() {
    let lab = Lab::new();
    let sent: Vec<u8> = (0..=255).collect();
    std::fs::write(lab.file("sent"), &sent).unwrap();
    let mut child = lab
        .command(&[], &["--raw", "--send", lab.file("sent").to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(lab.line.hears(256), sent);
    lab.line.says(b"\x1b]0;lent\x07\r\n");
    let mut heard = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"\x1b]0;lent\x07\r\n", "--raw lets everything through");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn sockets(state: &Path) -> usize {
    let names = std::fs::read_dir(state).unwrap().flatten().map(|it| it.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".sock")).count()
}
