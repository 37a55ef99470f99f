//! Whether a phone goes by the settings that it has fetched, as far as its registrations show it.
//!
//! A phone may hold a setting that was made on it, which counts more than its file (Aastra SIP administrator guide, on the
//! precedence of settings); or it does not do what it was told.

use super::{
    case::{CaseRun, Finding, Leg, Moved},
    phone::PhoneWatch,
    registration::{Attempt, Fix, Purpose},
};
use crate::{
    config::provisioning::recognise,
    event::{Manner, Move, OutageMode},
    verdict::Blame,
};

/// The lifetime that a line asks for.
const PERIOD: &str = "sip registration period";
/// How long its requests may go unanswered.
const TRANSACTION: &str = "sip transaction timer";

/// A phone may give up a little ahead of its timer: its clock is its own, and coarse.
const EARLY: std::time::Duration = std::time::Duration::from_millis(500);

/// What a move shows against the settings that count for its line, if anything.
pub fn contradicted(case: &CaseRun, phone: &PhoneWatch, leg: Leg, moved: &Moved) -> Option<Finding> {
    match leg.of {
        Move::LogOn if case.order_of(leg).is_some_and(|ordered| ordered.reboots) => asked_otherwise(case, phone, moved),
        Move::Failover => gave_up_early(case, phone, leg, moved),
        _ => None,
    }
}

/// What of the settings a boot has shown, for people; none: no registration shows it.
pub fn shown(case: &CaseRun) -> Option<String> {
    is_set(case, PERIOD).then(|| format!("it asks for {} s", case.timers.expires.value.as_secs()))
}

/// It asked for another lifetime, and for that one at no time since its boot. A server that found it too brief is asked again for
/// more (RFC 3261 section 10.2.8).
fn asked_otherwise(case: &CaseRun, phone: &PhoneWatch, moved: &Moved) -> Option<Finding> {
    let wanted = u32::try_from(case.timers.expires.value.as_secs()).ok().filter(|_| is_set(case, PERIOD))?;
    let since = moved.request.when.at;
    let servers = std::iter::once(&case.primary).chain(&case.backup);
    let attempts = servers.flat_map(|server| case.track.attempts_at(server));
    let asked: Vec<u32> = attempts
        .filter(|attempt| attempt.first.when.at >= since && attempt.purpose == Purpose::Register)
        .filter_map(Attempt::asked_lifetime)
        .collect();
    let first = asked.first().filter(|_| !asked.contains(&wanted))?;
    let reason = format!("the phone asks for {first} s, and its file says {wanted} s");
    Some(blamed(phone, reason, moved.request))
}

/// It gave its primary up before its transaction timer could have run out, although nothing came back.
fn gave_up_early(case: &CaseRun, phone: &PhoneWatch, leg: Leg, moved: &Moved) -> Option<Finding> {
    let wanted = case.timers.transaction.value;
    let cut =
        case.cut_of(leg).filter(|cut| cut.mode == OutageMode::Steady(Manner::Drop) && is_set(case, TRANSACTION))?;
    let tries = case.track.attempts_at(&case.primary);
    let first = tries
        .filter(|attempt| attempt.answer.is_none() && attempt.first.when.at >= cut.began.when.at)
        .map(|attempt| attempt.first)
        .find(|first| first.when.at <= moved.request.when.at)?;
    let waited = moved.request.when.at.since(first.when.at);
    let reason = format!(
        "the phone gave its primary up after {:.1} s without an answer, and its file says {:.1} s",
        waited.as_secs_f64(),
        wanted.as_secs_f64()
    );
    (waited + EARLY < wanted).then(|| blamed(phone, reason, moved.request).shown_by([first.seq]))
}

/// The phone's fault where its console says that no setting was made on it; else a setting made on it may count more.
fn blamed(phone: &PhoneWatch, reason: String, shown_by: Fix) -> Finding {
    let (blame, why) = match &phone.local_settings {
        Some((None, _)) => (Blame::Phone, "it has no settings of its own"),
        _ => (Blame::Unknown, "a setting that was made on the phone itself may count more"),
    };
    Finding::fail(blame, "setting-without-effect", format!("{reason}; {why}")).shown_by([shown_by.seq])
}

/// Whether a parameter is among what is on top of the base set, for all lines or for one.
fn is_set(case: &CaseRun, parameter: &str) -> bool {
    case.configured.keys().filter_map(|name| recognise(name)).any(|found| found.parameter.name == parameter)
}
