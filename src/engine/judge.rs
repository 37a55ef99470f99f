//! Why something expected did not happen, and whose fault that is.
//!
//! The order of the questions is the point: first whether the rig may speak at all (lost evidence, a leak, no sign of
//! life), then what the servers did, and only then the phone. Absence of evidence is never held against a phone that
//! could not be seen.

use std::{net::IpAddr, time::Duration};

use super::{
    blind,
    bound::{PROMISE, REGISTERING, Window},
    case::{CaseRun, Finding, Leg, Moved},
    coverage::{Span, uncovered},
    cut::Cut,
    fetches,
    phone::{Knocking, PhoneWatch},
    refusal::refused,
    registration::{Attempt, Fix},
    unhit,
};
use crate::{
    config::{FailbackHabit, Role, Source},
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
    fetches::weigh(case, phone, cause, not_made(case, phone, leg, cause))
}

fn not_made(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix) -> Finding {
    let of = leg.of;
    if let Some(finding) = dead(phone, cause).or_else(|| unhit::in_force(case)) {
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
    if let Some(finding) = blind::unread(case, phone).filter(|_| !blind::shows(of)) {
        return finding.shown_by([cause.seq]);
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
    if of == Move::Admission {
        return not_admitted(case, phone, cause);
    }
    if of == Move::Rejection
        && let Some(asked) = case.track.attempts_at(&case.primary).rfind(|it| it.first.when.at >= cause.when.at)
    {
        let reason =
            "the bridge took a REGISTER that it should have answered in the server's name, and answered nothing";
        return Finding::rig("unanswered", reason).shown_by([cause.seq, asked.first.seq]);
    }
    let Some(destination) = case.destination(leg) else {
        return Finding::fail(Blame::Configuration, "no-backup", "the line has no backup server").shown_by([cause.seq]);
    };
    let tried: Vec<&Attempt> = case
        .track
        .attempts_at(destination)
        .filter(|attempt| attempt.passed.is_some_and(|passed| passed.when.at >= cause.when.at))
        .collect();
    let role = if case.backup.as_ref() == Some(destination) { Role::Backup } else { Role::Primary };
    if let Some(finding) = not_taken(phone, role, destination, &tried, cause) {
        return finding;
    }
    if let Some(finding) = blind::missing(case, phone, leg, cause) {
        return finding;
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
    let in_vain = tried.last().is_some_and(|last| !last.answer.is_some_and(|answer| answer.live));
    let backup = case.backup.as_ref().filter(|_| in_vain);
    backup.and_then(|backup| not_taken(phone, Role::Backup, backup, &tried, cut.began)).unwrap_or_else(|| {
        let reason = "at the lift the line had no binding at its backup";
        Finding::fail(Blame::Phone, "lost-backup", reason).shown_by([cut.began.seq])
    })
}

/// What to say of a line that was confirmed at its backup again, and that nobody held for a while in between.
pub fn lapsed(case: &CaseRun, since: Fix, moved: &Moved) -> Option<Finding> {
    let backup = case.backup.as_ref()?;
    let whole = Span { from: since.when.at, until: moved.done.when.at };
    let held: Vec<Span> =
        case.track.held().filter(|(server, _)| *server == backup).filter_map(|(_, span)| span.within(whole)).collect();
    let gone = uncovered(whole, &held);
    if gone <= Duration::from_nanos(since.when.error_ns + moved.done.when.error_ns) {
        return None;
    }
    let granted = case.track.last_granted(backup).unwrap_or_default();
    let (transaction, lead) = (case.timers.transaction.value, case.timers.renewal_lead.value.of(granted));
    let said = format!("for {:.1} s no server held the line: its binding at {backup} ran out", gone.as_secs_f64());
    let transaction = transaction * (1 + case.last_cut().map_or(0, Cut::further_addresses));
    let outlasts = case.habit == FailbackHabit::Renewal && transaction > lead;
    let finding = if outlasts {
        let (transaction, lead) = (transaction.as_secs_f64(), lead.as_secs_f64());
        let reason = format!(
            "{said}, because a renewal that begins {lead:.1} s before asks the lost primary for {transaction:.1} s first; \
             set `sip transaction timer` below `sip registration renewal timer`"
        );
        Finding::fail(Blame::Configuration, "binding-lapses", reason)
    } else {
        Finding::fail(Blame::Phone, "binding-lapses", format!("{said} before the phone had renewed it"))
    };
    Some(finding.shown_by([since.seq, moved.request.seq, moved.done.seq]))
}

/// What to say of a line that is not at its primary when the outage begins.
pub fn not_at_primary(case: &CaseRun, phone: &PhoneWatch, now: Fix) -> Finding {
    if let Some(knock) = phone.turned_away(&case.primary, Stamp::ZERO) {
        return closed(Role::Primary, &case.primary, knock, now);
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

/// What to say of a phone on which settings are left that somebody made on the phone itself: they beat those that the server
/// gives it, so that it may not be what the bench says. None where its console says that there are none, or says nothing.
pub fn left_settings(phone: &PhoneWatch, since: Fix) -> Option<Finding> {
    let (count, fix) = phone.local_settings.as_ref().filter(|(_, fix)| fix.when.at >= since.when.at)?;
    let count = count.as_ref()?;
    let reason = format!("{count} settings that were made on the phone itself are left; remove its local settings");
    Some(Finding::unclear("local-settings", reason).shown_by([fix.seq]))
}

/// The address of a server as phones write it (`10.77.0.2`, `10.77.0.2:5060`, `[2001:db8::2]:5060`), if it is one.
pub fn address_in(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').split(']').next().unwrap_or(text);
    bare.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())
}

/// What to say when the phone's own word contradicts the wire: that of its console, or of another `witness` of its own.
pub fn contradicted(
    case: &CaseRun,
    of: Move,
    witness: &str,
    said: Option<&str>,
    expected: &str,
    evidence: [u64; 2],
) -> Finding {
    // What had to be sent again may have been answered for the last time before the phone gave up, and in vain.
    let asked = case.track.last_answered();
    if said.is_none() && case.track.transport() == Some(Transport::Udp) && asked.is_some_and(|asked| asked.sends > 1) {
        let reason = format!(
            "after the {of} the wire shows the line at {expected}, and {witness} says nowhere: the answer to a \
             repeated REGISTER may have been lost behind the bridge"
        );
        return Finding::unclear("answer-unheard", reason).shown_by(evidence);
    }
    let said = said.map_or_else(|| "that it is registered nowhere".to_owned(), |server| server.to_owned());
    let reason = format!("after the {of} the wire shows the line at {expected}, and {witness} says {said}");
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

/// No server of the bench took the line after its user logged on.
fn not_admitted(case: &CaseRun, phone: &PhoneWatch, cause: Fix) -> Finding {
    let since = |attempt: &&Attempt| attempt.passed.is_some_and(|passed| passed.when.at >= cause.when.at);
    let tried: Vec<&Attempt> = case.track.attempts().filter(since).collect();
    let finding = tried.last().and_then(|last| {
        let there: Vec<&Attempt> = tried.iter().copied().filter(|attempt| attempt.server == last.server).collect();
        not_taken(phone, case.role_of(&last.server), &last.server, &there, cause)
    });
    finding.unwrap_or_else(|| never_tried(case, Leg { cut: None, of: Move::Admission }, cause))
}

/// The line was to ask both servers in vain, and did not ask the backup. Where neither can be found, for the link is down, a phone
/// gets no further than to ask for their addresses, and which of its lines does is not seen.
fn not_tried_both(case: &CaseRun, cause: Fix) -> Finding {
    let of_backup = |cut: &&Cut| Some(&cut.server) == case.backup.as_ref() && cut.lifted.is_none();
    let met = case.cuts.iter().rev().find(of_backup).filter(|cut| cut.mode.link().is_some()).and_then(|cut| cut.hit);
    if let Some(met) = met {
        let reason = "the phone asks for the backup, which has no link, and which of its lines does is not seen";
        return Finding::unclear("line-unknown", reason).shown_by([cause.seq, met.seq]);
    }
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
        Move::Renewal | Move::Rejection => {
            let reason = format!("the phone sent no REGISTER to server {} in a whole lifetime", case.primary);
            Finding::fail(Blame::Phone, "never-renewed", reason).shown_by([cause.seq])
        }
        Move::Hold => {
            let reason = "the phone sent no REGISTER to its backup in a whole lifetime";
            Finding::fail(Blame::Phone, "never-renewed", reason).shown_by([cause.seq])
        }
        Move::Admission => {
            let reason = "the phone sent no REGISTER to any server after its user logged on";
            Finding::fail(Blame::Unknown, "never-logged-on", reason).shown_by([cause.seq])
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
pub fn transactions(count: usize) -> String {
    match count {
        0 => "no REGISTER transaction".to_owned(),
        1 => "1 REGISTER transaction".to_owned(),
        many => format!("{many} REGISTER transactions"),
    }
}

/// The server did not take the line: it would not even be spoken to, or did not answer as it should. None if the phone did not
/// ask it.
fn not_taken(phone: &PhoneWatch, role: Role, server: &ServerName, tried: &[&Attempt], cause: Fix) -> Option<Finding> {
    let unanswered = tried.iter().all(|attempt| attempt.answer.is_none());
    match phone.turned_away(server, cause.when.at).filter(|_| unanswered) {
        // Over UDP the asking is a REGISTER; over TCP one that was sent counts for more than how the connection came about.
        Some(knock) if tried.is_empty() || knock.door == Door::Udp => Some(closed(role, server, knock, cause)),
        _ => (!tried.is_empty()).then(|| refused(role, server, tried, cause)),
    }
}

/// The phone could not even begin to speak SIP with the server.
fn closed(role: Role, server: &ServerName, knock: &Knocking, cause: Fix) -> Finding {
    let what = match (knock.door, knock.answer) {
        (Door::Arp, _) => "does not answer ARP: it is off, or not on this network",
        (Door::Tcp, None) => "does not answer the phone's TCP connection",
        (Door::Tcp, Some(_)) => "refuses the phone's TCP connection: nothing listens there",
        (Door::Udp, _) => "can not be reached at its SIP port: an ICMP error answers the phone",
    };
    let code = match role {
        Role::Primary => "primary-silent",
        Role::Backup => "backup-silent",
        Role::Other => "server-silent",
    };
    let evidence = [cause.seq, knock.asked.seq].into_iter().chain(knock.answer.map(|(_, fix)| fix.seq));
    Finding::fail(Blame::Server, code, format!("{role} server {server} {what}")).shown_by(evidence)
}
