//! The console of one phone as it stands on a terminal's screen.

use ratatui::style::{Color, Modifier, Style};

use crate::{
    event::PhoneName,
    look::{is_harmful, width},
    tui::pen::Pen,
    wire::console::terminal::{COLUMNS, Cell, Colour, ROWS, Rendition, Terminal},
};

/// The rows of it that are shown where there is room for so many.
fn shown(terminal: &Terminal, room: u16) -> std::ops::Range<u16> {
    let top = (terminal.bottom() + 1).saturating_sub(room);
    top..(top + room).min(ROWS)
}

pub(super) fn title(phone: &PhoneName, terminal: &Terminal, room: u16) -> String {
    let rows = shown(terminal, room);
    let rows = format!("rows {}–{}", rows.start + 1, rows.end);
    let place = match terminal.cursor() {
        _ if terminal.is_held() => format!("held, {} rows back; G follows", terminal.back()),
        Some((row, column)) => format!("{rows}, cursor {},{}   following", row + 1, column + 1),
        None => format!("{rows}, no cursor   following"),
    };
    format!("Console of {phone}: terminal {COLUMNS} × {ROWS}   {place}")
}

/// Draws what stands on it. `prompt` is what the phone's console has come to, in a line that has not ended.
pub(super) fn draw(pen: &mut Pen<'_>, terminal: &Terminal, prompt: Option<&str>) {
    let rows = shown(terminal, pen.area.height);
    let (top, room) = (rows.start, pen.area.height);
    for row in rows {
        line(pen, row - top, terminal.cells(row));
    }
    if pen.area.width > COLUMNS {
        let edge = pen.look.pick("│", "|");
        (0..room.min(ROWS)).for_each(|y| pen.within(COLUMNS, y, 1, edge, pen.dim()));
    }
    if let Some((row, column)) = terminal.cursor()
        && let Some(y) = row.checked_sub(top).filter(|y| *y < room)
    {
        let prompt = prompt.filter(|_| column == 0).unwrap_or_default();
        let shown: String = prompt.chars().filter(|char| !is_harmful(*char)).collect();
        pen.within(0, y, pen.area.width, &shown, Style::new());
        // One that has written into the last column waits there.
        let column = (usize::from(column) + width(&shown)).min(usize::from(COLUMNS) - 1) as u16;
        pen.cursor(column, y);
    }
}

/// What looks alike is written together.
fn line<'t>(pen: &mut Pen<'_>, y: u16, cells: impl Iterator<Item = Cell<'t>>) {
    let mut run: Option<(u16, u16, String, Rendition)> = None;
    let write = |pen: &mut Pen<'_>, run: Option<(u16, u16, String, Rendition)>| {
        if let Some((column, columns, text, rendition)) = run {
            pen.within(column, y, columns, &text, style(rendition));
        }
    };
    for cell in cells {
        let text = text(&cell);
        match &mut run {
            Some((_, columns, before, rendition)) if *rendition == cell.rendition => {
                *columns += cell.columns;
                before.push_str(&text);
            }
            _ => {
                let next = Some((cell.column, cell.columns, text, cell.rendition));
                write(pen, std::mem::replace(&mut run, next));
            }
        }
    }
    write(pen, run);
}

/// What stands in a cell, harmless, and exactly as wide as the cell is.
fn text(cell: &Cell<'_>) -> String {
    let text: String = cell.text.chars().filter(|char| !is_harmful(*char)).collect();
    match width(&text) {
        _ if text.is_empty() => " ".repeat(cell.columns.into()),
        wide if wide == usize::from(cell.columns) => text,
        _ => "?".repeat(cell.columns.into()),
    }
}

fn style(rendition: Rendition) -> Style {
    let Rendition { bold, dim, italic, underline, inverse, text, behind } = rendition;
    let mut modifiers = Modifier::empty();
    modifiers.set(Modifier::BOLD, bold);
    modifiers.set(Modifier::DIM, dim);
    modifiers.set(Modifier::ITALIC, italic);
    modifiers.set(Modifier::UNDERLINED, underline);
    modifiers.set(Modifier::REVERSED, inverse);
    let style = Style::new().add_modifier(modifiers);
    let style = colour(text).map_or(style, |colour| style.fg(colour));
    colour(behind).map_or(style, |colour| style.bg(colour))
}

const fn colour(colour: Colour) -> Option<Color> {
    match colour {
        Colour::Own => None,
        Colour::Palette(index) => Some(Color::Indexed(index)),
        Colour::Direct(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    }
}
