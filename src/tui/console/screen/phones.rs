//! All lines: where each is registered, since when, for how long, and what became of it.

use ratatui::style::{Color, Modifier, Style};

use super::{
    super::{
        Console,
        face::{Face, is_old},
        mouse::Target,
        order::LastColumn,
    },
    heading,
    phone::lamps,
};
use crate::{
    event::Stamp,
    tui::{
        draw::{COLUMNS, event, row},
        pen::{Pen, keeping},
    },
};

/// Where the display of a phone stands on a wide terminal, and its lamps.
const WIDE: [(u16, &str); 2] = [(84, "DISPLAY"), (106, "LAMPS")];
/// Columns from which there is room for them.
const ROOMY: u16 = 116;
/// Where it stands what is to be looked at, and how many cells it has.
const ALERT: (u16, u16) = (COLUMNS[6].0, 19);
/// Where a mark stands: behind the number.
const MARK: u16 = 3;
/// Rows that events have at least, with their heading.
const EVENTS: u16 = 6;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let (lines, filter) = (console.shown(), &console.view.filter);
    let mut title = format!("Lines {}/{}", lines.len(), console.board.lines.len());
    if console.view.filtering || !filter.text.is_empty() {
        title.push_str(&format!("   /{}{}", filter.text, if console.view.filtering { "_" } else { "" }));
    }
    if let Some(words) = console.view.order.words() {
        title.push_str(&format!("   {words}"));
    }
    if !console.view.marked.is_empty() {
        title.push_str(&format!("   {} marked", console.view.marked.len()));
    }
    if let Some(number) = &console.view.number {
        title.push_str(&format!("   :{number}_"));
    }
    let columns = pen.area.width;
    heading(pen, (0, 0), columns, &title);
    let wide = columns >= ROOMY;
    let last = if wide { LastColumn::Result } else { console.view.last_column };
    for (x, name) in COLUMNS {
        pen.text(x, 1, if x == ALERT.0 { last.name() } else { name }, pen.dim());
    }
    for (x, name) in WIDE.into_iter().filter(|_| wide) {
        pen.text(x, 1, name, pen.dim());
    }
    let room = usize::from(pen.area.height.saturating_sub(2 + EVENTS));
    let place = console.place();
    let selected = lines.iter().position(|index| *index == place);
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(room));
    let mut y = 2;
    for (at, index) in lines.iter().enumerate().skip(first).take(room) {
        let Some(line) = console.board.lines.get(*index) else { continue };
        row(pen, y, *index, line, now);
        // Where its result will stand.
        if let Some((alert, bad)) = line.verdict.is_none().then(|| console.alert(&line.id, now)).flatten() {
            let style = if bad { pen.colour(Color::Red) } else { Style::new() };
            pen.within(ALERT.0, y, ALERT.1, &alert, style);
        }
        pen.target((0, y), columns, Target::Line(line.id.clone()));
        let known = console.talk.phone(&line.id.phone).map(|talk| &talk.face);
        match known {
            Some(known) if wide => {
                let [(display, _), (lamps, _)] = WIDE;
                face(pen, y, known, LastColumn::Display, now, (display, lamps - display - 1));
                face(pen, y, known, LastColumn::Lamps, now, (lamps, columns - lamps));
            }
            _ if last == LastColumn::Result => {}
            // Of the result its sign is left.
            _ => {
                let (from, room) = (ALERT.0 + 2, columns - ALERT.0 - 2);
                pen.text(from, y, &" ".repeat(room.into()), Style::new());
                match known {
                    Some(known) => face(pen, y, known, last, now, (from, room)),
                    None => pen.text(from, y, "?", Style::new()),
                }
            }
        }
        if console.view.marked.contains(&line.id.phone) {
            pen.text(MARK, y, "*", Style::new().add_modifier(Modifier::BOLD));
        }
        if Some(at) == selected {
            pen.text(0, y, ">", Style::new().add_modifier(Modifier::BOLD));
        }
        y += 1;
    }
    if console.board.lines.is_empty() {
        pen.text(1, y, "nothing is known of the run yet", pen.dim());
    } else if lines.is_empty() {
        pen.text(1, y, "no line fits the filter; Esc shows all", pen.dim());
    }
    let top = (y + 1).min(pen.area.height - EVENTS).max(y);
    heading(pen, (0, top), columns, "Events");
    let rows = usize::from(pen.area.height - top - 1);
    let from = console.board.events.len().saturating_sub(rows);
    for (y, told) in (top + 1..).zip(console.board.events.iter().skip(from)) {
        event(pen, y, told);
    }
}

/// What the phone shows, in so many cells from there. What is older than a moment has its age and is dimmed, and so is all of it where
/// nobody tells of changes any more.
fn face(pen: &mut Pen<'_>, y: u16, face: &Face, what: LastColumn, now: Stamp, (x, room): (u16, u16)) {
    let blind = face.blind_since.is_some();
    let shown = match what {
        LastColumn::Result => return,
        LastColumn::Display => face.display.as_ref().map(|(text, at)| (text.trim().to_owned(), *at)),
        LastColumn::Lamps => lamps(face).zip(face.lamps_told()),
    };
    let Some((text, told)) = shown else { return pen.within(x, y, room, "?", Style::new()) };
    let old = is_old(told, now);
    let age = if old { format!(" {}", ago(now, told)) } else { String::new() };
    let text = keeping(&format!("{}{text}", if blind { "! " } else { "" }), &age, room.into(), pen.look);
    pen.within(x, y, room, &text, if blind || old { pen.dim() } else { Style::new() });
}

/// In three cells, in whole units of which there are less than a hundred: `12s`, `5m`, `3h`, `2d`.
fn ago(now: Stamp, told: Stamp) -> String {
    let seconds = now.since(told).as_secs();
    match seconds {
        ..100 => format!("{seconds}s"),
        100..6_000 => format!("{}m", seconds / 60),
        6_000..360_000 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
