//! What was found of a case.

use crate::verdict::{Blame, Verdict};

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

    /// Nothing was asked: somebody looked on. That shows nothing of a phone, whatever it did.
    pub fn watched() -> Self {
        let reason = "nothing was asked of the phone: the scenario is for looking on";
        Self { verdict: Verdict::NotRun, ..Self::unclear("watched", reason) }
    }

    /// With the records that show it.
    pub fn shown_by(mut self, evidence: impl IntoIterator<Item = u64>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}
