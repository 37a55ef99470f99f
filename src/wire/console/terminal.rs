//! What stands on the screen of a terminal that shows a console: text, where it was put, and how it was to look.
//!
//! A terminal of 80 × 24, as those are that say nothing of their size: a serial line has none. What acts on the terminal itself
//! (titles, the clipboard, device control: control strings) is taken out before, and answers are never given; so what a phone sends
//! can change no more than the cells.

#[cfg(test)]
mod tests;

use super::escape::{ESC, EscapeState};

/// Rows of its screen.
pub const ROWS: u16 = 24;
/// Columns of its screen.
pub const COLUMNS: u16 = 80;
/// Rows that went out at the top and can be scrolled back to: 2.5 MB of cells.
const HISTORY: usize = 1000;

/// Rows of it that are shown at once at least, wherever anybody looks at it.
pub const FEWEST: u16 = 18;

/// Bytes of a control sequence that are passed on: more than any has that means something.
const LONGEST: usize = 64;

const CAN: u8 = 0x18;

/// A colour of text, or of what is behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colour {
    /// The terminal's own.
    #[default]
    Own,
    /// One of the palette of 256 (ISO/IEC 8613-6).
    Palette(u8),
    /// Red, green and blue.
    Direct(u8, u8, u8),
}

/// How text is to look (ECMA-48, SGR).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rendition {
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italicized.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Negative image.
    pub inverse: bool,
    /// Of the text.
    pub text: Colour,
    /// Behind it.
    pub behind: Colour,
}

/// What stands in one place of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'t> {
    /// In which column it begins.
    pub column: u16,
    /// How many columns it takes: 1 or 2.
    pub columns: u16,
    /// A character and what is combined with it, as the phone sent it and not harmless yet; empty: nothing was written there.
    pub text: &'t str,
    /// How it is to look.
    pub rendition: Rendition,
}

/// A terminal that nobody has in front of him.
pub struct Terminal {
    parser: vt100::Parser,
    escape: EscapeState,
    /// How many rows above the last of the screen, or of what is scrolled back to, the lowest one stands that is to be shown; none:
    /// what comes is followed.
    held: Option<u16>,
    /// What goes on to the parser.
    passed: Vec<u8>,
    /// Where in that the control sequence begins that has not ended.
    sequence: usize,
}

impl Default for Terminal {
    fn default() -> Self {
        let parser = vt100::Parser::new(ROWS, COLUMNS, HISTORY);
        Self { parser, escape: EscapeState::default(), held: None, passed: Vec::new(), sequence: 0 }
    }
}

impl Terminal {
    /// Takes bytes of a console.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let before = self.escape;
            self.escape.step(*byte);
            self.pass(before, *byte);
            match (before, self.escape) {
                (EscapeState::Sequence(_), EscapeState::Sequence(_)) => {}
                (_, EscapeState::Sequence(_)) => self.sequence = self.passed.len().saturating_sub(2),
                (EscapeState::Sequence(_), EscapeState::Ground) => limit(&mut self.passed, self.sequence),
                _ => {}
            }
        }
        // What has only begun is not passed on: half a character is taken for something else, and half a sequence can not be limited.
        let begun = match self.escape {
            EscapeState::Sequence(_) => self.passed.len() - self.sequence,
            EscapeState::Escape => 1,
            _ => begun(&self.passed),
        };
        let whole = self.passed.len().saturating_sub(begun);
        self.parser.process(&self.passed[..whole]);
        self.passed.drain(..whole);
        self.sequence = 0;
    }

    /// Passes a byte on, unless it is of a control string, or of a sequence that is longer than any.
    fn pass(&mut self, before: EscapeState, byte: u8) {
        match (before.in_string(), self.escape.in_string()) {
            (true, true) => {}
            // The parser has heard of its beginning: it would take it for its own, and keep it however long it is.
            (false, true) => self.passed.push(CAN),
            // It is the string's end, or an ESC that was none.
            (true, false) if before == EscapeState::StringEscape && byte == b'\\' => {}
            (true, false) if before == EscapeState::StringEscape && byte != b'\n' => self.passed.extend([ESC, byte]),
            // What does not belong into a sequence ends it here, and not there.
            (false, false) if before != EscapeState::Ground && !matches!(byte, 0x1b | 0x20..=0x7e) => {
                self.passed.extend([CAN, byte]);
            }
            (false, false)
                if matches!((before, self.escape), (EscapeState::Sequence(_), EscapeState::Sequence(_)))
                    && self.passed.len() - self.sequence > LONGEST => {}
            (_, false) => self.passed.push(byte),
        }
    }

    /// The cells of a row of the screen, or of what is scrolled back to, counted from the top.
    pub fn cells(&self, row: u16) -> impl Iterator<Item = Cell<'_>> {
        let cell = move |column| Some((column, self.parser.screen().cell(row, column)?));
        let whole = (0..COLUMNS).filter_map(cell).filter(|(_, cell)| !cell.is_wide_continuation());
        whole.map(|(column, cell)| Cell {
            column,
            columns: if cell.is_wide() { 2 } else { 1 },
            text: cell.contents(),
            rendition: rendition(cell),
        })
    }

    /// Where the next character will stand, as row and column from the top left; none while it is hidden or scrolled away from.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        let screen = self.parser.screen();
        (!screen.hide_cursor() && screen.scrollback() == 0).then(|| screen.cursor_position())
    }

    /// The lowest row that is to be shown: the one that was scrolled to, or else the last with text, as far as the cursor is shown as
    /// well.
    pub fn bottom(&self) -> u16 {
        if let Some(above) = self.held {
            return ROWS - 1 - above;
        }
        let written = |row: &u16| self.cells(*row).any(|cell| !cell.text.is_empty());
        let cursor = self.parser.screen().cursor_position().0.min(ROWS - 1);
        (cursor..ROWS.min(cursor + FEWEST)).rev().find(written).unwrap_or(cursor)
    }

    /// Whether it is held where it was scrolled to.
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// How many rows the lowest one that is to be shown is above the last of the screen.
    pub fn back(&self) -> usize {
        self.parser.screen().scrollback() + usize::from(ROWS - 1 - self.bottom())
    }

    /// Scrolls so many rows back, or as far as there are any. What comes meanwhile does not pull one away.
    pub fn hold(&mut self, back: usize) {
        let screen = self.parser.screen_mut();
        screen.set_scrollback(back);
        let above = (back - screen.scrollback()).min(usize::from(ROWS - FEWEST));
        // Less than a screen has rows.
        self.held = Some(above as u16);
    }

    /// Shows what comes.
    pub fn follow(&mut self) {
        self.parser.screen_mut().set_scrollback(0);
        self.held = None;
    }

    /// How many rows it can be scrolled back.
    pub fn most_back(&mut self) -> usize {
        let screen = self.parser.screen_mut();
        let before = screen.scrollback();
        screen.set_scrollback(usize::MAX);
        let all = screen.scrollback();
        screen.set_scrollback(before);
        all + usize::from(ROWS - FEWEST)
    }
}

/// Limits the numbers of a control sequence, which begins there and has ended: the parser does as often as it is told what can be seen
/// once, and a few bytes would keep it busy for long.
fn limit(passed: &mut Vec<u8>, start: usize) {
    let Some((last, parameters)) = passed.get(start + 2..).and_then(<[u8]>::split_last) else { return };
    let most: u32 = match last {
        // Scrolled, inserted and deleted lines.
        b'S' | b'T' | b'L' | b'M' => ROWS.into(),
        // Looks and modes, which are names and no numbers.
        b'm' | b'h' | b'l' => return,
        _ => COLUMNS.into(),
    };
    let mut limited = Vec::with_capacity(LONGEST);
    for piece in parameters.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()) {
        let number =
            std::str::from_utf8(piece).ok().filter(|text| text.starts_with(|char: char| char.is_ascii_digit()));
        match number.map(|text| text.parse().unwrap_or(u32::MAX)) {
            Some(number) if number > most => limited.extend_from_slice(most.to_string().as_bytes()),
            _ => limited.extend_from_slice(piece),
        }
    }
    limited.push(*last);
    passed.truncate(start + 2);
    passed.append(&mut limited);
}

/// How many bytes at the end have begun a character that has not ended (RFC 3629, section 3).
fn begun(bytes: &[u8]) -> usize {
    let is_first = |byte: &u8| *byte & 0xc0 != 0x80;
    let Some(length) = bytes.iter().rev().take(4).position(is_first).map(|after| after + 1) else { return 0 };
    let whole = match bytes[bytes.len() - length] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if length < whole { length } else { 0 }
}

fn rendition(cell: &vt100::Cell) -> Rendition {
    Rendition {
        bold: cell.bold(),
        dim: cell.dim(),
        italic: cell.italic(),
        underline: cell.underline(),
        inverse: cell.inverse(),
        text: colour(cell.fgcolor()),
        behind: colour(cell.bgcolor()),
    }
}

const fn colour(colour: vt100::Color) -> Colour {
    match colour {
        vt100::Color::Default => Colour::Own,
        vt100::Color::Idx(index) => Colour::Palette(index),
        vt100::Color::Rgb(red, green, blue) => Colour::Direct(red, green, blue),
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Terminal").field("back", &self.back()).finish_non_exhaustive()
    }
}
