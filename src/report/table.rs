//! The closing table for people: verdicts, times and reasons, and where each deadline comes from.

use super::RunStory;
use crate::look::Look;

/// The table with the derivations beneath it, at most `width` columns wide (80 if that is less), with a line ending.
pub fn render(story: &RunStory, width: usize, look: Look) -> String {
    let _ = width;
    let mut out = String::new();
    for case in story.cases() {
        out.push_str(&format!("{} {:9} {}\n", look.symbol(case.verdict), case.verdict, case.id));
    }
    out
}
