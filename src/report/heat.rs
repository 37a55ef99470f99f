//! What each line did about each outage of its primary: lines against outages, with the time of the move in each cell.

use super::{RunStory, story::Outage};
use crate::{
    config::Role,
    event::LineId,
    verdict::{Case, Measurement},
};

/// Outages that do the same and begin within this time are one to those who look on: each is of another server, or for
/// other phones.
pub const TOGETHER_MS: f64 = 1_000.0;
/// In milliseconds: what a time loses in being written down.
pub const ROUNDING_MS: f64 = 0.002;

/// The map of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// The lines, in the order of the plan.
    pub lines: Vec<LineId>,
    /// The outages, in the order in which they began.
    pub rows: Vec<Row>,
}

/// An outage.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it did: `drop, whole host`.
    pub what: String,
    /// What each line did about it.
    pub cells: Vec<Cell>,
}

/// What a line did about an outage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// It moved to its backup, so many milliseconds after the outage began.
    Moved(f64),
    /// It did not: its primary confirmed it in spite of the outage.
    Stayed,
    /// It did not, and nobody confirmed it.
    Stranded,
    /// There was none for it: the bench has no place for such an outage.
    Skipped,
    /// Nobody asked, or the outage was not for it.
    Unknown,
}

impl Cell {
    /// What a measured failover tells.
    pub fn of(failover: &Measurement) -> Self {
        match (failover.value, failover.why_null.as_deref()) {
            (Some(ms), _) => Self::Moved(ms),
            (None, Some(Measurement::STAYED)) => Self::Stayed,
            (None, Some(Measurement::STRANDED)) => Self::Stranded,
            _ => Self::Unknown,
        }
    }
}

impl HeatMap {
    /// The map; none unless there are outages of different kinds to compare.
    pub fn of(story: &RunStory, cases: &[Case]) -> Option<Self> {
        let mut lines: Vec<LineId> = Vec::new();
        for case in cases {
            let line = LineId { phone: case.id.phone.clone(), extension: case.id.line.clone() };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let mut groups: Vec<(f64, String, Vec<&Outage>)> = Vec::new();
        for outage in story.outages.values() {
            let (Some(spec), Some(began)) = (&outage.spec, outage.began) else { continue };
            // What operators make by hand measures nobody.
            if spec.by.is_some() {
                continue;
            }
            let (at, what) = (began.at.as_millis_f64(), spec.what());
            match groups.last_mut() {
                Some((since, known, outages)) if *known == what && at - *since <= TOGETHER_MS => outages.push(outage),
                _ => groups.push((at, what, vec![outage])),
            }
        }
        let rows = groups.into_iter().map(|(at, what, outages)| {
            let cells = lines.iter().map(|line| cell(line, &outages, story, cases)).collect();
            (at, Row { what, cells })
        });
        let mut rows: Vec<(f64, Row)> = rows.collect();
        for skipped in &story.skipped {
            let without = |line: &LineId| match skipped.concerns(line, story) {
                true => Cell::Skipped,
                false => Cell::Unknown,
            };
            let cells = lines.iter().map(without).collect();
            rows.push((skipped.at.as_millis_f64(), Row { what: skipped.spec.what(), cells }));
        }
        rows.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let rows = rows.into_iter().map(|(_, row)| row);
        let rows: Vec<Row> = rows.filter(|row| row.cells.iter().any(|cell| *cell != Cell::Unknown)).collect();
        let compares = rows.iter().any(|row| row.what != rows[0].what);
        compares.then_some(Self { lines, rows })
    }

    /// The longest time of a move, in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        self.rows.iter().flat_map(Row::moved_ms).fold(0.0, f64::max)
    }
}

impl Row {
    /// The times of the lines that moved, in milliseconds.
    pub fn moved_ms(&self) -> impl Iterator<Item = f64> {
        self.cells.iter().filter_map(|cell| match cell {
            Cell::Moved(ms) => Some(*ms),
            _ => None,
        })
    }

    /// How many lines did such a thing.
    pub fn count(&self, what: Cell) -> usize {
        self.cells.iter().filter(|cell| **cell == what).count()
    }
}

/// What a line did about the outages of a group: one of them at most takes its primary away.
fn cell(line: &LineId, outages: &[&Outage], story: &RunStory, cases: &[Case]) -> Cell {
    let of_line = outages.iter().find_map(|outage| {
        let spec = outage.spec.as_ref()?;
        let meant = spec.phones.contains(&line.phone) && story.role(line, &spec.server) == Role::Primary;
        outage.began.filter(|_| meant)
    });
    let Some(began) = of_line else { return Cell::Unknown };
    let cases = cases.iter().filter(|case| case.id.phone == line.phone && case.id.line == line.extension);
    let at = |measurement: &&Measurement| {
        let same = |at_ms: f64| (at_ms - began.at.as_millis_f64()).abs() <= ROUNDING_MS;
        measurement.name == "failover" && measurement.at_ms.is_some_and(same)
    };
    cases.flat_map(|case| &case.measurements).find(at).map_or(Cell::Unknown, Cell::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Manner, OutageMode, OutageSpec, Stamp},
        report::{sample::outages, story::Skipped},
    };

    const MODES: [OutageMode; 2] = [OutageMode::DROP, OutageMode::Steady(Manner::Reset)];

    fn failover(case: &mut Case, at_ms: f64, value: Option<f64>, why: Option<&str>) {
        case.measurements.push(Measurement {
            name: "failover".to_owned(),
            at_ms: Some(at_ms),
            from_server: None,
            to_server: None,
            value,
            unit: "ms".to_owned(),
            error: None,
            min: None,
            max: None,
            why_null: why.map(str::to_owned),
        });
    }

    #[test]
    fn each_cell_is_what_its_line_did_about_its_outage() {
        let story = outages(&MODES);
        let mut cases = story.cases();
        failover(&mut cases[0], 100_000.0, Some(9_000.0), None);
        failover(&mut cases[0], 200_000.0, None, Some(Measurement::STAYED));
        failover(&mut cases[1], 200_000.001, None, Some(Measurement::STRANDED));
        let map = HeatMap::of(&story, &cases).unwrap();
        assert_eq!(map.lines.iter().map(ToString::to_string).collect::<Vec<_>>(), ["p1/1001", "p2/1002"]);
        let rows: Vec<(&str, &[Cell])> = map.rows.iter().map(|row| (row.what.as_str(), &row.cells[..])).collect();
        let expected: [(&str, &[Cell]); 2] = [
            ("drop, whole host", &[Cell::Moved(9_000.0), Cell::Unknown]),
            ("reset, whole host", &[Cell::Stayed, Cell::Stranded]),
        ];
        assert_eq!(rows, expected);
        assert!((map.longest_ms() - 9_000.0).abs() < 0.1);
    }

    #[test]
    fn an_outage_that_lines_did_without_has_its_row_in_its_turn_and_no_times() {
        let mut story = outages(&MODES);
        let spec = OutageSpec {
            mode: Manner::Unresolvable.into(),
            phones: vec!["p1".into()],
            ..story.outages.values().next().unwrap().spec.clone().unwrap()
        };
        story.skipped.push(Skipped {
            spec,
            needs: "needs a server on the link".to_owned(),
            at: Stamp::from_millis(150_000),
        });
        let mut cases = story.cases();
        failover(&mut cases[0], 100_000.0, Some(9_000.0), None);
        failover(&mut cases[0], 200_000.0, None, Some(Measurement::STAYED));
        let map = HeatMap::of(&story, &cases).unwrap();
        let whats: Vec<&str> = map.rows.iter().map(|row| row.what.as_str()).collect();
        assert_eq!(whats, ["drop, whole host", "unresolvable, whole host", "reset, whole host"]);
        assert_eq!(map.rows[1].cells, [Cell::Skipped, Cell::Unknown]);
        assert_eq!((map.rows[1].moved_ms().count(), story.needs()), (0, vec!["needs a server on the link"]));
    }

    #[test]
    fn where_there_is_nothing_to_compare_there_is_no_map() {
        let same = outages(&[OutageMode::DROP, OutageMode::DROP]);
        let mut cases = same.cases();
        failover(&mut cases[0], 100_000.0, Some(9_000.0), None);
        failover(&mut cases[0], 200_000.0, Some(8_000.0), None);
        assert_eq!(HeatMap::of(&same, &cases), None);
        let unasked = outages(&MODES);
        assert_eq!(HeatMap::of(&unasked, &unasked.cases()), None);
    }
}
