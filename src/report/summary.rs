//! The `siprig.run/1` document: what `summary.json` holds and `run --json` prints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    ReportError, RunStory,
    story::{Outage, Skipped},
};
use crate::{
    event::{OutageTally, PhoneName, When},
    look::bound,
    verdict::{Case, Measurement},
};

/// The version of the document's contract.
pub const SCHEMA: &str = "siprig.run/1";

/// A run in one document. Field names and order are a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the run; null if none began.
    pub run: Option<String>,
    /// Its directory; null if none began.
    pub directory: Option<String>,
    /// The exit code of the command.
    pub exit: u8,
    /// Why there are no cases.
    pub error: Option<String>,
    /// Every planned case.
    pub cases: Vec<Case>,
    /// Every outage that took force, in their order.
    #[serde(default)]
    pub outages: Vec<Gone>,
    /// Every outage that phones did without, because the bench has no place for it.
    #[serde(default)]
    pub skipped: Vec<Left>,
}

/// An outage that phones did without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// The server that would have gone away.
    pub server: String,
    /// What would have been done, and to how much of it.
    pub what: String,
    /// By whom.
    pub phones: Vec<PhoneName>,
    /// What it needs.
    pub needs: String,
}

impl Left {
    fn of(skipped: &Skipped) -> Self {
        let Skipped { spec, needs, .. } = skipped;
        Self { server: spec.server.to_string(), what: spec.what(), phones: spec.phones.clone(), needs: needs.clone() }
    }
}

/// An outage, as it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    /// The server that went away.
    pub server: String,
    /// What was done, and to how much of it.
    pub what: String,
    /// For whom.
    pub phones: Vec<PhoneName>,
    /// The operator who made it by hand; left out: the scenario did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it took force, in milliseconds since the beginning of the run.
    pub began_ms: f64,
    /// When it ended; null: not by the end.
    pub ended_ms: Option<f64>,
    /// What else went dark with it, for the same phones.
    pub dark: Vec<String>,
    /// What it did to all of its phones together.
    pub frames: OutageTally,
}

impl Gone {
    fn of(story: &RunStory, outage: &Outage) -> Option<Self> {
        let (began, spec) = (outage.began?, outage.spec.as_ref()?);
        let tenth = |when: When| (when.at.as_millis_f64() * 10.0).round() / 10.0;
        Some(Self {
            server: spec.server.to_string(),
            what: spec.what(),
            phones: spec.phones.clone(),
            by: spec.by.clone(),
            began_ms: tenth(began),
            ended_ms: outage.ended.map(tenth),
            dark: story.dark(outage),
            frames: outage.total(),
        })
    }
}

impl Summary {
    /// The document for a run.
    pub fn of(story: &RunStory, directory: &Path, exit: u8) -> Self {
        let mut cases = story.cases();
        for measurement in cases.iter_mut().flat_map(|case| &mut case.measurements) {
            round(measurement);
        }
        Self {
            schema: SCHEMA.to_owned(),
            run: Some(story.run().to_owned()),
            directory: Some(directory.display().to_string()),
            exit,
            error: None,
            cases,
            outages: story.outages.values().filter_map(|outage| Gone::of(story, outage)).collect(),
            skipped: story.skipped.iter().map(Left::of).collect(),
        }
    }

    /// The document for a command that came to no case: a wrong file (78), a bench held by another (75), a rig fault
    /// (3).
    pub fn failed(exit: u8, error: impl Into<String>) -> Self {
        let (schema, error) = (SCHEMA.to_owned(), Some(error.into()));
        Self { schema, run: None, directory: None, exit, error, cases: vec![], outages: vec![], skipped: vec![] }
    }

    /// One line of JSON with a line ending.
    ///
    /// # Errors
    /// If a value can not be written as JSON.
    pub fn to_json(&self) -> Result<String, ReportError> {
        let mut text = serde_json::to_string(self).map_err(ReportError::Json)?;
        text.push('\n');
        Ok(text)
    }
}

/// Milliseconds to 0.1: more would claim a precision that no clock here has.
fn round(measurement: &mut Measurement) {
    let tenth = |value: &mut Option<f64>| *value = value.map(|ms| (ms * 10.0).round() / 10.0);
    tenth(&mut measurement.at_ms);
    if measurement.unit == "ms" {
        tenth(&mut measurement.value);
        measurement.error = measurement.error.map(bound);
        tenth(&mut measurement.min);
        tenth(&mut measurement.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_document_keeps_the_names_and_order_of_its_contract() {
        let story = RunStory::from_records(&sample::run(&[sample::Fate::NeverHome]));
        let json = Summary::of(&story, Path::new("reports/x"), 100).to_json().unwrap();
        let begin = concat!(
            r#"{"schema":"siprig.run/1","run":"2026-11-23T221503Z-failover","directory":"reports/x","exit":100,"#,
            r#""error":null,"cases":[{"scenario":"failover","phone":"p1","line":"1001","verdict":"fail","#,
            r#""blame":"phone","code":"never-failed-back","reason":"#
        );
        assert!(json.starts_with(begin), "{json}");
        let measurement = concat!(
            r#""expected":true,"attempts":1,"evidence":[17,34,402],"measurements":[{"name":"failover","#,
            r#""at_ms":8000.0,"from_server":"a","to_server":"b","value":8253.2,"unit":"ms","error":0.4,"min":null,"#,
            r#""max":10200.0,"why_null":null}"#
        );
        assert!(json.contains(measurement), "{json}");
        let outage = concat!(
            r#""outages":[{"server":"a","what":"drop, whole host","phones":["p1"],"began_ms":8000.0,"ended_ms":32000.0,"#,
            r#""dark":["provisioning (443)","whatever else is at 10.77.0.2"],"frames":{"dropped_to_server":7,"#,
            r#""dropped_to_phone":3,"dropped_other":2,"bystanders":{"dns":0,"#
        );
        assert!(json.contains(outage), "{json}");
        assert!(json.contains(r#""value":null,"unit":"ms","error":null,"min":null,"max":12900.0,"why_null":"no "#));
    }

    #[test]
    fn a_torn_journal_counts_its_planned_cases_as_not_run() {
        let mut records = sample::clean_run();
        records.truncate(30);
        let summary = Summary::of(&RunStory::from_records(&records), Path::new("r"), 5);
        let verdicts: Vec<_> = summary.cases.iter().map(|case| case.verdict.to_string()).collect();
        assert_eq!(verdicts, ["not-run"; 4]);
        assert!(summary.cases.iter().all(|case| case.blame.is_some() && case.code.is_some()));
    }

    #[test]
    fn a_command_without_cases_says_why() {
        let json = Summary::failed(75, "bench `virtual` is held by process 17").to_json().unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"schema":"siprig.run/1","run":null,"directory":null,"exit":75,"#,
                r#""error":"bench `virtual` is held by process 17","cases":[],"outages":[],"skipped":[]}"#,
                "\n"
            )
        );
    }
}
