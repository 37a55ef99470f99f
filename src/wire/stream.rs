//! TCP segments to a byte stream, and a byte stream to SIP messages.
//!
//! [`Framer`] serves both ends of a connection of our own; [`Flow`] watches somebody else's. Not here: which two flows
//! are one connection, and reading the messages (`sip`).

use super::sip::{self, MAX_MESSAGE, value};

mod flow;
mod ranges;

pub use flow::{Flow, FlowEvent};

/// Longest line that may still become a start line, in bytes.
const MAX_START_LINE: usize = 8192;

/// Cuts a byte stream into SIP messages by `Content-Length` (RFC 3261 section 18.3). Holds at most one message and what
/// was pushed behind it.
#[derive(Debug, Clone, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes at the beginning of `buffer` that are done with.
    done: usize,
    /// Bytes of the current message in which no end of its head was found; 0: its start line was not seen yet.
    searched: usize,
    /// Length of the current message, once its head is complete.
    needed: Option<usize>,
    /// Bytes of the stream ahead of `buffer`.
    passed: u64,
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

/// A piece of the stream and its place.
#[derive(Debug)]
struct Cut {
    /// Bytes of the stream ahead of it.
    at: u64,
    framed: Framed,
}

impl Framer {
    /// Takes in bytes of the stream; returns what became complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        self.extend(bytes);
        std::iter::from_fn(|| self.cut()).map(|cut| cut.framed).collect()
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.done > 0 {
            self.buffer.drain(..self.done);
            self.passed += self.done as u64;
            self.done = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Place in the stream of the first byte that belongs to nothing reported yet.
    fn position(&self) -> u64 {
        self.passed + self.done as u64
    }

    /// Bytes were lost: what was begun never ends, and the stream goes on at `position`.
    fn skip_to(&mut self, position: u64) {
        *self = Self { passed: position, ..Self::default() };
    }

    fn cut(&mut self) -> Option<Cut> {
        if self.searched == 0 {
            if let Some(cut) = self.between_messages() {
                return Some(cut);
            }
            self.searched = self.start_line_end()?;
        }
        if self.needed.is_none() {
            let head = match self.head_end() {
                Some(end) => end,
                None if self.rest().len() > MAX_MESSAGE => {
                    return Some(self.garbage("headers without end", usize::MAX));
                }
                None => return None,
            };
            match content_length(&self.rest()[..head]) {
                Ok(length) if length <= MAX_MESSAGE - head.min(MAX_MESSAGE) => self.needed = Some(head + length),
                Ok(_) => return Some(self.garbage("a body longer than a message may be", head)),
                Err(reason) => return Some(self.garbage(reason, head)),
            }
        }
        let message = self.rest().get(..self.needed?)?.to_vec();
        Some(self.take(message.len(), Framed::Message(message)))
    }

    /// Line breaks and whatever else comes ahead of a start line.
    fn between_messages(&mut self) -> Option<Cut> {
        let rest = self.rest();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        // A CR at the end waits for its LF.
        if blank > 0 && !(blank == rest.len() && rest.ends_with(b"\r")) {
            return Some(self.take(blank, Framed::KeepAlive));
        }
        let mut strange = 0;
        while let Some(len) = memchr::memchr(b'\n', &rest[strange..]) {
            if sip::looks_like_sip(&rest[strange..strange + len]) {
                break;
            }
            strange += len + 1;
        }
        if strange == 0 && rest.len() > MAX_START_LINE && memchr::memchr(b'\n', &rest[..MAX_START_LINE]).is_none() {
            strange = rest.len();
        }
        (strange > 0).then(|| self.garbage("not SIP", strange))
    }

    /// Behind the first line, which is one of SIP's.
    fn start_line_end(&self) -> Option<usize> {
        memchr::memchr(b'\n', self.rest())
    }

    /// Behind the blank line. What was searched in vain is not searched again.
    fn head_end(&mut self) -> Option<usize> {
        let rest = &self.buffer[self.done..];
        let mut at = self.searched;
        let end = loop {
            let Some(step) = memchr::memchr(b'\n', &rest[at..]) else { break None };
            at += step;
            match &rest[at + 1..] {
                [b'\n', ..] => break Some(at + 2),
                [b'\r', b'\n', ..] => break Some(at + 3),
                // Undecided: to be looked at again with more bytes.
                [] | [b'\r'] => {
                    self.searched = at;
                    return None;
                }
                _ => at += 1,
            }
        };
        self.searched = end.unwrap_or(rest.len());
        end
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.done..]
    }

    fn garbage(&mut self, reason: &'static str, len: usize) -> Cut {
        let len = len.min(self.rest().len());
        self.take(len, Framed::Garbage { reason, len })
    }

    fn take(&mut self, len: usize, framed: Framed) -> Cut {
        let at = self.position();
        self.done += len;
        self.searched = 0;
        self.needed = None;
        Cut { at, framed }
    }
}

/// The length of the body that a head announces; 0 if it says nothing, as nobody could tell where the body ends.
fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let mut found = None;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let mut text = line[colon + 1..].trim_ascii().to_vec();
        while let Some(folded) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            text.extend_from_slice(folded.trim_ascii());
        }
        let length = str::from_utf8(&text).ok().and_then(value::number).ok_or("an unusable Content-Length")?;
        if found.is_some_and(|found| found != length) {
            return Err("conflicting Content-Length");
        }
        found = Some(length);
    }
    Ok(found.unwrap_or(0))
}

#[cfg(test)]
mod tests;
