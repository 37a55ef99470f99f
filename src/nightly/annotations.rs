//! What a night came to in the words of build servers, which show it beside what was changed. Pure: outcomes in, text out.
//!
//! GitHub reads workflow commands from what a step writes (GitHub Docs, "Workflow commands for GitHub Actions"); GitLab reads a report in
//! the form of Code Climate (GitLab Docs, "Code Quality", "Code Quality report format").

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    before::{self, Before},
    state::Outcome,
};
use crate::{
    look::harmless,
    verdict::{Case, Verdict},
};

/// How grave it is what a case came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It breaks the night, and did not do so before.
    New,
    /// It breaks the night.
    Broken,
    /// Nothing can be told because of the rig.
    Rig,
    /// It passed only when it was tried again.
    Flaky,
    /// It failed as expected.
    Known,
}

/// The cases that are to be shown, the gravest first.
fn shown<'o>(outcomes: &'o [Outcome], before: &Before) -> Vec<(Weight, &'o Outcome)> {
    let weight = |outcome: &'o Outcome| {
        let Case { verdict, expected, .. } = outcome.case;
        let weight = match verdict {
            _ if before::breaks(verdict, expected) && before.is_new(&outcome.case) => Weight::New,
            _ if before::breaks(verdict, expected) => Weight::Broken,
            Verdict::RigError => Weight::Rig,
            // Somebody has to look at its phone.
            Verdict::NotRun if outcome.case.code.as_deref() == Some("parked") => Weight::Rig,
            Verdict::Flaky => Weight::Flaky,
            Verdict::Fail => Weight::Known,
            Verdict::Pass | Verdict::Skipped | Verdict::NotRun => return None,
        };
        Some((weight, outcome))
    };
    let mut shown: Vec<_> = outcomes.iter().filter_map(weight).collect();
    shown.sort_by_key(|(weight, _)| *weight);
    shown
}

/// What is wrong, in one line for people.
fn told(outcome: &Outcome) -> String {
    let case = &outcome.case;
    let blame = case.blame.map(|blame| format!("{blame}: ")).unwrap_or_default();
    let place = outcome.directory.as_deref().map(|directory| format!(", {directory}")).unwrap_or_default();
    harmless(&format!("{blame}{} ({}{place})", case.reason.as_deref().unwrap_or("no reason was given"), outcome.run))
}

/// Workflow commands, one a line: the gravest first, since GitHub shows ten of a kind for a step.
pub fn github(outcomes: &[Outcome], before: &Before) -> String {
    let line = |(weight, outcome): (Weight, &Outcome)| {
        let (command, new) = match weight {
            Weight::New => ("error", "new: "),
            Weight::Broken => ("error", ""),
            Weight::Rig | Weight::Flaky => ("warning", ""),
            Weight::Known => ("notice", ""),
        };
        let case = &outcome.case;
        let title = format!("{new}{} {}", case.id, case.code.as_deref().unwrap_or("pass"));
        format!("::{command} title={}::{}\n", property(&harmless(&title)), data(&told(outcome)))
    };
    shown(outcomes, before).into_iter().map(line).collect()
}

/// What stands behind a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command, which a colon or a comma would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// An entry of a Code Quality report.
#[derive(Debug, Serialize)]
struct Entry {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Debug, Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

/// A Code Quality report. What is wrong has its place in the file of the suite, and a fingerprint that stays the same from night to
/// night, by which GitLab tells what is new.
///
/// # Errors
/// If a value can not be written as JSON.
pub fn gitlab(outcomes: &[Outcome], before: &Before, suite: &str) -> serde_json::Result<String> {
    let entry = |(weight, outcome): (Weight, &Outcome)| {
        let case = &outcome.case;
        let code = case.code.clone().unwrap_or_default();
        let own = format!("{}\n{}\n{code}", outcome.run, case.id);
        Entry {
            description: format!("{}: {}", harmless(&case.id.to_string()), told(outcome)),
            check_name: code,
            fingerprint: Sha256::digest(own.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
            severity: match weight {
                Weight::New => "blocker",
                Weight::Broken => "critical",
                Weight::Rig => "major",
                Weight::Flaky => "minor",
                Weight::Known => "info",
            },
            location: Location { path: suite.to_owned(), lines: Lines { begin: 1 } },
        }
    };
    let entries: Vec<Entry> = shown(outcomes, before).into_iter().map(entry).collect();
    serde_json::to_string(&entries).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::nightly::{Event, Night, state::sample};

    /// What a night came to whose last run failed on one line, and could not tell of two others.
    fn outcomes(reason: &str) -> Vec<Outcome> {
        let plan = sample::plan();
        let mut ended = sample::ended(&plan, 4, 1, &[Verdict::RigError, Verdict::Fail, Verdict::Pass]);
        if let Event::Ended { cases, .. } = &mut ended {
            cases[1].reason = Some(reason.to_owned());
        }
        let events = [Event::Planned { plan: Box::new(plan.clone()) }, sample::began(&plan, 4, 1), ended];
        let entries: Vec<_> = (0..).zip(events).map(|(second, event)| sample::at(second, event)).collect();
        Night::of(&entries).unwrap().outcomes()
    }

    #[test]
    fn github_is_told_in_its_own_words_and_nothing_that_a_phone_says_becomes_a_command() {
        let text = github(&outcomes("100 %: it said\n::error::gotcha"), &Before::default());
        let expected = [
            "::error title=new%3A failover p2/1002 never-failed-back::phone: 100 %25: it said\\u{a}::error::gotcha \
             (2.1.failover, 2026-11-25T221503Z-failover-1)",
            "::warning title=failover p1/1001 console-lost::rig: because of console-lost \
             (2.1.failover, 2026-11-25T221503Z-failover-1)",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert_eq!(property("a,b:c%\n"), "a%2Cb%3Ac%25%0A");
    }

    #[test]
    fn gitlab_gets_a_report_whose_fingerprints_tell_cases_apart_and_stay_the_same() {
        let report = |reason| gitlab(&outcomes(reason), &Before::default(), "rig/suites/nightly.toml").unwrap();
        let [first, again] = ["so", "so and so"].map(|reason| {
            let document: Value = serde_json::from_str(&report(reason)).unwrap();
            document.as_array().unwrap().clone()
        });
        assert_eq!(first.len(), 2);
        assert_eq!((&first[0]["severity"], &first[0]["check_name"]), (&"blocker".into(), &"never-failed-back".into()));
        assert_eq!(first[1]["severity"], "major");
        assert_eq!(first[0]["location"], serde_json::json!({"path": "rig/suites/nightly.toml", "lines": {"begin": 1}}));
        assert_ne!(first[0]["fingerprint"], first[1]["fingerprint"]);
        assert_eq!(first[0]["fingerprint"], again[0]["fingerprint"], "whatever the reason says");
        assert_ne!(first[0]["description"], again[0]["description"]);
    }

    #[test]
    fn where_nothing_is_wrong_nothing_is_told() {
        assert_eq!(github(&[], &Before::default()), "");
        assert_eq!(gitlab(&[], &Before::default(), "suite.toml").unwrap(), "[]\n");
    }
}
