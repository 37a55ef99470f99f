//! The whole run: cases go through the steps on their courses. When all are decided the teardown restores the start state,
//! also of those that failed, and only then are the verdicts told.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Outbox, blind, by_hand,
    case::{CaseRun, DOCUMENTED_LIMIT, Finding},
    clearing::Clearing,
    course::{Course, Place},
    hand::Hands,
    hook, load, measure, observe, pbx, phone_files,
    registration::Fix,
    step::{StepRun, lift_all},
    subjects::Subjects,
    unhit, without,
};
use crate::{
    config::{Plan, Scenario},
    event::{Action, Derived, Observed, OutageEnd, OutageId, PhoneName, Stamp, When},
    verdict::{Case, CaseId, Measurement, Verdict},
};

mod operators;

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
    courses: Vec<Course>,
    /// Gives back what the steps took, and sets back what they changed, before the teardown.
    clearing: Option<Clearing>,
    /// When the teardown must be over.
    teardown_until: Stamp,
    reported: BTreeSet<CaseId>,
    /// Cases whose failure in a step was told.
    told: BTreeSet<CaseId>,
    stage: Stage,
    /// What a run or a scenario before this one has left was seen to.
    settled: bool,
    ending: Option<Ending>,
    stop: Option<String>,
    hands: Hands,
}

/// How far the run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Phones boot that may go by what a run or a scenario before this one has set.
    Settling,
    /// The steps of the scenario.
    Trial,
    /// Every outage ends, and everything that was set otherwise is set back, before the teardown.
    Clearing,
    /// The steps of the teardown.
    Teardown,
}

/// The run is over but for its outages, and settings of the PBX.
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
            courses: Course::of(&plan.scenario, &plan.phones),
            clearing: None,
            teardown_until: Stamp::ZERO,
            reported: BTreeSet::new(),
            told: BTreeSet::new(),
            stage: Stage::Trial,
            settled: false,
            ending: None,
            stop: None,
            hands: Hands::default(),
        }
    }

    /// Takes an observation into what is known.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, out: &mut Outbox) {
        match observed {
            Observed::OutageEnded { outage, why, .. } => self.outage_ended(*outage, *why, fix),
            Observed::OutageDeclined { outage, .. } => self.outage_over(*outage),
            Observed::StopRequested { by } => {
                self.stop.get_or_insert_with(|| by.clone());
            }
            Observed::RestoreRequested { by } => self.restored(by, fix, out),
            _ => {}
        }
        observe::observe(observed, fix, &mut self.subjects, out);
        self.refuse(observed, fix, out);
        for step in self.courses.iter_mut().filter_map(|course| course.current.as_mut()) {
            step.observe(observed, fix, &mut self.subjects, out);
        }
        if let Some(clearing) = &mut self.clearing {
            clearing.observe(observed, fix, &mut self.subjects, out);
        }
        self.hands.observe(observed, fix, &self.subjects);
        by_hand::observe(observed, fix, &mut self.subjects, out);
    }

    fn outage_ended(&mut self, outage: OutageId, why: OutageEnd, fix: Fix) {
        // What ends of an operator's outages is nothing that a case waits for.
        let run = self.subjects.outages.get(&outage).filter(|run| !run.by_hand());
        let phones = run.map(|run| run.spec.phones.clone()).unwrap_or_default();
        let lifting = |course: &Course| matches!(&course.current, Some(StepRun::Lift(step)) if step.ordered(outage));
        let mut concerned = self.courses.iter().filter(|course| phones.iter().any(|phone| course.has(phone)));
        let asked = self.clearing.is_some() || self.ending.is_some() || concerned.any(lifting);
        if why != OutageEnd::Lifted && !asked {
            let reason = match why {
                OutageEnd::Limit => "the outage ended at its time limit before the scenario had lifted it",
                OutageEnd::Lapsed => "the outage ended because the bridge helper did not renew it in time",
                OutageEnd::HelperLost | OutageEnd::Lifted => "the outage ended because the bridge helper was lost",
            };
            for phone in &phones {
                self.subjects.decide(phone, || Finding::rig("outage-ended", reason).shown_by([fix.seq]));
            }
        }
        self.outage_over(outage);
    }

    /// Nothing is taken away by it any more, or ever.
    fn outage_over(&mut self, outage: OutageId) {
        if let Some(ending) = &mut self.ending {
            ending.open.remove(&outage);
        }
    }

    /// Goes as far as it can at this time.
    pub fn advance(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let over = Stamp(now.0.saturating_sub(GRACE.as_nanos() as u64));
        observe::expire(&mut self.subjects, over, fix, out);
        unhit::tell(&mut self.subjects, over, fix, out);
        loop {
            if let Some(by) = &self.stop {
                let reason = format!("the run was ended by {by} before this case was decided");
                let watch = self.subjects.plan().scenario.watch;
                let unclear = || Finding::unclear("interrupted", reason.clone()).shown_by([fix.seq]);
                let cut_short = || Finding { verdict: Verdict::NotRun, ..unclear() };
                // Somebody looks on until he has seen enough.
                self.subjects.decide_all(|| if watch { Finding::watched() } else { cut_short() });
            }
            for step in self.courses.iter_mut().filter_map(|course| course.current.as_mut()) {
                step.withdraw(fix, &mut self.subjects, out);
            }
            let onward = self.ending.is_none() && self.stop.is_none() && self.step_on(now, fix, out);
            if self.verdicts_wait() {
                self.tell_failures(now, fix, out);
            }
            if self.restore(now, fix, out) {
                continue;
            }
            if !self.verdicts_wait() {
                self.report(now, fix, out);
            }
            if self.ending.is_none() && self.subjects.running().next().is_none() {
                let open = lift_all(&self.subjects, out);
                pbx::restore_all(&mut self.subjects, out);
                phone_files::restore_all(&mut self.subjects, out);
                let commands = [
                    hook::return_patience(&self.subjects, &open),
                    pbx::return_patience(&self.subjects),
                    phone_files::return_patience(&self.subjects),
                ];
                let patience = ENDING_PATIENCE + commands.into_iter().max().unwrap_or_default();
                self.ending = Some(Ending { open, until: now + patience, told: false });
            }
            if self.go_on(fix, out) {
                continue;
            }
            if !onward || self.ending.is_some() {
                break;
            }
        }
        let (courses, clearing) = (&self.courses, self.clearing.as_ref().and_then(Clearing::current));
        self.hands.advance(|phone| pressing(courses, clearing, phone), &mut self.subjects, now, fix, out);
        if let Some(ending) = &mut self.ending
            && !ending.told
            && (ending.open.is_empty() && !self.subjects.pbx.are_open() && !self.subjects.files.are_open()
                || now >= ending.until)
        {
            ending.told = true;
            out.conclude(fix.when, Derived::RunEnded);
            out.order(Action::Finish);
        }
    }

    /// Begins the next scenario, if this one has ended, all its outages with it, and nobody wants the run to end.
    fn go_on(&mut self, fix: Fix, out: &mut Outbox) -> bool {
        let Subjects { pbx, files, .. } = &self.subjects;
        let back = !pbx.are_open() && !pbx.are_stuck() && !files.are_open() && !files.are_stuck();
        let ended = self.ending.as_ref().is_some_and(|ending| ending.open.is_empty() && !ending.told) && back;
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
        by_hand::carry_over(&mut self.subjects);
        self.courses = Course::of(&self.subjects.plan().scenario, &self.subjects.plan().phones);
        (self.clearing, self.ending, self.stage, self.settled) = (None, None, Stage::Trial, false);
        self.told.clear();
        true
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        if let Some(ending) = &self.ending {
            return (!ending.told).then_some((ending.until, "word that everything is given back"));
        }
        let steps = self.courses.iter().filter_map(|course| course.current.as_ref());
        let clearing = self.clearing.as_ref().and_then(|clearing| clearing.deadline(&self.subjects));
        let step = steps.filter_map(|step| step.deadline(&self.subjects)).chain(clearing).min();
        let bridge = self.subjects.observing().is_none().then_some((Stamp::ZERO + BRIDGE_PATIENCE, "the bridge"));
        let teardown = (self.stage == Stage::Teardown).then_some((self.teardown_until, "the end of the teardown"));
        let cases = self.subjects.cases().iter();
        let expiry =
            cases.filter_map(|case| case.track.next_expiry()).min().map(|at| (at + GRACE, "expiry of a binding"));
        let hands = self.hands.deadline();
        let unhit = unhit::due(&self.subjects).map(|at| (at + GRACE, "frames that an outage is to take"));
        [step, bridge, teardown, expiry, unhit, hands].into_iter().flatten().min()
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
        if self.stage == Stage::Trial && self.courses.iter().all(|it| it.step == 0 && it.current.is_none()) {
            self.subjects.skip_unfit();
            without::skip(&mut self.subjects);
            self.subjects.skip_unready(fix);
            if self.subjects.files.phones().next().is_some() && self.clearing.is_none() && !self.settled {
                (self.stage, self.settled) = (Stage::Settling, true);
                self.clearing = Some(Clearing::of_earlier_run(&mut self.subjects));
            }
        }
        match self.stage {
            Stage::Settling | Stage::Clearing => return self.clear(now, fix, out),
            Stage::Teardown if now >= self.teardown_until => {
                let reason = "the teardown was not over in the time that the scenario gives it";
                self.subjects.decide_all(|| Finding::unclear("teardown-overdue", reason));
                return true;
            }
            Stage::Trial | Stage::Teardown => {}
        }
        let scenario = &self.subjects.plan().scenario;
        let watch = scenario.watch;
        let end = if self.stage == Stage::Trial { scenario.steps.len() } else { scenario.all_steps().count() };
        let places: Vec<Place> = self.courses.iter().map(|course| course.place(&self.subjects)).collect();
        let mut onward = false;
        for course in &mut self.courses {
            if course.place(&self.subjects).is_none() {
                continue;
            }
            course.focus(&mut self.subjects);
            if course.step < end {
                onward |= course.advance(&places, &self.told, &mut self.subjects, now, fix, out);
            } else {
                self.subjects.decide_all(if watch { Finding::watched } else { Finding::pass });
                onward = true;
            }
        }
        self.subjects.focus(None);
        onward
    }

    /// Begins to restore the start state when every case is decided; false if there is nothing to do about it. Cases that
    /// never began, and runs that somebody ended, are left as they are.
    fn restore(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) -> bool {
        let over = self.stage == Stage::Trial && self.ending.is_none() && self.subjects.running().next().is_none();
        let observed = self.subjects.observing().is_some();
        if !over || !observed || self.stop.is_some() || !self.subjects.plan().scenario.is_restored() {
            return false;
        }
        let observing = self.subjects.observing().unwrap_or(fix);
        let measured = self.measured(observing, now);
        for (case, measured) in self.subjects.cases_mut().iter_mut().zip(measured) {
            let touched = |finding: &Finding| finding.verdict != Verdict::Skipped || case.under_way;
            if case.decided.as_ref().is_some_and(touched) {
                case.measured = Some(measured);
                case.outcome = case.decided.take();
                case.step_done = false;
            }
        }
        if self.subjects.running().next().is_none() {
            return false;
        }
        self.stage = Stage::Clearing;
        self.told.clear();
        self.courses.clear();
        self.clearing = Some(Clearing::of_trial(&mut self.subjects, now, out));
        true
    }

    /// Whether verdicts are not final yet, because a teardown comes after the last of them.
    fn verdicts_wait(&mut self) -> bool {
        let teardown = self.subjects.plan().scenario.is_restored();
        let trying = self.stage == Stage::Trial && self.stop.is_none();
        teardown && trying && self.subjects.running().next().is_some()
    }

    /// Goes on with the way back; false if there is nothing to do now.
    fn clear(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) -> bool {
        if !self.clearing.as_mut().is_none_or(|clearing| clearing.advance(now, fix, &mut self.subjects, out)) {
            return false;
        }
        self.clearing = None;
        if self.stage == Stage::Settling {
            let observing = self.subjects.observing().unwrap_or(fix);
            let settled = Fix { seq: fix.seq, when: When { at: now, ..observing.when } };
            self.subjects.cases_mut().iter_mut().for_each(|case| case.begin_anew(settled));
            self.stage = Stage::Trial;
            return true;
        }
        self.stage = Stage::Teardown;
        let scenario = &self.subjects.plan().scenario;
        self.courses = vec![Course::whole(scenario.steps.len())];
        self.teardown_until = now + scenario.teardown_limit;
        true
    }

    /// Tells at once of every case that left the step in progress because something was found against it; its verdict
    /// comes after the teardown.
    fn tell_failures(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let observing = self.subjects.observing().unwrap_or(fix);
        let mut failures = Vec::new();
        let measured = self.measured(observing, now);
        for (case, measured) in self.subjects.cases_mut().iter_mut().zip(measured) {
            if let Some(finding) = case.decided.clone().filter(|_| self.told.insert(case.id.clone())) {
                case.measured = Some(measured);
                failures.push((case.id.clone(), finding));
            }
        }
        failures.iter().for_each(|(case, finding)| self.tell_failure(case, finding, fix, out));
    }

    /// The measurements of every case, in their order.
    fn measured(&self, observing: Fix, now: Stamp) -> Vec<Vec<Measurement>> {
        self.subjects.cases().iter().map(|case| self.measured_of(case, observing, now)).collect()
    }

    /// The measurements of a case: as they stood when it was decided, or as they stand now.
    fn measured_of(&self, case: &CaseRun, observing: Fix, now: Stamp) -> Vec<Measurement> {
        if let Some(measured) = &case.measured {
            return measured.clone();
        }
        let mut measured = measure::all(case, observing, now);
        if self.subjects.plan().scenario.load {
            measured.extend(load::of(case, self.subjects.cases()));
        }
        measured.extend(load::spread(case, self.subjects.cases(), &self.subjects.plan().bench.servers));
        measured.extend(self.subjects.watch(&case.at).into_iter().flat_map(|phone| blind::connected(case, phone)));
        measured
    }

    fn tell_failure(&self, case: &CaseId, finding: &Finding, fix: Fix, out: &mut Outbox) {
        let course = self.courses.iter().find(|course| course.has(&case.phone));
        if let Some(course) = course.filter(|course| finding.verdict != Verdict::Pass && course.current.is_some()) {
            let fact = Derived::StepEnded {
                step: course.step,
                case: case.clone(),
                ok: false,
                note: finding.reason.clone(),
                evidence: finding.evidence.clone(),
            };
            out.conclude(fix.when, fact);
        }
    }

    /// Tells of every case that was decided since.
    fn report(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let observing = self.subjects.observing().unwrap_or(fix);
        let lost = self.subjects.losses.iter().find(|loss| loss.when.at >= observing.when.at).copied();
        let gap = self.subjects.gaps.since(observing.when.at);
        for case in self.subjects.cases() {
            let Some(finding) = case.conclusion().filter(|_| !self.reported.contains(&case.id)) else { continue };
            self.reported.insert(case.id.clone());
            let finding = match lost {
                Some(loss) if matches!(finding.verdict, Verdict::Pass | Verdict::Fail) => Finding::rig(
                    "lost-evidence",
                    "frames were lost before they could be seen; nothing can be proven by what is absent",
                )
                .shown_by([loss.seq]),
                _ => finding,
            };
            let finding = match &gap {
                Some(gap) if matches!(finding.verdict, Verdict::Pass | Verdict::Fail) => gap.clone(),
                _ => finding,
            };
            if self.told.insert(case.id.clone()) {
                self.tell_failure(&case.id, &finding, fix, out);
            }
            let scenario = &self.subjects.plan().scenario;
            let mut measurements = self.measured_of(case, observing, now);
            let beyond = measure::hold_against(&scenario.limits, &mut measurements);
            let finding = beyond.filter(|_| finding.verdict == Verdict::Pass).unwrap_or(finding);
            tell(case, finding, measurements, fix, out);
        }
    }
}

/// Whether a step presses keys of a phone at present.
fn pressing(courses: &[Course], clearing: Option<&StepRun>, phone: &PhoneName) -> bool {
    let steps = courses.iter().filter_map(|course| course.current.as_ref()).chain(clearing);
    steps.into_iter().any(|step| step.presses(phone))
}

/// Writes a case's measurements and its verdict.
fn tell(case: &CaseRun, finding: Finding, measurements: Vec<Measurement>, fix: Fix, out: &mut Outbox) {
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
        reason: (!finding.reason.is_empty()).then_some(finding.reason),
        expected: finding.code != DOCUMENTED_LIMIT,
        attempts: u32::from(!matches!(finding.verdict, Verdict::NotRun | Verdict::Skipped)),
        evidence: evidence.into_iter().collect(),
        measurements,
    };
    out.conclude(fix.when, Derived::CaseDecided(Box::new(decided)));
}
