//! Outages that are lifted for one phone after the other.

use std::{fmt, time::Duration};

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::config::duration;

/// How the phones of an outage come back in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Turns {
    /// From the first phone to the last: all are as far apart. One phone alone comes back at once.
    #[serde(with = "duration")]
    pub over: Duration,
    /// Which phone comes first.
    #[serde(default)]
    pub order: TurnOrder,
}

/// In which order phones come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnOrder {
    /// That of the run.
    #[default]
    Run,
    /// From the last phone of the run to the first.
    Reverse,
    /// As chance has it, which begins at this seed: the same seed gives the same order of as many phones.
    Shuffled(u64),
}

impl Turns {
    /// The phones of a run in the order in which they come back, each with how long after the first.
    pub fn of<T>(&self, mut phones: Vec<T>) -> Vec<(Duration, T)> {
        match self.order {
            TurnOrder::Run => {}
            TurnOrder::Reverse => phones.reverse(),
            TurnOrder::Shuffled(seed) => Rng::with_seed(seed).shuffle(&mut phones),
        }
        let last = u32::try_from(phones.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let after = |number: u32| self.over.saturating_mul(number).checked_div(last).unwrap_or_default();
        (0..).map(after).zip(phones).collect()
    }
}

impl fmt::Display for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one phone after the other within {}", duration::show(self.over))?;
        match self.order {
            TurnOrder::Run => Ok(()),
            TurnOrder::Reverse => f.write_str(", the last of the run first"),
            TurnOrder::Shuffled(seed) => write!(f, ", in an order by chance (seed {seed})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(order: TurnOrder, phones: usize) -> Vec<(u128, usize)> {
        let turns = Turns { over: Duration::from_secs(30), order };
        turns.of((1..=phones).collect()).into_iter().map(|(after, phone)| (after.as_millis(), phone)).collect()
    }

    #[test]
    fn phones_come_back_equally_far_apart_the_last_when_the_time_is_over() {
        assert_eq!(turns(TurnOrder::Run, 4), [(0, 1), (10_000, 2), (20_000, 3), (30_000, 4)]);
        assert_eq!(turns(TurnOrder::Reverse, 3), [(0, 3), (15_000, 2), (30_000, 1)]);
    }

    #[test]
    fn one_phone_comes_back_at_once_and_none_does_no_harm() {
        assert_eq!(turns(TurnOrder::Run, 1), [(0, 1)]);
        assert_eq!(turns(TurnOrder::Shuffled(1), 0), []);
    }

    #[test]
    fn an_order_by_chance_has_each_phone_once_and_is_that_of_its_seed() {
        let phones = |seed| turns(TurnOrder::Shuffled(seed), 9).into_iter().map(|(_, phone)| phone).collect::<Vec<_>>();
        assert_eq!(phones(7), phones(7));
        assert_ne!(phones(7), phones(8));
        let mut sorted = phones(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=9).collect::<Vec<_>>());
    }
}
