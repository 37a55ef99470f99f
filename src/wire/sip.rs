//! SIP messages through rsip, behind a layer that tolerates what phones send.

use crate::event::{SipMessage, SipStart, SipSummary};

/// A SIP message that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    start: SipStart,
    body: Vec<u8>,
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

/// Why a message can not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value holds a line break or another control character: somebody tries to add headers.
    #[error("cannot build a SIP message: the {0} holds a control character; remove it")]
    Control(String),
    /// A name, method or status code that SIP's grammar does not allow.
    #[error("cannot build a SIP message: {0}")]
    Grammar(String),
}

impl Message {
    /// Reads one message: a datagram, or what `stream` cut from a connection.
    ///
    /// # Errors
    /// If there is no start line, no end of the headers, or too much of anything.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let _ = bytes;
        Err(Unreadable { reason: "reading SIP is not built yet".to_owned(), offset: 0 })
    }

    /// Request line or status line.
    pub fn start(&self) -> &SipStart {
        &self.start
    }

    /// The first value of a header by its long name, in any case: trimmed, unfolded, not split at commas.
    pub fn header(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }

    /// Every value of a header, one for each comma-separated value where the grammar allows several in a line.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let _ = name;
        std::iter::empty()
    }

    /// The body, cut by `Content-Length`.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// `branch` of the topmost `Via`.
    pub fn via_branch(&self) -> Option<&str> {
        None
    }

    /// What registration tracking needs of it.
    pub fn summary(&self) -> SipSummary {
        SipSummary {
            start: self.start.clone(),
            call_id: String::new(),
            cseq: 0,
            method: String::new(),
            branch: String::new(),
            from: String::new(),
            to: String::new(),
            to_tag: None,
            contacts: Vec::new(),
            expires: None,
            min_expires: None,
            retry_after: None,
            authorized: false,
            agent: None,
            oddities: Vec::new(),
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

/// Whether a payload is worth reading as SIP, whatever port it came from.
pub fn looks_like_sip(bytes: &[u8]) -> bool {
    let _ = bytes;
    false
}

/// Whether a payload only keeps a path open: CRLFs (RFC 5626 section 3.5.1), NULs or nothing.
pub fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// User and host of the URI in a `From`, `To` or `Contact` value. The host is in lower case and has no port.
pub fn address_of_record(header_value: &str) -> Option<(String, String)> {
    let _ = header_value;
    None
}

/// A request. `Content-Length` is set here.
///
/// # Errors
/// If a part holds a control character or breaks the grammar.
pub fn build_request(method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, BuildError> {
    let _ = (method, uri, headers, body);
    Err(BuildError::Grammar("building is not built yet".to_owned()))
}

/// A response. `Content-Length` is set here.
///
/// # Errors
/// As [`build_request`].
pub fn build_response(code: u16, reason: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, BuildError> {
    let _ = (code, reason, headers, body);
    Err(BuildError::Grammar("building is not built yet".to_owned()))
}
