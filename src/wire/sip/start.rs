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
    pub(super) fn parse(line: &'a str, oddities: &mut Oddities) -> Result<Self, &'static str> {
        let begun = line.trim_start_matches(SPACES);
        if begun.len() != line.len() {
            oddities.note("white space around the start line");
        }
        let is_response = begun.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"));
        if is_response { status_line(begun, oddities) } else { request_line(begun, oddities) }
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

const SPACES: [char; 2] = [' ', '\t'];

fn status_line<'a>(line: &'a str, oddities: &mut Oddities) -> Result<Start<'a>, &'static str> {
    let (version, rest) = line.split_once(SPACES).ok_or("a status line without status code")?;
    check_version(version, oddities)?;
    let rest = only_one_space(rest, oddities);
    // `SIP/2.0 100 ` with an empty reason phrase ends with a space rightly.
    let (code, reason) = rest.split_once(SPACES).unwrap_or_else(|| {
        oddities.note("no space behind the status code");
        (rest, "")
    });
    let code = Some(code).filter(|code| code.len() == 3).and_then(value::number);
    let code = code.filter(|code| (100..700).contains(code)).ok_or("a status code that is none")?;
    oddities.note_if(line[..line.len() - reason.len()].contains('\t'), "a tab in the start line");
    Ok(Start::Response { code, reason: reason.trim_end_matches(SPACES) })
}

fn request_line<'a>(line: &'a str, oddities: &mut Oddities) -> Result<Start<'a>, &'static str> {
    let ended = line.trim_end_matches(SPACES);
    if ended.len() != line.len() {
        oddities.note("white space around the start line");
    }
    let (method, rest) = ended.split_once(SPACES).ok_or("a start line of one word")?;
    let (uri, version) = rest.rsplit_once(SPACES).ok_or("a request line without version or URI")?;
    if !value::is_token(method) {
        return Err("a method that is no token");
    }
    check_version(version, oddities)?;
    let uri = only_one_space(uri, oddities);
    let ended = uri.trim_end_matches(SPACES);
    if ended.len() != uri.len() {
        oddities.note("more than one space in the start line");
    }
    if ended.is_empty() {
        return Err("a request line without version or URI");
    }
    oddities.note_if(line.contains('\t'), "a tab in the start line");
    look_at_uri(ended, oddities);
    Ok(Start::Request { method, uri: ended })
}

fn look_at_uri(uri: &str, oddities: &mut Oddities) {
    if uri.contains(SPACES) {
        oddities.note("white space in the Request-URI");
    }
    if uri.starts_with('<') {
        oddities.note("angle brackets around the Request-URI");
    }
    if uri.rsplit_once('@').map_or(uri, |(_, host)| host).contains('?') {
        oddities.note("headers in the Request-URI");
    }
}

fn only_one_space<'a>(text: &'a str, oddities: &mut Oddities) -> &'a str {
    let trimmed = text.trim_start_matches(SPACES);
    if trimmed.len() != text.len() {
        oddities.note("more than one space in the start line");
    }
    trimmed
}

/// Compared without regard to case; sent in upper case (RFC 3261 section 7.1).
fn check_version(version: &str, oddities: &mut Oddities) -> Result<(), &'static str> {
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err("a version other than SIP/2.0");
    }
    if version != "SIP/2.0" {
        oddities.note("the version in lower case");
    }
    Ok(())
}
