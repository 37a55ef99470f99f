//! JUnit XML of a whole night: one test suite, one test case for each case of each run, as a single run has them.
//!
//! Build servers pass over cases whose names are not unique. The first run of a scenario on a line has the name that it has in a
//! single run, `phone/line`; further ones of the same night have their place in it added, as `p1/1001 (1.2)`. An earlier
//! attempt of a case that passed in the end is a flaky failure, as build servers know it.

use std::{collections::BTreeSet, path::Path};

use quick_junit::{NonSuccessKind, Property, Report, TestCaseStatus, TestRerun, TestSuite, XmlString};

use super::state::Night;
use crate::{
    report::{ReportError, junit},
    verdict::Verdict,
};

/// The XML document for a night of this name, whose directory is `place` for a build server. A case that is no plain pass has the report
/// of its run attached, in the way in which GitLab and the JUnit Attachments plugin of Jenkins read it.
///
/// # Errors
/// If it can not be written as XML.
pub fn render(name: &str, night: &Night, place: &Path) -> Result<String, ReportError> {
    let mut suite = TestSuite::new(junit::clean(name));
    suite.add_property(Property::new("suite", junit::clean(&night.plan.suite)));
    suite.add_property(Property::new("bench", junit::clean(&night.plan.bench)));
    suite.add_property(Property::new("siprig", junit::clean(&night.plan.version)));
    let mut names = BTreeSet::new();
    for outcome in night.outcomes() {
        let mut case = junit::case(&outcome.case, outcome.took);
        if !names.insert(outcome.case.id.clone()) {
            let place = outcome.run.0.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
            case.name = XmlString::new(format!("{} ({place})", case.name.as_str()));
        }
        case.add_property(Property::new("run", junit::clean(&outcome.run.0)));
        if let Some(directory) = &outcome.directory {
            case.add_property(Property::new("directory", junit::clean(directory)));
            if outcome.case.verdict != Verdict::Pass || !outcome.case.expected {
                let report = place.join(directory).join("report.html");
                case.set_system_out(junit::clean(&format!("[[ATTACHMENT|{}]]", report.display())));
            }
        }
        if outcome.case.verdict == Verdict::Flaky
            && let TestCaseStatus::Success { .. } = &case.status
        {
            for wrong in
                outcome.others.iter().filter(|other| matches!(other.verdict, Verdict::Fail | Verdict::RigError))
            {
                let mut failed = TestRerun::new(NonSuccessKind::Failure);
                failed.set_type(junit::clean(wrong.code.as_deref().unwrap_or("unknown")));
                failed.set_message(junit::clean(wrong.reason.as_deref().unwrap_or("no reason was given")));
                case.status.add_rerun(failed);
            }
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("siprig");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| ReportError::Xml(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::{Event, state::sample};

    #[test]
    fn names_are_unique_and_a_retry_is_a_flaky_failure() {
        let night = Night::of(&sample::night()).unwrap();
        let xml = render("2026-11-25T221503Z-sample", &night, Path::new("reports/night")).unwrap();
        let suite = Report::deserialize_from_str(&xml).unwrap().test_suites.remove(0);
        let names: Vec<_> = suite
            .test_cases
            .iter()
            .map(|case| (case.classname.as_ref().unwrap().as_str(), case.name.as_str()))
            .collect();
        let expected = [
            ("baseline", "p1/1001"),
            ("call", "p1/1001"),
            ("baseline", "p1/1001 (1.2)"),
            ("call", "p1/1001 (1.2)"),
            ("failover", "p1/1001"),
            ("failover", "p2/1002"),
            ("failover", "p2/1003"),
        ];
        assert_eq!(names, expected);
        assert_eq!((suite.tests, suite.failures, suite.errors), (7, 0, 1), "{xml}");
        let TestCaseStatus::Success { flaky_runs, .. } = &suite.test_cases[5].status else { panic!("{xml}") };
        assert_eq!(flaky_runs[0].ty.as_ref().unwrap().as_str(), "never-failed-back");
        assert!(suite.test_cases[5].properties.iter().any(|property| property.name.as_str() == "run"));
        let attached: Vec<_> =
            suite.test_cases.iter().map(|case| case.system_out.as_ref().map(|out| out.as_str())).collect();
        let report = "[[ATTACHMENT|reports/night/2026-11-25T221503Z-failover-2/report.html]]";
        assert_eq!((attached[0], attached[5]), (None, Some(report)), "{xml}");
    }

    #[test]
    fn each_attempt_that_went_before_is_a_flaky_failure_of_its_own_and_the_time_is_that_of_the_last() {
        let mut plan = sample::plan();
        plan.runs[0].retry = 2;
        let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
        for (attempt, verdict) in [(1, Verdict::Fail), (2, Verdict::RigError), (3, Verdict::Pass)] {
            let mut ended = sample::ended(&plan, 0, attempt, &[verdict]);
            if let Event::Ended { took_ms, .. } = &mut ended {
                *took_ms = 1000 * u64::from(attempt);
            }
            entries.extend([sample::at(1, sample::began(&plan, 0, attempt)), sample::at(2, ended)]);
        }
        let xml = render("night", &Night::of(&entries).unwrap(), Path::new("reports/night")).unwrap();
        let case = Report::deserialize_from_str(&xml).unwrap().test_suites.remove(0).test_cases.remove(0);
        let TestCaseStatus::Success { flaky_runs, .. } = &case.status else { panic!("{xml}") };
        let types: Vec<&str> = flaky_runs.iter().map(|run| run.ty.as_ref().unwrap().as_str()).collect();
        assert_eq!(types, ["never-failed-back", "console-lost"]);
        assert_eq!(case.time, Some(std::time::Duration::from_secs(3)));
    }

    #[test]
    fn what_was_not_run_is_an_error_and_not_silence() {
        let xml = render("night", &Night::of(&sample::night()[..1]).unwrap(), Path::new("reports/night")).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.test_suites[0].tests, report.test_suites[0].errors), (7, 7), "{xml}");
    }
}
