//! Signals and the terminal: the controller has the terminal to itself and gets every signal once.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Child, Stdio},
};

use nix::{
    pty::{OpenptyResult, openpty},
    sys::signal::{SigHandler, Signal, kill},
    unistd::{Pid, setsid},
};

use super::{Place, User};

/// A controller at a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    said: BufReader<File>,
}

impl Terminal {
    fn start(place: &Place, script: &str) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let master = File::from(master);
        let mut command = place.command(&["run", script]);
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        // SAFETY: system calls alone, on standard input, which is the terminal by then.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                // Whoever runs the tests in the background may have it ignored, and all below them with it.
                nix::sys::signal::signal(Signal::SIGINT, SigHandler::SigDfl)?;
                nix::errno::Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        // The parent's copies would keep the terminal from ending.
        drop(command);
        drop(slave);
        assert!(master.as_raw_fd() > 2);
        Self { child, keys: master.try_clone().unwrap(), said: BufReader::new(master) }
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.said.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }

    fn until(&mut self, word: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            match self.line() {
                Some(line) if line.contains(word) => return before,
                Some(line) => before.push(line),
                None => panic!("ended before it said {word:?}: {before:?}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

/// Says `int N` for the Nth SIGINT and, asked by SIGUSR1, how many there were. Leaves by itself on SIGTERM.
const COUNTER: &str = r#"
    n=0
    trap 'n=$((n + 1)); echo "int $n"' INT
    trap 'echo "sum $n"' USR1
    trap 'echo bye; exit 143' TERM
    stty -echo raw && stty sane -echo || exit 30
    echo here
    while :; do sleep 0.02; done"#;

#[test]
fn a_controller_gets_ctrl_c_once_and_signals_to_the_launcher_once() {
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        if place.run("true").is_none() {
            return;
        }
        let mut terminal = Terminal::start(&place, COUNTER);
        terminal.until("here");
        terminal.keys.write_all(b"\x03").unwrap();
        terminal.until("int 1");
        // A second one, handed on by the launcher, would be ahead of this.
        terminal.signal(Signal::SIGUSR1);
        assert_eq!(terminal.until("sum 1"), Vec::<String>::new(), "{user:?}");
        terminal.signal(Signal::SIGINT);
        terminal.until("int 2");
        terminal.signal(Signal::SIGUSR1);
        assert_eq!(terminal.until("sum 2"), Vec::<String>::new(), "{user:?}");
        terminal.signal(Signal::SIGTERM);
        terminal.until("bye");
        assert_eq!(terminal.child.wait().unwrap().code(), Some(143), "{user:?}");
    }
}

#[test]
fn ctrl_c_ends_a_controller_that_does_nothing_about_it_and_leaves_130() {
    let Some(place) = Place::new(User::Myself) else { return };
    if place.run("true").is_none() {
        return;
    }
    let mut terminal = Terminal::start(&place, "echo here; exec sleep 60");
    terminal.until("here");
    // `exec` may not have happened yet, but a shell without traps dies as well.
    terminal.keys.write_all(b"\x03").unwrap();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(130));
}
