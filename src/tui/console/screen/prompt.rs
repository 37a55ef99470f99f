//! What an operator is asked for.

use ratatui::style::{Color, Modifier, Style};

use super::{super::Console, wrap};
use crate::{
    event::Stamp,
    look::width,
    report::Prompt,
    tui::{draw::clock, pen::Pen},
};

/// Rows of the box: its edges, three of text, and one of keys.
pub(super) const ROWS: u16 = 6;

/// A box at the bottom.
pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, prompt: &Prompt, now: Stamp) {
    let look = pen.look;
    let inner = usize::from(pen.area.width).saturating_sub(4);
    let top = pen.area.height.saturating_sub(ROWS);
    let bold = pen.colour(Color::Yellow).add_modifier(Modifier::BOLD);
    let (nth, of) = prompt.nth;
    let count = if of > 1 { format!(" {nth}/{of}") } else { String::new() };
    let names: Vec<&str> = prompt.phones.iter().take(6).map(|phone| phone.0.as_str()).collect();
    let more = if prompt.phones.len() > names.len() { " and more" } else { "" };
    let title = format!(" OPERATOR NEEDED{count}: {}{more} ", names.join(", "));
    let line = look.pick("━", "=");
    let rest = (inner + 1).saturating_sub(width(&title));
    let edge = format!("{}{line}{title}{}{}", look.pick("┏", "+"), line.repeat(rest), look.pick("┓", "+"));
    pen.within(0, top, pen.area.width, &edge, bold);
    let mut rows = wrap(&prompt.text, inner);
    rows.resize(3, String::new());
    // Who plays a run back, or just sees this come up, can answer nothing.
    let keys = if console.is_asked() { "y done   s skip   a abort the run (asks)" } else { "" };
    let ends = format!("skipped by itself in {}", clock(prompt.until, now));
    let filler = " ".repeat(inner.saturating_sub(width(keys) + width(&ends)));
    rows.push(format!("{keys}{filler}{ends}"));
    let side = look.pick("┃", "|");
    for (y, row) in (top + 1..).zip(&rows) {
        let filler = " ".repeat(inner.saturating_sub(width(row)));
        pen.within(0, y, pen.area.width, &format!("{side} {row}{filler} {side}"), Style::new());
    }
    let bottom = format!("{}{}{}", look.pick("┗", "+"), line.repeat(inner + 2), look.pick("┛", "+"));
    pen.within(0, top + ROWS - 1, pen.area.width, &bottom, bold);
}
