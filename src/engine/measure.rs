//! Measurements of a case: the moves and their parts, and for how long the line could not be reached.
//!
//! *t0* the cause took effect · *t1* the first REGISTER that the lost server does not answer · *t3* the first REGISTER at
//! the new server · *t4* the 2xx that makes the binding there.

use std::time::Duration;

use super::{
    case::{CaseRun, Finding, Leg, Moved},
    coverage::{Span, uncovered},
    cut::Cut,
    registration::{Attempt, Fix},
    step::reaction,
};
use crate::{
    config::Limit,
    event::{Move, OutageMode, ServerName, Stamp, Toward},
    verdict::Measurement,
};

/// All measurements of a case, in the order of time: those that no outage causes, then outage by outage.
pub fn all(case: &CaseRun, observing: Fix, now: Stamp) -> Vec<Measurement> {
    let mut list = Vec::new();
    let baseline = Leg { cut: None, of: Move::Baseline };
    if let (Some(moved), Some(cause)) = (case.moves.get(&baseline), case.cause(baseline, observing)) {
        if case.unread.contains_key(&baseline) {
            list.push(null(case, baseline, case.windows.get(&baseline).map(|it| it.length), Measurement::ENCRYPTED));
        } else if moved.done.when.at < cause.when.at {
            list.push(null(case, baseline, None, "it was registered there already"));
        } else {
            list.push(total(case, baseline, cause, moved));
        }
    }
    let renewal = Leg { cut: None, of: Move::Renewal };
    whole_move(case, renewal, case.cause(renewal, observing), "no renewal was seen", &mut list);
    for (index, ordered) in case.orders.iter().enumerate() {
        let leg = |of| Leg { cut: Some(index), of };
        whole_move(case, leg(Move::LogOff), Some(ordered.at), "a server held a binding to the end", &mut list);
        whole_move(case, leg(Move::LogOn), Some(ordered.at), "no registration was seen", &mut list);
        whole_move(case, leg(Move::Admission), Some(ordered.at), "no registration was seen", &mut list);
    }
    for (index, cut) in case.cuts.iter().enumerate() {
        let leg = |of| Leg { cut: Some(index), of };
        if cut.server == case.primary {
            whole_move(case, leg(Move::Rejection), Some(cut.began), "nobody turned the line away", &mut list);
            failover(case, leg(Move::Failover), cut, &mut list);
            let hold = leg(Move::Hold);
            whole_move(case, hold, case.cause(hold, observing), "no renewal at the backup was seen", &mut list);
            failback(case, leg(Move::Failback), cut, &mut list);
            let renewal = leg(Move::Renewal);
            whole_move(case, renewal, case.cause(renewal, observing), "no renewal was seen", &mut list);
        }
        whole_move(case, leg(Move::Stranded), Some(cut.began), "the backup was not asked", &mut list);
        whole_move(case, leg(Move::Recovery), cut.lifted, "no registration at a server that came back", &mut list);
        if cut.server == case.primary {
            if !case.unread.is_empty() {
                list.extend(["gap", "unreachable"].map(|name| unknown_reach(case, cut, name)));
            } else if !case.logs_off {
                reach(case, index, cut, now, &mut list);
            }
            stale(case, leg(Move::Failover), cut, &mut list);
            stale(case, leg(Move::Failback), cut, &mut list);
        }
    }
    list.extend(case.noted.iter().cloned());
    list
}

/// Holds measurements against the limits of a scenario, which from then on are theirs where they are narrower; says of the
/// first that is beyond its limit that it is.
pub fn hold_against(limits: &[Limit], measurements: &mut [Measurement]) -> Option<Finding> {
    let mut beyond = None;
    for limit in limits {
        let most = limit.at_most as f64;
        for measurement in measurements.iter_mut().filter(|it| it.name == limit.measurement) {
            measurement.max = Some(measurement.max.map_or(most, |max| max.min(most)));
            let over = measurement.value.filter(|value| *value > most + measurement.error.unwrap_or_default());
            if let Some(value) = over.filter(|_| beyond.is_none()) {
                let unit = if measurement.unit == "1" { "" } else { &measurement.unit };
                let reason = format!("{} is {value} {unit}", limit.measurement);
                let reason = format!("{}; the scenario allows {most} {unit}", reason.trim_end());
                beyond = Some(Finding::fail(limit.blame, "over-limit", reason.trim_end()));
            }
        }
    }
    beyond
}

/// A span that a step has measured in a case: from the one record to the other, or why there is none.
pub fn span(
    case: &CaseRun,
    name: &str,
    leg: Leg,
    from: Fix,
    to: Result<Fix, &str>,
    max: Option<Duration>,
) -> Measurement {
    let why = to.err().unwrap_or_default();
    Measurement { max: max.map(millis), ..part(case, leg, name, Some(from), to.ok(), why) }
}

/// `connected-at`: when both ends of a TLS connection had agreed, from the greeting on, in milliseconds since the run or
/// the capture began.
pub fn connected_at(offered: Option<Fix>, agreed: Option<Fix>, server: String) -> Measurement {
    let at = |fix: Fix| round(fix.when.at.as_millis_f64());
    Measurement {
        name: "connected-at".to_owned(),
        at_ms: offered.map(at),
        from_server: None,
        to_server: Some(server),
        value: agreed.map(at),
        unit: "ms".to_owned(),
        error: agreed.map(|fix| round(fix.when.error_ns as f64 / 1e6)),
        min: None,
        max: None,
        why_null: agreed.is_none().then(|| "the two ends came to no agreement".to_owned()),
    }
}

/// A number that was counted in a move.
pub fn count(case: &CaseRun, leg: Leg, name: &str, at: Fix, count: usize, unit: &str) -> Measurement {
    Measurement {
        at_ms: Some(round(at.when.at.as_millis_f64())),
        value: Some(count as f64),
        unit: unit.to_owned(),
        error: None,
        why_null: None,
        ..part(case, leg, name, None, None, "")
    }
}

/// A span between two records that has nothing to do with a move.
pub fn between(name: &str, from: Fix, to: Fix, max: Option<Duration>) -> Measurement {
    Measurement {
        name: name.to_owned(),
        at_ms: Some(round(from.when.at.as_millis_f64())),
        from_server: None,
        to_server: None,
        value: Some(millis(to.when.at.since(from.when.at))),
        unit: "ms".to_owned(),
        error: Some(error(from, to)),
        min: None,
        max: max.map(millis),
        why_null: None,
    }
}

/// The REGISTER at the lost server that it did not answer: the first whose sending, or one of whose copies, the outage
/// could have taken.
pub fn first_unanswered<'a>(case: &'a CaseRun, cut: &Cut) -> Option<&'a Attempt> {
    let earliest = cut.began.when.at.0.saturating_sub(nanos(case.timers.transaction.value));
    let primary: &'a ServerName = &case.primary;
    case.track
        .attempts_at(primary)
        .find(|attempt| attempt.answered_by_server().is_none() && attempt.first.when.at.0 >= earliest)
}

fn failover(case: &CaseRun, leg: Leg, cut: &Cut, list: &mut Vec<Measurement>) {
    let expected = case.windows.contains_key(&leg);
    let moved = if expected {
        whole_move(case, leg, Some(cut.began), "no move to the backup was seen", list)
    } else {
        // Nobody asked for it: whether a phone that is turned away moves is its own habit, and worth to be known.
        let moved = case.moves.get(&leg).copied().filter(|_| cut.watched || cut.may_be_borne());
        list.extend(moved.map(|moved| total(case, leg, cut.began, &moved)));
        if cut.watched && moved.is_none() {
            let at_ms = Some(round(cut.began.when.at.as_millis_f64()));
            list.push(Measurement { at_ms, ..null(case, leg, None, reaction::why_none(case, leg)) });
        }
        moved
    };
    if let Some(moved) = moved {
        let unanswered = first_unanswered(case, cut).map(|attempt| attempt.first);
        let first = unanswered.filter(|first| !case.keeps_both && first.when.at <= moved.request.when.at);
        let none = match unanswered {
            Some(_) => "the line was confirmed at its backup without having noticed the loss",
            None => "no REGISTER at the lost server was seen: its connection attempts died before one",
        };
        list.push(part(case, leg, "failover-waiting", Some(cut.began), first, none));
        list.push(part(case, leg, "failover-detecting", first, Some(moved.request), none));
        list.push(part(case, leg, "failover-registering", Some(moved.request), Some(moved.done), none));
    }
    if let Some(bite) = cut.first_bite {
        list.push(part(case, leg, "first-bite", Some(cut.began), Some(bite), ""));
    }
}

fn failback(case: &CaseRun, leg: Leg, cut: &Cut, list: &mut Vec<Measurement>) {
    if let Some(moved) = whole_move(case, leg, cut.lifted, "no return to the primary was seen", list) {
        list.push(part(case, leg, "failback-waiting", cut.lifted, Some(moved.request), ""));
        list.push(part(case, leg, "failback-registering", Some(moved.request), Some(moved.done), ""));
    }
}

/// A move that the scenario expected: its length against its window, or why it has none.
fn whole_move(
    case: &CaseRun,
    leg: Leg,
    cause: Option<Fix>,
    why_null: &str,
    list: &mut Vec<Measurement>,
) -> Option<Moved> {
    let (cause, window) = cause.zip(case.windows.get(&leg))?;
    let moved = case.moves.get(&leg).copied();
    if case.unread.contains_key(&leg) {
        list.push(null(case, leg, Some(window.length), Measurement::ENCRYPTED));
        return None;
    }
    match &moved {
        Some(moved) => list.push(total(case, leg, cause, moved)),
        None => list.push(null(case, leg, Some(window.length), why_null)),
    }
    moved
}

/// `gap` and `unreachable`, from an outage of the primary to the return, to the next outage of it, or to the end.
///
/// `gap`: no server that hears this phone held a binding. `unreachable`: none did with which the phone can speak both ways,
/// as a call needs. They part where an outage takes the answers alone: the phone renews a binding and never hears of it.
fn reach(case: &CaseRun, index: usize, cut: &Cut, now: Stamp, list: &mut Vec<Measurement>) {
    let next = case.cuts.iter().skip(index + 1).find(|later| later.server == case.primary);
    let returned = case.moves.get(&Leg { cut: Some(index), of: Move::Failback });
    let until = returned.map(|moved| moved.done.when.at).or(next.map(|cut| cut.began.when.at)).unwrap_or(now);
    let whole = Span { from: cut.began.when.at, until };
    let deaf = |cut: &&Cut| cut.toward != Some(Toward::Phone);
    let any = |_: &&Cut| true;
    let value = |counts: &dyn Fn(&&Cut) -> bool| {
        let dark = |server: &ServerName| -> Vec<Span> {
            let cuts = case.cuts.iter().filter(|cut| cut.server == *server).filter(counts);
            let span =
                |cut: &Cut| Span { from: cut.began.when.at, until: cut.lifted.map_or(until, |lift| lift.when.at) };
            cuts.map(span).collect()
        };
        let held = case.track.held().chain(case.track.held_unheard());
        let usable: Vec<Span> =
            held.flat_map(|(server, span)| span.minus(&dark(server))).filter_map(|span| span.within(whole)).collect();
        uncovered(whole, &usable)
    };
    for (name, value) in [("gap", value(&deaf)), ("unreachable", value(&any))] {
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

/// Of a line that was not read everywhere nobody knows who held a binding.
fn unknown_reach(case: &CaseRun, cut: &Cut, name: &str) -> Measurement {
    Measurement {
        name: name.to_owned(),
        at_ms: Some(round(cut.began.when.at.as_millis_f64())),
        from_server: Some(case.primary.to_string()),
        to_server: case.backup.as_ref().map(ToString::to_string),
        value: None,
        unit: "ms".to_owned(),
        error: None,
        min: None,
        max: None,
        why_null: Some(Measurement::ENCRYPTED.to_owned()),
    }
}

/// `stale`: for how long the old binding outlives each move. Normal until its expiry; a binding that is still live when
/// the case ends is taken to last as long as the server granted.
fn stale(case: &CaseRun, leg: Leg, cut: &Cut, list: &mut Vec<Measurement>) {
    let (Some(moved), Some(old), true) = (case.moves.get(&leg), case.origin(leg), case.unread.is_empty()) else {
        return;
    };
    // What a server that is stopped keeps of a binding, nobody sees.
    if cut.mode == OutageMode::Hook {
        return;
    }
    let moved_at = moved.done.when.at;
    let outlived = case
        .track
        .held()
        .chain(case.track.held_unheard())
        .filter(|(server, span)| *server == old && span.from <= moved_at && span.until > moved_at)
        .map(|(_, span)| span.until)
        .max();
    let end = match (leg.of, outlived) {
        // The lifetime as it stood at the cut: a renewal after the return is no longer the old binding.
        (Move::Failover, Some(end)) => {
            let unheard = case.track.held_unheard().find(|(server, _)| *server == old).map(|(_, span)| span.until);
            let end = cut.held.as_ref().map_or(end, |held| held.binding.until).max(unheard.unwrap_or_default());
            let back = case.moves.get(&Leg { of: Move::Failback, ..leg }).map(|back| back.done.when.at);
            Some(back.map_or(end, |back| end.min(back)))
        }
        (_, end) => end,
    };
    list.push(Measurement {
        name: "stale".to_owned(),
        at_ms: Some(round(moved_at.as_millis_f64())),
        from_server: Some(old.to_string()),
        to_server: case.destination(leg).map(ToString::to_string),
        value: Some(end.map_or(0.0, |end| millis(end.since(moved_at)))),
        unit: "ms".to_owned(),
        error: Some(error(moved.done, cut.began)),
        min: None,
        max: None,
        why_null: None,
    });
}

/// The whole move, against its window.
fn total(case: &CaseRun, leg: Leg, cause: Fix, moved: &Moved) -> Measurement {
    let mut whole = part(case, leg, &leg.of.to_string(), Some(cause), Some(moved.done), "");
    whole.max = case.windows.get(&leg).map(|window| millis(window.length));
    whole
}

fn part(case: &CaseRun, leg: Leg, name: &str, from: Option<Fix>, to: Option<Fix>, why_null: &str) -> Measurement {
    let both = from.zip(to);
    Measurement {
        name: name.to_owned(),
        at_ms: from.map(|from| round(from.when.at.as_millis_f64())),
        from_server: case.origin(leg).map(ToString::to_string),
        to_server: case.destination(leg).map(ToString::to_string),
        value: both.map(|(from, to)| round((to.when.at.0 as f64 - from.when.at.0 as f64) / 1e6)),
        unit: "ms".to_owned(),
        error: both.map(|(from, to)| error(from, to)),
        min: None,
        max: None,
        why_null: both.is_none().then(|| why_null.to_owned()),
    }
}

fn null(case: &CaseRun, leg: Leg, limit: Option<Duration>, why: &str) -> Measurement {
    let mut missing = part(case, leg, &leg.of.to_string(), None, None, why);
    missing.max = limit.map(millis);
    missing
}

/// The error of a difference of two times, in milliseconds.
pub fn error(one: Fix, other: Fix) -> f64 {
    round((one.when.error_ns + other.when.error_ns) as f64 / 1e6)
}

/// A span in milliseconds, to a microsecond.
pub fn millis(span: Duration) -> f64 {
    round(span.as_nanos() as f64 / 1e6)
}

/// To a microsecond: what is finer is noise, and journals stay readable.
pub fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
