//! Start line and headers of a message that is in the one form that RFC 3261 tells senders to keep to. What is not is
//! brought into it first ([`super::tidy`]).

use super::{
    name::{self, Name},
    value,
};

/// Headers of most messages: room for so many is made at once.
const USUAL_FIELDS: usize = 24;

/// Start line and headers of a message.
#[derive(Debug)]
pub struct Head<'a> {
    /// Without its end.
    pub start_line: &'a str,
    pub fields: Vec<Field<'a>>,
    /// Bytes up to and including the blank line.
    pub len: usize,
}

/// A header line.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    pub name: Name,
    /// In its long form, otherwise as written if it is not one that is read here.
    pub long_name: &'a str,
    /// Without white space around it.
    pub value: &'a str,
}

impl<'a> Head<'a> {
    /// Reads up to and including the blank line. None if there is anything for [`super::tidy`] to do: bytes that are not
    /// UTF-8, a line that ends otherwise than by CR LF, is folded or has no name, a CR within a line, blank lines ahead.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let len = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
        let text = str::from_utf8(&bytes[..len]).ok()?;
        let mut lines = Lines { text, at: 0 };
        let start_line = lines.next().filter(|line| !line.is_empty())?;
        let mut fields = Vec::with_capacity(USUAL_FIELDS);
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            fields.push(Field::parse(line)?);
        }
        (lines.at == len).then_some(Self { start_line, fields, len })
    }
}

impl<'a> Field<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let colon = memchr::memchr(b':', line.as_bytes())?;
        let long_name = name::long(&line[..colon]);
        let name = Name::of(long_name);
        let long_name = if name == Name::Other { long_name } else { name.text() };
        let value = value::trim(&line[colon + 1..]);
        (name != Name::Other || value::is_token(long_name)).then_some(Self { name, long_name, value })
    }
}

/// Lines that end by CR LF, without these. A line that ends otherwise, or has a CR within, ends them.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let len = memchr::memchr2(b'\r', b'\n', rest.as_bytes())?;
        if rest.as_bytes()[len..].starts_with(b"\r\n") {
            self.at += len + 2;
            Some(&rest[..len])
        } else {
            None
        }
    }
}
