//! Lines whose signalling is encrypted. The wire shows that a connection came about, that both ends agreed, and that
//! something was said in it. That is a weaker claim than a binding, and these are the rules by which it counts:
//!
//! - A line is *blind* at a server with which its phone speaks TLS at a SIP port, and to which no REGISTER of the line
//!   was ever seen. No file says so: what is seen counts. Where a REGISTER is seen, the line is judged by it.
//! - An *exchange* is what the phone said in an agreed connection and what the server said after it, both passed by the
//!   bridge. It may be a registration and it may be anything else.
//! - `baseline`, `failover` and `failback` are made when there was an exchange with the server that the move leads to, after
//!   its cause and in time, **and** an intact console or a further witness ([`witness`](super::witness)) says that the line is
//!   registered there. The pass says what it rests on; the move has no value, and `connected-at` stands for it. What a server granted can not be read, so the windows are
//!   the longest that the timers allow.
//! - With the exchange alone the case goes on, as there may be something to be found against the phone; if nothing is,
//!   nobody knows, and it ends as `rig-error`, `blind`, blame unknown: never as a pass. All other moves, calls,
//!   subscriptions and silence are nothing that an exchange could show: `blind` at once.
//! - Against the phone there is what can be proven without reading: a console that names a server with which the phone has
//!   no connection (`display-wrong`); and no attempt at all to reach the server, by twice the window, of a living phone
//!   whose console said before where it was (`never-failed-over`, `never-failed-back`; for `never-registered` there is no
//!   before).
//! - Against others: a server that lets nobody in or does not answer the greeting (`primary-silent`, `backup-silent`); two
//!   ends that come to no agreement (`no-agreement`, blame unknown: a certificate, a version); an outage under which the
//!   phone went on to speak with the lost server (`leak`). Anything else is `blind`.

use std::collections::BTreeSet;

use super::{
    case::{CaseRun, Finding, Leg, Moved},
    measure,
    phone::{Belief, PhoneWatch},
    registration::Fix,
    subjects::Subjects,
    witness::Voucher,
};
use crate::{
    config::{Moment, StepKind},
    event::{Move, ServerName},
    verdict::{Blame, CaseId, Measurement},
};

mod connections;

pub use connections::{Connection, Connections};

/// What a blind case comes to of which nothing can be said.
fn blind(reason: impl Into<String>) -> Finding {
    Finding::unclear("blind", reason)
}

/// Whether an exchange can stand for a move, if a console says the rest.
pub const fn shows(of: Move) -> bool {
    matches!(of, Move::Baseline | Move::Failover | Move::Failback)
}

/// The exchange that may be a move of a line: the first with the server that the move leads to, since its cause. None if
/// the wire tells more, or nothing.
pub fn exchange(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix) -> Option<Moved> {
    let server = case.destination(leg).filter(|_| shows(leg.of))?;
    let read = case.track.attempts_at(server).next().is_some();
    if read { None } else { phone.encrypted.exchange(server, cause.when.at) }
}

/// Decides the blind cases for which a step would have to read what they say.
pub fn leave(kind: &StepKind, subjects: &mut Subjects) {
    let must_read = match kind {
        StepKind::Expect { of } => !shows(*of),
        StepKind::Outage(plan) => plan.at != Moment::Now,
        StepKind::Dial { .. }
        | StepKind::MessageLamp
        | StepKind::Call { .. }
        | StepKind::ExpectCall { .. }
        | StepKind::ExpectIdle => true,
        _ => false,
    };
    if !must_read {
        return;
    }
    let blind_now = |case: &&CaseRun| subjects.watch(&case.at).is_some_and(|phone| is_blind(case, phone));
    let left: Vec<CaseId> = subjects.cases().iter().filter(blind_now).map(|case| case.id.clone()).collect();
    for case in subjects.running().filter(|case| left.contains(&case.id)) {
        case.decide(unreadable());
    }
}

/// What to say of a line of which something should have been read, if it is blind.
pub fn unread(case: &CaseRun, phone: &PhoneWatch) -> Option<Finding> {
    is_blind(case, phone).then(unreadable)
}

fn unreadable() -> Finding {
    blind("its signalling is encrypted, and only who reads it could tell what the scenario asks for")
}

/// Whether nobody could read where the line is, or anything of it, while its phone speaks TLS.
fn is_blind(case: &CaseRun, phone: &PhoneWatch) -> bool {
    case.is_blind() || (case.track.transactions() == 0 && !phone.encrypted.is_empty())
}

/// What to say of a line that should register nowhere, whose phone has an exchange with a server.
pub fn unsure_of_silence(phone: &PhoneWatch, since: Fix) -> Option<Finding> {
    let servers = phone.encrypted.all().map(|it| &it.server);
    let exchange = servers.filter_map(|server| phone.encrypted.exchange(server, since.when.at)).next()?;
    let reason = "the phone speaks with a server and its signalling is encrypted: whether it registers can not be told";
    Some(blind(reason).shown_by([exchange.request.seq, exchange.done.seq]))
}

/// What to say of a line before an outage whose phone speaks with other servers alone than the one where it belongs.
pub fn strayed(case: &CaseRun, phone: &PhoneWatch) -> Option<Finding> {
    let with = phone.encrypted.spoken_with();
    let other = with.first().filter(|_| case.is_blind() && !with.contains(&case.primary))?;
    let reason = format!(
        "before the outage the phone spoke with server {other} and no longer with server {}, and its signalling is \
         encrypted: whether the line had left its primary can not be told",
        case.primary
    );
    Some(blind(reason))
}

/// What to say when the console does not say in time that the line is where the phone has spoken with a server. `said` is
/// the server of the bench that it names.
pub fn unconfirmed(phone: &PhoneWatch, of: Move, moved: &Moved, belief: &Belief, said: Option<&ServerName>) -> Finding {
    let evidence = [moved.request.seq, moved.done.seq, belief.fix.seq];
    if let Some(finding) = said.and_then(|said| claimed(phone, of, "the console", said, belief.fix)) {
        return finding.shown_by(evidence);
    }
    let said = belief.server.as_deref().map_or_else(|| "nowhere".to_owned(), |server| format!("at `{server}`"));
    let reason = format!(
        "after the {of} the phone speaks with the server where it should be registered, its signalling is encrypted, and \
         its console says that it is registered {said}"
    );
    blind(reason).shown_by(evidence)
}

/// The phone's own word, that of its console or of another `witness`, is that the line is registered at a server with which the
/// phone never came to an agreement.
pub fn claimed(phone: &PhoneWatch, of: Move, witness: &str, said: &ServerName, shown_by: Fix) -> Option<Finding> {
    if phone.encrypted.is_empty() || phone.encrypted.with(said).any(|it| it.agreed.is_some()) {
        return None;
    }
    let reason = format!(
        "after the {of} {witness} says that the line is registered at server {said}, and the phone has no connection \
         with it"
    );
    Some(Finding::fail(Blame::Phone, "display-wrong", reason).shown_by([shown_by.seq]))
}

/// What to say of a move for which no exchange stands, although its time and as much again is over: none if the line is
/// not blind there.
pub fn missing(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix) -> Option<Finding> {
    let server = case.destination(leg).filter(|_| !phone.encrypted.is_empty() && shows(leg.of))?;
    if !case.is_blind() && phone.encrypted.with(server).next().is_none() {
        return None;
    }
    let since = cause.when.at;
    let lost = phone.encrypted.exchange(&case.primary, since).filter(|_| leg.of == Move::Failover);
    if let Some(lost) = lost {
        let reason = format!(
            "in the outage of server {} the phone went on to speak with it; are all its SIP ports in its `services`?",
            case.primary
        );
        return Some(Finding::rig("leak", reason).shown_by([cause.seq, lost.request.seq, lost.done.seq]));
    }
    let role = case.role_of(server);
    let last = phone.encrypted.with(server).rfind(|it| it.offered.is_some_and(|offered| offered.when.at >= since));
    if let Some(Connection { offered: Some(offered), agreed: None, taken_up, refused, .. }) = last {
        let evidence = [cause.seq, offered.seq];
        if let Some((alert, by)) = refused {
            let alert = alert.map_or_else(String::new, |number| format!(" (alert {number}, RFC 8446 section 6)"));
            let reason = format!("the phone and {role} server {server} come to no agreement in TLS{alert}");
            let finding = Finding::fail(Blame::Unknown, "no-agreement", reason);
            return Some(finding.shown_by(evidence).shown_by([by.seq]));
        }
        if taken_up.is_none() {
            let code = if *server == case.primary { "primary-silent" } else { "backup-silent" };
            let reason = format!("{role} server {server} does not answer the phone's greeting in TLS");
            return Some(Finding::fail(Blame::Server, code, reason).shown_by(evidence));
        }
    }
    let knocked = phone.knocks.get(server).is_some_and(|knock| knock.asked.when.at >= since);
    if knocked || phone.encrypted.stirred(server, since) {
        let reason = format!(
            "the phone reached {role} server {server}, and they were not seen to speak with each other; its signalling is \
             encrypted"
        );
        return Some(blind(reason).shown_by([cause.seq]));
    }
    let (code, when) = match leg.of {
        Move::Failover => ("never-failed-over", format!("after server {} was lost", case.primary)),
        Move::Failback => ("never-failed-back", "after it came back".to_owned()),
        _ => return None,
    };
    Some(never_tried(case, server, code, &when, cause))
}

/// What to say of a move that comes late by the first exchange, if that does not show whose time it was: the phone had
/// asked the server before, or nobody says that it had a reason to.
pub fn unsure_of_delay(case: &CaseRun, phone: &PhoneWatch, leg: Leg, cause: Fix, late: &Finding) -> Option<Finding> {
    let (server, moved) = (case.destination(leg)?, case.moves.get(&leg)?);
    let window = case.windows.get(&leg)?.length;
    let in_time = |fix: &Fix| (cause.when.at..=cause.when.at + window).contains(&fix.when.at);
    let offered = phone.encrypted.with(server).filter_map(|it| it.offered).find(in_time);
    let knocked = phone.knocks.get(server).map(|knock| knock.asked).filter(in_time);
    let asked = offered.or(knocked);
    if late.blame != Some(Blame::Phone) || (asked.is_none() && case.unread.values().all(|vouched| !vouched.is_empty()))
    {
        return None;
    }
    let reason = format!(
        "the first exchange with server {server} came {:.1} s after what caused the {}, later than the phone's timers \
         allow; its signalling is encrypted, and whose time that was can not be told",
        moved.done.when.at.since(cause.when.at).as_secs_f64(),
        leg.of
    );
    let evidence = [Some(cause), asked, Some(moved.request), Some(moved.done)];
    Some(blind(reason).shown_by(evidence.into_iter().flatten().map(|fix| fix.seq)))
}

/// The phone lives, and has not so much as asked the server for a connection.
fn never_tried(case: &CaseRun, server: &ServerName, code: &'static str, when: &str, cause: Fix) -> Finding {
    let reason = format!("the phone asked server {server} for no connection {when}");
    if case.unread.values().any(Vec::is_empty) {
        // A line that was turned away before had no reason to.
        let reason = format!("{reason}; its signalling is encrypted, and nobody says whether it was registered before");
        return blind(reason).shown_by([cause.seq]);
    }
    Finding::fail(Blame::Phone, code, reason).shown_by([cause.seq])
}

/// What a case that would pass comes to, if its line was blind in a move that it made.
pub fn verdict(case: &CaseRun) -> Option<Finding> {
    let nobody = case.unread.values().any(Vec::is_empty);
    let pass = || {
        let who: BTreeSet<&Voucher> = case.unread.values().flatten().map(|vouched| &vouched.by).collect();
        let who: Vec<String> = who.into_iter().map(ToString::to_string).collect();
        let reason =
            format!("rests on {} and on connections that were seen: its signalling is encrypted", who.join(", "));
        Finding { reason, ..Finding::pass() }
    };
    let unknown = || {
        blind(
            "connections were seen where it should be registered; its signalling is encrypted, and no other witness says more",
        )
    };
    (!case.unread.is_empty()).then(|| if nobody { unknown() } else { pass() })
}

/// `connected-at` of each connection of a blind line's phone, in the order of their beginning.
pub fn connected(case: &CaseRun, phone: &PhoneWatch) -> Vec<Measurement> {
    if case.unread.is_empty() {
        return Vec::new();
    }
    phone.encrypted.all().map(|it| measure::connected_at(it.offered, it.agreed, it.server.to_string())).collect()
}

/// Whom a line's phone speaks with, if nothing of the line can be read.
pub fn connected_with(case: &CaseRun, phone: &PhoneWatch) -> Vec<ServerName> {
    let read = case.track.transactions() > 0;
    if read { Vec::new() } else { phone.encrypted.spoken_with().into_iter().collect() }
}

#[cfg(test)]
mod tests;
