//! Measurements of a case: the moves and their parts, and for how long the line could not be reached.
//!
//! *t0* the cause took effect · *t1* the first REGISTER that the lost server does not answer · *t3* the first REGISTER at
//! the new server · *t4* the 2xx that makes the binding there.

use std::time::Duration;

use super::{
    case::{CaseRun, Cut, Moved},
    coverage::{Span, uncovered},
    registration::{Attempt, Fix},
};
use crate::{
    event::{Move, ServerName, Stamp},
    verdict::Measurement,
};

/// All measurements of a case, in the order of time.
pub fn all(case: &CaseRun, observing: Fix, now: Stamp) -> Vec<Measurement> {
    let mut list = Vec::new();
    if let Some(moved) = case.moves.get(&Move::Baseline) {
        list.push(total(case, Move::Baseline, observing, moved));
    }
    if let Some(cut) = case.cut {
        failover(case, cut, &mut list);
        failback(case, cut, &mut list);
        reach(case, cut, now, &mut list);
        stale(case, cut, &mut list);
    }
    list
}

/// The REGISTER at the lost server that it did not answer: the first whose sending, or one of whose copies, the outage
/// could have taken.
pub fn first_unanswered<'a>(case: &'a CaseRun, cut: Cut) -> Option<&'a Attempt> {
    let earliest = cut.began.when.at.0.saturating_sub(nanos(case.timers.transaction.value));
    let primary: &'a ServerName = &case.primary;
    case.track.attempts_at(primary).find(|attempt| attempt.answer.is_none() && attempt.first.when.at.0 >= earliest)
}

fn failover(case: &CaseRun, cut: Cut, list: &mut Vec<Measurement>) {
    let Some(window) = case.windows.get(&Move::Failover) else { return };
    let moved = case.moves.get(&Move::Failover);
    let unanswered = first_unanswered(case, cut);
    match moved {
        Some(moved) => {
            list.push(total(case, Move::Failover, cut.began, moved));
            let none = "no REGISTER at the lost server was seen: its connection attempts died before one";
            list.push(part(
                case,
                Move::Failover,
                "failover-waiting",
                Some(cut.began),
                unanswered.map(|a| a.first),
                none,
            ));
            let first = unanswered.map(|attempt| attempt.first);
            list.push(part(case, Move::Failover, "failover-detecting", first, Some(moved.request), none));
            list.push(part(case, Move::Failover, "failover-registering", Some(moved.request), Some(moved.done), none));
        }
        None => list.push(null(case, Move::Failover, Some(window.length), "no move to the backup was seen")),
    }
    if let Some(bite) = cut.first_bite {
        list.push(part(case, Move::Failover, "first-bite", Some(cut.began), Some(bite), ""));
    }
}

fn failback(case: &CaseRun, cut: Cut, list: &mut Vec<Measurement>) {
    let (Some(lifted), Some(window)) = (cut.lifted, case.windows.get(&Move::Failback)) else { return };
    match case.moves.get(&Move::Failback) {
        Some(moved) => {
            list.push(total(case, Move::Failback, lifted, moved));
            list.push(part(case, Move::Failback, "failback-waiting", Some(lifted), Some(moved.request), ""));
            list.push(part(case, Move::Failback, "failback-registering", Some(moved.request), Some(moved.done), ""));
        }
        None => list.push(null(case, Move::Failback, Some(window.length), "no return to the primary was seen")),
    }
}

/// `gap` and `unreachable`. A silent cut takes both directions, so that a server is reachable from the phone exactly
/// when it can reach the phone, and the two agree; they part under one-way outages.
fn reach(case: &CaseRun, cut: Cut, now: Stamp, list: &mut Vec<Measurement>) {
    let until = case.moves.get(&Move::Failback).map_or(now, |moved| moved.done.when.at);
    let whole = Span { from: cut.began.when.at, until };
    let dark = Span { from: cut.began.when.at, until: cut.lifted.map_or(until, |lift| lift.when.at) };
    let usable: Vec<Span> = case
        .track
        .held()
        .flat_map(|(server, span)| if *server == case.primary { span.minus(&[dark]) } else { vec![span] })
        .filter_map(|span| span.within(whole))
        .collect();
    let value = uncovered(whole, &usable);
    for name in ["gap", "unreachable"] {
        list.push(Measurement {
            name: name.to_owned(),
            at_ms: Some(round(cut.began.when.at.as_millis_f64())),
            from_server: Some(case.primary.to_string()),
            to_server: case.backup.as_ref().map(ToString::to_string),
            value: Some(millis(value)),
            unit: "ms".to_owned(),
            error: Some(error(cut.began, cut.lifted.unwrap_or(cut.began))),
            min: None,
            max: None,
            why_null: None,
        });
    }
}

/// `stale`: for how long the old binding outlives each move. Normal until its expiry; a binding that is still live when
/// the case ends is taken to last as long as the server granted.
fn stale(case: &CaseRun, cut: Cut, list: &mut Vec<Measurement>) {
    for of in [Move::Failover, Move::Failback] {
        let (Some(moved), Some(old)) = (case.moves.get(&of), case.origin(of)) else { continue };
        let moved_at = moved.done.when.at;
        let renewed = (of == Move::Failover).then(|| case.moves.get(&Move::Failback).map(|back| back.done.when.at));
        let end = case
            .track
            .held()
            .filter(|(server, span)| *server == old && span.from <= moved_at && span.until > moved_at)
            .map(|(_, span)| span.until)
            .max();
        // The lifetime as it stood at the cut: a renewal after the return is no longer the old binding.
        let end = match (of, &case.at_cut, end) {
            (Move::Failover, Some((binding, _)), Some(_)) => Some(binding.until),
            _ => end,
        };
        let end = match renewed.flatten() {
            Some(back) => end.map(|end| end.min(back)),
            None => end,
        };
        list.push(Measurement {
            name: "stale".to_owned(),
            at_ms: Some(round(moved_at.as_millis_f64())),
            from_server: Some(old.to_string()),
            to_server: case.destination(of).map(ToString::to_string),
            value: Some(end.map_or(0.0, |end| millis(end.since(moved_at)))),
            unit: "ms".to_owned(),
            error: Some(error(moved.done, cut.began)),
            min: None,
            max: None,
            why_null: None,
        });
    }
}

/// The whole move, against its window.
fn total(case: &CaseRun, of: Move, cause: Fix, moved: &Moved) -> Measurement {
    let mut whole = part(case, of, &of.to_string(), Some(cause), Some(moved.done), "");
    whole.max = case.windows.get(&of).map(|window| millis(window.length));
    whole
}

fn part(case: &CaseRun, of: Move, name: &str, from: Option<Fix>, to: Option<Fix>, why_null: &str) -> Measurement {
    let both = from.zip(to);
    Measurement {
        name: name.to_owned(),
        at_ms: from.map(|from| round(from.when.at.as_millis_f64())),
        from_server: case.origin(of).map(ToString::to_string),
        to_server: case.destination(of).map(ToString::to_string),
        value: both.map(|(from, to)| round((to.when.at.0 as f64 - from.when.at.0 as f64) / 1e6)),
        unit: "ms".to_owned(),
        error: both.map(|(from, to)| error(from, to)),
        min: None,
        max: None,
        why_null: both.is_none().then(|| why_null.to_owned()),
    }
}

fn null(case: &CaseRun, of: Move, limit: Option<Duration>, why: &str) -> Measurement {
    let mut missing = part(case, of, &of.to_string(), None, None, why);
    missing.max = limit.map(millis);
    missing
}

/// The error of a difference of two times, in milliseconds.
fn error(one: Fix, other: Fix) -> f64 {
    round((one.when.error_ns + other.when.error_ns) as f64 / 1e6)
}

fn millis(span: Duration) -> f64 {
    round(span.as_nanos() as f64 / 1e6)
}

/// To a microsecond: what is finer is noise, and journals stay readable.
fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
