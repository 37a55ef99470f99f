//! Where the time of a run went: for each step, how long the phones kept it waiting, and what siprig took for itself.
//!
//! A step is as long as the phone that finishes it last. That phone's waits are laid end to end: each begins where siprig
//! had done all it could (the step began, or the last order to that phone was given) and ends at the stamp of the event
//! that made siprig go on. The journal tells which event that was: the observation before the conclusion. Everything
//! else is siprig's own, and so are waits for the bridge.
//!
//! Of a key, only the time in which the board holds it and lets it rest is waited for, from the board's acknowledgement
//! to its word that the key is up: a phone knows no key that is shorter. The way to the board is siprig's.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    config::{Scenario, StepKind},
    event::{Action, Derived, Event, Observed, PhoneName, Record, Stamp},
    look::{harmless, width},
};

/// Cells for the title of a step.
const TITLE: usize = 46;

/// Where the time of a run went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Times {
    /// Side by side without gaps, from the beginning of the run to the last record.
    pub phases: Vec<Phase>,
}

/// A step, or what comes before the first and after the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Its index, from 0; none: it is no step.
    pub step: Option<usize>,
    /// For people.
    pub title: String,
    /// When it began.
    pub from: Stamp,
    /// When it ended.
    pub until: Stamp,
    /// The phone that finished it last; none: no phone finished it.
    pub last: Option<PhoneName>,
    /// For what of that phone siprig waited, in order and without overlap.
    pub waits: Vec<Wait>,
}

/// A time in which siprig had nothing to do but wait for a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// What ended it.
    pub by: Awaited,
    /// How long it was.
    pub span: Duration,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaited {
    /// A frame on the wire.
    Wire,
    /// A line on the console.
    Console,
    /// A key that was held and let go.
    Key,
    /// A deadline: what was waited for did not come.
    Nothing,
}

impl Awaited {
    const fn words(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Console => "console",
            Self::Key => "keys",
            Self::Nothing => "in vain",
        }
    }
}

impl Times {
    /// Reads it from the records, in the order of the journal. The journal of a killed run ends in the middle of a phase.
    pub fn from_records<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut clerk = Clerk::default();
        for record in records {
            clerk.apply(record);
        }
        clerk.end()
    }

    /// From the beginning of the run to its last record.
    pub fn took(&self) -> Duration {
        self.phases.iter().map(Phase::took).sum()
    }

    /// What siprig took for itself.
    pub fn own(&self) -> Duration {
        self.phases.iter().map(Phase::own).sum()
    }

    /// A table for people, one line for each phase, in milliseconds.
    pub fn render(&self) -> String {
        let mut table = row("phase", ["took ms", "waited ms", "own ms"].map(str::to_owned), "waited for");
        for phase in &self.phases {
            let number = phase.step.map_or_else(|| "-".to_owned(), |step| (step + 1).to_string());
            let figures = [phase.took(), phase.waited(), phase.own()].map(millis);
            table += &row(&format!("{number:>2} {}", harmless(&phase.title)), figures, &phase.reason());
        }
        let (took, own) = (self.took(), self.own());
        table + &row("together", [took, took.saturating_sub(own), own].map(millis), "")
    }
}

impl Phase {
    /// How long it was.
    pub fn took(&self) -> Duration {
        self.until.since(self.from)
    }

    /// How long siprig waited for the phone that was last.
    pub fn waited(&self) -> Duration {
        self.waits.iter().map(|wait| wait.span).sum()
    }

    /// What siprig took for itself.
    pub fn own(&self) -> Duration {
        self.took().saturating_sub(self.waited())
    }

    fn reason(&self) -> String {
        let mut sums = BTreeMap::<Awaited, Duration>::new();
        for wait in &self.waits {
            *sums.entry(wait.by).or_default() += wait.span;
        }
        let sums: Vec<_> = sums.iter().map(|(by, span)| format!("{} {}", by.words(), millis(*span))).collect();
        match &self.last {
            Some(phone) if !sums.is_empty() => format!("{}: {}", harmless(&phone.0), sums.join(", ")),
            _ => String::new(),
        }
    }
}

fn row(title: &str, [took, waited, own]: [String; 3], reason: &str) -> String {
    let mut line = String::new();
    let room = " ".repeat(TITLE.saturating_sub(width(title)));
    // Writing to a String can not fail.
    let _ = write!(line, "{title}{room} {took:>9} {waited:>9} {own:>9}  {reason}");
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn millis(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64() * 1000.0)
}

/// Folds records into [`Times`].
#[derive(Debug, Default)]
pub struct Clerk {
    times: Times,
    /// The steps of each scenario.
    scenarios: Vec<Vec<StepKind>>,
    /// Those of the one in progress.
    steps: Vec<StepKind>,
    current: Option<Open>,
    cause: Option<Cause>,
    last: Stamp,
}

/// A phase that has not ended.
#[derive(Debug)]
struct Open {
    phase: Phase,
    lanes: BTreeMap<PhoneName, Lane>,
    /// When a phone finished it.
    finished: Option<Stamp>,
}

/// One phone in a phase.
#[derive(Debug)]
struct Lane {
    /// All that could be done was done then.
    since: Stamp,
    waits: Vec<Wait>,
}

/// The last observation: the cause of all that follows it.
#[derive(Debug)]
struct Cause {
    by: Awaited,
    /// None: it concerns all, as a deadline does.
    phone: Option<PhoneName>,
    at: Stamp,
    /// The wait for it began this much later than the order.
    acknowledged: Duration,
}

impl Clerk {
    /// Takes the next record.
    pub fn apply(&mut self, record: &Record) {
        self.last = self.last.max(record.seen);
        match &record.event {
            Event::Observed(observed) => {
                if let Observed::RunStarted { plan } = observed {
                    let kinds = |scenario: &Scenario| scenario.steps.iter().map(|step| step.kind.clone()).collect();
                    self.scenarios = plan.scenarios().map(kinds).collect();
                    self.steps = self.scenarios.first().cloned().unwrap_or_default();
                    self.open(None, "the rig comes up", Stamp::ZERO);
                }
                self.cause = Cause::of(record, observed);
            }
            Event::Derived(Derived::ScenarioStarted { index, .. }) => {
                let scenario = self.scenarios.get(*index).cloned().unwrap_or_default();
                self.steps = scenario;
            }
            Event::Derived(Derived::StepStarted { step, title, .. }) => {
                self.close(record.seen);
                self.open(Some(*step), title, record.seen);
            }
            Event::Derived(Derived::StepEnded { case, .. }) => {
                self.wait_ended(&case.phone, record.seen);
                if let Some(open) = &mut self.current {
                    open.phase.last = Some(case.phone.clone());
                    open.finished = Some(record.seen);
                }
            }
            Event::Derived(Derived::RunEnded) => {
                let finished = self.current.as_ref().and_then(|open| open.finished).unwrap_or(record.seen);
                self.close(finished);
                self.open(None, "everything is given back", finished);
            }
            Event::Action(
                Action::PlayKeys { phone, .. } | Action::Type { phone, .. } | Action::TypeControl { phone, .. },
            ) => {
                self.wait_ended(phone, record.seen);
            }
            Event::Derived(_) | Event::Action(_) => {}
        }
    }

    /// All records were taken.
    pub fn end(mut self) -> Times {
        self.close(self.last);
        self.times
    }

    fn open(&mut self, step: Option<usize>, title: &str, from: Stamp) {
        let phase = Phase { step, title: title.to_owned(), from, until: from, last: None, waits: Vec::new() };
        self.current = Some(Open { phase, lanes: BTreeMap::new(), finished: None });
    }

    fn close(&mut self, until: Stamp) {
        let Some(Open { mut phase, mut lanes, .. }) = self.current.take() else { return };
        phase.until = until;
        phase.waits =
            phase.last.as_ref().and_then(|last| lanes.remove(last)).map(|lane| lane.waits).unwrap_or_default();
        self.times.phases.push(phase);
    }

    /// A phone's step goes on, or ends, because of the last observation.
    fn wait_ended(&mut self, phone: &PhoneName, now: Stamp) {
        let Some(open) = &mut self.current else { return };
        let from = open.phase.from;
        let lane = open.lanes.entry(phone.clone()).or_insert(Lane { since: from, waits: Vec::new() });
        let begun = std::mem::replace(&mut lane.since, now);
        let kind = open.phase.step.and_then(|step| self.steps.get(step));
        // In other steps only the bridge is waited for.
        let of_phones = matches!(kind, Some(StepKind::Expect { .. } | StepKind::Keys { .. }));
        let theirs = |cause: &&Cause| cause.phone.as_ref().is_none_or(|named| named == phone);
        if let Some(cause) = self.cause.as_ref().filter(theirs).filter(|_| of_phones) {
            let span = cause.at.min(now).since(begun + cause.acknowledged);
            if !span.is_zero() {
                lane.waits.push(Wait { by: cause.by, span });
            }
        }
    }
}

impl Cause {
    /// None: it comes from the rig, not from a phone.
    fn of(record: &Record, observed: &Observed) -> Option<Self> {
        let (by, phone, acknowledged) = match observed {
            Observed::Sip(fact) => (Awaited::Wire, Some(&fact.phone), 0),
            Observed::Encrypted(fact) => (Awaited::Wire, Some(&fact.phone), 0),
            Observed::SignOfLife { phone } => (Awaited::Wire, Some(phone), 0),
            Observed::ConsoleLine { phone, .. } => (Awaited::Console, Some(phone), 0),
            Observed::KeysPlayed { phone, ack_after_ns, .. } => (Awaited::Key, Some(phone), *ack_after_ns),
            Observed::DeadlineFired { .. } => (Awaited::Nothing, None, 0),
            _ => return None,
        };
        let acknowledged = Duration::from_nanos(acknowledged);
        Some(Self { by, phone: phone.cloned(), at: record.when.at, acknowledged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{RawRef, When},
        report::sample,
    };

    /// Builds a transcript: `at` when it happened, `seen` when the session took it, in milliseconds.
    #[derive(Default)]
    struct Transcript(Vec<Record>);

    impl Transcript {
        fn with_steps(kinds: &[StepKind]) -> Self {
            let mut plan = sample::plan(&[sample::Fate::Clean; 2]);
            let step = plan.scenario.steps[0].clone();
            plan.scenario.steps =
                kinds.iter().map(|kind| crate::config::Step { kind: kind.clone(), ..step.clone() }).collect();
            Self::default().observe(0, 0, Observed::RunStarted { plan: Box::new(plan) })
        }

        fn push(mut self, at: u64, seen: u64, event: Event) -> Self {
            let seq = self.0.len() as u64 + 1;
            let (when, seen) = (When::exactly(Stamp::from_millis(at)), Stamp::from_millis(seen));
            self.0.push(Record { seq, seen, when, event });
            self
        }

        fn observe(self, at: u64, seen: u64, observed: Observed) -> Self {
            self.push(at, seen, Event::Observed(observed))
        }

        fn derive(self, seen: u64, derived: Derived) -> Self {
            self.push(seen, seen, Event::Derived(derived))
        }

        fn line(self, at: u64, seen: u64, phone: usize) -> Self {
            let raw = RawRef { file: "console.log".into(), offset: 0, len: 1 };
            let line = Observed::ConsoleLine { phone: sample::name(phone), text: "said".into(), raw, echo: false };
            self.observe(at, seen, line)
        }

        fn begins(self, seen: u64, step: usize) -> Self {
            self.derive(seen, Derived::StepStarted { step, of: 2, title: format!("step {step}"), phones: Vec::new() })
        }

        fn ends(self, seen: u64, step: usize, phone: usize) -> Self {
            let note = String::new();
            self.derive(seen, Derived::StepEnded { step, case: sample::id(phone), ok: true, note, evidence: vec![] })
        }

        fn press(self, seen: u64, phone: usize) -> Self {
            let keys = Action::PlayKeys { phone: sample::name(phone), sequence: 1, keys: vec!["up".into()] };
            self.push(seen, seen, Event::Action(keys))
        }

        fn played(self, at: u64, seen: u64, phone: usize, ack_ms: u64) -> Self {
            let phone = sample::name(phone);
            self.observe(
                at,
                seen,
                Observed::KeysPlayed { phone, sequence: 1, ack_after_ns: ack_ms * 1_000_000, error: None },
            )
        }

        fn phases(&self) -> Vec<(u128, u128, u128)> {
            let times = Times::from_records(&self.0);
            times
                .phases
                .iter()
                .map(|it| (it.took().as_millis(), it.waited().as_millis(), it.own().as_millis()))
                .collect()
        }
    }

    const EXPECT: StepKind = StepKind::Expect { of: crate::event::Move::Failover };

    fn keys() -> StepKind {
        StepKind::Keys { menu: "status".into(), reboots: false }
    }

    #[test]
    fn a_wait_ends_at_the_stamp_of_the_event_and_not_when_it_was_taken() {
        let run = Transcript::with_steps(&[EXPECT]).begins(100, 0).line(600, 607, 0).ends(607, 0, 0);
        assert_eq!(run.derive(610, Derived::RunEnded).phases(), [(100, 0, 100), (507, 500, 7), (3, 0, 3)]);
    }

    #[test]
    fn the_phone_that_is_last_decides_and_the_others_hide_nothing_of_siprig_s_time() {
        let run = Transcript::with_steps(&[EXPECT]).begins(100, 0).line(600, 601, 0).ends(601, 0, 0);
        let run = run.line(300, 640, 1).ends(640, 0, 1);
        assert_eq!(run.phases(), [(100, 0, 100), (540, 200, 340)], "p2's line was taken 340 ms too late");
    }

    #[test]
    fn of_a_key_only_the_time_from_its_acknowledgement_is_waited_for() {
        let run = Transcript::with_steps(&[keys()]).begins(0, 0).press(0, 0).played(165, 166, 0, 5);
        let run = run.press(170, 0).played(340, 341, 0, 10).ends(342, 0, 0);
        assert_eq!(run.phases(), [(0, 0, 0), (342, 160 + 160, 22)]);
    }

    #[test]
    fn what_another_phone_or_the_bridge_reports_is_no_wait_of_this_one() {
        let run = Transcript::with_steps(&[EXPECT, StepKind::Lift { server: None, turns: None }])
            .begins(0, 0)
            .line(90, 90, 1)
            .ends(90, 0, 0);
        let run = run.begins(90, 1).observe(150, 150, Observed::DeadlineFired { reason: "the bridge".into() });
        assert_eq!(run.ends(150, 1, 0).phases(), [(0, 0, 0), (90, 0, 90), (60, 0, 60)]);
    }

    #[test]
    fn a_deadline_at_which_a_phone_had_not_come_was_waited_for_in_vain() {
        let run = Transcript::with_steps(&[EXPECT]).begins(10, 0);
        let run = run.observe(500, 502, Observed::DeadlineFired { reason: "twice".into() }).ends(502, 0, 0);
        assert_eq!(run.phases(), [(10, 0, 10), (492, 490, 2)]);
        assert_eq!(Times::from_records(&run.0).phases[1].waits[0].by, Awaited::Nothing);
    }

    #[test]
    fn phases_leave_no_gap_also_when_the_run_was_killed() {
        let run = Transcript::with_steps(&[EXPECT]).begins(100, 0).line(600, 607, 0);
        assert_eq!(run.phases(), [(100, 0, 100), (507, 0, 507)]);
        assert_eq!(Times::from_records(&run.0).took(), Duration::from_millis(607));
        assert_eq!(Times::from_records([]), Times::default());
    }

    #[test]
    fn the_table_reads_well() {
        let run = Transcript::with_steps(&[EXPECT, keys()]).begins(143, 0).line(9_458, 9_460, 1).ends(9_460, 0, 1);
        let run =
            run.begins(9_460, 1).press(9_460, 0).played(9_625, 9_626, 0, 5).line(9_700, 9_702, 0).ends(9_702, 1, 0);
        insta::assert_snapshot!(Times::from_records(&run.derive(9_702, Derived::RunEnded).0).render());
    }
}
