//! SIP messages through rsip, behind a layer that tolerates what phones send.
//!
//! rsip alone misreads a good part of what real phones put on the wire: it stops at a dot in a user part, loses compact
//! headers, takes a cut head for a body. So bytes are first normalised ([`head`]), then parsed by rsip, and values are
//! split by us ([`value`]) into pieces from which rsip's types are filled ([`typed`]). Building goes the other way
//! ([`build`]). What stays odd is named in [`SipSummary::oddities`]; nothing is guessed. rsip's types do not leave here.
//!
//! Not here: digests (`digest`), cutting streams into messages (`stream`), what a message means.

use crate::event::{SipMessage, SipStart, SipSummary};

pub mod address;
mod build;
mod head;
mod reason;
mod stand_in;
mod summary;
mod typed;
pub(in crate::wire) mod value;
mod via;

pub use build::{BuildError, build_request, build_response};
pub use reason::reason;
pub use stand_in::StandIn;
pub use typed::address_of_record;
pub use via::Via;

/// Longest message that is read, in bytes: what fits a UDP datagram.
pub const MAX_MESSAGE: usize = 65_536;

/// A SIP message that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    start: SipStart,
    headers: Vec<Header>,
    body: Vec<u8>,
    branch: Option<String>,
    oddities: Oddities,
}

/// A header as rsip returned it: long name, unfolded value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    name: String,
    value: String,
}

/// Findings that do not prevent reading, each named once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Oddities(Vec<&'static str>);

impl Oddities {
    fn note(&mut self, what: &'static str) {
        if !self.0.contains(&what) {
            self.0.push(what);
        }
    }
}

/// Why bytes are no readable SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable SIP message at byte {offset}: {reason}")]
pub struct Unreadable {
    /// What is wrong. Never quotes the message, which may hold secrets.
    pub reason: String,
    /// Where, in bytes from the beginning.
    pub offset: usize,
}

impl Unreadable {
    fn at(offset: usize, reason: &str) -> Self {
        Self { reason: reason.to_owned(), offset }
    }
}

impl Message {
    /// Reads one message: a datagram, or what `stream` cut from a connection.
    ///
    /// # Errors
    /// If there is no start line, no end of the headers, or too much of anything.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Unreadable::at(MAX_MESSAGE, "longer than 65536 bytes"));
        }
        if is_keep_alive(bytes) {
            return Err(Unreadable::at(0, "a keep-alive, no message"));
        }
        let head = head::Head::parse(bytes)?;
        let headers = typed::through_rsip(&head).ok_or_else(|| Unreadable::at(0, "refused by the SIP parser"))?;
        let mut message = Self { start: head.start, headers, body: Vec::new(), branch: None, oddities: head.oddities };
        let branch = message.headers("Via").next().and_then(typed::branch);
        message.branch = branch;
        message.body = message.cut_body(bytes.get(head.body_at..).unwrap_or_default()).to_vec();
        message.look_for_oddities();
        Ok(message)
    }

    /// Request line or status line.
    pub fn start(&self) -> &SipStart {
        &self.start
    }

    /// The first value of a header by its long name, in any case: trimmed, unfolded, not split at commas.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines(name).next()
    }

    /// Every value of a header, one for each comma-separated value where the grammar allows several in a line.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let listed = value::is_list(name);
        let name = name.to_owned();
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(&name)).flat_map(move |header| {
            let separator = if listed { Some(b',') } else { None };
            value::split(&header.value, separator)
        })
    }

    /// Every header line in its order: long name and unfolded value, not split at commas. For those who pass it on.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (&*header.name, &*header.value))
    }

    /// The body, cut by `Content-Length`.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// `branch` of the topmost `Via`.
    pub fn via_branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// What registration tracking needs of it.
    pub fn summary(&self) -> SipSummary {
        summary::of(self)
    }

    fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }

    /// Cuts what follows the head by `Content-Length` (RFC 3261 section 18.3).
    fn cut_body<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let mut lengths: Vec<Option<usize>> = self.lines("Content-Length").map(value::number).collect();
        if lengths.len() > 1 {
            self.oddities.note("repeated Content-Length");
        }
        lengths.dedup();
        match lengths.as_slice() {
            [] => rest,
            [Some(length)] if *length > rest.len() => {
                self.oddities.note("body shorter than Content-Length");
                rest
            }
            [Some(length)] => {
                if *length < rest.len() {
                    self.oddities.note("surplus bytes behind the body");
                }
                &rest[..*length]
            }
            _ => {
                self.oddities.note("unusable Content-Length");
                rest
            }
        }
    }
}

/// Reads a message for the journal. Never fails: what can not be read is named.
pub fn read(bytes: &[u8]) -> SipMessage {
    match Message::parse(bytes) {
        Ok(message) => SipMessage::Read(Box::new(message.summary())),
        Err(Unreadable { reason, offset }) => SipMessage::Unreadable { reason, offset },
    }
}

/// Whether a payload is worth reading as SIP, whatever port it came from: its first line begins or ends with `SIP/`
/// and a version.
pub fn looks_like_sip(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let line = &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())];
    let line = line.trim_ascii_end();
    let is_version = |text: &[u8]| {
        let digits = text.get(4..).unwrap_or_default();
        text.len() > 4 && text[..4].eq_ignore_ascii_case(b"SIP/") && digits[0].is_ascii_digit()
    };
    let first = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    is_version(first) || is_version(last)
}

/// Whether a payload only keeps a path open: CRLFs (RFC 5626 section 3.5.1), NULs or nothing.
pub fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests;
