//! How long the moves of a line can take by its settings alone, as they are known to the reader of a configuration file.
//!
//! A phone of these series has no heartbeat: an idle one notices a dead server at its next renewal, which tries the
//! primary first. So the time to move is what is left until that renewal, plus the transaction timer; the way back is what
//! is left until the renewal at the backup. Registering itself takes little and is left out here;
//! [`bound`](crate::engine::bound), which judges, allows for it.

use std::time::Duration;

/// A time that depends on the moment of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The shortest.
    pub best: Duration,
    /// The mean over all moments.
    pub mean: Duration,
    /// The longest.
    pub worst: Duration,
}

/// What a line can do at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// From the loss of the primary to the registration at the backup.
    pub failover: Spread,
    /// From the return of the primary to the registration there. None: the settings choose a behaviour that is not
    /// documented in numbers.
    pub failback: Option<Spread>,
    /// The binding runs out while the phone still waits for the dead primary, at each renewal.
    pub lapses: bool,
    /// The lifetime that all this rests on.
    pub lifetime: Duration,
    /// That lifetime is set nowhere.
    pub assumed: bool,
}

/// The time to move, for a lifetime that is renewed `lead` before its end, with requests that may stay unanswered for
/// `transaction`.
pub fn failover(lifetime: Duration, lead: Duration, transaction: Duration) -> Spread {
    let waiting = lifetime.saturating_sub(lead);
    Spread { best: transaction, mean: waiting / 2 + transaction, worst: waiting + transaction }
}

/// The time to return.
pub fn failback(lifetime: Duration, lead: Duration) -> Spread {
    let waiting = lifetime.saturating_sub(lead);
    Spread { best: Duration::ZERO, mean: waiting / 2, worst: waiting }
}

/// Whether a binding runs out before the phone has given the dead primary up: the renewal begins `lead` before the end.
pub fn lapses(lead: Duration, transaction: Duration) -> bool {
    transaction >= lead
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{RenewalLead, Source, Timer, Timers},
        engine::bound,
    };

    #[test]
    fn ten_minutes_and_a_lead_of_15_s_give_the_expected_times() {
        let seconds = Duration::from_secs;
        let rounded = |spread: Spread| {
            [spread.best, spread.mean, spread.worst].map(|span| (span + Duration::from_millis(500)).as_secs())
        };
        for (transaction, expected, lapse) in [(4, [4, 297, 589], false), (32, [32, 325, 617], true)] {
            assert_eq!(rounded(failover(seconds(600), seconds(15), seconds(transaction))), expected);
            assert_eq!(lapses(seconds(15), seconds(transaction)), lapse);
        }
        assert_eq!(rounded(failback(seconds(600), seconds(15))), [0, 293, 585]);
    }

    #[test]
    fn a_lead_beyond_the_lifetime_leaves_no_waiting() {
        let spread = failover(Duration::from_secs(60), Duration::from_secs(90), Duration::from_secs(4));
        assert_eq!((spread.best, spread.worst), (Duration::from_secs(4), Duration::from_secs(4)));
    }

    #[test]
    fn the_worst_is_what_runs_are_judged_by_less_the_allowance_for_registering() {
        for (lifetime, lead, transaction) in [(600, 15, 4), (600, 15, 32), (60, 20, 8), (3600, 0, 64)] {
            let [lifetime, lead, transaction] = [lifetime, lead, transaction].map(Duration::from_secs);
            let set = |value| Timer { value, source: Source::Configured };
            let timers = Timers {
                expires: set(lifetime),
                transaction: set(transaction),
                renewal_lead: Timer { value: RenewalLead::Span(lead), source: Source::Configured },
                retry_timeout: set(lead),
                retry_rejected: set(lead),
            };
            let judged = bound::worst_failover(&timers, lifetime);
            assert_eq!(failover(lifetime, lead, transaction).worst + bound::REGISTERING, judged);
        }
    }
}
