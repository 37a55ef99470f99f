//! Brings the head of a message into the one form that [`super::head`] reads, whatever a phone made of it: unfolded, lines
//! with a name that end by CR LF, UTF-8. What had to be done is named among the oddities, where it is one.

use super::{Unreadable, oddity::Oddities, value};

/// What became of a head.
#[derive(Debug)]
pub struct Tidied {
    /// Where the start line begins, in bytes from the beginning of the message.
    pub start_at: usize,
    /// Where the body begins.
    pub body_at: usize,
    pub oddities: Oddities,
}

/// Writes the tidy head over `text`, up to and including the blank line, which must be there: without it nobody knows what
/// was cut off.
pub fn tidy(bytes: &[u8], text: &mut String) -> Result<Tidied, Unreadable> {
    text.clear();
    let mut oddities = Oddities::default();
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    oddities.note_if(blank > 0, "blank lines ahead of the start line");
    let mut lines = Lines { bytes, at: blank, bare_lf: false };
    let start = lines.next().ok_or_else(|| Unreadable::at(blank, "no start line"))?;
    push_line(start, text, &mut oddities);
    // Whether a folded line goes on with a line that was kept; none: the start line.
    let mut kept = None;
    loop {
        let line = lines.next().ok_or_else(|| Unreadable::at(bytes.len(), "the headers do not end: no blank line"))?;
        if line.is_empty() {
            break;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            match kept {
                Some(true) => unfold(line.trim_ascii(), text, &mut oddities),
                Some(false) => {}
                None => oddities.note("a folded start line"),
            }
        } else if let Some((name, value)) = named(line) {
            text.push_str(name);
            text.push_str(": ");
            push_line(value, text, &mut oddities);
            kept = Some(true);
        } else {
            kept = Some(false);
            oddities.note("a header line without a name");
        }
    }
    text.push_str("\r\n");
    oddities.note_if(lines.bare_lf, "lines that end without CR");
    Ok(Tidied { start_at: blank, body_at: lines.at, oddities })
}

/// Name and value of a header line, white space between name and colon taken away (RFC 3261 section 7.3.1).
fn named(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = str::from_utf8(line[..colon].trim_ascii_end()).ok().filter(|name| value::is_token(name))?;
    Some((name, &line[colon + 1..]))
}

/// Goes on with the last line: a line break and the white space around it are one space (RFC 3261 section 7.3.1).
fn unfold(line: &[u8], text: &mut String, oddities: &mut Oddities) {
    text.truncate(text.trim_end_matches([' ', '\t', '\r', '\n']).len());
    text.push(' ');
    push_line(line, text, oddities);
}

/// Appends a line. A CR within is white space to the grammar and a trap to line-oriented code. Bytes that are not UTF-8
/// are taken as ISO 8859-1, so that different ones stay different.
fn push_line(line: &[u8], text: &mut String, oddities: &mut Oddities) {
    for chunk in line.utf8_chunks() {
        let mut parts = chunk.valid().split('\r');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            oddities.note("a CR within a line");
            text.push(' ');
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            oddities.note("bytes that are not UTF-8 in the head");
            text.push(char::from(*byte));
        }
    }
    text.push_str("\r\n");
}

/// Lines ended by LF, without their CR LF. A last line without an end is not shown.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    bare_lf: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let line = &rest[..memchr::memchr(b'\n', rest)?];
        self.at += line.len() + 1;
        self.bare_lf |= !line.ends_with(b"\r");
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
