//! Those who look at a night from outside while it goes on: they are told at each event, and at least once a minute.
//!
//! The night tells them from its loop, and from nowhere else: what they hear is that it really goes on.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    time::Duration,
};

use super::told::{self, Teller};
use crate::{
    driver::clock::RunClock,
    event::Stamp,
    look::Look,
    nightly::{Before, Night, metrics},
    report,
};

/// Nobody waits for longer.
const BEAT: Duration = Duration::from_secs(50);

/// Who looks.
pub(super) struct Watchers {
    clock: RunClock,
    /// Name of the night.
    name: String,
    metrics: Option<PathBuf>,
    before: Before,
    last: Cell<Stamp>,
    beat: Duration,
    /// The metrics could not be written last time.
    unwritten: Cell<bool>,
}

impl Watchers {
    /// Those of the night in this directory.
    pub(super) fn new(
        metrics: Option<&Path>,
        directory: &Path,
        night: &Night,
        clock: &RunClock,
        teller: &Teller,
    ) -> Self {
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let before = match (metrics, directory.parent()) {
            (Some(_), Some(others)) => {
                let outcomes = night.outcomes();
                let cases: Vec<_> = outcomes.iter().map(|outcome| &outcome.case.id).collect();
                Before::of(others, &name, &night.plan.suite, &night.plan.bench, &cases)
            }
            _ => Before::default(),
        };
        let last = Cell::new(clock.now());
        Self {
            clock: clock.clone(),
            name,
            metrics: metrics.map(Path::to_owned),
            before,
            last,
            beat: teller.beat().map_or(BEAT, |beat| beat.min(BEAT)),
            unwritten: Cell::new(false),
        }
    }

    /// When they are told something at the latest.
    pub(super) fn due(&self) -> Stamp {
        self.last.get() + self.beat
    }

    /// Tells them where the night is. That a file of theirs can not be written changes nothing, and is said once.
    pub(super) fn tell(&self, night: &Night, teller: &Teller) {
        self.last.set(self.clock.now());
        let place = told::place(night, Look::PLAIN);
        match &night.closed {
            None => teller.goes_on(&place),
            Some(_) => teller.ends(&place),
        }
        let Some(path) = &self.metrics else { return };
        let now_unix_ns = self.clock.unix_ns(self.clock.now());
        let written = report::replace(path, &metrics::render(&self.name, night, &self.before, now_unix_ns));
        if let Err(error) = &written
            && !self.unwritten.get()
        {
            teller.say(&format!("error: the metrics are not told: {error}"));
        }
        self.unwritten.set(written.is_err());
    }
}
