//! The HTML report: one file that needs no network and no script.

use super::{RawFile, ReportError, RunStory};

/// The HTML document.
///
/// # Errors
/// If the template can not be rendered.
pub fn render(_story: &RunStory, _exit: u8, _files: &[RawFile]) -> Result<String, ReportError> {
    Ok("<!doctype html><title>siprig</title>\n".to_owned())
}
