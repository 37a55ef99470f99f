//! A terminal window with a program in it, and somebody who looks at it with a clock in his hand.

use std::{
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{Winsize, openpty},
    unistd::{read, write},
};

use super::now_ns;

/// Columns and rows.
const SIZE: (u16, u16) = (120, 40);

/// The window.
pub struct Window {
    master: OwnedFd,
    /// The program.
    pub child: Child,
    screen: vt100::Parser,
    /// Bytes that the program wrote.
    pub bytes: u64,
    /// Times that it drew something: each ends with hiding the cursor.
    pub frames: u64,
    raw: Vec<u8>,
}

impl Window {
    /// Opens one with that program in it, which has it for its controlling terminal.
    pub fn open(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_col: SIZE.0, ws_row: SIZE.1, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", program]).args(arguments).envs(environment.iter().copied());
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let screen = vt100::Parser::new(SIZE.1, SIZE.0, 0);
        Self { master: pty.master, child, screen, bytes: 0, frames: 0, raw: Vec::new() }
    }

    pub fn types(&self, keys: &[u8]) {
        assert_eq!(write(&self.master, keys).unwrap(), keys.len());
    }

    /// Looks until that time, or until this stands in that row; returns when it did.
    pub fn looks(&mut self, until_ns: u64, row: usize, wanted: &str) -> Option<u64> {
        loop {
            if !wanted.is_empty() && self.row(row).contains(wanted) {
                return Some(now_ns());
            }
            let left = until_ns.saturating_sub(now_ns());
            if left == 0 {
                return None;
            }
            let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let patience = PollTimeout::try_from(left / 1_000_000 + 1).unwrap();
            if poll(&mut ready, patience).unwrap() == 0 {
                continue;
            }
            let mut buffer = [0; 1 << 16];
            let Ok(count @ 1..) = read(&self.master, &mut buffer) else { return None };
            self.take(&buffer[..count]);
        }
    }

    /// Everything that the program wrote since it was asked last.
    pub fn wrote(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw)
    }

    pub fn row(&self, row: usize) -> String {
        self.screen.screen().rows(0, SIZE.0).nth(row).unwrap_or_default()
    }

    /// Processor time of the program, in seconds (proc_pid_stat(5)).
    pub fn used(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, behind) = stat.rsplit_once(')').unwrap();
        let numbers: Vec<f64> = behind.split_whitespace().skip(1).map(|word| word.parse().unwrap()).collect();
        // SAFETY: it takes a number and gives one.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        (numbers[10] + numbers[11]) / ticks
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let hides = b"\x1b[?25l";
        // One that is cut in two is counted by neither half: few are.
        self.frames += bytes.windows(hides.len()).filter(|window| window == hides).count() as u64;
        self.screen.process(bytes);
        self.raw.extend_from_slice(bytes);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
