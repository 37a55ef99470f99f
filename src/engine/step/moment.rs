//! The moment at which a phone's own outage begins: just before it renews, or just after.
//!
//! When a phone renews next is computed from what the wire showed of its last renewal. One that renews earlier than that
//! is waited for once more.

use std::time::Duration;

use crate::{
    config::Moment,
    engine::{
        bound,
        case::{CaseRun, Finding, Leg},
        judge,
        registration::{Binding, Fix},
        run::GRACE,
        subjects::Subjects,
    },
    event::{Move, PhoneName, Stamp},
    verdict::CaseId,
};

/// How long before a renewal the outage is ordered: canaries and the commit take some of it, and a phone that is a little
/// early must still run into it.
const AHEAD: Duration = Duration::from_secs(1);

/// What one phone waits for.
#[derive(Debug)]
pub struct Waiting {
    at: Moment,
    phone: PhoneName,
    begun: Fix,
}

/// How things stand with the moment.
#[derive(Debug)]
pub enum Look {
    /// It has not.
    Wait,
    /// It has come.
    Come,
    /// It will not come, for this line.
    Never(CaseId, Finding),
}

impl Waiting {
    /// From now on.
    pub fn begin(at: Moment, phone: &PhoneName, begun: Fix) -> Self {
        Self { at, phone: phone.clone(), begun }
    }

    /// How things stand now.
    pub fn look(&self, subjects: &Subjects, now: Stamp) -> Look {
        let mut all_decided = true;
        for case in self.cases(subjects) {
            all_decided = false;
            if let Some(never) = self.overdue(case, subjects, now) {
                return never;
            }
            let binding = case.track.binding(&case.primary);
            if binding.is_some_and(|binding| self.moment_of(case, binding) <= now) {
                return Look::Come;
            }
        }
        if all_decided { Look::Come } else { Look::Wait }
    }

    /// When it must be looked at again although nothing is observed.
    pub fn deadline(&self, subjects: &Subjects) -> Option<Stamp> {
        let cases = self.cases(subjects);
        let next = |case: &CaseRun| {
            let moment = case.track.binding(&case.primary).map(|binding| self.moment_of(case, binding));
            moment.unwrap_or(Stamp(u64::MAX)).min(self.given_up(case))
        };
        cases.map(next).min()
    }

    fn cases<'a>(&'a self, subjects: &'a Subjects) -> impl Iterator<Item = &'a CaseRun> {
        subjects.cases().iter().filter(|case| case.running() && case.at == self.phone)
    }

    /// When the moment of a line comes, by its binding.
    fn moment_of(&self, case: &CaseRun, binding: &Binding) -> Stamp {
        let confirmed = binding.confirmed.when.at;
        match self.at {
            Moment::Now => self.begun.when.at,
            Moment::AfterRenewal if confirmed > self.begun.when.at => confirmed,
            Moment::AfterRenewal => self.given_up(case),
            Moment::BeforeRenewal => {
                let lead = case.timers.renewal_lead.value.of(binding.granted);
                let waits = binding.granted.saturating_sub(lead + AHEAD);
                // Too late for this one.
                let missed = confirmed + waits < self.begun.when.at;
                if missed { confirmed + waits + binding.granted.saturating_sub(lead) } else { confirmed + waits }
            }
        }
    }

    /// A renewal is waited for twice as long as it may take.
    fn given_up(&self, case: &CaseRun) -> Stamp {
        let granted = case.track.last_granted(&case.primary).unwrap_or(case.timers.expires.value);
        self.begun.when.at + 2 * bound::renewal(&case.timers, granted).length + GRACE
    }

    fn overdue(&self, case: &CaseRun, subjects: &Subjects, now: Stamp) -> Option<Look> {
        if now < self.given_up(case) {
            return None;
        }
        let watch = subjects.watch(&self.phone)?;
        let leg = Leg { cut: None, of: Move::Renewal };
        Some(Look::Never(case.id.clone(), judge::missing(case, watch, leg, self.begun)))
    }
}
