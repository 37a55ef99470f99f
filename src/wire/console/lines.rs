//! Console bytes to lines, each with its place in the raw stream and its times.

use std::{mem, time::Duration};

use super::{
    echo::EchoQueue,
    escape::{Effect, EscapeState},
};
use crate::event::Stamp;

/// Longest text of a line, in bytes; what is longer (binary garbage) is cut into several.
pub const MAX_LINE: usize = 4096;

/// After this much silence an unfinished line counts as one: it is a prompt.
pub const SETTLE: Duration = Duration::from_millis(30);

/// A line of a console as a reader would see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its text without control sequences and line ending, redrawn parts in their last state; lossy UTF-8.
    pub text: String,
    /// Offset of its first byte in the raw stream.
    pub offset: u64,
    /// Number of its raw bytes, line ending included.
    pub len: u64,
    /// When its first byte was read.
    pub first: Stamp,
    /// When its last byte was read.
    pub last: Stamp,
    /// It repeats what we typed.
    pub echo: bool,
    /// It had no line ending (yet): a prompt, or what came before the port was lost.
    pub unfinished: bool,
}

/// Turns the bytes of one console into lines. How the bytes were cut into reads makes no difference to the lines.
///
/// CR LF, LF CR and CR CR LF all end one line. A bare CR goes back to the first column, and what follows replaces the
/// line: so a line that is redrawn with every key appears once, in its last state. Empty lines are left out.
#[derive(Debug, Clone, Default)]
pub struct LineAssembler {
    state: EscapeState,
    text: Vec<u8>,
    /// The cursor is in the first column: the next text replaces the line.
    returned: bool,
    /// Offset of the next byte in the raw stream.
    position: u64,
    start: u64,
    first: Option<Stamp>,
    last: Stamp,
    /// The unfinished line was already given out as it is.
    settled: bool,
    echoes: EchoQueue,
}

impl LineAssembler {
    /// An assembler at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that were read at `at` and appends the lines that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], at: Stamp, lines: &mut Vec<Line>) {
        while let Some((&next, behind)) = bytes.split_first() {
            let room = MAX_LINE - self.text.len();
            let (text, rest) = bytes.split_at(self.state.text_ahead(bytes).min(room));
            self.came(text.len().max(1), at);
            if text.is_empty() {
                self.take(next, lines);
                bytes = behind;
            } else {
                self.write(text, lines);
                bytes = rest;
            }
        }
    }

    /// Remembers that `text` is typed now, so that its echo can be told from an answer.
    pub fn typed(&mut self, text: &str, at: Stamp) {
        let prompt = String::from_utf8_lossy(&self.text).into_owned();
        self.echoes.typed(text, &prompt, at);
    }

    /// The unfinished line as it stands; none if it is empty.
    pub fn tail(&self) -> Option<Line> {
        (!self.text.is_empty()).then(|| Line {
            text: String::from_utf8_lossy(&self.text).into_owned(),
            offset: self.start,
            len: self.position - self.start,
            first: self.first.unwrap_or(self.last),
            last: self.last,
            echo: false,
            unfinished: true,
        })
    }

    /// When the unfinished line will count as a prompt if nothing follows; none if there is none to wait for.
    pub fn deadline(&self) -> Option<Stamp> {
        (!self.settled && !self.text.is_empty()).then(|| self.last + SETTLE)
    }

    /// The unfinished line, once, after it has been silent for [`SETTLE`].
    pub fn settle(&mut self, now: Stamp) -> Option<Line> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.settled = true;
        self.tail()
    }

    /// The port is gone: gives out the unfinished line, and begins afresh with the next byte.
    pub fn interrupt(&mut self) -> Option<Line> {
        let mut lines = Vec::new();
        self.end_line(&mut lines);
        self.state = EscapeState::Ground;
        lines.pop().map(|line| Line { unfinished: true, ..line })
    }

    fn came(&mut self, count: usize, at: Stamp) {
        self.first.get_or_insert(at);
        self.last = at;
        self.position += count as u64;
    }

    fn take(&mut self, byte: u8, lines: &mut Vec<Line>) {
        match self.state.step(byte) {
            Effect::Nothing => {}
            Effect::LineFeed => self.end_line(lines),
            Effect::Return => self.returned = true,
            Effect::Text(byte) => self.write(&[byte], lines),
            Effect::Backspace => self.change(|text| {
                let kept = text.iter().rposition(|byte| !is_continuation(*byte)).unwrap_or(0);
                text.truncate(kept);
            }),
            Effect::EraseToEnd if self.returned => self.change(Vec::clear),
            Effect::EraseToEnd => {}
            Effect::EraseLine => self.change(Vec::clear),
        }
    }

    /// Writes no more than there is room for.
    fn write(&mut self, written: &[u8], lines: &mut Vec<Line>) {
        if mem::take(&mut self.returned) {
            self.text.clear();
        }
        self.change(|text| text.extend_from_slice(written));
        if self.text.len() >= MAX_LINE {
            self.end_line(lines);
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.text);
        self.settled = false;
    }

    fn end_line(&mut self, lines: &mut Vec<Line>) {
        if let Some(tail) = self.tail() {
            let echo = self.echoes.claims(&tail.text, tail.last);
            lines.push(Line { echo, unfinished: false, ..tail });
        }
        self.text.clear();
        self.returned = false;
        self.settled = false;
        self.start = self.position;
        self.first = None;
    }
}

/// The second to fourth bytes of a character in UTF-8 (RFC 3629 section 3).
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests;
