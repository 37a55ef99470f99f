//! The map of lines and outages, as the page shows it.

use crate::{
    look::span,
    report::{
        RunStory,
        heat::{Cell, HeatMap},
    },
    verdict::Case,
};

/// Shades of the cells, from a quick move to a slow one.
const SHADES: f64 = 5.0;

/// The table; without rows there is none.
#[derive(Debug, Default)]
pub struct HeatTable {
    pub lines: Vec<String>,
    pub rows: Vec<HeatRow>,
    /// What those outages need that are not in the run.
    pub needs: Vec<String>,
}

#[derive(Debug)]
pub struct HeatRow {
    pub what: String,
    pub cells: Vec<HeatCell>,
}

#[derive(Debug)]
pub struct HeatCell {
    /// Class of its colour.
    pub class: String,
    pub text: String,
}

impl HeatTable {
    pub fn of(story: &RunStory, cases: &[Case]) -> Self {
        let Some(map) = HeatMap::of(story, cases) else { return Self::default() };
        let needs = story.needs().into_iter().map(str::to_owned).collect();
        let longest = map.longest_ms();
        let rows = map.rows.iter().map(|row| HeatRow {
            what: row.what.clone(),
            cells: row.cells.iter().map(|cell| show(*cell, longest)).collect(),
        });
        Self { lines: map.lines.iter().map(ToString::to_string).collect(), rows: rows.collect(), needs }
    }
}

fn show(cell: Cell, longest_ms: f64) -> HeatCell {
    let (class, text) = match cell {
        Cell::Moved(ms) => {
            // By the square root: quick moves differ by less than slow ones.
            let shade = (SHADES * (ms / longest_ms).clamp(0.0, 1.0).sqrt()).ceil().max(1.0);
            (format!("heat{shade}"), span(ms))
        }
        Cell::Stayed => ("stayed".to_owned(), "stayed".to_owned()),
        Cell::Stranded => ("stranded".to_owned(), "stranded".to_owned()),
        Cell::Skipped => ("skipped".to_owned(), "skipped".to_owned()),
        Cell::Unknown => (String::new(), "–".to_owned()),
    };
    HeatCell { class, text }
}
