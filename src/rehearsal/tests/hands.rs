//! What operators do to phones by hand in the middle of a run.

use super::*;
use crate::{
    config::{Step, StepKind},
    event::{Answer, Hand, Observed, Stroke},
};

/// So many milliseconds after the beginning, this is pressed on that phone.
type Wish = (u64, &'static str, &'static str);

fn rehearsed(scenario: Scenario, wishes: &[Wish], phone: impl Fn(&mut PhoneSpec)) -> Vec<Record> {
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), phone, |_| {}).unwrap();
    for (after, phone, key) in wishes {
        let at = stamp(Duration::from_millis(*after));
        let hand = Hand::Press(key.parse().unwrap());
        let asked = Observed::HandAsked { by: "anna".to_owned(), phone: (*phone).into(), hand };
        rehearsal.schedule(at, Happening::Report(When::exactly(at), asked));
    }
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    records
}

/// The phones register, and nothing happens for ten seconds.
fn waiting() -> Scenario {
    let baseline = Step::of("baseline", StepKind::Expect { of: Move::Baseline });
    let wait = Step::of("wait", StepKind::Wait { span: Duration::from_secs(10) });
    Scenario::of("waiting", "nothing happens", vec![baseline, wait])
}

fn named(name: &str) -> Scenario {
    load::scenario(name, Path::new(load::RIG)).unwrap()
}

/// What the operator was answered, in order: none, it was obeyed.
fn answers(records: &[Record]) -> Vec<Option<String>> {
    let answers = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::HandAnswered { by, answer, .. }) if by == "anna" => Some(match answer {
            Answer::Obeyed { .. } => None,
            Answer::Refused { reason } => Some(reason.clone()),
        }),
        _ => None,
    });
    answers.collect()
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

const DISTURBED: (Verdict, Option<Blame>, Option<&str>) = (Verdict::NotRun, Some(Blame::Unknown), Some("disturbed"));
const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);

#[test]
fn what_an_operator_presses_is_pressed_by_the_keypad_and_confirmed_and_his_case_shows_nothing() {
    let records = rehearsed(waiting(), &[(6_000, "p1", "options")], |_| {});
    assert_eq!(answers(&records), [None]);
    let at = |found: &dyn Fn(&Event) -> bool| records.iter().position(|record| found(&record.event)).unwrap();
    let asked = at(&|event| matches!(event, Event::Observed(Observed::HandAsked { .. })));
    let ordered =
        at(&|event| matches!(event, Event::Action(Action::PlayKeys { keys, .. }) if keys[..] == ["options".into()]));
    let played = at(&|event| matches!(event, Event::Observed(Observed::KeysPlayed { error: None, .. })));
    let shown = at(&|event| {
        let options: Stroke = "options".into();
        matches!(event, Event::Derived(Derived::KeyConfirmed { key, by: Some(_), .. }) if *key == options)
    });
    assert!(asked < ordered && ordered < played && played < shown);
    assert_eq!(found(&records, "p1"), DISTURBED);
    let p1 = case(&records, "p1");
    assert!(p1.evidence.contains(&records[asked].seq), "{p1:?}");
    assert!(p1.reason.as_ref().unwrap().starts_with("anna pressed `options` on p1 in the middle of"), "{p1:?}");
    for other in ["p2", "p3", "p4"] {
        assert_eq!(found(&records, other), PASS, "{other}");
    }
}

#[test]
fn a_phone_that_fails_after_an_operator_pressed_its_keys_is_not_blamed_and_one_that_failed_before_is() {
    let stays = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::NeverFailsOver);
    let records = rehearsed(named("failover"), &[(9_000, "p1", "goodbye")], stays);
    assert_eq!(found(&records, "p1"), DISTURBED);
    assert!(case(&records, "p1").reason.as_ref().unwrap().contains("; then: "), "{:?}", case(&records, "p1"));
    let untouched = found(&records, "p2");
    assert_eq!((untouched.0, untouched.1), (Verdict::Fail, Some(Blame::Phone)));
    // What was found before stands, while the others go on.
    let one_stays = |phone: &mut PhoneSpec| {
        if phone.name == "p2" {
            stays(phone);
        }
    };
    let records = rehearsed(named("failover"), &[], one_stays);
    let decided = records
        .iter()
        .find(|it| matches!(&it.event, Event::Derived(Derived::CaseDecided(case)) if case.id.phone.0 == "p2"));
    let after = decided.unwrap().seen.0 / 1_000_000 + 200;
    let records = rehearsed(named("failover"), &[(after, "p2", "goodbye")], one_stays);
    assert_eq!(answers(&records), [None]);
    assert_eq!(found(&records, "p2"), untouched);
}

#[test]
fn nothing_is_pressed_in_the_middle_of_the_scenarios_own_keys_and_that_disturbs_nothing() {
    let keys = ["options", "~3s", "goodbye"].map(|key| key.parse().unwrap()).to_vec();
    let baseline = Step::of("baseline", StepKind::Expect { of: Move::Baseline });
    let press = Step::of("press", StepKind::Press { keys, reboots: false });
    let scenario = || Scenario::of("press", "keys are pressed", vec![baseline.clone(), press.clone()]);
    let quiet = rehearsed(scenario(), &[], |_| {});
    let begun = quiet.iter().find(|record| matches!(record.event, Event::Action(Action::PlayKeys { .. }))).unwrap();
    let records = rehearsed(scenario(), &[(begun.seen.0 / 1_000_000 + 1_500, "p1", "volup")], |_| {});
    let [Some(refused)] = &answers(&records)[..] else { panic!("{:?}", answers(&records)) };
    assert!(refused.contains("the scenario presses keys of this phone just now"), "{refused}");
    let pressed = |records: &[Record]| {
        records.iter().filter(|record| matches!(record.event, Event::Action(Action::PlayKeys { .. }))).count()
    };
    assert_eq!(pressed(&records), pressed(&quiet));
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn what_can_not_be_pressed_is_refused_with_a_reason_and_disturbs_nothing() {
    let early = (0, "p1", "options");
    let wishes = [early, (6_000, "p9", "options"), (6_000, "p1", "softkey9"), (6_000, "p1", "{pin}")];
    let records = rehearsed(waiting(), &wishes, |_| {});
    let said: Vec<String> = answers(&records).into_iter().map(Option::unwrap).collect();
    for (said, part) in said.iter().zip(["not begun", "no phone", "no key `softkey9`", "no key `{pin}`"]) {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(said.len(), wishes.len());
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn more_keys_than_a_board_can_press_meanwhile_are_refused() {
    let wishes = vec![(6_000, "p1", "volup"); 12];
    let records = rehearsed(waiting(), &wishes, |_| {});
    let obeyed = answers(&records).iter().filter(|answer| answer.is_none()).count();
    assert_eq!(obeyed, 8, "{:?}", answers(&records));
}

#[test]
fn a_digit_that_was_given_in_confidence_is_on_no_record_and_claims_no_effect() {
    let records = rehearsed(waiting(), &[(6_000, "p1", "{secret-1}")], |_| {});
    assert_eq!(answers(&records), [None]);
    let confirmed = records.iter().any(|record| matches!(record.event, Event::Derived(Derived::KeyConfirmed { .. })));
    assert!(!confirmed);
    assert!(case(&records, "p1").reason.as_ref().unwrap().starts_with("anna pressed a digit on p1"));
}

#[test]
fn who_is_pressed_at_in_a_call_disturbs_both_ends_of_it_and_no_others() {
    let records = rehearsed(named("call"), &[(9_000, "p2", "volup")], |_| {});
    assert_eq!(answers(&records), [None]);
    assert_eq!((found(&records, "p1"), found(&records, "p2")), (DISTURBED, DISTURBED));
    assert_eq!((found(&records, "p3"), found(&records, "p4")), (PASS, PASS));
}

#[test]
fn what_an_operator_types_is_typed_and_answered_and_a_secret_is_on_no_record() {
    let mut rehearsal = Rehearsal::new(&Description::default(), waiting(), calm(), |_| {}, |_| {}).unwrap();
    rehearsal.plan_mut().bench.phones[1].console = None;
    for (after, phone, line) in [(6_000, "p1", "sip status"), (6_500, "p2", "sip status"), (7_000, "p3", "{secret-1}")]
    {
        let at = stamp(Duration::from_millis(after));
        let hand = Hand::Type(line.to_owned());
        let asked = Observed::HandAsked { by: "anna".to_owned(), phone: phone.into(), hand };
        rehearsal.schedule(at, Happening::Report(When::exactly(at), asked));
    }
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    let reason = "the bench names no console for this phone".to_owned();
    assert_eq!(answers(&records), [None, Some(reason), None]);
    let asked = records.iter().position(|it| matches!(it.event, Event::Observed(Observed::HandAsked { .. }))).unwrap();
    assert!(records[asked..].iter().any(|it| says(it, "1001@bench.test  Registered")), "the phone answers");
    assert_eq!((found(&records, "p1"), found(&records, "p2"), found(&records, "p3")), (DISTURBED, PASS, DISTURBED));
    assert!(case(&records, "p1").reason.as_ref().unwrap().starts_with("anna typed on the console of p1"));
}
