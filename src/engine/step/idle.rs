//! Waits until the wire shows that no phone of a pair is in a call any more.

use std::collections::BTreeMap;

use super::call::finish_others;
use crate::{
    engine::{bound::REGISTERING, case::Finding, pairs, run::GRACE, subjects::Subjects},
    event::Stamp,
    verdict::CaseId,
};

/// The step.
#[derive(Debug)]
pub struct IdleWait {
    waits: BTreeMap<CaseId, Wait>,
}

/// What is awaited of one phone.
#[derive(Debug)]
struct Wait {
    /// It has time until then to end what it is in.
    due: Stamp,
    /// When it must be looked at again.
    again: Stamp,
}

impl IdleWait {
    /// Gives each phone the time that it takes to give up on an answer to its BYE.
    pub fn begin(subjects: &mut Subjects, now: Stamp) -> Self {
        let pairs = pairs::of(subjects);
        finish_others(&pairs, subjects);
        if let Some(odd) = pairs::odd_one(subjects) {
            subjects.finish_step(&odd, "passed over: it has nobody to call", &[]);
        }
        let wait = |id: &CaseId| {
            let due = now + subjects.transaction(&id.phone) + REGISTERING + GRACE;
            Wait { due, again: due }
        };
        Self { waits: pairs.iter().flat_map(|pair| pair.cases()).map(|id| (id.clone(), wait(id))).collect() }
    }

    /// Takes each phone as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        self.waits.retain(|id, wait| {
            let Some(case) = subjects.case(id).filter(|case| case.running()) else { return false };
            let asking = case.calls.asking_until(case.timers.transaction.value).filter(|until| *until > now);
            match (case.calls.open(), asking) {
                (None, None) => subjects.finish_case_step(id, "in no call", &[]),
                (_, asking) if now < wait.due => {
                    wait.again = asking.map_or(wait.due, |until| until.min(wait.due));
                    return true;
                }
                (None, Some(_)) => subjects.finish_case_step(id, "in no call that anybody has answered", &[]),
                (Some(call), _) => {
                    let reason = "the phone is still in a call, as far as the wire shows";
                    subjects.decide_case(id, Finding::unclear("still-in-call", reason).shown_by([call.seq]));
                }
            }
            false
        });
    }

    /// The first time at which a phone must be looked at again.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.waits.values().map(|wait| wait.again).min().map(|at| (at, "the end of a call"))
    }
}
