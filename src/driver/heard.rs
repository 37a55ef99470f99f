//! When something gave a sign last, shared with whoever wants to know.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::event::Stamp;

/// The time of the last sign; clones share it.
#[derive(Debug, Clone, Default)]
pub struct LastHeard(Arc<AtomicU64>);

impl LastHeard {
    /// A sign was given.
    pub fn note(&self, now: Stamp) {
        self.0.store(now.0.max(1), Ordering::Relaxed);
    }

    /// How long ago that was; none: there was none yet.
    pub fn age(&self, now: Stamp) -> Option<Duration> {
        let at = self.0.load(Ordering::Relaxed);
        (at > 0).then(|| now.since(Stamp(at)))
    }
}
