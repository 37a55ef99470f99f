//! What keys do: the action table, as far as it fits what is searched for.

use ratatui::style::{Modifier, Style};

use super::super::{
    Console,
    action::{ACTIONS, Entry},
    mode::Mode,
};
use crate::{look::width, tui::pen::Pen};

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, search: &str) {
    for y in 0..pen.area.height {
        pen.text(0, y, &" ".repeat(pen.area.width.into()), Style::new());
    }
    let bold = Style::new().add_modifier(Modifier::BOLD);
    pen.text(1, 0, &format!("{}   search: {search}_", place(console)), bold);
    let legend = if pen.look.unicode {
        [
            "● primary  ◐ backup  ○ none  ? unsure  ◌ TLS: nobody can read where",
            "! look here  ■ an outage is in force  ✓ pass  ✗ fail",
        ]
    } else {
        [
            "P primary  B backup  - none  ? unsure  C TLS: nobody can read where",
            "! look here  # an outage is in force  + pass  x fail",
        ]
    };
    let rows = usize::from(pen.area.height - 4);
    let here = console.found(search).map(|entry| (line(entry), Style::new()));
    let elsewhere = console.found_elsewhere(search).map(|entry| {
        let mut text = line(entry);
        text.push_str(&format!(" ({})", entry.scope));
        (text, pen.dim())
    });
    let entries: Vec<(String, Style)> = here.chain(elsewhere).collect();
    // Two columns where one is too short.
    let (half, columns) = (entries.len().div_ceil(2), if entries.len() > rows { 2 } else { 1 });
    let each = if columns == 2 { half } else { rows };
    let room = pen.area.width / columns - 1;
    for (at, (entry, style)) in entries.iter().enumerate() {
        let (column, row) = (at / each, at % each);
        if row < rows {
            pen.within(1 + column as u16 * (room + 1), 1 + row as u16, room - 1, entry, *style);
        }
    }
    if entries.is_empty() {
        pen.text(1, 2, "no action fits", pen.dim());
    }
    for (y, words) in (pen.area.height - 2..).zip(legend) {
        pen.text(1, y, words, pen.dim());
    }
}

impl Console {
    /// The actions that can be taken here and fit what is searched for.
    pub(in super::super) fn found(&self, search: &str) -> impl Iterator<Item = &'static Entry> + use<> {
        let (screen, phase, mode) = (self.view.screen, self.phase(), self.view.mode);
        named(search).filter(move |entry| entry.fits(screen, phase, mode))
    }

    /// Those that fit it, if anything is searched for, and can be taken elsewhere only.
    pub(in super::super) fn found_elsewhere(&self, search: &str) -> impl Iterator<Item = &'static Entry> + use<> {
        let (screen, phase, mode) = (self.view.screen, self.phase(), self.view.mode);
        let searched = !search.trim().is_empty();
        named(search).filter(move |entry| searched && !entry.fits(screen, phase, mode))
    }
}

/// The actions that have all words of it.
fn named(search: &str) -> impl Iterator<Item = &'static Entry> + use<> {
    let wanted = search.to_lowercase();
    ACTIONS.iter().filter(move |entry| {
        let text = format!("{} {}", entry.hint, entry.help).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    })
}

/// Where the keys that are shown do what is said.
fn place(console: &Console) -> String {
    match console.view.mode {
        Mode::Normal => format!("Keys on {}", console.view.screen.name()),
        mode => format!("Keys in {}", mode.name()),
    }
}

fn line(entry: &Entry) -> String {
    let keys: Vec<String> = entry.keys.iter().map(ToString::to_string).collect();
    let keys = keys.join(" ");
    let filler = " ".repeat(9_usize.saturating_sub(width(&keys)));
    format!("{keys}{filler} {}", entry.help)
}
