//! Phones that a night goes on without, failures that are seen once more, and a bench on which nothing would show anything.

use super::*;
use crate::nightly::{
    parking::{Found, State},
    plan::FailedBefore,
};

fn found(phone: Option<&str>, state: State) -> Found {
    Found {
        area: "cabling".to_owned(),
        state,
        code: Some("console-swapped".to_owned()),
        phone: phone.map(Into::into),
        what: "the console is that of p7".to_owned(),
        value: None,
        remedy: None,
    }
}

fn looked(second: i64, phones: &[&str], found: Vec<Found>) -> Entry {
    let phones = phones.iter().map(|&phone| phone.into()).collect();
    sample::at(second, Event::Preflight { phones, found, failed: None })
}

fn planned() -> (NightPlan, Vec<Entry>) {
    let plan = sample::plan();
    let entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
    (plan, entries)
}

fn next(entries: &[Entry], run: usize) -> Vec<PhoneName> {
    let night = Night::of(entries).unwrap();
    whole(&night);
    let (run, attempts, _) = night.runs().nth(run).unwrap();
    night.next(run, attempts).phones
}

#[test]
fn a_parked_phone_has_no_turn_and_its_cases_say_why_until_a_later_look_finds_nothing() {
    let (plan, mut entries) = planned();
    entries.push(looked(1, &["p1", "p2"], vec![found(Some("p2"), State::Problem), found(Some("p1"), State::Unknown)]));
    assert_eq!(next(&entries, 4), ["p1".into()]);
    let mut told = sample::ended(&plan, 4, 1, &[Verdict::Pass]);
    if let Event::Ended { cases, .. } = &mut told {
        cases.truncate(1);
    }
    let (phones, scenarios) = (vec!["p1".into()], vec!["failover".to_owned()]);
    entries.push(sample::at(2, Event::Began { run: plan.runs[4].id.clone(), attempt: 1, phones, scenarios }));
    entries.push(sample::at(3, told));
    assert!(next(&entries, 4).is_empty());
    let night = Night::of(&entries).unwrap();
    let case = &night.outcomes()[5].case;
    assert_eq!((case.verdict, case.code.as_deref()), (Verdict::NotRun, Some("parked")));
    assert_eq!(case.reason.as_deref(), Some("the console is that of p7"));
    // A look at others says nothing of it, nor one that could not be made.
    entries.push(looked(4, &["p1"], Vec::new()));
    entries.push(sample::at(
        5,
        Event::Preflight { phones: vec!["p2".into()], found: vec![], failed: Some("busy".to_owned()) },
    ));
    assert!(next(&entries, 4).is_empty());
    entries.push(looked(6, &["p2"], vec![found(Some("p2"), State::Ok)]));
    assert_eq!(next(&entries, 4), ["p2".into()], "what it missed, and nobody else");
    assert_eq!(Night::of(&entries).unwrap().outcomes()[5].case.code.as_deref(), Some("not-begun"));
}

#[test]
fn a_run_all_of_whose_phones_are_parked_is_done_and_a_bench_that_is_not_fit_says_so() {
    let (_, mut entries) = planned();
    entries.push(looked(1, &["p1"], vec![found(Some("p1"), State::Problem)]));
    let waiting: Vec<usize> = Night::of(&entries).unwrap().waiting().map(|(at, _)| at).collect();
    assert_eq!(waiting, [4], "the others are on p1 alone");
    assert_eq!(Night::of(&entries).unwrap().unfit, None);
    entries.push(looked(2, &["p1"], vec![found(None, State::Problem)]));
    assert_eq!(Night::of(&entries).unwrap().unfit.as_deref(), Some("the console is that of p7"));
}

#[test]
fn who_is_parked_is_still_missing_and_who_is_tried_together_with_it_has_no_turn_either() {
    let (plan, mut entries) = planned();
    let mut together = plan.clone();
    together.runs[4].together = true;
    entries[0] = sample::at(0, Event::Planned { plan: Box::new(together) });
    entries.push(looked(1, &["p1", "p2"], vec![found(Some("p2"), State::Problem)]));
    assert!(next(&entries, 4).is_empty());
    let night = Night::of(&entries).unwrap();
    assert_eq!(night.missing().into_iter().collect::<Vec<_>>(), ["p1".into(), "p2".into()]);
    let case = &night.outcomes()[4].case;
    assert_eq!((case.id.phone.0.as_str(), case.code.as_deref()), ("p1", Some("parked")));
    assert!(case.reason.as_deref().unwrap().starts_with("p2 takes no part"), "{case:?}");
    assert!(!night.parked[&"p2".into()].may_heal(), "cables do not");
}

#[test]
fn of_a_run_that_fell_every_phone_is_doubtful_and_a_clock_that_was_set_back_changes_nothing() {
    let (plan, mut entries) = planned();
    entries.push(sample::at(500, sample::began(&plan, 0, 1)));
    entries.push(sample::at(501, sample::ended(&plan, 0, 1, &[Verdict::Pass])));
    entries.push(sample::at(2, sample::began(&plan, 4, 1)));
    let end = End { end: Ending::Crashed, exit: None, why: None };
    let run = plan.runs[4].id.clone();
    entries.push(sample::at(3, Event::Ended { run, attempt: 1, end, took_ms: 1, directory: None, cases: vec![] }));
    assert_eq!(Night::of(&entries).unwrap().doubtful(), ["p1".into(), "p2".into()]);
    assert!(!Night::of(&entries).unwrap().unlooked);
    let failed = Some("the bench is held".to_owned());
    entries.push(sample::at(4, Event::Preflight { phones: vec!["p1".into()], found: vec![], failed }));
    assert!(Night::of(&entries).unwrap().unlooked);
}

#[test]
fn phones_of_which_the_last_run_could_not_tell_are_doubtful() {
    use Verdict::{Fail, Pass, RigError};
    let (plan, mut entries) = planned();
    assert!(Night::of(&entries).unwrap().doubtful().is_empty());
    entries.push(sample::at(1, sample::began(&plan, 4, 1)));
    entries.push(sample::at(2, sample::ended(&plan, 4, 1, &[Pass, Fail, RigError])));
    assert_eq!(Night::of(&entries).unwrap().doubtful(), ["p2".into()]);
    entries.push(sample::at(3, sample::began(&plan, 0, 1)));
    entries.push(sample::at(4, sample::ended(&plan, 0, 1, &[Pass])));
    assert!(Night::of(&entries).unwrap().doubtful().is_empty());
}

#[test]
fn a_failure_that_was_not_there_before_is_seen_once_more_and_one_that_was_is_not() {
    use Verdict::{Fail, Pass};
    let (mut plan, _) = planned();
    plan.runs[4].retry = 0;
    let next_with = |failed_before: Option<Vec<FailedBefore>>| {
        let plan = NightPlan { failed_before, ..plan.clone() };
        let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
        entries.push(sample::at(1, sample::began(&plan, 4, 1)));
        entries.push(sample::at(2, sample::ended(&plan, 4, 1, &[Pass, Pass, Fail])));
        let once = next(&entries, 4);
        entries.push(sample::at(3, sample::began(&plan, 4, 2)));
        entries.push(sample::at(4, sample::ended(&plan, 4, 2, &[Pass, Pass, Fail])));
        assert!(next(&entries, 4).is_empty(), "once, and not again");
        once
    };
    let id = plan.cases(&plan.runs[4], &plan.runs[4].phones).remove(2);
    let before = |code: &str| Some(vec![FailedBefore { case: id.clone(), codes: vec![code.to_owned()] }]);
    assert_eq!(next_with(Some(Vec::new())), ["p2".into()]);
    assert_eq!(next_with(before("late")), ["p2".into()], "it failed otherwise");
    assert!(next_with(before("never-failed-back")).is_empty());
    assert!(next_with(None).is_empty(), "nobody asked for it");
}
