//! Somebody in each pair of phones does something about a call, by the keys.

use std::collections::BTreeMap;

use super::keys::Keys;
use crate::{
    config::CallAct,
    engine::{
        Outbox,
        case::Finding,
        pairs::{self, Pair, Part},
        registration::Fix,
        subjects::Subjects,
    },
    event::{Stamp, When},
    verdict::{CaseId, Verdict},
};

/// Presses the keys of one side of each pair. Who lacks what it takes passes over, or is skipped with its partner.
pub fn begin(act: CallAct, optional: bool, subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Keys {
    if let Some(odd) = pairs::odd_one(subjects) {
        if optional || act == CallAct::Clear {
            subjects.finish_step(&odd, "passed over: nobody is left to call", &[]);
        } else {
            subjects.decide(&odd, || {
                Finding::skipped("no-partner", "the phones are called in pairs, and this one is left")
            });
        }
    }
    let since = Fix { seq: fix.seq, when: When::exactly(now) };
    let pairs = pairs::of(subjects);
    finish_others(&pairs, subjects);
    let mut presses = BTreeMap::new();
    if matches!(act, CallAct::HangUp | CallAct::Clear) {
        for pair in &pairs {
            let patiently = is_in_call(pair, subjects);
            pair.cases().for_each(|id| subjects.peer_calls.end(&id.phone, patiently, out));
        }
    }
    if act == CallAct::Clear {
        return clear(&pairs, subjects, now, fix, out);
    }
    for pair in pairs {
        let dials = act == CallAct::Dial;
        if (dials && moved_away(&pair, subjects))
            || forsaken(&pair, subjects)
            || (dials && in_another_call(&pair, subjects))
        {
            continue;
        }
        let Some(party) = pair.presses(act) else {
            pair.cases().for_each(|id| subjects.finish_case_step(id, "the peer's turn, which answers by itself", &[]));
            continue;
        };
        if pair.caller.is_none() && act == CallAct::HangUp && !is_in_call(&pair, subjects) {
            pair.cases().for_each(|id| subjects.finish_case_step(id, "the peer's turn: the phone is in no call", &[]));
            continue;
        }
        let keys = pairs::fit(subjects, &pair).and_then(|()| pairs::keys(subjects, &pair, party, act));
        match keys {
            Ok(keys) => {
                for id in pair.cases() {
                    match subjects.case_and_detectors(id) {
                        Some((case, _)) if act == CallAct::Dial => case.part = Some(Part { since }),
                        _ => {}
                    }
                }
                for (side, id) in pair.sides() {
                    if side == party {
                        presses.insert(id.phone.clone(), keys.clone());
                    } else {
                        subjects.finish_case_step(id, "the other phone's turn", &[]);
                    }
                }
            }
            Err(lack) => {
                for id in pair.cases() {
                    if optional {
                        subjects.finish_case_step(id, &format!("passed over: {}", lack.reason), &[]);
                    } else {
                        subjects.decide_case(id, lack.clone());
                    }
                }
            }
        }
    }
    Keys::press(presses, false, subjects, now, fix, out)
}

/// Everybody hangs up who can: what is left then, the wire shows.
fn clear(pairs: &[Pair], subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Keys {
    let mut presses = BTreeMap::new();
    for (pair, (party, id)) in pairs.iter().flat_map(|pair| pair.sides().map(move |side| (pair, side))) {
        if !subjects.case(id).is_some_and(|case| case.running()) {
            continue;
        }
        match pairs::keys(subjects, pair, party, CallAct::Clear) {
            Ok(keys) => _ = presses.insert(id.phone.clone(), keys),
            Err(lack) => subjects.finish_case_step(id, &format!("passed over: {}", lack.reason), &[]),
        }
    }
    Keys::press(presses, false, subjects, now, fix, out)
}

/// Whether the user of one of a pair has logged on at another phone: his line is followed there, and calls are not.
fn moved_away(pair: &Pair, subjects: &mut Subjects) -> bool {
    let at = |id: &CaseId| subjects.case(id).map(|case| case.at.clone()).filter(|at| *at != id.phone);
    let Some((id, at)) = pair.cases().find_map(|id| Some((id.clone(), at(id)?))) else { return false };
    let reason = format!("the user of phone {} is at {at} now, where no keys are pressed for its calls", id.phone);
    let found = Finding::unclear("extension-moved", reason);
    pair.cases().for_each(|id| subjects.decide_case(id, found.clone()));
    true
}

/// Whether one of a pair is in a call already, before the first one of this scenario: then neither can be judged.
pub(super) fn in_another_call(pair: &Pair, subjects: &mut Subjects) -> bool {
    let case = |id| subjects.case(id).filter(|case| case.part.is_none());
    let busy = pair.cases().find_map(|id| Some((id.clone(), case(id)?.calls.open()?)));
    let Some((busy, call)) = busy else { return false };
    let reason = format!("phone {} was in a call already before the scenario made one", busy.phone);
    let found = Finding { verdict: Verdict::NotRun, ..Finding::unclear("start-state", reason).shown_by([call.seq]) };
    pair.cases().for_each(|id| subjects.decide_case(id, found.clone()));
    true
}

/// Whether a phone of a pair is in a call, as far as the wire shows.
fn is_in_call(pair: &Pair, subjects: &Subjects) -> bool {
    pair.cases().any(|id| subjects.case(id).is_some_and(|case| case.calls.open().is_some()))
}

/// Calls are made on the first line of each phone; the others have nothing to do.
pub(super) fn finish_others(pairs: &[Pair], subjects: &mut Subjects) {
    let first: Vec<&CaseId> = pairs.iter().flat_map(Pair::cases).collect();
    let others: Vec<CaseId> = subjects
        .running()
        .map(|case| case.id.clone())
        .filter(|id| first.iter().any(|first| first.phone == id.phone) && !first.contains(&id))
        .collect();
    for id in others {
        subjects.finish_case_step(&id, "calls are made on the phone's first line", &[]);
    }
}

/// Whether a pair has nobody left to be judged; who has lost the partner can not be judged either.
pub(super) fn forsaken(pair: &Pair, subjects: &mut Subjects) -> bool {
    let runs = |id: &&CaseId| subjects.case(id).is_some_and(|case| case.running());
    let (left, gone): (Vec<&CaseId>, Vec<&CaseId>) = pair.cases().partition(runs);
    if let (Some(left), Some(gone)) = (left.first(), gone.first()) {
        let found = partner_failed(gone);
        subjects.decide_case(left, found);
    }
    !gone.is_empty()
}

/// What to say of a line whose partner in the call has failed.
pub(super) fn partner_failed(partner: &CaseId) -> Finding {
    let reason = format!("the call can not be judged: its other end, {}/{}, failed", partner.phone, partner.line);
    Finding::unclear("partner-failed", reason)
}
