//! What is pushed to phones, and phones that boot because somebody said so.

use std::{path::Path, time::Duration};

use super::{Rehearsal, Weather, cases};
use crate::{
    config::{Scenario, Step, StepKind, load},
    event::{Action, Derived, Event, Move, Observed, PushCommand, Record},
    verdict::{Blame, Case, Verdict},
    virtual_bench::{
        Description,
        description::Keypads,
        phone::{PhoneDefect, PhoneSpec},
        registrar::RegistrarSpec,
    },
};

const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);

#[test]
fn a_phone_that_boots_while_its_primary_is_away_registers_with_the_backup() {
    let mut description = Description::default();
    super::manual_timers(&mut description);
    for description in [Description::default(), description] {
        let transaction = description.timers.transaction.as_secs_f64();
        let records = rehearse(&description, scenario("boot-on-backup"), |_| {});
        assert_eq!(cases(&records).count(), 4, "two over UDP, two over TCP");
        for case in cases(&records) {
            assert_eq!(found(case), PASS, "{case:#?}");
            assert_eq!(homes(&records, case), ["a", "b", "a"]);
            let of = |name: &str| case.measurements.iter().find(|it| it.name == name);
            let (log_on, failback) = (of("log-on").unwrap(), of("failback").unwrap());
            assert!(log_on.value.unwrap() > 1000.0 * transaction, "it asked the primary first: {log_on:#?}");
            assert_eq!(log_on.max, Some(1000.0 * (180.0 + transaction + 2.0)));
            assert!(failback.value.unwrap() <= failback.max.unwrap(), "{failback:#?}");
            assert!(of("failover").is_none(), "it did not move: it booted");
        }
        assert!(!records.iter().any(|record| matches!(record.event, Event::Derived(Derived::Detected { .. }))));
        assert_eq!(pushed(&records).count(), 4);
    }
}

#[test]
fn phones_that_take_no_pushes_are_restarted_by_their_keys() {
    let mut description = Description::default();
    description.lab.push = false;
    let records = rehearse(&description, scenario("boot-on-backup"), |_| {});
    assert!(cases(&records).all(|case| found(case) == PASS), "{:#?}", cases(&records).collect::<Vec<_>>());
    assert_eq!((cases(&records).count(), pushed(&records).count()), (4, 0));
}

#[test]
fn a_phone_that_boots_and_knows_its_primary_alone_is_blamed() {
    let stubborn = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::NeverFailsOver);
    let records = rehearse(&Description::default(), scenario("boot-on-backup"), stubborn);
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-over")), "{case:#?}");
        assert!(case.reason.as_deref().unwrap().starts_with("after its boot the phone began"), "{case:#?}");
    }
    assert_eq!(cases(&records).count(), 4);
}

#[test]
fn every_command_boots_the_phone_and_no_boot_is_a_crash() {
    for (_, command) in PushCommand::WORDS {
        let records = rehearse(&Description::default(), told(StepKind::Push { command }), |_| {});
        assert!(cases(&records).all(|case| found(case) == PASS), "{command}: {:#?}", cases(&records).next());
        for case in cases(&records) {
            let attempts = homes(&records, case);
            assert_eq!(attempts.first().map(String::as_str), Some("a"), "{command}");
        }
    }
}

#[test]
fn a_crash_after_a_boot_that_was_ordered_is_one() {
    let mut scenario = told(StepKind::Push { command: PushCommand::FastReboot });
    scenario.steps.push(step(StepKind::Wait { span: Duration::from_secs(60) }));
    let crashes = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::RebootsAfter(Duration::from_secs(30)));
    let records = rehearse(&Description::default(), scenario, crashes);
    for case in cases(&records) {
        assert_eq!(found(case).2, Some("reboot"), "a fast reboot shows no boot loader: {case:#?}");
    }
}

#[test]
fn a_phone_that_takes_the_order_and_goes_on_has_not_booted() {
    let goes_on = StepKind::Press { keys: vec!["goodbye".into()], reboots: true };
    let records = rehearse(&Description::default(), told(goes_on), |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::Fail, Some(Blame::Unknown), Some("never-booted")), "{case:#?}");
    }
}

#[test]
fn a_phone_that_refuses_pushes_is_the_rigs_fault_and_the_remedy_is_said() {
    let mut description = Description::default();
    description.lab.settings = "xml application post list: 10.77.0.9\n".to_owned();
    let records = rehearse(&description, scenario("boot-on-backup"), |_| {});
    for case in cases(&records) {
        assert_eq!(found(case), (Verdict::RigError, Some(Blame::Rig), Some("push-failed")), "{case:#?}");
        let remedy =
            "refuses pushes from 10.77.0.250 (403); add 10.77.0.250 to the phone's `xml application post list`";
        assert!(case.reason.as_deref().unwrap().contains(remedy), "{case:#?}");
    }
}

#[test]
fn a_phone_without_the_means_is_skipped_before_anything_is_done() {
    let mut rehearsal = rehearsal(&Description::default(), scenario("boot-on-backup"), |_| {});
    for phone in &mut rehearsal.plan_mut().bench.phones[..2] {
        (phone.push, phone.keypad) = (None, None);
    }
    let records = rehearsal.run().unwrap();
    let codes: Vec<_> = cases(&records).map(|case| (case.verdict, found(case).2)).collect();
    let skipped = (Verdict::Skipped, Some("no-restart"));
    assert_eq!(codes, [skipped, skipped, (Verdict::Pass, None), (Verdict::Pass, None)]);

    let mut description = Description::default();
    description.lab.push = false;
    let command = StepKind::Push { command: PushCommand::Reset };
    let records = rehearse(&description, told(command.clone()), |_| {});
    assert!(cases(&records).all(|case| (case.verdict, found(case).2) == (Verdict::Skipped, Some("no-push"))));

    let mut scenario = told(command);
    scenario.steps.truncate(2);
    scenario.steps[1].optional = true;
    let records = rehearse(&description, scenario, |_| {});
    assert!(cases(&records).all(|case| found(case) == PASS), "an optional step is passed over");
}

#[test]
fn keys_that_are_pushed_are_confirmed_by_their_effect_and_a_pin_stands_in_no_record() {
    let mut description = Description::default();
    description.lab.keypads = Keypads::Xml;
    let mut pins = Vec::new();
    let note = |server: &mut RegistrarSpec| pins.extend(server.users.values().filter_map(|user| user.pin.clone()));
    let rehearsal = Rehearsal::new(&description, scenario("log-on-key"), Weather::default(), |_| {}, note);
    let records = rehearsal.unwrap().run().unwrap();
    assert!(cases(&records).all(|case| found(case) == PASS), "{:#?}", cases(&records).collect::<Vec<_>>());
    let confirmed = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::KeyConfirmed { by, .. }) => Some(by.is_some()),
        _ => None,
    });
    let confirmed: Vec<bool> = confirmed.collect();
    assert!(confirmed.len() > 4 && confirmed.iter().all(|shown| *shown), "{confirmed:?}");
    let journal: String = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert!(journal.contains(r#""keys":["{pin}"]"#));
    assert_eq!(pins.len(), 8);
    assert!(pins.iter().all(|pin| !journal.contains(pin.as_str())));
}

/// The phones are told something, and must register again.
fn told(kind: StepKind) -> Scenario {
    let mut scenario = scenario("baseline");
    let home = step(StepKind::Expect { of: Move::Baseline });
    scenario.steps = vec![home, step(kind), step(StepKind::Expect { of: Move::LogOn })];
    scenario
}

fn step(kind: StepKind) -> Step {
    Step::of("a step", kind)
}

/// The pushes that phones took.
fn pushed(records: &[Record]) -> impl Iterator<Item = &Record> {
    let orders = records.iter().filter(|it| matches!(it.event, Event::Action(Action::Push { .. }))).count();
    let taken = |it: &&Record| matches!(it.event, Event::Observed(Observed::Pushed { error: None, .. }));
    assert_eq!(orders, records.iter().filter(taken).count());
    records.iter().filter(taken)
}

/// The servers where a case's line was at home, one after the other.
fn homes(records: &[Record], case: &Case) -> Vec<String> {
    let homes = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Home { line, server }) if line.phone == case.id.phone => {
            server.as_ref().map(ToString::to_string)
        }
        _ => None,
    });
    homes.collect()
}

fn found(case: &Case) -> (Verdict, Option<Blame>, Option<&str>) {
    (case.verdict, case.blame, case.code.as_deref())
}

fn scenario(name: &str) -> Scenario {
    load::scenario(name, Path::new(load::RIG)).unwrap()
}

fn rehearsal(description: &Description, scenario: Scenario, phone: impl FnMut(&mut PhoneSpec)) -> Rehearsal {
    Rehearsal::new(description, scenario, Weather::default(), phone, |_| {}).unwrap()
}

fn rehearse(description: &Description, scenario: Scenario, phone: impl FnMut(&mut PhoneSpec)) -> Vec<Record> {
    rehearsal(description, scenario, phone).run().unwrap()
}
