//! Journals that make sense line by line, and as a whole need not.

use std::path::Path;

use siprig::{
    look::{self, Look},
    report::{RunStory, Summary, Times, html, junit, table},
    session::replay,
};

use super::journal;

/// What is read can be judged again, with the same result each time, and reported; and a report says nothing to a terminal
/// or a browser that it should not.
pub fn check(bytes: &[u8]) {
    let records = journal::records(bytes);
    let story = RunStory::from_records(&records);
    for width in [40, 80] {
        let shown = table::render(&story, width, Look::PLAIN);
        assert!(shown.chars().all(|char| char == '\n' || !look::is_harmful(char)), "{shown:?}");
    }
    let page = html::render(&story, 0, &[]).expect("a page");
    for forbidden in ["<script", " onload", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    let _ = (junit::render(&story).expect("a document"), Times::from_records(&records).render());
    let summary = Summary::of(&story, Path::new("run"), 0).to_json().expect("a document");
    assert!(serde_json::from_str::<Summary>(&summary).is_ok());
    let again = replay(records.iter().cloned());
    assert_eq!(replay(records), again, "replayed twice");
}
