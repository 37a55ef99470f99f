//! The `siprig.run/1` document: what `summary.json` holds and `run --json` prints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ReportError, RunStory};
use crate::verdict::{Case, Measurement};

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
        }
    }

    /// The document for a command that came to no case: a wrong file (78), a bench held by another (75), a rig fault
    /// (3).
    pub fn failed(exit: u8, error: impl Into<String>) -> Self {
        Self { schema: SCHEMA.to_owned(), run: None, directory: None, exit, error: Some(error.into()), cases: vec![] }
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
        tenth(&mut measurement.error);
        tenth(&mut measurement.min);
        tenth(&mut measurement.max);
    }
}
