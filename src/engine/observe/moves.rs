//! Which moves of a line an observation completes.

use crate::{
    engine::{
        case::{CaseRun, Leg, Moved},
        cut::{Cut, Held},
        registration::Fix,
        subjects::Subjects,
    },
    event::{Move, PhoneName, ServerName, Stamp},
};

/// A registration may be reported after the outage that it came before.
pub(super) fn amend(case: &mut CaseRun, server: &ServerName, fix: Fix) {
    let Some(binding) = case.track.binding(server).cloned() else { return };
    for cut in &mut case.cuts {
        if cut.server == *server && fix.when.at <= cut.began.when.at {
            cut.held = Held::at(&binding, cut.began.when.at);
        } else if let Some(lifted) = cut.lifted.filter(|lifted| fix.when.at <= lifted.when.at)
            && cut.server == *server
            && case.track.home() == Some(server)
        {
            cut.held_at_home = Held::at(&binding, lifted.when.at);
        } else if let Some(lifted) = cut.lifted.filter(|lifted| fix.when.at <= lifted.when.at)
            && cut.server != *server
        {
            cut.held_elsewhere = Held::at(&binding, lifted.when.at);
        }
    }
}

/// Notes the moves that a 2xx at this server completes.
pub(super) fn note_moves(case: &mut CaseRun, server: &ServerName, fix: Fix) {
    let at = fix.when.at;
    note_log_on(case, server, fix);
    // What the teardown brings about is no move of the trial.
    if case.outcome.is_some() {
        return;
    }
    let moves: &[Move] = if *server == case.primary {
        &[Move::Renewal, Move::Baseline, Move::Failback, Move::Recovery]
    } else if case.backup.as_ref() == Some(server) {
        &[Move::Hold, Move::Failover, Move::Recovery]
    } else {
        &[]
    };
    for of in moves.iter().copied() {
        // What was read counts more than what was not.
        let read = |leg: &Leg| case.moves.contains_key(leg) && !case.unread.contains_key(leg);
        let Some(leg) = case.leg(of).filter(|leg| !read(leg)) else { continue };
        if of == Move::Baseline && !case.cuts.is_empty() {
            continue;
        }
        let since = match (of, case.cut_of(leg)) {
            (Move::Baseline, _) => Stamp::ZERO,
            (Move::Renewal | Move::Hold, _) => match case.cause(leg, fix) {
                Some(confirmed) => confirmed.when.at,
                None => continue,
            },
            (Move::Failover, Some(cut)) => cut.began.when.at,
            (_, Some(Cut { lifted: Some(lifted), .. })) => lifted.when.at,
            _ => continue,
        };
        if at < since {
            continue;
        }
        let request = case
            .track
            .attempts_at(server)
            .filter_map(|attempt| attempt.passed)
            .find(|passed| passed.when.at >= since)
            .unwrap_or(fix);
        // A renewal at the backup is evidence where somebody asks for it.
        if of != Move::Hold {
            case.evidence.extend([request.seq, fix.seq]);
        }
        case.moves.insert(leg, Moved { request, done: fix });
        case.unread.remove(&leg);
    }
}

/// Notes that the line asked its primary in an outage and was turned away.
pub(super) fn note_rejection(case: &mut CaseRun, server: &ServerName, request: Fix, fix: Fix) {
    let Some(leg) = case.leg(Move::Rejection).filter(|leg| !case.moves.contains_key(leg)) else { return };
    let in_force = |cut: &Cut| cut.began.when.at <= request.when.at && cut.lifted.is_none();
    if *server == case.primary && case.cut_of(leg).is_some_and(in_force) {
        case.evidence.extend([request.seq, fix.seq]);
        case.moves.insert(leg, Moved { request, done: fix });
    }
}

/// A 2xx at this server to a REGISTER that was sent after the keys of a log-on or after a boot: where the line
/// belongs, or anywhere.
fn note_log_on(case: &mut CaseRun, server: &ServerName, fix: Fix) {
    if let Some(gone) = case.leg(Move::LogOff) {
        case.moves.remove(&gone);
    }
    for of in [Move::LogOn, Move::Admission] {
        let Some((leg, ordered)) = case.leg(of).and_then(|leg| Some((leg, case.order_of(leg)?))) else { return };
        let there = of == Move::Admission || case.destination(leg) == Some(server);
        if case.moves.contains_key(&leg) || !there {
            continue;
        }
        let request = case
            .track
            .attempts_at(server)
            .filter(|attempt| !case.outlives_boot(&ordered, attempt))
            .filter_map(|attempt| attempt.passed)
            // What was reported before the order was not sent after it, however coarse the clock.
            .find(|passed| passed.when.at >= ordered.at.when.at && passed.seq > ordered.at.seq);
        if let Some(request) = request {
            case.evidence.extend([request.seq, fix.seq]);
            case.moves.insert(leg, Moved { request, done: fix });
        }
    }
}

/// With both servers away: shows that the line has asked both in vain. A REGISTER to the backup does; over TCP there is
/// none, as no connection comes about.
pub(super) fn note_stranding(case: &mut CaseRun, shown_by: Fix) {
    let Some(backup) = case.backup.clone() else { return };
    let Some(leg) = case.leg(Move::Stranded).filter(|leg| !case.moves.contains_key(leg)) else { return };
    let since = case.cut_of(leg).map(|cut| cut.began.when.at);
    if Some(shown_by.when.at) >= since && case.is_away(&case.primary) && case.is_away(&backup) {
        case.evidence.insert(shown_by.seq);
        case.moves.insert(leg, Moved { request: shown_by, done: shown_by });
    }
}

/// A phone asks the backup while both servers are away; which line does is clear only if it has no other.
pub(super) fn note_stranding_of_only_line(subjects: &mut Subjects, phone: &PhoneName, server: &ServerName, fix: Fix) {
    let mut cases = subjects.running().filter(|case| case.at == *phone);
    if let (Some(case), None) = (cases.next(), cases.next())
        && case.backup.as_ref() == Some(server)
    {
        note_stranding(case, fix);
    }
}
