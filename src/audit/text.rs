//! The findings for people: files first, then phones, the worst first; phones of which the same is to be said together.

use std::{fmt::Write as _, time::Duration};

use anstyle::{AnsiColor, Style};

use super::{
    Audit, FileAudit, Finding, PhoneAudit, Severity,
    outlook::{Outlook, Spread},
};
use crate::look::{Look, harmless};

/// Most phones that a heading names.
const NAMED: usize = 6;

/// All of it.
pub fn render(audits: &[Audit], look: Look) -> String {
    let mut out = String::new();
    for audit in audits {
        for file in audit.files.iter().filter(|file| !file.findings.is_empty()) {
            heading(&mut out, &file.file.display().to_string(), &tally(&file.findings), look);
            of_file(&mut out, file, look);
        }
        for group in groups(&audit.phones) {
            of_group(&mut out, &group, look);
        }
    }
    let files: usize = audits.iter().map(|audit| audit.files.len()).sum();
    let phones: Vec<_> = audits.iter().flat_map(|audit| &audit.phones).collect();
    let bad = |severity| phones.iter().filter(|phone| phone.verdict == Some(severity)).count();
    // Writing to a String can not fail, here and below.
    let _ = writeln!(
        out,
        "{}, {}: {} with errors, {} with warnings",
        counted(files, "file"),
        counted(phones.len(), "phone"),
        bad(Severity::Error),
        bad(Severity::Warning)
    );
    out
}

fn heading(out: &mut String, what: &str, told: &str, look: Look) {
    let bold = if look.colour { Style::new().bold() } else { Style::new() };
    let _ = writeln!(out, "{bold}{}{bold:#}: {told}", harmless(what));
}

fn of_file(out: &mut String, file: &FileAudit, look: Look) {
    for finding in &file.findings {
        // The heading names the file.
        let place = finding.origin.as_ref().map_or_else(String::new, |origin| format!("line {}", origin.line));
        one(out, finding, &place, look);
    }
    out.push('\n');
}

/// Phones that read files of one folder and of which the same is to be said.
fn groups(phones: &[PhoneAudit]) -> Vec<Vec<&PhoneAudit>> {
    let mut groups: Vec<Vec<&PhoneAudit>> = Vec::new();
    for phone in phones {
        let alike = groups.iter_mut().find(|group| {
            group.first().is_some_and(|first| {
                (first.verdict, &first.findings, &first.outlooks) == (phone.verdict, &phone.findings, &phone.outlooks)
            })
        });
        match alike {
            Some(group) => group.push(phone),
            None => groups.push(vec![phone]),
        }
    }
    groups
}

fn of_group(out: &mut String, group: &[&PhoneAudit], look: Look) {
    let Some(first) = group.first() else { return };
    let more = group.len().saturating_sub(NAMED);
    let names: Vec<_> = group.iter().take(NAMED).map(|phone| phone.name.as_str()).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    heading(out, &format!("{}{more}", names.join(", ")), &of_verdict(first), look);
    for finding in &first.findings {
        one(out, finding, &finding.origin.as_ref().map_or_else(String::new, ToString::to_string), look);
    }
    let mut told: Vec<(Vec<u8>, &Outlook)> = Vec::new();
    for (line, outlook) in &first.outlooks {
        match told.iter_mut().find(|(_, other)| *other == outlook) {
            Some((lines, _)) => lines.push(*line),
            None => told.push((vec![*line], outlook)),
        }
    }
    for (lines, outlook) in told {
        times(out, &lines, outlook);
    }
    out.push('\n');
}

/// What a phone comes to; its files may be worse than what is said about itself.
fn of_verdict(phone: &PhoneAudit) -> String {
    let own = phone.findings.iter().map(|finding| finding.severity).min();
    match phone.verdict {
        Some(worst @ (Severity::Error | Severity::Warning)) if own != Some(worst) => {
            format!("{}; {}s in its files", tally(&phone.findings), worst.word())
        }
        _ => tally(&phone.findings),
    }
}

fn one(out: &mut String, finding: &Finding, place: &str, look: Look) {
    let colour = match finding.severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default(),
        Severity::Note => AnsiColor::Cyan.on_default(),
    };
    let colour = if look.colour { colour } else { Style::new() };
    let lines = if finding.lines.is_empty() { String::new() } else { format!("{}: ", of_lines(&finding.lines)) };
    let place = if place.is_empty() { String::new() } else { format!("{}: ", harmless(place)) };
    let _ = writeln!(
        out,
        "  {colour}{:<8}{colour:#} {place}{lines}{}",
        finding.severity.word(),
        harmless(&finding.message)
    );
    let _ = writeln!(out, "  {:<8} help: {}", "", harmless(&finding.remedy));
}

fn times(out: &mut String, lines: &[u8], outlook: &Outlook) {
    let lifetime = if outlook.assumed { "assumed" } else { "asked for" };
    let remark = if outlook.lapses { "; the binding has run out by then" } else { "" };
    let _ = writeln!(out, "  expected {}, lifetime {} {lifetime}:", of_lines(lines), about(outlook.lifetime));
    let _ = writeln!(out, "  {:<8} failover {}{remark}", "", spread(outlook.failover));
    match outlook.failback {
        Some(failback) => {
            let _ = writeln!(out, "  {:<8} failback {}", "", spread(failback));
        }
        None => {
            let _ = writeln!(out, "  {:<8} failback when the phone finds the primary again; no guide says when", "");
        }
    }
}

fn spread(spread: Spread) -> String {
    format!("{} at best, {} on average, {} at worst", about(spread.best), about(spread.mean), about(spread.worst))
}

/// Seconds, rounded.
fn about(span: Duration) -> String {
    format!("{} s", (span + Duration::from_millis(500)).as_secs())
}

fn of_lines(lines: &[u8]) -> String {
    let numbers: Vec<_> = lines.iter().map(u8::to_string).collect();
    format!("{} {}", if lines.len() == 1 { "line" } else { "lines" }, numbers.join(", "))
}

fn tally(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let told = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| (count(severity), severity.word()));
    let fine = told[0].0 == 0 && told[1].0 == 0;
    let parts = told.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| counted(count, word));
    fine.then(|| "ok".to_owned()).into_iter().chain(parts).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_written_only_where_it_may_be_and_hostile_names_are_harmless() {
        let audit = || super::super::audit(vec![("a\x1b[2J.cfg".into(), Vec::new())], true, &|_| None);
        let coloured = render(&[audit()], Look { colour: true, unicode: true });
        assert!(coloured.contains("\x1b[31m") && !coloured.contains("\x1b[2J"), "{coloured:?}");
        assert!(!render(&[audit()], Look::PLAIN).contains('\x1b'));
    }

    #[test]
    fn phones_of_which_the_same_is_to_be_said_are_told_together() {
        let global = b"sip registrar ip: 10.0.0.2".to_vec();
        let phones = (1..=9).map(|n| (format!("00085D00000{n}.cfg").into(), Vec::new()));
        let files = std::iter::once(("aastra.cfg".into(), global)).chain(phones).collect();
        let told = render(&[super::super::audit(files, false, &|_| None)], Look::PLAIN);
        assert_eq!(told.matches("the backup is not set").count(), 1, "{told}");
        assert!(told.contains("00085D000006 and 3 more: 1 error, 1 warning, 2 notes"), "{told}");
    }

    #[test]
    fn a_phone_whose_files_have_errors_is_not_called_ok() {
        let files = vec![
            ("aastra.cfg".into(), b"sip registrar ip 10.0.0.2".to_vec()),
            (
                "00085D000001.cfg".into(),
                b"sip registrar ip: 10.0.0.2\nsip proxy ip: 10.0.0.2\nsip backup proxy ip: 10.0.0.3\n\
                sip backup registrar ip: 10.0.0.3\nsip registration period: 60"
                    .to_vec(),
            ),
        ];
        let told = render(&[super::super::audit(files, false, &|_| None)], Look::PLAIN);
        assert!(told.contains("00085D000001: ok, 2 notes; warnings in its files"), "{told}");
    }
}
