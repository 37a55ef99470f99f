//! What each line did about the latest outages of its primary: the map of the report
//! ([`HeatMap`](crate::report::heat::HeatMap)), folded as it comes.

use std::collections::VecDeque;

use crate::{
    config::Role,
    event::OutageSpec,
    report::heat::{Cell, ROUNDING_MS, Row, TOGETHER_MS},
    tui::known::Known,
    verdict::Measurement,
};

/// Outages that are kept: those of three screens.
const ROWS: usize = 24;

/// The map, its lines in the order of the plan.
#[derive(Debug, Clone, Default)]
pub struct Map {
    rows: VecDeque<Told>,
    lines: usize,
}

/// An outage, or several that did the same to others at the same time.
#[derive(Debug, Clone)]
struct Told {
    at_ms: f64,
    row: Row,
    /// When it took the primary of each line away; none: it did not.
    began: Vec<Option<f64>>,
    /// Lines did without it.
    skipped: bool,
}

impl Map {
    /// Nothing was measured yet of so many lines.
    pub const fn of(lines: usize) -> Self {
        Self { rows: VecDeque::new(), lines }
    }

    /// What there is, oldest first; nothing, unless there are outages of different kinds to compare.
    pub fn rows(&self) -> Vec<&Row> {
        let known = |row: &&Row| row.cells.iter().any(|cell| *cell != Cell::Unknown);
        let rows: Vec<&Row> = self.rows.iter().map(|told| &told.row).filter(known).collect();
        let compares = rows.iter().zip(rows.iter().skip(1)).any(|(one, next)| one.what != next.what);
        if compares { rows } else { Vec::new() }
    }

    /// An outage takes force.
    pub fn began(&mut self, spec: &OutageSpec, at_ms: f64, known: &Known) {
        let what = spec.what();
        let last = self.rows.iter().rposition(|told| !told.skipped);
        let same = |told: &Told| told.row.what == what && (at_ms - told.at_ms).abs() <= TOGETHER_MS;
        let at = match last.filter(|at| self.rows.get(*at).is_some_and(same)) {
            Some(at) => at,
            None => self.insert(what, at_ms, false),
        };
        let Some(told) = self.rows.get_mut(at) else { return };
        for line in meant(spec, known) {
            if let Some(began) = told.began.get_mut(line) {
                began.get_or_insert(at_ms);
            }
        }
    }

    /// Its lines do without one.
    pub fn skipped(&mut self, spec: &OutageSpec, at_ms: f64, known: &Known) {
        let at = self.insert(spec.what(), at_ms, true);
        let Some(told) = self.rows.get_mut(at) else { return };
        for line in meant(spec, known) {
            if let Some(cell) = told.row.cells.get_mut(line) {
                *cell = Cell::Skipped;
            }
        }
    }

    /// Something was measured of a line.
    pub fn measured(&mut self, line: usize, measurement: &Measurement) {
        let Some(at_ms) = measurement.at_ms.filter(|_| measurement.name == "failover") else { return };
        for told in self.rows.iter_mut().rev() {
            let began = told.began.get(line).copied().flatten();
            if began.is_some_and(|began| (at_ms - began).abs() <= ROUNDING_MS)
                && let Some(cell) = told.row.cells.get_mut(line)
            {
                // What was measured first counts.
                if *cell == Cell::Unknown {
                    *cell = Cell::of(measurement);
                }
                return;
            }
        }
    }

    /// Puts a row in its place, which is mostly the last.
    fn insert(&mut self, what: String, at_ms: f64, skipped: bool) -> usize {
        if self.rows.len() == ROWS {
            self.rows.pop_front();
        }
        let at = self.rows.iter().rposition(|told| told.at_ms <= at_ms).map_or(0, |at| at + 1);
        let row = Row { what, cells: vec![Cell::Unknown; self.lines] };
        self.rows.insert(at, Told { at_ms, row, began: vec![None; self.lines], skipped });
        at
    }
}

/// The lines whose primary it is about.
fn meant(spec: &OutageSpec, known: &Known) -> impl Iterator<Item = usize> {
    let of_phone = |name| known.phone(name).into_iter().flat_map(|phone| &phone.lines).zip(known.lines_of(name));
    let lines = spec.phones.iter().flat_map(of_phone);
    lines.filter(|(line, _)| line.role_of(&spec.server) == Role::Primary).map(|(_, at)| at)
}
