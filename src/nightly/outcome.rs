//! What a case came to, of all attempts at it, and by what is known about it.
//!
//! Attempts that were cut off count as far as they had decided something. Who passes at a later attempt is flaky and never passes; a failure that was seen
//! is not undone by a fault of the rig in another attempt. What failed as it is known to, and passed as well, is flaky and
//! expected to be: what is known about it holds. Only what is known to fail and was never seen to do so passes against that.

use crate::{
    config::KnownIssue,
    verdict::{Blame, Case, CaseId, Verdict},
};

use super::{
    ledger::{End, Ending},
    reach::Reach,
};

/// The case that an attempt came to, with what is known about it.
pub fn of_attempt(id: &CaseId, end: &End, told: Option<&Case>, issues: &[KnownIssue]) -> Case {
    let counts = |case: &&Case| match (end.end, case.verdict) {
        // Nobody could look a pass up.
        (Ending::Unkept, Verdict::Pass | Verdict::Flaky) => false,
        // It was not for the run that it was not run.
        (end, Verdict::NotRun) => end == Ending::Told,
        _ => true,
    };
    match told.filter(counts) {
        Some(case) => judged(case.clone(), issues),
        None => without(id, end),
    }
}

/// The case that an attempt came to that was cut off, if it had decided it. That the rig failed may be due to the cut, unless the
/// scenario was over.
pub fn of_cut_off(case: &Case, reach: Reach, issues: &[KnownIssue]) -> Option<Case> {
    let is_decided = reach == Reach::Over || !matches!(case.verdict, Verdict::NotRun | Verdict::RigError);
    is_decided.then(|| judged(case.clone(), issues))
}

/// A case of which its run told nothing.
fn without(id: &CaseId, end: &End) -> Case {
    let (blame, code, reason) = match end.end {
        Ending::Told => (Blame::Rig, "no-verdict", "the run told nothing of this line"),
        Ending::Unkept => (Blame::Rig, "evidence-lost", "the run could not keep what its verdict rests on"),
        Ending::Busy => (Blame::Rig, "bench-busy", "the bench was held by another"),
        Ending::File => (Blame::Configuration, "file-wrong", "a file is wrong"),
        Ending::Rig => (Blame::Rig, "rig-fault", "the rig did not let the run begin"),
        Ending::Crashed => (Blame::Rig, "run-crashed", "the run ended in a way in which no run ends"),
        Ending::Hung => (Blame::Rig, "run-hung", "the run took longer than it may, and was ended"),
    };
    let reason = match end.why.as_deref().and_then(|why| why.lines().next()) {
        Some(why) => format!("{reason}: {why}"),
        None => reason.to_owned(),
    };
    case(id, Verdict::RigError, blame, code, reason)
}

/// A case that was not run, and why.
pub fn not_run(id: &CaseId, code: &str, reason: &str) -> Case {
    Case { attempts: 0, ..case(id, Verdict::NotRun, Blame::Rig, code, reason.to_owned()) }
}

fn case(id: &CaseId, verdict: Verdict, blame: Blame, code: &str, reason: String) -> Case {
    Case {
        id: id.clone(),
        verdict,
        blame: Some(blame),
        code: Some(code.to_owned()),
        reason: Some(reason),
        expected: true,
        attempts: 1,
        evidence: Vec::new(),
        measurements: Vec::new(),
    }
}

/// Holds a case against the known issues.
fn judged(mut case: Case, issues: &[KnownIssue]) -> Case {
    let about = issues.iter().filter(|issue| issue.is_about(&case.id.scenario, &case.id.phone));
    for issue in about {
        let KnownIssue { code, reason, expires, .. } = issue;
        match case.verdict {
            Verdict::Fail if case.code.as_deref() == Some(code) => {
                case.expected = false;
                let was = case.reason.take().unwrap_or_default();
                case.reason = Some(format!("{was} (known until {expires}: {reason})"));
                return case;
            }
            Verdict::Pass => {
                case.expected = false;
                case.code = Some("not-as-known".to_owned());
                case.reason = Some(format!(
                    "it passed, and is known to fail with {code} until {expires}: take that out of the suite"
                ));
            }
            _ => {}
        }
    }
    case
}

/// Whether another attempt is worth while: it failed and nobody knew that it would, or the rig could not tell.
pub fn is_unsettled(case: &Case) -> bool {
    is_surprise(case) || case.verdict == Verdict::RigError
}

/// Whether it failed and nobody knew that it would.
pub fn is_surprise(case: &Case) -> bool {
    case.verdict == Verdict::Fail && case.expected
}

/// What a case came to in all of its attempts, in their order; and which of them decided it. None: there was none.
pub fn of_all(attempts: &[Case]) -> Option<(usize, Case)> {
    let last = |is: &dyn Fn(&Case) -> bool| attempts.iter().rposition(is);
    let passed = attempts.iter().position(|case| matches!(case.verdict, Verdict::Pass | Verdict::Flaky));
    let deciding = match passed {
        Some(passed) => passed,
        None => last(&is_surprise)
            .or_else(|| last(&|case| case.verdict == Verdict::Fail))
            .or_else(|| last(&|case| case.verdict == Verdict::RigError))
            .or_else(|| attempts.len().checked_sub(1))?,
    };
    let mut case = attempts.get(deciding)?.clone();
    case.attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    // A line that failed in another attempt, because its phone was tried again, has not simply passed either.
    let against_known = !case.expected;
    let wrong = last(&is_surprise).or_else(|| last(&|case| case.verdict == Verdict::Fail)).or_else(|| {
        let mut earlier = attempts.iter().take(deciding);
        // That the rig failed at first does not make it fail as it is known to.
        earlier.rposition(|case| case.verdict == Verdict::RigError).filter(|_| !against_known)
    });
    if case.verdict == Verdict::Pass
        && let Some((at, wrong)) = wrong.and_then(|at| Some((at, attempts.get(at)?)))
    {
        case.verdict = Verdict::Flaky;
        (case.blame, case.code, case.expected) = (wrong.blame, wrong.code.clone(), wrong.expected);
        let reason = wrong.reason.as_deref().unwrap_or("no reason was given");
        case.reason = Some(format!("it passed at attempt {}; at attempt {}: {reason}", deciding + 1, at + 1));
    }
    Some((deciding, case))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Day;

    fn id() -> CaseId {
        CaseId { scenario: "failover".to_owned(), phone: "p1".into(), line: "1001".to_owned() }
    }

    fn fail(code: &str) -> Case {
        case(&id(), Verdict::Fail, Blame::Phone, code, format!("it was {code}"))
    }

    fn of(verdict: Verdict) -> Case {
        Case { verdict, blame: None, code: None, reason: None, ..fail("") }
    }

    fn told() -> End {
        End { end: Ending::Told, exit: Some(0), why: None }
    }

    fn issue() -> KnownIssue {
        KnownIssue {
            scenario: "failover".to_owned(),
            phone: Some("p1".into()),
            code: "late".to_owned(),
            reason: "ticket 4711".to_owned(),
            expires: Day::new(2026, 12, 31).unwrap(),
        }
    }

    #[test]
    fn who_passes_at_a_later_attempt_is_flaky_and_tells_what_went_before() {
        let rig = case(&id(), Verdict::RigError, Blame::Rig, "console-lost", "the console went".to_owned());
        for (before, blame) in [(fail("late"), Blame::Phone), (rig, Blame::Rig)] {
            let (deciding, case) = of_all(&[before.clone(), of(Verdict::Pass)]).unwrap();
            assert_eq!((deciding, case.verdict, case.attempts), (1, Verdict::Flaky, 2));
            assert_eq!((case.blame, &case.code), (Some(blame), &before.code));
            assert!(case.reason.unwrap().contains(before.reason.as_deref().unwrap()));
        }
        assert_eq!(of_all(&[of(Verdict::Pass)]).unwrap().1.verdict, Verdict::Pass);
    }

    #[test]
    fn who_passed_and_fails_when_its_phone_is_tried_again_is_flaky_as_well_and_the_rig_takes_no_pass_away() {
        let again = of_all(&[of(Verdict::Pass), fail("late")]).unwrap().1;
        assert_eq!((again.verdict, again.code.as_deref()), (Verdict::Flaky, Some("late")));
        let rig = case(&id(), Verdict::RigError, Blame::Rig, "console-lost", String::new());
        assert_eq!(of_all(&[of(Verdict::Pass), rig]).unwrap().1.verdict, Verdict::Pass);
    }

    #[test]
    fn what_failed_as_it_is_known_to_and_passes_when_it_is_tried_again_is_flaky_as_known() {
        let tried = |case| judged(case, &[issue()]);
        for attempts in [[fail("late"), of(Verdict::Pass)], [of(Verdict::Pass), fail("late")]] {
            let case = of_all(&attempts.map(tried)).unwrap().1;
            assert_eq!((case.verdict, case.expected, case.code.as_deref()), (Verdict::Flaky, false, Some("late")));
            assert!(case.reason.unwrap().contains("ticket 4711"));
        }
        let other = of_all(&[fail("flapping"), fail("late"), of(Verdict::Pass)].map(tried)).unwrap().1;
        assert_eq!((other.verdict, other.expected, other.code.as_deref()), (Verdict::Flaky, true, Some("flapping")));
    }

    #[test]
    fn what_passes_against_what_is_known_says_so_even_if_the_rig_failed_at_first() {
        let rig = case(&id(), Verdict::RigError, Blame::Rig, "console-lost", String::new());
        let case = of_all(&[rig, judged(of(Verdict::Pass), &[issue()])]).unwrap().1;
        assert_eq!((case.verdict, case.expected, case.attempts), (Verdict::Pass, false, 2));
        assert_eq!((case.blame, case.code.as_deref()), (None, Some("not-as-known")));
        assert!(case.reason.unwrap().contains("take that out"));
    }

    #[test]
    fn a_failure_is_undone_neither_by_the_rig_nor_by_one_that_is_known() {
        let rig = case(&id(), Verdict::RigError, Blame::Rig, "console-lost", String::new());
        for attempts in [[fail("late"), rig.clone()], [rig, fail("late")]] {
            assert_eq!(of_all(&attempts).unwrap().1.verdict, Verdict::Fail);
        }
        let known = judged(fail("late"), &[issue()]);
        let (deciding, case) = of_all(&[fail("flapping"), known]).unwrap();
        assert_eq!((deciding, case.expected, case.code.as_deref()), (0, true, Some("flapping")));
        assert_eq!(of_all(&[]), None);
    }

    #[test]
    fn a_known_issue_excuses_its_code_alone_and_must_hold() {
        let known = |case| of_attempt(&id(), &told(), Some(&case), &[issue()]);
        let late = known(fail("late"));
        assert!(!late.expected && !is_unsettled(&late));
        assert!(late.reason.unwrap().contains("ticket 4711"));
        let other = known(fail("flapping"));
        assert!(other.expected && is_unsettled(&other));
        let mended = known(of(Verdict::Pass));
        assert!(!mended.expected && mended.reason.unwrap().contains("take that out"));
        let skipped = known(of(Verdict::Skipped));
        assert!(skipped.expected);
        let elsewhere = KnownIssue { phone: Some("p2".into()), ..issue() };
        assert!(of_attempt(&id(), &told(), Some(&fail("late")), &[elsewhere]).expected);
    }

    #[test]
    fn a_run_that_tells_nothing_of_a_case_is_a_fault_that_is_no_phone_s() {
        use Ending::{Busy, Crashed, File, Hung, Rig, Told};
        for (end, code) in [
            (Told, "no-verdict"),
            (Busy, "bench-busy"),
            (File, "file-wrong"),
            (Rig, "rig-fault"),
            (Crashed, "run-crashed"),
            (Hung, "run-hung"),
        ] {
            let end = End { end, exit: None, why: Some("because\nand so on".to_owned()) };
            let case = of_attempt(&id(), &end, None, &[issue()]);
            assert_eq!((case.verdict, case.code.as_deref()), (Verdict::RigError, Some(code)));
            assert!(case.blame != Some(Blame::Phone) && case.reason.unwrap().ends_with(": because"));
        }
    }

    #[test]
    fn no_pass_stands_of_a_run_that_could_not_keep_its_evidence_and_a_failure_does() {
        let end = End { end: Ending::Unkept, exit: Some(3), why: Some("cannot write junit.xml".to_owned()) };
        let passed = of_attempt(&id(), &end, Some(&of(Verdict::Pass)), &[]);
        assert_eq!((passed.verdict, passed.blame), (Verdict::RigError, Some(Blame::Rig)));
        assert_eq!(passed.code.as_deref(), Some("evidence-lost"));
        assert!(passed.reason.as_deref().unwrap().ends_with(": cannot write junit.xml") && is_unsettled(&passed));
        for verdict in [Verdict::Fail, Verdict::Skipped] {
            assert_eq!(of_attempt(&id(), &end, Some(&of(verdict)), &[]).verdict, verdict);
        }
    }

    #[test]
    fn of_a_run_that_was_ended_for_its_time_the_verdicts_that_it_had_count_and_the_rest_is_the_rig_s() {
        let end = End { end: Ending::Hung, exit: Some(143), why: None };
        let decided = of_attempt(&id(), &end, Some(&fail("late")), &[]);
        assert_eq!(decided.code.as_deref(), Some("late"));
        let open = of_attempt(&id(), &end, Some(&of(Verdict::NotRun)), &[]);
        assert_eq!((open.verdict, open.code.as_deref()), (Verdict::RigError, Some("run-hung")));
    }
}
