//! What cases came to in the nights before: by that a failure is new, or known for long, or gone.
//!
//! Comparable are nights of the same suite on the same bench that came to their end. Of a case that the last one could not tell of,
//! because it was not run or the rig failed, the one before that is asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

use super::{
    lean::Lean,
    ledger,
    plan::FailedBefore,
    state::{Night, Outcome},
};
use crate::verdict::{Case, CaseId, Verdict};

/// So many nights are looked at, at most.
const NIGHTS: usize = 5;

/// What is read of the summary of a night.
#[derive(Debug, Deserialize)]
struct Told {
    night: String,
    suite: String,
    bench: String,
    exit: Option<u8>,
    cases: Vec<ToldCase>,
}

#[derive(Debug, Deserialize)]
struct ToldCase {
    #[serde(flatten)]
    id: CaseId,
    verdict: Verdict,
    code: Option<String>,
    expected: bool,
}

/// What cases came to before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// The last comparable night; none: there was none.
    pub night: Option<String>,
    /// Its exit code.
    pub exit: Option<u8>,
    /// Of each case that a night could tell of, the codes with which it failed in the last one that could; none: it did not fail.
    codes: BTreeMap<CaseId, BTreeSet<String>>,
    /// The cases that broke the last comparable night.
    broke: BTreeSet<CaseId>,
}

impl Before {
    /// What these cases came to in the nights of a directory before this one, of the same suite on the same bench.
    pub fn of(report_dir: &Path, night: &str, suite: &str, bench: &str, cases: &[&CaseId]) -> Self {
        let entries = fs::read_dir(report_dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        // A name begins with its time and has the suite's in it.
        let mut names: Vec<String> = names.filter(|name| name.as_str() < night && name.contains(suite)).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        let told = names.iter().filter_map(|name| read(&report_dir.join(name)));
        let comparable = told.filter(|told| told.suite == suite && told.bench == bench && told.exit.is_some());
        let mut before = Self::default();
        for told in comparable.take(NIGHTS) {
            before.take(told);
            if cases.iter().all(|case| before.codes.contains_key(case)) {
                break;
            }
        }
        before
    }

    /// What the cases that break a night came to in the nights beside it, which is in this directory.
    pub fn of_night(directory: &Path, night: &Night, outcomes: &[Outcome]) -> Self {
        let name = directory.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let failing = outcomes.iter().map(|outcome| &outcome.case).filter(|case| breaks(case.verdict, case.expected));
        let failing: Vec<&CaseId> = failing.map(|case| &case.id).collect();
        let others = directory.parent().unwrap_or(Path::new("."));
        Self::of(others, &name, &night.plan.suite, &night.plan.bench, &failing)
    }

    /// Takes a night that is older than those before.
    fn take(&mut self, told: Told) {
        let is_last = self.night.is_none();
        if is_last {
            (self.night, self.exit) = (Some(told.night), told.exit);
        }
        let known: BTreeSet<CaseId> = self.codes.keys().cloned().collect();
        for case in told.cases {
            let is_told = !matches!(case.verdict, Verdict::NotRun | Verdict::RigError | Verdict::Skipped);
            if !is_told || known.contains(&case.id) {
                continue;
            }
            if is_last && breaks(case.verdict, case.expected) {
                self.broke.insert(case.id.clone());
            }
            let codes = self.codes.entry(case.id).or_default();
            if case.verdict == Verdict::Fail || case.verdict == Verdict::Pass && !case.expected {
                codes.insert(case.code.unwrap_or_default());
            }
        }
    }

    /// Whether a case that fails did not do so before, or in another way. One that no night can tell of is new.
    pub fn is_new(&self, case: &Case) -> bool {
        let code = case.code.as_deref().unwrap_or_default();
        !self.codes.get(&case.id).is_some_and(|codes| codes.contains(code))
    }

    /// Each case that failed in the last night that could tell of it, and in which ways.
    pub fn failures(&self) -> Vec<FailedBefore> {
        let failed = self.codes.iter().filter(|(_, codes)| !codes.is_empty());
        failed
            .map(|(case, codes)| FailedBefore { case: case.clone(), codes: codes.iter().cloned().collect() })
            .collect()
    }

    /// Whether a case broke the last comparable night.
    pub fn broke(&self, case: &CaseId) -> bool {
        self.broke.contains(case)
    }
}

/// Whether a case breaks a night: it fails and nobody knew that it would, or passes and is known to fail.
pub fn breaks(verdict: Verdict, expected: bool) -> bool {
    matches!((verdict, expected), (Verdict::Fail, true) | (Verdict::Pass, false))
}

/// The summary of a night; none: it is none, or can not be read.
fn read(directory: &Path) -> Option<Told> {
    if !directory.join(ledger::FILE).is_file() {
        return None;
    }
    let text = fs::read(directory.join("summary.json")).ok()?;
    serde_json::from_slice(Lean::of(&["measurements", "evidence"]).line(&text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::{Event, NightSummary, state::sample};

    fn id(phone: &str, line: &str) -> CaseId {
        CaseId { scenario: "failover".to_owned(), phone: phone.into(), line: line.to_owned() }
    }

    fn failing(phone: &str, line: &str, code: &str) -> Case {
        Case { id: id(phone, line), code: Some(code.to_owned()), ..Case::sample(Verdict::Fail) }
    }

    /// Keeps a night whose last run came to these verdicts.
    fn keep(reports: &Path, name: &str, verdicts: &[Verdict], is_over: bool) {
        let plan = sample::plan();
        let mut events = vec![
            Event::Planned { plan: Box::new(plan.clone()) },
            sample::began(&plan, 4, 1),
            sample::ended(&plan, 4, 1, verdicts),
        ];
        if is_over {
            events.push(Event::Closed { exit: 100, stopped_by: None });
        }
        let entries: Vec<_> = (0..).zip(events).map(|(second, event)| sample::at(second, event)).collect();
        let directory = reports.join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join(ledger::FILE), "").unwrap();
        let summary = NightSummary::of(name, &Night::of(&entries).unwrap());
        fs::write(directory.join("summary.json"), summary.to_json().unwrap()).unwrap();
    }

    #[test]
    fn a_failure_is_new_unless_the_last_night_that_could_tell_had_it_with_the_same_code() {
        use Verdict::{Fail, NotRun, Pass, RigError};
        let reports = tempfile::tempdir().unwrap();
        keep(reports.path(), "2026-11-20T221503Z-sample", &[Fail, Fail, Fail], true);
        keep(reports.path(), "2026-11-21T221503Z-sample", &[Pass, Fail, Pass], true);
        keep(reports.path(), "2026-11-22T221503Z-sample", &[Fail, RigError, NotRun], true);
        keep(reports.path(), "2026-11-23T221503Z-sample", &[Pass, Pass, Fail], false);
        keep(reports.path(), "2026-11-25T221503Z-sample", &[Pass, Pass, Fail], true);
        let all = [id("p1", "1001"), id("p2", "1002"), id("p2", "1003"), id("p3", "1004")];
        let asked: Vec<&CaseId> = all.iter().collect();
        let bench = sample::plan().bench;
        let before = Before::of(reports.path(), "2026-11-24T221503Z-sample", "sample", &bench, &asked);
        assert_eq!((before.night.as_deref(), before.exit), (Some("2026-11-22T221503Z-sample"), Some(100)));
        let is_new = |phone, line, code| before.is_new(&failing(phone, line, code));
        assert!(!is_new("p1", "1001", "never-failed-back"), "as in the last one");
        assert!(is_new("p1", "1001", "late"), "in another way");
        assert!(!is_new("p2", "1002", "never-failed-back"), "the rig failed in the last one, and it failed before");
        assert!(is_new("p2", "1003", "never-failed-back"), "it passed when it was run last");
        assert!(is_new("p3", "1004", "never-failed-back"), "nobody has ever seen it");
        assert!(before.broke(&id("p1", "1001")) && !before.broke(&id("p2", "1002")));
    }

    #[test]
    fn where_there_was_no_comparable_night_all_failures_are_new() {
        let reports = tempfile::tempdir().unwrap();
        keep(reports.path(), "2026-11-20T221503Z-sample", &[Verdict::Fail], true);
        let case = failing("p1", "1001", "never-failed-back");
        for (suite, bench) in [("sample", "another"), ("ample", sample::plan().bench.as_str())] {
            let before = Before::of(reports.path(), "2026-11-24T221503Z-x", suite, bench, &[&case.id]);
            assert!(before == Before::default() && before.is_new(&case));
        }
        let nowhere = Before::of(&reports.path().join("nowhere"), "2026", "sample", "another", &[]);
        assert_eq!(nowhere, Before::default());
    }
}
