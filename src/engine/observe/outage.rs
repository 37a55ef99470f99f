//! What is known of a line changes with an outage: when it begins, leaks, turns a phone away, and ends.

use std::net::IpAddr;

use super::moves::note_moves;
use crate::{
    engine::{
        case::{CaseRun, Finding},
        cut::{Cut, Held},
        hook,
        registration::{Fix, address_user},
        subjects::{OutageRun, Subjects},
    },
    event::{OutageId, PhoneName, ServerName, SipFact, SipMessage, Stamp, Toward},
};

/// Nothing that a phone does in an outage that leaks shows anything, and what was found of it before is void.
pub(super) fn leak(subjects: &mut Subjects, outage: OutageId, phone: &PhoneName, fix: Fix) {
    if is_by_hand(subjects, outage) {
        return;
    }
    let finding = || {
        Finding::rig("leak", format!("the outage leaks: frames of outage {} went through", outage.0))
            .shown_by([fix.seq])
    };
    for case in subjects.cases_mut().iter_mut().filter(|case| case.at == *phone) {
        case.decide(finding());
        case.void.get_or_insert_with(finding);
    }
}

/// A phone asks a server for a connection that an outage takes away, or the answer to it.
pub(super) fn knocked(
    subjects: &mut Subjects,
    phone: &PhoneName,
    server: &ServerName,
    address: Option<IpAddr>,
    at: Stamp,
) {
    for case in subjects.cases_mut().iter_mut().filter(|case| case.at == *phone) {
        if let Some(cut) = in_force(case, server, at) {
            cut.knocked = cut.knocked.max(Some(at));
            cut.asked.extend(address);
        }
    }
}

/// A line asks a server that an outage takes away, or the answer to it.
pub(super) fn asked(case: &mut CaseRun, fact: &SipFact, at: Stamp) {
    let registers = matches!(&fact.message, SipMessage::Read(message) if message.method == "REGISTER"
        && address_user(&message.to) == Some(case.id.line.as_str()));
    let server = fact.server.as_ref().filter(|_| registers && fact.toward == Toward::Server);
    if let Some(cut) = server.and_then(|server| in_force(case, server, at)) {
        cut.asked.insert(fact.server_addr.ip());
    }
}

/// The outage of a server that a case was in then.
fn in_force<'a>(case: &'a mut CaseRun, server: &ServerName, at: Stamp) -> Option<&'a mut Cut> {
    let in_force = |cut: &&mut Cut| at >= cut.began.when.at && cut.lifted.is_none_or(|lift| at <= lift.when.at);
    case.cuts.iter_mut().rev().find(|cut| cut.server == *server).filter(in_force)
}

/// An outage took force.
pub(super) fn cut(subjects: &mut Subjects, outage: OutageId, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    let fix = hook::began(run, fix);
    run.began = Some(fix);
    if run.by_hand() {
        return;
    }
    let spec = run.spec.clone();
    for case in subjects.running().filter(|case| spec.phones.contains(&case.at)) {
        if case.primary != spec.server && case.backup.as_ref() != Some(&spec.server) {
            continue;
        }
        let held = case.track.binding(&spec.server).and_then(|binding| Held::at(binding, fix.when.at));
        case.cuts.push(Cut::new(&spec, fix, held));
        case.evidence.insert(fix.seq);
    }
}

/// Whether an operator has made it: nothing is judged by it.
pub(super) fn is_by_hand(subjects: &Subjects, outage: OutageId) -> bool {
    subjects.outages.get(&outage).is_some_and(OutageRun::by_hand)
}

/// It is over.
pub(super) fn lift(subjects: &mut Subjects, outage: OutageId, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    (run.ended, run.over) = (true, Some(fix));
    if run.by_hand() {
        return;
    }
    let fix = hook::lifted(run, fix);
    let (server, phones) = (run.spec.server.clone(), run.spec.phones.clone());
    let at = fix.when.at;
    // Also for those that are decided: their teardown must know what is there.
    for case in subjects.cases_mut().iter_mut().filter(|case| phones.contains(&case.at)) {
        let held_elsewhere = if server == case.primary {
            case.origin_of_return(at).map(|binding| Held { binding: binding.clone(), left: binding.until.since(at) })
        } else {
            case.track.binding(&case.primary).and_then(|binding| Held::at(binding, at))
        };
        let home = case.track.binding(&server).filter(|_| case.track.home() == Some(&server));
        let held_at_home = home.and_then(|binding| Held::at(binding, at));
        let Some(cut) = case.cuts.iter_mut().find(|cut| cut.server == server && cut.lifted.is_none()) else { continue };
        cut.lifted = Some(fix);
        cut.held_at_home = held_at_home;
        cut.held_elsewhere = held_elsewhere;
        case.evidence.insert(fix.seq);
        // Word of the lift may come after that of a registration that it let through.
        let confirmed = case
            .track
            .attempts_at(&server)
            .filter_map(|attempt| attempt.answer)
            .rfind(|answer| answer.live && answer.fix.when.at >= at);
        if let Some(answer) = confirmed {
            note_moves(case, &server, answer.fix);
        }
    }
}
