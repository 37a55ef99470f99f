//! The whole run: cases go through the steps side by side, all finish one before any begins the next.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Outbox,
    case::{CaseRun, Finding},
    measure, observe,
    registration::Fix,
    step::{StepRun, lift_all},
    subjects::Subjects,
};
use crate::{
    config::{Plan, Scenario},
    event::{Action, Derived, Observed, OutageEnd, OutageId, Stamp},
    verdict::{Case, CaseId, Verdict},
};

/// What happened may be told this much later; until then nothing is held to be absent.
pub const GRACE: Duration = Duration::from_millis(50);

/// How long the bridge may take to come up.
const BRIDGE_PATIENCE: Duration = Duration::from_secs(30);

/// How long the bridge may take to give every path back at the end.
const ENDING_PATIENCE: Duration = Duration::from_secs(3);

/// A run in progress.
#[derive(Debug)]
pub struct Run {
    subjects: Subjects,
    /// The scenarios to come.
    then: Vec<Scenario>,
    /// The index of the one in progress.
    begun: usize,
    step: usize,
    current: Option<StepRun>,
    reported: BTreeSet<CaseId>,
    ending: Option<Ending>,
    stop: Option<String>,
}

/// The run is over but for its outages.
#[derive(Debug)]
struct Ending {
    open: BTreeSet<OutageId>,
    until: Stamp,
    told: bool,
}

impl Run {
    /// Begins a run; its first step waits for the bridge.
    pub fn begin(plan: &Plan) -> Self {
        Self {
            subjects: Subjects::new(plan),
            then: plan.then.clone(),
            begun: 0,
            step: 0,
            current: None,
            reported: BTreeSet::new(),
            ending: None,
            stop: None,
        }
    }

    /// Takes an observation into what is known.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, out: &mut Outbox) {
        match observed {
            Observed::OutageEnded { outage, why, .. } => self.outage_ended(*outage, *why, fix),
            Observed::StopRequested { by } => {
                self.stop.get_or_insert_with(|| by.clone());
            }
            _ => {}
        }
        observe::observe(observed, fix, &mut self.subjects, out);
        if let Some(step) = &mut self.current {
            step.observe(observed, fix, &mut self.subjects, out);
        }
    }

    fn outage_ended(&mut self, outage: OutageId, why: OutageEnd, fix: Fix) {
        let asked = matches!(self.current, Some(StepRun::Lift(_))) || self.ending.is_some();
        if why != OutageEnd::Lifted && !asked {
            let reason = match why {
                OutageEnd::Limit => "the outage ended at its time limit before the scenario had lifted it",
                OutageEnd::HelperLost | OutageEnd::Lifted => "the outage ended because the bridge helper was lost",
            };
            self.subjects.decide_all(|| Finding::rig("outage-ended", reason).shown_by([fix.seq]));
        }
        if let Some(ending) = &mut self.ending {
            ending.open.remove(&outage);
        }
    }

    /// Goes as far as it can at this time.
    pub fn advance(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let over = Stamp(now.0.saturating_sub(GRACE.as_nanos() as u64));
        observe::expire(&mut self.subjects, over, fix, out);
        loop {
            if let Some(by) = &self.stop {
                let reason = format!("the run was ended by {by} before this case was decided");
                self.subjects.decide_all(|| Finding {
                    verdict: Verdict::NotRun,
                    ..Finding::unclear("interrupted", reason.clone()).shown_by([fix.seq])
                });
            }
            let onward = self.ending.is_none() && self.stop.is_none() && self.step_on(now, fix, out);
            self.report(now, fix, out);
            if self.ending.is_none() && self.subjects.running().next().is_none() {
                let open = lift_all(&self.subjects, out);
                self.ending = Some(Ending { open, until: now + ENDING_PATIENCE, told: false });
            }
            if self.go_on(fix, out) {
                continue;
            }
            if !onward || self.ending.is_some() {
                break;
            }
        }
        if let Some(ending) = &mut self.ending
            && !ending.told
            && (ending.open.is_empty() || now >= ending.until)
        {
            ending.told = true;
            out.conclude(fix.when, Derived::RunEnded);
            out.order(Action::Finish);
        }
    }

    /// Begins the next scenario, if this one has ended, all its outages with it, and nobody wants the run to end.
    fn go_on(&mut self, fix: Fix, out: &mut Outbox) -> bool {
        let ended = self.ending.as_ref().is_some_and(|ending| ending.open.is_empty() && !ending.told);
        if !ended || self.stop.is_some() || self.subjects.observing().is_none() || self.then.is_empty() {
            return false;
        }
        let scenario = self.then.remove(0);
        self.begun += 1;
        let started = Derived::ScenarioStarted {
            scenario: scenario.name.clone(),
            index: self.begun,
            of: self.begun + 1 + self.then.len(),
        };
        out.conclude(fix.when, started);
        self.subjects.go_on(scenario, fix);
        (self.step, self.current, self.ending) = (0, None, None);
        true
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        if let Some(ending) = &self.ending {
            return (!ending.told).then_some((ending.until, "word that every outage has ended"));
        }
        let step = match &self.current {
            Some(step) => step.deadline(&self.subjects),
            None => Some((Stamp::ZERO + BRIDGE_PATIENCE, "the bridge")),
        };
        let cases = self.subjects.cases().iter();
        let expiry =
            cases.filter_map(|case| case.track.next_expiry()).min().map(|at| (at + GRACE, "expiry of a binding"));
        [step, expiry].into_iter().flatten().min()
    }

    /// Begins, advances or ends a step; false if there is nothing to do now.
    fn step_on(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) -> bool {
        if self.subjects.observing().is_none() {
            if now >= Stamp::ZERO + BRIDGE_PATIENCE {
                self.subjects.decide_all(|| Finding::rig("bridge-lost", "the bridge did not come up"));
                return true;
            }
            return false;
        }
        let steps = &self.subjects.plan().scenario.steps;
        let Some(step) = steps.get(self.step).cloned() else {
            self.subjects.decide_all(Finding::pass);
            return true;
        };
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let of = steps.len();
                out.conclude(fix.when, Derived::StepStarted { step: self.step, of, title: step.title.clone() });
                none.insert(StepRun::begin(&step.kind, step.optional, &mut self.subjects, now, fix, out))
            }
        };
        current.advance(now, fix, &mut self.subjects, out);
        for end in self.subjects.steps_ended.drain(..) {
            let fact = Derived::StepEnded {
                step: self.step,
                case: end.case,
                ok: true,
                note: end.note,
                evidence: end.evidence,
            };
            out.conclude(fix.when, fact);
        }
        if self.subjects.running().any(|case| !case.step_done) {
            return false;
        }
        self.subjects.running().for_each(|case| case.step_done = false);
        self.current = None;
        self.step += 1;
        true
    }

    /// Tells of every case that was decided since.
    fn report(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let observing = self.subjects.observing().unwrap_or(fix);
        let lost = self.subjects.losses.iter().find(|loss| loss.when.at >= observing.when.at).copied();
        for case in self.subjects.cases() {
            let Some(finding) = case.decided.clone().filter(|_| !self.reported.contains(&case.id)) else { continue };
            self.reported.insert(case.id.clone());
            let finding = match lost {
                Some(loss) if matches!(finding.verdict, Verdict::Pass | Verdict::Fail) => Finding::rig(
                    "lost-evidence",
                    "frames were lost before they could be seen; nothing can be proven by what is absent",
                )
                .shown_by([loss.seq]),
                _ => finding,
            };
            if finding.verdict != Verdict::Pass && self.current.is_some() {
                let fact = Derived::StepEnded {
                    step: self.step,
                    case: case.id.clone(),
                    ok: false,
                    note: finding.reason.clone(),
                    evidence: finding.evidence.clone(),
                };
                out.conclude(fix.when, fact);
            }
            tell(case, finding, observing, now, fix, out);
        }
    }
}

/// Writes a case's measurements and its verdict.
fn tell(case: &CaseRun, finding: Finding, observing: Fix, now: Stamp, fix: Fix, out: &mut Outbox) {
    let measurements = measure::all(case, observing, now);
    for measurement in &measurements {
        out.conclude(fix.when, Derived::Measured { case: case.id.clone(), measurement: measurement.clone() });
    }
    let mut evidence = case.evidence.clone();
    evidence.extend(&finding.evidence);
    let passed = finding.verdict == Verdict::Pass;
    let decided = Case {
        id: case.id.clone(),
        verdict: finding.verdict,
        blame: finding.blame,
        code: (!passed).then(|| finding.code.to_owned()),
        reason: (!passed).then_some(finding.reason),
        expected: true,
        attempts: u32::from(!matches!(finding.verdict, Verdict::NotRun | Verdict::Skipped)),
        evidence: evidence.into_iter().collect(),
        measurements,
    };
    out.conclude(fix.when, Derived::CaseDecided(Box::new(decided)));
}
