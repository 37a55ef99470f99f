//! The scenario: its steps, what was measured for the selected line against its limits, and what the lines did about each outage.

use ratatui::style::{Color, Modifier, Style};

use super::{super::Console, heading, wrap};
use crate::{
    event::Stamp,
    look::span,
    report::heat::{Cell, Row},
    tui::{draw::clock, pen::Pen},
    verdict::Measurement,
};

/// Columns of the left half.
const LEFT: u16 = 40;
/// Columns of an outage and of a line in the map.
const WHAT: u16 = 30;
const CELL: u16 = 9;
/// Most rows of the map.
const MAP: usize = 8;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let map = console.story.map.rows();
    let bottom = match map.len() {
        0 => pen.area.height,
        rows => pen.area.height.saturating_sub(rows.min(MAP) as u16 + 2),
    };
    steps(pen, console, bottom, now);
    case(pen, console, bottom);
    if !map.is_empty() {
        heat(pen, console, &map, bottom);
    }
}

fn steps(pen: &mut Pen<'_>, console: &Console, bottom: u16, now: Stamp) {
    let board = &console.board;
    heading(pen, (0, 0), LEFT - 1, &format!("{}, step by step", board.scenario));
    let plan = console.story.plan.as_ref();
    let scenario = plan.and_then(|plan| plan.scenarios().find(|scenario| scenario.name == board.scenario));
    let titles: Vec<&str> = scenario.iter().flat_map(|it| &it.steps).map(|step| step.title.as_str()).collect();
    let current = board.step.as_ref().map(|step| step.step);
    let rows = usize::from(bottom - 1);
    // The current step stays in sight.
    let first = current.map_or(0, |at| (at + 2).saturating_sub(rows));
    for (y, (index, title)) in (1..).zip(titles.iter().enumerate().skip(first).take(rows)) {
        let (ok, bad) = console.story.steps.get(&index).copied().unwrap_or_default();
        let mark = match current {
            Some(at) if index == at && board.decided() < board.lines.len() => ">",
            _ if bad > 0 => pen.look.pick("✗", "x"),
            _ if ok > 0 => pen.look.pick("✓", "+"),
            Some(at) if index < at => pen.look.pick("✓", "+"),
            _ => " ",
        };
        let counts = if bad > 0 { format!("  {ok} did, {bad} did not") } else { String::new() };
        let age = match (&board.step, mark) {
            (Some(step), ">") => format!("  {}", clock(now, step.began)),
            _ => String::new(),
        };
        let style = if mark == ">" { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        pen.within(0, y, LEFT - 1, &format!("{mark}{:>2} {title}{counts}{age}", index + 1), style);
    }
}

fn case(pen: &mut Pen<'_>, console: &Console, bottom: u16) {
    let Some(line) = console.selected() else { return };
    let columns = pen.area.width - LEFT;
    heading(pen, (LEFT, 0), columns, &format!("{line}; ] shows the next"));
    pen.within(LEFT + 1, 1, columns, "MEASURED           VALUE        LIMIT", pen.dim());
    let Some(case) = console.story.case(line) else { return };
    let mut y = 2;
    let shown = case.measured.iter().filter(|it| it.value.is_some() || it.max.is_some());
    for measurement in shown {
        if y >= bottom {
            return;
        }
        let (value, late) = value(measurement);
        let limit = measurement.max.map_or_else(String::new, |max| unit(max, &measurement.unit));
        let mark = if late { "!" } else { " " };
        let text = format!("{:18} {value:>9}  {mark} {limit}", measurement.name);
        let style = if late { pen.colour(Color::Red) } else { Style::new() };
        pen.within(LEFT + 1, y, columns - 2, &text, style);
        y += 1;
    }
    for deadline in case.deadlines.values() {
        if y + 1 < bottom && case.decided.is_none() {
            let text = format!("{:?} due within {}: {}", deadline.of, span(deadline.window_ms), deadline.derivation);
            for row in wrap(&text, usize::from(columns) - 2).into_iter().take(usize::from(bottom - y)) {
                pen.within(LEFT + 1, y, columns - 2, &row, pen.dim());
                y += 1;
            }
        }
    }
    if let Some(case) = case.decided.as_ref().filter(|_| y < bottom) {
        let mut text = format!("{} {}", pen.look.symbol(case.verdict), case.verdict);
        if let Some(blame) = case.blame {
            text.push_str(&format!(", {blame}"));
        }
        for part in [&case.code, &case.reason].into_iter().flatten() {
            text.push_str(&format!(": {part}"));
        }
        let style = pen.verdict(case.verdict);
        for (at, row) in (y..bottom).zip(wrap(&text, usize::from(columns) - 2)) {
            pen.within(LEFT + 1, at, columns - 2, &row, style);
        }
    }
}

/// A value for people, and whether it is above its limit.
fn value(measurement: &Measurement) -> (String, bool) {
    match (measurement.value, measurement.max) {
        (Some(value), max) => (unit(value, &measurement.unit), max.is_some_and(|max| value > max)),
        (None, Some(_)) => ("not seen".to_owned(), true),
        (None, None) => (String::new(), false),
    }
}

fn unit(value: f64, unit: &str) -> String {
    if unit == "ms" { span(value) } else { format!("{value}") }
}

/// What the lines did about each outage of their primary.
fn heat(pen: &mut Pen<'_>, console: &Console, map: &[&Row], top: u16) {
    let columns = pen.area.width;
    heading(pen, (0, top), columns, "What each line did about each outage of its primary");
    let room = usize::from((columns - WHAT) / CELL);
    let first = (console.place() + 1).saturating_sub(room);
    let place = |at: usize| WHAT + at as u16 * CELL;
    for (at, line) in console.board.lines.iter().skip(first).take(room).enumerate() {
        pen.within(place(at), top + 1, CELL - 1, &line.id.to_string(), pen.dim());
    }
    let longest = map.iter().flat_map(|row| row.moved_ms()).fold(0.0, f64::max);
    let from = map.len().saturating_sub(MAP);
    for (y, row) in (top + 2..).zip(map.iter().skip(from)) {
        pen.within(1, y, WHAT - 2, &row.what, Style::new());
        for (at, cell) in row.cells.iter().skip(first).take(room).enumerate() {
            let (text, style) = match cell {
                Cell::Moved(ms) => (format!("{} {}", warmth(pen, *ms, longest), span(*ms)), Style::new()),
                Cell::Stayed => ("stayed".to_owned(), Style::new()),
                Cell::Stranded => ("stranded".to_owned(), pen.colour(Color::Red)),
                Cell::Skipped => ("skipped".to_owned(), pen.dim()),
                Cell::Unknown => (pen.look.pick("–", "-").to_owned(), pen.dim()),
            };
            pen.within(place(at), y, CELL - 1, &text, style);
        }
    }
}

/// The fuller, the longer a move took against the longest.
fn warmth(pen: &Pen<'_>, ms: f64, longest: f64) -> &'static str {
    match (4.0 * ms / longest.max(1.0)).ceil() as u8 {
        0 | 1 => pen.look.pick("░", "."),
        2 => pen.look.pick("▒", ":"),
        3 => pen.look.pick("▓", "+"),
        _ => pen.look.pick("█", "#"),
    }
}
