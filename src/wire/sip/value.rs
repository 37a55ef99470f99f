//! Header values split into pieces with respect to quoted strings and angle brackets. Every function is linear in the
//! length of its text.

use std::borrow::Cow;

use super::find::{find, find_any};

/// What a [`Scanner`] stops at: quotes, brackets, and the separators.
pub const AT_COMMA: [u8; 3] = *b"\"<,";
pub const AT_SEMICOLON: [u8; 3] = *b"\"<;";
pub const AT_EITHER: [u8; 4] = *b"\"<,;";

/// Goes over a text from piece to piece, between separators that stand outside of quoted strings and angle brackets. A
/// quote or bracket that is never closed is an ordinary byte.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    /// Where the next piece begins; behind the end of the text: there is none.
    at: usize,
    quotes_ended: bool,
    brackets_ended: bool,
}

/// What stands ahead of a separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// As written.
    pub text: &'a str,
    /// The separator; none: the text ends here.
    pub end: Option<u8>,
    /// Where its first angle brackets stand, if they are closed.
    pub brackets: Option<(usize, usize)>,
}

impl<'a> Scanner<'a> {
    /// From the beginning of a text.
    pub fn of(text: &'a str) -> Self {
        Self { text, at: 0, quotes_ended: false, brackets_ended: false }
    }

    /// The piece up to a separator. A text without separators is one piece.
    pub fn next<const N: usize>(&mut self, stops: [u8; N]) -> Option<Piece<'a>> {
        let rest = self.text.get(self.at..)?;
        let bytes = rest.as_bytes();
        let (mut at, mut brackets) = (0, None);
        while let Some(step) = find_any(&bytes[at..], stops) {
            at += step + 1;
            // An end that is missing once is missing for the rest of the text: it is not looked for again.
            match bytes[at - 1] {
                b'"' if self.quotes_ended => {}
                b'"' => match end_of_quote(&bytes[at..]) {
                    Some(len) => at += len,
                    None => self.quotes_ended = true,
                },
                b'<' if self.brackets_ended => {}
                b'<' => match find(&bytes[at..], b'>') {
                    Some(len) => {
                        brackets.get_or_insert((at - 1, at + len));
                        at += len + 1;
                    }
                    None => self.brackets_ended = true,
                },
                separator => {
                    self.at += at;
                    return Some(Piece { text: &rest[..at - 1], end: Some(separator), brackets });
                }
            }
        }
        self.at += rest.len() + 1;
        Some(Piece { text: rest, end: None, brackets })
    }

    /// Passes what is known to be a piece, and the separator behind it.
    pub fn pass(&mut self, text: &'a str) -> Piece<'a> {
        let end = self.text.as_bytes().get(self.at + text.len()).copied();
        self.at += text.len() + 1;
        Piece { text, end, brackets: None }
    }

    /// There is no next piece.
    pub fn is_over(&self) -> bool {
        self.at > self.text.len()
    }

    /// An opening quote or bracket without its end was met.
    pub fn unbalanced(&self) -> bool {
        self.quotes_ended || self.brackets_ended
    }

    /// What was not gone over yet.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }
}

/// Bytes up to and including the quote that closes a quoted string, from behind the one that opens it.
pub fn end_of_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += find_any(bytes.get(at..)?, *b"\"\\")?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The values of a line, trimmed, empty ones left out: between commas, or the whole line if it is no list.
pub fn split(line: &str, list: bool) -> impl Iterator<Item = &str> {
    let mut scanner = Scanner::of(line);
    let next = move || if list { scanner.next(AT_COMMA) } else { scanner.next([]) };
    std::iter::from_fn(next).map(|piece| trim(piece.text)).filter(|value| !value.is_empty())
}

/// The pieces between semicolons as written, trimmed, empty ones left out.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut scanner = Scanner::of(text);
    let pieces = std::iter::from_fn(move || scanner.next(AT_SEMICOLON));
    pieces.map(|piece| trim(piece.text)).filter(|piece| !piece.is_empty())
}

/// Without the white space around it that is any to SIP (RFC 3261 section 25.1: not that of Unicode).
pub fn trim(text: &str) -> &str {
    match text.as_bytes() {
        // Mostly there is none.
        [first, .., last] if *first > b' ' && *last > b' ' => text,
        _ => text.trim_ascii(),
    }
}

/// The address in a value of `From`, `To`, `Contact` and their kin: `"display name" <uri>` or `uri`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// As written, with its quotes.
    pub display: &'a str,
    /// As written.
    pub uri: &'a str,
    /// The URI stands in angle brackets.
    pub bracketed: bool,
    /// What stands behind the brackets.
    pub behind: &'a str,
}

impl<'a> Address<'a> {
    /// Of what stands ahead of the parameters. Without angle brackets all parameters are the header's (RFC 3261 section
    /// 20.10).
    pub fn of(piece: &Piece<'a>) -> Self {
        let text = piece.text;
        match piece.brackets {
            Some((open, close)) => Self {
                display: trim(&text[..open]),
                uri: &text[open + 1..close],
                bracketed: true,
                behind: trim(&text[close + 1..]),
            },
            None => Self { display: "", uri: trim(text), bracketed: false, behind: "" },
        }
    }

    /// The address of a value, and its parameters.
    pub fn split(value: &'a str) -> (Self, &'a str) {
        let mut scanner = Scanner::of(value);
        let address = scanner.next(AT_SEMICOLON).map(|piece| Self::of(&piece));
        (address.unwrap_or(Self { display: "", uri: "", bracketed: false, behind: "" }), scanner.rest())
    }
}

/// Parameters between semicolons: names as written, values without quotes.
pub fn parameters(text: &str) -> impl Iterator<Item = (&str, Option<Cow<'_, str>>)> {
    let mut scanner = Scanner::of(text);
    let pieces = std::iter::from_fn(move || scanner.next(AT_SEMICOLON)).filter(|piece| !trim(piece.text).is_empty());
    pieces.map(|piece| {
        let (name, value) = parameter(piece.text);
        (name, value.map(unquoted))
    })
}

/// Name and value of one parameter, as written.
pub fn parameter(text: &str) -> (&str, Option<&str>) {
    match find(text.as_bytes(), b'=') {
        Some(at) => (trim(&text[..at]), Some(trim(&text[at + 1..]))),
        None => (trim(text), None),
    }
}

/// A quoted string without quotes and backslashes; anything else as it is.
pub fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if find(inner.as_bytes(), b'\\').is_none() {
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
    TOKEN[usize::from(byte)]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        let mark = matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        table[byte as usize] = byte.is_ascii_alphanumeric() || mark;
        byte += 1;
    }
    table
};
