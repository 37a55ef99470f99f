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
    /// Until when each phone has time to end what it is in.
    waits: BTreeMap<CaseId, Stamp>,
}

impl IdleWait {
    /// Gives each phone the time that it takes to give up on an answer to its BYE.
    pub fn begin(subjects: &mut Subjects, now: Stamp) -> Self {
        let pairs = pairs::of(subjects);
        finish_others(&pairs, subjects);
        if let Some(odd) = pairs::odd_one(subjects) {
            subjects.finish_step(&odd, "passed over: it has nobody to call", &[]);
        }
        let due = |id: &CaseId| now + subjects.transaction(&id.phone) + REGISTERING + GRACE;
        Self { waits: pairs.iter().flat_map(|pair| pair.both()).map(|id| (id.clone(), due(id))).collect() }
    }

    /// Takes each phone as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        self.waits.retain(|id, due| {
            let Some(case) = subjects.case(id).filter(|case| case.running()) else { return false };
            match case.calls.open() {
                None => subjects.finish_case_step(id, "in no call", &[]),
                Some(_) if now < *due => return true,
                Some(call) => {
                    let reason = "the phone is still in a call, as far as the wire shows";
                    subjects.decide_case(id, Finding::unclear("still-in-call", reason).shown_by([call.seq]));
                }
            }
            false
        });
    }

    /// The first time at which a phone must be looked at again.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.waits.values().min().map(|due| (*due, "the end of a call"))
    }
}
