//! What became of the run, as far as a view of its present shows it. What reports are made of grows with the journal
//! ([`RunStory`](crate::report::RunStory)); of this the oldest goes first, and of cases there are those of the scenario that runs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    event::{Action, Derived, Event, LineId, Move, Observed, PhoneName, Record, Stamp},
    report::{
        Prompt,
        story::{Deadline, Trouble, trouble},
    },
    tui::known::Known,
    verdict::{Case, CaseId, Measurement},
};

mod map;
mod outages;

use map::Map;
use outages::Outages;

/// Troubles that are kept.
const TROUBLES: usize = 32;
/// Prompts that are kept, beside those that are open.
const PROMPTS: usize = 16;
/// Measurements that are kept of a case that is not decided.
const MEASURED: usize = 64;
/// What steps came to is kept of so many: more than a screen has rows.
const NOTES: usize = 32;

/// The present of a run, and as much of its past as there is room for on a screen.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// What is run, once that is known.
    pub plan: Option<Arc<Known>>,
    /// Those that are in force, and the latest of before.
    pub outages: Outages,
    /// The latest.
    pub troubles: VecDeque<Trouble>,
    /// What each line did about the latest outages.
    pub map: Map,
    /// How many cases did what a step expects, and how many did not.
    pub steps: BTreeMap<usize, (u32, u32)>,
    /// What operators were asked to do last.
    pub prompts: VecDeque<Prompt>,
    /// The engine said that it is through.
    pub ended: bool,
    /// Time of the last record.
    pub last: Stamp,
    scenario: String,
    /// In the order of the lines.
    cases: Vec<LineCase>,
}

/// The case of a line in the scenario that runs.
#[derive(Debug, Clone, Default)]
pub struct LineCase {
    /// What was measured; of one that is decided, what counts.
    pub measured: Vec<Measurement>,
    /// The window that was computed last for each move.
    pub deadlines: BTreeMap<Move, Deadline>,
    /// What it came to.
    pub decided: Option<Box<Case>>,
    /// When.
    pub decided_at: Option<Stamp>,
    /// How long each step took that it has finished or left.
    pub took: BTreeMap<usize, Duration>,
    /// What the latest of them came to.
    pub notes: BTreeMap<usize, String>,
    /// When the step began that it is in.
    began: Option<Stamp>,
}

impl Story {
    /// Takes one more record; what is run is known from it, or from one before.
    pub fn apply(&mut self, record: &Record, known: Option<&Arc<Known>>) {
        self.last = self.last.max(record.seen).max(record.when.at);
        match &record.event {
            Event::Observed(Observed::RunStarted { plan }) => {
                self.plan = known.cloned();
                let count = known.map_or(0, |known| known.count());
                self.map = Map::of(count);
                self.begin(&plan.scenario.name);
            }
            Event::Observed(observed) => self.observed(record, observed),
            Event::Derived(derived) => self.derived(record, derived),
            Event::Action(Action::BeginOutage { outage, spec }) => self.outages.order(*outage, spec),
            Event::Action(_) => {}
        }
    }

    /// The case of a line, in the scenario that runs.
    pub fn case(&self, line: &LineId) -> Option<&LineCase> {
        self.cases.get(self.plan.as_ref()?.line(line)?)
    }

    /// Those of all lines, in their order.
    pub fn cases(&self) -> &[LineCase] {
        &self.cases
    }

    fn begin(&mut self, scenario: &str) {
        scenario.clone_into(&mut self.scenario);
        self.steps.clear();
        let count = self.plan.as_ref().map_or(0, |known| known.count());
        self.cases = vec![LineCase::default(); count];
    }

    fn observed(&mut self, record: &Record, observed: &Observed) {
        if let Some(note) = trouble::of(observed, |outage| self.outages.spec(outage)) {
            if self.troubles.len() == TROUBLES {
                self.troubles.pop_front();
            }
            self.troubles.push_back(Trouble { at: record.when.at, note, seq: record.seq });
        }
        let room = self.plan.as_ref().map_or(0, |plan| plan.phones.len());
        self.outages.observed(record, observed, room);
        if let Observed::OutageBegan { outage } = observed
            && let (Some(known), Some(spec)) = (&self.plan, self.outages.spec(*outage))
            // What an operator makes measures nobody.
            && spec.by.is_none()
        {
            self.map.began(spec, record.when.at.as_millis_f64(), known);
        }
    }

    fn derived(&mut self, record: &Record, derived: &Derived) {
        match derived {
            Derived::ScenarioStarted { scenario, .. } => self.begin(scenario),
            Derived::DeadlineComputed { case, of, window_ms, derivation, assumed } => {
                if let Some((_, known)) = self.of(case) {
                    let deadline = Deadline {
                        case: case.clone(),
                        of: *of,
                        window_ms: *window_ms,
                        derivation: derivation.clone(),
                        assumed: assumed.clone(),
                        at: record.when.at,
                    };
                    known.deadlines.insert(*of, deadline);
                }
            }
            Derived::Measured { case, measurement } => {
                let Some((at, known)) = self.of(case) else { return };
                if known.measured.len() < MEASURED && known.decided.is_none() {
                    known.measured.push(measurement.clone());
                }
                self.map.measured(at, measurement);
            }
            Derived::StepStarted { phones, .. } => self.step_began(phones, record.when.at),
            Derived::StepEnded { step, case, ok, note, .. } if case.scenario == self.scenario => {
                if let Some((_, known)) = self.of(case) {
                    known.took.extend(known.began.map(|began| (*step, record.when.at.since(began))));
                    known.notes.insert(*step, note.clone());
                    if known.notes.len() > NOTES {
                        known.notes.pop_first();
                    }
                }
                let (did, did_not) = self.steps.entry(*step).or_default();
                *(if *ok { did } else { did_not }) += 1;
            }
            Derived::OutageSkipped { spec, .. } => {
                if let Some(known) = &self.plan {
                    self.map.skipped(spec, record.when.at.as_millis_f64(), known);
                }
            }
            Derived::CaseDecided(case) => {
                let Some((at, known)) = self.of(&case.id) else { return };
                known.measured.clone_from(&case.measurements);
                known.decided = Some(case.clone());
                known.decided_at = Some(record.when.at);
                case.measurements.iter().for_each(|measurement| self.map.measured(at, measurement));
            }
            Derived::OperatorAsked { .. } => {
                // Where phones go at their own pace, any number of them may be open.
                let over = self.prompts.iter().position(|prompt| prompt.end.is_some());
                if let Some(over) = over.filter(|_| self.prompts.len() >= PROMPTS) {
                    self.prompts.remove(over);
                }
                self.prompts.extend(Prompt::asked(record.when.at, derived));
            }
            Derived::PromptEnded { prompt, end, .. } => {
                let prompts = self.prompts.iter_mut();
                prompts.filter(|it| it.number == *prompt).for_each(|it| it.end = Some(end.clone()));
            }
            Derived::RunEnded => self.ended = true,
            _ => {}
        }
    }

    /// The cases of these phones, or of all, begin a step.
    fn step_began(&mut self, phones: &[PhoneName], at: Stamp) {
        let Some(known) = &self.plan else { return };
        let of_phones = phones.iter().flat_map(|phone| known.lines_of(phone));
        let all = if phones.is_empty() { 0..self.cases.len() } else { 0..0 };
        for line in of_phones.chain(all) {
            if let Some(case) = self.cases.get_mut(line) {
                case.began = Some(at);
            }
        }
    }

    /// A case of the scenario that runs, and where its line stands.
    fn of(&mut self, case: &CaseId) -> Option<(usize, &mut LineCase)> {
        let line = LineId { phone: case.phone.clone(), extension: case.line.clone() };
        let at = self.plan.as_ref()?.line(&line).filter(|_| case.scenario == self.scenario)?;
        Some((at, self.cases.get_mut(at)?))
    }
}
