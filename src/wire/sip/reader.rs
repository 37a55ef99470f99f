//! Reads messages one after the other.

use super::{
    Header, MAX_MESSAGE, Message, Unreadable,
    glance::{self, Glance},
    head::Head,
    is_keep_alive,
    oddity::Oddities,
    shape::Shapes,
    start::Start,
    tidy, typed,
};
use crate::event::SipMessage;

/// Reads messages, and keeps what can be used again for the next one.
#[derive(Debug, Default)]
pub struct Reader {
    /// A head that had to be brought into order.
    tidy: String,
    /// What rsip is given.
    for_rsip: String,
    /// None: rsip is given every message.
    shapes: Option<Shapes>,
    passed: u64,
}

/// A message in its pieces.
struct Parts<'a> {
    start: Start<'a>,
    head: Head<'a>,
    /// What follows the blank line.
    behind: &'a [u8],
    oddities: Oddities,
}

impl Reader {
    /// Gives every message to rsip.
    pub fn every() -> Self {
        Self::default()
    }

    /// Gives rsip the first message of each shape only, and all that are odd in any way. What is read is the same.
    pub fn by_shape() -> Self {
        Self { shapes: Some(Shapes::default()), ..Self::default() }
    }

    /// Reads one message: a datagram, or what `stream` cut from a connection.
    ///
    /// # Errors
    /// If there is no start line, no end of the headers, or too much of anything; or if rsip refuses it or understands a
    /// header otherwise.
    pub fn glance<'s>(&'s mut self, bytes: &'s [u8]) -> Result<Glance<'s>, Unreadable> {
        let parts = Parts::of(bytes, &mut self.tidy)?;
        let known = self.shapes.as_mut().is_some_and(|shapes| shapes.knows(&parts.start, &parts.head));
        let glance = glance::glance(parts.start, &parts.head, parts.behind, parts.oddities);
        if !known || !glance.oddities.is_empty() {
            self.passed += 1;
            typed::through_rsip(&parts.start, &parts.head, &mut self.for_rsip)?;
            if let Some(shapes) = self.shapes.as_mut().filter(|_| !known) {
                shapes.keep();
            }
        }
        Ok(glance)
    }

    /// Reads a message for the journal. Never fails: what can not be read is named.
    pub fn read(&mut self, bytes: &[u8]) -> SipMessage {
        match self.glance(bytes) {
            Ok(glance) => SipMessage::Read(Box::new(glance.summary())),
            Err(Unreadable { reason, offset }) => SipMessage::Unreadable { reason, offset },
        }
    }

    /// Messages that rsip was given so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }
}

impl<'a> Parts<'a> {
    /// Takes a message apart, in `tidy` where it needs to be brought into order.
    fn of(bytes: &'a [u8], tidy: &'a mut String) -> Result<Self, Unreadable> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Unreadable::at(MAX_MESSAGE, "longer than 65536 bytes"));
        }
        if is_keep_alive(bytes) {
            return Err(Unreadable::at(0, "a keep-alive, no message"));
        }
        if let Some(head) = Head::parse(bytes) {
            let behind = &bytes[head.len..];
            return Self::begun(head, 0, behind, Oddities::default());
        }
        let tidied = tidy::tidy(bytes, tidy)?;
        let head = Head::parse(tidy.as_bytes()).ok_or_else(|| Unreadable::at(tidied.start_at, "no start line"))?;
        Self::begun(head, tidied.start_at, &bytes[tidied.body_at..], tidied.oddities)
    }

    fn begun(head: Head<'a>, at: usize, behind: &'a [u8], mut oddities: Oddities) -> Result<Self, Unreadable> {
        let start = Start::parse(head.start_line, &mut oddities).map_err(|why| Unreadable::at(at, why))?;
        Ok(Self { start, head, behind, oddities })
    }
}

/// Reads one message with all of its headers, as rsip returns them.
pub(super) fn message(bytes: &[u8]) -> Result<Message, Unreadable> {
    let mut tidy = String::new();
    let parts = Parts::of(bytes, &mut tidy)?;
    let understood = typed::through_rsip(&parts.start, &parts.head, &mut String::new())?;
    let headers = understood
        .iter()
        .zip(&parts.head.fields)
        .map(|(header, field)| Header { name: field.long_name.to_owned(), value: typed::value_of(header).to_owned() });
    let headers = headers.collect();
    let glance = glance::glance(parts.start, &parts.head, parts.behind, parts.oddities);
    Ok(Message { headers, body: glance.body.to_vec(), summary: glance.summary() })
}
