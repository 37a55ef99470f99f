//! Servers that have more than one address: of both families, or as the hosts that a name leads to.

use std::net::IpAddr;

use super::*;
use crate::{
    config::{OutagePlan, Role, Step, StepKind},
    event::{Fate, OutageScope, Part, SipMessage, Toward},
};

/// The second address of the primary, or, where the bench says so, the first of the backup.
const SECOND: &str = "fd00:77::2";

fn second() -> IpAddr {
    SECOND.parse().unwrap()
}

/// p1 alone, which goes from the primary's first address to [`SECOND`], in an outage of that first address alone.
fn moved(belongs_to: &str, with: Vec<Step>) -> Vec<Record> {
    let mut description = Description::default();
    (description.lab.phones, description.lab.servers) = (1, 3);
    let part = OutageScope::Part(Part { address: Some("10.77.0.2".parse().unwrap()), ..Part::default() });
    let plan = OutagePlan { scope: part, ..plan(vec![Role::Primary], OutageMode::DROP) };
    let outage = Step::of("away", StepKind::Outage(Box::new(plan)));
    let steps = [vec![expect(Move::Baseline), outage], with].concat();
    let phone = |phone: &mut PhoneSpec| {
        phone.provisioning.phone += &format!("\nsip backup registrar ip: {SECOND}\nsip backup proxy ip: {SECOND}\n");
    };
    let server = |server: &mut RegistrarSpec| {
        if server.name == "c" {
            server.address = second();
        }
    };
    let scenario = Scenario::of("moved", "moved", steps);
    let mut rehearsal = Rehearsal::new(&description, scenario, calm(), phone, server).unwrap();
    let servers = &mut rehearsal.plan_mut().bench.servers;
    servers.truncate(2);
    servers.iter_mut().find(|it| it.name.0 == belongs_to).unwrap().addresses.push(second());
    rehearsal.run().unwrap()
}

fn wait(seconds: u64) -> Step {
    Step::of("wait", StepKind::Wait { span: Duration::from_secs(seconds) })
}

fn react() -> Vec<Step> {
    vec![
        Step::of("react", StepKind::Reaction),
        wait(20),
        Step::of("lift", StepKind::Lift { server: None, turns: None }),
        expect(Move::Failback),
    ]
}

fn homes(records: &[Record]) -> Vec<&str> {
    let homes = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Home { server: Some(server), .. }) => Some(server.0.as_str()),
        _ => None,
    });
    homes.collect()
}

#[test]
fn a_line_that_goes_on_at_another_address_of_its_primary_has_not_moved() {
    let records = moved("a", react());
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert_eq!(homes(&records), ["a"], "its home is a server, by whichever address");
    let at_second = records.iter().filter(|record| {
        let Event::Observed(Observed::Sip(fact)) = &record.event else { return false };
        fact.server_addr.ip() == second() && fact.toward == Toward::Phone && fact.fate == Fate::Passed
    });
    assert!(at_second.count() > 2, "it was there");
    let case = cases(&records).next().unwrap();
    let failover = case.measurements.iter().find(|it| it.name == "failover");
    assert!(failover.is_none_or(|it| it.value.is_none()), "{failover:?}");
    judged_again_alike(&records);
}

#[test]
fn the_same_frames_are_a_move_where_that_address_is_the_backup_s() {
    let records = moved("b", react());
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert_eq!(homes(&records), ["a", "b", "a"]);
    assert!(value(cases(&records).next().unwrap(), "failover") > 0.0);
}

/// A failover in which p1, by datagrams, and p3, by connections, take `late` longer than their timers allow; `tried` says at how many
/// further addresses each asks its lost primary in vain meanwhile.
fn failover(late: u64, tried: u64) -> Vec<Record> {
    let late = Duration::from_secs(late);
    let slow = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::MovesLate(late));
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), slow, |_| {}).unwrap();
    let further: Vec<IpAddr> = (2..2 + tried).map(|last| format!("fd00:77::{last}").parse().unwrap()).collect();
    rehearsal.plan_mut().bench.servers[0].addresses.extend(&further);
    let honest = rehearsal.plan_mut().clone();
    // It goes on to its end whatever is to be said of it: that is judged below, by the timers that they have.
    for phone in &mut rehearsal.plan_mut().bench.phones {
        phone.timers.transaction.value += late;
    }
    let mut records = rehearsal.run().unwrap();
    records[0].event = Event::Observed(Observed::RunStarted { plan: Box::new(honest) });
    // What the simulated phones, which know one address of each server, do not send.
    let mut more: Vec<Record> = Vec::new();
    let mut asked = std::collections::BTreeSet::new();
    for record in &records {
        let Event::Observed(observed) = &record.event else { continue };
        let phone = match observed {
            Observed::Sip(fact) if matches!(fact.fate, Fate::Dropped(_)) && fact.toward == Toward::Server => {
                &fact.phone
            }
            Observed::Knock { phone, fate: Fate::Dropped(_), knock: Knock::Asked, .. } => phone,
            _ => continue,
        };
        if !asked.insert(phone.clone()) {
            continue;
        }
        for (number, address) in (1_u32..).zip(&further) {
            let mut again = record.clone();
            let after = Duration::from_secs(4) * number;
            (again.seen, again.when.at) = (again.seen + after, again.when.at + after);
            match &mut again.event {
                Event::Observed(Observed::Sip(fact)) => {
                    fact.server_addr.set_ip(*address);
                    if let SipMessage::Read(message) = &mut fact.message {
                        message.branch += &format!("-{number}");
                    }
                }
                Event::Observed(Observed::Knock { address: at, .. }) => *at = Some(*address),
                _ => {}
            }
            more.push(again);
        }
    }
    let mut all: Vec<Record> =
        records.into_iter().filter(|it| matches!(it.event, Event::Observed(_))).chain(more).collect();
    all.sort_by_key(|record| record.seen);
    for (seq, record) in (1..).zip(&mut all) {
        record.seq = seq;
    }
    let mut judged = session::replay(all.clone()).records;
    judged.extend(all);
    judged
}

#[test]
fn a_phone_that_gives_up_every_address_of_its_primary_first_is_not_late() {
    for (late, tried) in [(4, 1), (8, 2)] {
        let records = failover(late, tried);
        for phone in ["p1", "p2", "p3", "p4"] {
            assert_eq!(found(&records, phone), (Verdict::Pass, None, None), "{tried} further addresses, {phone}");
        }
        let windows = records.iter().filter_map(|record| match &record.event {
            Event::Derived(Derived::DeadlineComputed { of: Move::Failover, derivation, .. }) => {
                Some(derivation.as_str())
            }
            _ => None,
        });
        assert!(windows.clone().any(|it| it.contains("of the lost server")), "{:?}", windows.collect::<Vec<_>>());
    }
}

#[test]
fn a_phone_that_asks_one_address_and_takes_as_long_is_late() {
    let records = failover(4, 0);
    for phone in ["p1", "p3"] {
        assert_eq!(found(&records, phone), (Verdict::Fail, Some(Blame::Phone), Some("late")), "{phone}");
    }
}

/// By SRV records of its domain (RFC 3263 section 4.2): that is all that a phone is told, and all that stands in its requests.
#[test]
fn a_primary_and_a_backup_to_which_one_name_leads_are_told_apart_by_their_addresses() {
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap();
    for server in &mut rehearsal.plan_mut().bench.servers {
        server.names = vec!["bench.test".parse().unwrap()];
    }
    let records = rehearsal.run().unwrap();
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
    let of_p1: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Derived(Derived::Home { line, server: Some(server) }) if line.phone.0 == "p1" => {
                Some(server.0.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(of_p1, ["a", "b", "a"]);
}
