//! Logging on and off: what a document admits comes out as such and nothing else does, and the start state is restored.

use std::{cell::RefCell, path::Path};

use super::{Rehearsal, Weather, cases};
use crate::{
    config::{DocumentedLimit, Scenario, StepKind, load},
    event::{Action, Derived, Event, OutageScope, Record},
    verdict::{Blame, Case, Verdict},
    virtual_bench::{
        Description,
        phone::{PhoneDefect, PhoneSpec},
        registrar::RegistrarSpec,
    },
};

#[test]
fn a_log_off_on_the_backup_shows_the_documented_limit_and_is_cured() {
    let records = rehearse(scenario("log-off-on-backup"), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Configuration), Some("documented-limit")), "{case:#?}");
        assert!(!case.expected);
        let reason = case.reason.as_deref().unwrap();
        assert!(reason.contains("sent no REGISTER to server a") && reason.contains("local settings"), "{reason}");
        let homes = homes(&records, case);
        let homes: Vec<Option<&str>> = homes.iter().map(Option::as_deref).collect();
        assert_eq!(homes, [Some("a"), Some("b"), None, Some("b"), Some("a")], "the teardown brought it home");
        let value = |name| case.measurements.iter().find(|it| it.name == name).map(|it| it.value.is_some());
        assert_eq!((value("failback"), value("log-on"), value("log-off")), (Some(false), Some(true), Some(true)));
        assert_eq!(value("unreachable"), None, "who logged off wants not to be reached");
    }
    assert_eq!(cases(&records).count(), 4);
}

#[test]
fn a_pin_stands_in_no_record() {
    let pins = RefCell::new(Vec::new());
    let note = |server: &mut RegistrarSpec| {
        pins.borrow_mut().extend(server.users.values().filter_map(|user| user.pin.clone()));
    };
    let records = rehearse(scenario("log-off-on-backup"), |_| {}, note);
    let journal: String = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert!(journal.contains(r#""keys":["{pin}"]"#) && journal.contains("*11*xxxxxxxxxxxx*1001"));
    assert_eq!(pins.borrow().len(), 8);
    for pin in pins.borrow().iter() {
        assert!(!journal.contains(pin.as_str()), "{pin}");
    }
}

#[test]
fn a_limit_that_does_not_show_is_a_failure_that_nobody_expected() {
    let mut scenario = scenario("failover");
    let step = scenario.steps.iter_mut().find(|step| step.title == "every line comes home").unwrap();
    step.documented_limit = Some(DocumentedLimit { code: "never-failed-back".into(), says: "It stays.".into() });
    let records = rehearse(scenario, |phone| defect(phone, "p2", PhoneDefect::NeverFailsBack), |_| {});
    for case in cases(&records) {
        let code = if case.id.phone.0 == "p2" { "documented-limit" } else { "limit-not-shown" };
        assert_eq!(
            (case.verdict, case.code.as_deref(), case.expected),
            (Verdict::Fail, Some(code), code != "documented-limit")
        );
        assert!(case.reason.as_deref().unwrap().contains("It stays."), "{case:#?}");
    }
}

#[test]
fn another_failure_than_the_documented_one_is_none() {
    let records =
        rehearse(scenario("log-off-on-backup"), |phone| defect(phone, "p1", PhoneDefect::NeverFailsOver), |_| {});
    let case = case(&records, "p1");
    assert_eq!(found(case), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-over")), "{case:#?}");
    assert!(case.expected);
    assert!(!case.reason.as_deref().unwrap().contains("not restored"), "{case:#?}");
}

#[test]
fn a_start_state_that_could_not_be_restored_is_said_beside_the_verdict() {
    let mut scenario = scenario("log-off-on-backup");
    scenario.steps.truncate(3);
    let dead = |phone: &mut PhoneSpec| defect(phone, "p1", PhoneDefect::DeafKeypad);
    let records = rehearse(scenario.clone(), dead, |_| {});
    let unrestored = case(&records, "p1");
    assert_eq!(found(unrestored).2, Some("keypad-mute"), "a pass is none: {unrestored:#?}");
    assert_eq!(found(case(&records, "p2")), (Verdict::Pass, None, None));

    let both = |phone: &mut PhoneSpec| {
        defect(phone, "p1", PhoneDefect::DeafKeypad);
        defect(phone, "p1", PhoneDefect::NeverFailsOver);
    };
    let records = rehearse(scenario, both, |_| {});
    let failed = case(&records, "p1");
    assert_eq!(found(failed).2, Some("never-failed-over"));
    assert!(
        failed.reason.as_deref().unwrap().contains("the start state was not restored: key `goodbye`"),
        "{failed:#?}"
    );
}

#[test]
fn settings_that_are_left_on_a_phone_are_no_start_state_and_no_end() {
    // Somebody logs on by key, and nobody cleans up: the next scenario finds that out.
    let mut first = scenario("log-on-key");
    first.teardown.clear();
    let mut rehearsal = rehearsal(first, |_| {}, |_| {});
    rehearsal.plan_mut().then = vec![scenario("baseline")];
    let records = rehearsal.run().unwrap();
    let second: Vec<&Case> = cases(&records).filter(|case| case.id.scenario == "baseline").collect();
    assert_eq!(second.len(), 4);
    for case in second {
        assert_eq!(found(case), (Verdict::NotRun, Some(Blame::Unknown), Some("local-settings")), "{case:#?}");
        assert!(case.reason.as_deref().unwrap().contains("made on the phone itself"));
    }

    // A teardown that logs on again, and leaves what that wrote: the line is where it belongs, and the phone is not.
    let mut careless = scenario("log-on-key");
    let pressed = careless.teardown.iter_mut().find_map(|step| match &mut step.kind {
        kind @ StepKind::Keys { .. } => Some(kind),
        _ => None,
    });
    *pressed.unwrap() = StepKind::Dial { number: "*11*{pin}*{extension}#".to_owned() };
    let records = rehearse(careless, |_| {}, |_| {});
    assert_eq!(found(case(&records, "p1")), (Verdict::RigError, Some(Blame::Unknown), Some("local-settings")));

    let clean = rehearse(scenario("log-on-key"), |_| {}, |_| {});
    assert!(cases(&clean).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn a_phone_that_lacks_a_part_is_skipped_with_the_reason() {
    let mut rehearsal = rehearsal(scenario("log-off-on-backup"), |_| {}, |_| {});
    rehearsal.plan_mut().bench.phones[0].keypad = None;
    rehearsal.plan_mut().bench.phones[1].lines[0].pin_file = None;
    let records = rehearsal.run().unwrap();
    assert_eq!(found(case(&records, "p1")).2, Some("no-keypad"));
    let pinless = case(&records, "p2");
    assert_eq!((pinless.verdict, found(pinless).2), (Verdict::Skipped, Some("no-pin")));
    assert!(pinless.reason.as_deref().unwrap().contains("give it a `pin-file`"));
    let played =
        |record: &&Record| matches!(&record.event, Event::Action(Action::PlayKeys { phone, .. }) if phone.0 == "p2");
    assert_eq!(records.iter().filter(played).count(), 0, "nobody logged it off before that was known");
    assert_eq!(found(case(&records, "p3")).2, Some("documented-limit"));
}

#[test]
fn a_boot_that_the_scenario_ordered_is_no_crash_and_another_one_is() {
    let mut scenario = scenario("log-off-on-backup");
    let ordered = scenario.teardown[0].clone();
    let model = load::model("aastra-6731i", Path::new(load::RIG)).unwrap();
    let keys = model.menus["remove-local-settings"].clone();
    scenario.steps.truncate(1);
    scenario.steps.push(ordered);
    scenario.steps.push(scenario.teardown[1].clone());
    scenario.teardown.clear();
    let records = rehearse(scenario.clone(), |_| {}, |_| {});
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
    scenario.steps[1].kind = StepKind::Press { keys, reboots: false };
    let records = rehearse(scenario, |_| {}, |_| {});
    assert!(cases(&records).all(|case| found(case).2 == Some("reboot")), "{:#?}", cases(&records).collect::<Vec<_>>());
}

#[test]
fn the_key_logs_on_at_the_primary_and_is_dead_while_that_is_away() {
    let records = rehearse(scenario("log-on-key"), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Pass, None, None), "{case:#?}");
        let homes = homes(&records, case);
        assert_eq!(homes[..3], [Some("a".to_owned()), None, Some("a".to_owned())], "{homes:?}");
    }
    let records = rehearse(scenario("log-on-key-dead"), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Configuration), Some("documented-limit")), "{case:#?}");
        let reason = case.reason.as_deref().unwrap();
        assert!(reason.starts_with("the display shows `No answer from server`, and not `Extension`"), "{reason}");
        assert_eq!(homes(&records, case).pop().unwrap().as_deref(), Some("a"), "the teardown brought it home");
    }
}

#[test]
fn the_key_is_not_dead_where_only_the_sip_service_is_away() {
    let mut sip_only = scenario("log-on-key-dead");
    for step in &mut sip_only.steps {
        if let StepKind::Outage(plan) = &mut step.kind {
            plan.scope = OutageScope::Sip;
        }
    }
    let records = rehearse(sip_only, |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Unknown), Some("limit-not-shown")), "{case:#?}");
    }
}

#[test]
fn a_wrong_pin_is_no_log_on() {
    let mut scenario = scenario("log-on-key");
    scenario.steps.iter_mut().for_each(|step| {
        if step.kind.types_pin() {
            step.kind = StepKind::Press { keys: vec!["2".into(), "pound".into()], reboots: false };
        }
    });
    let records = rehearse(scenario, |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Unknown), Some("never-logged-on")), "{case:#?}");
    }
}

#[test]
fn a_long_pin_takes_its_time() {
    let long = |server: &mut RegistrarSpec| {
        server.users.values_mut().for_each(|user| user.pin = Some("123456789012345678901234".to_owned()));
    };
    let records = rehearse(scenario("log-on-key"), |_| {}, long);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
}

#[test]
fn codes_are_for_the_first_line_of_a_phone() {
    let mut description = Description::default();
    description.lab.lines = 2;
    let rehearsal = Rehearsal::new(&description, scenario("log-on-key"), Weather::default(), |_| {}, |_| {});
    let records = rehearsal.unwrap().run().unwrap();
    for case in cases(&records) {
        let expected = if case.id.line.starts_with('1') {
            (Verdict::Pass, None)
        } else {
            (Verdict::Skipped, Some("not-first-line"))
        };
        assert_eq!((case.verdict, case.code.as_deref()), expected, "{case:#?}");
    }
}

/// The homes of a case's line, in order.
fn homes(records: &[Record], case: &Case) -> Vec<Option<String>> {
    let homes = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Home { line, server }) if line.phone == case.id.phone => {
            Some(server.as_ref().map(ToString::to_string))
        }
        _ => None,
    });
    homes.collect()
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

fn found(case: &Case) -> (Verdict, Option<Blame>, Option<&str>) {
    (case.verdict, case.blame, case.code.as_deref())
}

fn defect(phone: &mut PhoneSpec, name: &str, defect: PhoneDefect) {
    if phone.name == name {
        phone.defects.push(defect);
    }
}

fn scenario(name: &str) -> Scenario {
    load::scenario(name, Path::new(load::RIG)).unwrap()
}

fn rehearsal(
    scenario: Scenario,
    phone: impl FnMut(&mut PhoneSpec),
    server: impl FnMut(&mut RegistrarSpec),
) -> Rehearsal {
    Rehearsal::new(&Description::default(), scenario, Weather::default(), phone, server).unwrap()
}

fn rehearse(
    scenario: Scenario,
    phone: impl FnMut(&mut PhoneSpec),
    server: impl FnMut(&mut RegistrarSpec),
) -> Vec<Record> {
    rehearsal(scenario, phone, server).run().unwrap()
}
