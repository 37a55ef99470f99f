//! The `siprig.night/1` document: what `summary.json` of a night holds, at every moment of it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::{
    finding::{self, Finding},
    ledger::Handed,
    parking::Parked,
    plan::RunId,
    state::{Attempt, Fate, Night, Status},
};
use crate::{
    config::{Day, KnownIssue},
    event::PhoneName,
    report::ReportError,
    verdict::{Case, Verdict},
};

/// The version of the document's contract.
pub const SCHEMA: &str = "siprig.night/1";

/// A night in one document. Field names and order are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightSummary {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name of the night.
    pub night: String,
    /// Name of the suite.
    pub suite: String,
    /// Name of the bench.
    pub bench: String,
    /// When it began, in UTC.
    pub began: String,
    /// When the last thing happened.
    pub last: String,
    /// How often somebody went on with it.
    pub resumed: u32,
    /// The exit code; null while it goes on, or if it was cut off.
    pub exit: Option<u8>,
    /// The signal that ended it early.
    pub stopped_by: Option<String>,
    /// How many cases came to what; those that failed as expected are `known`.
    pub counts: BTreeMap<String, usize>,
    /// Known issues that excuse nothing any more.
    pub expired_issues: Vec<KnownIssue>,
    /// Files that were other ones when somebody went on with it than when it began: what came before and after is of different ones.
    pub changed_files: Vec<PathBuf>,
    /// Phones that it goes on without.
    pub parked: Vec<Parked>,
    /// What broke it, and what the rig could not tell: what is the same on several phones once.
    pub findings: Vec<Finding>,
    /// Every planned run.
    pub runs: Vec<Run>,
    /// Every planned case.
    pub cases: Vec<NightCase>,
    /// What became of the message to whoever is told of a night.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Handed>,
}

/// A run of a night.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its name.
    pub run: RunId,
    /// The scenarios, in their order.
    pub scenarios: Vec<String>,
    /// The phones.
    pub phones: Vec<PhoneName>,
    /// `waiting`, `running` or `done`.
    pub status: &'static str,
    /// What is dropped when time is short: the highest number first.
    pub priority: u8,
    /// Words of its entry.
    pub tags: Vec<String>,
    /// Why it was left where it is.
    pub left: Option<String>,
    /// The attempts at it.
    pub attempts: Vec<Try>,
}

/// An attempt at a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Try {
    /// Its number, from 1.
    pub attempt: u32,
    /// Who took part.
    pub phones: Vec<PhoneName>,
    /// The scenarios that it was about.
    pub scenarios: Vec<String>,
    /// When it began, in UTC.
    pub began: String,
    /// `in-flight`, `interrupted`, or how it ended: `told`, `unkept`, `busy`, `file`, `rig`, `crashed`, `hung`.
    pub end: String,
    /// Its exit code; null: it has none.
    pub exit: Option<u8>,
    /// How long it took.
    pub took_ms: Option<u64>,
    /// Its directory, within that of the night.
    pub directory: Option<String>,
    /// What was told of it where it told of no cases, or by what it was cut off.
    pub why: Option<String>,
}

/// A case of a night.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightCase {
    /// The run that it is of.
    pub run: RunId,
    /// The directory of the attempt that decided it, within that of the night.
    pub directory: Option<String>,
    /// The same as in a run.
    #[serde(flatten)]
    pub case: Case,
}

impl NightSummary {
    /// The document for a night of this name.
    pub fn of(name: &str, night: &Night) -> Self {
        let outcomes = night.outcomes();
        let findings = finding::of(&outcomes);
        let cases: Vec<NightCase> = outcomes
            .into_iter()
            .map(|outcome| {
                let super::state::Outcome { run, directory, case, .. } = outcome;
                NightCase { run, directory, case }
            })
            .collect();
        let runs = night.runs().map(|(run, attempts, left)| Run {
            run: run.id.clone(),
            scenarios: run.scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
            phones: run.phones.clone(),
            status: match night.status(run, attempts) {
                Status::Waiting => "waiting",
                Status::Running => "running",
                Status::Done => "done",
            },
            priority: run.priority,
            tags: run.tags.clone(),
            left: left.map(str::to_owned),
            attempts: attempts.iter().map(Try::of).collect(),
        });
        Self {
            schema: SCHEMA,
            night: name.to_owned(),
            suite: night.plan.suite.clone(),
            bench: night.plan.bench.clone(),
            began: utc(night.began_unix_ns),
            last: utc(night.last_unix_ns),
            resumed: night.resumed,
            exit: night.closed.as_ref().map(|closed| closed.exit),
            stopped_by: night.closed.as_ref().and_then(|closed| closed.stopped_by.clone()),
            counts: counts(cases.iter().map(|it| &it.case)),
            expired_issues: night.plan.expired_on(&Day::of_unix_ns(night.last_unix_ns)),
            changed_files: night.changed.iter().cloned().collect(),
            parked: night.parked.values().cloned().collect(),
            findings,
            runs: runs.collect(),
            cases,
            message: night.message.clone(),
        }
    }

    /// One line of JSON with a line ending.
    ///
    /// # Errors
    /// If a value can not be written as JSON.
    pub fn to_json(&self) -> Result<String, ReportError> {
        serde_json::to_string(self).map(|text| text + "\n").map_err(ReportError::Json)
    }
}

impl Try {
    fn of(attempt: &Attempt) -> Self {
        let mut told = Self {
            attempt: attempt.number,
            phones: attempt.phones.clone(),
            scenarios: attempt.scenarios.clone(),
            began: utc(attempt.began_unix_ns),
            end: "in-flight".to_owned(),
            exit: None,
            took_ms: None,
            directory: None,
            why: None,
        };
        match &attempt.fate {
            Fate::InFlight => {}
            Fate::Interrupted { by, directory, .. } => {
                told.end = "interrupted".to_owned();
                told.directory.clone_from(directory);
                told.why = Some(by.clone());
            }
            Fate::Ended { end, took, directory, .. } => {
                told.end = end.end.to_string();
                told.exit = end.exit;
                told.took_ms = u64::try_from(took.as_millis()).ok();
                told.directory.clone_from(directory);
                told.why.clone_from(&end.why);
            }
        }
        told
    }
}

/// How many cases came to what; those that failed as expected are `known`.
pub(super) fn counts<'a>(cases: impl IntoIterator<Item = &'a Case>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for case in cases {
        let known = case.verdict == Verdict::Fail && !case.expected;
        let kind = if known { "known".to_owned() } else { case.verdict.to_string() };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// A time as `2026-11-25T22:15:03Z`.
pub(super) fn utc(unix_ns: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::state::sample;

    #[test]
    fn the_document_has_every_run_and_every_case_at_every_moment() {
        let entries = sample::night();
        for length in 1..=entries.len() {
            let summary = NightSummary::of("2026-11-25T221503Z-sample", &Night::of(&entries[..length]).unwrap());
            assert_eq!((summary.runs.len(), summary.cases.len()), (5, 7));
            assert_eq!(summary.counts.values().sum::<usize>(), 7);
            assert_eq!(summary.exit.is_some(), length == entries.len());
        }
    }

    #[test]
    fn the_document_keeps_the_names_and_order_of_its_contract() {
        let night = Night::of(&sample::night()).unwrap();
        let json = NightSummary::of("2026-11-25T221503Z-sample", &night).to_json().unwrap();
        insta::assert_snapshot!(json.replace(",\"", ",\n\""));
    }
}
