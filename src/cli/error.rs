//! Errors at the edge: what went wrong, what to do about it, and the exit code.

use std::{
    error::Error,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};

use super::{exit::Exit, lock::LockError};
use crate::{
    config::diagnostic::{Diagnostic, Diagnostics},
    driver::network::NetworkError,
    journal::{JournalError, RunDirError, console::RecordingError},
    nightly::LedgerError,
    report::ReportError,
    session::{ReplayError, SessionError},
    virtual_bench::LaunchError,
};

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub struct UserError {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong; never empty.
    pub problems: Vec<Diagnostic>,
}

impl UserError {
    /// A problem that concerns no place in a file.
    pub fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { exit, problems: vec![Diagnostic::nowhere(message, help)] }
    }

    /// A problem from below, whose message says what to do about it.
    pub(super) fn because(exit: Exit, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        // Messages from below end in advice after the last semicolon.
        let (message, help) = match message.rsplit_once("; ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (message, None),
        };
        Self { exit, problems: vec![Diagnostic { message, place: None, help }] }
    }

    /// Tells people, on stderr.
    pub fn print(&self) {
        const RED: Style = AnsiColor::Red.on_default().bold();
        const CYAN: Style = AnsiColor::Cyan.on_default();
        let mut err = anstream::stderr().lock();
        for problem in &self.problems {
            // Nobody is left to be told if stderr is gone.
            let _ = writeln!(err, "{RED}error{RED:#}: {}", problem.message);
            if let Some(place) = &problem.place {
                let _ = writeln!(err, "{place}");
            }
            if let Some(help) = &problem.help {
                let _ = writeln!(err, "  {CYAN}help{CYAN:#}: {help}");
            }
        }
    }

    /// The same as one text, for documents.
    pub fn text(&self) -> String {
        let problems: Vec<_> = self.problems.iter().map(|problem| problem.to_string()).collect();
        problems.join("\n\n")
    }
}

impl From<Diagnostics> for UserError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { exit: Exit::Config, problems: diagnostics.0 }
    }
}

impl From<LockError> for UserError {
    fn from(error: LockError) -> Self {
        let exit = if matches!(error, LockError::Held { .. }) { Exit::Busy } else { Exit::Rig };
        Self::because(exit, &error)
    }
}

impl From<LaunchError> for UserError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Model(diagnostics) => diagnostics.into(),
            other => Self::because(Exit::Rig, &other),
        }
    }
}

impl From<SessionError> for UserError {
    fn from(error: SessionError) -> Self {
        let busy = matches!(&error, SessionError::Driver(driver) if driver.is_busy());
        Self::because(if busy { Exit::Busy } else { Exit::Rig }, &error)
    }
}

impl From<NetworkError> for UserError {
    fn from(error: NetworkError) -> Self {
        Self::because(if error.is_busy() { Exit::Busy } else { Exit::Rig }, &error)
    }
}

impl From<RunDirError> for UserError {
    fn from(error: RunDirError) -> Self {
        let exit = if matches!(error, RunDirError::NotARun { .. }) { Exit::Usage } else { Exit::Rig };
        Self::because(exit, &error)
    }
}

impl From<JournalError> for UserError {
    fn from(error: JournalError) -> Self {
        Self::because(Exit::Rig, &error)
    }
}

impl From<LedgerError> for UserError {
    fn from(error: LedgerError) -> Self {
        let exit = if matches!(error, LedgerError::Held { .. }) { Exit::Busy } else { Exit::Rig };
        Self::because(exit, &error)
    }
}

impl From<RecordingError> for UserError {
    fn from(error: RecordingError) -> Self {
        Self::because(Exit::Rig, &error)
    }
}

impl From<ReplayError> for UserError {
    fn from(error: ReplayError) -> Self {
        Self::because(Exit::Rig, &error)
    }
}

impl From<ReportError> for UserError {
    fn from(error: ReportError) -> Self {
        Self::because(Exit::Rig, &error)
    }
}

/// Writes data to stdout. A reader who has seen enough (`| head`) is no error.
///
/// # Errors
/// If stdout can not be written for another reason.
pub fn print_data(text: &str) -> Result<(), UserError> {
    print_bytes(text.as_bytes()).map(|_| ())
}

/// The same with bytes that may be no text. False: the reader has seen enough.
///
/// # Errors
/// If stdout can not be written for another reason.
pub fn print_bytes(bytes: &[u8]) -> Result<bool, UserError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(UserError::new(Exit::Unexpected, format!("cannot write to stdout: {error}"), "make room there"))
        }
    }
}
