//! Phones at their own pace, outages at a phone's own moment, and what scenarios say beside their steps: branches, limits,
//! start states, a teardown that must end.

use super::*;
use crate::{
    config::{Moment, Only, OutagePlan, Pace, Party, Role, Step, StepKind, scenario::Limit},
    event::OutageMode,
};

fn run(scenario: Scenario, weather: Weather, phone: impl FnMut(&mut PhoneSpec)) -> Vec<Record> {
    Rehearsal::new(&Description::default(), scenario, weather, phone, |_| {}).unwrap().run().unwrap()
}

fn named(name: &str) -> Scenario {
    load::scenario(name, Path::new(load::RIG)).unwrap()
}

fn apart() -> Weather {
    Weather { switch_on: Duration::from_secs(6), seed: 11, ..calm() }
}

fn measured(case: &Case, name: &str) -> Vec<f64> {
    case.measurements.iter().filter(|it| it.name == name).filter_map(|it| it.value).collect()
}

fn outage(at: Moment) -> Step {
    let plan = OutagePlan { at, ..plan(vec![Role::Primary], OutageMode::DROP) };
    Step::of("outage", StepKind::Outage(Box::new(plan)))
}

fn wait(seconds: u64) -> Step {
    Step::of("wait", StepKind::Wait { span: Duration::from_secs(seconds) })
}

/// When a step began, of which phones.
fn began(records: &[Record], title: &str) -> Vec<(Vec<PhoneName>, Stamp)> {
    let starts = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::StepStarted { title: begun, phones, .. }) if begun == title => {
            Some((phones.clone(), record.seen))
        }
        _ => None,
    });
    starts.collect()
}

#[test]
fn a_cut_just_before_a_renewal_gives_the_shortest_move_and_one_just_after_it_the_longest() {
    let mut description = Description::default();
    manual_timers(&mut description);
    let weather = Weather { switch_on: Duration::from_secs(500), seed: 5, ..calm() };
    for (name, between) in [("cut-before-renewal", 4_000.0..=5_100.0), ("cut-after-renewal", 588_500.0..=589_500.0)] {
        let records = rehearse_scenario(name, &description, weather, |_| {}, |_| {});
        assert_eq!(cases(&records).count(), 4);
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
            let failover = value(case, "failover");
            assert!(between.contains(&failover), "{name}: {failover} ms");
        }
    }
}

#[test]
fn a_phone_that_moves_late_from_a_cut_of_its_own_is_blamed_alone() {
    let late = |phone: &mut PhoneSpec| {
        if phone.name == "p2" {
            phone.defects.push(PhoneDefect::MovesLate(Duration::from_secs(5)));
        }
    };
    let records = run(named("cut-before-renewal"), apart(), late);
    assert_eq!(found(&records, "p2"), (Verdict::Fail, Some(Blame::Phone), Some("late")));
    for healthy in ["p1", "p3", "p4"] {
        assert_eq!(found(&records, healthy), (Verdict::Pass, None, None));
    }
}

#[test]
fn a_phone_that_does_not_renew_is_not_waited_for_for_ever() {
    let dead = |phone: &mut PhoneSpec| {
        if phone.name == "p1" {
            phone.defects.push(PhoneDefect::DiesAfter(Duration::from_secs(1)));
        }
    };
    let records = run(named("cut-after-renewal"), calm(), dead);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("no-sign-of-life")));
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
}

#[test]
fn phones_at_their_own_pace_do_not_wait_for_one_another_until_they_meet() {
    let steps = vec![
        expect(Move::Baseline),
        outage(Moment::AfterRenewal),
        expect(Move::Failover),
        Step::of("meet", StepKind::Meet),
        Step::of("lift", StepKind::Lift { server: None, turns: None }),
        expect(Move::Failback),
    ];
    let scenario = Scenario { pace: Pace::Phones, ..Scenario::of("apart", "apart", steps) };
    let records = run(scenario, apart(), |_| {});
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
    let failovers = began(&records, "failover");
    assert_eq!(failovers.len(), 4, "each phone begins it alone");
    let first_lift = began(&records, "lift").iter().map(|(_, at)| *at).min().unwrap();
    let moved = |case: &Case| case.measurements.iter().find(|it| it.name == "failover").unwrap().clone();
    for case in cases(&records) {
        let failover = moved(case);
        let done = Stamp::from_millis((failover.at_ms.unwrap() + failover.value.unwrap()) as u64);
        assert!(done <= first_lift, "{}: the lift came before all had moved", case.id);
    }
    let spread = |starts: &[(Vec<PhoneName>, Stamp)]| {
        let times = starts.iter().map(|(_, at)| *at);
        times.clone().max().unwrap().since(times.min().unwrap())
    };
    assert!(spread(&failovers) > Duration::from_secs(1), "they were cut off at their own moments");
    assert!(spread(&began(&records, "lift")) < Duration::from_millis(10), "they met");
}

#[test]
fn a_call_in_the_gap_finds_its_gap_whatever_the_phases_and_whatever_came_before() {
    for seed in 0..12 {
        let weather = Weather { switch_on: Duration::from_secs(11), seed, ..calm() };
        let mut rehearsal =
            Rehearsal::new(&Description::default(), named("flapping"), weather, |_| {}, |_| {}).unwrap();
        rehearsal.plan.then = vec![named("call-in-the-gap")];
        let records = rehearsal.run().unwrap();
        let cases: Vec<&Case> = cases(&records).filter(|case| case.id.scenario == "call-in-the-gap").collect();
        assert_eq!(cases.len(), 4);
        assert!(cases.iter().all(|case| case.verdict == Verdict::Pass), "seed {seed}: {cases:#?}");
        let lost: Vec<f64> = cases.iter().flat_map(|case| measured(case, "calls-lost")).collect();
        assert_eq!(lost, [1.0, 1.0], "one for each phone that is called");
    }
}

#[test]
fn a_step_for_some_phones_is_passed_over_by_the_others() {
    let only = |only: Only| Step { only: Some(only), ..wait(3) };
    let steps = vec![
        expect(Move::Baseline),
        only(Only::Party(Party::Callers)),
        only(Only::Model("aastra-*".to_owned())),
        only(Only::Model("snom-d7xx".to_owned())),
    ];
    let records = run(Scenario::of("branches", "branches", steps), calm(), |_| {});
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    let passed_over = |step| {
        let ends = records.iter().filter_map(|record| match &record.event {
            Event::Derived(Derived::StepEnded { step: ended, case, note, .. })
                if *ended == step && note.contains("passed over") =>
            {
                Some(case.phone.0.clone())
            }
            _ => None,
        });
        ends.collect::<Vec<_>>()
    };
    assert_eq!(passed_over(1), ["p2", "p4"]);
    assert_eq!(passed_over(2), Vec::<String>::new());
    assert_eq!(passed_over(3), ["p1", "p2", "p3", "p4"]);
}

#[test]
fn a_measurement_beyond_the_limit_of_the_scenario_fails_its_case() {
    let limit = |at_most| Limit { measurement: "failover".to_owned(), at_most, blame: Blame::Configuration };
    let with = |at_most| {
        let mut scenario = named("failover");
        scenario.limits = vec![limit(at_most)];
        run(scenario, calm(), |_| {})
    };
    let within = with(60_000);
    assert_eq!(found(&within, "p1"), (Verdict::Pass, None, None));
    let beyond = with(5_000);
    assert_eq!(found(&beyond, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("over-limit")));
    let case = cases(&beyond).next().unwrap();
    let reason = case.reason.as_deref().unwrap();
    assert!(reason.starts_with("failover is ") && reason.ends_with("the scenario allows 5000 ms"), "{reason}");
    let failover = case.measurements.iter().find(|it| it.name == "failover").unwrap();
    assert_eq!(failover.max, Some(5_000.0), "the narrower limit is the measurement's");
}

#[test]
fn who_is_registered_where_nobody_should_be_logged_on_is_left_alone() {
    let records =
        run(Scenario { start: StartState::LoggedOff, ..Scenario::of("off", "off", vec![wait(1)]) }, calm(), |_| {});
    // Nothing is known of anybody when the first scenario begins; in the second all are known to be registered.
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    let mut rehearsal = Rehearsal::new(&Description::default(), named("baseline"), calm(), |_| {}, |_| {}).unwrap();
    let off = Scenario { start: StartState::LoggedOff, ..Scenario::of("off", "off", vec![wait(1)]) };
    rehearsal.plan.then = vec![off];
    let records = rehearsal.run().unwrap();
    let second: Vec<&Case> = cases(&records).filter(|case| case.id.scenario == "off").collect();
    assert_eq!(second.len(), 4);
    assert!(second.iter().all(|case| (case.verdict, case.code.as_deref()) == (Verdict::NotRun, Some("start-state"))));
}

#[test]
fn a_teardown_that_does_not_end_in_its_time_is_said_and_spoils_a_pass() {
    let scenario = Scenario {
        teardown: vec![wait(60)],
        teardown_limit: Duration::from_secs(10),
        ..Scenario::of("slow", "slow", vec![expect(Move::Baseline)])
    };
    let records = run(scenario, calm(), |_| {});
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("teardown-overdue")));
    assert!(records.last().unwrap().seen < Stamp::from_millis(30_000));
}

#[test]
fn a_mass_move_is_measured_by_its_peak_and_by_what_each_line_sent() {
    let records = rehearse_scenario("storm", &Description::default(), calm(), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(measured(case, "failover-peak"), [4.0], "all four within a second");
        assert_eq!(measured(case, "failback-peak"), [4.0]);
        // Asked in vain, challenged, taken; over TCP the connection to the lost server may have died before.
        assert!(matches!(measured(case, "failover-attempts")[..], [2.0 | 3.0]), "{case:#?}");
    }
}
