//! What the processes of simulated devices share: their file, their end, their clock.

use std::{
    io::Write,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;

use super::namespace::die_with_parent;

/// Why a simulated device can not run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its file can not be read.
    #[error("cannot read `{path}`, the description of a simulated device: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Its file is no description. The parser's words are kept out, as the file holds passwords.
    #[error("`{path}` is no description of a simulated device (line {line}); start it through the virtual bench")]
    Content {
        /// The file.
        path: String,
        /// Where.
        line: usize,
    },
    /// Something else that it needs is not to be had.
    #[error("cannot {what}: {error}")]
    System {
        /// The operation and its object.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl ProcessError {
    /// For `map_err`: names the operation and its object.
    pub fn in_the_way_of<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self::System { what: what.into(), error: error.into() }
    }
}

/// Runs a device until it is killed: reads its file, ties its life to that of its parent, starts a runtime of one thread.
///
/// A failure goes to standard error, and the exit code is 1.
pub fn run<S, F>(spec_path: &Path, device: impl FnOnce(S) -> F) -> ExitCode
where
    S: DeserializeOwned,
    F: Future<Output = Result<(), ProcessError>>,
{
    let result = prepare(spec_path).and_then(|spec| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ProcessError::in_the_way_of("start a runtime"))?;
        runtime.block_on(device(spec))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone as well.
            let _ = writeln!(std::io::stderr(), "siprig: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare<S: DeserializeOwned>(spec_path: &Path) -> Result<S, ProcessError> {
    die_with_parent().map_err(ProcessError::in_the_way_of("ask for a signal at the parent's death"))?;
    let path = spec_path.display().to_string();
    let bytes = std::fs::read(spec_path).map_err(|error| ProcessError::Read { path: path.clone(), error })?;
    serde_json::from_slice(&bytes).map_err(|error| ProcessError::Content { path, line: error.line() })
}

/// Tells the parent, on standard output, that the device can be used.
///
/// # Errors
/// If the parent no longer listens.
pub fn announce_ready() -> Result<(), ProcessError> {
    let mut out = std::io::stdout();
    writeln!(out, "ready")
        .and_then(|()| out.flush())
        .map_err(ProcessError::in_the_way_of("tell the virtual bench that a device is ready"))
}

/// Time since a device was switched on.
#[derive(Debug, Clone, Copy)]
pub struct Uptime(Instant);

impl Uptime {
    /// Switches on.
    #[expect(clippy::disallowed_methods, reason = "the process of a simulated device has a clock of its own")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time.
    pub fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// Waits for a time; for ever if there is none.
    pub async fn wait(self, until: Option<Duration>) {
        match until {
            Some(until) => tokio::time::sleep_until((self.0 + until).into()).await,
            None => std::future::pending().await,
        }
    }
}
