//! The spine's second half: what a case came to, whose fault it is, and what was measured.
//!
//! These types are what `summary.json` and `run --json` print; their field names are a contract.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::PhoneName;

/// Which case: a scenario on one line of one phone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseId {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the phone.
    pub phone: PhoneName,
    /// Extension of the line.
    pub line: String,
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.scenario, self.phone, self.line)
    }
}

/// What a case came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All that the scenario expects was seen, in time.
    Pass,
    /// It passed, but not at the first attempt.
    Flaky,
    /// Something expected did not happen, and the rig can prove it.
    Fail,
    /// No honest verdict is possible.
    RigError,
    /// A part that the scenario needs is missing on this bench.
    Skipped,
    /// It was planned and did not begin, or did not end.
    NotRun,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Flaky => "flaky",
            Self::Fail => "fail",
            Self::RigError => "rig-error",
            Self::Skipped => "skipped",
            Self::NotRun => "not-run",
        })
    }
}

/// Whose fault it is that a case did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The device under test.
    Phone,
    /// A registrar.
    Server,
    /// Settings of phone or server.
    Configuration,
    /// The rig itself: a cable, a port, the bridge.
    Rig,
    /// It can not be told.
    Unknown,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Phone => "phone",
            Self::Server => "server",
            Self::Configuration => "configuration",
            Self::Rig => "rig",
            Self::Unknown => "unknown",
        })
    }
}

/// One case with its verdict. An entry of `cases` in `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Scenario, phone and line.
    #[serde(flatten)]
    pub id: CaseId,
    /// What it came to.
    pub verdict: Verdict,
    /// Whose fault; null only for a pass.
    pub blame: Option<Blame>,
    /// A stable word for what is wrong, as `never-failed-back`; null only for a pass.
    pub code: Option<String>,
    /// The same for people, in one sentence; of a pass, what it rests on if nobody could read the line's signalling.
    pub reason: Option<String>,
    /// False only where a known issue or a documented limit says so.
    pub expected: bool,
    /// How often it was tried, from 1; 0 if it never began.
    pub attempts: u32,
    /// Numbers of the records that the verdict rests on, ascending.
    pub evidence: Vec<u64>,
    /// What was measured, in the order of the scenario.
    pub measurements: Vec<Measurement>,
}

/// A measured value with its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured: `failover`, `failover-waiting`, `failback`, `gap`, `unreachable`, `stale`, ….
    pub name: String,
    /// When the measured span begins, in milliseconds since the run began.
    pub at_ms: Option<f64>,
    /// The server that the phone left.
    pub from_server: Option<String>,
    /// The server that the phone went to.
    pub to_server: Option<String>,
    /// The value; null if it could not be measured.
    pub value: Option<f64>,
    /// Its unit: `ms`, `1`.
    pub unit: String,
    /// The true value lies within ± this.
    pub error: Option<f64>,
    /// Lower limit.
    pub min: Option<f64>,
    /// Upper limit.
    pub max: Option<f64>,
    /// Why the value is null.
    pub why_null: Option<String>,
}

impl Measurement {
    /// Why a move has no value of which nothing but connections was seen.
    pub const ENCRYPTED: &str = "its signalling is encrypted";

    /// Why a failover has no value that nobody expected: the line was confirmed where it was.
    pub const STAYED: &str = "the line did not move: its primary confirmed it in spite of the outage";

    /// The same: it was confirmed nowhere.
    pub const STRANDED: &str = "the line did not move, and nobody confirmed it";

    /// Whether that is why it has none.
    pub fn is_encrypted(&self) -> bool {
        self.why_null.as_deref() == Some(Self::ENCRYPTED)
    }
}

#[cfg(test)]
impl Case {
    /// One that came to that, for tests to which nothing else of it matters.
    pub(crate) fn sample(verdict: Verdict) -> Self {
        Self {
            id: CaseId { scenario: "failover".to_owned(), phone: "p1".into(), line: "1001".to_owned() },
            verdict,
            blame: None,
            code: None,
            reason: None,
            expected: true,
            attempts: 1,
            evidence: Vec::new(),
            measurements: Vec::new(),
        }
    }
}
