//! Start line and headers of a message that is in the one form that RFC 3261 tells senders to keep to. What is not is
//! brought into it first ([`super::tidy`]).

use super::{
    find::find,
    name::{self, Name},
    value,
};

/// A header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: Name,
    /// In its long form, otherwise as written if it is not one that is read here.
    pub long_name: &'a str,
    /// Without white space around it.
    pub value: &'a str,
}

/// The lines of a head, up to and including the blank one. They end before it if there is anything for [`super::tidy`] to
/// do: bytes that are not UTF-8, a line that ends otherwise than by CR LF, is folded or has no name, a CR within a line,
/// blank lines ahead.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    text: &'a str,
    at: usize,
    lines: usize,
    complete: bool,
}

impl<'a> Head<'a> {
    /// At the start line.
    pub fn of(bytes: &'a [u8]) -> Self {
        let text = str::from_utf8(bytes).unwrap_or_else(|error| {
            // A body may be anything.
            str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        });
        Self { text, at: 0, lines: 0, complete: false }
    }

    /// The start line, which comes before the headers.
    pub fn start_line(&mut self) -> Option<&'a str> {
        self.line().filter(|line| !line.is_empty())
    }

    /// Bytes up to and including the blank line, once all headers were seen. None: the head is not tidy.
    pub fn len(&self) -> Option<usize> {
        let head = self.text.as_bytes().get(..self.at)?;
        let carriage_returns = memchr::memchr_iter(b'\r', head).count();
        (self.complete && carriage_returns == self.lines).then_some(self.at)
    }

    /// Whether what was seen holds a NUL outside of a quoted pair (RFC 3261 section 25.1): some receivers end a text there.
    pub fn holds_nul(&self) -> bool {
        let head = self.text.as_bytes().get(..self.at).unwrap_or_default();
        memchr::memchr_iter(0, head).any(|at| !head[..at].ends_with(b"\\"))
    }

    /// The next line, without its CR LF.
    fn line(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let len = memchr::memchr(b'\n', rest.as_bytes())?;
        self.at += len + 1;
        self.lines += 1;
        rest[..len].strip_suffix('\r')
    }
}

impl<'a> Iterator for Head<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let line = self.line()?;
        self.complete = line.is_empty();
        if self.complete { None } else { Field::parse(line) }
    }
}

impl<'a> Field<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let colon = find(line.as_bytes(), b':')?;
        let long_name = name::long(&line[..colon]);
        let name = Name::of(long_name);
        let long_name = match name {
            Name::Other if !value::is_token(long_name) => return None,
            Name::Other => long_name,
            known => known.text(),
        };
        let value = &line[colon + 1..];
        let value = value::trim(value.strip_prefix(' ').unwrap_or(value));
        Some(Self { name, long_name, value })
    }
}
