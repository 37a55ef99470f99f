//! Why something expected did not happen, and whose fault that is.
//!
//! The order of the questions is the point: first whether the rig may speak at all (lost evidence, a leak, no sign of
//! life), then what the servers did, and only then the phone. Absence of evidence is never held against a phone that
//! could not be seen.

use std::time::Duration;

use super::{
    bound::{PROMISE, REGISTERING, Window},
    case::{CaseRun, Finding, Leg, Moved},
    phone::{Knocking, PhoneWatch},
    registration::{Attempt, Fix},
};
use crate::{
    config::Source,
    event::{Door, Move, ServerName, Stamp, Transport},
    verdict::{Blame, Verdict},
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
        // Had the server answered within half of the allowance, would the move have been in time?
        if took.saturating_sub(registering) + REGISTERING / 2 <= window.length + doubt && registering > REGISTERING {
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
    attempts.filter(|it| it.answer.is_some()).map(|it| it.last.when.at.min(to).since(it.first.when.at)).sum()
}

/// What to say of a move that was not made although its time, and as much again, is over.
pub fn missing(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix) -> Finding {
    let of = leg.of;
    if let Some(finding) = dead(phone, cause) {
        return finding;
    }
    if of == Move::Baseline && case.follows {
        let reason = format!("the line did not come back to server {} from the scenario before", case.primary);
        return Finding { verdict: Verdict::NotRun, ..Finding::unclear("start-state", reason).shown_by([cause.seq]) };
    }
    if of == Move::Baseline && phone.frame.is_none_or(|frame| frame.when.at < cause.when.at) {
        let reason = "the phone's console is alive, and no frame came from it; check its network cable and its side";
        return Finding::unclear("no-frames", reason).shown_by([cause.seq]);
    }
    if of == Move::Stranded {
        return not_tried_both(case, cause);
    }
    if let Some(finding) = never_booted(case, leg, cause) {
        return finding;
    }
    if of == Move::LogOff {
        let held = case.track.home().map_or_else(String::new, |home| format!(": server {home} holds a binding"));
        let reason = format!("the line is still registered after its user logged off{held}");
        return Finding::fail(Blame::Unknown, "never-logged-off", reason).shown_by([cause.seq]);
    }
    let Some(destination) = case.destination(leg) else {
        return Finding::fail(Blame::Configuration, "no-backup", "the line has no backup server").shown_by([cause.seq]);
    };
    let tried: Vec<&Attempt> = case
        .track
        .attempts_at(destination)
        .filter(|attempt| attempt.passed.is_some_and(|passed| passed.when.at >= cause.when.at))
        .collect();
    let backup = case.backup.as_ref() == Some(destination);
    if !tried.is_empty() {
        return refused(backup, destination.to_string(), &tried, cause);
    }
    if let Some(knock) = phone.turned_away(destination, cause.when.at) {
        return closed(if backup { "backup" } else { "primary" }, destination, knock, cause);
    }
    match case.track.strangers().find(|(_, asked)| asked.when.at >= cause.when.at) {
        Some((address, asked)) => {
            let reason =
                format!("instead of server {destination} the phone asked {address}, which the bench does not name");
            Finding::fail(Blame::Configuration, "wrong-server", reason).shown_by([cause.seq, asked.seq])
        }
        None => never_tried(case, leg, cause),
    }
}

/// What to say of a line that had moved, and that no server held when its primary came back.
pub fn lost_backup(case: &CaseRun, phone: &PhoneWatch) -> Finding {
    let Some(cut) = case.last_cut() else {
        return Finding::rig("no-cause", "a return was expected, and nothing had gone");
    };
    if phone.vanished() || !phone.alive_since(cut.began.when.at) {
        return lifeless(phone, cut.began.seq);
    }
    let tried: Vec<&Attempt> = match &case.backup {
        Some(backup) => case.track.attempts_at(backup).filter(|it| it.first.when.at >= cut.began.when.at).collect(),
        None => Vec::new(),
    };
    match (tried.last(), &case.backup) {
        (Some(last), Some(backup)) if !last.answer.is_some_and(|answer| answer.live) => {
            refused(true, backup.to_string(), &tried, cut.began)
        }
        _ => Finding::fail(Blame::Phone, "lost-backup", "at the lift the line had no binding at its backup")
            .shown_by([cut.began.seq]),
    }
}

/// What to say of a line that is not at its primary when the outage begins.
pub fn not_at_primary(case: &CaseRun, phone: &PhoneWatch, now: Fix) -> Finding {
    if let Some(knock) = phone.turned_away(&case.primary, Stamp::ZERO) {
        return closed("primary", &case.primary, knock, now);
    }
    let unanswered: Vec<u64> = case
        .track
        .attempts_at(&case.primary)
        .filter(|attempt| attempt.answer.is_none())
        .map(|attempt| attempt.first.seq)
        .collect();
    if unanswered.is_empty() {
        let elsewhere = case.track.home().and_then(|home| Some((home, case.track.binding(home)?)));
        let (where_to, shown) = elsewhere.map_or_else(
            || ("left its primary server".to_owned(), now.seq),
            |(home, binding)| (format!("registered at server {home}"), binding.created.seq),
        );
        let reason = format!(
            "the line {where_to} before the outage began, although its primary server {} answers",
            case.primary
        );
        Finding::fail(Blame::Phone, "left-primary", reason).shown_by([shown, now.seq])
    } else {
        let reason = format!("server {} stopped answering before the outage began", case.primary);
        Finding::fail(Blame::Server, "primary-silent", reason).shown_by(unanswered)
    }
}

/// What to say when a console contradicts the wire.
pub fn contradicted(case: &CaseRun, of: Move, said: Option<&str>, expected: &str, evidence: [u64; 2]) -> Finding {
    // What had to be sent again may have been answered for the last time before the phone gave up, and in vain.
    let asked = case.track.last_answered();
    if said.is_none() && case.track.transport() == Some(Transport::Udp) && asked.is_some_and(|asked| asked.sends > 1) {
        let reason = format!(
            "after the {of} the wire shows the line at {expected}, and its console says nowhere: the answer to a \
             repeated REGISTER may have been lost behind the bridge"
        );
        return Finding::unclear("answer-unheard", reason).shown_by(evidence);
    }
    let said = said.map_or_else(|| "that it is registered nowhere".to_owned(), |server| format!("`{server}`"));
    let reason = format!("after the {of} the wire shows the line at {expected}, and its console says {said}");
    Finding::fail(Blame::Phone, "display-wrong", reason).shown_by(evidence)
}

/// What to say when a display contradicts the wire.
pub fn displayed_wrong(said: Option<&ServerName>, shown_by: u64) -> Finding {
    let said = said.map_or_else(|| "no server".to_owned(), |server| format!("server {server}"));
    let reason = format!("the display shows the line at {said}, and the wire shows otherwise");
    Finding::fail(Blame::Phone, "display-wrong", reason).shown_by([shown_by])
}

/// What to say of a port that is gone: the cable's fault, unless all that could be heard of the phone is gone with it.
pub fn port_lost(phone: &PhoneWatch, code: &'static str, reason: String, shown_by: u64) -> Finding {
    if phone.vanished() { lifeless(phone, shown_by) } else { Finding::rig(code, reason).shown_by([shown_by]) }
}

/// What to say of a phone of which nothing was heard since: nothing against it. None if it is alive.
pub fn dead(phone: &PhoneWatch, since: Fix) -> Option<Finding> {
    (phone.vanished() || !phone.alive_since(since.when.at)).then(|| lifeless(phone, since.seq))
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

/// The phone was told to boot, and goes on with the registration that it had.
fn never_booted(case: &CaseRun, leg: Leg, cause: Fix) -> Option<Finding> {
    let ordered = case.order_of(leg).filter(|ordered| leg.of == Move::LogOn && ordered.booted.is_none())?;
    let server = case.destination(leg)?;
    let mut later = case.track.attempts_at(server).filter(|attempt| attempt.first.when.at >= cause.when.at);
    let shows = later.find(|attempt| attempt.answer.is_some_and(|answer| answer.live))?;
    let reason = format!(
        "the phone was told to boot, and goes on at server {server} with the Call-ID that it had: it has not booted, or \
         keeps its Call-IDs for ever"
    );
    let finding = Finding::fail(Blame::Unknown, "never-booted", reason).shown_by([cause.seq, shows.first.seq]);
    case.outlives_boot(&ordered, shows).then_some(finding)
}

fn never_tried(case: &CaseRun, leg: Leg, cause: Fix) -> Finding {
    let of = leg.of;
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
        Move::LogOn if case.order_of(leg).is_some_and(|ordered| ordered.reboots) => unregistered_boot(case, leg, cause),
        Move::Failover => {
            let at_primary = case.track.attempts_at(&case.primary).filter(|a| a.first.when.at >= cause.when.at);
            let tries: Vec<u64> = at_primary.map(|attempt| attempt.first.seq).collect();
            let reason =
                format!("the phone began {} at the lost server, and none at the backup", transactions(tries.len()));
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
        Move::LogOn => {
            let server = case.destination(leg).unwrap_or(&case.primary);
            let reason = format!("the phone sent no REGISTER to server {server} after its user logged on");
            Finding::fail(Blame::Unknown, "never-logged-on", reason).shown_by([cause.seq])
        }
        Move::Recovery | Move::Stranded | Move::LogOff => {
            let reason = "the phone sent no REGISTER to the server that came back";
            Finding::fail(Blame::Phone, "never-recovered", reason).shown_by([cause.seq])
        }
    }
}

/// The phone was told to boot, and did not register where it can.
fn unregistered_boot(case: &CaseRun, leg: Leg, cause: Fix) -> Finding {
    let server = case.destination(leg).unwrap_or(&case.primary);
    if *server == case.primary {
        let reason = format!("the phone sent no REGISTER to server {server} after it was told to boot");
        return Finding::fail(Blame::Phone, "never-registered", reason).shown_by([cause.seq]);
    }
    let at_primary = case.track.attempts_at(&case.primary).filter(|attempt| attempt.first.when.at >= cause.when.at);
    let tries: Vec<u64> = at_primary.map(|attempt| attempt.first.seq).collect();
    let begun = transactions(tries.len());
    let reason = format!("after its boot the phone began {begun} at the lost server, and none at the backup");
    Finding::fail(Blame::Phone, "never-failed-over", reason)
        .shown_by(std::iter::once(cause.seq).chain(tries.into_iter().take(8)))
}

/// `no REGISTER transaction`, `1 REGISTER transaction`, `4 REGISTER transactions`.
fn transactions(count: usize) -> String {
    match count {
        0 => "no REGISTER transaction".to_owned(),
        1 => "1 REGISTER transaction".to_owned(),
        many => format!("{many} REGISTER transactions"),
    }
}

/// The phone could not even begin to speak SIP with the server.
fn closed(role: &str, server: &ServerName, knock: &Knocking, cause: Fix) -> Finding {
    let what = match (knock.door, knock.answer) {
        (Door::Arp, _) => "does not answer ARP: it is off, or not on this network",
        (Door::Tcp, None) => "does not answer the phone's TCP connection",
        (Door::Tcp, Some(_)) => "refuses the phone's TCP connection: nothing listens there",
    };
    let evidence = [cause.seq, knock.asked.seq].into_iter().chain(knock.answer.map(|(_, fix)| fix.seq));
    Finding::fail(
        Blame::Server,
        if role == "backup" { "backup-silent" } else { "primary-silent" },
        format!("{role} server {server} {what}"),
    )
    .shown_by(evidence)
}

/// The phone tried, and the server did not take it.
fn refused(backup: bool, server: String, tried: &[&Attempt], cause: Fix) -> Finding {
    let evidence = std::iter::once(cause.seq).chain(tried.iter().rev().take(8).map(|attempt| attempt.first.seq));
    // A challenge is no refusal: if the phone met it, only what came of that counts.
    let met = tried.iter().any(|attempt| attempt.authorized);
    let told: Vec<&&Attempt> = tried.iter().filter(|attempt| attempt.authorized || !met).collect();
    let last = told.iter().rev().find_map(|attempt| attempt.answer.map(|answer| (attempt, answer)));
    let role = if backup { "backup" } else { "primary" };
    let finding = match last {
        None => Finding::fail(
            Blame::Server,
            if backup { "backup-silent" } else { "primary-silent" },
            format!(
                "{role} server {server} answered none of {}{}",
                transactions(told.len()),
                if met { " with credentials" } else { "" }
            ),
        ),
        Some((attempt, answer)) => match answer.code {
            401 | 407 if !met => Finding::fail(
                Blame::Phone,
                "no-credentials",
                format!("{role} server {server} asked for credentials, and the phone sent none"),
            ),
            200..=299 => Finding::fail(
                Blame::Server,
                "no-live-contact",
                format!("{role} server {server} answered {} without a live contact of the phone", answer.code),
            ),
            401 | 407 if other_nonce(tried, attempt) => Finding::fail(
                Blame::Phone,
                "wrong-nonce",
                format!("the phone answers {role} server {server} with another nonce than the one it was given"),
            ),
            401 | 407 if answer.stale_nonce => Finding::fail(
                Blame::Server,
                "stale-nonces",
                format!("{role} server {server} calls the nonce too old that it has just given out"),
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
            300..=399 => Finding::fail(
                Blame::Server,
                "redirected",
                format!(
                    "{role} server {server} sent the line elsewhere with {}, and it did not register there",
                    answer.code
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

/// Whether credentials use another nonce than the challenge asked for that they answer.
fn other_nonce(tried: &[&Attempt], answered: &Attempt) -> bool {
    let before = tried.iter().filter(|attempt| attempt.first.seq < answered.first.seq);
    let asked = before.filter_map(|attempt| attempt.challenge.as_ref()).next_back();
    asked.is_some() && answered.nonce.is_some() && asked != answered.nonce.as_ref()
}

#[cfg(test)]
mod tests {
    use super::{super::registration::tests::Tape, *};

    /// The line has tried the backup: without credentials, and with them.
    fn tape() -> Tape {
        let mut tape = Tape::new();
        tape.ask(59_280, "b", 1, false);
        assert_eq!(tape.answer(59_281, "b", 401, 1, &[]), None);
        tape.ask(63_284, "b", 2, true);
        tape
    }

    fn finding(tape: &Tape) -> Finding {
        let server = "b".into();
        let tried: Vec<&Attempt> = tape.track.attempts_at(&server).collect();
        let cause = Fix { seq: 0, when: crate::event::When::exactly(Stamp::ZERO) };
        refused(true, server.to_string(), &tried, cause)
    }

    #[test]
    fn a_server_that_falls_silent_after_its_challenge_has_rejected_nobody() {
        let finding = finding(&tape());
        assert_eq!((finding.code, finding.blame), ("backup-silent", Some(Blame::Server)));
        assert!(finding.reason.contains("none of 1 REGISTER transaction with credentials"), "{}", finding.reason);
    }

    #[test]
    fn a_server_that_does_not_take_the_credentials_has_rejected_the_line() {
        let mut tape = tape();
        assert_eq!(tape.answer(63_285, "b", 403, 2, &[]), None);
        let finding = finding(&tape);
        assert_eq!((finding.code, finding.blame), ("rejected", Some(Blame::Configuration)));
        assert!(finding.reason.contains("403 in spite of its credentials"), "{}", finding.reason);
    }
}
