//! The loop: the only place where order is decided.
//!
//! Every report of a driver, every deadline that fires and everything that the operator asks for gets a number and a
//! place, is appended to the journal first, then judged, then shown, and then acted upon.
//!
//! Not here: any judgement (`engine`), any device (`driver`).

use thiserror::Error;

use crate::{
    config::Plan,
    driver::{DriverError, clock::RunClock},
    event::Record,
    journal::{JournalError, RunDir},
};

/// Somebody who looks on: a display, a report, a test. Called in the loop, so it must be quick and must not wait.
pub trait Subscriber {
    /// The next record, in the order of the journal.
    fn record(&mut self, record: &Record);
}

/// Why no run took place.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The journal could not be created.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A port or the bridge could not be had.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// How a run ended.
#[derive(Debug)]
pub struct SessionEnd {
    /// The signal (`SIGINT`) or operator that asked for the end, if anybody did.
    pub stopped_by: Option<String>,
    /// The engine concluded the run; otherwise it was cut off, and its undecided cases were not run.
    pub concluded: bool,
    /// The journal could not be written on: whatever was decided, the run is a rig error.
    pub journal_failed: Option<JournalError>,
}

/// A run about to begin.
pub struct Session {
    plan: Plan,
    run_dir: RunDir,
    clock: RunClock,
    subscribers: Vec<Box<dyn Subscriber + Send>>,
}

impl Session {
    /// Prepares a run; nothing is touched yet.
    pub fn new(plan: Plan, run_dir: RunDir, clock: RunClock) -> Self {
        Self { plan, run_dir, clock, subscribers: Vec::new() }
    }

    /// Adds somebody who looks on.
    pub fn subscribe(&mut self, subscriber: impl Subscriber + Send + 'static) {
        self.subscribers.push(Box::new(subscriber));
    }

    /// Runs the plan to its end. Needs a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// If the run could not begin; a run that began always ends with a [`SessionEnd`].
    pub async fn run(self) -> Result<SessionEnd, SessionError> {
        let _ = (&self.plan, &self.run_dir, &self.clock);
        Err(DriverError::NotBuilt("a run").into())
    }
}
