//! The console of one phone: what it says and is told, line by line, in hexadecimal, or as it stands on a terminal.

use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    super::{
        Console,
        mode::Mode,
        serial::{Reading, Scroll, Serial},
        talk::{Said, Speaker},
    },
    heading, terminal,
};
use crate::{look::width, tui::pen::Pen};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console) {
    let columns = pen.area.width;
    let Some(serial) = console.serial.as_ref().filter(|serial| Some(&serial.phone) == console.phone()) else {
        heading(pen, (0, 0), columns, "Console");
        pen.text(1, 1, "nothing is known of this phone's console yet", pen.dim());
        return;
    };
    let typing = console.view.mode == Mode::Serial;
    let refused = console.talk.phone(&serial.phone).and_then(|talk| talk.untyped.as_ref()).filter(|_| typing);
    let bottom = pen.area.height - u16::from(typing) - u16::from(refused.is_some());
    let scroll = serial.scroll(console.view.serial.reading);
    if let Some(screen) = serial.terminal() {
        // What is on its way in the recording already stands there.
        let prompt = prompt(console, serial).filter(|_| serial.tail.is_none()).map(|said| said.text.as_str());
        let room = Rect { x: pen.area.x, y: pen.area.y + 1, height: bottom.saturating_sub(1), ..pen.area };
        heading(pen, (0, 0), columns, &terminal::title(&serial.phone, screen, room.height));
        pen.inside(room, |pen| terminal::draw(pen, screen, prompt));
    } else {
        let end = console.serial_row().or_else(|| scroll.last());
        heading(pen, (0, 0), columns, &title(console, serial, scroll, end));
        let tail = serial.tail.as_ref().or_else(|| prompt(console, serial));
        rows(pen, console, scroll, end, tail, bottom);
    }
    if scroll.rows.is_empty() && serial.terminal().is_none() {
        pen.text(1, 1, "nothing was heard", pen.dim());
    }
    let bold = Style::new().add_modifier(Modifier::BOLD);
    if let Some(reason) = refused {
        pen.text(0, bottom, &format!("! refused: {reason}"), bold);
    }
    if typing {
        pen.text(0, pen.area.height - 1, &line(console, columns.into()), bold);
    }
}

/// The line that is being typed: its end, where it is too long.
fn line(console: &Console, columns: usize) -> String {
    let view = &console.view.serial;
    if view.control {
        return "Ctrl-_".to_owned();
    }
    let (mark, shown) = match view.secret {
        true => ("secret> ", "*".repeat(view.typed.chars().count())),
        false => ("> ", view.typed.clone()),
    };
    let room = columns.saturating_sub(mark.len() + 1);
    let from = shown.len().saturating_sub(room);
    // What is typed is ASCII.
    format!("{mark}{}_", shown.get(from..).unwrap_or_default())
}

/// The prompt that the phone's console has come to: the run tells of it before its line has ended, and is recorded.
fn prompt<'c>(console: &'c Console, serial: &Serial) -> Option<&'c Said> {
    let said = console.talk.phone(&serial.phone)?.console.back().filter(|said| said.by == Speaker::Phone)?;
    let last = serial.scroll(Reading::Lines).rows.back()?;
    (said.at >= last.at && said.text != last.text).then_some(said)
}

fn title(console: &Console, serial: &Serial, scroll: &Scroll, end: Option<usize>) -> String {
    let view = &console.view.serial;
    let what = if view.reading == Reading::Hex { "rows" } else { "lines" };
    let mut title = format!("Console of {}: {} {what}", serial.phone, scroll.rows.len());
    if scroll.before > 0 {
        title.push_str(", older ones are in the recording");
    }
    if console.view.filtering || !view.wanted.is_empty() {
        let found = scroll.rows.iter().filter(|row| Scroll::finds(row, &view.wanted)).count();
        let cursor = if console.view.filtering { "_" } else { "" };
        title.push_str(&format!("   /{}{cursor} {found} found", view.wanted));
    }
    match (console.serial_row(), scroll.last()) {
        (Some(_), last) => {
            let new = last.unwrap_or(0).saturating_sub(end.unwrap_or(0));
            title.push_str(&format!("   held, {new} newer; G follows"));
        }
        (None, _) => title.push_str("   following"),
    }
    title
}

/// Rows up to that one, from the bottom upwards: long ones take several. Where there are too few of them, others follow below.
fn rows(pen: &mut Pen<'_>, console: &Console, scroll: &Scroll, end: Option<usize>, tail: Option<&Said>, bottom: u16) {
    let view = &console.view.serial;
    let (end, room) = (end.unwrap_or(0), usize::from(bottom - 1));
    let mut above: Vec<(String, Style)> = Vec::new();
    if let Some(tail) = tail.filter(|_| console.serial_row().is_none() && view.reading == Reading::Lines) {
        let tail = Said { text: format!("{}_", tail.text), ..tail.clone() };
        above.extend(pieces(pen, console, &tail).into_iter().rev());
    }
    for (_, row) in scroll.numbered().rev().skip_while(|(number, _)| *number > end) {
        if above.len() >= room {
            break;
        }
        above.extend(pieces(pen, console, row).into_iter().rev());
    }
    above.truncate(room);
    let mut all: Vec<_> = above.into_iter().rev().collect();
    for (_, row) in scroll.numbered().skip_while(|(number, _)| *number <= end) {
        if all.len() >= room {
            break;
        }
        all.extend(pieces(pen, console, row));
    }
    for (y, (text, style)) in (1..bottom).zip(all) {
        pen.text(0, y, &text, style);
    }
}

/// A row as it stands on the screen: what does not fit goes on below.
fn pieces(pen: &Pen<'_>, console: &Console, row: &Said) -> Vec<(String, Style)> {
    let view = &console.view.serial;
    let found = Scroll::finds(row, &view.wanted);
    let head = head(row, !view.bare, found);
    let room = usize::from(pen.area.width).saturating_sub(width(&head)).max(1);
    let (blank, style) = (" ".repeat(width(&head)), style(row, found));
    let cut = cut(&pen.look.spelt(&row.text), room).into_iter().enumerate();
    cut.map(|(at, text)| (format!("{}{text}", if at == 0 { &head } else { &blank }), style)).collect()
}

/// What stands before a line: when, whether it is looked for, and by whom.
fn head(row: &Said, times: bool, found: bool) -> String {
    let by = match row.by {
        Speaker::Phone => ' ',
        Speaker::Echo => '=',
        Speaker::Rig => '>',
        Speaker::Port => '!',
    };
    let found = if found { '*' } else { ' ' };
    if times { format!("{:>9}{found}{by} ", row.at.to_string()) } else { format!("{found}{by} ") }
}

const fn style(row: &Said, found: bool) -> Style {
    match row.by {
        _ if found => Style::new().add_modifier(Modifier::BOLD),
        Speaker::Echo => Style::new().add_modifier(Modifier::DIM),
        Speaker::Rig => Style::new().add_modifier(Modifier::BOLD),
        Speaker::Phone | Speaker::Port => Style::new(),
    }
}

/// A text in pieces of at most so many cells.
pub(super) fn cut(text: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for char in text.chars() {
        let cells = width(char.encode_utf8(&mut [0; 4]));
        if used + cells > room {
            pieces.push(String::new());
            used = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(char);
        }
        used += cells;
    }
    pieces
}
