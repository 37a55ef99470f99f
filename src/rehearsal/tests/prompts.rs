//! What a person is asked to do in the middle of a run, and what his answer is worth.

use super::*;
use crate::{
    config::{Only, Step, StepKind},
    event::{Observed, PromptEnd, Reply},
};

const LIFT: &str = "Lift the handset of {phone} and put it back";

/// The phones register; then somebody is asked, and then nothing happens for a while.
fn asking(text: &str, change: impl Fn(&mut Step)) -> Scenario {
    let baseline = Step::of("baseline", StepKind::Expect { of: Move::Baseline });
    let limit = Duration::from_secs(20);
    let mut ask = Step::of("ask", StepKind::Ask { text: text.to_owned(), limit });
    change(&mut ask);
    let wait = Step::of("wait", StepKind::Wait { span: Duration::from_secs(1) });
    Scenario::of("asking", "somebody is needed", vec![baseline, ask, wait])
}

/// What somebody says, and when.
type Saying = (Stamp, Observed);

fn reply(at: Stamp, prompt: u32, reply: Reply) -> Saying {
    (at, Observed::ReplyGiven { by: "anna".to_owned(), prompt, reply })
}

fn rehearsed(scenario: Scenario, sayings: &[Saying]) -> Vec<Record> {
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap();
    for (at, said) in sayings {
        rehearsal.schedule(*at, Happening::Report(When::exactly(*at), said.clone()));
    }
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    records
}

/// Each prompt: its number, its text, when it was shown and how it ended.
fn prompts(records: &[Record]) -> Vec<(u32, String, Stamp, PromptEnd)> {
    let asked = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::OperatorAsked { prompt, text, .. }) => Some((*prompt, text.clone(), record.when.at)),
        _ => None,
    });
    let ended = |number: u32| {
        records.iter().find_map(|record| match &record.event {
            Event::Derived(Derived::PromptEnded { prompt, end, .. }) if *prompt == number => Some(end.clone()),
            _ => None,
        })
    };
    asked.map(|(number, text, at)| (number, text, at, ended(number).unwrap())).collect()
}

/// Why answers did not count, in order.
fn refusals(records: &[Record]) -> Vec<String> {
    let refused = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::ReplyRefused { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    refused.collect()
}

/// When the first prompt is shown if nobody says anything.
fn first_shown(scenario: &Scenario) -> Stamp {
    prompts(&rehearsed(scenario.clone(), &[]))[0].2
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn skipped(code: &'static str) -> (Verdict, Option<Blame>, Option<&'static str>) {
    (Verdict::Skipped, Some(Blame::Configuration), Some(code))
}

const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);

#[test]
fn phones_are_asked_for_one_after_the_other_and_the_step_says_who_did_it_and_after_how_long() {
    let scenario = asking(LIFT, |_| {});
    let begun = first_shown(&scenario);
    let answers: Vec<Saying> = (1..=4).map(|n| reply(begun + ms(2_000) * n, n, Reply::Done)).collect();
    let records = rehearsed(scenario, &answers);
    let prompts = prompts(&records);
    let texts: Vec<&str> = prompts.iter().map(|(_, text, ..)| text.as_str()).collect();
    let named = |n: u32| format!("Lift the handset of p{n} and put it back");
    assert_eq!(texts, (1..=4).map(named).collect::<Vec<_>>());
    for pair in prompts.windows(2) {
        assert_eq!(pair[1].2.since(pair[0].2), Duration::from_secs(2), "the next when the one before is done");
    }
    let end = PromptEnd::Replied { by: "anna".to_owned(), reply: Reply::Done, after_ns: 2_000_000_000 };
    assert!(prompts.iter().all(|prompt| prompt.3 == end), "{prompts:?}");
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    let given = records.iter().find(|it| matches!(it.event, Event::Observed(Observed::ReplyGiven { .. }))).unwrap();
    let said = records.iter().find_map(|record| match &record.event {
        Event::Derived(Derived::StepEnded { step: 1, case, ok: true, note, evidence }) if case.phone.0 == "p1" => {
            Some((note.as_str(), evidence.clone()))
        }
        _ => None,
    });
    assert_eq!(
        said,
        Some(("anna did it 2.0 s after being asked: Lift the handset of p1 and put it back", vec![given.seq]))
    );
}

#[test]
fn a_case_that_an_operator_skips_is_skipped_and_so_is_one_that_nobody_answers_in_time_and_no_phone_is_blamed() {
    let scenario = asking(LIFT, |_| {});
    let begun = first_shown(&scenario);
    let records =
        rehearsed(scenario, &[reply(begun + ms(1_500), 1, Reply::Skip), reply(begun + ms(3_000), 2, Reply::Done)]);
    assert_eq!(found(&records, "p1"), skipped("operator-skipped"));
    assert_eq!(found(&records, "p2"), PASS);
    assert_eq!(found(&records, "p3"), skipped("needs-operator"));
    let prompts = prompts(&records);
    assert_eq!(prompts[2].3, PromptEnd::Unanswered);
    assert_eq!(prompts[3].2.since(prompts[2].2), Duration::from_secs(20), "after the limit, and the next is asked");
}

#[test]
fn where_nobody_attends_nothing_is_waited_for() {
    let text = "Pull the plug of the switch";
    let scenario = asking(text, |_| {});
    let begun = first_shown(&scenario);
    let records = rehearsed(scenario, &[(begun + ms(1), Observed::NobodyAttends { prompt: 1 })]);
    let prompts = prompts(&records);
    assert_eq!(prompts.len(), 1, "it is one request for all phones");
    assert_eq!(prompts[0].3, PromptEnd::Unattended);
    for phone in ["p1", "p2", "p3", "p4"] {
        assert_eq!(found(&records, phone), skipped("needs-operator"));
    }
    assert!(records.last().unwrap().seen < prompts[0].2 + Duration::from_secs(5), "the run did not sit there");
}

#[test]
fn only_the_first_answer_counts_and_one_to_what_is_over_or_was_never_asked_is_refused_with_the_reason() {
    let scenario = asking("Pull the plug of the switch", |_| {});
    let begun = first_shown(&scenario);
    let late =
        |after, by: &str, reply| (begun + ms(after), Observed::ReplyGiven { by: by.to_owned(), prompt: 1, reply });
    let sayings =
        [reply(begun + ms(1_000), 7, Reply::Done), late(1_200, "anna", Reply::Done), late(1_300, "bert", Reply::Skip)];
    let records = rehearsed(scenario, &sayings);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    let refused = refusals(&records);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("nothing of that number"), "{refused:?}");
    assert!(refused[1].starts_with("anna did it 1.2 s after being asked"), "{refused:?}");
}

#[test]
fn an_optional_prompt_that_is_not_answered_is_passed_over_and_one_for_other_phones_is_not_shown() {
    let records = rehearsed(asking(LIFT, |step| step.optional = true), &[]);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    assert_eq!(prompts(&records).len(), 4);
    let others = asking(LIFT, |step| step.only = Some(Only::Model("aastra-9999*".to_owned())));
    let records = rehearsed(others, &[]);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    assert_eq!(prompts(&records).len(), 0);
}

#[test]
fn a_prompt_that_no_case_needs_any_more_is_taken_back() {
    let scenario = asking("Pull the plug of the switch", |_| {});
    let begun = first_shown(&scenario);
    let stop = Observed::StopRequested { by: "anna".to_owned() };
    let records = rehearsed(scenario, &[(begun + ms(1_000), stop)]);
    assert_eq!(prompts(&records)[0].3, PromptEnd::Withdrawn);
    assert!(cases(&records).all(|case| case.code.as_deref() == Some("interrupted")));
}

#[test]
fn a_case_that_is_skipped_in_the_middle_is_restored_by_the_teardown() {
    let mut scenario = asking(LIFT, |_| {});
    scenario.teardown = vec![Step::of("restore", StepKind::Press { keys: vec!["goodbye".into()], reboots: false })];
    let begun = first_shown(&scenario);
    let records = rehearsed(scenario, &[reply(begun + ms(1_500), 1, Reply::Skip)]);
    assert_eq!(found(&records, "p1"), skipped("operator-skipped"));
    let restored = records
        .iter()
        .any(|record| matches!(&record.event, Event::Action(Action::PlayKeys { phone, .. }) if phone.0 == "p1"));
    assert!(restored);
}
