//! When something is due that is done so often a second: at instants that are as far apart as they should be, however long each time
//! takes and however late one is woken. Pauses after each would add all that up, and come to less often.

use std::time::Duration;

use crate::event::Stamp;

/// A pace that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    each: Duration,
    next: Stamp,
}

impl Pace {
    /// Due at once, and then so often.
    pub(super) const fn of(each: Duration, now: Stamp) -> Self {
        Self { each, next: now }
    }

    /// When it is due.
    pub(super) const fn next(&self) -> Stamp {
        self.next
    }

    /// It is done. Ahead of time nothing changes; what was missed altogether is not made up for.
    pub(super) fn done(&mut self, now: Stamp) {
        if now < self.next {
            return;
        }
        let on = self.next + self.each;
        self.next = if on > now { on } else { now + self.each };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(25);

    const fn ms(ms: u64) -> Stamp {
        Stamp::from_millis(ms)
    }

    /// How often it is done in ten seconds where each time takes so long, and one is woken so late.
    fn in_ten_seconds(takes_ms: u64, late_ms: u64) -> u32 {
        let mut pace = Pace::of(FRAME, ms(0));
        let (mut now, mut count) = (ms(0), 0);
        while now < ms(10_000) {
            pace.done(now);
            count += 1;
            let free = now + Duration::from_millis(takes_ms);
            now = if pace.next() > free { pace.next() + Duration::from_millis(late_ms) } else { free };
        }
        count
    }

    #[test]
    fn what_each_time_takes_and_how_late_one_is_woken_makes_it_no_rarer() {
        for (takes_ms, late_ms) in [(0, 0), (10, 0), (10, 5), (1, 20), (24, 0)] {
            let count = in_ten_seconds(takes_ms, late_ms);
            assert!((399..=401).contains(&count), "{count} where it takes {takes_ms} ms and begins {late_ms} ms late");
        }
        assert_eq!(in_ten_seconds(50, 0), 200, "as often as it can be");
    }

    #[test]
    fn what_was_missed_is_not_made_up_for_and_what_was_done_ahead_of_time_is_done_again_when_it_is_due() {
        let mut pace = Pace::of(FRAME, ms(0));
        pace.done(ms(0));
        pace.done(ms(1_010));
        assert_eq!(pace.next(), ms(1_035));
        pace.done(ms(1_020));
        assert_eq!(pace.next(), ms(1_035));
    }
}
