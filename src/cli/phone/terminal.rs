//! The terminal of one who uses a console: each key goes to the phone as it is pressed, and whatever happens the terminal
//! is given back as it was.

use std::{
    io::{self, IsTerminal, Write},
    panic,
};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// A terminal, restored when this is dropped; or no terminal at all.
pub(super) struct Terminal {
    before: Option<Termios>,
    is_screen: bool,
    /// The phone could do anything with the terminal.
    lent: bool,
}

impl Terminal {
    /// Takes the terminal, if standard input is one.
    ///
    /// # Errors
    /// If it can not be set.
    pub(super) fn take(lent: bool) -> io::Result<Self> {
        let input = io::stdin();
        let before = if input.is_terminal() {
            let before = tcgetattr(&input)?;
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            tcsetattr(&input, SetArg::TCSADRAIN, &raw)?;
            Some(before)
        } else {
            None
        };
        if let Some(before) = before.clone() {
            let usual = panic::take_hook();
            let before = libc::termios::from(before);
            panic::set_hook(Box::new(move |panicked| {
                restore(&before.into());
                usual(panicked);
            }));
        }
        Ok(Self { before, is_screen: io::stdout().is_terminal(), lent })
    }

    /// Whether somebody sits before it and types.
    pub(super) fn has_keyboard(&self) -> bool {
        self.before.is_some()
    }

    /// Writes what the phone said.
    ///
    /// # Errors
    /// If nobody is there any more.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.is_screen || self.lent {
            out.write_all(bytes)?;
        } else {
            // A file gets plain line endings.
            let plain: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\r').collect();
            out.write_all(&plain)?;
        }
        out.flush()
    }

    /// Says something of our own, to people.
    pub(super) fn say(&self, text: &str) {
        let ending = if self.before.is_some() { "\r\n" } else { "\n" };
        // Nobody is left to be told if stderr is gone.
        let _ = write!(io::stderr(), "[{text}]{ending}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_screen && self.before.is_some() {
            // What the phone may have left behind: colours, a hidden cursor, the other screen (xterm's control sequences).
            let lent = if self.lent { "\x1b[?1049l\x1b[?25h\x1b[0m" } else { "" };
            let _ = write!(io::stdout(), "{lent}\r\n");
            let _ = io::stdout().flush();
        }
        if let Some(before) = &self.before {
            restore(before);
        }
    }
}

fn restore(before: &Termios) {
    // A terminal that hung up can not be set, and need not be.
    let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio, exit},
        thread,
    };

    use nix::pty::openpty;

    use super::*;

    /// Set for the process that panics: this test again, at a terminal of its own.
    const PANICS: &str = "SIPRIG_TEST_PANICS";

    #[test]
    fn a_panic_on_whatever_thread_gives_the_terminal_back_before_it_is_told() {
        if let Ok(thread) = std::env::var(PANICS) {
            panic_with_terminal_taken(&thread);
        }
        let name = "cli::phone::terminal::tests::a_panic_on_whatever_thread_gives_the_terminal_back_before_it_is_told";
        for thread in ["this", "another"] {
            let pty = openpty(None, None).unwrap();
            let before = tcgetattr(&pty.slave).unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", name, "--nocapture"]).env(PANICS, thread);
            let ended = command.stdin(Stdio::from(pty.slave.try_clone().unwrap())).output().unwrap();
            let told = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(101), "{told}");
            assert!(told.contains("restored: true") && told.contains("panicked on purpose"), "{told}");
            assert_eq!(tcgetattr(&pty.slave).unwrap(), before, "{thread}");
        }
    }

    /// The hook of before tells how it finds the terminal. Whatever unwinds later changes nothing about that.
    fn panic_with_terminal_taken(thread: &str) -> ! {
        let settings = || tcgetattr(io::stdin()).unwrap();
        let before = settings();
        let expected = libc::termios::from(before.clone());
        panic::set_hook(Box::new(move |panicked| {
            eprintln!("restored: {}; {panicked}", settings() == expected.into());
        }));
        let terminal = Terminal::take(false).unwrap();
        assert_ne!(settings(), before);
        if thread == "this" {
            panic!("panicked on purpose");
        }
        thread::spawn(|| panic!("panicked on purpose")).join().unwrap_err();
        // Nothing of this thread unwinds: the hook alone has done it.
        std::mem::forget(terminal);
        exit(101);
    }
}
