//! The engine: observed records in; derived facts, actions and deadlines out. No clock, no socket, no thread.

use std::collections::VecDeque;

use crate::event::{Action, Derived, Observed, Stamp, When};

/// Judges a run from what is observed in it.
///
/// Time is an argument. To use it: hand every observed record to [`handle`](Self::handle) in journal order; after each,
/// drain [`poll_derived`](Self::poll_derived), then [`poll_action`](Self::poll_action); then wait for the next
/// observation, but no longer than [`poll_deadline`](Self::poll_deadline), and hand in
/// [`Observed::DeadlineFired`] when that time has come.
#[derive(Debug, Default)]
pub struct Engine {
    derived: VecDeque<(When, Derived)>,
    actions: VecDeque<Action>,
}

impl Engine {
    /// An engine that waits for [`Observed::RunStarted`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one observed record: its number, when the session took it, when it happened, and what it was.
    pub fn handle(&mut self, seq: u64, seen: Stamp, when: When, observed: &Observed) {
        let _ = (seq, seen);
        if let Observed::StopRequested { .. } = observed {
            self.derived.push_back((when, Derived::RunEnded));
            self.actions.push_back(Action::Finish);
        }
    }

    /// The next fact that was concluded, with the time it holds from.
    pub fn poll_derived(&mut self) -> Option<(When, Derived)> {
        self.derived.pop_front()
    }

    /// The next order for the drivers.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When the engine wants to be called next if nothing is observed before, and why.
    pub fn poll_deadline(&self) -> Option<(Stamp, &'static str)> {
        None
    }
}
