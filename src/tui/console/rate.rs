//! How many messages a minute there were of late. Bounded: what is older than can be shown is forgotten.

use std::collections::VecDeque;

use crate::event::Stamp;

/// Minutes that are shown, the one in progress among them.
pub const MINUTES: usize = 10;

const MINUTE_NS: u64 = 60_000_000_000;

/// Messages by the minute of the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rate(VecDeque<(u64, u64)>);

impl Rate {
    /// One more.
    pub fn count(&mut self, at: Stamp) {
        let minute = minute(at);
        let newest = self.0.back().map_or(minute, |(newest, _)| *newest);
        if minute + (MINUTES as u64) <= newest {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == minute) {
            Some((_, count)) => *count += 1,
            None => {
                let place = self.0.iter().position(|(known, _)| *known > minute).unwrap_or(self.0.len());
                self.0.insert(place, (minute, 1));
            }
        }
        if self.0.len() > MINUTES {
            self.0.pop_front();
        }
    }

    /// How many there were in each of the last minutes until then, the one in progress last; none: nobody remembers.
    pub fn of_late(&self, now: Stamp) -> [Option<u64>; MINUTES] {
        let newest = self.0.back().map_or(0, |(newest, _)| *newest);
        minutes(now).map(|of| {
            let forgotten = of.is_some_and(|minute| minute + (MINUTES as u64) <= newest);
            let counted = self.0.iter().find(|(minute, _)| Some(*minute) == of);
            (!forgotten).then(|| counted.map_or(0, |(_, count)| *count))
        })
    }
}

/// From when to when the last minutes are, the one in progress last; none: it was before the run.
pub fn spans(now: Stamp) -> [Option<(Stamp, Stamp)>; MINUTES] {
    minutes(now).map(|of| of.map(|minute| (Stamp(minute * MINUTE_NS), Stamp((minute + 1) * MINUTE_NS))))
}

fn minutes(now: Stamp) -> [Option<u64>; MINUTES] {
    std::array::from_fn(|place| minute(now).checked_sub((MINUTES - 1 - place) as u64))
}

const fn minute(at: Stamp) -> u64 {
    at.0 / MINUTE_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Stamp {
        Stamp::from_millis(seconds * 1000)
    }

    #[test]
    fn messages_are_counted_in_the_minute_in_which_they_came_also_those_that_are_told_late() {
        let mut rate = Rate::default();
        for seconds in [0, 59, 60, 200, 130] {
            rate.count(at(seconds));
        }
        assert_eq!(rate.of_late(at(239)), [0, 0, 0, 0, 0, 0, 2, 1, 1, 1].map(Some));
        assert_eq!(rate.of_late(at(600)), [1, 1, 1, 0, 0, 0, 0, 0, 0, 0].map(Some));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut rate = Rate::default();
        for seconds in (0..100_000).step_by(7) {
            rate.count(at(seconds));
            rate.count(at(seconds / 3));
        }
        assert!(rate.0.len() <= MINUTES, "{rate:?}");
        assert_eq!(rate.of_late(at(99_999))[0], Some(9), "one each seven seconds");
        let before = rate.of_late(at(99_999 - 3 * 60));
        assert_eq!(
            (before[2], before[3].is_some()),
            (None, true),
            "what was longer ago is not known to have been nothing"
        );
    }

    #[test]
    fn what_was_before_the_run_is_no_minute() {
        assert_eq!(spans(at(61))[..8], [None; 8]);
        assert_eq!(spans(at(61))[8..], [Some((at(0), at(60))), Some((at(60), at(120)))]);
    }
}
