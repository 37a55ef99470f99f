//! Presses and what shows that they arrived: by the console, by what follows from them, or by nothing.

use super::*;
use crate::{
    config::{Confirm, Sign, Step, StepKind},
    event::Stroke,
};

/// The phones register, and these keys are pressed on all of them.
fn pressing(strokes: &[&str], confirm: Confirm) -> Scenario {
    let keys = strokes.iter().map(|stroke| stroke.parse().unwrap()).collect();
    let press = Step { confirm, ..Step::of("press", StepKind::Press { keys, reboots: false }) };
    let baseline = Step::of("baseline", StepKind::Expect { of: Move::Baseline });
    Scenario::of("press", "keys are pressed", vec![baseline, press])
}

/// Runs it on a bench whose p1 may be without a console.
fn press(scenario: Scenario, unplugged: bool, change: impl Fn(&mut Rehearsal), deaf: bool) -> Vec<Record> {
    let defect = |phone: &mut PhoneSpec| {
        if deaf && phone.name == "p1" {
            phone.defects.push(PhoneDefect::DeafKeypad);
        }
    };
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), defect, |_| {}).unwrap();
    if unplugged {
        rehearsal.plan_mut().bench.phones[0].console = None;
    }
    change(&mut rehearsal);
    rehearsal.run().unwrap()
}

/// The strokes of p1 that are on record, with whether something shows each.
fn confirmations(records: &[Record]) -> Vec<(String, bool)> {
    let of_first = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::KeyConfirmed { phone, key, by }) if phone.0 == "p1" => {
            Some((key.to_string(), by.is_some()))
        }
        _ => None,
    });
    of_first.collect()
}

#[test]
fn holds_chords_and_pauses_are_pressed_and_each_key_of_them_is_confirmed() {
    let scenario = pressing(&["voldown:1500ms", "~400ms", "volup+mute", "voldown:long"], Confirm::Required);
    let records = press(scenario, false, |_| {}, false);
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    let expected = [("voldown:1500ms", true), ("volup+mute", true), ("voldown:long", true)];
    assert_eq!(confirmations(&records), expected.map(|(stroke, shown)| (stroke.to_owned(), shown)));
    let ordered = records.iter().filter_map(|record| match &record.event {
        Event::Action(Action::PlayKeys { phone, keys, .. }) if phone.0 == "p1" => Some(keys[0].clone()),
        _ => None,
    });
    let pause: Stroke = "~400ms".parse().unwrap();
    assert!(ordered.into_iter().any(|stroke| stroke == pause));
}

#[test]
fn an_unconfirmed_press_is_never_a_pass_unless_something_shows_what_follows_from_it() {
    let records = press(pressing(&["voldown"], Confirm::WhereTold), true, |_| {}, false);
    assert_eq!(confirmations(&records), [("voldown".to_owned(), false)]);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("press-unconfirmed")));
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None), "its console shows the key");

    // A call that is dialled by keys of which nothing tells, and that is seen.
    let mut calls = load::scenario("call", Path::new(load::RIG)).unwrap();
    calls.teardown.clear();
    let records = press(calls, true, |_| {}, false);
    assert!(confirmations(&records).iter().all(|(_, shown)| !shown));
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None), "the call shows that the keys arrived");
}

#[test]
fn who_must_confirm_and_can_not_is_skipped_and_who_need_not_is_not_stopped() {
    let records = press(pressing(&["voldown"], Confirm::Required), true, |_| {}, false);
    assert_eq!(found(&records, "p1"), (Verdict::Skipped, Some(Blame::Configuration), Some("no-confirmation")));
    let records = press(pressing(&["voldown", "volup"], Confirm::Optional), false, |_| {}, true);
    assert_eq!(confirmations(&records), [("voldown".to_owned(), false), ("volup".to_owned(), false)]);
    assert_eq!(found(&records, "p1").2, Some("press-unconfirmed"));
    let records = press(pressing(&["voldown"], Confirm::WhereTold), false, |_| {}, true);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Rig), Some("keypad-mute")));
}

#[test]
fn a_model_whose_console_tells_of_no_key_is_confirmed_by_its_display() {
    let by_display = |rehearsal: &mut Rehearsal| {
        for model in rehearsal.plan_mut().models.values_mut() {
            model.confirmed_by = vec![Sign::Display];
            model.console.as_mut().unwrap().key = None;
        }
    };
    let records = press(pressing(&["options", "goodbye"], Confirm::Required), false, by_display, false);
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert_eq!(confirmations(&records), [("options".to_owned(), true), ("goodbye".to_owned(), true)]);
    // A key that changes nothing there has shown nothing.
    let records = press(pressing(&["options", "goodbye", "volup"], Confirm::Required), false, by_display, false);
    assert_eq!(found(&records, "p1").2, Some("key-unconfirmed"));
}
