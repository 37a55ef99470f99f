//! How far an attempt came: which of its scenarios are over, which one was broken off, and which it never began.
//!
//! A run may be a chain of scenarios in one process, one after the other. The verdicts of a scenario come all at once, at its end,
//! so that those that are told say how far it came; what was over when it fell is not done again, and what it never
//! began has lost nothing.

use std::collections::BTreeMap;

use super::{
    ledger::{End, Ending},
    state::{Attempt, Fate},
};
use crate::verdict::{Case, CaseId, Verdict};

/// How far an attempt came with one of its scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It was over.
    Over,
    /// It had begun, or was to, when the run ended.
    Broken,
    /// The run ended in one before it.
    Unbegun,
}

/// An attempt, looked at.
#[derive(Debug)]
pub struct Reached<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    scenarios: BTreeMap<&'a str, Reach>,
    told: BTreeMap<&'a CaseId, &'a Case>,
}

impl<'a> Reached<'a> {
    /// Looks at an attempt. `cases` are those that are planned for a scenario.
    pub fn of(attempt: &'a Attempt, cases: impl Fn(&str) -> Vec<CaseId>) -> Self {
        let at_its_end: &[Case] = match &attempt.fate {
            Fate::InFlight => &[],
            Fate::Interrupted { cases, .. } | Fate::Ended { cases, .. } => cases,
        };
        // What it told at its end comes last, and counts.
        let told = attempt.decided.iter().chain(at_its_end).map(|case| (&case.id, case)).collect();
        let mut reached = Self { attempt, scenarios: BTreeMap::new(), told };
        let mut broken = false;
        for scenario in &attempt.scenarios {
            let is_over = || told_all(&attempt.fate) || cases(scenario).iter().all(|id| reached.is_over(id));
            let reach = match broken {
                true => Reach::Unbegun,
                false if is_over() => Reach::Over,
                false => Reach::Broken,
            };
            broken |= reach != Reach::Over;
            reached.scenarios.insert(scenario, reach);
        }
        reached
    }

    /// How far it came with a scenario; none: that was not part of it.
    pub fn reach(&self, scenario: &str) -> Option<Reach> {
        self.scenarios.get(scenario).copied()
    }

    /// What it told of a case, at its end or before.
    pub fn told(&self, id: &CaseId) -> Option<&'a Case> {
        self.told.get(id).copied()
    }

    /// Whether it counts as an attempt at a scenario. One that was cut off in it does not.
    pub fn counts(&self, scenario: &str) -> bool {
        match self.reach(scenario) {
            Some(Reach::Over) => true,
            Some(Reach::Broken) => matches!(self.attempt.fate, Fate::Ended { .. }),
            Some(Reach::Unbegun) | None => false,
        }
    }

    /// Whether a case was decided, and not by the end of the run: that the rig failed may be due to that.
    fn is_over(&self, id: &CaseId) -> bool {
        let while_it_went_on = || self.attempt.decided.iter().any(|case| case.id == *id);
        let is_cut = !matches!(self.attempt.fate, Fate::Ended { .. });
        self.told(id).is_some_and(|case| match case.verdict {
            Verdict::NotRun => while_it_went_on(),
            Verdict::RigError => !is_cut || while_it_went_on(),
            _ => true,
        })
    }
}

/// Whether a run came to its end, in whatever way, and not in the middle of itself.
fn told_all(fate: &Fate) -> bool {
    let fell = |end: &End| matches!(end.end, Ending::Crashed | Ending::Hung);
    matches!(fate, Fate::Ended { end, .. } if !fell(end))
}
