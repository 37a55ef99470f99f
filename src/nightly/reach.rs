//! How far an attempt came: which of its scenarios are over, which one was broken off, and which it never began.
//!
//! A run may be a chain of scenarios in one process, one after the other. The verdicts of a scenario come all at once, at its end,
//! so that those that are told say how far it came; what was over when it fell is not done again, and what it never
//! began has lost nothing.

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

/// How far an attempt came with each of its scenarios, in their order. `cases` are those that are planned for a scenario.
pub fn of(attempt: &Attempt, cases: impl Fn(&str) -> Vec<CaseId>) -> Vec<(&str, Reach)> {
    let mut broken = false;
    let mut of = |scenario: &str| {
        if broken {
            return Reach::Unbegun;
        }
        let is_over = told_all(&attempt.fate) || cases(scenario).iter().all(|id| is_over(attempt, id));
        broken = !is_over;
        if is_over { Reach::Over } else { Reach::Broken }
    };
    attempt.scenarios.iter().map(|scenario| (scenario.as_str(), of(scenario))).collect()
}

/// What an attempt told of a case, at its end or before.
pub fn told<'a>(attempt: &'a Attempt, id: &CaseId) -> Option<&'a Case> {
    let at_its_end: &[Case] = match &attempt.fate {
        Fate::InFlight => &[],
        Fate::Interrupted { cases, .. } | Fate::Ended { cases, .. } => cases,
    };
    at_its_end.iter().chain(&attempt.decided).find(|case| case.id == *id)
}

/// Whether a run came to its end, in whatever way, and not in the middle of itself.
fn told_all(fate: &Fate) -> bool {
    let fell = |end: &End| matches!(end.end, Ending::Crashed | Ending::Hung);
    matches!(fate, Fate::Ended { end, .. } if !fell(end))
}

/// Whether a case was decided, and not by the end of the run: that the rig failed may be due to that.
fn is_over(attempt: &Attempt, id: &CaseId) -> bool {
    if attempt.decided.iter().any(|case| case.id == *id) {
        return true;
    }
    let is_cut = !matches!(attempt.fate, Fate::Ended { .. });
    told(attempt, id).is_some_and(|case| match case.verdict {
        Verdict::NotRun => false,
        Verdict::RigError => !is_cut,
        _ => true,
    })
}
