//! What the console of one phone says, as its recording tells it: scrollback with times, to be searched, the same in hexadecimal, and
//! what stands on the screen of a terminal there.
//!
//! Lines come first, since consoles of phones are a log and a shell, of which each line has a time. Bounded: the oldest go first.

use std::collections::VecDeque;

use super::talk::{Said, Speaker};
use crate::{
    event::{PhoneName, Stamp},
    look::harmless,
    wire::console::terminal::Terminal,
};

/// Lines, and rows of hexadecimal, that are kept.
const MEMORY: usize = 5000;
/// Bytes of their text that are kept: fewer lines, where they are long.
const BYTES: usize = 4 << 20;
/// Bytes of a row of hexadecimal.
const ROW: usize = 16;

/// Bytes that are kept for a terminal that is looked at from then on: what a screen shows was written in the last few thousand.
const RECENT: usize = 64 << 10;

/// As what it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    /// Line by line.
    #[default]
    Lines,
    /// Byte by byte.
    Hex,
    /// As it stands on a terminal's screen.
    Terminal,
}

/// How it is looked at.
#[derive(Debug, Clone, Default)]
pub struct SerialView {
    /// The number of the last row that is shown; none: the last that there is.
    pub row: Option<usize>,
    /// Or else it is the last that was said until then.
    pub instant: Option<Stamp>,
    /// As what.
    pub reading: Reading,
    /// Without times.
    pub bare: bool,
    /// What is looked for.
    pub wanted: String,
    /// The line that is being typed.
    pub typed: String,
    /// It is a secret.
    pub secret: bool,
    /// The next key is a control character.
    pub control: bool,
}

/// The scrollback of one phone's console.
#[derive(Debug)]
pub struct Serial {
    /// Whose.
    pub phone: PhoneName,
    /// The line that has not ended.
    pub tail: Option<Said>,
    lines: Scroll,
    hex: Scroll,
    /// The last that the phone said.
    recent: Vec<u8>,
    /// What of it stands on a terminal, where anybody looks at one: it costs more than all else here.
    terminal: Option<Box<Terminal>>,
}

/// Rows that are kept, and how many were before them.
#[derive(Debug, Clone, Default)]
pub struct Scroll {
    /// The rows, their text harmless.
    pub rows: VecDeque<Said>,
    /// Those that are gone.
    pub before: usize,
    /// Bytes of their text.
    bytes: usize,
}

impl Scroll {
    fn push(&mut self, row: Said) {
        self.bytes += row.text.len();
        self.rows.push_back(row);
        while self.rows.len() > MEMORY || (self.bytes > BYTES && self.rows.len() > 1) {
            let oldest = self.rows.pop_front();
            self.bytes -= oldest.map_or(0, |row| row.text.len());
            self.before += 1;
        }
    }

    /// The number of the last row; none: there is none.
    pub fn last(&self) -> Option<usize> {
        (self.before + self.rows.len()).checked_sub(1)
    }

    /// Rows with their numbers.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &Said)> + ExactSizeIterator {
        self.rows.iter().enumerate().map(|(at, row)| (self.before + at, row))
    }

    /// Whether a row has what is looked for.
    pub fn finds(row: &Said, wanted: &str) -> bool {
        !wanted.is_empty() && row.text.to_lowercase().contains(&wanted.to_lowercase())
    }

    /// The next row from there that has what is looked for, further back or further on.
    pub fn find(&self, from: usize, wanted: &str, back: bool) -> Option<usize> {
        let mut found = self.numbered().filter(|(_, row)| Self::finds(row, wanted)).map(|(number, _)| number);
        if back { found.rfind(|number| *number < from) } else { found.find(|number| *number > from) }
    }
}

impl Clone for Serial {
    /// The terminal is another one that heard the same of late, and as good to look at.
    fn clone(&self) -> Self {
        let Self { phone, tail, lines, hex, recent, terminal } = self;
        let (phone, tail, recent) = (phone.clone(), tail.clone(), recent.clone());
        let mut clone = Self { phone, tail, lines: lines.clone(), hex: hex.clone(), recent, terminal: None };
        clone.follow_on_terminal(terminal.is_some());
        if let (Some(cloned), Some(terminal)) = (&mut clone.terminal, terminal)
            && terminal.is_held()
        {
            cloned.hold(terminal.back());
        }
        clone
    }
}

impl Serial {
    /// Nothing was heard yet.
    pub fn of(phone: PhoneName) -> Self {
        let (lines, hex) = (Scroll::default(), Scroll::default());
        Self { phone, tail: None, lines, hex, recent: Vec::new(), terminal: None }
    }

    /// Its rows, in hexadecimal or as lines. A terminal has neither; its lines are those.
    pub const fn scroll(&self, reading: Reading) -> &Scroll {
        match reading {
            Reading::Hex => &self.hex,
            Reading::Lines | Reading::Terminal => &self.lines,
        }
    }

    /// Follows it on a terminal, from the last that was said on, or no more.
    pub fn follow_on_terminal(&mut self, follow: bool) {
        if follow != self.terminal.is_some() {
            self.terminal = follow.then(Box::default);
            if let Some(terminal) = &mut self.terminal {
                terminal.feed(&self.recent);
            }
        }
    }

    /// The terminal, if it is followed on one.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_deref()
    }

    /// The same, to be scrolled.
    pub fn terminal_mut(&mut self) -> Option<&mut Terminal> {
        self.terminal.as_deref_mut()
    }

    /// Takes a line that came or was typed.
    pub fn line(&mut self, said: Said) {
        self.lines.push(Said { text: harmless(&said.text), ..said });
    }

    /// Takes what became of the port.
    pub fn port(&mut self, at: Stamp, text: &str) {
        for scroll in [&mut self.lines, &mut self.hex] {
            scroll.push(Said { at, text: harmless(text), by: Speaker::Port });
        }
    }

    /// Takes bytes: for the rows of hexadecimal 16 a row, and what of them can be read; for a terminal what the phone says.
    pub fn bytes(&mut self, at: Stamp, by: Speaker, bytes: &[u8]) {
        if by == Speaker::Phone {
            self.recent.extend_from_slice(bytes);
            // Seldom, since all that is kept moves.
            if self.recent.len() > 2 * RECENT {
                self.recent.drain(..self.recent.len() - RECENT);
            }
            if let Some(terminal) = &mut self.terminal {
                terminal.feed(bytes);
            }
        }
        for row in bytes.chunks(ROW) {
            let mut text = String::with_capacity(4 * ROW);
            for byte in row {
                let digit = |value| char::from_digit(value, 16).unwrap_or('?');
                text.extend([digit(u32::from(byte >> 4)), digit(u32::from(byte & 0xf)), ' ']);
            }
            text.extend(std::iter::repeat_n("   ", ROW - row.len()));
            text.extend(row.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
            self.hex.push(Said { at, text, by });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_has_every_byte_of_both_directions() {
        let mut serial = Serial::of("p1".into());
        serial.bytes(Stamp::ZERO, Speaker::Phone, b"\x1b[2Jabcdefghijklmnop");
        serial.bytes(Stamp::ZERO, Speaker::Rig, b"x\r");
        let rows: Vec<&str> = serial.hex.rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(rows[0], "1b 5b 32 4a 61 62 63 64 65 66 67 68 69 6a 6b 6c .[2Jabcdefghijkl");
        assert!(rows[1].starts_with("6d 6e 6f 70    ") && rows[1].ends_with(" mnop"), "{rows:?}");
        assert!(rows[2].starts_with("78 0d ") && rows[2].ends_with("x."), "{rows:?}");
    }

    #[test]
    fn a_terminal_that_is_looked_at_late_shows_what_one_that_was_looked_at_all_the_time_does() {
        let (mut late, mut always) = (Serial::of("p1".into()), Serial::of("p1".into()));
        always.follow_on_terminal(true);
        for number in 0..20_000 {
            let text = format!("\x1b[1;1H{number}\x1b[24;1Hline {number}\r\n");
            late.bytes(Stamp::ZERO, Speaker::Phone, text.as_bytes());
            late.bytes(Stamp::ZERO, Speaker::Rig, b"typed\r");
            always.bytes(Stamp::ZERO, Speaker::Phone, text.as_bytes());
        }
        assert!(late.recent.len() <= 2 * RECENT && late.terminal().is_none());
        late.follow_on_terminal(true);
        for row in 0..24 {
            let text = |serial: &Serial| {
                let cells = serial.terminal().unwrap().cells(row).map(|cell| cell.text.to_owned());
                cells.collect::<String>()
            };
            assert_eq!(text(&late), text(&always));
        }
        late.follow_on_terminal(false);
        assert!(late.terminal().is_none());
    }

    #[test]
    fn memory_is_bounded_the_newest_stay_and_numbers_go_on() {
        let mut serial = Serial::of("p1".into());
        serial.bytes(Stamp::ZERO, Speaker::Phone, &vec![b'x'; 1 << 20]);
        for number in 0..MEMORY + 10 {
            serial.line(Said { at: Stamp::ZERO, text: format!("line {number}"), by: Speaker::Phone });
        }
        let scroll = serial.scroll(Reading::Lines);
        assert_eq!((scroll.rows.len(), serial.scroll(Reading::Hex).rows.len()), (MEMORY, MEMORY));
        assert_eq!(scroll.rows.back().unwrap().text, format!("line {}", MEMORY + 9));
        let last = scroll.last().unwrap();
        let found = scroll.find(last + 1, "LINE 50", true).unwrap();
        assert!(found <= last, "numbers go on");
        assert!(scroll.find(found, "line 50", true).unwrap() < found && scroll.find(last, "", true).is_none());
        assert_eq!(scroll.find(found, "line 5009", false), None, "nothing comes after the last");
        // Long lines of what must not reach a terminal take several times their room when they are made harmless.
        for _ in 0..MEMORY {
            serial.line(Said { at: Stamp::ZERO, text: "\u{9b}".repeat(2048), by: Speaker::Phone });
        }
        let scroll = serial.scroll(Reading::Lines);
        let bytes: usize = scroll.rows.iter().map(|row| row.text.capacity()).sum();
        assert!(bytes < 2 * BYTES && scroll.rows.len() > 100, "{bytes} bytes in {} rows", scroll.rows.len());
    }
}
