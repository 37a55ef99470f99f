//! Servers that are stopped and started by commands of their own.

use super::*;
use crate::{
    config::{Role, Step, StepKind},
    event::{HookAct, HookOutcome, SipFact, SipMessage, SipStart, SipSummary},
};

const S: Duration = Duration::from_secs(1);

#[test]
fn a_server_that_is_stopped_is_left_and_found_again_by_phones_of_every_transport() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        for seed in 0..3 {
            let weather = Weather { seed, switch_on: 11 * S, delay: Duration::from_millis(2), ..calm() };
            let rehearsal = rehearsal(stopped(vec![Role::Primary], Move::Failover, Move::Failback), weather, transport);
            let records = rehearsal.run().unwrap();
            for case in cases(&records) {
                assert_eq!(case.verdict, Verdict::Pass, "{transport:?}, seed {seed}: {case:#?}");
                assert!(!case.measurements.iter().any(|it| it.name == "stale"), "nobody knows what it kept");
            }
        }
    }
}

#[test]
fn where_both_are_stopped_phones_are_stranded_and_come_back() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let scenario = stopped(vec![Role::Primary, Role::Backup], Move::Stranded, Move::Recovery);
        let mut rehearsal = rehearsal(scenario, calm(), transport);
        rehearsal.plan.scenario.steps[3].kind = StepKind::Lift { server: Some(Role::Backup), turns: None };
        let records = rehearsal.run().unwrap();
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "{transport:?}: {case:#?}");
        }
    }
}

#[test]
fn a_server_that_speaks_after_it_was_stopped_voids_its_phones_cases_and_blames_the_bench_file() {
    let plan = || rehearsal(stopped(vec![Role::Primary], Move::Failover, Move::Failback), calm(), Transport::Udp);
    let records = plan().run().unwrap();
    let stopped_at =
        records.iter().find(|it| matches!(it.event, Event::Observed(Observed::OutageBegan { .. }))).unwrap();
    let answer = records.iter().rev().find_map(|record| match &record.event {
        Event::Observed(Observed::Sip(fact)) if is_answer(fact, "a", "p2") => Some(fact.clone()),
        _ => None,
    });
    // What was on its way when the command ended may arrive a little later.
    for (after, void) in [(Duration::from_millis(60), false), (2 * S, true)] {
        let mut rehearsal = plan();
        let at = stopped_at.when.at + after;
        rehearsal.schedule(at, Happening::Report(When::exactly(at), Observed::Sip(answer.clone().unwrap())));
        let records = rehearsal.run().unwrap();
        for phone in ["p1", "p2", "p3", "p4"] {
            let found = found(&records, phone);
            let voided = found == (Verdict::RigError, Some(Blame::Configuration), Some("still-answers"));
            assert_eq!(voided, void, "{phone}, {after:?}: {found:?}");
        }
    }
}

#[test]
fn since_when_a_server_is_away_is_told_by_the_last_that_it_said() {
    let plan = || rehearsal(stopped(vec![Role::Primary], Move::Failover, Move::Failback), calm(), Transport::Udp);
    let records = plan().run().unwrap();
    let ordered = records.iter().find(|it| matches!(it.event, Event::Observed(Observed::HookStarted { .. }))).unwrap();
    let answer = records.iter().rev().find_map(|record| match &record.event {
        Event::Observed(Observed::Sip(fact)) if is_answer(fact, "a", "p2") => Some(fact.clone()),
        _ => None,
    });
    // The command takes 30 ms; what is said in them may be told of before its end or after it.
    for told_after in [Duration::ZERO, Duration::from_millis(40)] {
        let mut rehearsal = plan();
        let said = ordered.when.at + Duration::from_millis(10);
        let report = Happening::Report(When::exactly(said), Observed::Sip(answer.clone().unwrap()));
        rehearsal.schedule(said + told_after, report);
        let records = rehearsal.run().unwrap();
        let case = cases(&records).find(|case| case.id.phone.0 == "p2").unwrap();
        let failover = case.measurements.iter().find(|it| it.name == "failover").unwrap();
        assert!((failover.at_ms.unwrap() - said.as_millis_f64()).abs() < 0.01, "{failover:?}");
        assert!(failover.error.unwrap() >= 20.0, "it may have gone on for 20 ms: {failover:?}");
    }
}

#[test]
fn a_command_that_fails_is_no_fault_of_a_phone() {
    for act in [HookAct::Stop, HookAct::Start] {
        let mut rehearsal =
            rehearsal(stopped(vec![Role::Primary], Move::Failover, Move::Failback), calm(), Transport::Udp);
        let outcome =
            HookOutcome { took_ns: 1, output: "no unit".to_owned(), error: Some("ended with exit code 5".to_owned()) };
        let failed = Observed::HookEnded { outage: OutageId(1), server: "a".into(), act, outcome };
        let at = Stamp::ZERO + 5 * S;
        rehearsal.schedule(at, Happening::Report(When::exactly(at), failed));
        let records = rehearsal.run().unwrap();
        for case in cases(&records) {
            let found = (case.verdict, case.blame, case.code.as_deref());
            assert_eq!(found, (Verdict::RigError, Some(Blame::Configuration), Some("hook-failed")), "{case:#?}");
            let reason = case.reason.as_deref().unwrap();
            assert!(reason.contains(&format!("to {act} server a ended with exit code 5 (\"no unit\")")), "{reason}");
        }
    }
}

#[test]
fn lines_whose_server_has_no_commands_are_skipped_before_anything_is_stopped() {
    let mut rehearsal = rehearsal(stopped(vec![Role::Primary], Move::Failover, Move::Failback), calm(), Transport::Udp);
    rehearsal.plan.bench.servers[0].hook = None;
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Skipped, Some(Blame::Configuration), Some("no-hook")));
    assert!(!records.iter().any(|it| matches!(it.event, Event::Action(Action::BeginOutage { .. }))));
}

fn is_answer(fact: &SipFact, server: &str, phone: &str) -> bool {
    let read = |summary: &SipSummary| matches!(summary.start, SipStart::Response { .. });
    let answers = matches!(&fact.message, SipMessage::Read(summary) if read(summary));
    answers && fact.toward == Toward::Phone && fact.server == Some(server.into()) && fact.phone.0 == phone
}

fn rehearsal(scenario: Scenario, weather: Weather, transport: Transport) -> Rehearsal {
    Rehearsal::new(&Description::default(), scenario, weather, |phone| phone.transport = transport, |_| {}).unwrap()
}

/// These servers are stopped, the lines do this; all are started again, and the lines do that.
fn stopped(servers: Vec<Role>, away: Move, back: Move) -> Scenario {
    let plan = plan(servers, OutageMode::Hook);
    let steps = vec![
        expect(Move::Baseline),
        Step::of("stop", StepKind::Outage(Box::new(plan))),
        expect(away),
        Step::of("start", StepKind::Lift { server: None, turns: None }),
        expect(back),
    ];
    Scenario::of("stopped", "stopped", steps)
}
