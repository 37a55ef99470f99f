//! What is told on a terminal that is too small for the screens.

use ratatui::style::{Modifier, Style};

use super::{
    super::{Console, Question},
    SMALLEST, banner_of, mode,
};
use crate::{event::Stamp, tui::pen::Pen};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let (columns, bold) = (pen.area.width, Style::new().add_modifier(Modifier::BOLD));
    let needs = format!("needs {}x{}, is {columns}x{}", SMALLEST.0, SMALLEST.1, pen.area.height);
    pen.text(0, 0, &needs, Style::new());
    pen.text(0, 1, &keys(console), bold);
    let rows = usize::from(pen.area.height.saturating_sub(2));
    let told = match banner_of(console, now) {
        Err(gone) => vec![gone.to_owned()],
        Ok(banner) => banner.in_rows(pen.look, columns.into(), rows),
    };
    let note = console.view.note.as_ref().map(|note| format!("! {note}"));
    for (y, text) in (2..).zip(told.into_iter().chain(note)) {
        pen.text(0, y, &text, bold);
    }
}

/// In what mode they are, and what they do.
fn keys(console: &Console) -> String {
    let mode = mode(console);
    let restore = if console.phase().goes_on() && !console.takes_text() { "   U restore" } else { "" };
    match mode {
        "ASK" if console.view.question == Some(Question::Leave) => {
            format!("{mode}  q no   Ctrl-c leaves{restore}")
        }
        "ASK" => format!("{mode}  q no{restore}"),
        "NORMAL" if console.leaving_ends_the_run() => format!("{mode}{restore}   Ctrl-c twice leaves"),
        "NORMAL" => format!("{mode}{restore}   q leaves"),
        _ if console.takes_text() => format!("{mode}  Esc leaves it"),
        _ => format!("{mode}  q leaves it{restore}"),
    }
}
