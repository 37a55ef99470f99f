//! Lines that have no cause to move while others have: the outage is for other phones, or it left them their home. Of these is
//! expected that they are confirmed there, and go nowhere.

use crate::{
    config::{Party, StepKind},
    engine::{
        Outbox,
        bound::{self, Window},
        case::{CaseRun, Finding, Leg},
        judge, measure, pairs,
        registration::Fix,
        run::GRACE,
        subjects::Subjects,
    },
    event::{Derived, Move, Stamp},
    verdict::{Blame, CaseId},
};

/// The moves that an outage of its home causes a line to make.
pub(super) const fn needs_outage(of: Move) -> bool {
    matches!(of, Move::Failover | Move::Failback | Move::Hold | Move::Rejection | Move::Stranded)
}

/// The cases that have no cause to move, because the scenario takes servers away from the other side of each pair only.
pub(super) fn spared(of: Move, subjects: &Subjects) -> Vec<CaseId> {
    if matches!(of, Move::Baseline | Move::Renewal | Move::LogOn | Move::LogOff | Move::Admission) {
        return Vec::new();
    }
    let outages = subjects.plan().scenario.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Outage(plan) => Some(plan.party),
        _ => None,
    });
    let parties: Vec<Option<Party>> = outages.collect();
    let meant = |phone| parties.iter().any(|party| party.is_none_or(|party| pairs::is_of(subjects, phone, party)));
    let looked_at = subjects.cases().iter().map(|case| &case.id).filter(|id| subjects.in_focus(&id.phone));
    looked_at.filter(|id| !meant(&id.phone)).cloned().collect()
}

/// What is awaited of one case.
#[derive(Debug)]
pub(super) struct Stay {
    /// Only what confirms it later than this shows that it stays.
    since: Fix,
    /// The confirmation before that.
    confirmed: Fix,
    window: Window,
}

impl Stay {
    /// The next renewal, and until when; none of a line that is not at home, or whose registration nobody can read.
    pub(super) fn begin(case: &mut CaseRun, since: Fix, out: &mut Outbox) -> Option<Self> {
        let binding = case.track.binding(&case.primary).filter(|_| case.track.home() == Some(&case.primary))?;
        let confirmed = binding.confirmed;
        let window = bound::renewal(&case.timers, binding.granted);
        let fact = Derived::DeadlineComputed {
            case: case.id.clone(),
            of: Move::Renewal,
            window_ms: window.length.as_secs_f64() * 1000.0,
            derivation: format!("its home {} is there: {}", case.primary, window.derivation),
            assumed: window.assumed.clone(),
        };
        out.conclude(confirmed.when, fact);
        Some(Self { since, confirmed, window })
    }

    /// Ends for the case when its line has been confirmed at home, or is somewhere else, or its time is over.
    pub(super) fn advance(&self, id: &CaseId, now: Stamp, subjects: &mut Subjects) {
        let Some((case, watch)) = subjects.case(id).zip(subjects.watch(subjects.seat_of(id))) else { return };
        let leg = Leg { cut: None, of: Move::Renewal };
        if let Some(home) = case.track.home().filter(|home| **home != case.primary) {
            // It may have had a reason of which the rig knows nothing: then its home did not answer.
            let asked = case
                .track
                .attempts_at(&case.primary)
                .any(|it| it.last.when.at > self.since.when.at && it.answer.is_none());
            if asked {
                let finding = judge::missing(case, watch, leg, self.since);
                return subjects.decide_case(id, finding);
            }
            let created = case.track.binding(home).map(|binding| binding.created.seq);
            let reason =
                format!("the line registered at server {home}, although its home {} was not taken away", case.primary);
            let finding = Finding::fail(Blame::Phone, "left-primary", reason);
            return subjects.decide_case(id, finding.shown_by(created.into_iter().chain([self.since.seq])));
        }
        let confirmed = case.track.binding(&case.primary).map(|binding| binding.confirmed);
        if let Some(confirmed) = confirmed.filter(|confirmed| confirmed.when.at > self.since.when.at) {
            let took = confirmed.when.at.since(self.confirmed.when.at).as_secs_f64();
            let note = format!(
                "its home {} was not taken away; confirmed there after {took:.1} s, {:.1} s allowed",
                case.primary,
                self.window.length.as_secs_f64()
            );
            let max = Some(self.window.length);
            let stayed = measure::span(case, "confirmed-at-home", leg, self.confirmed, Ok(confirmed), max);
            if let Some((case, _)) = subjects.case_and_detectors(id) {
                case.noted.push(stayed);
            }
            return subjects.finish_case_step(id, &note, &[self.since.seq, self.confirmed.seq, confirmed.seq]);
        }
        if now >= self.given_up() {
            let finding = judge::missing(case, watch, leg, self.since);
            subjects.decide_case(id, finding);
        }
    }

    /// A renewal is waited for twice as long as it may take, to tell late from never.
    pub(super) fn given_up(&self) -> Stamp {
        self.confirmed.when.at.max(self.since.when.at) + 2 * self.window.length + GRACE
    }
}
