//! The terminal of an operator: taken whole, and given back as it was whatever happens.

use std::{
    io::{self, IsTerminal, Stdout, Write, stdin, stdout},
    mem::ManuallyDrop,
    os::fd::AsFd,
    panic,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crossterm::{
    cursor::Show,
    execute,
    style::Print,
    terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, kill},
    unistd::getpid,
};
use ratatui::{
    backend::CrosstermBackend,
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::crash;
use crate::{
    cli::{error::UserError, exit::Exit, state},
    event::Stamp,
    look::Look,
    tui::console::{Console, screen},
};

/// How often the terminal is asked whether it is still there.
const ASK: Duration = Duration::from_millis(500);
/// How long whoever uses a terminal that hung up has to end in good order. A run of its own ends by itself then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nobody uses it any more.
static GIVEN_BACK: AtomicBool = AtomicBool::new(true);

/// Says what is wrong if there is no terminal to show anything on.
///
/// # Errors
/// That there is none.
pub(super) fn needed() -> Result<(), UserError> {
    if stdin().is_terminal() && stdout().is_terminal() {
        return Ok(());
    }
    let message = "the operator console needs a terminal, for its keys and for its screens";
    Err(UserError::new(Exit::Usage, message, "use `siprig run` where there is none"))
}

/// A terminal, given back when this is dropped.
pub(super) struct Terminal {
    /// Its own drop complains on a terminal that is gone, and panics since it can not.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Stdout>>>,
    /// It tells of the mouse.
    mouse: bool,
    /// What it shows.
    shown: Option<Buffer>,
}

/// Tell what is pasted from what is typed.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// Tell of buttons and the wheel, in decimal numbers: not of each movement, which nobody here wants to know.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

impl Terminal {
    /// Takes it.
    ///
    /// # Errors
    /// If it can not be set.
    pub(super) fn take() -> io::Result<Self> {
        let usual = panic::take_hook();
        let folder = state::directory().ok();
        panic::set_hook(Box::new(move |panicked| {
            give_back();
            usual(panicked);
            if let Some(Ok(path)) = folder.as_ref().map(|folder| crash::keep(folder, &panicked.to_string())) {
                // The terminal may be what has failed.
                let _ = writeln!(
                    io::stderr(),
                    "siprig's console has failed. What is known of it is in {}; please send that. A run of its own ends in good order.",
                    path.display()
                );
            }
        }));
        GIVEN_BACK.store(false, Ordering::SeqCst);
        watch()?;
        enable_raw_mode()?;
        let taken = execute!(stdout(), EnterAlternateScreen, Print(PASTE_ON))
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        let inner = taken.inspect_err(|_| give_back())?;
        Ok(Self { inner: ManuallyDrop::new(inner), mouse: false, shown: None })
    }

    /// Takes the mouse, or leaves it to the terminal.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn listen_to_mouse(&mut self, on: bool) -> io::Result<()> {
        if self.mouse != on {
            self.mouse = on;
            execute!(stdout(), Print(if on { MOUSE_ON } else { MOUSE_OFF }))?;
        }
        Ok(())
    }

    /// Draws everything anew at the next occasion, whatever others have written there.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        execute!(stdout(), Clear(ClearType::All))?;
        self.shown = None;
        // To be cleared, the one that there is would ask the terminal where its cursor is, and hear keys for an answer.
        self.inner = ManuallyDrop::new(ratatui::Terminal::new(CrosstermBackend::new(stdout()))?);
        Ok(())
    }

    /// Gives it back, stops this process, and takes it again when that goes on. A run goes on meanwhile, this console's own too.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        execute!(stdout(), Print(MOUSE_OFF), Print(PASTE_OFF), LeaveAlternateScreen, Show)?;
        disable_raw_mode()?;
        // Of this process alone: those that it has begun are in its group.
        kill(getpid(), Signal::SIGSTOP)?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Print(PASTE_ON))?;
        self.mouse = false;
        self.begin_anew()
    }

    /// Its size.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn area(&self) -> io::Result<Rect> {
        Ok(Rect::from((Position::ORIGIN, self.inner.size()?)))
    }

    /// Draws everything as of `now`. What is on the screen already is not written again, and where that is all, nothing is.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn draw(&mut self, console: &Console, now: Stamp, look: Look) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.inner.size()?));
        let mut buffer = Buffer::empty(area);
        screen::draw(console, now, look, area, &mut buffer);
        if self.shown.as_ref() == Some(&buffer) {
            return Ok(());
        }
        // One that is made larger or smaller meanwhile is drawn again at the next occasion.
        let drawn = self.inner.draw(|frame| {
            if frame.area() == area {
                // `Buffer::merge` counts cells in 16 bits.
                frame.buffer_mut().content.clone_from(&buffer.content);
            }
        })?;
        self.shown = Some(buffer).filter(|_| drawn.area == area);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives up one that takes nothing any more: its settings are set back, and nothing is written to it.
pub(super) fn abandon() {
    if !GIVEN_BACK.swap(true, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}

/// A terminal that hung up can not be set, and need not be.
fn give_back() {
    if !GIVEN_BACK.swap(true, Ordering::SeqCst) {
        let _ = execute!(stdout(), Print(MOUSE_OFF), Print(PASTE_OFF), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Ends the process if its terminal hangs up and nobody else notices: whoever reads a dead terminal may be told so for ever, and
/// never come to anything else.
fn watch() -> io::Result<()> {
    let watched = stdin().as_fd().try_clone_to_owned()?;
    thread::Builder::new().name("hang-up".to_owned()).spawn(move || {
        loop {
            thread::park_timeout(ASK);
            let mut look = [PollFd::new(watched.as_fd(), PollFlags::empty())];
            let gone = poll(&mut look, PollTimeout::ZERO).is_ok_and(|count| count > 0);
            if gone {
                thread::park_timeout(PATIENCE);
                std::process::exit(i32::from(Exit::Hangup.code()));
            }
            if GIVEN_BACK.load(Ordering::SeqCst) {
                return;
            }
        }
    })?;
    Ok(())
}
