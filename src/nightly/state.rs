//! The state of a night: a fold of its ledger. Any beginning of a ledger gives each planned run one state and each planned case
//! one outcome, whatever was cut off after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

pub use super::attempt::{Attempt, Fate};
use super::{
    attempt::could_not_begin,
    budget::Waits,
    finding,
    ledger::{Ending, Entry, Event, Handed},
    outcome,
    parking::{self, Parked},
    plan::{NightPlan, PlannedRun, RunId},
    reach::{Reach, Reached},
};
use crate::{
    config::Day,
    event::PhoneName,
    verdict::{Case, CaseId, Verdict},
};

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

/// So many runs in a row that could not begin end a night: nothing on this bench would show anything.
const IN_VAIN: usize = 3;

/// A night, as far as its ledger tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Night {
    /// What was planned.
    pub plan: NightPlan,
    /// When it began, in nanoseconds since the Unix epoch.
    pub began_unix_ns: i64,
    /// When the last thing happened.
    pub last_unix_ns: i64,
    /// How often somebody went on with it.
    pub resumed: u32,
    /// How it ended; none: it goes on, or was cut off.
    pub closed: Option<Closed>,
    /// Files that were other ones when somebody went on with it than when it began.
    pub changed: BTreeSet<PathBuf>,
    /// Phones that it goes on without.
    pub parked: BTreeMap<PhoneName, Parked>,
    /// Why nothing on the bench would show anything, by the last look at it.
    pub unfit: Option<String>,
    /// What became of the message of what it came to; none: nobody was to be told, or it was not yet.
    pub message: Option<Handed>,
    /// Of each planned run what became of it, in the order of the plan.
    runs: Vec<Progress>,
    /// The last look at phones could not be made.
    pub unlooked: bool,
    /// The attempt that began last.
    last: Option<(RunId, u32)>,
    /// Runs that could not begin, in a row up to now, each once however often it was tried.
    in_vain: Vec<RunId>,
}

/// How a night ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The exit code.
    pub exit: u8,
    /// The signal that ended it early.
    pub stopped_by: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Default)]
struct Progress {
    attempts: Vec<Attempt>,
    left: Option<String>,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has still to be run, for the first time or again.
    Waiting,
    /// It is being run.
    Running,
    /// Nothing more is to be done about it.
    Done,
}

/// What the next attempt at a run is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// Names of its scenarios, in their order; none: there is no other attempt.
    pub scenarios: Vec<String>,
    /// Who takes part, in the order of the bench.
    pub phones: Vec<PhoneName>,
}

/// A case with the run that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// The directory of the attempt that decided it, within that of the night.
    pub directory: Option<String>,
    /// How long that attempt took; zero: none decided it, or it was cut off.
    pub took: Duration,
    /// What it came to.
    pub case: Case,
    /// What it came to in each of the other attempts, in their order.
    pub others: Vec<Case>,
}

/// What an attempt at a case came to.
struct Try<'a> {
    directory: Option<&'a str>,
    took: Duration,
    case: Case,
}

impl Night {
    /// Folds a ledger. None: it does not even tell the plan.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let Event::Planned { plan } = &first.event else { return None };
        let mut night = Self {
            runs: vec![Progress::default(); plan.runs.len()],
            plan: *plan.clone(),
            began_unix_ns: first.at_unix_ns,
            last_unix_ns: first.at_unix_ns,
            resumed: 0,
            closed: None,
            changed: BTreeSet::new(),
            parked: BTreeMap::new(),
            unfit: None,
            unlooked: false,
            last: None,
            message: None,
            in_vain: Vec::new(),
        };
        rest.iter().for_each(|entry| night.apply(entry));
        Some(night)
    }

    /// Takes one more entry.
    pub fn apply(&mut self, entry: &Entry) {
        self.last_unix_ns = entry.at_unix_ns;
        match &entry.event {
            // A night is planned once.
            Event::Planned { .. } => {}
            Event::Changed { files } => self.changed.extend(files.iter().cloned()),
            Event::Resumed => {
                self.resumed += 1;
                (self.closed, self.message) = (None, None);
                self.in_vain.clear();
                for run in &mut self.runs {
                    run.left = None;
                    // What kept a run from beginning may be mended now.
                    run.attempts.iter_mut().for_each(|attempt| attempt.is_void |= attempt.fate.could_not_begin());
                }
            }
            Event::Preflight { phones, found, failed: None } => {
                self.parked.retain(|phone, _| !phones.contains(phone));
                self.parked.extend(parking::parked(found, &self.plan.firmware));
                self.unfit = parking::unfit(found);
                self.unlooked = false;
            }
            // Nobody knows more than before.
            Event::Preflight { failed: Some(_), .. } => self.unlooked = true,
            Event::Began { run, attempt, phones, scenarios } => {
                let attempt = Attempt {
                    number: *attempt,
                    phones: phones.clone(),
                    scenarios: scenarios.clone(),
                    is_void: false,
                    decided: Vec::new(),
                    took: BTreeMap::new(),
                    began_unix_ns: entry.at_unix_ns,
                    fate: Fate::InFlight,
                };
                self.last = Some((run.clone(), attempt.number));
                self.with(run, |run| run.attempts.push(attempt));
            }
            Event::Decided { run, attempt, took_ms, cases } => {
                let took = Duration::from_millis(*took_ms);
                self.with_attempt(run, *attempt, |attempt| {
                    attempt.took.extend(cases.first().map(|case| (case.id.scenario.clone(), took)));
                    attempt.decided.extend(cases.iter().cloned());
                });
            }
            Event::Ended { run, attempt, end, took_ms, directory, cases } => {
                if !could_not_begin(end, cases) {
                    self.in_vain.clear();
                } else if !self.in_vain.contains(run) {
                    self.in_vain.push(run.clone());
                }
                let on = Day::of_unix_ns(entry.at_unix_ns);
                let took = Duration::from_millis(*took_ms);
                let (end, directory, cases) = (end.clone(), directory.clone(), cases.clone());
                self.fate(run, *attempt, Fate::Ended { on, end, took, directory, cases });
            }
            Event::Interrupted { run, attempt, by, directory, cases } => {
                let on = Day::of_unix_ns(entry.at_unix_ns);
                let (by, directory, cases) = (by.clone(), directory.clone(), cases.clone());
                self.fate(run, *attempt, Fate::Interrupted { on, by, directory, cases });
            }
            Event::Left { runs, why } => {
                for run in runs {
                    self.with(run, |run| run.left = Some(why.clone()));
                }
            }
            Event::Closed { exit, stopped_by } => {
                self.closed = Some(Closed { exit: *exit, stopped_by: stopped_by.clone() });
            }
            Event::Message(handed) => self.message = Some(handed.clone()),
        }
    }

    fn with(&mut self, run: &RunId, change: impl FnOnce(&mut Progress)) {
        if let Some(at) = self.plan.runs.iter().position(|planned| planned.id == *run)
            && let Some(progress) = self.runs.get_mut(at)
        {
            change(progress);
        }
    }

    fn fate(&mut self, run: &RunId, number: u32, fate: Fate) {
        self.with_attempt(run, number, |attempt| attempt.fate = fate);
    }

    fn with_attempt(&mut self, run: &RunId, number: u32, change: impl FnOnce(&mut Attempt)) {
        self.with(run, |run| {
            if let Some(attempt) = run.attempts.iter_mut().rfind(|attempt| attempt.number == number) {
                change(attempt);
            }
        });
    }

    /// Each planned run with the attempts at it, and why it was left where it was.
    pub fn runs(&self) -> impl Iterator<Item = (&PlannedRun, &[Attempt], Option<&str>)> {
        let progress = self.runs.iter().map(|run| (run.attempts.as_slice(), run.left.as_deref()));
        self.plan.runs.iter().zip(progress).map(|(run, (attempts, left))| (run, attempts, left))
    }

    /// Where a run is.
    pub fn status(&self, run: &PlannedRun, attempts: &[Attempt]) -> Status {
        if attempts.iter().any(|attempt| attempt.fate == Fate::InFlight) {
            return Status::Running;
        }
        if self.next(run, attempts).scenarios.is_empty() { Status::Done } else { Status::Waiting }
    }

    /// What the next attempt is about: what was never tried to its end, or else what did not pass, on the phones that did not, as
    /// often as that may be tried again. Phones that are parked have no turn, nor who has to be tried together with them.
    pub fn next(&self, run: &PlannedRun, attempts: &[Attempt]) -> Next {
        let here: Vec<&PhoneName> = run.phones.iter().filter(|phone| !self.parked.contains_key(*phone)).collect();
        if run.together && here.len() < run.phones.len() {
            return Next::default();
        }
        self.next_on(run, attempts, &here)
    }

    /// The same on these phones, whether they are parked or not.
    fn next_on(&self, run: &PlannedRun, attempts: &[Attempt], here: &[&PhoneName]) -> Next {
        // A file that is wrong is wrong however often it is read.
        let is_of_file = |attempt: &Attempt| {
            let is_file = matches!(&attempt.fate, Fate::Ended { end, .. } if end.end == Ending::File);
            is_file && attempt.fate.could_not_begin() && !attempt.is_void
        };
        if attempts.iter().any(is_of_file) {
            return Next::default();
        }
        let reached = self.reached(attempts);
        let times = |name: &str, phone: &PhoneName| {
            let of_it = reached.iter().filter(|reached| reached.attempt.phones.contains(phone));
            of_it.filter(|reached| reached.counts(name)).count()
        };
        let of = |has_turn: &dyn Fn(&str, &PhoneName) -> bool| {
            let names = run.scenarios.iter().map(|scenario| &scenario.name);
            let scenarios: Vec<String> =
                names.filter(|name| here.iter().any(|phone| has_turn(name, phone))).cloned().collect();
            let has_any = |phone: &PhoneName| scenarios.iter().any(|name| has_turn(name, phone));
            let phones = here.iter().filter(|phone| !scenarios.is_empty() && (run.together || has_any(phone)));
            Next { phones: phones.map(|&phone| phone.clone()).collect(), scenarios }
        };
        let untried = of(&|name, phone| times(name, phone) == 0);
        if !untried.scenarios.is_empty() {
            return untried;
        }
        of(&|name, phone| {
            let cases = self.plan.cases_of(name, std::slice::from_ref(phone));
            cases.iter().any(|id| {
                let tries = self.tries(id, &reached);
                let new = tries.iter().filter(|tried| self.plan.is_to_be_confirmed(&tried.case)).count();
                // What was seen but once, and is new, is seen once more.
                let retry = run.retry as usize + usize::from(new == 1);
                times(name, phone) <= retry && tries.iter().all(|tried| outcome::is_unsettled(&tried.case))
            })
        })
    }

    fn reached<'a>(&self, attempts: &'a [Attempt]) -> Vec<Reached<'a>> {
        let of = |attempt| Reached::of(attempt, |scenario| self.plan.cases_of(scenario, &attempt.phones));
        attempts.iter().filter(|attempt| !attempt.is_void).map(of).collect()
    }

    /// What each attempt at a case came to. Of one that was cut off, what it had decided about the phone counts.
    fn tries<'a>(&self, id: &CaseId, attempts: &[Reached<'a>]) -> Vec<Try<'a>> {
        let told = |reached: &Reached<'a>| {
            let (attempt, reach) = (reached.attempt, reached.reach(&id.scenario)?);
            let told = reached.told(id);
            let took = attempt.took.get(&id.scenario).copied();
            match &attempt.fate {
                Fate::Ended { on, end, directory, took: all, .. } if reach != Reach::Unbegun => {
                    let case = outcome::of_attempt(id, end, told, &self.plan.known_on(on));
                    Some(Try { directory: directory.as_deref(), took: took.unwrap_or(*all), case })
                }
                Fate::Interrupted { on, directory, .. } => {
                    let case = outcome::of_cut_off(told?, reach, &self.plan.known_on(on))?;
                    Some(Try { directory: directory.as_deref(), took: took.unwrap_or_default(), case })
                }
                Fate::InFlight => {
                    let today = Day::of_unix_ns(self.last_unix_ns);
                    let case = outcome::of_cut_off(told?, reach, &self.plan.known_on(&today))?;
                    Some(Try { directory: None, took: took.unwrap_or_default(), case })
                }
                Fate::Ended { .. } => None,
            }
        };
        attempts.iter().filter(|reached| reached.attempt.phones.contains(&id.phone)).filter_map(told).collect()
    }

    /// The phones of which the attempt that began last could not tell because of the rig.
    pub fn doubtful(&self) -> Vec<PhoneName> {
        let Some((run, number)) = &self.last else { return Vec::new() };
        let cases = self.cases_of_attempt(run, *number).into_iter();
        let of_rig: BTreeSet<PhoneName> =
            cases.filter(|case| case.verdict == Verdict::RigError).map(|case| case.id.phone).collect();
        of_rig.into_iter().collect()
    }

    /// The phones that something is still to be done with, were they not parked.
    pub fn missing(&self) -> BTreeSet<PhoneName> {
        let of_run = |(run, attempts, _): (&PlannedRun, &[Attempt], Option<&str>)| {
            self.next_on(run, attempts, &run.phones.iter().collect::<Vec<_>>()).phones
        };
        self.runs().flat_map(of_run).collect()
    }

    /// What each planned case came to, in the order of the plan: one outcome for each, never none and never two.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let of_run = |(run, attempts, left): (&PlannedRun, &[Attempt], Option<&str>)| {
            let (ids, reached) = (self.plan.cases(run, &run.phones), self.reached(attempts));
            ids.iter().map(|id| self.outcome(run, id, &reached, left)).collect::<Vec<_>>()
        };
        let mut outcomes: Vec<Outcome> = self.runs().flat_map(of_run).collect();
        finding::hold_against_controls(&mut outcomes, &self.plan.controls);
        outcomes
    }

    fn outcome(&self, run: &PlannedRun, id: &CaseId, attempts: &[Reached<'_>], left: Option<&str>) -> Outcome {
        let tries = self.tries(id, attempts);
        let cases: Vec<Case> = tries.iter().map(|tried| tried.case.clone()).collect();
        let partner = run.phones.iter().filter(|_| run.together).find_map(|phone| self.parked.get(phone));
        let run = run.id.clone();
        if let Some((deciding, case)) = outcome::of_all(&cases)
            && let Some(tried) = tries.get(deciding)
        {
            let (directory, took) = (tried.directory.map(str::to_owned), tried.took);
            let others = cases.into_iter().enumerate().filter(|(at, _)| *at != deciding);
            return Outcome { run, directory, took, case, others: others.map(|(_, case)| case).collect() };
        }
        let of_it = attempts
            .iter()
            .filter(|reached| reached.attempt.phones.contains(&id.phone) && reached.reach(&id.scenario).is_some());
        let last = of_it.map(|reached| &reached.attempt.fate).next_back();
        let case = match (last, left) {
            _ if let Some(parked) = self.parked.get(&id.phone) => outcome::not_run(id, "parked", &parked.why),
            _ if let Some(parked) = partner => {
                let why = format!("{} takes no part, and it is tried together with that: {}", parked.phone, parked.why);
                outcome::not_run(id, "parked", &why)
            }
            (_, Some(why)) => outcome::not_run(id, "left-out", why),
            (Some(Fate::Interrupted { by, .. }), None) => {
                outcome::not_run(id, "interrupted", &format!("the run was cut off by {by} before it had told anything"))
            }
            (Some(_), None) => outcome::not_run(id, "in-flight", "the run has not told anything yet"),
            (None, None) => outcome::not_run(id, "not-begun", "its turn has not come"),
        };
        Outcome { run, directory: None, took: Duration::ZERO, case, others: Vec::new() }
    }

    /// What an attempt has come to by now, in the order of the plan: the cases of which it told something, or of which nothing more
    /// is to be heard from it.
    pub fn cases_of_attempt(&self, run: &RunId, number: u32) -> Vec<Case> {
        let Some((run, attempts, _)) = self.runs().find(|(known, ..)| known.id == *run) else { return Vec::new() };
        let Some(attempt) = attempts.iter().rfind(|attempt| attempt.number == number) else { return Vec::new() };
        let cases = self.plan.cases(run, &attempt.phones).into_iter();
        let reached = self.reached(std::slice::from_ref(attempt));
        cases.flat_map(|id| self.tries(&id, &reached)).map(|tried| tried.case).collect()
    }

    /// Runs that still have to be run, with their places in the plan.
    pub fn waiting(&self) -> impl Iterator<Item = (usize, &PlannedRun)> {
        let runs = self.runs().enumerate();
        runs.filter(|(_, (run, attempts, _))| self.status(run, attempts) == Status::Waiting)
            .map(|(at, (run, ..))| (at, run))
    }

    /// The same for the budget, with how long each will take.
    pub fn waits(&self) -> Vec<Waits> {
        let runs = self.runs().enumerate();
        let waits = |(at, (run, attempts, _)): (usize, (&PlannedRun, &[Attempt], Option<&str>))| {
            let next = self.next(run, attempts);
            let is_running = self.status(run, attempts) == Status::Running;
            let waits = Waits { at, priority: run.priority, time: run.share(&next.scenarios) };
            (!is_running && !next.scenarios.is_empty()).then_some(waits)
        };
        runs.filter_map(waits).collect()
    }

    /// The attempt that is in flight.
    pub fn in_flight(&self) -> Option<(&PlannedRun, &Attempt)> {
        self.runs().find_map(|(run, attempts, _)| {
            attempts.iter().find(|attempt| attempt.fate == Fate::InFlight).map(|attempt| (run, attempt))
        })
    }

    /// How many runs are done.
    pub fn done(&self) -> usize {
        self.runs().filter(|(run, attempts, _)| self.status(run, attempts) == Status::Done).count()
    }

    /// Whether one run after the other came to nothing, so that no further one need be tried.
    pub fn is_in_vain(&self) -> bool {
        self.in_vain.len() >= IN_VAIN
    }
}
