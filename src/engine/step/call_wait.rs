//! Waits for what becomes of the call in each pair of phones.

use super::call::{finish_others, forsaken, partner_failed};
use crate::{
    config::{CallMark, Party},
    engine::{
        call_judge::{Incoming, Outcome, View},
        case::Finding,
        judge,
        pairs::{self, Pair, Part},
        registration::Fix,
        speech::{self, Proof},
        subjects::Subjects,
    },
    event::{Stamp, Toward},
    verdict::{Blame, CaseId},
};

/// The step.
#[derive(Debug)]
pub struct CallWait {
    of: CallMark,
    begun: Stamp,
    pairs: Vec<(Pair, Option<Stamp>)>,
}

impl CallWait {
    /// Finds the pairs that are in a call.
    pub fn begin(of: CallMark, subjects: &mut Subjects, now: Stamp) -> Self {
        let pairs = pairs::of(subjects);
        finish_others(&pairs, subjects);
        if let Some(odd) = pairs::odd_one(subjects) {
            subjects.finish_step(&odd, "passed over: it has nobody to call", &[]);
        }
        Self { of, begun: now, pairs: pairs.into_iter().map(|pair| (pair, Some(now))).collect() }
    }

    /// Takes each pair as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        for (pair, again) in &mut self.pairs {
            if again.is_some() {
                *again = look(self.of, self.begun, pair, now, subjects);
            }
        }
    }

    /// The first time at which a pair must be looked at again.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        let running = |pair: &Pair| pair.cases().all(|id| subjects.case(id).is_some_and(|case| case.running()));
        let due = self.pairs.iter().filter(|(pair, _)| running(pair)).filter_map(|(_, again)| *again);
        due.min().map(|at| (at, "what becomes of a call"))
    }
}

/// When the pair must be looked at again; none: never.
fn look(of: CallMark, begun: Stamp, pair: &Pair, now: Stamp, subjects: &mut Subjects) -> Option<Stamp> {
    if forsaken(pair, subjects) {
        return None;
    }
    // Both sides have the same part.
    let part = pair.cases().find_map(|id| subjects.case(id)?.part);
    let Some(part) = part else {
        pair.cases().for_each(|id| subjects.finish_case_step(id, "passed over: nobody called", &[]));
        return None;
    };
    let outcome = outcome(of, begun, pair, part, now, subjects)?;
    match with_speech(outcome, of, begun, pair, part, now, subjects) {
        Outcome::Wait(until) => return Some(until),
        Outcome::Held { note, evidence, caller, callee } => {
            for (party, id) in pair.sides() {
                let measured = if party == Party::Callers { &caller } else { &callee };
                if let Some((case, _)) = subjects.case_and_detectors(id) {
                    case.noted.extend(measured.iter().cloned());
                }
                subjects.finish_case_step(id, &note, &evidence);
            }
        }
        Outcome::Failed { culprit, finding, measured } => {
            if let Some((case, _)) = pair.caller.as_ref().and_then(|caller| subjects.case_and_detectors(caller)) {
                case.noted.extend(measured);
            }
            match culprit.and_then(|party| pair.side(party)) {
                Some(id) => blame(id, pair, part.since, finding, subjects),
                // What lies between the two concerns both.
                None => pair.cases().for_each(|id| subjects.decide_case(id, finding.clone())),
            }
        }
    }
    None
}

/// How the call of a pair stands.
fn outcome(of: CallMark, begun: Stamp, pair: &Pair, part: Part, now: Stamp, subjects: &Subjects) -> Option<Outcome> {
    let callee = pair.callee.as_ref().and_then(|id| subjects.case(id));
    let Some(caller) = &pair.caller else {
        let (id, callee) = (pair.callee.as_ref()?, callee?);
        let call = subjects.peer_calls.of(&id.phone)?;
        return Some(Incoming::new(callee, call, part.since, begun).outcome(of, now));
    };
    let caller = subjects.case(caller)?;
    let noticed = subjects.watch(&caller.id.phone).is_some_and(|watch| {
        let cut = caller.last_cut().filter(|cut| cut.lifted.is_none());
        let knocked = watch.knocks.get(&caller.primary).map(|knock| knock.asked.when.at);
        cut.is_some_and(|cut| knocked.is_some_and(|at| at >= cut.began.when.at))
    });
    Some(View::new(caller, callee, part.since.when.at, begun, noticed).outcome(of, now))
}

/// The same with what the speech of a call proves that has outlived something, if its other end is a peer.
fn with_speech(
    outcome: Outcome,
    of: CallMark,
    begun: Stamp,
    pair: &Pair,
    part: Part,
    now: Stamp,
    subjects: &Subjects,
) -> Outcome {
    let (Outcome::Held { note, evidence, .. }, CallMark::Alive) = (&outcome, of) else { return outcome };
    let (Some((party, id)), None) = (pair.sides().next(), pair.sides().nth(1)) else { return outcome };
    let toward = if party == Party::Callers { Toward::Server } else { Toward::Phone };
    let call = subjects.case(id).and_then(|case| case.calls.last(toward, part.since.when.at));
    let Some(call) = call else { return outcome };
    match speech::proof(subjects, &id.phone, &call, begun, now) {
        Proof::Wait(until) => Outcome::Wait(until),
        Proof::Wrong(finding) => {
            let culprit = Some(party).filter(|_| finding.blame == Some(Blame::Phone));
            Outcome::Failed { culprit, finding, measured: Vec::new() }
        }
        Proof::Told(told, measured, shown) => {
            let (caller, callee) =
                if party == Party::Callers { (measured, Vec::new()) } else { (Vec::new(), measured) };
            let evidence = evidence.iter().copied().chain(shown).collect();
            Outcome::Held { note: format!("{note}; {told}"), evidence, caller, callee }
        }
    }
}

/// One side is at fault, if it lives; the other can not be judged.
fn blame(id: &CaseId, pair: &Pair, since: Fix, finding: Finding, subjects: &mut Subjects) {
    let dead = subjects.watch(&id.phone).and_then(|watch| judge::dead(watch, since));
    for side in pair.cases() {
        let found = if side == id {
            dead.clone().filter(|_| finding.blame == Some(Blame::Phone)).unwrap_or_else(|| finding.clone())
        } else {
            partner_failed(id)
        };
        subjects.decide_case(side, found);
    }
}
