//! Courses: how the phones of a run go through the steps of a scenario. All on one course, or each pair or each phone on
//! its own, where nobody waits for the others but at a `meet` step.

use std::collections::BTreeSet;

use super::{Outbox, registration::Fix, step::StepRun, subjects::Subjects, without};
use crate::{
    config::{Only, Pace, Scenario, Step, StepKind, keying},
    event::{Derived, PhoneName, Stamp},
    verdict::CaseId,
};

/// A way through the steps of a scenario.
#[derive(Debug)]
pub struct Course {
    /// Its phones; none: all of the run.
    phones: Option<BTreeSet<PhoneName>>,
    /// The index of the step in progress, those of the teardown counted on.
    pub step: usize,
    /// The step in progress, once it has begun.
    pub current: Option<StepRun>,
}

/// Where a course is: its step, or nowhere if all its cases are decided.
pub type Place = Option<usize>;

impl Course {
    /// One for all phones, that begins with this step.
    pub const fn whole(step: usize) -> Self {
        Self { phones: None, step, current: None }
    }

    /// The courses of a scenario for the phones of a run.
    pub fn of(scenario: &Scenario, phones: &[PhoneName]) -> Vec<Self> {
        let apart = |size| {
            let groups = phones.chunks(size).map(|group| Some(group.iter().cloned().collect()));
            groups.map(|phones| Self { phones, step: 0, current: None }).collect()
        };
        match scenario.pace {
            Pace::Together => vec![Self::whole(0)],
            // Each phone is in a pair with the peer.
            Pace::Pairs => apart(if scenario.peer.is_some() { 1 } else { 2 }),
            Pace::Phones => apart(1),
        }
    }

    /// Whether a phone is on it.
    pub fn has(&self, phone: &PhoneName) -> bool {
        self.phones.as_ref().is_none_or(|phones| phones.contains(phone))
    }

    /// Where it is.
    pub fn place(&self, subjects: &Subjects) -> Place {
        let runs = subjects.cases().iter().any(|case| case.running() && self.has(&case.id.phone));
        runs.then_some(self.step)
    }

    /// Looks at its phones alone from now on.
    pub fn focus(&self, subjects: &mut Subjects) {
        subjects.focus(self.phones.clone());
    }

    /// Takes its phones as far into its step as the records let them; true if they have finished it. `others` are the
    /// places of all courses, `told` the cases whose failure in an earlier step was told.
    pub fn advance(
        &mut self,
        others: &[Place],
        told: &BTreeSet<CaseId>,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> bool {
        let scenario = &subjects.plan().scenario;
        let of = scenario.all_steps().count();
        let Some(step) = scenario.all_steps().nth(self.step).cloned() else { return false };
        let trial = self.step < scenario.steps.len();
        if self.current.is_none() && trial {
            without::begin(self, &step, subjects, fix, out);
        }
        let concerned = self.concerned(&step, trial, subjects);
        if self.current.is_none() {
            let phones = self.phones.iter().flatten().cloned().collect();
            out.conclude(fix.when, Derived::StepStarted { step: self.step, of, title: step.title.clone(), phones });
            for phone in subjects.phones_running() {
                if concerned.as_ref().is_some_and(|concerned| !concerned.contains(&phone)) {
                    let without = without::passes_over(&step, &phone, subjects).filter(|_| trial);
                    let note = without.as_deref().unwrap_or("passed over: the step is for other phones");
                    subjects.finish_step(&phone, note, &[]);
                }
            }
        }
        if let Some(concerned) = concerned {
            subjects.focus(Some(concerned));
        }
        let current = self.current.get_or_insert_with(|| StepRun::begin(&step, subjects, now, fix, out));
        current.advance(now, fix, subjects, out);
        self.focus(subjects);
        if step.kind == StepKind::Meet && others.iter().flatten().all(|place| *place >= self.step) {
            for phone in subjects.phones_running() {
                subjects.finish_step(&phone, "all phones have come this far", &[]);
            }
        }
        if let Some(limit) = &step.documented_limit {
            subjects.weigh(limit, told);
        }
        self.tell_finished(&step.kind, subjects, fix, out);
        if subjects.running().any(|case| !case.step_done) {
            return false;
        }
        subjects.running().for_each(|case| case.step_done = false);
        self.current = None;
        self.step += 1;
        true
    }

    /// The phones of this course that take a step; none: all.
    fn concerned(&self, step: &Step, trial: bool, subjects: &Subjects) -> Option<BTreeSet<PhoneName>> {
        let passes = |phone: &PhoneName| step.completes && subjects.files.has_passed_over(phone);
        if step.only.is_none() && (!trial || subjects.without.is_empty()) && !subjects.plan().phones.iter().any(passes)
        {
            return None;
        }
        let phones = subjects.plan().phones.iter().filter(|phone| self.has(phone));
        let meant = |phone: &&PhoneName| {
            let passes_over = trial && without::passes_over(step, phone, subjects).is_some();
            !passes_over
                && !passes(phone)
                && match &step.only {
                    None => true,
                    Some(Only::Party(party)) => super::pairs::is_of(subjects, phone, *party),
                    Some(only @ Only::Model(_)) => {
                        subjects.plan().phone(phone).is_some_and(|phone| only.names_model(&phone.model))
                    }
                }
        };
        Some(phones.filter(meant).cloned().collect())
    }

    fn tell_finished(&self, kind: &StepKind, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) {
        let ended = std::mem::take(&mut subjects.steps_ended);
        let (mine, others) = ended.into_iter().partition(|end| self.has(&end.case.phone));
        subjects.steps_ended = others;
        let mine: Vec<super::subjects::StepEnd> = mine;
        for end in mine {
            // What came to nothing, or was passed over, has nothing to show.
            if keying::follows(kind) && (!end.evidence.is_empty() || *kind == StepKind::ExpectIdle) {
                subjects.proven(&end.case.phone);
            }
            let fact = Derived::StepEnded {
                step: self.step,
                case: end.case,
                ok: true,
                note: end.note,
                evidence: end.evidence,
            };
            out.conclude(fix.when, fact);
        }
    }
}
