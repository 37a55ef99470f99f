//! Links that are down, with everybody behind them.

use super::*;
use crate::{
    config::{Role, Step, StepKind},
    event::{Fate, LinkSide, OutageMode},
};

const BOTH: [Role; 2] = [Role::Primary, Role::Backup];

/// A line comes home after its link, or that of all servers, was down.
fn down(side: LinkSide, between: Step, transport: Transport, seed: u64) -> Vec<Record> {
    let plan = plan(BOTH.to_vec(), OutageMode::LinkDown(side));
    let steps = vec![
        expect(Move::Baseline),
        Step::of("down", StepKind::Outage(Box::new(plan))),
        between,
        Step::of("up", StepKind::Lift { server: None, turns: None }),
        expect(Move::Recovery),
    ];
    let weather = Weather { seed, switch_on: secs(11), delay: Duration::from_millis(2), ..calm() };
    rehearsal(Scenario::of("links", "links", steps), weather, transport).run().unwrap()
}

fn sip<'a>(records: &'a [Record], outage: OutageId) -> impl Iterator<Item = Toward> + 'a {
    records.iter().filter_map(move |record| match &record.event {
        Event::Observed(Observed::Sip(fact)) if fact.fate == Fate::Dropped(outage) => Some(fact.toward),
        _ => None,
    })
}

#[test]
fn phones_whose_servers_have_no_link_are_stranded_and_come_back() {
    for seed in 0..5 {
        let records = down(LinkSide::Server, expect(Move::Stranded), Transport::Udp, seed);
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "seed {seed}: {case:#?}");
        }
        for outage in [1, 2] {
            let mut ways: Vec<Toward> = sip(&records, OutageId(outage)).collect();
            ways.dedup();
            assert_eq!(ways, [Toward::Server], "what phones ask is seen, and nothing of the servers");
        }
    }
}

#[test]
fn of_phones_that_have_no_link_nothing_is_seen_and_they_come_back() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for seed in 0..3 {
            let records = down(LinkSide::Phone, wait(60), transport, seed);
            for case in cases(&records) {
                assert_eq!(case.verdict, Verdict::Pass, "{transport:?}, seed {seed}: {case:#?}");
            }
            assert_eq!(sip(&records, OutageId(1)).filter(|toward| *toward == Toward::Server).count(), 0);
            let at = |wanted: fn(&Observed) -> bool| {
                let found =
                    records.iter().find(|it| matches!(&it.event, Event::Observed(observed) if wanted(observed)));
                found.unwrap().when.at
            };
            let [from, until] = [
                at(|it| matches!(it, Observed::OutageBegan { .. })),
                at(|it| matches!(it, Observed::OutageEnded { .. })),
            ];
            let heard = records.iter().filter(|it| matches!(it.event, Event::Observed(Observed::SignOfLife { .. })));
            assert_eq!(heard.filter(|it| it.when.at > from && it.when.at < until).count(), 0);
            let told = |record: &Record| matches!(&record.event, Event::Derived(Derived::Detected { .. }));
            assert!(!records.iter().any(told), "that nothing was hit shows nothing");
        }
    }
}

#[test]
fn canaries_prove_it_on_the_side_that_is_down_and_pass_on_the_other() {
    for (side, dropped) in [(LinkSide::Server, Toward::Server), (LinkSide::Phone, Toward::Phone)] {
        let records = down(side, wait(1), Transport::Udp, 0);
        for record in &records {
            if let Event::Observed(Observed::Canary { outage: Some(_), toward, passed, .. }) = &record.event {
                assert_eq!(*passed, *toward != dropped, "{side:?}");
            }
        }
    }
}

fn rehearsal(scenario: Scenario, weather: Weather, transport: Transport) -> Rehearsal {
    Rehearsal::new(&Description::default(), scenario, weather, |phone| phone.transport = transport, |_| {}).unwrap()
}

fn wait(seconds: u64) -> Step {
    Step::of("wait", StepKind::Wait { span: secs(seconds) })
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
