//! The run's clock: monotonic time since the run began, and wall-clock stamps of the kernel turned into it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, Sleep};

use crate::event::{Stamp, When};

/// A wall-clock step smaller than this is drift or sampling noise, not a step.
const STEP_FLOOR_NS: i64 = 1_000_000;

/// Turns clock readings into [`Stamp`]s. Cheap to clone; clones share the clock pairs.
#[derive(Debug, Clone)]
pub struct RunClock {
    origin_ns: i64,
    pair: Arc<Mutex<Pair>>,
}

/// Wakes one who waits again and again, and each time for another moment, as whoever reads a busy line does. To set a timer
/// costs more than to be woken in vain now and then: one that rings early enough is left as it is.
#[derive(Debug)]
pub struct Alarm {
    clock: RunClock,
    sleep: Pin<Box<Sleep>>,
    rings: Option<Stamp>,
}

impl Alarm {
    /// One that is not set. Must be called within a tokio runtime.
    pub fn new(clock: &RunClock) -> Self {
        Self { clock: clock.clone(), sleep: Box::pin(tokio::time::sleep_until(Instant::now())), rings: None }
    }

    /// Waits until `due`, or for ever if there is none; now and then less long. Safe to cancel.
    pub async fn wait(&mut self, due: Option<Stamp>) {
        let Some(due) = due else { return std::future::pending().await };
        if self.rings.is_none_or(|rings| due < rings) {
            self.sleep.as_mut().reset(Instant::now() + self.clock.until(due));
            self.rings = Some(due);
        }
        self.sleep.as_mut().await;
        self.rings = None;
    }
}

/// Both clocks read at the same instant.
#[derive(Debug, Clone, Copy)]
struct Pair {
    monotonic_ns: i64,
    realtime_ns: i64,
    error_ns: i64,
}

impl Pair {
    /// Reads the wall clock between two readings of the monotonic one, and keeps the tightest of a few tries.
    fn sample() -> Self {
        let once = || {
            let before = read(ClockId::CLOCK_MONOTONIC);
            let realtime_ns = read(ClockId::CLOCK_REALTIME);
            let after = read(ClockId::CLOCK_MONOTONIC);
            Self { monotonic_ns: before + (after - before) / 2, realtime_ns, error_ns: (after - before) / 2 + 1 }
        };
        let mut best = once();
        for _ in 0..4 {
            let next = once();
            if next.error_ns < best.error_ns {
                best = next;
            }
        }
        best
    }
}

impl RunClock {
    /// A clock whose zero is now.
    pub fn start() -> Self {
        let pair = Pair::sample();
        Self { origin_ns: pair.monotonic_ns, pair: Arc::new(Mutex::new(pair)) }
    }

    /// The time now.
    pub fn now(&self) -> Stamp {
        Stamp(u64::try_from(read(ClockId::CLOCK_MONOTONIC) - self.origin_ns).unwrap_or(0))
    }

    /// The wall clock at zero, in nanoseconds since the Unix epoch.
    pub fn epoch_unix_ns(&self) -> i64 {
        let pair = self.pair();
        pair.realtime_ns - (pair.monotonic_ns - self.origin_ns)
    }

    /// Turns run time into wall-clock time, in nanoseconds since the Unix epoch.
    pub fn unix_ns(&self, stamp: Stamp) -> i64 {
        self.epoch_unix_ns().saturating_add(i64::try_from(stamp.0).unwrap_or(i64::MAX))
    }

    /// Turns a wall-clock stamp (`SO_TIMESTAMPNS`, `CLOCK_REALTIME`) into run time.
    pub fn at_realtime(&self, unix_ns: i64) -> When {
        let pair = self.pair();
        let monotonic = pair.monotonic_ns + (unix_ns - pair.realtime_ns);
        When {
            at: Stamp(u64::try_from(monotonic - self.origin_ns).unwrap_or(0)),
            error_ns: u64::try_from(pair.error_ns).unwrap_or(0),
        }
    }

    /// Samples both clocks again; to be called each second. Returns the size of a step of the wall clock in
    /// nanoseconds, if there was one.
    pub fn resample(&self) -> Option<i64> {
        let next = Pair::sample();
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let step = (next.realtime_ns - pair.realtime_ns) - (next.monotonic_ns - pair.monotonic_ns);
        *pair = next;
        (step.abs() >= STEP_FLOOR_NS).then_some(step)
    }

    /// How long from now until `stamp`; zero if it has passed.
    pub fn until(&self, stamp: Stamp) -> Duration {
        stamp.since(self.now())
    }

    /// Waits until `stamp`, or for ever if there is none. Safe to cancel.
    #[expect(clippy::disallowed_methods, reason = "the one place where drivers and session wait for a time")]
    pub async fn wait(&self, stamp: Option<Stamp>) {
        match stamp {
            Some(stamp) => tokio::time::sleep(self.until(stamp)).await,
            None => std::future::pending().await,
        }
    }

    fn pair(&self) -> Pair {
        *self.pair.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(clock: ClockId) -> i64 {
    // Neither clock can fail on Linux: both ids are always valid (clock_gettime(2)).
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_that_is_set_for_later_rings_for_what_is_due_before_and_can_be_set_again() {
        let clock = RunClock::start();
        let mut alarm = Alarm::new(&clock);
        for _ in 0..2 {
            let later = clock.now() + Duration::from_secs(3600);
            tokio::select! {
                biased;
                () = alarm.wait(Some(later)) => panic!("an hour too early"),
                () = std::future::ready(()) => {}
            }
            let due = clock.now() + Duration::from_millis(2);
            alarm.wait(Some(due)).await;
            assert!(clock.now() >= due);
        }
    }

    #[test]
    fn a_kernel_stamp_of_now_is_now() {
        let clock = RunClock::start();
        let before = clock.now();
        let when = clock.at_realtime(read(ClockId::CLOCK_REALTIME));
        let after = clock.now();
        assert!(when.at.0 + when.error_ns + 1000 >= before.0, "{when:?} before {before:?}");
        assert!(when.at.0 <= after.0 + when.error_ns + 1000, "{when:?} after {after:?}");
    }
}
