//! What everything that is drawn on a terminal is written with.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
};

use super::console::mouse::Target;
use crate::{
    look::{Look, harmless, width},
    verdict::Verdict,
};

/// The text in so many cells: what does not fit ends in an ellipsis. It is gone through once, as what a phone says may be long.
pub(super) fn cut(mut text: String, room: usize, look: Look) -> String {
    if width(&text) <= room {
        return text;
    }
    let (mut end, mut used) = (0, 0);
    for (at, char) in text.char_indices() {
        used += width(char.encode_utf8(&mut [0; 4]));
        if used + 1 > room {
            break;
        }
        end = at + char.len_utf8();
    }
    text.truncate(end);
    text + look.pick("…", "~")
}

/// The two in so many cells, of which the end has room in any case.
pub(super) fn keeping(text: &str, end: &str, room: usize, look: Look) -> String {
    let (text, end) = (look.spelt(&harmless(text)), look.spelt(&harmless(end)));
    let left = room.saturating_sub(width(&end));
    cut(text, left, look) + &end
}

/// Writes into a part of a buffer; what is written is made harmless and cut to the room there is.
pub(super) struct Pen<'b> {
    pub(super) buffer: &'b mut Buffer,
    /// The part; columns and rows count from its corner.
    pub(super) area: Rect,
    pub(super) look: Look,
    /// What stands where, for whoever points at it.
    targets: Vec<(Rect, Target)>,
    /// What is drawn is not the present: it is dim, whatever it is.
    pub(super) old: bool,
    /// Keys are a phone's: rules are thick.
    pub(super) thick: bool,
}

impl<'b> Pen<'b> {
    /// One for that part of a buffer.
    pub(super) const fn new(buffer: &'b mut Buffer, area: Rect, look: Look) -> Self {
        Self { buffer, area, look, targets: Vec::new(), old: false, thick: false }
    }

    /// Draws into a part of the part, with columns and rows that count from its corner.
    pub(super) fn inside(&mut self, area: Rect, draw: impl FnOnce(&mut Pen<'_>)) {
        let mut inner = Pen::new(&mut *self.buffer, area, self.look);
        (inner.old, inner.thick) = (self.old, self.thick);
        draw(&mut inner);
        self.targets.append(&mut inner.targets);
    }

    /// Says what one points at in so many columns from there.
    pub(super) fn target(&mut self, (x, y): (u16, u16), columns: u16, target: Target) {
        let there = Rect { x: self.area.x + x, y: self.area.y + y, width: columns, height: 1 };
        self.targets.push((there.intersection(self.area), target));
    }

    /// What stands where.
    pub(super) fn into_targets(self) -> Vec<(Rect, Target)> {
        self.targets
    }

    /// Writes text from column `x` to the right edge.
    pub(super) fn text(&mut self, x: u16, y: u16, text: &str, style: Style) {
        self.within(x, y, self.area.width.saturating_sub(x), text, style);
    }

    /// Writes text into `room` columns; what does not fit ends in an ellipsis.
    pub(super) fn within(&mut self, x: u16, y: u16, room: u16, text: &str, style: Style) {
        if x >= self.area.width || y >= self.area.height {
            return;
        }
        let text = cut(self.look.spelt(&harmless(text)), room.into(), self.look);
        let style = match (self.look.colour, self.old) {
            (false, _) => Style::new(),
            (true, true) => self.dim(),
            (true, false) => style,
        };
        self.buffer.set_stringn(self.area.x + x, self.area.y + y, text, room.into(), style);
    }

    /// Marks where a cursor stands: an underscore where nothing is, else what is there as a negative image.
    pub(super) fn cursor(&mut self, x: u16, y: u16) {
        let place = Position { x: self.area.x + x, y: self.area.y + y };
        let Some(cell) = self.buffer.cell_mut(place).filter(|_| self.area.contains(place)) else { return };
        if cell.symbol() == " " {
            cell.set_char('_');
        } else if self.look.colour {
            cell.modifier.toggle(Modifier::REVERSED);
        }
    }

    pub(super) const fn colour(&self, colour: Color) -> Style {
        Style::new().fg(colour)
    }

    pub(super) const fn dim(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) const fn verdict(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Pass => self.colour(Color::Green),
            Verdict::Flaky => self.colour(Color::Yellow),
            Verdict::Fail => self.colour(Color::Red),
            Verdict::RigError => self.colour(Color::Magenta),
            Verdict::Skipped | Verdict::NotRun => self.dim(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From the end, a character at a time.
    fn popped(mut text: String, room: usize) -> String {
        if width(&text) > room {
            while width(&text) + 1 > room && text.pop().is_some() {}
            text.push('…');
        }
        text
    }

    proptest! {
        #[test]
        fn a_text_is_cut_where_taking_one_character_after_the_other_from_its_end_would(
            text in "[a-z 世界é\u{301}\u{308}〜。👩가‥]{0,60}",
            room in 0..50_usize,
        ) {
            let look = Look { colour: false, unicode: true };
            prop_assert_eq!(cut(text.clone(), room, look), popped(text, room));
        }
    }

    #[test]
    fn a_text_of_a_million_characters_is_cut_and_marks_of_no_width_stay_with_what_they_are_on() {
        let long = "e\u{301}世".repeat(500_000);
        assert_eq!(cut(long, 6, Look::PLAIN), "e\u{301}世e\u{301}~");
    }
}
