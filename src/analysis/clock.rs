//! The time of a capture: that of its frames, as long as it goes forward.
//!
//! The clock of the machine that captured may have been set back, or captures were put together that do not follow one
//! another. What is before such a step and what is behind it can not be compared; within each part everything can.

use crate::event::Stamp;

/// Frames of several interfaces and processors come in a little out of order.
const DISORDER_NS: i128 = 1_000_000_000;

/// What is behind a step is so much later than what is ahead of it: more than times are rounded by when they are told.
const BEHIND_NS: i128 = 1_000_000;

/// Steps whose times are remembered: the first ones.
const MOST: usize = 256;

/// Time since the first frame; steps back are left out of it, so that it never goes back.
#[derive(Debug, Default)]
pub struct Clock {
    first_ns: Option<i64>,
    /// By how much it is ahead of the frames' own, for all steps.
    ahead_ns: i128,
    last: Stamp,
    steps: Vec<Stamp>,
    /// How many times it went back, and by how much at most, in nanoseconds.
    pub back: (u64, u64),
}

impl Clock {
    /// Takes in the time of the next frame, and says whether it went back.
    pub fn tick(&mut self, unix_ns: i64) -> bool {
        self.first_ns.get_or_insert(unix_ns);
        let back = i128::from(self.last.0) - self.since_first(unix_ns);
        if back <= DISORDER_NS {
            self.last = self.last.max(self.at(unix_ns));
            return false;
        }
        if self.steps.len() < MOST {
            self.steps.push(self.last);
        }
        self.ahead_ns += back + BEHIND_NS;
        self.last = self.at(unix_ns);
        self.back = (self.back.0 + 1, self.back.1.max(u64::try_from(back).unwrap_or(u64::MAX)));
        true
    }

    /// When a frame was, or what was told of the time of the frames that were last. What is ahead of the first one counts as of
    /// its time.
    pub fn at(&self, unix_ns: i64) -> Stamp {
        Stamp(u64::try_from(self.since_first(unix_ns).max(0)).unwrap_or(u64::MAX))
    }

    /// The time of the last frame.
    pub fn now(&self) -> Stamp {
        self.last
    }

    /// The wall clock of the first frame, in nanoseconds since 1970; none: there was none.
    pub fn first_ns(&self) -> Option<i64> {
        self.first_ns
    }

    /// Whether it went back between two times.
    pub fn went_back(&self, from: Stamp, to: Stamp) -> bool {
        let forgotten = self.back.0 > self.steps.len() as u64;
        self.steps.iter().any(|step| from <= *step && *step < to)
            || forgotten && self.steps.last().is_some_and(|last| to > *last)
    }

    /// Whether it never went back by then.
    pub fn is_first_part(&self, at: Stamp) -> bool {
        self.steps.first().is_none_or(|step| at <= *step)
    }

    fn since_first(&self, unix_ns: i64) -> i128 {
        i128::from(unix_ns) - i128::from(self.first_ns.unwrap_or(unix_ns)) + self.ahead_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_little_disorder_is_none_of_its_faults() {
        let mut clock = Clock::default();
        assert!(!clock.tick(100 * S) && !clock.tick(103 * S) && !clock.tick(102 * S));
        assert_eq!((clock.now(), clock.at(102 * S)), (Stamp(3 * S as u64), Stamp(2 * S as u64)));
        assert_eq!(clock.at(99 * S), Stamp::ZERO, "ahead of the first frame");
        assert_eq!(clock.back, (0, 0));
    }

    #[test]
    fn behind_a_step_it_goes_on_from_where_it_was() {
        let mut clock = Clock::default();
        clock.tick(100 * S);
        clock.tick(200 * S);
        assert!(clock.tick(150 * S));
        assert_eq!(clock.now(), clock.at(150 * S));
        assert!(!clock.tick(160 * S));
        let stamp = |s: u64| Stamp(s * S as u64);
        let behind = |s| Stamp(stamp(s).0 + BEHIND_NS as u64);
        assert_eq!((clock.now(), clock.back), (behind(110), (1, 50 * S as u64)));
        assert!(clock.went_back(stamp(90), stamp(105)) && clock.went_back(stamp(100), behind(100)));
        assert!(!clock.went_back(stamp(90), stamp(100)) && !clock.went_back(behind(100), behind(110)));
        assert!(clock.is_first_part(stamp(100)) && !clock.is_first_part(stamp(101)));
    }

    #[test]
    fn of_more_steps_than_are_remembered_the_rest_may_be_anywhere() {
        let mut clock = Clock::default();
        for step in 0..=MOST as i64 {
            clock.tick((1000 - 2 * step) * S);
        }
        assert_eq!(clock.back.0, MOST as u64);
        clock.tick(0);
        assert!(clock.went_back(clock.now(), Stamp(clock.now().0 + 1)));
    }

    #[test]
    fn times_that_are_no_times_do_not_break_it() {
        let mut clock = Clock::default();
        for unix_ns in [i64::MIN, i64::MAX, i64::MIN, 0, i64::MAX] {
            clock.tick(unix_ns);
            assert!(clock.now() >= clock.at(unix_ns));
        }
    }
}
