//! Everything that was told.

use super::{
    super::{Console, mouse::Target},
    heading,
};
use crate::tui::{draw::event, narrator::Told, pen::Pen};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console) {
    let (filter, columns) = (&console.view.filter, pen.area.width);
    let ready = filter.ready();
    let fitting = console.log.iter().zip(console.log_before..).map(|(entry, number)| (&entry.told, number));
    let fitting = fitting.filter(|(told, _)| ready.takes_event(told));
    let shown: Vec<(&Told, usize)> = fitting.collect();
    let last = console.view.event.unwrap_or(usize::MAX);
    let end = shown.iter().rposition(|(_, number)| *number <= last).map_or(0, |at| at + 1);
    let mut title = format!("Log {}/{}", shown.len(), console.log.len());
    if console.log_before > 0 {
        title.push_str(&format!(", {} older ones are in the journal", console.log_before));
    }
    if console.view.filtering || !filter.text.is_empty() {
        title.push_str(&format!("   /{}{}", filter.text, if console.view.filtering { "_" } else { "" }));
    }
    match console.view.event {
        Some(_) => title.push_str(&format!("   held, {} new; G follows", shown.len() - end)),
        None => title.push_str("   following"),
    }
    heading(pen, (0, 0), columns, &title);
    let rows = usize::from(pen.area.height - 1);
    let from = end.saturating_sub(rows);
    for (y, (told, number)) in (1..).zip(shown.iter().take(end).skip(from)) {
        event(pen, y, told);
        pen.target((0, y), columns, Target::Event(*number));
    }
}
