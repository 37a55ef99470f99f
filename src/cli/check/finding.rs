//! One thing that was looked at, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{event::PhoneName, look::harmless};

/// The version of the document's contract.
const SCHEMA: &str = "siprig.check/1";

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `config`, `port`, `network`, `wiring`, `server`, `pbx`, `peer`, `provisioning`, `disk`, `lock`; with `--cabling`,
    /// `cabling` alone; with `--preflight`, those of `preflight`.
    pub area: &'static str,
    pub state: State,
    /// A word for programs that does not change: what was looked at, or what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The phone that it is about; none: the bench.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneName>,
    /// What was looked at, and what was found.
    pub what: String,
    /// What was read, for whoever compares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What to do about it; for what was skipped or is unknown, why.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Ok,
    Problem,
    /// Held by another.
    Busy,
    /// There is nothing to look at.
    Skipped,
    /// It was looked at in vain: neither a problem nor as it should be.
    Unknown,
}

impl Finding {
    pub fn of(area: &'static str, state: State, what: impl Into<String>, remedy: Option<String>) -> Self {
        Self { area, state, code: None, phone: None, what: what.into(), value: None, remedy }
    }

    pub fn ok(area: &'static str, what: impl Into<String>) -> Self {
        Self::of(area, State::Ok, what, None)
    }

    pub fn problem(area: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(area, State::Problem, what, Some(remedy.into()))
    }

    pub fn busy(area: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(area, State::Busy, what, Some(remedy.into()))
    }

    pub fn skipped(area: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::of(area, State::Skipped, what, Some(why.into()))
    }

    /// The same with a code.
    pub fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The same with what was read.
    pub fn valued(self, value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), ..self }
    }

    /// Whether nothing of it keeps a phone from being judged. By clocks and firmware nothing is judged.
    pub fn is_passed(&self) -> bool {
        match self.state {
            State::Ok | State::Skipped => true,
            State::Problem | State::Busy => false,
            State::Unknown => matches!(self.area, "clock" | "firmware"),
        }
    }

    /// The same of a phone.
    pub fn about(self, phone: &PhoneName) -> Self {
        Self { phone: Some(phone.clone()), ..self }
    }
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    schema: &'static str,
    bench: Option<&'a str>,
    exit: u8,
    error: Option<String>,
    findings: &'a [Finding],
}

impl<'a> Report<'a> {
    /// Of a check that was made.
    pub fn of(bench: &'a str, exit: u8, findings: &'a [Finding]) -> Self {
        Self { schema: SCHEMA, bench: Some(bench), exit, error: None, findings }
    }

    /// Of one that could not even begin.
    pub fn failed(exit: u8, error: String) -> Self {
        Self { schema: SCHEMA, bench: None, exit, error: Some(error), findings: &[] }
    }

    /// In one line.
    ///
    /// # Errors
    /// If it can not be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}

/// One line for each finding, and one for its remedy.
pub(super) fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.state {
            State::Ok => "ok",
            State::Problem => "PROBLEM",
            State::Busy => "BUSY",
            State::Skipped => "SKIPPED",
            State::Unknown => "UNKNOWN",
        };
        // Writing to a String can not fail.
        let _ = writeln!(text, "{word:<8} {:<8} {}", finding.area, harmless(&finding.what));
        if let Some(remedy) = &finding.remedy {
            let lead = if matches!(finding.state, State::Skipped | State::Unknown) { "because" } else { "help:" };
            let _ = writeln!(text, "{:<17} {lead} {}", "", harmless(remedy));
        }
    }
    text
}
