//! Calls with a partner on the servers' side.

use super::*;
use crate::{config::Party, event::Action, virtual_bench::peer::PeerDefect};

const SCENARIOS: [&str; 3] = ["incoming-in-the-gap", "incoming-through-failover", "outgoing-on-backup"];

fn bench() -> Description {
    let mut description = Description::default();
    (description.lab.phones, description.lab.peers) = (2, 1);
    description
}

fn run(name: &str, description: &Description, defect: Option<(&str, PhoneDefect)>) -> Vec<Record> {
    let defects = |phone: &mut PhoneSpec| {
        phone.defects.extend(defect.iter().filter(|(name, _)| phone.name == *name).map(|(_, defect)| *defect));
    };
    rehearse_scenario(name, description, calm(), defects, |_| {})
}

fn found<'a>(records: &'a [Record], phone: &str) -> (Verdict, Option<Blame>, Option<&'a str>) {
    let case = cases(records).find(|case| case.id.phone.0 == phone).unwrap();
    (case.verdict, case.blame, case.code.as_deref())
}

const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);

#[test]
fn a_call_from_outside_is_lost_in_the_gap_and_reaches_the_phone_once_it_has_moved() {
    let records = run("incoming-in-the-gap", &bench(), None);
    for phone in ["p1", "p2"] {
        let case = cases(&records).find(|case| case.id.phone.0 == phone).unwrap();
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        let value = |name| case.measurements.iter().find(|it| it.name == name).and_then(|it| it.value);
        assert_eq!(value("calls-lost"), Some(1.0));
        assert!(value("ring-delay").is_some_and(|delay| delay < 100.0), "{case:#?}");
        assert!(value("unreachable").is_some());
    }
    let called: Vec<&str> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Action(Action::CallFromPeer { call, .. }) => Some(call.extension.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(called.len(), 4, "each phone is called twice: {called:?}");
}

#[test]
fn a_phone_that_drops_its_call_when_it_moves_is_blamed_whoever_called() {
    for name in ["incoming-through-failover", "outgoing-on-backup"] {
        let records = run(name, &bench(), Some(("p1", PhoneDefect::DropsCallsOnMove)));
        assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("call-dropped")), "{name}");
        assert_eq!(found(&records, "p2"), PASS, "{name}: nobody has the other for a partner");
    }
}

#[test]
fn a_peer_that_calls_nobody_is_held_against_no_phone_and_proves_no_gap() {
    let mut description = bench();
    description.lab.peer_defects = vec![PeerDefect::CallsNobody];
    for name in ["incoming-in-the-gap", "incoming-through-failover"] {
        let records = run(name, &description, None);
        let unclear = (Verdict::RigError, Some(Blame::Unknown), Some("call-not-delivered"));
        assert_eq!((found(&records, "p1"), found(&records, "p2")), (unclear, unclear), "{name}");
        let case = cases(&records).next().unwrap();
        assert!(case.reason.as_ref().is_some_and(|it| it.contains("was told to call nobody")), "{case:#?}");
    }
}

#[test]
fn a_peer_that_does_not_answer_is_held_against_no_phone() {
    let mut description = bench();
    description.lab.peer_defects = vec![PeerDefect::NeverAnswers];
    let records = run("outgoing-on-backup", &description, None);
    let unclear = (Verdict::RigError, Some(Blame::Unknown), Some("peer-silent"));
    assert_eq!((found(&records, "p1"), found(&records, "p2")), (unclear, unclear));
}

#[test]
fn a_phone_without_keys_is_called_by_nobody_and_a_bench_without_a_peer_has_its_cases_skipped() {
    for name in SCENARIOS {
        let scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
        let mut rehearsal = Rehearsal::new(&bench(), scenario.clone(), calm(), |_| {}, |_| {}).unwrap();
        rehearsal.plan_mut().bench.phones[0].keypad = None;
        let records = rehearsal.run().unwrap();
        let skipped = |code| (Verdict::Skipped, Some(Blame::Configuration), Some(code));
        assert_eq!((found(&records, "p1"), found(&records, "p2")), (skipped("no-keypad"), PASS), "{name}");
        let to_p1 = |it: &&Record| matches!(&it.event, Event::Action(Action::CallFromPeer { call, .. }) if call.phone.0 == "p1");
        assert_eq!(records.iter().filter(to_p1).count(), 0, "{name}");
        let mut without = Rehearsal::new(&bench(), scenario.clone(), calm(), |_| {}, |_| {}).unwrap();
        without.plan_mut().bench.peers.clear();
        let records = without.run().unwrap();
        assert_eq!(found(&records, "p1"), skipped("no-peer"), "{name}");
        let mut mute = Rehearsal::new(&bench(), scenario.clone(), calm(), |_| {}, |_| {}).unwrap();
        mute.plan_mut().bench.peers[0].call = None;
        let expected = if scenario.peer == Some(Party::Callers) { skipped("no-peer") } else { PASS };
        assert_eq!(found(&mute.run().unwrap(), "p1"), expected, "{name}");
    }
}

#[test]
fn calls_with_a_peer_are_judged_alike_in_bad_weather_and_after_a_replay() {
    for (seed, name) in (0..12).zip(SCENARIOS.iter().cycle()) {
        let rough = rough(seed);
        let records = rehearse_scenario(name, &bench(), rough, |_| {}, |_| {});
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "{name}, seed {seed}: {case:#?}");
        }
        judged_again_alike(&records);
    }
}

#[test]
fn calls_with_a_peer_come_out_right_with_the_timers_of_the_manual() {
    for name in SCENARIOS {
        let mut description = bench();
        manual_timers(&mut description);
        for case in cases(&rehearse_scenario(name, &description, calm(), |_| {}, |_| {})) {
            assert_eq!(case.verdict, Verdict::Pass, "{name}: {case:#?}");
        }
    }
}

#[test]
fn a_phone_that_dies_in_a_call_with_a_peer_is_never_blamed_for_it() {
    for name in SCENARIOS {
        for tenths in (5..200).step_by(31) {
            let gone = Duration::from_millis(tenths * 100);
            let records = run(name, &bench(), Some(("p1", PhoneDefect::DiesAfter(gone))));
            assert_ne!(found(&records, "p1").1, Some(Blame::Phone), "{name}, {gone:?}");
        }
    }
}

fn measured(records: &[Record], phone: &str, name: &str) -> Option<f64> {
    let case = cases(records).find(|case| case.id.phone.0 == phone).unwrap();
    case.measurements.iter().find(|it| it.name == name).and_then(|it| it.value)
}

#[test]
fn speech_that_goes_both_ways_before_and_after_the_move_is_measured() {
    for name in ["incoming-through-failover", "outgoing-on-backup"] {
        let records = run(name, &bench(), None);
        for phone in ["p1", "p2"] {
            assert_eq!(found(&records, phone), PASS, "{name}");
            for gap in ["media-gap-sent", "media-gap-heard"] {
                let value = measured(&records, phone, gap);
                assert!(value.is_some_and(|value| value <= 1_100.0), "{name}, {phone}: {gap} {value:?}");
            }
        }
    }
}

#[test]
fn a_phone_that_falls_silent_when_it_moves_or_says_nothing_at_all_is_blamed_and_its_neighbour_is_not() {
    let one_way = (Verdict::Fail, Some(Blame::Phone), Some("one-way-media"));
    for (name, defect) in [
        ("incoming-through-failover", PhoneDefect::FallsSilentOnMove),
        ("incoming-through-failover", PhoneDefect::SaysNothing),
        ("outgoing-on-backup", PhoneDefect::SaysNothing),
    ] {
        let mut description = bench();
        manual_timers(&mut description);
        let records = run(name, &description, Some(("p1", defect)));
        assert_eq!(found(&records, "p1"), one_way, "{name}, {defect:?}");
        assert_eq!(found(&records, "p2"), PASS, "{name}, {defect:?}");
    }
}

#[test]
fn a_peer_that_says_nothing_is_held_against_no_phone_and_silence_on_both_sides_proves_nothing() {
    let mut description = bench();
    description.lab.peer_defects = vec![PeerDefect::SaysNothing];
    manual_timers(&mut description);
    let silent = run("incoming-through-failover", &description, Some(("p1", PhoneDefect::SaysNothing)));
    assert_eq!(found(&silent, "p1"), PASS);
    assert_eq!(measured(&silent, "p1", "media-gap-sent"), None);
    assert_eq!(found(&silent, "p2"), PASS, "a partner may do no more than signal");
}
