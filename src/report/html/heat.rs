//! The map of lines and outages, as the page shows it.

use crate::{
    look::span,
    report::heat::{Cell, HeatMap},
};

/// Shades of the cells, from a quick move to a slow one.
const SHADES: f64 = 5.0;

/// The table; without rows there is none.
#[derive(Debug, Default)]
pub struct HeatTable {
    pub lines: Vec<String>,
    pub rows: Vec<HeatRow>,
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
    pub fn of(map: Option<&HeatMap>) -> Self {
        let Some(map) = map else { return Self::default() };
        let longest = map.longest_ms();
        let rows = map.rows.iter().map(|row| HeatRow {
            what: row.what.clone(),
            cells: row.cells.iter().map(|cell| show(*cell, longest)).collect(),
        });
        Self { lines: map.lines.iter().map(ToString::to_string).collect(), rows: rows.collect() }
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
        Cell::Unknown => (String::new(), "–".to_owned()),
    };
    HeatCell { class, text }
}
