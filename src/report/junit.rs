//! JUnit XML for build servers: one test suite for the run, one test case for each line.
//!
//! `classname` is the scenario and `name` is `phone/line`, which is unique within a run. A `fail` is a failure, a
//! `rig-error` and a case that did not run to its end are errors: neither says anything about the phone. A `fail` that is
//! expected, because a document admits it, is skipped; its property `verdict` says what it is.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{ReportError, RunStory};
use crate::{
    look::harmless,
    verdict::{Case, Verdict},
};

/// The XML document.
///
/// # Errors
/// If it can not be written as XML.
pub fn render(story: &RunStory) -> Result<String, ReportError> {
    let mut suite = TestSuite::new(clean(story.run()));
    suite.set_time(Duration::from_nanos(story.last.0));
    if let Some(plan) = &story.plan {
        suite.add_property(Property::new("bench", clean(&plan.bench.name)));
        suite.add_property(Property::new("siprig", clean(&plan.version)));
    }
    for trouble in &story.troubles {
        suite.add_property(Property::new(format!("trouble-{}", trouble.seq), clean(&trouble.note)));
    }
    for case in story.cases() {
        // All cases of a run share its steps, so each takes until its verdict.
        let took = Duration::from_nanos(story.decided_at(&case.id).unwrap_or(story.last).0);
        suite.add_test_case(self::case(&case, took));
    }
    let mut report = Report::new("siprig");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| ReportError::Xml(error.to_string()))
}

/// The entry of a case that took so long.
pub fn case(case: &Case, took: Duration) -> TestCase {
    let mut entry = TestCase::new(clean(&format!("{}/{}", case.id.phone, case.id.line)), status(case));
    entry.set_classname(clean(&case.id.scenario));
    entry.set_time(took);
    entry.add_property(Property::new("verdict", case.verdict.to_string()));
    if let Some(blame) = case.blame {
        entry.add_property(Property::new("blame", blame.to_string()));
    }
    if let Some(reason) = case.reason.as_deref().filter(|_| case.verdict == Verdict::Pass) {
        entry.add_property(Property::new("reason", clean(reason)));
    }
    if !case.evidence.is_empty() {
        let numbers: Vec<_> = case.evidence.iter().map(u64::to_string).collect();
        entry.add_property(Property::new("evidence", numbers.join(" ")));
    }
    for measurement in &case.measurements {
        if let Some(value) = measurement.value {
            let text = format!("{value:.1} {}", measurement.unit);
            entry.add_property(Property::new(clean(&measurement.name), clean(&text)));
        }
    }
    entry
}

fn status(case: &Case) -> TestCaseStatus {
    let mut status = match case.verdict {
        // It is known to fail, and whoever knows it is to hear that it does not.
        Verdict::Pass if !case.expected => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Pass | Verdict::Flaky => return TestCaseStatus::success(),
        // A build server knows no failure that is expected; a skipped case shows its message and breaks no build.
        Verdict::Fail if !case.expected => TestCaseStatus::skipped(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::RigError | Verdict::NotRun => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Skipped => TestCaseStatus::skipped(),
    };
    status.set_type(clean(case.code.as_deref().unwrap_or("unknown")));
    status.set_message(clean(case.reason.as_deref().unwrap_or("no reason was given")));
    status
}

/// Without what XML 1.0 (section 2.2) can not hold even when escaped; with line breaks, and what hides or reorders text,
/// spelt out.
pub fn clean(text: &str) -> String {
    harmless(text).replace(['\u{fffe}', '\u{ffff}'], "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_written_can_be_read_back() {
        let xml = render(&RunStory::from_records(&sample::mixed_run())).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!((suite.tests, suite.failures, suite.errors), (5, 2, 1), "{xml}");
        assert!(matches!(suite.test_cases[3].status, TestCaseStatus::Skipped { .. }), "{xml}");
        let late = &suite.test_cases[4];
        assert_eq!(late.name.as_str(), "p5/1005");
        assert_eq!(late.classname.as_ref().unwrap().as_str(), "failover");
        let TestCaseStatus::NonSuccess { kind, message, ty, .. } = &late.status else { panic!("{late:?}") };
        assert_eq!(*kind, NonSuccessKind::Failure);
        assert_eq!(ty.as_ref().unwrap().as_str(), "late");
        assert!(message.as_ref().unwrap().as_str().contains("15.9 s after a was taken away"));
        let blame = late.properties.iter().find(|property| property.name.as_str() == "blame").unwrap();
        assert_eq!(blame.value.as_str(), "phone");
    }

    #[test]
    fn a_failure_that_a_document_admits_breaks_no_build() {
        let mut records = sample::mixed_run();
        sample::admit(&mut records, "late");
        let xml = render(&RunStory::from_records(&records)).unwrap();
        let suite = Report::deserialize_from_str(&xml).unwrap().test_suites.remove(0);
        assert_eq!(suite.failures, 1, "{xml}");
        let TestCaseStatus::Skipped { message, ty, .. } = &suite.test_cases[4].status else { panic!("{xml}") };
        assert_eq!(ty.as_ref().unwrap().as_str(), "documented-limit");
        assert!(message.as_ref().unwrap().as_str().contains("15.9 s after"), "{xml}");
    }

    #[test]
    fn control_characters_and_markup_from_phones_do_not_break_it() {
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", "\u{0}\u{b}<script>&\u{ffff}\"]]>\x1b[31m");
        let xml = render(&RunStory::from_records(&records)).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        let TestCaseStatus::NonSuccess { message, .. } = &report.test_suites[0].test_cases[4].status else { panic!() };
        assert_eq!(message.as_ref().unwrap().as_str(), "\\u{0}\\u{b}<script>&\"]]>\\u{1b}[31m");
    }

    #[test]
    fn a_case_without_a_verdict_is_an_error_and_not_silence() {
        let mut records = sample::clean_run();
        records.truncate(40);
        let xml = render(&RunStory::from_records(&records)).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.test_suites[0].tests, report.test_suites[0].errors), (4, 4), "{xml}");
    }
}
