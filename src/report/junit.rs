//! JUnit XML for build servers: one test suite for the run, one test case for each line.

use super::{ReportError, RunStory};

/// The XML document.
///
/// # Errors
/// If it can not be written as XML.
pub fn render(story: &RunStory) -> Result<String, ReportError> {
    let report = quick_junit::Report::new(story.run());
    report.to_string().map_err(|error| ReportError::Xml(error.to_string()))
}
