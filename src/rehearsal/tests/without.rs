//! Outages that phones do without, because their servers are behind a router.

use std::net::IpAddr;

use super::*;
use crate::{
    config::{Pace, Role, Step, StepKind},
    event::{Action, Manner, OutageMode, OutageSpec},
};

const SKIPPED: &str = "skipped: needs a server on the link: server a is behind the gateway 10.77.0.1";

#[test]
fn the_matrix_leaves_out_what_is_about_the_link_of_a_server_behind_a_router_and_counts_it_nowhere() {
    let matrix = load::scenario("outage-matrix", Path::new(load::RIG)).unwrap();
    let outages = matrix.steps.iter().filter(|step| matches!(step.kind, StepKind::Outage(_))).count();
    let records = behind_a_router(&["a"], matrix);
    let (begun, left) = (begun(&records), left(&records));
    assert_eq!(begun.len(), outages - 1, "every other outage is there");
    assert!(begun.iter().all(|spec| spec.mode != unresolvable()));
    let (spec, needs) = left[0];
    assert_eq!((left.len(), &spec.mode, spec.server.0.as_str(), spec.phones.len()), (1, &unresolvable(), "a", 4));
    assert!(SKIPPED.strip_prefix("skipped: ").is_some_and(|begin| needs.starts_with(begin)), "{needs}");
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        let reason = case.reason.as_deref().unwrap();
        assert!(reason.starts_with("without the outage \"unresolvable, whole host\", "), "{reason}");
        assert!(reason.contains(SKIPPED), "{reason}");
        let failovers = case.measurements.iter().filter(|it| it.name == "failover").count();
        assert_eq!(failovers, begun.len(), "nothing is measured of what was not there");
        let notes = notes(&records, &case.id.line);
        assert_eq!(notes.iter().filter(|note| note.starts_with(SKIPPED)).count(), 1);
        assert_eq!(notes.iter().filter(|note| **note == "skipped, as the outage before it").count(), 3, "{notes:?}");
    }
}

#[test]
fn those_whose_servers_are_on_the_link_do_not_do_without() {
    let steps = vec![link_outage(), wait(), lift(), expect(Move::Failback)];
    let mut rehearsal = rehearsal(&["b"], scenario(steps));
    rehearsal.plan_mut().bench.phones[0].lines[0].primary = "b".into();
    rehearsal.plan_mut().bench.phones[0].lines[0].backup = Some("a".into());
    let plan = rehearsal.plan_mut();
    assert!(plan.bench.phones[1..].iter().all(|phone| phone.lines[0].primary.0 == "a"));
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Skipped, Some(Blame::Configuration), Some("no-place")));
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
    let begun = begun(&records);
    assert_eq!(begun.len(), 1);
    assert!(!begun[0].phones.contains(&"p1".into()) && begun[0].phones.len() == 3);
}

#[test]
fn who_does_without_one_outage_has_the_next() {
    let cut = Step::of("cut", StepKind::Outage(Box::new(plan(vec![Role::Primary], OutageMode::DROP))));
    let first = vec![link_outage(), expect(Move::Failover), lift(), expect(Move::Failback)];
    let second = vec![cut, expect(Move::Failover), lift(), expect(Move::Failback)];
    let records = behind_a_router(&["a", "b"], scenario([first, second].concat()));
    assert_eq!((begun(&records).len(), left(&records).len()), (1, 1));
    for case in cases(&records) {
        assert_eq!(
            (case.verdict, case.measurements.iter().filter(|it| it.name == "failover").count()),
            (Verdict::Pass, 1)
        );
    }
}

#[test]
fn a_router_that_only_frames_tell_of_is_as_good_as_one_in_the_bench_file() {
    let cut = Step::of("cut", StepKind::Outage(Box::new(plan(vec![Role::Primary], OutageMode::DROP))));
    let alone = vec![link_outage(), expect(Move::Failover), lift(), expect(Move::Failback)];
    let both = [alone.clone(), vec![cut, expect(Move::Failover), lift(), expect(Move::Failback)]].concat();
    let told = "skipped: needs a server on the link: server a answers from a router's address";
    let run = |steps: Vec<Step>| {
        let mut rehearsal = rehearsal(&[], scenario(steps));
        rehearsal.link.routed.insert("a".into());
        rehearsal.run().unwrap()
    };
    let records = run(both);
    assert_eq!(left(&records).len(), 1);
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        assert!(case.reason.as_ref().is_some_and(|reason| reason.ends_with(told)), "{case:#?}");
        assert_eq!(case.measurements.iter().filter(|it| it.name == "failover").count(), 1);
        assert!(notes(&records, &case.id.line).contains(&told));
    }
    let records = run(alone);
    for case in cases(&records) {
        assert_eq!((case.verdict, case.code.as_deref()), (Verdict::Skipped, Some("no-place")), "nothing is left of it");
    }
    let records = run(vec![Step { optional: false, ..link_outage() }, expect(Move::Failover)]);
    for case in cases(&records) {
        let expected = (Verdict::RigError, Some(Blame::Configuration), Some("no-place"));
        assert_eq!((case.verdict, case.blame, case.code.as_deref()), expected);
    }
}

#[test]
fn who_does_without_waits_where_everybody_does() {
    let cut = Step::of("cut", StepKind::Outage(Box::new(plan(vec![Role::Primary], OutageMode::DROP))));
    let steps = vec![expect(Move::Renewal), link_outage(), Step::of("meet", StepKind::Meet), cut, lift()];
    let mut rehearsal = rehearsal(&["a"], Scenario { pace: Pace::Phones, ..scenario(steps) });
    rehearsal.link = Link::new(Weather { switch_on: Duration::from_secs(30), ..calm() });
    let records = rehearsal.run().unwrap();
    assert_eq!(left(&records).len(), 4, "each on its own");
    let renewed: Vec<usize> = (0..records.len())
        .filter(|place| matches!(&records[*place].event, Event::Derived(Derived::StepEnded { step: 1, .. })))
        .collect();
    assert!(records[renewed[0]].seen < records[renewed[3]].seen, "they have nothing to wait for");
    let next = records.iter().position(|it| matches!(&it.event, Event::Action(Action::BeginOutage { .. })));
    assert!(renewed[3] < next.unwrap(), "one that did without an outage began the next one alone");
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

fn behind_a_router(servers: &[&str], scenario: Scenario) -> Vec<Record> {
    rehearsal(servers, scenario).run().unwrap()
}

/// On the virtual bench, with these servers behind a router.
fn rehearsal(servers: &[&str], scenario: Scenario) -> Rehearsal {
    let description = tried_on(&scenario).unwrap();
    let mut rehearsal = Rehearsal::new(&description, scenario, calm(), |_| {}, |_| {}).unwrap();
    let behind = rehearsal.plan_mut().bench.servers.iter_mut().filter(|it| servers.contains(&it.name.0.as_str()));
    behind.for_each(|server| server.gateway = Some(IpAddr::from([10, 77, 0, 1])));
    rehearsal
}

fn scenario(steps: Vec<Step>) -> Scenario {
    Scenario::of("without", "without", [vec![expect(Move::Baseline)], steps].concat())
}

fn unresolvable() -> OutageMode {
    Manner::Unresolvable.into()
}

fn link_outage() -> Step {
    let plan = plan(vec![Role::Primary], unresolvable());
    Step { optional: true, ..Step::of("unresolvable", StepKind::Outage(Box::new(plan))) }
}

fn wait() -> Step {
    Step::of("wait", StepKind::Wait { span: Duration::from_secs(20) })
}

fn lift() -> Step {
    Step::of("lift", StepKind::Lift { server: None, turns: None })
}

fn begun(records: &[Record]) -> Vec<&OutageSpec> {
    let begun = records.iter().filter_map(|record| match &record.event {
        Event::Action(Action::BeginOutage { spec, .. }) => Some(&**spec),
        _ => None,
    });
    begun.collect()
}

fn left(records: &[Record]) -> Vec<(&OutageSpec, &str)> {
    let left = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::OutageSkipped { spec, needs }) => Some((&**spec, needs.as_str())),
        _ => None,
    });
    left.collect()
}

/// What was said of the steps of a line.
fn notes<'a>(records: &'a [Record], line: &str) -> Vec<&'a str> {
    let notes = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::StepEnded { case, note, .. }) if case.line == line => Some(note.as_str()),
        _ => None,
    });
    notes.collect()
}
