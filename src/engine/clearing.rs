//! Between the steps of a scenario and its teardown: what they took is given back, and what they changed is set back, one thing
//! after the other. This is no step of the scenario, and not told as one.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Outbox,
    phone_files::Settings,
    registration::Fix,
    step::{StepRun, fetch::FetchWait, lift::Lifting, pbx::Setting, push::Push},
    subjects::Subjects,
};
use crate::{
    config::{Step, StepKind},
    event::{Move, Observed, PhoneName, Stamp},
    verdict::CaseId,
};

/// What is to be done after the outages have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Settings of the PBX are set back, by servers that are there again.
    Pbx,
    /// Phones' files are written back.
    Files,
    /// The phones boot.
    Restart,
    /// They boot, if they are not booting already.
    Settle,
    /// They load the base set, or have done so since the run began.
    Settled,
    /// They fetch their files.
    Fetch,
    /// Lines that were registered are so again.
    LogOn,
}

/// The way back.
#[derive(Debug)]
pub struct Clearing {
    current: Option<StepRun>,
    /// Its phones; none: all.
    concerned: Option<BTreeSet<PhoneName>>,
    then: VecDeque<Task>,
    /// The phones that were set otherwise.
    rewritten: BTreeSet<PhoneName>,
    /// The lines of theirs that were registered before they were made to boot.
    registered: BTreeSet<CaseId>,
}

impl Clearing {
    /// Begins with the end of every outage.
    pub fn of_trial(subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let current = StepRun::Lift(Lifting::everything(subjects, now, out));
        let then = [Task::Pbx, Task::Files, Task::Restart, Task::Fetch, Task::LogOn].into();
        Self { current: Some(current), concerned: None, then, ..Self::of(subjects) }
    }

    /// Of phones that may go by what a run before this one has set: their files are what they should be.
    pub fn of_earlier_run(subjects: &mut Subjects) -> Self {
        let all = subjects.cases().iter().filter(|case| case.registers).map(|case| case.id.clone()).collect();
        Self { then: [Task::Settle, Task::Settled, Task::LogOn].into(), registered: all, ..Self::of(subjects) }
    }

    fn of(subjects: &Subjects) -> Self {
        let rewritten: BTreeSet<PhoneName> = subjects.files.phones().cloned().collect();
        let of_them = subjects.cases().iter().filter(|case| rewritten.contains(&case.id.phone));
        let registered = of_them.filter(|case| case.home().is_some()).map(|case| case.id.clone()).collect();
        Self { current: None, concerned: None, then: VecDeque::new(), rewritten, registered }
    }

    /// What is done just now.
    pub const fn current(&self) -> Option<&StepRun> {
        self.current.as_ref()
    }

    /// Hears an observation.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        if let Some(current) = &mut self.current {
            current.observe(observed, fix, subjects, out);
        }
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        self.current.as_ref().and_then(|current| current.deadline(subjects))
    }

    /// Goes as far as it can at this time. True: there is nothing left to do.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) -> bool {
        loop {
            subjects.focus(self.concerned.clone());
            if let Some(current) = &mut self.current {
                current.advance(now, fix, subjects, out);
            }
            let open = subjects.running().any(|case| !case.step_done);
            subjects.focus(None);
            subjects.steps_ended.clear();
            if self.current.is_some() && open {
                return false;
            }
            subjects.running().for_each(|case| case.step_done = false);
            let Some(task) = self.then.pop_front() else { return true };
            self.begin(task, subjects, now, fix, out);
        }
    }

    fn begin(&mut self, task: Task, subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) {
        (self.current, self.concerned) = (None, None);
        if task == Task::Pbx {
            self.current = Setting::restore(subjects, now, out).map(StepRun::Pbx);
            return;
        }
        if self.rewritten.is_empty() {
            return;
        }
        if task == Task::Files {
            self.registered.extend(Self::of(subjects).registered);
        }
        subjects.focus(Some(self.rewritten.clone()));
        if task == Task::LogOn {
            let spared = subjects.running().filter(|case| !self.registered.contains(&case.id));
            spared.for_each(|case| case.step_done = true);
        }
        let begin = |kind, subjects: &mut Subjects, out: &mut Outbox| {
            StepRun::begin(&Step::of("", kind), subjects, now, fix, out)
        };
        self.current = Some(match task {
            Task::Pbx | Task::Files => begin(StepKind::Configure { settings: Settings::new() }, subjects, out),
            Task::Restart => begin(StepKind::Restart, subjects, out),
            Task::Settle => StepRun::Push(Push::restart_patiently(subjects, now, fix, out)),
            Task::Settled => StepRun::Fetch(FetchWait::of_earlier_run(subjects, now)),
            Task::Fetch => begin(StepKind::Fetch, subjects, out),
            Task::LogOn => begin(StepKind::Expect { of: Move::LogOn }, subjects, out),
        });
        self.concerned = Some(self.rewritten.clone());
        subjects.focus(None);
    }
}
