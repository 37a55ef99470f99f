//! The scenario: its steps, what was measured for the selected line against its limits, and what the lines did about each outage.

use ratatui::style::{Color, Modifier, Style};

use super::{super::Console, heading, prompt, wrap};
use crate::{
    event::Stamp,
    look::{span, width},
    report::heat::{Cell, Row},
    tui::{board::StepState, console::story::LineCase, draw::clock, pen::Pen},
    verdict::{Measurement, Verdict},
};

/// Columns of the left half, of a terminal that is as narrow as it may be, and of wider ones.
const LEFT: [u16; 2] = [36, 60];
/// From so many columns on it is wide.
const WIDE: u16 = 110;
/// Where the figures stand in the right half.
const FIGURES: u16 = 18;
/// Rows above both halves.
const TOP: u16 = 3;
/// Columns of an outage and of a line in the map.
const WHAT: u16 = 30;
const CELL: u16 = 9;
/// Most rows of the map.
const MAP: usize = 8;
/// Cells of the bar.
const BAR: usize = 16;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let case = console.selected().and_then(|line| console.story.case(line));
    let below = match console.prompt() {
        Some(prompt) => {
            prompt::draw(pen, console, prompt, now);
            prompt::ROWS
        }
        None => 0,
    };
    let map = if below == 0 { console.story.map.rows() } else { Vec::new() };
    let bottom = match map.len() {
        0 => pen.area.height - below,
        rows => pen.area.height.saturating_sub(rows.min(MAP) as u16 + 2),
    };
    summary(pen, console, case, now);
    let left = if pen.area.width < WIDE { LEFT[0] } else { LEFT[1] };
    steps(pen, console, case, (left, bottom), now);
    self::case(pen, console, case, (left, bottom));
    if !map.is_empty() {
        heat(pen, console, &map, bottom);
    }
}

/// How far it is: of all cases, and the selected one in its step.
fn summary(pen: &mut Pen<'_>, console: &Console, case: Option<&LineCase>, now: Stamp) {
    let (board, story, columns) = (&console.board, &console.story, pen.area.width);
    let count = story.cases().len();
    let which = case.map_or_else(String::new, |_| format!("; case {} of {count}", console.place() + 1));
    let line = console.selected().map_or_else(String::new, |line| format!(", {line}{which}; ] shows the next"));
    heading(pen, (0, 0), columns, &format!("{}{line}", board.scenario));
    let of_all = |step: &StepState| (step.step, step.of);
    let (step, of) = board.step.as_ref().map_or((0, 0), of_all);
    let over = story.ended || (!board.lines.is_empty() && board.decided() == board.lines.len());
    let done = if over { BAR } else { BAR * step / of.max(1) };
    let bar = format!("{}{}", pen.look.pick("█", "#").repeat(done), pen.look.pick("░", ".").repeat(BAR - done));
    let decided: Vec<Verdict> = story.cases().iter().filter_map(|case| Some(case.decided.as_ref()?.verdict)).collect();
    let counts = [Verdict::Pass, Verdict::Fail, Verdict::Flaky, Verdict::RigError, Verdict::Skipped, Verdict::NotRun];
    let counts: Vec<String> = counts
        .iter()
        .map(|verdict| (verdict, decided.iter().filter(|it| *it == verdict).count()))
        .filter(|(verdict, count)| *count > 0 || matches!(verdict, Verdict::Pass | Verdict::Fail))
        .map(|(verdict, count)| format!("{verdict} {count}"))
        .collect();
    let left = count - decided.len();
    let step = if of > 0 { format!("step {}/{of}", step + 1) } else { "no step yet".to_owned() };
    let text = format!("{bar} {step}   {}   left {left}", counts.join("  "));
    pen.within(1, 1, columns - 2, &text, Style::new());
    let (text, late) = present(console, case, now);
    let style = if late { pen.colour(Color::Red).add_modifier(Modifier::BOLD) } else { Style::new() };
    pen.within(1, 2, columns - 2, &text, style);
}

/// What the selected line is at, and whether it is over its time.
fn present(console: &Console, case: Option<&LineCase>, now: Stamp) -> (String, bool) {
    let Some(case) = case else { return (String::new(), false) };
    if let Some((at, decided)) = case.decided_at.zip(case.decided.as_ref()) {
        return (format!("decided after {}: {}", clock(at, Stamp::ZERO), decided.verdict), false);
    }
    let board = &console.board;
    let Some(step) = &board.step else { return ("has not begun".to_owned(), false) };
    if let Some(took) = case.took.get(&step.step) {
        let took = span(took.as_secs_f64() * 1000.0);
        return (format!("done with step {} after {took}, and waits for the others", step.step + 1), false);
    }
    let spent = now.since(step.began).as_secs_f64() * 1000.0;
    let due = console.awaited(case);
    match due.map(|due| due.window_ms) {
        Some(window) if spent > window => {
            let over = span(spent - window);
            (format!("now: {}   {} of {}   ! over by {over}", step.title, span(spent), span(window)), true)
        }
        Some(window) => (format!("now: {}   {} of {}", step.title, span(spent), span(window)), false),
        None => (format!("now: {}   {}", step.title, span(spent)), false),
    }
}

fn steps(pen: &mut Pen<'_>, console: &Console, case: Option<&LineCase>, (left, bottom): (u16, u16), now: Stamp) {
    let board = &console.board;
    let age = "TIME ";
    heading(pen, (0, TOP), left - 1, "Step by step");
    pen.text(left - 2 - width(age) as u16, TOP, &format!(" {age}"), pen.dim());
    let titles: Vec<&str> =
        console.scenario().iter().flat_map(|it| it.all_steps()).map(|step| step.title.as_str()).collect();
    let current = board.step.as_ref().map(|step| step.step);
    let rows = usize::from(bottom.saturating_sub(TOP + 1));
    // The current step stays in sight.
    let first = current.map_or(0, |at| (at + 2).saturating_sub(rows));
    for (y, (index, title)) in (TOP + 1..).zip(titles.iter().enumerate().skip(first).take(rows)) {
        let (ok, bad) = console.story.steps.get(&index).copied().unwrap_or_default();
        let mark = match current {
            Some(at) if index == at && board.decided() < board.lines.len() => ">",
            _ if bad > 0 => pen.look.pick("✗", "x"),
            _ if ok > 0 => pen.look.pick("✓", "+"),
            Some(at) if index < at => pen.look.pick("✓", "+"),
            _ => " ",
        };
        let counts = if bad > 0 { format!("  {ok} did, {bad} did not") } else { String::new() };
        let took = case.and_then(|case| case.took.get(&index));
        let age = match (&board.step, mark, took) {
            (_, _, Some(took)) => span(took.as_secs_f64() * 1000.0),
            (Some(step), ">", None) => clock(now, step.began),
            _ => String::new(),
        };
        let style = if mark == ">" { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let room = left - 2 - width(&age) as u16;
        // What went wrong is said in any case, and the title in what room there is.
        let head = format!("{mark}{:>2} ", index + 1);
        let title_room = room.saturating_sub((width(&head) + width(&counts)) as u16 + 1);
        pen.within(0, y, room, &head, style);
        let begin = width(&head) as u16;
        pen.within(begin, y, title_room, title, style);
        let after = begin + title_room.min(width(title) as u16);
        pen.within(after, y, room.saturating_sub(after), &counts, style);
        pen.text(room, y, &age, style);
    }
}

fn case(pen: &mut Pen<'_>, console: &Console, case: Option<&LineCase>, (left, bottom): (u16, u16)) {
    let columns = pen.area.width - left;
    heading(pen, (left, TOP), columns, "Measured");
    pen.text(left + FIGURES, TOP, &format!("{:>8}  {:>7} {:>7}", "VALUE", "LIMIT", "BY"), pen.dim());
    let Some(case) = case else { return };
    let mut y = TOP + 1;
    let shown = case.measured.iter().filter(|it| it.value.is_some() || it.max.is_some());
    for measurement in shown {
        if y >= bottom {
            return;
        }
        let (value, late) = value(measurement);
        let limit = measurement.max.map_or_else(String::new, |max| unit(max, &measurement.unit));
        let by = by(measurement);
        let mark = if late { "!" } else { " " };
        pen.within(left + 1, y, FIGURES - 1, &measurement.name, Style::new());
        let text = format!("{value:>8} {mark}{limit:>7} {by:>7}");
        let style = if late { pen.colour(Color::Red) } else { Style::new() };
        pen.within(left + FIGURES, y, columns - FIGURES, &text, style);
        y += 1;
    }
    if case.decided.is_none() {
        // Values are told with the verdict; until then, what its steps came to.
        for (step, note) in &case.notes {
            y = wrapped(pen, (left, y), bottom, &format!("{}: {note}", step + 1), Style::new());
        }
        if let Some(due) = console.awaited(case) {
            let text = format!("{:?} due within {}: {}", due.of, span(due.window_ms), due.derivation);
            y = wrapped(pen, (left, y), bottom, &text, pen.dim());
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
        y = wrapped(pen, (left, y), bottom, &text, pen.verdict(case.verdict));
    }
    let phone = console.phone();
    let asked = console.story.prompts.iter().filter(|prompt| prompt.phones.iter().any(|it| Some(it) == phone));
    for (text, end) in asked.filter_map(|prompt| Some((&prompt.text, prompt.end.as_ref()?))) {
        y = wrapped(pen, (left, y), bottom, &format!("{text}: {end}"), Style::new());
    }
}

/// Writes a text on as many rows of the right half as it needs, and there are; the next row.
fn wrapped(pen: &mut Pen<'_>, (left, y): (u16, u16), bottom: u16, text: &str, style: Style) -> u16 {
    let columns = pen.area.width - left;
    let mut next = y;
    for row in wrap(text, usize::from(columns) - 2).into_iter().take(usize::from(bottom.saturating_sub(y))) {
        pen.within(left + 1, next, columns - 2, &row, style);
        next += 1;
    }
    next
}

/// By how much a value is above its limit (`+2.5 s`), or below it.
fn by(measurement: &Measurement) -> String {
    let Some((value, max)) = measurement.value.zip(measurement.max) else { return String::new() };
    let sign = if value > max { "+" } else { "-" };
    format!("{sign}{}", unit((value - max).abs(), &measurement.unit))
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
