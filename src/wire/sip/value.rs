//! Header values split into pieces with respect to quoted strings and angle brackets. Every function is linear in the
//! length of its text.

use std::borrow::Cow;

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
        let end = separator.and_then(|separator| outside.find(separator));
        start = end.map(|at| at + 1);
        Some(trim(&value[from..end.unwrap_or(value.len())]))
    })
}

/// Without the white space around it that is any to SIP (RFC 3261 section 25.1: not that of Unicode).
pub fn trim(text: &str) -> &str {
    text.trim_ascii()
}

/// Walks over what stands outside of quoted strings and angle brackets; their opening bytes stand outside. A quote or
/// bracket that is never closed is an ordinary byte.
pub struct Outside<'a> {
    bytes: &'a [u8],
    at: usize,
    quotes_ended: bool,
    brackets_ended: bool,
}

impl<'a> Outside<'a> {
    /// From the beginning of a text.
    pub fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, quotes_ended: false, brackets_ended: false }
    }

    /// Goes on to the next such byte and past it, past its end if it is a quote or bracket. Where it is.
    pub fn find(&mut self, wanted: u8) -> Option<usize> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let Some(step) = memchr::memchr3(b'"', b'<', wanted, rest) else {
                self.at = self.bytes.len();
                return None;
            };
            let at = self.at + step;
            self.at = at + 1;
            // An end that is missing once is missing for the rest of the text: it is not looked for again.
            match self.bytes[at] {
                b'"' if !self.quotes_ended => match self.end_of_quote() {
                    Some(end) => self.at = end,
                    None => self.quotes_ended = true,
                },
                b'<' if !self.brackets_ended => match memchr::memchr(b'>', &self.bytes[self.at..]) {
                    Some(step) => self.at += step + 1,
                    None => self.brackets_ended = true,
                },
                _ => {}
            }
            if self.bytes[at] == wanted {
                return Some(at);
            }
        }
    }

    /// Goes to the end. Whether the text has an opening quote or bracket without its end.
    pub fn ends_unbalanced(mut self) -> bool {
        // A byte that no text holds: this goes to the end.
        self.find(0xff);
        self.quotes_ended || self.brackets_ended
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
    /// The value has an opening quote or bracket without its end.
    pub unbalanced: bool,
}

impl<'a> Address<'a> {
    /// Splits a value. Without angle brackets all parameters are the header's (RFC 3261 section 20.10).
    pub fn split(value: &'a str) -> Self {
        let value = trim(value);
        let mut outside = Outside::of(value);
        if let Some(open) = outside.find(b'<').filter(|_| !outside.brackets_ended) {
            let display = Some(trim(&value[..open])).filter(|display| !display.is_empty());
            let behind = outside.at;
            let uri = &value[open + 1..behind - 1];
            let unbalanced = outside.ends_unbalanced();
            return Self { display, uri, parameters: trim(&value[behind..]), bracketed: true, unbalanced };
        }
        let unbalanced = outside.ends_unbalanced();
        let end = Outside::of(value).find(b';').unwrap_or(value.len());
        Self { display: None, uri: trim(&value[..end]), parameters: trim(&value[end..]), bracketed: false, unbalanced }
    }
}

/// The parameters of a text that begins with `;` or is empty: names as written, values without quotes.
pub fn parameters(text: &str) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
    split(text, Some(b';')).map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (trim(name), Some(unquoted(trim(value)))),
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
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a token may hold this byte.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}
