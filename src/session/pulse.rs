//! Whether a run is alive, for those who look on: its journal can be silent in good order, and of a run that hangs it is silent too.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::driver::{clock::RunClock, heard::LastHeard};

/// Of a run; clones share it.
#[derive(Debug, Clone)]
pub struct Pulse {
    clock: RunClock,
    round: LastHeard,
    tap: Arc<OnceLock<LastHeard>>,
}

/// How long ago there was a sign of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The loop that writes the journal went round.
    pub round: Duration,
    /// The bridge helper was heard; none: there is none, or not yet.
    pub tap: Option<Duration>,
}

impl Pulse {
    pub(super) fn new(clock: RunClock) -> Self {
        Self { clock, round: LastHeard::default(), tap: Arc::default() }
    }

    /// The loop goes round. It does so each second at least.
    pub(super) fn beat(&self) {
        self.round.note(self.clock.now());
    }

    /// From now on there is a tap.
    pub(super) fn listen_to(&self, tap: LastHeard) {
        // There is one at most.
        let _ = self.tap.set(tap);
    }

    /// How long ago there was a sign of each.
    pub fn ages(&self) -> Ages {
        let now = self.clock.now();
        // One that has not gone round yet was begun with the clock.
        let round = self.round.age(now).unwrap_or_else(|| now.since(crate::event::Stamp::ZERO));
        Ages { round, tap: self.tap.get().and_then(|tap| tap.age(now)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stamp;

    #[test]
    fn a_run_is_as_old_as_its_last_round_and_has_no_tap_before_one_is_heard() {
        let pulse = Pulse::new(RunClock::start());
        let other = pulse.clone();
        assert_eq!(other.ages().tap, None);
        let tap = LastHeard::default();
        pulse.listen_to(tap.clone());
        assert_eq!(other.ages().tap, None, "it was not heard yet");
        tap.note(Stamp::from_millis(1000));
        assert_eq!(tap.age(Stamp::from_millis(1250)), Some(Duration::from_millis(250)));
        assert_eq!(tap.age(Stamp::from_millis(900)), Some(Duration::ZERO), "noted by another thread just now");
        assert!(other.ages().tap.is_some());
        pulse.beat();
        assert!(other.ages().round < Duration::from_secs(20));
    }
}
