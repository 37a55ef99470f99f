//! What the engine makes of outages that a phone may bear, that hit nothing, or that leak.

use super::*;
use crate::{
    config::{Mac, OutagePlan, Role, Step, StepKind},
    event::{
        Impairment, LinkLoss, Manner, Move, OutageMode, OutageScope, Part, RawRef, Selection, Share, Unreachable,
        outage::{Fading, Flapping, Rebooting},
    },
};

#[test]
fn phones_are_not_held_to_a_move_that_they_need_not_make_and_come_home_from_wherever_they_are() {
    let flap = |away, back| OutageMode::Flap(Flapping { away: secs(away), back: secs(back) });
    let reboot = OutageMode::Reboot(Rebooting { refuse: secs(3), silent: secs(20), starting: secs(9) });
    let lossy = bad(|bad| (bad.loss, bad.burst) = (Share::percent(40), 3));
    for mode in [flap(3, 5), flap(7, 9), flap(20, 10), reboot, lossy, bad(|bad| bad.delay = secs(3))] {
        for seed in 0..3 {
            let steps = vec![outage(of_primary(mode.clone())), wait(90)];
            let records = borne(steps, Weather { seed, switch_on: secs(11), ..calm() });
            for case in cases(&records) {
                assert_eq!(case.verdict, Verdict::Pass, "{mode}, seed {seed}: {case:#?}");
            }
        }
    }
}

#[test]
fn who_knows_the_addresses_of_its_servers_does_not_miss_their_names() {
    let reaction = Step::of("reaction", StepKind::Reaction);
    let mut rehearsal = borne_by(vec![outage(of_primary(Manner::Nameless.into())), reaction, wait(30)], calm());
    rehearsal.plan.bench.servers[0].names = vec!["sip-a.example".parse().unwrap()];
    let records = rehearsal.run().unwrap();
    let canary = |record: &&Record| matches!(&record.event, Event::Observed(Observed::Canary { outage: Some(_), .. }));
    for record in records.iter().filter(canary) {
        let Event::Observed(Observed::Canary { toward, passed, .. }) = &record.event else { unreachable!() };
        assert_eq!(*passed, *toward == Toward::Phone, "who asks for it is not heard");
    }
    assert_eq!(records.iter().filter(canary).count(), 8);
    let words = "was confirmed at its primary in spite of the outage";
    let stayed =
        |record: &&Record| matches!(&record.event, Event::Derived(Derived::StepEnded { note, .. }) if note == words);
    assert_eq!(records.iter().filter(stayed).count(), 4);
    let unasked = |record: &&Record| matches!(&record.event, Event::Derived(Derived::Detected { code, .. }) if code == "nothing-hit");
    assert_eq!(records.iter().filter(unasked).count(), 4, "nobody has asked for it, and that is told");
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "canaries have proven it");
}

#[test]
fn a_slow_death_allows_until_it_is_over_and_a_whole_lifetime_after_it() {
    let fade = OutageMode::Fade(Fading { over: secs(20), delay: secs(3) });
    for seed in 0..3 {
        let steps = vec![outage(of_primary(fade.clone())), expect(Move::Failover)];
        let records = borne(steps, Weather { seed, switch_on: secs(11), ..calm() });
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
            let failover = case.measurements.iter().find(|it| it.name == "failover").unwrap();
            // 23 s until it is gone, 12 s granted less 6 s, 4 s asking, 2 s registering.
            assert_eq!(failover.max, Some(35_000.0));
            assert!(failover.value.unwrap() > 4_000.0);
        }
    }
}

#[test]
fn an_outage_that_hits_nothing_for_a_renewal_is_told_of_and_its_case_is_no_pass() {
    let invites = Selection { method: Some("INVITE".to_owned()), ..Selection::default() };
    let part = Part { ports: vec![5999], ..Part::default() };
    for plan in [
        OutagePlan { only: Some(invites), ..of_primary(OutageMode::DROP) },
        OutagePlan { scope: OutageScope::Part(part), ..of_primary(OutageMode::DROP) },
    ] {
        let proven = plan.takes_canaries(Toward::Server);
        let records = borne(vec![outage(plan), wait(30)], calm());
        let told = records.iter().filter_map(|record| match &record.event {
            Event::Derived(Derived::Detected { code, note, .. }) if code == "nothing-hit" => Some((record.seen, note)),
            _ => None,
        });
        let told: Vec<(Stamp, &String)> = told.collect();
        assert_eq!(told.len(), 4, "once for each line");
        let began =
            records.iter().find(|it| matches!(it.event, Event::Observed(Observed::OutageBegan { .. }))).unwrap();
        let after = told[0].0.since(began.when.at);
        assert!(secs(8) <= after && after <= secs(9), "a renewal is due within 6 s, with 2 s of allowance: {after:?}");
        assert!(told[0].1.contains("has hit none of its frames"), "{told:?}");
        let expected = if proven { (Verdict::Pass, None) } else { (Verdict::RigError, Some("nothing-hit")) };
        assert!(cases(&records).all(|case| (case.verdict, case.code.as_deref()) == expected));
    }
}

#[test]
fn what_is_hit_at_all_is_not_said_to_be_unhit() {
    let late = bad(|bad| bad.delay = Duration::from_millis(20));
    for plan in [of_primary(OutageMode::DROP), of_primary(late)] {
        let steps = vec![outage(plan), wait(30)];
        let records = borne(steps, calm());
        let told = |record: &Record| matches!(&record.event, Event::Derived(Derived::Detected { .. }));
        assert!(!records.iter().any(told));
    }
}

#[test]
fn a_move_is_not_asked_of_a_phone_that_an_outage_does_not_touch() {
    let part = Part { ports: vec![5999], ..Part::default() };
    let steps = vec![
        outage(OutagePlan {
            scope: OutageScope::Part(part),
            toward: Some(Toward::Server),
            ..of_primary(lossy_to_all())
        }),
        expect(Move::Failover),
    ];
    let records = borne(steps, calm());
    for case in cases(&records) {
        assert_eq!((case.verdict, case.code.as_deref()), (Verdict::RigError, Some("nothing-hit")), "{case:#?}");
    }
}

#[test]
fn a_leak_makes_a_case_void_in_every_mode_whatever_it_came_to_before() {
    let modes = [
        OutageMode::DROP,
        OutageMode::REFUSE,
        Manner::Unreachable(Unreachable::Host).into(),
        Manner::Unreachable(Unreachable::Admin).into(),
        Manner::Reset.into(),
        bad(|bad| bad.delay = secs(1)),
        OutageMode::Flap(Flapping { away: secs(5), back: secs(5) }),
        OutageMode::Fade(Fading { over: secs(10), delay: secs(1) }),
        OutageMode::Reboot(Rebooting { refuse: secs(2), silent: secs(5), starting: secs(2) }),
    ];
    for mode in modes {
        // In the outage, and when the case is decided and its teardown goes on.
        for seconds in [15, 45] {
            let mut rehearsal = borne_by(vec![outage(of_primary(mode.clone())), wait(15)], calm());
            rehearsal.plan.scenario.teardown = vec![wait(60)];
            let leak = Observed::Leak { outage: OutageId(1), phone: PhoneName::from("p2"), toward: Toward::Phone };
            let at = Stamp::ZERO + secs(seconds);
            rehearsal.schedule(at, Happening::Report(When::exactly(at), leak));
            let records = rehearsal.run().unwrap();
            assert!(records.last().unwrap().seen > Stamp::ZERO + secs(60));
            assert_eq!(found(&records, "p2"), (Verdict::RigError, Some(Blame::Rig), Some("leak")), "{mode}");
            assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None), "{mode}");
        }
    }
}

#[test]
fn a_bystander_who_loses_a_frame_makes_every_case_the_rig_s() {
    let mut rehearsal = borne_by(vec![outage(of_primary(OutageMode::DROP)), wait(15)], calm());
    let raw = RawRef { file: "capture.pcapng".to_owned(), offset: 1, len: 2 };
    let (outage, mac) = (OutageId(1), Mac([2, 0, 0, 0, 0, 7]));
    let at = Stamp::ZERO + secs(15);
    let lost = Observed::BystanderLost { outage, mac, toward: Toward::Server, raw };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), lost));
    let records = rehearsal.run().unwrap();
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), (Verdict::RigError, Some(Blame::Rig), Some("bystander-lost")));
    }
}

#[test]
fn an_outage_that_follows_a_phone_late_makes_its_case_the_rig_s_and_one_that_follows_in_time_nobody_s() {
    let mut rehearsal = borne_by(vec![outage(of_primary(OutageMode::DROP)), wait(15)], calm());
    let at = Stamp::ZERO + secs(15);
    let address = [10, 77, 0, 99].into();
    let late = Observed::FollowedLate { outage: OutageId(1), phone: "p2".into(), address, late_ns: 12_345_678 };
    for observed in [late, Observed::AddressSeen { phone: "p1".into(), address }] {
        rehearsal.schedule(at, Happening::Report(When::exactly(at), observed));
    }
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p2"), (Verdict::RigError, Some(Blame::Rig), Some("address-late")));
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    let told = cases(&records).find_map(|case| case.reason.clone()).unwrap();
    assert!(told.starts_with("outage 1 followed 10.77.0.99 12.3 ms after it had changed hands"), "{told}");
}

#[test]
fn a_gap_in_the_link_is_nobody_s_fault_and_a_fault_of_the_rig_in_every_case_that_it_touches() {
    for (back, ends) in [(Some(16), "eth0 was switched off for 1.000 s"), (None, "eth0 was switched off and has not")] {
        let mut rehearsal = borne_by(vec![outage(of_primary(OutageMode::DROP)), wait(15)], calm());
        let (interface, how) = ("eth0".to_owned(), LinkLoss::SwitchedOff);
        let at = |seconds| Stamp::ZERO + secs(seconds);
        let lost = Observed::LinkLost { interface: interface.clone(), how: LinkLoss::Carrier };
        rehearsal.schedule(at(15), Happening::Report(When::exactly(at(15)), lost));
        if let Some(seconds) = back {
            let back = Observed::LinkBack { interface, how, gap_ns: 1, changed: Vec::new() };
            rehearsal.schedule(at(seconds), Happening::Report(When::exactly(at(seconds)), back));
        }
        let records = rehearsal.run().unwrap();
        for case in cases(&records) {
            assert_eq!((case.verdict, case.code.as_deref()), (Verdict::RigError, Some("link-lost")), "{case:#?}");
            let reason = case.reason.as_deref().unwrap();
            assert!(back.is_none() || reason.starts_with(ends), "{reason}");
        }
    }
}

/// An outage of the primary with these steps, up to the return.
fn borne(steps: Vec<Step>, weather: Weather) -> Vec<Record> {
    borne_by(steps, weather).run().unwrap()
}

fn borne_by(steps: Vec<Step>, weather: Weather) -> Rehearsal {
    let lift = Step::of("lift", StepKind::Lift { server: None, turns: None });
    let all = [vec![expect(Move::Baseline)], steps, vec![lift, expect(Move::Failback)]].concat();
    let scenario = Scenario::of("borne", "borne", all);
    Rehearsal::new(&Description::default(), scenario, weather, |_| {}, |_| {}).unwrap()
}

fn of_primary(mode: OutageMode) -> OutagePlan {
    plan(vec![Role::Primary], mode)
}

fn bad(change: impl FnOnce(&mut Impairment)) -> OutageMode {
    let mut bad = Impairment::default();
    change(&mut bad);
    Manner::Impair(bad).into()
}

fn lossy_to_all() -> OutageMode {
    bad(|bad| bad.loss = Share::ALL)
}

fn outage(plan: OutagePlan) -> Step {
    Step::of("outage", StepKind::Outage(Box::new(plan)))
}

fn wait(seconds: u64) -> Step {
    Step::of("wait", StepKind::Wait { span: secs(seconds) })
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
