//! Everything that was told.

use ratatui::style::{Modifier, Style};

use super::{
    super::{Console, mouse::Target},
    boxed, heading,
};
use crate::tui::{draw::event, pen::Pen};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console) {
    let (filter, columns) = (&console.view.filter, pen.area.width);
    let events = console.events();
    let chosen = console.chosen_event(&events);
    let mut title = format!("Log {}/{}", events.len(), console.log.len());
    if console.log_before > 0 {
        title.push_str(&format!(", {} older ones are in the journal", console.log_before));
    }
    if console.view.filtering || !filter.text.is_empty() {
        title.push_str(&format!("   /{}{}", filter.text, if console.view.filtering { "_" } else { "" }));
    }
    match (console.view.event, chosen) {
        (Some(_), Some(chosen)) => {
            title.push_str(&format!("   held, {} new; G follows", events.len() - chosen - 1));
        }
        _ => title.push_str("   following"),
    }
    heading(pen, (0, 0), columns, &title);
    if events.is_empty() && !console.log.is_empty() {
        pen.text(1, 1, "no event fits the filter; / changes it", pen.dim());
    }
    // The selected one is the last that is shown; where there are too few before it, others follow below.
    let rows = usize::from(pen.area.height - 1);
    let from = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(rows));
    for (y, (at, (number, entry))) in (1..).zip(events.iter().enumerate().skip(from).take(rows)) {
        event(pen, y, &entry.told);
        pen.target((0, y), columns, Target::Event(*number));
        if Some(at) == chosen {
            pen.text(0, y, ">", Style::new().add_modifier(Modifier::BOLD));
        }
    }
    if let Ok(entry) = console.event()
        && console.view.whole
    {
        boxed(pen, &[format!("{}:", entry.told.at), entry.told.text.clone()]);
    }
}
