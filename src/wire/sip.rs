//! SIP messages through rsip, behind a layer that tolerates what phones send.
//!
//! rsip alone misreads a good part of what real phones put on the wire: it stops at a dot in a user part, loses compact
//! headers, takes a cut head for a body. So a head is first brought into one form ([`tidy`]) and cut into its lines
//! ([`head`]), these are given to rsip ([`typed`]), which must understand the same, and their values are split by us
//! ([`value`], [`uri`]) into what tracking needs ([`Glance`]). A [`Reader`] does that for one message after the other. User
//! agents of our own take a [`Message`] and build theirs ([`build`]). What stays odd is named ([`oddity`]); nothing is
//! guessed. rsip's types do not leave here.
//!
//! Not here: digests (`digest`), cutting streams into messages (`stream`), what a message means.

use crate::event::{SipMessage, SipStart, SipSummary};

pub mod address;
mod build;
pub(in crate::wire) mod find;
mod glance;
mod head;
mod name;
mod oddity;
mod reader;
mod reason;
mod shape;
mod stand_in;
mod start;
mod tidy;
mod typed;
mod uri;
pub(in crate::wire) mod value;
mod via;

pub use address::address_of_record;
pub use build::{BuildError, build_request, build_response};
pub use glance::{Contact, Glance};
pub(in crate::wire) use name::long as long_name;
pub use oddity::Oddities;
pub use reader::Reader;
pub use reason::reason;
pub use stand_in::StandIn;
pub use start::Start;
pub use via::Via;

/// Longest message that is read, in bytes: what fits a UDP datagram.
pub const MAX_MESSAGE: usize = 65_536;

/// A SIP message that was read, for those who answer it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    headers: Vec<Header>,
    body: Vec<u8>,
    summary: SipSummary,
}

/// A header as rsip returned it: long name, unfolded value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    name: String,
    value: String,
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
    /// As [`Reader::glance`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        reader::message(bytes)
    }

    /// Request line or status line.
    pub fn start(&self) -> &SipStart {
        &self.summary.start
    }

    /// The first value of a header by its long name, in any case: trimmed, unfolded, not split at commas.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines(name).next()
    }

    /// Every value of a header, one for each comma-separated value where the grammar allows several in a line.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let listed = name::is_list(name);
        let name = name.to_owned();
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(&name))
            .flat_map(move |header| value::split(&header.value, listed))
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
        Some(self.summary.branch.as_str()).filter(|branch| !branch.is_empty())
    }

    /// What tracking of registrations, calls and subscriptions needs of it.
    pub fn summary(&self) -> &SipSummary {
        &self.summary
    }

    fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }
}

/// Reads a message for the journal, with rsip. Never fails: what can not be read is named. A [`Reader`] is for many.
pub fn read(bytes: &[u8]) -> SipMessage {
    Reader::every().read(bytes)
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
