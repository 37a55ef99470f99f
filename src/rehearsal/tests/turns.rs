//! Outages that are lifted for one phone after the other.

use super::*;
use crate::{
    config::{OutagePlan, Role, Step, StepKind, TurnOrder, Turns},
    event::OutageMode,
};

const S: Duration = Duration::from_secs(1);

#[test]
fn each_phone_comes_home_by_its_own_timers_from_its_own_lift_on() {
    for seed in 0..3 {
        let turns = Turns { over: 30 * S, order: TurnOrder::Shuffled(seed) };
        let weather = Weather { seed, switch_on: 11 * S, ..calm() };
        let records = run(vec![lift(turns), expect(Move::Failback)], 1200 * S, &Description::default(), weather);
        let ends = ends(&records);
        let apart: Vec<u128> =
            ends.windows(2).map(|pair| (pair[1].1.since(pair[0].1) + S / 2).as_secs().into()).collect();
        assert_eq!(apart, [10, 10, 10], "{ends:?}");
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
            let (_, lifted, _) = ends.iter().find(|(phone, ..)| *phone == case.id.phone).unwrap();
            let failback = case.measurements.iter().find(|it| it.name == "failback").unwrap();
            assert!((failback.at_ms.unwrap() - lifted.as_millis_f64()).abs() < 1.0, "{case:#?}");
            assert!(failback.max.unwrap() <= 14_000.0, "12 s granted, and 2 s: {failback:?}");
        }
    }
}

#[test]
fn in_the_order_of_the_run_or_backwards_and_both_servers_of_a_phone_together() {
    let order = |order| {
        let steps = vec![lift(Turns { over: 3 * S, order }), Step::of("wait", StepKind::Wait { span: 60 * S })];
        let scenario = away(vec![Role::Primary, Role::Backup], Move::Stranded, steps, 1200 * S);
        let records = rehearsed(scenario, &Description::default(), calm());
        assert!(
            cases(&records).all(|case| case.verdict == Verdict::Pass),
            "{:#?}",
            cases(&records).collect::<Vec<_>>()
        );
        ends(&records).into_iter().map(|(phone, ..)| phone.0).collect::<Vec<_>>()
    };
    assert_eq!(order(TurnOrder::Run), ["p1", "p1", "p2", "p2", "p3", "p3", "p4", "p4"]);
    assert_eq!(order(TurnOrder::Reverse), ["p4", "p4", "p3", "p3", "p2", "p2", "p1", "p1"]);
}

#[test]
fn one_phone_alone_comes_back_at_once() {
    let mut description = Description::default();
    description.lab.phones = 1;
    let turns = Turns { over: 600 * S, order: TurnOrder::Run };
    let records = run(vec![lift(turns), expect(Move::Failback)], 1200 * S, &description, calm());
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    assert!(records.last().unwrap().seen < Stamp::ZERO + 60 * S);
}

#[test]
fn an_outage_that_ends_by_its_limit_before_the_turn_of_its_phone_is_a_fault_of_the_rig() {
    // The move takes some 10 s, and the last two turns are 20 s and 30 s after it.
    let turns = Turns { over: 30 * S, order: TurnOrder::Run };
    let records = run(vec![lift(turns), expect(Move::Failback)], 25 * S, &Description::default(), calm());
    let why: Vec<OutageEnd> = ends(&records).into_iter().map(|(.., why)| why).collect();
    assert_eq!(why, [OutageEnd::Lifted, OutageEnd::Lifted, OutageEnd::Limit, OutageEnd::Limit]);
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert_eq!(found(&records, "p4"), (Verdict::RigError, Some(Blame::Rig), Some("outage-ended")));
}

#[test]
fn a_return_in_turns_spares_the_server_and_is_measured_so() {
    let records = rehearse_scenario("mass-return", &Description::default(), calm(), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        let peaks: Vec<f64> =
            case.measurements.iter().filter(|it| it.name == "failback-peak").filter_map(|it| it.value).collect();
        assert!(matches!(peaks[..], [4.0, in_turn] if in_turn < 4.0), "{peaks:?}");
    }
}

/// When the outages ended, of which phone, and why.
fn ends(records: &[Record]) -> Vec<(PhoneName, Stamp, OutageEnd)> {
    let ended = records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::OutageEnded { why, tally, .. }) => {
            assert_eq!(tally.len(), 1, "an outage for each phone");
            Some((tally.keys().next()?.clone(), record.when.at, *why))
        }
        _ => None,
    });
    ended.collect()
}

fn run(end: Vec<Step>, limit: Duration, description: &Description, weather: Weather) -> Vec<Record> {
    rehearsed(away(vec![Role::Primary], Move::Failover, end, limit), description, weather)
}

fn rehearsed(scenario: Scenario, description: &Description, weather: Weather) -> Vec<Record> {
    Rehearsal::new(description, scenario, weather, |_| {}, |_| {}).unwrap().run().unwrap()
}

/// These servers go away, the lines do this, and then comes the end.
fn away(servers: Vec<Role>, of: Move, end: Vec<Step>, limit: Duration) -> Scenario {
    let plan = OutagePlan { limit, ..plan(servers, OutageMode::DROP) };
    let outage = Step::of("outage", StepKind::Outage(Box::new(plan)));
    Scenario::of("turns", "turns", [vec![expect(Move::Baseline), outage, expect(of)], end].concat())
}

fn lift(turns: Turns) -> Step {
    Step::of("lift", StepKind::Lift { server: None, turns: Some(turns) })
}
