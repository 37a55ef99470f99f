//! Which run is next, and what is left out when time is short: of what waits, the least important is dropped until the rest fits.
//!
//! What is dropped is only put off. Where runs were quicker than expected there is time again, and it has its turn.

use std::time::Duration;

/// A run that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Its place in the plan.
    pub at: usize,
    /// What is dropped when time is short: the highest number first.
    pub priority: u8,
    /// How long it will take.
    pub time: Duration,
}

/// The place of the next run among those that wait, in the time that is `left`; none: nothing fits. Without a limit everything
/// does.
pub fn next(waiting: impl IntoIterator<Item = Waits>, left: Option<Duration>) -> Option<usize> {
    fitting(waiting, left).into_iter().next()
}

/// The places of all that fits, in the order of the plan.
pub fn fitting(waiting: impl IntoIterator<Item = Waits>, left: Option<Duration>) -> Vec<usize> {
    let mut waiting: Vec<_> = waiting.into_iter().collect();
    let Some(mut left) = left else { return waiting.into_iter().map(|it| it.at).collect() };
    waiting.sort_by_key(|it| (it.priority, it.at));
    let mut fitting = Vec::new();
    for Waits { at, time, .. } in waiting {
        // What is less important never takes the place of what is more so, even if it is shorter.
        let Some(rest) = left.checked_sub(time) else { break };
        left = rest;
        fitting.push(at);
    }
    fitting.sort_unstable();
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(of: &[(u8, u64)]) -> Vec<Waits> {
        let waits = |(at, &(priority, seconds))| Waits { at, priority, time: Duration::from_secs(seconds) };
        of.iter().enumerate().map(waits).collect()
    }

    fn fits(of: &[(u8, u64)], left: u64) -> Vec<usize> {
        fitting(runs(of), Some(Duration::from_secs(left)))
    }

    #[test]
    fn the_least_important_is_dropped_first_and_of_equals_the_last() {
        let night = [(5, 10), (1, 10), (9, 10), (5, 10)];
        assert_eq!(fits(&night, 40), [0, 1, 2, 3]);
        assert_eq!(fits(&night, 39), [0, 1, 3]);
        assert_eq!(fits(&night, 29), [0, 1]);
        assert_eq!(fits(&night, 19), [1]);
        assert_eq!(fits(&night, 9), [] as [usize; 0]);
    }

    #[test]
    fn what_is_short_does_not_get_ahead_of_what_is_more_important() {
        assert_eq!(fits(&[(1, 60), (2, 5)], 30), [] as [usize; 0]);
    }

    #[test]
    fn the_order_is_that_of_the_plan_and_without_a_limit_all_of_it() {
        let night = runs(&[(9, 10), (1, 10)]);
        assert_eq!(next(night.clone(), None), Some(0));
        assert_eq!(next(night.clone(), Some(Duration::from_secs(60))), Some(0));
        assert_eq!(next(night.clone(), Some(Duration::from_secs(15))), Some(1));
    }
}
