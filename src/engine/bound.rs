//! How long a move may take: the sum of the phone's own timers, and the sum written out for people.
//!
//! A phone notices a dead server only when it talks to it, and an idle phone talks to it at its next renewal. So the
//! window of a failover is what is left of the granted lifetime, less the renewal lead, plus the transaction timer,
//! plus an allowance for registering at the other server.

use std::time::Duration;

use crate::config::{FailbackHabit, RenewalLead, Source, Timer, Timers};

/// Time allowed for the registration itself: challenge, answer, and a slow server.
pub const REGISTERING: Duration = Duration::from_secs(2);

/// Time allowed for a boot that the scenario ordered: no manual says how long one takes.
pub const BOOTING: Duration = Duration::from_secs(180);

/// The longest time that the manual gives a phone to move (26/1531-ANF 901 14, section 11.28).
pub const PROMISE: Duration = Duration::from_secs(600);

/// The longest time within which a move is still in order, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Its length, from the instant of the cause.
    pub length: Duration,
    /// The sum, for people.
    pub derivation: String,
    /// Timers in it that nobody configured, measured or documented.
    pub assumed: Vec<String>,
}

/// The window for registering in the first place, when nothing is known yet of any binding.
pub fn baseline(timers: &Timers) -> Window {
    let (expires, transaction) = (timers.expires.value, timers.transaction.value);
    Window {
        length: expires + transaction + REGISTERING,
        derivation: format!(
            "{} lifetime asked for + {} transaction + {} registering",
            secs(expires),
            secs(transaction),
            secs(REGISTERING)
        ),
        assumed: assumed(&[("expires", timers.expires.source), ("transaction", timers.transaction.source)]),
    }
}

/// The window for a renewal of a binding granted for `granted`.
pub fn renewal(timers: &Timers, granted: Duration) -> Window {
    let lead = timers.renewal_lead.value.of(granted);
    Window {
        length: granted.saturating_sub(lead) + REGISTERING,
        derivation: format!(
            "{} granted − {} renewal lead + {} registering",
            secs(granted),
            secs(lead),
            secs(REGISTERING)
        ),
        assumed: assumed(&[("renewal-lead", timers.renewal_lead.source)]),
    }
}

/// The window for leaving a server that has gone, when `left` of a binding granted for `granted` remained.
pub fn failover(timers: &Timers, granted: Duration, left: Duration) -> Window {
    let lead = timers.renewal_lead.value.of(granted);
    let transaction = timers.transaction.value;
    let waiting = left.saturating_sub(lead);
    let length = waiting + transaction + REGISTERING;
    let derivation = format!(
        "{} of the granted {} left − {} renewal lead{} + {} transaction + {} registering",
        secs(left),
        secs(granted),
        secs(lead),
        if left < lead { " (due already: 0 s)" } else { "" },
        secs(transaction),
        secs(REGISTERING)
    );
    Window { length, derivation, assumed: renewal_assumptions(timers) }
}

/// The window for returning, when `left` of a binding at the backup granted for `granted` remained at the lift; nothing
/// if it had lapsed in the course of its renewal. A phone that was still `asking` the primary for a connection renews by that
/// one, and gives it up with whatever asked for it.
pub fn failback(timers: &Timers, habit: FailbackHabit, granted: Duration, left: Duration, asking: bool) -> Window {
    let transaction = timers.transaction.value;
    match habit {
        FailbackHabit::Renewal => {
            let lead = timers.renewal_lead.value.of(granted);
            // A renewal under way at the lift may just have given the primary up; then the next one counts.
            if left <= lead || asking {
                Window {
                    length: transaction + granted.saturating_sub(lead) + REGISTERING,
                    derivation: format!(
                        "{} was under way: {} transaction + {} granted − {} renewal lead + {} registering",
                        if left <= lead { "a renewal" } else { "a connection" },
                        secs(transaction),
                        secs(granted),
                        secs(lead),
                        secs(REGISTERING)
                    ),
                    assumed: renewal_assumptions(timers),
                }
            } else {
                Window {
                    length: left - lead + REGISTERING,
                    derivation: format!(
                        "{} of the granted {} left at the backup − {} renewal lead + {} registering",
                        secs(left),
                        secs(granted),
                        secs(lead),
                        secs(REGISTERING)
                    ),
                    assumed: assumed(&[("renewal-lead", timers.renewal_lead.source)]),
                }
            }
        }
        FailbackHabit::Poll(interval) => Window {
            length: interval + transaction + REGISTERING,
            derivation: format!(
                "{} polling interval + {} transaction (a poll under way at the lift) + {} registering",
                secs(interval),
                secs(transaction),
                secs(REGISTERING)
            ),
            assumed: assumed(&[("transaction", timers.transaction.source)]),
        },
    }
}

/// The window for being confirmed at a primary that came back before the line had left it, when `left` of its binding
/// there remained at the lift. A renewal under way may just have given the primary up: then the line is away for a
/// period at the backup. The same goes for a connection that it was still `asking` for.
pub fn stay(timers: &Timers, granted: Duration, left: Duration, asking: bool) -> Window {
    let lead = timers.renewal_lead.value.of(granted);
    let transaction = timers.transaction.value;
    if left > lead && !asking {
        Window {
            length: left - lead + REGISTERING,
            derivation: format!(
                "still at the primary: {} of the granted {} left − {} renewal lead + {} registering",
                secs(left),
                secs(granted),
                secs(lead),
                secs(REGISTERING)
            ),
            assumed: assumed(&[("renewal-lead", timers.renewal_lead.source)]),
        }
    } else {
        Window {
            length: transaction + granted.saturating_sub(lead) + REGISTERING,
            derivation: format!(
                "{} was under way: {} transaction + {} granted at the backup − {} renewal lead + {} registering",
                if left <= lead { "a renewal" } else { "a connection" },
                secs(transaction),
                secs(granted),
                secs(lead),
                secs(REGISTERING)
            ),
            assumed: renewal_assumptions(timers),
        }
    }
}

/// The window for asking both servers in vain, when both went while `left` of the binding remained: the failover's
/// waiting and detecting, and as long again for the backup.
pub fn stranded(timers: &Timers, granted: Duration, left: Duration) -> Window {
    let transaction = timers.transaction.value;
    let window = failover(timers, granted, left);
    Window {
        length: window.length + transaction,
        derivation: format!("{} + {} transaction at the backup", window.derivation, secs(transaction)),
        assumed: window.assumed,
    }
}

/// The window for registering again after both servers were away, when one is back. A round may be under way at the lift
/// and fail; then the retry timer runs once more, and the primary is asked in vain if it is `primary_away`.
pub fn recovery(timers: &Timers, primary_away: bool) -> Window {
    let (transaction, retry) = (timers.transaction.value, timers.retry_timeout.value);
    let asking = if primary_away { transaction } else { Duration::ZERO };
    Window {
        length: 2 * transaction + retry + asking + REGISTERING,
        derivation: format!(
            "a round under way may fail: 2 × {} transaction + {} retry after time-out{} + {} registering",
            secs(transaction),
            secs(retry),
            if primary_away { format!(" + {} transaction at the primary", secs(transaction)) } else { String::new() },
            secs(REGISTERING)
        ),
        assumed: assumed(&[("transaction", timers.transaction.source), ("retry-timeout", timers.retry_timeout.source)]),
    }
}

/// The window for coming back to life at the primary, for a phone that never left its backup: it tries the primary by
/// its own retry timer, whatever it does at the backup.
pub fn revival(timers: &Timers) -> Window {
    let (retry, transaction) = (timers.retry_timeout.value, timers.transaction.value);
    Window {
        length: retry + transaction + REGISTERING,
        derivation: format!(
            "{} retry after a timeout + {} transaction (a try under way at the lift) + {} registering",
            secs(retry),
            secs(transaction),
            secs(REGISTERING)
        ),
        assumed: assumed(&[("retry-timeout", timers.retry_timeout.source), ("transaction", timers.transaction.source)]),
    }
}

/// The window for registering after somebody logged on. Where the primary is away, the code and then the registration
/// ask it in vain first; a phone that boots is given time for it.
pub fn log_on(timers: &Timers, primary_away: bool, reboots: bool) -> Window {
    let transaction = timers.transaction.value;
    let asking = if primary_away { 2 * transaction } else { Duration::ZERO };
    let booting = if reboots { BOOTING } else { Duration::ZERO };
    let mut derivation = format!("{} logging on + {} registering", secs(REGISTERING), secs(REGISTERING));
    if primary_away {
        derivation += &format!(" + 2 × {} transaction at the primary", secs(transaction));
    }
    let mut assumed = if primary_away { assumed(&[("transaction", timers.transaction.source)]) } else { Vec::new() };
    if reboots {
        derivation += &format!(" + {} booting", secs(booting));
        assumed.push("booting".to_owned());
    }
    Window { length: 2 * REGISTERING + asking + booting, derivation, assumed }
}

/// The window for being gone from every server after somebody logged off: bindings are removed, or run out, one that was
/// renewed just before the code had its effect included.
pub fn log_off(timers: &Timers, granted: Duration) -> Window {
    let transaction = timers.transaction.value;
    Window {
        length: transaction + REGISTERING + granted,
        derivation: format!(
            "{} transaction (the code may go to a server that is away) + {} logging off + {} granted, not renewed",
            secs(transaction),
            secs(REGISTERING),
            secs(granted)
        ),
        assumed: assumed(&[("transaction", timers.transaction.source)]),
    }
}

/// The window for having the message lamp's subscription where the line is, from the time that the line is there: by the
/// subscription's own renewal at the latest, when `left` of one granted for `granted` remained; at once without one. Like
/// every request it is tried at the primary first.
pub fn lamp(timers: &Timers, held: Option<(Duration, Duration)>) -> Window {
    let transaction = timers.transaction.value;
    let (waiting, words) = match held {
        // When a lamp renews that lives no longer than the lead, no manual tells.
        Some((granted, left)) if timers.renewal_lead.value.of(granted) >= granted => {
            (left, format!("{} of a subscription for {} left + ", secs(left), secs(granted)))
        }
        Some((granted, left)) => {
            let lead = timers.renewal_lead.value.of(granted);
            let words =
                format!("{} of a subscription for {} left − {} renewal lead + ", secs(left), secs(granted), secs(lead));
            (left.saturating_sub(lead), words)
        }
        None => (Duration::ZERO, String::new()),
    };
    Window {
        length: waiting + transaction + REGISTERING,
        derivation: format!("{words}{} transaction + {} subscribing", secs(transaction), secs(REGISTERING)),
        assumed: renewal_assumptions(timers),
    }
}

/// The window for hearing the other end ring, from the first INVITE on. Every call tries the primary first.
pub fn post_dial(timers: &Timers, primary_away: bool) -> Window {
    let transaction = timers.transaction.value;
    if !primary_away {
        return Window {
            length: REGISTERING,
            derivation: format!("{} connecting", secs(REGISTERING)),
            assumed: Vec::new(),
        };
    }
    Window {
        length: transaction + REGISTERING,
        derivation: format!(
            "{} transaction at the primary + {} connecting through the backup",
            secs(transaction),
            secs(REGISTERING)
        ),
        assumed: assumed(&[("transaction", timers.transaction.source)]),
    }
}

/// Whether a binding at the backup runs out before its own renewal has given the primary up, by the phone's timers:
/// then a lapse there is how these settings work, and no loss.
pub fn renewal_outlasts_binding(timers: &Timers, habit: FailbackHabit, granted: Duration) -> bool {
    habit == FailbackHabit::Renewal && timers.transaction.value > timers.renewal_lead.value.of(granted)
}

/// The longest failover that these settings allow: the server goes right after a refresh.
pub fn worst_failover(timers: &Timers, granted: Duration) -> Duration {
    failover(timers, granted, granted).length
}

fn renewal_assumptions(timers: &Timers) -> Vec<String> {
    let Timer { source: lead, .. }: Timer<RenewalLead> = timers.renewal_lead;
    assumed(&[("renewal-lead", lead), ("transaction", timers.transaction.source)])
}

fn assumed(timers: &[(&str, Source)]) -> Vec<String> {
    timers.iter().filter(|(_, source)| *source == Source::Assumed).map(|(name, _)| (*name).to_owned()).collect()
}

/// Seconds as people write them: `4 s`, `11.8 s`.
fn secs(span: Duration) -> String {
    let tenths = (span.as_millis() + 50) / 100;
    if tenths.is_multiple_of(10) { format!("{} s", tenths / 10) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::engine) fn timers(expires: u64, transaction: u64, lead: u64) -> Timers {
        let manual = |secs| Timer { value: Duration::from_secs(secs), source: Source::Manual };
        Timers {
            expires: manual(expires),
            transaction: manual(transaction),
            renewal_lead: Timer { value: RenewalLead::Span(Duration::from_secs(lead)), source: Source::Manual },
            retry_timeout: manual(120),
            retry_rejected: manual(1800),
        }
    }

    #[test]
    fn ten_minutes_granted_give_the_documented_worst_case_and_two_seconds_of_allowance() {
        let worst = worst_failover(&timers(600, 4, 15), Duration::from_secs(600));
        assert_eq!(worst, Duration::from_secs(589 + 2));
    }

    #[test]
    fn an_overdue_renewal_leaves_only_transaction_and_registering() {
        let window = failover(&timers(600, 4, 15), Duration::from_secs(600), Duration::from_secs(10));
        assert_eq!(window.length, Duration::from_secs(6));
        assert!(window.derivation.contains("due already"), "{}", window.derivation);
    }

    #[test]
    fn a_return_waits_for_the_renewal_at_the_backup() {
        let back = |left, asking| {
            let seconds = Duration::from_secs;
            failback(&timers(12, 4, 6), FailbackHabit::Renewal, seconds(12), seconds(left), asking)
        };
        assert_eq!(back(10, false).length, Duration::from_secs(6));
        let waits = back(10, true);
        assert_eq!(waits.length, Duration::from_secs(4 + 6 + 2), "what it still asks for may be given up first");
        assert!(waits.derivation.starts_with("a connection was under way: "), "{}", waits.derivation);
    }

    #[test]
    fn a_lift_in_the_middle_of_a_renewal_costs_a_whole_period() {
        let window =
            failback(&timers(12, 4, 6), FailbackHabit::Renewal, Duration::from_secs(12), Duration::from_secs(5), false);
        assert_eq!(window.length, Duration::from_secs(4 + 6 + 2));
    }

    #[test]
    fn a_renewal_that_tries_a_dead_primary_for_longer_than_its_lead_outlasts_the_binding() {
        let granted = Duration::from_secs(30);
        assert!(renewal_outlasts_binding(&timers(30, 64, 3), FailbackHabit::Renewal, granted));
        assert!(!renewal_outlasts_binding(&timers(600, 4, 15), FailbackHabit::Renewal, granted));
        let polls = FailbackHabit::Poll(Duration::from_secs(10));
        assert!(!renewal_outlasts_binding(&timers(30, 32, 3), polls, granted), "it renews where it is");
    }

    #[test]
    fn a_phone_that_never_left_its_backup_comes_back_by_its_retry_timer() {
        let window = revival(&timers(30, 32, 3));
        assert_eq!(window.length, Duration::from_secs(120 + 32 + 2));
        assert!(window.derivation.contains("120 s retry after a timeout"), "{}", window.derivation);
    }

    #[test]
    fn a_lamp_may_wait_for_its_own_renewal_and_then_for_a_dead_primary() {
        let seconds = Duration::from_secs;
        let window = lamp(&timers(600, 4, 15), Some((seconds(3600), seconds(1000))));
        assert_eq!(window.length, seconds(985 + 4 + 2));
        assert!(window.derivation.starts_with("1000 s of a subscription for 3600 s left"), "{}", window.derivation);
        assert_eq!(lamp(&timers(600, 4, 15), None).length, seconds(6), "at once without one");
    }

    #[test]
    fn a_call_waits_for_a_dead_primary_only_while_it_is_dead() {
        let seconds = Duration::from_secs;
        assert_eq!(post_dial(&timers(600, 4, 15), true).length, seconds(6));
        assert_eq!(post_dial(&timers(600, 4, 15), false).length, seconds(2));
    }

    #[test]
    fn assumed_timers_are_named() {
        let mut timers = timers(600, 4, 15);
        timers.transaction.source = Source::Assumed;
        let window = failover(&timers, Duration::from_secs(600), Duration::from_secs(600));
        assert_eq!(window.assumed, ["transaction"]);
    }

    #[test]
    fn a_share_of_the_lifetime_scales_with_what_was_granted() {
        let mut timers = timers(60, 32, 15);
        timers.renewal_lead.value = RenewalLead::Percent(10.0);
        let window = failover(&timers, Duration::from_secs(60), Duration::from_secs(60));
        assert_eq!(window.length, Duration::from_secs(54 + 32 + 2));
    }
}
