//! Why something expected did not happen, and whose fault that is.
//!
//! The order of the questions is the point: first whether the rig may speak at all (lost evidence, a leak, no sign of
//! life), then what the servers did, and only then the phone. Absence of evidence is never held against a phone that
//! could not be seen.

use std::time::Duration;

use super::{
    bound::{PROMISE, REGISTERING, Window},
    case::{CaseRun, Finding, Leg, Moved},
    phone::PhoneWatch,
    registration::{Attempt, Fix},
};
use crate::{
    config::Source,
    event::{Move, ServerName},
    verdict::Blame,
};

/// What to say of a move that was made: in time, late, or beyond the manual's promise.
pub fn made(case: &CaseRun, leg: Leg, cause: Fix, moved: &Moved, window: &Window) -> Option<Finding> {
    let of = leg.of;
    let took = moved.done.when.at.since(cause.when.at);
    // Half the doubt is the phone's: a move is late only if it is so with the error of both times taken off.
    let doubt = Duration::from_nanos(cause.when.error_ns + moved.done.when.error_ns);
    let broken = of == Move::Failover && took > PROMISE + doubt;
    // What was lost behind the bridge and had to be sent again is not the phone's time.
    let repeating = case.destination(leg).map_or(Duration::ZERO, |server| repeated(case, server, moved));
    if took <= window.length + doubt + repeating && !broken {
        return None;
    }
    let evidence = [cause.seq, moved.request.seq, moved.done.seq];
    let said = format!(
        "the {of} took {:.1} s; the phone's timers allow {:.1} s ({})",
        took.as_secs_f64(),
        window.length.as_secs_f64(),
        window.derivation
    );
    let finding = if broken {
        // Settings that allow more than ten minutes are to blame, whatever the phone made of them.
        let blame = if window.length > PROMISE { Blame::Configuration } else { Blame::Phone };
        Finding::fail(blame, "promise-broken", format!("{said}, and the manual promises 10 minutes"))
    } else {
        let registering = moved.done.when.at.since(moved.request.when.at);
        let asked = moved.request.when.at.since(cause.when.at);
        if registering > REGISTERING && asked <= window.length.saturating_sub(REGISTERING) + doubt {
            let took = registering.as_secs_f64();
            Finding::fail(
                Blame::Server,
                "slow-registrar",
                format!("{said}; of that, the server took {took:.1} s to accept"),
            )
        } else {
            Finding::fail(Blame::Phone, "late", said)
        }
    };
    Some(finding.shown_by(evidence))
}

/// How long requests of this move were sent again because nothing answered them.
fn repeated(case: &CaseRun, server: &ServerName, moved: &Moved) -> Duration {
    let (from, to) = (moved.request.when.at, moved.done.when.at);
    let attempts = case.track.attempts_at(server).filter(|it| it.first.when.at >= from && it.first.when.at <= to);
    attempts.filter(|it| it.answer.is_some()).map(|it| it.last.when.at.since(it.first.when.at)).sum()
}

/// What to say of a move that was not made although its time, and as much again, is over.
pub fn missing(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix) -> Finding {
    let of = leg.of;
    if phone.vanished() || !phone.alive_since(cause.when.at) {
        return lifeless(phone, cause.seq);
    }
    if of == Move::Stranded {
        return not_tried_both(case, cause);
    }
    let Some(destination) = case.destination(leg) else {
        return Finding::fail(Blame::Configuration, "no-backup", "the line has no backup server").shown_by([cause.seq]);
    };
    let tried: Vec<&Attempt> = case
        .track
        .attempts_at(destination)
        .filter(|attempt| attempt.passed.is_some_and(|passed| passed.when.at >= cause.when.at))
        .collect();
    if tried.is_empty() {
        never_tried(case, of, cause)
    } else {
        refused(case.backup.as_ref() == Some(destination), destination.to_string(), &tried, cause)
    }
}

/// What to say of a line that is not at its primary when the outage begins.
pub fn not_at_primary(case: &CaseRun, now: Fix) -> Finding {
    let unanswered: Vec<u64> = case
        .track
        .attempts_at(&case.primary)
        .filter(|attempt| attempt.answer.is_none())
        .map(|attempt| attempt.first.seq)
        .collect();
    if unanswered.is_empty() {
        Finding::fail(Blame::Phone, "left-primary", "the line left its primary server before the outage began")
            .shown_by([now.seq])
    } else {
        let reason = format!("server {} stopped answering before the outage began", case.primary);
        Finding::fail(Blame::Server, "primary-silent", reason).shown_by(unanswered)
    }
}

/// What to say when a console contradicts the wire.
pub fn contradicted(of: Move, said: Option<&str>, expected: &str, evidence: [u64; 2]) -> Finding {
    let said = said.map_or_else(|| "that it is registered nowhere".to_owned(), |server| format!("`{server}`"));
    let reason = format!("after the {of} the wire shows the line at {expected}, and its console says {said}");
    Finding::fail(Blame::Phone, "display-wrong", reason).shown_by(evidence)
}

/// What to say of a port that is gone: the cable's fault, unless all that could be heard of the phone is gone with it.
pub fn port_lost(phone: &PhoneWatch, code: &'static str, reason: String, shown_by: u64) -> Finding {
    if phone.vanished() { lifeless(phone, shown_by) } else { Finding::rig(code, reason).shown_by([shown_by]) }
}

fn lifeless(phone: &PhoneWatch, shown_by: u64) -> Finding {
    let lost: Vec<String> = phone.lost.iter().map(|(port, (_, why))| format!("{port}: {why}")).collect();
    let ports = if lost.is_empty() { String::new() } else { format!(" (lost: {})", lost.join("; ")) };
    let reason = format!("no sign of life from the phone{ports}; check its power and cables");
    Finding::unclear("no-sign-of-life", reason)
        .shown_by(std::iter::once(shown_by).chain(phone.lost.values().map(|(fix, _)| fix.seq)))
}

/// The line was to ask both servers in vain, and did not ask the backup.
fn not_tried_both(case: &CaseRun, cause: Fix) -> Finding {
    let tries = case.track.attempts_at(&case.primary).filter(|attempt| attempt.first.when.at >= cause.when.at).count();
    let reason = format!("with both servers away the phone asked the primary {tries} times and the backup never");
    Finding::fail(Blame::Phone, "never-tried-backup", reason).shown_by([cause.seq])
}

fn never_tried(case: &CaseRun, of: Move, cause: Fix) -> Finding {
    match of {
        Move::Baseline if case.timers.expires.source == Source::Assumed => {
            let reason = format!(
                "no REGISTER to server {} was seen; the lifetime asked for is only assumed, so the phone may hold a \
                 longer registration from before the run",
                case.primary
            );
            Finding::unclear("not-seen-registering", reason).shown_by([cause.seq])
        }
        Move::Baseline => {
            let reason = format!("the phone is alive and sent no REGISTER to server {}", case.primary);
            Finding::fail(Blame::Phone, "never-registered", reason).shown_by([cause.seq])
        }
        Move::Failover => {
            let at_primary = case.track.attempts_at(&case.primary).filter(|a| a.first.when.at >= cause.when.at);
            let tries: Vec<u64> = at_primary.map(|attempt| attempt.first.seq).collect();
            let reason = format!(
                "{} REGISTER transactions at the lost server, none at the backup",
                if tries.is_empty() { "no".to_owned() } else { tries.len().to_string() }
            );
            Finding::fail(Blame::Phone, "never-failed-over", reason)
                .shown_by(std::iter::once(cause.seq).chain(tries.into_iter().take(8)))
        }
        Move::Failback => {
            let reason = format!("the phone sent no REGISTER to server {} after it came back", case.primary);
            Finding::fail(Blame::Phone, "never-failed-back", reason).shown_by([cause.seq])
        }
        Move::Renewal => {
            let reason = format!("the phone sent no REGISTER to server {} in a whole lifetime", case.primary);
            Finding::fail(Blame::Phone, "never-renewed", reason).shown_by([cause.seq])
        }
        Move::Recovery | Move::Stranded => {
            let reason = "the phone sent no REGISTER to the server that came back";
            Finding::fail(Blame::Phone, "never-recovered", reason).shown_by([cause.seq])
        }
    }
}

/// The phone tried, and the server did not take it.
fn refused(backup: bool, server: String, tried: &[&Attempt], cause: Fix) -> Finding {
    let evidence = std::iter::once(cause.seq).chain(tried.iter().rev().take(8).map(|attempt| attempt.first.seq));
    let last = tried.iter().rev().find_map(|attempt| attempt.answer.map(|answer| (attempt, answer)));
    let role = if backup { "backup" } else { "primary" };
    let finding = match last {
        None => Finding::fail(
            Blame::Server,
            if backup { "backup-silent" } else { "primary-silent" },
            format!("{role} server {server} answered none of {} REGISTER transactions", tried.len()),
        ),
        Some((attempt, answer)) => match answer.code {
            401 | 407 if !tried.iter().any(|attempt| attempt.authorized) => Finding::fail(
                Blame::Phone,
                "no-credentials",
                format!("{role} server {server} asked for credentials, and the phone sent none"),
            ),
            200..=299 => Finding::fail(
                Blame::Server,
                "no-live-contact",
                format!("{role} server {server} answered {} without a live contact of the phone", answer.code),
            ),
            401 | 403 | 404 | 407 => Finding::fail(
                Blame::Configuration,
                "rejected",
                format!(
                    "{role} server {server} rejected the line with {}{}",
                    answer.code,
                    if attempt.authorized { " in spite of its credentials" } else { "" }
                ),
            ),
            500..=699 => Finding::fail(
                Blame::Server,
                "server-refused",
                format!("{role} server {server} refused the line with {}", answer.code),
            ),
            code => Finding::fail(
                Blame::Unknown,
                "rejected",
                format!("{role} server {server} answered the line with {code}"),
            ),
        },
    };
    finding.shown_by(evidence)
}
