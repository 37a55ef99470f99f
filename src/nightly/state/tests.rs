//! What must hold of any beginning of any ledger, and what certain nights come to.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{sample, *};
use crate::{
    nightly::{budget, ledger::End},
    verdict::Verdict,
};

fn verdicts(night: &Night) -> Vec<Verdict> {
    night.outcomes().iter().map(|outcome| outcome.case.verdict).collect()
}

/// Each planned case has one outcome, whatever happened.
fn whole(night: &Night) {
    let planned: Vec<(RunId, CaseId)> = night
        .plan
        .runs
        .iter()
        .flat_map(|run| night.plan.cases(run, &run.phones).into_iter().map(|case| (run.id.clone(), case)))
        .collect();
    let told: Vec<_> = night.outcomes().into_iter().map(|outcome| (outcome.run, outcome.case.id)).collect();
    assert_eq!(told, planned);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "each once");
}

#[test]
fn every_beginning_of_a_ledger_gives_each_case_one_outcome() {
    let entries = sample::night();
    for length in 1..=entries.len() {
        whole(&Night::of(&entries[..length]).unwrap());
    }
    assert_eq!(Night::of(&[]), None);
    assert_eq!(Night::of(&entries[1..]), None, "without a plan");
}

#[test]
fn a_night_that_was_killed_and_tried_again_comes_to_what_its_runs_told() {
    use Verdict::{Flaky, Pass, RigError};
    let night = Night::of(&sample::night()).unwrap();
    assert_eq!(verdicts(&night), [Pass, Pass, RigError, Pass, Pass, Flaky, Pass]);
    assert_eq!((night.done(), night.waiting().count(), night.resumed), (5, 0, 1));
    let outcomes = night.outcomes();
    assert_eq!(outcomes[1].case.attempts, 1, "what was cut off was no attempt");
    assert_eq!(outcomes[5].directory.as_deref(), Some("2026-11-25T221503Z-failover-2"));
    assert_eq!(outcomes[6].directory.as_deref(), Some("2026-11-25T221503Z-failover-1"), "it had passed before");
    assert_eq!(outcomes[4].directory.as_deref(), Some("2026-11-25T221503Z-failover-1"));
}

#[test]
fn only_phones_that_did_not_pass_are_tried_again_unless_they_need_each_other() {
    let (plan, entries) = (sample::plan(), sample::night());
    let begun = Night::of(&entries[..16]).unwrap();
    let (run, attempts, _) = begun.runs().nth(4).unwrap();
    assert_eq!(begun.next(run, attempts).phones, ["p2".into()]);
    let together = PlannedRun { together: true, ..run.clone() };
    assert_eq!(begun.next(&together, attempts).phones, ["p1".into(), "p2".into()]);
    let once = PlannedRun { retry: 0, ..run.clone() };
    assert_eq!(begun.next(&once, attempts).phones, [] as [PhoneName; 0]);
    assert_eq!(plan.runs[4].retry, 1);
}

#[test]
fn what_was_left_is_not_run_with_its_reason_and_waits_again_for_whoever_goes_on() {
    let plan = sample::plan();
    let left = Event::Left { runs: vec![plan.runs[0].id.clone()], why: "the budget of 1h is spent".to_owned() };
    let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan) }), sample::at(1, left)];
    let night = Night::of(&entries).unwrap();
    let case = &night.outcomes()[0].case;
    assert_eq!(
        (case.verdict, case.attempts, case.reason.as_deref()),
        (Verdict::NotRun, 0, Some("the budget of 1h is spent"))
    );
    assert_eq!(night.waiting().count(), 5);
    entries.push(sample::at(2, Event::Resumed));
    assert_eq!(Night::of(&entries).unwrap().outcomes()[0].case.code.as_deref(), Some("not-begun"));
}

#[test]
fn a_night_in_which_nothing_can_begin_is_given_up() {
    let plan = sample::plan();
    let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
    let busy = End { end: Ending::Busy, exit: Some(75), why: Some("held by another".to_owned()) };
    let name = Some("2026-11-25T221503Z-baseline".to_owned());
    for (run, attempt, directory) in [(0, 1, None), (0, 2, None), (1, 1, name), (1, 2, None), (2, 1, None)] {
        assert!(!Night::of(&entries).unwrap().is_in_vain(), "before {run} {attempt}");
        let id = plan.runs[run].id.clone();
        entries.push(sample::at(1, sample::began(&plan, run, attempt)));
        let ended = Event::Ended { run: id, attempt, end: busy.clone(), took_ms: 1, directory, cases: vec![] };
        entries.push(sample::at(2, ended));
    }
    assert!(Night::of(&entries).unwrap().is_in_vain());
    entries.push(sample::at(3, Event::Resumed));
    assert!(!Night::of(&entries).unwrap().is_in_vain(), "whoever goes on may try");
}

#[test]
fn a_run_that_told_something_or_fell_is_not_in_vain_and_one_whose_file_is_wrong_is_not_tried_again() {
    let plan = sample::plan();
    let night = |endings: &[Ending]| {
        let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
        for (at, &end) in endings.iter().enumerate() {
            let end = End { end, exit: None, why: None };
            let run = plan.runs[at].id.clone();
            entries.push(sample::at(1, sample::began(&plan, at, 1)));
            let ended = Event::Ended { run, attempt: 1, end, took_ms: 1, directory: None, cases: vec![] };
            entries.push(sample::at(2, ended));
        }
        Night::of(&entries).unwrap()
    };
    use Ending::{Busy, Crashed, File, Rig};
    assert!(night(&[Busy, File, Rig]).is_in_vain());
    assert!(!night(&[Busy, Crashed, Rig, File]).is_in_vain(), "what fell had begun");
    let waiting: Vec<usize> = night(&[File, Busy]).waiting().map(|(at, _)| at).collect();
    assert_eq!(waiting, [1, 2, 3, 4]);
}

#[test]
fn a_run_that_could_not_begin_has_its_turn_again_when_somebody_goes_on_and_one_that_was_tried_has_not() {
    use Ending::{Busy, File, Rig};
    let plan = sample::plan();
    let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
    for (at, end) in [(0, File), (1, Busy), (1, Busy), (2, Rig), (2, Rig)] {
        let (end, run) = (End { end, exit: None, why: None }, plan.runs[at].id.clone());
        entries.push(sample::at(1, sample::began(&plan, at, 1)));
        entries.push(sample::at(2, Event::Ended { run, attempt: 1, end, took_ms: 1, directory: None, cases: vec![] }));
    }
    entries.push(sample::at(3, sample::began(&plan, 3, 1)));
    entries.push(sample::at(4, sample::ended(&plan, 3, 1, &[Verdict::Pass])));
    let waiting = |entries: &[Entry]| Night::of(entries).unwrap().waiting().map(|(at, _)| at).collect::<Vec<_>>();
    assert_eq!(waiting(&entries), [4]);
    entries.push(sample::at(5, Event::Resumed));
    assert_eq!(waiting(&entries), [0, 1, 2, 4]);
    entries.push(sample::at(6, sample::began(&plan, 0, 2)));
    entries.push(sample::at(7, sample::ended(&plan, 0, 2, &[Verdict::Pass])));
    let night = Night::of(&entries).unwrap();
    let case = &night.outcomes()[0].case;
    assert_eq!((case.verdict, case.attempts), (Verdict::Pass, 1), "what could not begin was no attempt");
    let changed = Event::Changed { files: vec!["bench.toml".into()] };
    entries.push(sample::at(8, changed));
    assert!(Night::of(&entries).unwrap().changed.contains(std::path::Path::new("bench.toml")));
}

#[test]
fn what_a_run_had_decided_before_it_was_cut_off_counts_and_it_is_run_again_all_the_same() {
    use Verdict::{Fail, Flaky, NotRun, Pass, RigError};
    let plan = sample::plan();
    let Event::Ended { cases, directory, .. } = sample::ended(&plan, 4, 1, &[Fail, RigError, Pass]) else { panic!() };
    let run = plan.runs[4].id.clone();
    let cut = Event::Interrupted { run, attempt: 1, by: "SIGTERM".to_owned(), directory, cases };
    let begun = [Event::Planned { plan: Box::new(plan.clone()) }, sample::began(&plan, 4, 1), cut];
    let mut entries: Vec<Entry> = begun.into_iter().map(|event| sample::at(1, event)).collect();
    let night = Night::of(&entries).unwrap();
    assert_eq!(verdicts(&night)[4..], [Fail, NotRun, Pass]);
    assert_eq!(night.outcomes()[4].directory.as_deref(), Some("2026-11-25T221503Z-failover-1"));
    let (run, attempts, _) = night.runs().nth(4).unwrap();
    assert_eq!(night.next(run, attempts).phones, run.phones);
    entries.push(sample::at(2, sample::began(&plan, 4, 2)));
    entries.push(sample::at(3, sample::ended(&plan, 4, 2, &[Pass])));
    assert_eq!(verdicts(&Night::of(&entries).unwrap())[4..], [Flaky, Pass, Pass]);
}

#[test]
fn a_ledger_of_before_cut_off_runs_told_anything_is_readable() {
    let line = r#"{"at_unix_ns":1,"event":"interrupted","run":"1.1.call","attempt":1,"by":"SIGTERM"}"#;
    let entry: Entry = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&entry).unwrap(), line);
}

#[test]
fn what_is_known_about_a_failure_is_a_matter_of_the_day_on_which_its_run_ended() {
    let plan = sample::plan();
    let day = 24 * 3600;
    let mut plan_of_calls = plan.clone();
    plan_of_calls.issues.iter_mut().for_each(|issue| {
        (issue.scenario, issue.code) = ("failover".to_owned(), "never-failed-back".to_owned());
    });
    let expected = |second| {
        let entries = [
            sample::at(0, Event::Planned { plan: Box::new(plan_of_calls.clone()) }),
            sample::at(1, sample::began(&plan, 4, 1)),
            sample::at(second, sample::ended(&plan, 4, 1, &[Verdict::Pass, Verdict::Fail, Verdict::Pass])),
            sample::at(2 * day, Event::Resumed),
        ];
        Night::of(&entries).unwrap().outcomes()[5].case.expected
    };
    assert!(!expected(60), "excused on its last day, whenever it is read");
    assert!(expected(day), "and not on the day after, though the night was planned before");
}

/// What each run tells of its cases, one verdict for each case and attempt.
fn told() -> impl Strategy<Value = Vec<Verdict>> {
    use Verdict::{Fail, Pass, RigError, Skipped};
    proptest::collection::vec(prop_oneof![Just(Pass), Just(Fail), Just(RigError), Just(Skipped)], 64)
}

/// Runs a night as the command line does, and kills it before the entries of these numbers. What runs tell depends on the run
/// and on how often it has told something, and not on deaths.
fn run(told: &[Verdict], deaths: &BTreeSet<usize>) -> Vec<Entry> {
    let plan = sample::plan();
    let mut entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) })];
    let mut written = 0;
    loop {
        let begun = entries.len() > 1;
        let mut night = Night::of(&entries).unwrap();
        let mut live = |night: &mut Night, event| {
            written += 1;
            if deaths.contains(&written) {
                return false;
            }
            let entry = sample::at(i64::try_from(written).unwrap(), event);
            night.apply(&entry);
            entries.push(entry);
            true
        };
        if begun && !live(&mut night, Event::Resumed) {
            continue;
        }
        let cut = night.in_flight().map(|(run, attempt)| sample::cut(&run.id, attempt.number));
        if cut.is_some_and(|cut| !live(&mut night, cut)) {
            continue;
        }
        let finished = loop {
            let Some(at) = budget::next(night.waits(), None) else {
                break live(&mut night, Event::Closed { exit: 0, stopped_by: None });
            };
            let (planned, attempts, _) = night.runs().nth(at).unwrap();
            let number = u32::try_from(attempts.len()).unwrap() + 1;
            let ended = attempts.iter().filter(|attempt| matches!(attempt.fate, Fate::Ended { .. })).count();
            let Next { scenarios, phones } = night.next(planned, attempts);
            let Event::Ended { run, end, took_ms, directory, cases, .. } =
                sample::ended(&plan, at, number, &told[at * 6 + ended * 3..])
            else {
                unreachable!()
            };
            let cases = cases.into_iter().filter(|case| phones.contains(&case.id.phone)).collect();
            let began = Event::Began { run: run.clone(), attempt: number, phones, scenarios };
            let over = Event::Ended { run, attempt: number, end, took_ms, directory, cases };
            if !live(&mut night, began) || !live(&mut night, over) {
                break false;
            }
        };
        if finished {
            return entries;
        }
    }
}

proptest! {
    #[test]
    fn a_night_that_is_killed_anywhere_comes_to_what_an_undisturbed_one_comes_to(
        told in told(),
        deaths in proptest::collection::btree_set(1_usize..60, 0..30),
    ) {
        let (calm, killed) = (run(&told, &BTreeSet::new()), run(&told, &deaths));
        let told = |entries: &[Entry]| {
            let outcomes = Night::of(entries).unwrap().outcomes().into_iter();
            outcomes.map(|outcome| (outcome.run, outcome.case)).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&calm), told(&killed));
        for length in 1..=killed.len() {
            whole(&Night::of(&killed[..length]).unwrap());
        }
        // Nothing that had told something was run again without a reason.
        let ended = |entries: &[Entry]| entries.iter().filter(|entry| matches!(entry.event, Event::Ended { .. })).count();
        prop_assert_eq!(ended(&calm), ended(&killed));
    }
}

mod chains;
mod parking;
