//! A terminal window with a program in it: a PTY that we look at from the other side.

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::PtyMaster,
    sys::termios::{LocalFlags, Termios, tcgetattr},
    unistd::{read, write},
};

use super::consoles::{PATIENCE, pty};

/// A terminal window with the program in it.
pub struct Window {
    /// None: the window was closed.
    pub master: Option<PtyMaster>,
    slave: File,
    before: Termios,
    /// The program.
    pub child: Child,
    seen: Vec<u8>,
    /// A window of 80 × 24 with what was seen in it.
    screen: vt100::Parser,
}

impl Window {
    /// Opens one with that program in it.
    pub fn open(command: Command) -> Self {
        Self::open_sized(command, 0, 0)
    }

    /// The same, so large; a size of 0 is one that nobody knows.
    pub fn open_sized(mut command: Command, columns: u16, rows: u16) -> Self {
        let screen = vt100::Parser::new(rows.max(24), columns.max(80), 0);
        let (master, slave) = pty();
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the descriptor is open, and the structure is that of the request (ioctl_tty(2)).
        assert_eq!(unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
        let before = tcgetattr(&slave).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { master: Some(master), slave, before, child, seen: Vec::new(), screen }
    }

    /// Reads what the program writes until this is among it.
    pub fn sees(&mut self, text: &str) -> String {
        let begun = now();
        loop {
            let seen = String::from_utf8_lossy(&self.seen).into_owned();
            if seen.contains(text) {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "`{text}` is not in {seen:?}");
            self.read();
        }
    }

    /// Reads what the program draws, in a window of 80 × 24, until this stands on the screen; returns all that does.
    pub fn shows(&mut self, text: &str) -> String {
        self.shows_within(text, PATIENCE, "")
    }

    /// The same, for so long at most; `then` says what was done before.
    pub fn shows_within(&mut self, text: &str, patience: Duration, then: &str) -> String {
        let begun = now();
        loop {
            let shown = self.screen.screen().contents();
            if shown.contains(text) {
                return shown;
            }
            assert!(begun.elapsed() < patience, "`{text}` is not on the screen:\n{shown}\n{then}");
            self.read();
        }
    }

    /// Waits until nothing new is drawn for a moment.
    pub fn settles(&mut self) {
        loop {
            let before = self.seen.len();
            self.read();
            if self.seen.len() == before {
                return;
            }
        }
    }

    /// Waits until that stands on the screen no more; what does then.
    pub fn shows_no_more(&mut self, text: &str) -> String {
        let begun = now();
        loop {
            let shown = self.screen.screen().contents();
            if !shown.contains(text) {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "`{text}` stays on the screen:\n{shown}");
            self.read();
        }
    }

    /// Takes what comes within a moment.
    fn read(&mut self) {
        let Some(master) = &self.master else { return };
        let mut ready = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(100_u8)).unwrap() > 0 {
            let mut buffer = [0; 4096];
            // At the end of a program that was alone there, the line is told to be broken.
            let count = read(master, &mut buffer).unwrap_or(0);
            self.seen.extend_from_slice(&buffer[..count]);
            self.screen.process(&buffer[..count]);
        }
    }

    pub fn types(&self, keys: &[u8]) {
        assert_eq!(write(self.master.as_ref().unwrap(), keys).unwrap(), keys.len());
    }

    /// It takes no more of what is written to it.
    pub fn is_full(&self) -> bool {
        let mut ready = [PollFd::new(self.slave.as_fd(), PollFlags::POLLOUT)];
        poll(&mut ready, PollTimeout::ZERO).unwrap() == 0
    }

    /// Another program writes to the same terminal.
    pub fn writes(&self, text: &str) {
        assert_eq!(write(&self.slave, text.as_bytes()).unwrap(), text.len());
    }

    /// The terminal is set as it was before the program took it.
    pub fn is_as_it_was(&self) {
        let after = tcgetattr(&self.slave).unwrap();
        assert!(after.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
        assert_eq!(after, self.before, "the terminal is not as it was");
    }

    /// The exit code; the terminal must be as it was.
    pub fn ends(&mut self) -> Option<i32> {
        let begun = now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            // One who writes what nobody reads waits for ever.
            self.read();
            std::thread::yield_now();
        };
        if self.master.is_some() {
            self.is_as_it_was();
        }
        status.code()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that waits for a program needs an end to its patience")]
pub fn now() -> Instant {
    Instant::now()
}
