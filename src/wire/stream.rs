//! TCP segments to a byte stream, and a byte stream to SIP messages.
//!
//! [`Framer`] serves both ends of a connection of our own; [`Flow`] watches somebody else's. Not here: which two flows
//! are one connection, and reading the messages (`sip`).

use super::sip::{self, MAX_MESSAGE, value};

mod assembly;
mod flow;
mod ranges;

pub use flow::{Flow, FlowEvent, Seen};

/// Longest line that may still become a start line, in bytes.
const MAX_START_LINE: usize = 8192;

/// A buffer that was larger than this gives its memory back when it is empty.
const KEPT_CAPACITY: usize = 4096;

/// Cuts a byte stream into SIP messages by `Content-Length` (RFC 3261 section 18.3). Holds at most one message that is not
/// complete.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    /// What is not complete yet.
    buffer: Vec<u8>,
    search: Search,
}

/// What a [`Framer`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A whole message.
    Message(Vec<u8>),
    /// CRLFs between messages (RFC 5626 section 3.5.1).
    KeepAlive,
    /// Bytes that are no message. Reading goes on at the next start line.
    Garbage {
        /// What is wrong with them.
        reason: &'static str,
        /// How many.
        len: usize,
    },
}

/// A piece of the stream. All pieces together are the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Message,
    KeepAlive,
    Garbage {
        reason: &'static str,
        /// Where in it.
        offset: usize,
    },
}

/// How far the piece at hand was looked through. Nothing is looked at twice, however the bytes come in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Search {
    /// Bytes in which no end of the line, or of the head, was found.
    searched: usize,
    /// Its first line is one of SIP's.
    begun: bool,
    /// Its first line goes on a line that was too long for a start line: it is none, whatever it ends with.
    overlong: bool,
    /// Length of the message, once its head is complete.
    needed: Option<usize>,
}

impl Framer {
    /// Takes in bytes of the stream; returns what became complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        let mut framed = Vec::new();
        self.feed(bytes, &mut |piece, bytes: &[u8]| {
            framed.push(match piece {
                Piece::Message => Framed::Message(bytes.to_vec()),
                Piece::KeepAlive => Framed::KeepAlive,
                Piece::Garbage { reason, .. } => Framed::Garbage { reason, len: bytes.len() },
            });
        });
        framed
    }

    /// The same, and copies only what is not complete.
    fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Piece, &[u8])) {
        if self.buffer.is_empty() {
            let done = self.search.cut(bytes, sink);
            self.buffer.extend_from_slice(bytes.get(done..).unwrap_or_default());
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let done = self.search.cut(&self.buffer, sink);
        if done == self.buffer.len() && self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        } else if done > 0 {
            self.buffer.drain(..done);
            #[cfg(test)]
            tests::count_steps(self.buffer.len());
        }
    }

    /// Whether what is held begins with a start line.
    fn is_in_message(&self) -> bool {
        self.search.begun
    }

    /// What was taken in and belongs to nothing reported yet.
    fn held(&self) -> &[u8] {
        &self.buffer
    }
}

impl Search {
    /// Reports every piece that is complete; returns how long they are together.
    fn cut(&mut self, bytes: &[u8], sink: &mut impl FnMut(Piece, &[u8])) -> usize {
        let mut done = 0;
        while let Some((piece, len)) = bytes.get(done..).and_then(|rest| self.next(rest)) {
            *self = Self { overlong: self.overlong, ..Self::default() };
            sink(piece, bytes.get(done..done + len).unwrap_or_default());
            done += len;
        }
        done
    }

    /// The piece at the beginning of these bytes and its length, if it is complete; then the search is over. Otherwise it goes
    /// on with the same bytes and more behind them.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<(Piece, usize)> {
        if !self.begun
            && let Some(piece) = self.between_messages(bytes)
        {
            return Some(piece);
        }
        if !self.begun {
            return None;
        }
        if self.needed.is_none() {
            let Some(head) = self.head_end(bytes).filter(|head| *head <= MAX_MESSAGE) else {
                // So many and no more, or the next message that is found would depend on how much came at once.
                let piece = Piece::Garbage { reason: "headers without end", offset: MAX_MESSAGE };
                return (bytes.len() > MAX_MESSAGE).then_some((piece, MAX_MESSAGE));
            };
            match content_length(&bytes[..head]) {
                Ok(length) if length <= MAX_MESSAGE - head => self.needed = Some(head + length),
                Ok(_) => {
                    let reason = "a body longer than a message may be";
                    return Some((Piece::Garbage { reason, offset: head }, head));
                }
                Err((reason, offset)) => return Some((Piece::Garbage { reason, offset }, head)),
            }
        }
        let needed = self.needed?;
        (bytes.len() >= needed).then_some((Piece::Message, needed))
    }

    /// Line breaks and whatever else comes ahead of a start line. None if the message begins here, or more bytes must tell.
    fn between_messages(&mut self, bytes: &[u8]) -> Option<(Piece, usize)> {
        if self.searched == 0 && !self.overlong {
            let mut blank = blanks(bytes);
            // A CR at the end waits for its LF.
            if blank == bytes.len() && bytes.ends_with(b"\r") {
                blank -= 1;
            }
            if blank > 0 {
                return Some((Piece::KeepAlive, blank));
            }
            if bytes == b"\r" {
                return None;
            }
        }
        let mut strange = 0;
        let mut from = self.searched;
        while let Some(step) = line_break(&bytes[from..]) {
            let end = from + step;
            // Those ahead of a line are no part of it, as where the bytes before it came alone.
            let line = &bytes[strange + blanks(&bytes[strange..end])..end];
            let short = !std::mem::take(&mut self.overlong) && line.len() <= MAX_START_LINE;
            if short && sip::looks_like_sip(line) {
                // The line break belongs to the end of the head as well, if there is nothing else in it.
                (self.begun, self.searched) = (strange == 0, end);
                break;
            }
            strange = end + 1;
            from = strange;
        }
        if strange == 0 && !self.begun {
            self.searched = bytes.len();
            if bytes.len() > MAX_START_LINE || self.overlong {
                (strange, self.overlong) = (bytes.len(), true);
            }
        }
        (strange > 0).then_some((Piece::Garbage { reason: "not SIP", offset: 0 }, strange))
    }

    /// Behind the blank line.
    fn head_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = self.searched;
        while let Some(step) = line_break(&bytes[at..]) {
            at += step;
            match &bytes[at + 1..] {
                [b'\n', ..] => return Some(at + 2),
                [b'\r', b'\n', ..] => return Some(at + 3),
                // Undecided: to be looked at again with more bytes.
                [] | [b'\r'] => {
                    self.searched = at;
                    return None;
                }
                _ => at += 1,
            }
        }
        self.searched = bytes.len();
        None
    }
}

/// How many bytes there are ahead of the first one that says something.
pub(super) fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count()
}

/// Place of the next line break.
fn line_break(bytes: &[u8]) -> Option<usize> {
    let found = memchr::memchr(b'\n', bytes);
    #[cfg(test)]
    tests::count_steps(found.map_or(bytes.len(), |place| place + 1));
    found
}

/// The length of the body that a head announces; 0 if it says nothing, as nobody could tell where the body ends. Else what is
/// wrong, and where in the head.
fn content_length(head: &[u8]) -> Result<usize, (&'static str, usize)> {
    let mut found = None;
    let mut at = 0;
    let lines = head.split_inclusive(|byte| *byte == b'\n').map(|line| {
        at += line.len();
        (at - line.len(), line.trim_ascii_end())
    });
    let mut lines = lines.skip(1).peekable();
    while let Some((offset, line)) = lines.next() {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let mut text = line[colon + 1..].trim_ascii().to_vec();
        while let Some((_, folded)) = lines.next_if(|(_, line)| line.starts_with(b" ") || line.starts_with(b"\t")) {
            text.extend_from_slice(folded.trim_ascii());
        }
        let length = str::from_utf8(&text).ok().and_then(value::number);
        let length = length.ok_or(("an unusable Content-Length", offset))?;
        if found.is_some_and(|found| found != length) {
            return Err(("conflicting Content-Length", offset));
        }
        found = Some(length);
    }
    Ok(found.unwrap_or(0))
}

#[cfg(test)]
mod tests;
