//! One file: `name: value` on each line, `#` comments, `!` and `^` before names.
//!
//! The form is that of the Aastra SIP administrator guide (41-001343-02, pages 2-15 to 2-16 and A-6): names are compared
//! without regard to case, `!` locks a parameter, `^` makes the server's value replace a local one. What the guide leaves
//! open is decided here and said: of two lines with one name the later counts, a `#` within a value begins a comment only
//! after a space, a value in double quotes may contain one.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::value::Value;

/// Longest file that is read, in bytes. Real ones have some ten thousand.
pub const MAX_BYTES: usize = 1 << 20;
/// Most lines that are read of a file.
pub const MAX_LINES: usize = 20_000;
/// Longest line that is read, in bytes.
pub const MAX_LINE: usize = 4096;
/// Most flaws that are told of a file.
pub const MAX_FLAWS: usize = 100;

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// Its name, as messages call it.
    pub file: Arc<Path>,
    /// Its settings in the order of their lines; two may have the same name.
    pub assignments: Vec<Assignment>,
    /// What could not be read, or was read with a doubt.
    pub flaws: Vec<Flaw>,
}

/// A line that sets a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The parameter: in lower case, with single spaces.
    pub name: String,
    /// What it is set to; may be empty.
    pub value: Value,
    /// `!`: nobody can change it on the phone.
    pub lock: bool,
    /// `^`: it replaces what was set on the phone.
    pub overwrite: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// A line of a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file.
    pub file: Arc<Path>,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something wrong with the form of a file. It never quotes the line, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What.
    pub kind: FlawKind,
}

/// What can be wrong with the form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlawKind {
    /// Nothing of the file was read.
    #[error("the file is not text: it begins with the mark of UTF-16, or contains zero bytes")]
    NotText,
    /// What follows was not read.
    #[error(
        "the file goes on beyond {MAX_BYTES} bytes or {MAX_LINES} lines, which no phone needs; the rest was not read"
    )]
    TooLong,
    /// The line was passed over.
    #[error("the line is longer than {MAX_LINE} bytes, and was passed over")]
    LongLine,
    /// Read as Latin-1.
    #[error("the line is not UTF-8; it was read as Latin-1")]
    NotUtf8,
    /// The mark was passed over here; a phone may take it for a part of the first name.
    #[error("the file begins with a byte order mark, which a phone may take for a part of the first name")]
    ByteOrderMark,
    /// The line was passed over.
    #[error("there is no colon: this is neither a setting nor a comment")]
    NoColon,
    /// The line was passed over.
    #[error("there is no name before the colon")]
    NoName,
    /// The value was read to the end of the line.
    #[error("the quotation mark is not closed")]
    OpenQuote,
    /// What stands there was passed over.
    #[error("something follows the closing quotation mark")]
    AfterQuote,
    /// The later one counts.
    #[error("the parameter was set before, in line {before}; the later line is assumed to count")]
    Twice {
        /// Line of the earlier one.
        before: usize,
    },
}

impl SettingsFile {
    /// Reads any bytes. Lines may end in LF, CR LF or CR.
    pub fn parse(file: PathBuf, bytes: &[u8]) -> Self {
        let mut read = Self { file: file.into(), assignments: Vec::new(), flaws: Vec::new() };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf");
        if text.is_some() {
            read.flaw(1, 1, FlawKind::ByteOrderMark);
        }
        let text = text.unwrap_or(bytes);
        let (text, cut) = if text.len() > MAX_BYTES { (&text[..MAX_BYTES], true) } else { (text, false) };
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") || text.contains(&0) {
            read.flaw(1, 1, FlawKind::NotText);
            return read;
        }
        let mut number = 0;
        for line in lines(text) {
            number += 1;
            if number > MAX_LINES {
                break;
            }
            read.line(number, line);
        }
        if cut || number > MAX_LINES {
            read.flaw(number, 1, FlawKind::TooLong);
        }
        read.tell_doubles();
        read
    }

    fn line(&mut self, number: usize, bytes: &[u8]) {
        if bytes.len() > MAX_LINE {
            self.flaw(number, 1, FlawKind::LongLine);
            return;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).chars().count();
                self.flaw(number, valid + 1, FlawKind::NotUtf8);
                bytes.iter().copied().map(char::from).collect()
            }
        };
        let text = text.trim_end();
        let setting = text.trim_start();
        if setting.is_empty() || setting.starts_with('#') {
            return;
        }
        let column = |rest: &str| text[..text.len() - rest.len()].chars().count() + 1;
        let Some((name, value)) = setting.split_once(':') else {
            return self.flaw(number, column(setting), FlawKind::NoColon);
        };
        let (mut lock, mut overwrite) = (false, false);
        let mut name = name;
        while let Some(prefix) = name.chars().next() {
            match prefix {
                '!' => lock = true,
                '^' => overwrite = true,
                prefix if prefix.is_whitespace() => {}
                _ => break,
            }
            name = &name[prefix.len_utf8()..];
        }
        let name = normal(name);
        if name.is_empty() {
            return self.flaw(number, column(setting), FlawKind::NoName);
        }
        let value = value.trim();
        let (text_of_value, flaw) = unquoted(value);
        if let Some((at, kind)) = flaw {
            self.flaw(number, column(value) + value[..at].chars().count(), kind);
        }
        let value = Value::new(&name, text_of_value);
        let origin = Origin { file: Arc::clone(&self.file), line: number };
        self.assignments.push(Assignment { name, value, lock, overwrite, origin });
    }

    fn flaw(&mut self, line: usize, column: usize, kind: FlawKind) {
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push(Flaw { line, column, kind });
        }
    }

    fn tell_doubles(&mut self) {
        let mut seen = std::collections::BTreeMap::new();
        let mut doubles = Vec::new();
        for assignment in &self.assignments {
            if let Some(before) = seen.insert(&assignment.name, assignment.origin.line) {
                doubles.push((assignment.origin.line, FlawKind::Twice { before }));
            }
        }
        for (line, kind) in doubles {
            self.flaw(line, 1, kind);
        }
        self.flaws.sort_by_key(|flaw| (flaw.line, flaw.column));
    }
}

/// A name as names are compared: in lower case, words separated by single spaces.
pub(super) fn normal(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Lines without their endings, whichever of the three they use.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = (!text.is_empty()).then_some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr2(b'\r', b'\n', text) else {
            rest = None;
            return Some(text);
        };
        let after = if text[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 };
        rest = (after < text.len()).then(|| &text[after..]);
        Some(&text[..end])
    })
}

/// The value without quotation marks and comment, and what is wrong with it at which byte.
fn unquoted(value: &str) -> (&str, Option<(usize, FlawKind)>) {
    if let Some(inner) = value.strip_prefix('"') {
        let Some(end) = inner.find('"') else {
            return (inner, Some((0, FlawKind::OpenQuote)));
        };
        let after = inner[end + 1..].trim_start();
        let flaw = !after.is_empty() && !after.starts_with('#');
        return (&inner[..end], flaw.then_some((value.len() - after.len(), FlawKind::AfterQuote)));
    }
    if value.starts_with('#') {
        return ("", None);
    }
    let comment = value.char_indices().find(|(at, c)| *c == '#' && value[..*at].ends_with(char::is_whitespace));
    (comment.map_or(value, |(at, _)| value[..at].trim_end()), None)
}
