//! Start line and headers, brought into the one form that rsip reads well.

use super::{Oddities, Unreadable, value};
use crate::event::SipStart;

/// Start line and headers of a message.
pub struct Head {
    pub start: SipStart,
    /// Long names and unfolded, trimmed values.
    pub headers: Vec<(String, String)>,
    /// Where the body begins, in bytes from the beginning of the message.
    pub body_at: usize,
    pub oddities: Oddities,
}

impl Head {
    /// Reads up to and including the blank line, which must be there: without it nobody knows what was cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut oddities = Oddities::default();
        let mut lines = Lines { bytes, at: 0, bare_lf: false };
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            oddities.note("blank lines ahead of the start line");
            lines.at = blank;
        }
        let (at, line) = lines.next().ok_or_else(|| Unreadable::at(blank, "no start line"))?;
        let start = start_line(&lossy(line, &mut oddities), &mut oddities).map_err(|why| Unreadable::at(at, why))?;

        let mut headers: Vec<(String, String)> = Vec::new();
        let body_at = loop {
            let Some((_, line)) = lines.next() else {
                return Err(Unreadable::at(bytes.len(), "the headers do not end: no blank line"));
            };
            if line.is_empty() {
                break lines.at;
            }
            let text = lossy(line, &mut oddities);
            if text.starts_with([' ', '\t']) {
                match headers.last_mut() {
                    Some((_, value)) => {
                        value.push(' ');
                        value.push_str(text.trim());
                    }
                    None => oddities.note("a folded start line"),
                }
            } else {
                match text.split_once(':').map(|(name, value)| (name.trim_end(), value.trim())) {
                    Some((name, value)) if value::is_token(name) => {
                        headers.push((long_name(name).to_owned(), value.to_owned()));
                    }
                    _ => oddities.note("a header line without a name"),
                }
            }
        };
        for (_, value) in &mut headers {
            // A header may begin or end with an empty folded line.
            let trimmed = value.trim();
            if trimmed.len() != value.len() {
                *value = trimmed.to_owned();
            }
        }
        if lines.bare_lf {
            oddities.note("lines that end without CR");
        }
        Ok(Self { start, headers, body_at, oddities })
    }
}

/// Lines ended by LF, without their CR LF, with their offsets. A last line without an end is not shown.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    bare_lf: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let line = &rest[..memchr::memchr(b'\n', rest)?];
        self.at = start + line.len() + 1;
        self.bare_lf |= !line.ends_with(b"\r");
        Some((start, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// A line as text. A CR within is white space to the grammar and a trap to line-oriented code.
fn lossy(line: &[u8], oddities: &mut Oddities) -> String {
    let text = String::from_utf8_lossy(line);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        oddities.note("bytes that are not UTF-8 in the head");
    }
    if text.contains('\r') {
        oddities.note("a CR within a line");
    }
    text.replace('\r', " ")
}

fn start_line(line: &str, oddities: &mut Oddities) -> Result<SipStart, &'static str> {
    let trimmed = line.trim();
    // `SIP/2.0 100 ` with an empty reason phrase ends with a space rightly.
    let is_response = trimmed.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/"));
    if is_response {
        status_line(line.trim_start(), oddities)
    } else {
        if trimmed.len() != line.len() {
            oddities.note("white space around the start line");
        }
        request_line(trimmed, oddities)
    }
}

fn status_line(line: &str, oddities: &mut Oddities) -> Result<SipStart, &'static str> {
    let (version, rest) = line.split_once(' ').ok_or("a status line without status code")?;
    check_version(version, oddities)?;
    let (code, reason) = match rest.split_once(' ') {
        Some(pair) => pair,
        None => {
            oddities.note("no space behind the status code");
            (rest, "")
        }
    };
    let code = Some(code).filter(|code| code.len() == 3).and_then(value::number);
    let code = code.filter(|code| (100..700).contains(code)).ok_or("a status code that is none")?;
    Ok(SipStart::Response { code, reason: reason.trim_end().to_owned() })
}

fn request_line(line: &str, oddities: &mut Oddities) -> Result<SipStart, &'static str> {
    let (method, rest) = line.split_once(' ').ok_or("a start line of one word")?;
    let (uri, version) = rest.rsplit_once(' ').ok_or("a request line without version or URI")?;
    if !value::is_token(method) {
        return Err("a method that is no token");
    }
    check_version(version, oddities)?;
    if uri.trim().len() != uri.len() {
        oddities.note("more than one space in the start line");
    }
    let uri = uri.trim();
    if uri.is_empty() {
        return Err("a request line without version or URI");
    }
    if uri.contains([' ', '\t']) {
        oddities.note("white space in the Request-URI");
    }
    if uri.starts_with('<') {
        oddities.note("angle brackets around the Request-URI");
    }
    if uri.rsplit_once('@').map_or(uri, |(_, host)| host).contains('?') {
        oddities.note("headers in the Request-URI");
    }
    Ok(SipStart::Request { method: method.to_owned(), uri: uri.to_owned() })
}

fn check_version(version: &str, oddities: &mut Oddities) -> Result<(), &'static str> {
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err("a version other than SIP/2.0");
    }
    if version != "SIP/2.0" {
        oddities.note("the version in lower case");
    }
    Ok(())
}

/// The long form of a compact name (RFC 3261 section 7.3.3 and the IANA registry of SIP headers).
fn long_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}
