//! How long a move may take: the sum of the phone's own timers, and the sum written out for people.
//!
//! A phone notices a dead server only when it talks to it, and an idle phone talks to it at its next renewal. So the
//! window of a failover is what is left of the granted lifetime, less the renewal lead, plus the transaction timer,
//! plus an allowance for registering at the other server.

use std::time::Duration;

mod worst;

pub use worst::{Habit, StepsBefore, at_worst};

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

/// A window for leaving a server whose challenges arrive and whose confirmations do not: a REGISTER that is challenged when it
/// is sent again makes the phone wait for another.
pub fn challenged(timers: &Timers, window: Window) -> Window {
    let transaction = timers.transaction.value;
    let derivation = format!("{} + {} transaction after a challenge", window.derivation, secs(transaction));
    Window { length: window.length + transaction, derivation, ..window }
}

/// A window for leaving a server, with so many of its addresses to be given up beside the first.
pub fn further(timers: &Timers, addresses: u32, window: Window) -> Window {
    if addresses == 0 {
        return window;
    }
    let transaction = timers.transaction.value;
    let more = if addresses == 1 { "another address".to_owned() } else { format!("{addresses} more addresses") };
    let each = if addresses == 1 { "" } else { " for each" };
    let derivation =
        format!("{} + {} transaction{each} at {more} of the lost server", window.derivation, secs(transaction));
    Window { length: window.length + transaction * addresses, derivation, ..window }
}

/// A window that begins when the server is gone for good, `dying` after its outage began.
pub fn of_dying(dying: Duration, window: Window) -> Window {
    if dying.is_zero() {
        return window;
    }
    let derivation = format!("{} until the server is gone + {}", secs(dying), window.derivation);
    Window { length: dying + window.length, derivation, ..window }
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
    let mut window = asking_primary(timers, granted, left, asking);
    if left > timers.renewal_lead.value.of(granted) && !asking {
        window.derivation.insert_str(0, "still at the primary: ");
    }
    window
}

/// The window for leaving a server that has gone, of a line of which nobody can read what it was granted.
pub fn unread_failover(timers: &Timers) -> Window {
    at_longest(failover(timers, timers.expires.value, timers.expires.value))
}

/// The window for returning, or for being confirmed where it stayed, of a line of which nobody can read what it was granted.
pub fn unread_failback(timers: &Timers, habit: FailbackHabit) -> Window {
    let granted = timers.expires.value;
    let (returns, stays) =
        (failback(timers, habit, granted, Duration::ZERO, true), stay(timers, granted, Duration::ZERO, true));
    at_longest(if returns.length < stays.length { stays } else { returns })
}

fn at_longest(mut window: Window) -> Window {
    window.derivation.insert_str(0, "what it was granted can not be read, so at the longest: ");
    window
}

/// When a line asks its primary next, of whose binding there `left` remained: at its renewal, or, where that was under way
/// or the phone was `asking` for a connection, after a period at the backup.
fn asking_primary(timers: &Timers, granted: Duration, left: Duration, asking: bool) -> Window {
    let lead = timers.renewal_lead.value.of(granted);
    let transaction = timers.transaction.value;
    if left > lead && !asking {
        Window {
            length: left - lead + REGISTERING,
            derivation: format!(
                "{} of the granted {} left − {} renewal lead + {} registering",
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

/// The window for being turned away by a primary that answers and refuses, when `left` of a binding granted for `granted`
/// remained: the line asks at its next renewal. One that was under way may have been heard and its answer taken: then the
/// line is away for a period at the backup before it asks again.
pub fn rejection(timers: &Timers, granted: Duration, left: Duration) -> Window {
    asking_primary(timers, granted, left, false)
}

/// The window for registering at a primary that has stopped refusing: the retry timer after a rejection, or the time for
/// which the server asked the phone to stay away, whichever is longer. One attempt may be under way at the lift.
pub fn after_rejection(timers: &Timers, retry_after: Option<Duration>) -> Window {
    let (retry, transaction) = (timers.retry_rejected.value, timers.transaction.value);
    let (pause, what) = match retry_after {
        Some(asked) if asked > retry => (asked, "asked for by Retry-After"),
        _ => (retry, "retry after a rejection"),
    };
    Window {
        length: pause + transaction + REGISTERING,
        derivation: format!(
            "{} {what} + {} transaction (an attempt under way at the lift) + {} registering",
            secs(pause),
            secs(transaction),
            secs(REGISTERING)
        ),
        assumed: assumed(&[("retry-rejected", timers.retry_rejected.source)]),
    }
}

/// A window of a return, for a phone that was asked to stay away from the server for `wait` more: it may renew where it is
/// until then.
pub fn asked_away(timers: &Timers, window: Window, granted: Duration, wait: Duration) -> Window {
    let period = granted.saturating_sub(timers.renewal_lead.value.of(granted));
    Window {
        length: window.length + wait + period,
        derivation: format!(
            "{} + {} left of Retry-After + {} to the renewal after it",
            window.derivation,
            secs(wait),
            secs(period)
        ),
        assumed: window.assumed,
    }
}

/// The window for being confirmed at the backup again, from a confirmation there that granted `granted`: like every
/// renewal it is tried at the primary first.
pub fn hold(timers: &Timers, granted: Duration) -> Window {
    let transaction = timers.transaction.value;
    let renewal = renewal(timers, granted);
    Window {
        length: renewal.length + transaction,
        derivation: format!("{} + {} transaction at the primary", renewal.derivation, secs(transaction)),
        assumed: renewal_assumptions(timers),
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
/// ask it in vain first.
pub fn log_on(timers: &Timers, primary_away: bool) -> Window {
    let transaction = timers.transaction.value;
    let asking = if primary_away { 2 * transaction } else { Duration::ZERO };
    let mut derivation = format!("{} logging on + {} registering", secs(REGISTERING), secs(REGISTERING));
    if primary_away {
        derivation += &format!(" + 2 × {} transaction at the primary", secs(transaction));
    }
    let assumed = if primary_away { assumed(&[("transaction", timers.transaction.source)]) } else { Vec::new() };
    Window { length: 2 * REGISTERING + asking, derivation, assumed }
}

/// The window for registering after a boot that was ordered. Every boot asks the primary first.
pub fn boot(timers: &Timers, primary_away: bool) -> Window {
    let transaction = timers.transaction.value;
    let asking = if primary_away { transaction } else { Duration::ZERO };
    let at_primary =
        if primary_away { format!(" + {} transaction at the primary", secs(transaction)) } else { String::new() };
    let derivation = format!("{} booting{at_primary} + {} registering", secs(BOOTING), secs(REGISTERING));
    let mut assumed = if primary_away { assumed(&[("transaction", timers.transaction.source)]) } else { Vec::new() };
    assumed.push("booting".to_owned());
    Window { length: BOOTING + asking + REGISTERING, derivation, assumed }
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
#[path = "bound_tests.rs"]
pub(super) mod tests;
