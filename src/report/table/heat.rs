//! What the lines did about each outage, in a line for each outage.

use super::Table;
use crate::{
    look::{harmless, span},
    report::{
        RunStory,
        heat::{Cell, HeatMap, Row},
    },
    verdict::Case,
};

impl Table {
    /// Outage by outage, where there are some to compare.
    pub(super) fn heat(&mut self, story: &RunStory, cases: &[Case]) {
        let Some(map) = HeatMap::of(story, cases) else { return };
        self.line("");
        self.line("What the lines did about each outage of their primary:");
        let longest = map.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0).min(WHAT);
        for row in &map.rows {
            let what = harmless(&row.what);
            if what.chars().count() > longest {
                self.line(&format!("  {what}"));
                self.line(&format!("  {:longest$}  {}", "", told(row)));
            } else {
                self.line(&format!("  {what:longest$}  {}", told(row)));
            }
        }
        for needs in story.needs() {
            self.wrapped(&format!("skipped: {}", harmless(needs)), 2);
        }
    }
}

/// Most cells for what an outage does; more get a line of their own.
const WHAT: usize = 34;

/// `4 moved in 9.9 s to 10.0 s, 2 stayed`.
fn told(row: &Row) -> String {
    let mut words = Vec::new();
    let (first, last) = row.moved_ms().fold((f64::MAX, f64::MIN), |(first, last), ms| (first.min(ms), last.max(ms)));
    match row.moved_ms().count() {
        0 => {}
        1 => words.push(format!("1 moved in {}", span(first))),
        moved if span(first) == span(last) => words.push(format!("{moved} moved in {}", span(first))),
        moved => words.push(format!("{moved} moved in {} to {}", span(first), span(last))),
    }
    for (cell, word) in [(Cell::Stayed, "stayed"), (Cell::Stranded, "stranded"), (Cell::Skipped, "skipped")] {
        let count = row.count(cell);
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    if words.is_empty() { "nobody knows".to_owned() } else { words.join(", ") }
}
