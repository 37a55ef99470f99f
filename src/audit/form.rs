//! The form of a file, and names in it that phones do not know.

use super::{Finding, Severity};
use crate::config::provisioning::{FlawKind, Origin, SettingsFile, Unknown, identify};

/// Most findings about unknown names in one file. Each one is compared with every known name.
const MOST: usize = 100;

/// Most names that one finding lists.
const LISTED: usize = 8;

/// Longest name that is quoted whole.
const QUOTED: usize = 60;

/// What is to be said.
pub(super) fn examine(file: &SettingsFile) -> Vec<Finding> {
    let mut findings: Vec<_> = file.flaws.iter().map(|flaw| of_flaw(file, flaw.line, flaw.column, flaw.kind)).collect();
    let (mut unlisted, mut first) = (Vec::new(), None);
    for assignment in &file.assignments {
        if findings.len() >= file.flaws.len() + MOST || unlisted.len() >= MOST {
            break;
        }
        let name: String = assignment.name.chars().take(QUOTED).collect();
        let (code, message, remedy) = match identify(&assignment.name) {
            Ok(_) => continue,
            Err(Unknown::Unlisted) => {
                first.get_or_insert_with(|| assignment.origin.clone());
                unlisted.push(name);
                continue;
            }
            Err(Unknown::Misspelt(likely)) => (
                "misspelt",
                format!("no parameter `{name}` is known; a phone passes over what it does not know"),
                format!("did you mean `{likely}`?"),
            ),
            Err(Unknown::NoSuchNumber) => (
                "no-such-number",
                format!("`{name}` names a line or key that no phone has"),
                "lines are numbered from 1 to 9, keys from 1 to what the model has".to_owned(),
            ),
            Err(Unknown::NotPerLine(global)) => (
                "not-per-line",
                format!("`{name}`: this parameter is not known to exist for a single line"),
                format!("set `{global}` for the phone"),
            ),
        };
        let origin = Some(assignment.origin.clone());
        findings.push(Finding { severity: Severity::Warning, code, lines: Vec::new(), message, remedy, origin });
    }
    if let Some(origin) = first {
        unlisted.sort();
        unlisted.dedup();
        let more = unlisted.len().saturating_sub(LISTED);
        unlisted.truncate(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        findings.push(Finding {
            severity: Severity::Note,
            code: "unlisted",
            lines: Vec::new(),
            message: format!("not examined, as siprig knows nothing of them: `{}`{more}", unlisted.join("`, `")),
            remedy: "compare their spelling with the administrator guide".to_owned(),
            origin: Some(origin),
        });
    }
    findings.sort_by_key(|finding| finding.origin.as_ref().map(|origin| origin.line));
    findings
}

fn of_flaw(file: &SettingsFile, line: usize, column: usize, kind: FlawKind) -> Finding {
    let (severity, code, remedy) = match kind {
        FlawKind::NotText => (Severity::Error, "not-text", "save it as plain text in UTF-8"),
        FlawKind::TooLong => (Severity::Error, "too-long", "is this the right file?"),
        FlawKind::LongLine => (Severity::Warning, "long-line", "break it into several settings, or shorten its value"),
        FlawKind::NotUtf8 => (Severity::Note, "not-utf8", "save the file in UTF-8"),
        FlawKind::ByteOrderMark => (Severity::Warning, "byte-order-mark", "save it as UTF-8 without a byte order mark"),
        FlawKind::NoColon => (Severity::Warning, "no-colon", "write `name: value`, or put `#` in front of a comment"),
        FlawKind::NoName => (Severity::Warning, "no-name", "write `name: value`"),
        FlawKind::OpenQuote => (Severity::Warning, "open-quote", "close it, or leave quotation marks out"),
        FlawKind::AfterQuote => (Severity::Warning, "after-quote", "put `#` in front of a comment"),
        FlawKind::Twice { .. } => (Severity::Warning, "twice", "remove one of them"),
    };
    let origin = Some(Origin { file: file.file.clone(), line });
    let place = if column > 1 { format!(" (column {column})") } else { String::new() };
    Finding { severity, code, lines: Vec::new(), message: format!("{kind}{place}"), remedy: remedy.to_owned(), origin }
}
