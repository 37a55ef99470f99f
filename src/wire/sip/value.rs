//! Header values split into pieces with respect to quoted strings and angle brackets. Every function is linear in the
//! length of its text.

use std::borrow::Cow;

/// Headers whose grammar allows several values in a line, separated by commas (RFC 3261 section 7.3.1 and the
/// extensions that phones use). Not the four of authentication: their commas separate parameters.
const LISTS: [&str; 28] = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Call-Info",
    "Contact",
    "Content-Encoding",
    "Content-Language",
    "Diversion",
    "Error-Info",
    "History-Info",
    "In-Reply-To",
    "P-Asserted-Identity",
    "P-Associated-URI",
    "Path",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Require",
    "Route",
    "Service-Route",
    "Supported",
    "Unsupported",
    "Via",
    "Warning",
];

/// Whether a line of this header may hold several values.
pub fn is_list(name: &str) -> bool {
    LISTS.iter().any(|list| list.eq_ignore_ascii_case(name))
}

/// The pieces of a value between separators that stand outside quotes and angle brackets, trimmed, empty ones left out.
/// Without a separator the whole value is the only piece.
pub fn split(value: &str, separator: Option<u8>) -> impl Iterator<Item = &str> {
    pieces(value, separator).filter(|piece| !piece.is_empty())
}

/// As [`split`], with the empty pieces.
pub fn pieces(value: &str, separator: Option<u8>) -> impl Iterator<Item = &str> {
    let mut outside = Outside::of(value);
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let end = outside.find(|(_, byte)| Some(*byte) == separator).map(|(at, _)| at);
        start = end.map(|at| at + 1);
        Some(value[from..end.unwrap_or(value.len())].trim())
    })
}

/// Walks over the bytes outside of quoted strings and angle brackets; of each of those it shows the opening byte. A
/// quote or bracket that is never closed is an ordinary byte.
pub struct Outside<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The text has an opening quote or bracket without its end.
    pub unbalanced: bool,
    quotes_ended: bool,
    brackets_ended: bool,
}

impl<'a> Outside<'a> {
    /// From the beginning of a text.
    pub fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, unbalanced: false, quotes_ended: false, brackets_ended: false }
    }

    /// Where the quoted string ends whose opening quote was just passed.
    fn end_of_quote(&self) -> Option<usize> {
        let mut at = self.at;
        while let Some(step) = memchr::memchr2(b'"', b'\\', self.bytes.get(at..)?) {
            at += step;
            if self.bytes[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
        }
        None
    }
}

impl Iterator for Outside<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        let at = self.at;
        let byte = *self.bytes.get(at)?;
        self.at += 1;
        // An end that is missing once is missing for the rest of the text: it is not looked for again.
        if byte == b'"' && !self.quotes_ended {
            match self.end_of_quote() {
                Some(end) => self.at = end,
                None => (self.quotes_ended, self.unbalanced) = (true, true),
            }
        } else if byte == b'<' && !self.brackets_ended {
            match memchr::memchr(b'>', &self.bytes[self.at..]) {
                Some(step) => self.at += step + 1,
                None => (self.brackets_ended, self.unbalanced) = (true, true),
            }
        }
        Some((at, byte))
    }
}

/// A value of `From`, `To`, `Contact` and their kin: `"display name" <uri>;parameters` or `uri;parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// As written, with its quotes; none if empty.
    pub display: Option<&'a str>,
    /// As written.
    pub uri: &'a str,
    /// Beginning with `;`, or empty.
    pub parameters: &'a str,
    /// The URI stands in angle brackets.
    pub bracketed: bool,
}

impl<'a> Address<'a> {
    /// Splits a value. Without angle brackets all parameters are the header's (RFC 3261 section 20.10).
    pub fn split(value: &'a str) -> Self {
        let value = value.trim();
        let bracket = Outside::of(value).find(|(_, byte)| *byte == b'<').map(|(at, _)| at);
        if let Some(open) = bracket
            && let Some(len) = memchr::memchr(b'>', &value.as_bytes()[open..])
        {
            let display = Some(value[..open].trim()).filter(|display| !display.is_empty());
            let uri = &value[open + 1..open + len];
            return Self { display, uri, parameters: value[open + len + 1..].trim(), bracketed: true };
        }
        let end = Outside::of(value).find(|(_, byte)| *byte == b';').map_or(value.len(), |(at, _)| at);
        Self { display: None, uri: value[..end].trim(), parameters: value[end..].trim(), bracketed: false }
    }
}

/// The parameters of a text that begins with `;` or is empty: names as written, values without quotes.
pub fn parameters(text: &str) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
    split(text, Some(b';')).map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
        None => (parameter, None),
    })
}

/// A quoted string without quotes and backslashes; anything else as it is.
pub fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    Cow::Owned(plain)
}

/// A number without sign.
pub fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Whether a text is a token (RFC 3261 section 25.1).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}
