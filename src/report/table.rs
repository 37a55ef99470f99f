//! The closing table for people: verdicts, times and reasons, and where each deadline comes from.
//!
//! The columns that decide are never cut: a line too narrow for its text gets a further line, not an ellipsis.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{RunStory, bystanders};
use crate::{
    look::{Look, bound, harmless, width},
    verdict::{Case, Measurement, Verdict},
};

mod heat;
mod sums;

/// Narrower terminals get the layout for this width.
const NARROWEST: usize = 80;
/// Cells for `phone/line`; longer ones get a line of their own.
const NAME: usize = 16;
/// Cells before the figures: symbol, verdict and name.
const MARGIN: usize = 2 + 10 + NAME;

/// The table with the derivations beneath it, at most `width` columns wide (80 if that is less), with a line ending.
pub fn render(story: &RunStory, width: usize, look: Look) -> String {
    let mut table = Table { out: String::new(), width: width.max(NARROWEST), look };
    let cases = story.cases();
    table.heading();
    let several = cases.iter().any(|case| case.id.scenario != cases[0].id.scenario);
    let mut scenario = None;
    for case in &cases {
        if several && scenario != Some(&case.id.scenario) {
            table.line(&format!("-- {}", harmless(&case.id.scenario)));
            scenario = Some(&case.id.scenario);
        }
        table.case(case);
    }
    table.heat(story, &cases);
    table.bystanders(story);
    table.asked(story);
    table.derivations(story, &cases);
    table.notes(story);
    table.total(&cases);
    table.out
}

/// The totals as words, the worst first: `2 failed, 1 without a verdict because of the rig, 3 passed`.
pub fn totals(cases: &[Case]) -> String {
    told(cases, |_| String::new())
}

/// The totals, and after each kind that is not a pass what `more` says of its cases.
fn told(cases: &[Case], more: impl Fn(&[&Case]) -> String) -> String {
    let kinds = [
        (Verdict::Fail, true, "failed"),
        (Verdict::RigError, true, "without a verdict because of the rig"),
        (Verdict::NotRun, true, "not run to the end"),
        (Verdict::Flaky, true, "passed on a retry"),
        (Verdict::Fail, false, "failed as expected"),
        (Verdict::Pass, false, "passed against what is known"),
        (Verdict::Flaky, false, "failed as expected and passed on a retry"),
        (Verdict::Skipped, true, "skipped"),
        (Verdict::Pass, true, "passed"),
    ];
    let counted = kinds.iter().filter_map(|(verdict, expected, words)| {
        let kind: Vec<_> = cases.iter().filter(|case| case.verdict == *verdict && case.expected == *expected).collect();
        let more = if *verdict == Verdict::Pass { String::new() } else { more(&kind) };
        (!kind.is_empty()).then(|| format!("{} {words}{more}", kind.len()))
    });
    let counted: Vec<_> = counted.collect();
    if counted.is_empty() { "no cases".to_owned() } else { counted.join(", ") }
}

/// The names of the first few cases, and how many there are besides.
fn names(cases: &[&Case], few: usize) -> String {
    let shown: Vec<_> = cases.iter().take(few).map(|case| format!("{}/{}", case.id.phone, case.id.line)).collect();
    let more = if cases.len() > few { format!(" and {} more", cases.len() - few) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

struct Table {
    out: String,
    width: usize,
    look: Look,
}

impl Table {
    fn heading(&mut self) {
        let (bold, plain) = self.paint(Style::new().bold());
        let row = figures(["failover ms", "limit", "failback ms", "limit"].map(str::to_owned));
        self.line(&format!("{bold}  {:<10}{:<NAME$}{row}{plain}", "verdict", "phone/line"));
    }

    fn case(&mut self, case: &Case) {
        let named = |name| case.measurements.iter().find(|measurement| measurement.name == name);
        let (failover, failback) = (named("failover"), named("failback"));
        let row = figures([self.value(failover), limit(failover), self.value(failback), limit(failback)]);
        let name = harmless(&format!("{}/{}", case.id.phone, case.id.line));
        let (colour, plain) = self.paint(style(case.verdict));
        let verdict = format!("{colour}{} {:<10}{plain}", self.look.symbol(case.verdict), case.verdict);
        let room = NAME.checked_sub(width(&name) + 1);
        match room {
            Some(room) => self.line(&format!("{verdict}{name}{}{row}", " ".repeat(room + 1))),
            None => {
                self.line(&format!("{verdict}{name}"));
                self.line(&format!("{}{row}", " ".repeat(MARGIN)));
            }
        }
        if let Some(split) = split(case) {
            self.wrapped(&split, 12);
        }
        let others = other_moves(case);
        if !others.is_empty() {
            self.wrapped(&others, 12);
        }
        if let Some(reason) = &case.reason {
            let blame = case.blame.map_or_else(String::new, |blame| format!("{blame}, "));
            let code = case.code.as_ref().map_or_else(String::new, |code| format!("{code}: "));
            let expected = if case.expected { "" } else { " (expected)" };
            self.wrapped(&format!("{blame}{code}{reason}{expected}"), 12);
        }
    }

    /// Where the limits come from; lines whose sums differ in their figures alone share one.
    fn derivations(&mut self, story: &RunStory, cases: &[Case]) {
        let sums = sums::folded(story, cases);
        if !sums.is_empty() {
            self.line("");
        }
        for sum in &sums {
            self.wrapped(&sum.to_string(), 0);
        }
        if sums.iter().any(|sum| sum.differs()) {
            self.line("  (each line with its own figures: report.html)");
        }
    }

    /// What went dark with the servers that went away.
    fn bystanders(&mut self, story: &RunStory) {
        let told = bystanders::told(story);
        if !told.is_empty() {
            self.line("");
            self.line("What went dark with the servers, for the phones of their outages:");
        }
        for line in told {
            self.wrapped(&line, 2);
        }
    }

    /// What operators were asked.
    fn asked(&mut self, story: &RunStory) {
        let told = story.asked();
        if !told.is_empty() {
            self.line("");
            self.line("What was asked of an operator:");
        }
        for line in told {
            self.wrapped(&line, 2);
        }
    }

    fn notes(&mut self, story: &RunStory) {
        if !story.findings.is_empty() || !story.troubles.is_empty() {
            self.line("");
        }
        for finding in &story.findings {
            self.wrapped(&format!("{} s  {} {}: {}", finding.at, finding.line, finding.code, finding.note), 0);
        }
        for trouble in &story.troubles {
            self.wrapped(&format!("{} s  rig: {}", trouble.at, trouble.note), 0);
        }
    }

    fn total(&mut self, cases: &[Case]) {
        self.line("");
        self.wrapped(&told(cases, |kind| format!(" ({})", names(kind, 6))), 0);
    }

    fn value(&self, measurement: Option<&Measurement>) -> String {
        let Some(measurement) = measurement else { return self.look.pick("–", "-").to_owned() };
        let Some(value) = measurement.value else {
            return if measurement.is_encrypted() { "encrypted" } else { "none" }.to_owned();
        };
        let error =
            measurement.error.map_or_else(String::new, |e| format!(" {}{:.1}", self.look.pick("±", "+-"), bound(e)));
        format!("{value:.1}{error}")
    }

    /// Words of `text` in lines of at most the table's width, all indented; a longer word has a line for itself.
    fn wrapped(&mut self, text: &str, indent: usize) {
        let text = harmless(text);
        let mut line = " ".repeat(indent);
        let mut empty = true;
        for word in words(&text) {
            if !empty && width(&line) + 1 + width(&word) > self.width {
                self.line(&line);
                line = " ".repeat(indent + if indent == 0 { 2 } else { 0 });
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(&word);
            empty = false;
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        // Derivations are written with typographic signs, which a terminal without UTF-8 shows as rubbish.
        let line =
            if self.look.unicode { line.to_owned() } else { line.replace(['−', '–'], "-").replace('±', "+-") };
        // Writing to a String can not fail.
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    fn paint(&self, style: Style) -> (String, String) {
        if self.look.colour {
            (style.render().to_string(), style.render_reset().to_string())
        } else {
            (String::new(), String::new())
        }
    }
}

fn figures([failover, failover_limit, failback, failback_limit]: [String; 4]) -> String {
    format!("{failover:>15}{failover_limit:>10}{failback:>16}{failback_limit:>10}")
}

/// Moves with a limit for which there is no column: `recovery 41235.0 ms (limit 44000.0)`.
fn other_moves(case: &Case) -> String {
    let moves = case
        .measurements
        .iter()
        .filter(|it| it.max.is_some() && it.unit == "ms" && !matches!(&*it.name, "baseline" | "failover" | "failback"));
    let told = moves.map(|it| {
        let value = it.value.map_or_else(|| "none".to_owned(), |value| format!("{value:.1} ms"));
        format!("{} {value} (limit {})", it.name, limit(Some(it)))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn limit(measurement: Option<&Measurement>) -> String {
    measurement.and_then(|m| m.max).map_or_else(String::new, |max| format!("{max:.1}"))
}

/// The words of a text; a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let unit = matches!(word.trim_end_matches([',', ';', ')', '.']), "s" | "ms" | "min");
        match words.last_mut().filter(|last| unit && last.ends_with(|c: char| c.is_ascii_digit())) {
            Some(number) => *number = format!("{number} {word}"),
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// What the failover is made of.
fn split(case: &Case) -> Option<String> {
    let part = |name: &str| {
        let measurement = case.measurements.iter().find(|m| m.name == format!("failover-{name}"))?;
        Some(format!("{:.1} {name}", measurement.value?))
    };
    let parts: Vec<_> = ["waiting", "detecting", "registering"].into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| format!("failover = {} ms", parts.join(" + ")))
}

const fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail => AnsiColor::Red,
        Verdict::RigError => AnsiColor::Magenta,
        Verdict::Flaky => AnsiColor::Yellow,
        Verdict::Skipped | Verdict::NotRun => return Style::new().dimmed(),
    };
    colour.on_default().bold()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    const GLYPHS: Look = Look { colour: false, unicode: true };

    #[test]
    fn a_clean_run_reads_well_at_eighty_columns() {
        let story = RunStory::from_records(&sample::clean_run());
        insta::assert_snapshot!(render(&story, 80, GLYPHS));
    }

    #[test]
    fn every_kind_of_ending_reads_well_in_ascii() {
        let story = RunStory::from_records(&sample::mixed_run());
        let text = render(&story, 80, Look::PLAIN);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_failure_that_a_document_admits_is_counted_apart() {
        let mut records = sample::mixed_run();
        sample::admit(&mut records, "late");
        let text = render(&RunStory::from_records(&records), 200, GLYPHS);
        assert!(text.contains("phone, documented-limit: ") && text.contains(" (expected)\n"), "{text}");
        assert!(text.contains("1 failed as expected (p5/1005)"), "{text}");
    }

    #[test]
    fn forty_phones_share_the_sums_that_are_alike_and_the_failed_ones_are_named_at_the_end() {
        let mut fates = [sample::Fate::Clean; 40];
        fates[16] = sample::Fate::NeverHome;
        let text = render(&RunStory::from_records(&sample::run(&fates)), 80, GLYPHS);
        let sums: Vec<_> = text.lines().filter(|line| line.starts_with("deadline")).collect();
        assert_eq!(sums.len(), 3, "{sums:#?}");
        assert!(
            sums[0].starts_with("deadline failover of 39 lines (p1/1001 to p40/10040): 10.2–27.0 s of"),
            "{sums:#?}"
        );
        assert!(sums[2].starts_with("deadline failback of p17/10017: "), "{sums:#?}");
        assert_eq!(text.lines().last(), Some("1 failed (p17/10017), 39 passed"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let story = RunStory::from_records(&sample::mixed_run());
        for columns in [20, 80, 81, 100, 120, 200] {
            for line in render(&story, columns, GLYPHS).lines() {
                assert!(width(line) <= columns.max(80), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn colour_only_adds_escape_codes() {
        let story = RunStory::from_records(&sample::mixed_run());
        let coloured = render(&story, 80, Look { colour: true, unicode: true });
        assert!(coloured.contains("\x1b["), "no colour");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), render(&story, 80, GLYPHS));
    }

    #[test]
    fn hostile_text_reaches_the_terminal_spelt_out() {
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", "\x1b]0;owned\x07 \u{202e}txet");
        let text = render(&RunStory::from_records(&records), 80, GLYPHS);
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
        assert!(text.contains("\\u{1b}]0;owned\\u{7}"), "{text}");
    }
}
