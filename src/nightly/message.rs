//! The `siprig.message/1` document: what a night came to, for whoever is told in the morning. Pure: a night and the nights before it in, a
//! document out.
//!
//! It is short however much went wrong: what is told of each kind has an end, and what comes after that is counted.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::{
    before::{self, Before},
    parking::Parked,
    standing::{self, Point},
    state::{Night, Outcome},
    summary,
};
use crate::{
    config::{Day, KnownIssue, Occasion},
    event::PhoneName,
    report::table,
    verdict::{Case, CaseId, Verdict},
};

/// The version of the document's contract.
pub const SCHEMA: &str = "siprig.message/1";

/// So many cases of a kind are told.
const MOST: usize = 50;
/// So many of them in the text for people.
const MOST_LINES: usize = 10;

/// A night in one message. Field names and order are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// It is a sample, and there was no such night.
    pub test: bool,
    /// All of it for people: the verdict in a sentence, then a line for each failure, the new ones first.
    pub text: String,
    /// That sentence alone.
    pub verdict: String,
    /// Name of the night.
    pub night: String,
    /// Name of the suite.
    pub suite: String,
    /// Name of the bench.
    pub bench: String,
    /// The exit code.
    pub exit: u8,
    /// The signal that ended it early.
    pub stopped_by: Option<String>,
    /// When it began, in UTC.
    pub began: String,
    /// When it was over.
    pub ended: String,
    /// How many cases came to what; those that failed as expected are `known`.
    pub counts: BTreeMap<String, usize>,
    /// The night that new failures are told by; null: there was no comparable one.
    pub compared_with: Option<String>,
    /// Cases that break the night, and did not do so before.
    pub new: Vec<Point>,
    /// Cases that break the night as they did before.
    pub failed: Vec<Point>,
    /// Cases that broke the night before, and passed.
    pub fixed: Vec<CaseId>,
    /// Cases that failed as expected.
    pub known: Vec<Point>,
    /// Cases that passed only when they were tried again.
    pub flaky: Vec<Point>,
    /// Cases without a verdict because of the rig.
    pub rig_faults: Vec<Point>,
    /// How many cases there are beyond those that are told.
    pub more: usize,
    /// How many cases were not run.
    pub not_run: usize,
    /// Phones that took no part any more.
    pub parked: Vec<Parked>,
    /// Known issues that excuse nothing any more.
    pub expired_issues: Vec<KnownIssue>,
    /// The directory of the night.
    pub directory: String,
    /// Its documents.
    pub reports: Reports,
}

/// Where the documents of a night are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reports {
    /// `summary.json`.
    pub summary: String,
    /// `junit.xml`.
    pub junit: String,
}

impl Message {
    /// The message of a night of this name, which is over, in this directory.
    pub fn of(name: &str, directory: &Path, night: &Night, before: &Before) -> Self {
        let outcomes = night.outcomes();
        let (new, failed): (Vec<_>, Vec<_>) =
            standing::failed(&outcomes, before).into_iter().partition(|point| point.new);
        let is = |verdict, expected| {
            move |outcome: &&Outcome| outcome.case.verdict == verdict && outcome.case.expected == expected
        };
        let of = |is: &dyn Fn(&&Outcome) -> bool| standing::points(&outcomes, before, is);
        let known = of(&is(Verdict::Fail, false));
        let flaky = of(&|outcome| outcome.case.verdict == Verdict::Flaky);
        let rig_faults = of(&|outcome| outcome.case.verdict == Verdict::RigError);
        let cases: Vec<Case> = outcomes.iter().map(|outcome| outcome.case.clone()).collect();
        let path = |file: &str| directory.join(file).to_string_lossy().into_owned();
        let mut message = Self {
            schema: SCHEMA,
            test: false,
            text: String::new(),
            verdict: String::new(),
            night: name.to_owned(),
            suite: night.plan.suite.clone(),
            bench: night.plan.bench.clone(),
            exit: night.closed.as_ref().map_or(1, |closed| closed.exit),
            stopped_by: night.closed.as_ref().and_then(|closed| closed.stopped_by.clone()),
            began: summary::utc(night.began_unix_ns),
            ended: summary::utc(night.last_unix_ns),
            counts: summary::counts(&cases),
            compared_with: before.night.clone(),
            new,
            failed,
            fixed: fixed(&cases, before),
            known,
            flaky,
            rig_faults,
            more: 0,
            not_run: cases.iter().filter(|case| case.verdict == Verdict::NotRun).count(),
            parked: night.parked.values().cloned().collect(),
            expired_issues: night.plan.expired_on(&Day::of_unix_ns(night.last_unix_ns)),
            directory: directory.to_string_lossy().into_owned(),
            reports: Reports { summary: path("summary.json"), junit: path("junit.xml") },
        };
        message.verdict = message.sentence(&table::totals(&cases));
        message.text = message.for_people();
        message.shorten();
        message
    }

    /// One of a night that never was.
    pub fn sample(suite: &str) -> Self {
        let case = Point {
            run: super::RunId("1.1.failover".to_owned()),
            id: CaseId { scenario: "failover".to_owned(), phone: PhoneName("p1".to_owned()), line: "1001".to_owned() },
            verdict: Verdict::Fail,
            blame: Some(crate::verdict::Blame::Phone),
            code: Some("never-failed-back".to_owned()),
            reason: Some("this is a sample: no phone was tried".to_owned()),
            new: true,
            directory: None,
        };
        let mut message = Self {
            schema: SCHEMA,
            test: true,
            text: String::new(),
            verdict: format!("Test: this is how a night of the suite {suite} tells that it failed"),
            night: "test".to_owned(),
            suite: suite.to_owned(),
            bench: "no bench".to_owned(),
            exit: 100,
            stopped_by: None,
            began: summary::utc(0),
            ended: summary::utc(0),
            counts: BTreeMap::from([("fail".to_owned(), 1)]),
            compared_with: None,
            new: vec![case],
            failed: Vec::new(),
            fixed: Vec::new(),
            known: Vec::new(),
            flaky: Vec::new(),
            rig_faults: Vec::new(),
            more: 0,
            not_run: 0,
            parked: Vec::new(),
            expired_issues: Vec::new(),
            directory: String::new(),
            reports: Reports { summary: String::new(), junit: String::new() },
        };
        message.text = message.for_people();
        message
    }

    /// Whether a night of which this is told is one to tell of.
    pub fn is_due(&self, occasion: Occasion, before: &Before) -> bool {
        match occasion {
            Occasion::Always => true,
            Occasion::Changed => before.exit != Some(self.exit) || !self.new.is_empty() || !self.fixed.is_empty(),
            Occasion::Failed => self.exit != 0,
        }
    }

    /// One line of JSON with a line ending.
    ///
    /// # Errors
    /// If a value can not be written as JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|text| text + "\n")
    }

    fn sentence(&self, totals: &str) -> String {
        let new = match self.new.len() {
            0 => String::new(),
            count => format!(", {count} of them new"),
        };
        // What breaks a night stands first in the totals.
        let (first, rest) =
            totals.split_once(", ").map_or((totals, String::new()), |(first, rest)| (first, format!(", {rest}")));
        let ended = self.stopped_by.as_deref().map(|by| format!("; it was ended by {by}")).unwrap_or_default();
        format!("Night {} on {}: {first}{new}{rest} (exit code {}){ended}", self.suite, self.bench, self.exit)
    }

    fn for_people(&self) -> String {
        let mut lines = vec![self.verdict.clone()];
        let kinds =
            [("new", &self.new), ("failed", &self.failed), ("rig fault", &self.rig_faults), ("flaky", &self.flaky)];
        let points: Vec<String> = kinds
            .iter()
            .flat_map(|(kind, points)| points.iter().map(move |point| format!("{kind}: {}", told(point))))
            .collect();
        lines.extend(points.iter().take(MOST_LINES).cloned());
        if points.len() > MOST_LINES {
            lines.push(format!("and {} more", points.len() - MOST_LINES));
        }
        lines.extend(self.parked.iter().map(|parked| format!("parked: {}: {}", parked.phone, parked.why)));
        if !self.fixed.is_empty() {
            lines.push(format!("fixed: {}", self.fixed.len()));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// Cuts off what is too much.
    fn shorten(&mut self) {
        for points in [&mut self.new, &mut self.failed, &mut self.known, &mut self.flaky, &mut self.rig_faults] {
            self.more += points.len().saturating_sub(MOST);
            points.truncate(MOST);
        }
        self.more += self.fixed.len().saturating_sub(MOST);
        self.fixed.truncate(MOST);
    }
}

fn told(point: &Point) -> String {
    let blame = point.blame.map(|blame| format!("{blame}, ")).unwrap_or_default();
    let (code, reason) = (point.code.as_deref().unwrap_or("pass"), point.reason.as_deref().unwrap_or_default());
    crate::look::harmless(&format!("{}: {blame}{code}: {reason}", point.id))
}

/// Cases that broke the night before and passed whenever they were tried.
fn fixed(cases: &[Case], before: &Before) -> Vec<CaseId> {
    let fails = |id: &CaseId| {
        cases.iter().any(|case| {
            case.id == *id && (case.verdict != Verdict::Pass || before::breaks(case.verdict, case.expected))
        })
    };
    let mut fixed: Vec<CaseId> =
        cases.iter().map(|case| &case.id).filter(|id| before.broke(id) && !fails(id)).cloned().collect();
    fixed.sort_unstable();
    fixed.dedup();
    fixed
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::nightly::{Event, state::sample};

    /// What a night whose last run came to these verdicts tells, the first of which failed the night before as well.
    fn message(verdicts: &[Verdict], exit: u8) -> (Message, Before) {
        let plan = sample::plan();
        let keep = |name: &str, verdicts: &[Verdict], exit| {
            let events = [
                Event::Planned { plan: Box::new(plan.clone()) },
                sample::began(&plan, 4, 1),
                sample::ended(&plan, 4, 1, verdicts),
                Event::Closed { exit, stopped_by: None },
            ];
            let entries: Vec<_> = (0..).zip(events).map(|(second, event)| sample::at(second, event)).collect();
            (name.to_owned(), Night::of(&entries).unwrap())
        };
        let reports = tempfile::tempdir().unwrap();
        let (name, night) = keep("2026-11-24T221503Z-sample", &[Verdict::Fail, Verdict::Pass, Verdict::Pass], 100);
        std::fs::create_dir(reports.path().join(&name)).unwrap();
        std::fs::write(reports.path().join(&name).join("night.jsonl"), "").unwrap();
        let summary = crate::nightly::NightSummary::of(&name, &night).to_json().unwrap();
        std::fs::write(reports.path().join(&name).join("summary.json"), summary).unwrap();
        let (name, night) = keep("2026-11-25T221503Z-sample", verdicts, exit);
        let outcomes = night.outcomes();
        let cases: Vec<&CaseId> = outcomes.iter().map(|outcome| &outcome.case.id).collect();
        let before = Before::of(reports.path(), &name, "sample", &plan.bench, &cases);
        (Message::of(&name, Path::new("/reports/night"), &night, &before), before)
    }

    #[test]
    fn new_failures_stand_first_and_what_failed_before_behind_them() {
        let (message, _) = message(&[Verdict::Fail, Verdict::Fail, Verdict::RigError], 100);
        let phones = |points: &[Point]| points.iter().map(|point| point.id.to_string()).collect::<Vec<_>>();
        assert_eq!(phones(&message.new), ["failover p2/1002"]);
        assert_eq!(phones(&message.failed), ["failover p1/1001"]);
        assert_eq!(phones(&message.rig_faults), ["failover p2/1003"]);
        assert_eq!(message.compared_with.as_deref(), Some("2026-11-24T221503Z-sample"));
        let lines: Vec<&str> = message.text.lines().collect();
        assert!(
            lines[0].starts_with("Night sample on full: 2 failed, 1 of them new, 1 without a verdict"),
            "{}",
            lines[0]
        );
        assert!(lines[0].ends_with("(exit code 100)"), "{}", lines[0]);
        assert!(lines[1].starts_with("new: failover p2/1002") && lines[2].starts_with("failed: failover p1/1001"));
        assert_eq!(message.not_run, 4);
    }

    #[test]
    fn who_wants_to_hear_of_changes_or_failures_alone_hears_of_those_alone() {
        use Occasion::{Always, Changed, Failed};
        use Verdict::{Fail, Pass};
        let due = |verdicts: &[Verdict], exit| {
            let (message, before) = message(verdicts, exit);
            [Always, Changed, Failed].map(|occasion| message.is_due(occasion, &before))
        };
        assert_eq!(due(&[Fail, Pass, Pass], 100), [true, false, true], "as the night before");
        assert_eq!(due(&[Fail, Fail, Pass], 100), [true, true, true], "a new failure");
        assert_eq!(due(&[Pass, Pass, Pass], 0), [true, true, false], "mended");
        let (mended, _) = message(&[Pass, Pass, Pass], 0);
        assert_eq!(mended.fixed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["failover p1/1001"]);
        let (first, _) = message(&[Pass], 0);
        assert!(first.is_due(Changed, &Before::default()), "nothing is known of the night before");
    }

    #[test]
    fn the_document_keeps_the_names_and_order_of_its_contract_and_a_sample_has_the_same() {
        let (message, _) = message(&[Verdict::Fail, Verdict::Fail, Verdict::Pass], 100);
        let json = message.to_json().unwrap();
        let keys = |json: &str| {
            let document: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).unwrap();
            document.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(keys(&json), keys(&Message::sample("nightly").to_json().unwrap()));
        insta::assert_snapshot!(json.replace(",\"", ",\n\""));
    }
}
