//! By how much clocks are off: the rig's own, as its kernel knows it; the servers', by what they date their answers with (RFC 3261
//! section 20.17); and the phones', by what they date their messages with. Each with its error, or unknown.

use std::time::Duration;

use super::{Finding, Verdict};
use crate::event::{PhoneName, ServerName, When};

const AREA: &str = "clock";

/// More than this, and times that people compare do not fit together.
const MUCH: i64 = 2_000;

/// What the kernel knows of the rig's clock (adjtimex(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RigClock {
    /// Something keeps it in step with others.
    pub synchronized: bool,
    /// By how much it is off, as whoever keeps it estimates.
    pub estimated: Duration,
    /// By how much it may be off at most.
    pub most: Duration,
}

/// Another's clock, against the rig's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// By how much it is ahead, in milliseconds.
    pub ahead_ms: i64,
    /// How exactly that is known.
    pub error_ms: u64,
}

impl Offset {
    /// Of a clock that shows whole seconds: it showed this at a time that lies between two of the rig's, all since the Unix epoch,
    /// and the latter in nanoseconds.
    pub fn of_seconds(shown_s: i64, asked_ns: i64, answered_ns: i64) -> Self {
        // It shows a second until that is over.
        let shown_ms = shown_s.saturating_mul(1000).saturating_add(500);
        let span_ms = answered_ns.saturating_sub(asked_ns).max(0) / 1_000_000;
        let middle_ms = asked_ns / 1_000_000 + span_ms / 2;
        let error_ms = 500 + u64::try_from(span_ms / 2 + 1).unwrap_or(u64::MAX);
        Self { ahead_ms: shown_ms.saturating_sub(middle_ms), error_ms }
    }

    /// Of one that shows milliseconds, and showed this when something was seen, in a run that began so many nanoseconds after the
    /// Unix epoch.
    pub fn of_ms(shown_ms: i64, epoch_unix_ns: i64, seen: When) -> Self {
        let seen_ms = epoch_unix_ns.saturating_add_unsigned(seen.at.0) / 1_000_000;
        Self { ahead_ms: shown_ms.saturating_sub(seen_ms), error_ms: seen.error_ns / 1_000_000 + 1 }
    }

    fn told(self) -> String {
        let seconds = |ms: u64| format!("{}.{:01} s", ms / 1000, ms % 1000 / 100);
        let by = seconds(self.ahead_ms.unsigned_abs());
        let error = seconds(self.error_ms);
        match self.ahead_ms {
            // It may as well be none.
            ms if ms.unsigned_abs() <= self.error_ms => format!("agrees with the rig's within {error}"),
            ms if ms > 0 => format!("is ahead of the rig's by {by} (±{error})"),
            _ => format!("is behind the rig's by {by} (±{error})"),
        }
    }

    fn is_much(self) -> bool {
        self.ahead_ms.saturating_abs().saturating_sub_unsigned(self.error_ms) > MUCH
    }
}

/// What is to be said of the rig's clock; none: the kernel did not tell.
pub fn of_rig(clock: Option<RigClock>) -> Finding {
    let unknown = |what: &str, why: &str| Finding::not(Verdict::Unknown, AREA, "clock-unsynchronised", what, why);
    match clock {
        None => unknown("the rig's clock", "the kernel does not tell of it"),
        Some(RigClock { synchronized: false, .. }) => unknown(
            "by how much the rig's clock is off",
            "nobody keeps it in step; run a time service, as chrony or systemd-timesyncd: durations are right without, times of \
             day are not",
        ),
        Some(RigClock { estimated, most, .. }) => {
            let (estimated, most) = (estimated.as_micros(), most.as_micros());
            let what =
                format!("the rig's clock is synchronised: off by {estimated} µs as estimated, by {most} µs at most");
            Finding::ok(AREA, CODE, what).with(format!("{estimated}us"))
        }
    }
}

const CODE: &str = "clock";

/// What is to be said of a server's clock, or why nothing is known of it.
pub fn of_server(server: &ServerName, offset: Result<Offset, String>) -> Finding {
    told(&format!("server {server}"), offset)
}

/// The same of a phone's.
pub fn of_phone(phone: &PhoneName, offset: Result<Offset, String>) -> Finding {
    told(&phone.0, offset).about(phone)
}

fn told(whose: &str, offset: Result<Offset, String>) -> Finding {
    match offset {
        Ok(offset) => {
            let what = format!("the clock of {whose} {}", offset.told());
            let value = format!("{}ms", offset.ahead_ms);
            if offset.is_much() {
                // Nothing is judged by it; whoever compares logs has to know.
                let help = "set its clock: its times of day do not fit those of the reports";
                return Finding::not(Verdict::Ok, AREA, "clock-off", what, help).with(value);
            }
            Finding::ok(AREA, CODE, what).with(value)
        }
        Err(why) => Finding::not(Verdict::Unknown, AREA, "clock-unknown", format!("the clock of {whose}"), why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    #[test]
    fn a_clock_that_shows_seconds_is_known_to_half_of_one_and_half_of_the_way() {
        // Asked at 1000.0 s, answered at 1000.2 s, and it showed 1000.
        let offset = Offset::of_seconds(1000, 1000 * SECOND_NS, 1000 * SECOND_NS + 200_000_000);
        assert_eq!(offset, Offset { ahead_ms: 400, error_ms: 601 });
        assert_eq!(offset.told(), "agrees with the rig's within 0.6 s");
        let ahead = Offset::of_seconds(1060, 1000 * SECOND_NS, 1000 * SECOND_NS);
        assert_eq!(ahead.told(), "is ahead of the rig's by 60.5 s (±0.5 s)");
        let behind = Offset::of_seconds(940, 1000 * SECOND_NS, 1000 * SECOND_NS);
        assert_eq!(behind.told(), "is behind the rig's by 59.5 s (±0.5 s)");
        assert!(ahead.is_much() && behind.is_much() && !offset.is_much());
    }

    #[test]
    fn what_is_not_synchronised_is_said_and_is_no_pass() {
        let clock =
            RigClock { synchronized: true, estimated: Duration::from_micros(80), most: Duration::from_millis(3) };
        let told = of_rig(Some(clock));
        assert_eq!((told.verdict, told.value.as_deref()), (Verdict::Ok, Some("80us")));
        let alone = of_rig(Some(RigClock { synchronized: false, ..clock }));
        assert_eq!((alone.verdict, alone.code), (Verdict::Unknown, "clock-unsynchronised"));
    }
}
