//! One case while it runs: a line, its moves, and what was found against it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bound::{self, Window},
    registration::{Binding, Fix, LineTrack},
};
use crate::{
    config::{FailbackHabit, Line, Model, Timers},
    event::{Move, ServerName, Stamp},
    verdict::{Blame, CaseId, Verdict},
};

/// A case while it runs.
#[derive(Debug)]
pub struct CaseRun {
    /// Scenario, phone and line.
    pub id: CaseId,
    /// Where the line belongs.
    pub primary: ServerName,
    /// Where it goes when that is away.
    pub backup: Option<ServerName>,
    /// The phone's timers.
    pub timers: Timers,
    /// What makes the phone return.
    pub habit: FailbackHabit,
    /// The phone keeps both registrations by design.
    pub keeps_both: bool,
    /// Where the line is registered.
    pub track: LineTrack,
    /// The moves it has made.
    pub moves: BTreeMap<Move, Moved>,
    /// The windows computed for its moves.
    pub windows: BTreeMap<Move, Window>,
    /// The binding at the server that went, at the moment it went.
    pub at_cut: Option<(Binding, std::time::Duration)>,
    /// The binding at the backup at the moment of the lift, and what was left of it.
    pub at_lift: Option<(Binding, std::time::Duration)>,
    /// The outage it is under: when it began, and when it was lifted.
    pub cut: Option<Cut>,
    /// The line's home changed this often.
    pub home_changes: u32,
    /// Records that the verdict rests on.
    pub evidence: BTreeSet<u64>,
    /// The first thing found against it, or that it passed.
    pub decided: Option<Finding>,
    /// It has finished the step in progress.
    pub step_done: bool,
}

/// An outage as a case sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// It took force: *t0*.
    pub began: Fix,
    /// Every path was open again.
    pub lifted: Option<Fix>,
    /// The first frame of this phone that it dropped.
    pub first_bite: Option<Fix>,
}

/// A move that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The first REGISTER of the move at the new server.
    pub request: Fix,
    /// The 2xx that made the binding.
    pub done: Fix,
}

/// What a case came to, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// Whose fault; none for a pass.
    pub blame: Option<Blame>,
    /// A stable word; empty for a pass.
    pub code: &'static str,
    /// For people.
    pub reason: String,
    /// The records that show it.
    pub evidence: Vec<u64>,
}

impl Finding {
    /// Nothing was found against it.
    pub fn pass() -> Self {
        Self { verdict: Verdict::Pass, blame: None, code: "", reason: String::new(), evidence: Vec::new() }
    }

    /// Something expected did not happen, and it is provable.
    pub fn fail(blame: Blame, code: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, blame: Some(blame), code, reason: reason.into(), evidence: Vec::new() }
    }

    /// No honest verdict is possible, for a fault of the rig.
    pub fn rig(code: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::RigError, ..Self::fail(Blame::Rig, code, reason) }
    }

    /// No honest verdict is possible, and nobody can be blamed.
    pub fn unclear(code: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::RigError, ..Self::fail(Blame::Unknown, code, reason) }
    }

    /// A part that the scenario needs is missing.
    pub fn skipped(code: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::fail(Blame::Configuration, code, reason) }
    }

    /// With the records that show it.
    pub fn shown_by(mut self, evidence: impl IntoIterator<Item = u64>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}

impl CaseRun {
    /// A case that has not begun.
    pub fn new(id: CaseId, line: &Line, timers: Timers, model: Option<&Model>, track: LineTrack) -> Self {
        Self {
            id,
            primary: line.primary.clone(),
            backup: line.backup.clone(),
            timers,
            habit: model.map_or(FailbackHabit::Renewal, |model| model.failback),
            keeps_both: model.is_some_and(|model| model.keeps_both),
            track,
            moves: BTreeMap::new(),
            windows: BTreeMap::new(),
            at_cut: None,
            at_lift: None,
            cut: None,
            home_changes: 0,
            evidence: BTreeSet::new(),
            decided: None,
            step_done: false,
        }
    }

    /// Whether nothing was decided yet.
    pub fn running(&self) -> bool {
        self.decided.is_none()
    }

    /// The server a move leads to.
    pub fn destination(&self, of: Move) -> Option<&ServerName> {
        match of {
            Move::Baseline | Move::Failback => Some(&self.primary),
            Move::Failover => self.backup.as_ref(),
        }
    }

    /// The server a move leaves.
    pub fn origin(&self, of: Move) -> Option<&ServerName> {
        match of {
            Move::Baseline => None,
            Move::Failover => Some(&self.primary),
            Move::Failback => self.backup.as_ref(),
        }
    }

    /// The instant that causes a move, given the beginning of the run's observation.
    pub fn cause(&self, of: Move, observing: Fix) -> Option<Fix> {
        match of {
            Move::Baseline => Some(observing),
            Move::Failover => self.cut.map(|cut| cut.began),
            Move::Failback => self.cut.and_then(|cut| cut.lifted),
        }
    }

    /// The binding that the line returns from if its primary comes back at `now`: the one at its backup. Where a
    /// renewal takes longer to give the primary up than the binding lasts, that may have lapsed in the meantime.
    pub fn origin_of_return(&self, now: Stamp) -> Option<&Binding> {
        let backup = self.backup.as_ref()?;
        let renewing = |lapsed: &&Binding| {
            bound::renewal_outlasts_binding(&self.timers, self.habit, lapsed.granted)
                && self.track.attempts_at(&self.primary).any(|attempt| {
                    let begun = attempt.first.when.at;
                    let since_confirmed = begun + lapsed.granted > lapsed.until;
                    attempt.answer.is_none() && since_confirmed && now.since(begun) <= self.timers.transaction.value
                })
        };
        self.track.binding(backup).or_else(|| self.track.lapsed(backup).filter(renewing))
    }

    /// Decides the case, unless it is decided.
    pub fn decide(&mut self, finding: Finding) {
        if self.decided.is_none() {
            self.decided = Some(finding);
        }
    }
}
