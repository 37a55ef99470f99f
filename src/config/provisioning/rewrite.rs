//! A file with other settings on top of it, as it is put in place of the file for a while.

use std::{collections::BTreeMap, path::PathBuf};

use super::syntax::{FlawKind, SettingsFile, lines};

/// Why settings can not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The file is no text that could be added to.
    #[error("it is no text with a setting in each line")]
    NotText,
    /// Phones would not read the end of it.
    #[error("it has no room for more lines")]
    Full,
    /// No line of a file could hold it.
    #[error("no line of a file can hold `{0}`")]
    NoLine(String),
}

/// The name by which a parameter counts and the line that sets it, if a phone reads it as it is meant.
///
/// # Errors
/// If no line of a file could hold it.
pub fn line_of(name: &str, value: &str) -> Result<(String, String), NotWritten> {
    let no_line = || NotWritten::NoLine(name.to_owned());
    if name.contains([':', '\n', '\r']) || value.contains(['\n', '\r']) {
        return Err(no_line());
    }
    // Quotes keep what would be a comment otherwise.
    let lines = [format!("{name}: {value}"), format!("{name}: \"{value}\"")];
    let read_alike = |line: String| {
        let read = SettingsFile::parse(PathBuf::new(), line.as_bytes());
        match read.assignments.as_slice() {
            [only] if read.flaws.is_empty() && only.value.expose() == value => Some((only.name.clone(), line)),
            _ => None,
        }
    };
    lines.into_iter().find_map(read_alike).ok_or_else(no_line)
}

/// The byte order mark of UTF-8, which some editors put at the beginning of a file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of a file in which these parameters have these values and all others those that they had. Lines that set one of
/// them are gone: of two lines for one parameter no guide says which counts.
///
/// # Errors
/// If the file is no text, or has no room for more; or something can not be written as a line.
pub fn with_settings(file: &[u8], settings: &BTreeMap<String, String>) -> Result<Vec<u8>, NotWritten> {
    let set = settings.iter().map(|(name, value)| line_of(name, value)).collect::<Result<Vec<_>, _>>()?;
    let read = SettingsFile::parse(PathBuf::new(), file);
    if read.flaws.iter().any(|flaw| matches!(flaw.kind, FlawKind::NotText | FlawKind::TooLong)) {
        return Err(NotWritten::NotText);
    }
    // The later of two lines counts, and its marks with it.
    let marks = |name: &str| {
        let last = read.assignments.iter().rfind(|it| it.name == name);
        last.map_or(String::new(), |it| {
            [(it.lock, "!"), (it.overwrite, "^")].iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect()
        })
    };
    let ousted = |number: usize| {
        let mut there = read.assignments.iter().filter(|it| it.origin.line == number);
        there.any(|it| set.iter().any(|(name, _)| *name == it.name))
    };
    let text = file.strip_prefix(MARK);
    let marked = text.is_some();
    let text = text.unwrap_or(file);
    let mut written = Vec::with_capacity(file.len());
    for (number, line) in (1..).zip(lines(text)) {
        if !ousted(number) {
            written.extend_from_slice(line);
            written.push(b'\n');
        }
    }
    for (name, line) in &set {
        written.extend_from_slice(marks(name).as_bytes());
        written.extend_from_slice(line.as_bytes());
        written.push(b'\n');
    }
    // What stood behind a line that is gone may look like the mark of a file.
    let mark = match (marked, written.starts_with(MARK)) {
        (true, _) => MARK,
        (false, true) => b"\n",
        (false, false) => b"",
    };
    written.splice(..0, mark.iter().copied());
    let again = SettingsFile::parse(PathBuf::new(), &written);
    let holds = set.iter().all(|(name, _)| again.assignments.iter().any(|it| it.name == *name));
    if holds { Ok(written) } else { Err(NotWritten::Full) }
}

#[cfg(test)]
mod tests {
    use super::{super::MAX_LINES, *};

    fn on_top(file: &[u8], settings: &[(&str, &str)]) -> Result<String, NotWritten> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        with_settings(file, &settings).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn a_setting_takes_the_place_of_the_line_that_sets_it_however_that_is_written() {
        let file = b"# p1\r\nSIP  Transaction Timer : 4000 # short\r\nsip line1 user name: 1001\r\n";
        let written = on_top(file, &[("sip transaction timer", "8000")]).unwrap();
        assert_eq!(written, "# p1\nsip line1 user name: 1001\nsip transaction timer: 8000\n");
        let marked = on_top(b"^!a: 1\nb: 2\n^b: 3\n", &[("a", "8"), ("b", "9")]).unwrap();
        assert_eq!(marked, "!^a: 8\n^b: 9\n", "what counts more than a setting on the phone goes on to");
        assert_eq!(on_top(b"", &[("sip transaction timer", "8000")]).unwrap(), "sip transaction timer: 8000\n");
        let bytes = on_top(b"a: 1\nsip display name: J\xfcrg", &[("b", "2")]).unwrap();
        assert_eq!(SettingsFile::parse(PathBuf::new(), bytes.as_bytes()).assignments.len(), 3);
    }

    #[test]
    fn the_mark_of_a_file_stays_and_nothing_becomes_one() {
        let mark = "\u{feff}";
        for file in [format!("{mark}a: 1\nb: 2\n"), format!("{mark}{mark}a: 1\n"), format!("a: 1\n{mark}b: 2\n")] {
            let before = SettingsFile::parse(PathBuf::new(), file.as_bytes());
            let written = on_top(file.as_bytes(), &[("a", "8")]).unwrap();
            let after = SettingsFile::parse(PathBuf::new(), written.as_bytes());
            let others = |read: &SettingsFile| {
                let all = read.assignments.iter().filter(|it| it.name != "a");
                all.map(|it| (it.name.clone(), it.value.expose().to_owned())).collect::<Vec<_>>()
            };
            assert_eq!(others(&after), others(&before), "{written:?}");
        }
    }

    #[test]
    fn what_would_be_a_comment_is_quoted() {
        assert_eq!(on_top(b"", &[("softkey1 label", "#1")]).unwrap(), "softkey1 label: \"#1\"\n");
        assert_eq!(on_top(b"", &[("softkey1 label", "Line #")]).unwrap(), "softkey1 label: \"Line #\"\n");
    }

    #[test]
    fn what_no_line_can_hold_and_files_that_are_no_text_are_refused() {
        for (name, value) in [("a", "1\nb: 2"), ("a: b", "1"), ("", "1"), ("#a", "1"), ("a", "x # \"y")] {
            assert_eq!(on_top(b"", &[(name, value)]), Err(NotWritten::NoLine(name.to_owned())), "{name} {value}");
        }
        assert_eq!(on_top(b"\xff\xfea\0", &[("a", "1")]), Err(NotWritten::NotText));
        assert_eq!(on_top(&b"#\n".repeat(MAX_LINES), &[("a", "1")]), Err(NotWritten::Full));
    }
}
