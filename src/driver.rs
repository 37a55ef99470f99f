//! The outside world. Only here does the program ask for the time or touch a device.
//!
//! Ports are opened first and the bridge last, so that a missing or busy port ends a run before anything was touched.
//!
//! Not here: what the reports mean, and in which order things happen (`engine`, `session`).

use std::path::Path;

use thiserror::Error;
use tokio::sync::mpsc;

use crate::{
    config::Plan,
    event::{Action, Observed, When},
};

pub mod clock;
pub mod network;

/// What a driver tells the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it happened.
    pub when: When,
    /// What happened.
    pub observed: Observed,
}

/// Why a run can not begin.
#[derive(Debug, Error)]
pub enum DriverError {
    /// A part of this build is missing.
    #[error("{0} can not be driven yet by this build")]
    NotBuilt(&'static str),
}

impl DriverError {
    /// Whether the remedy is to wait for somebody else to finish.
    pub fn is_busy(&self) -> bool {
        false
    }
}

/// All devices of a run.
#[derive(Debug)]
pub struct Drivers {}

impl Drivers {
    /// Opens the consoles and keypads of the phones under test, then the bridge. Whatever happens on them arrives as
    /// [`Report`]s; a console is read from now until [`Drivers::close`].
    ///
    /// # Errors
    /// If a port is missing, busy or forbidden, or if the bridge can not be had.
    pub async fn start(
        _plan: &Plan,
        _clock: &clock::RunClock,
        _run_dir: &Path,
        _reports: mpsc::Sender<Report>,
    ) -> Result<Self, DriverError> {
        Err(DriverError::NotBuilt("a serial port"))
    }

    /// Carries out what the engine ordered. Never waits for a device: what comes of it is reported.
    pub fn perform(&mut self, _action: Action) {}

    /// Releases all keys, ends all outages, closes all ports.
    pub async fn close(self) {}
}
