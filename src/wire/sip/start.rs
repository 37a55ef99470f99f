//! The first line of a message.

use super::{oddity::Oddities, value};
use crate::event::SipStart;

/// The start line of a message, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request.
    Request {
        /// Methods are case-sensitive (RFC 3261 section 7.1).
        method: &'a str,
        /// The Request-URI.
        uri: &'a str,
    },
    /// A response.
    Response {
        /// Status code: 100 to 699.
        code: u16,
        /// Reason phrase.
        reason: &'a str,
    },
}

impl<'a> Start<'a> {
    /// Reads a line without its end. Errors say what is wrong.
    pub(super) fn parse(line: &'a str, odd: &mut Oddities) -> Result<Self, &'static str> {
        let begun = line.trim_ascii_start();
        odd.note_if(begun.len() != line.len(), "white space around the start line");
        let is_response = begun.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"));
        if is_response { status_line(begun, odd) } else { request_line(begun, odd) }
    }
}

impl<'a> From<&'a SipStart> for Start<'a> {
    fn from(start: &'a SipStart) -> Self {
        match start {
            SipStart::Request { method, uri } => Self::Request { method, uri },
            SipStart::Response { code, reason } => Self::Response { code: *code, reason },
        }
    }
}

impl From<Start<'_>> for SipStart {
    fn from(start: Start<'_>) -> Self {
        match start {
            Start::Request { method, uri } => Self::Request { method: method.to_owned(), uri: uri.to_owned() },
            Start::Response { code, reason } => Self::Response { code, reason: reason.to_owned() },
        }
    }
}

fn status_line<'a>(line: &'a str, odd: &mut Oddities) -> Result<Start<'a>, &'static str> {
    let (version, rest) = split_at_space(line).ok_or("a status line without status code")?;
    check_version(version, odd)?;
    let text = rest.trim_ascii_start();
    odd.note_if(text.len() != rest.len(), "more than one space in the start line");
    // `SIP/2.0 100 ` with an empty reason phrase ends with a space rightly.
    let (code, reason) = split_at_space(text).unwrap_or_else(|| {
        odd.note("no space behind the status code");
        (text, "")
    });
    let code = Some(code).filter(|code| code.len() == 3).and_then(value::number);
    let code = code.filter(|code| (100..700).contains(code)).ok_or("a status code that is none")?;
    let ahead = &line.as_bytes()[..line.len() - reason.len()];
    odd.note_if(ahead.contains(&b'\t'), "a tab in the start line");
    Ok(Start::Response { code, reason: reason.trim_ascii_end() })
}

fn request_line<'a>(line: &'a str, odd: &mut Oddities) -> Result<Start<'a>, &'static str> {
    let ended = line.trim_ascii_end();
    odd.note_if(ended.len() != line.len(), "white space around the start line");
    let (method, rest) = split_at_space(ended).ok_or("a start line of one word")?;
    let space = rest.bytes().rposition(is_space).ok_or("a request line without version or URI")?;
    if !value::is_token(method) {
        return Err("a method that is no token");
    }
    check_version(&rest[space + 1..], odd)?;
    let uri = rest[..space].trim_ascii();
    if uri.is_empty() {
        return Err("a request line without version or URI");
    }
    odd.note_if(uri.len() != space, "more than one space in the start line");
    let parted_by_tab = line.as_bytes()[method.len()] == b'\t' || rest.as_bytes()[space] == b'\t';
    odd.note_if(parted_by_tab, "a tab in the start line");
    look_at_uri(uri, odd);
    Ok(Start::Request { method, uri })
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn split_at_space(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(is_space)?;
    Some((&text[..at], &text[at + 1..]))
}

fn look_at_uri(uri: &str, odd: &mut Oddities) {
    if !uri.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'<' | b'?')) {
        return;
    }
    odd.note_if(uri.bytes().any(is_space), "white space in the Request-URI");
    odd.note_if(uri.starts_with('<'), "angle brackets around the Request-URI");
    let behind_user = uri.rsplit('@').next().unwrap_or_default();
    odd.note_if(behind_user.contains('?'), "headers in the Request-URI");
}

/// Compared without regard to case; sent in upper case (RFC 3261 section 7.1).
fn check_version(version: &str, odd: &mut Oddities) -> Result<(), &'static str> {
    if version == "SIP/2.0" {
        return Ok(());
    }
    odd.note("the version in lower case");
    if version.eq_ignore_ascii_case("SIP/2.0") { Ok(()) } else { Err("a version other than SIP/2.0") }
}
