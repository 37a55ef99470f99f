//! Phones whose addresses change hands while a run goes on.

use std::net::IpAddr;

use super::*;
use crate::{event::SipMessage, virtual_bench::description::LabWitness};

const P1: &str = "10.77.0.11";
const P2: &str = "10.77.0.12";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What was observed, judged anew, with p1 and p2 at other addresses from 1 s after the first outage began on.
fn moved(records: Vec<Record>, to: [&str; 2]) -> Vec<Record> {
    let began = |it: &&Record| matches!(it.event, Event::Observed(Observed::OutageBegan { .. }));
    let at = records.iter().find(began).unwrap().seen + Duration::from_secs(1);
    let mut observed: Vec<Record> = records.into_iter().filter(|it| matches!(it.event, Event::Observed(_))).collect();
    for record in observed.iter_mut().filter(|record| record.seen >= at) {
        if let Event::Observed(Observed::Sip(fact)) = &mut record.event {
            let [p1, p2] = to;
            let (from, to) = match fact.phone.0.as_str() {
                "p1" => (P1, p1),
                "p2" => (P2, p2),
                _ => continue,
            };
            fact.phone_addr.set_ip(address(to));
            if let SipMessage::Read(message) = &mut fact.message {
                message.contacts.iter_mut().for_each(|it| it.uri = it.uri.replace(from, to));
            }
        }
    }
    let place = observed.iter().position(|record| record.seen >= at).unwrap();
    for (phone, to) in ["p1", "p2"].into_iter().zip(to).rev() {
        let seen = Observed::AddressSeen { phone: phone.into(), address: address(to) };
        observed.insert(place, Record { seq: 0, seen: at, when: When::exactly(at), event: Event::Observed(seen) });
    }
    for (seq, record) in (1..).zip(&mut observed) {
        record.seq = seq;
    }
    session::replay(observed).records
}

fn told(records: &[Record]) -> Vec<&str> {
    let told = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Detected { line, code, .. }) if code == "address-moved" => Some(line.phone.0.as_str()),
        _ => None,
    });
    told.collect()
}

#[test]
fn phones_that_exchange_addresses_in_an_outage_are_told_apart_and_each_is_judged_by_what_it_does_itself() {
    for (defects, expected) in [
        (Vec::new(), (Verdict::Pass, None, None)),
        (vec![PhoneDefect::NeverFailsBack], (Verdict::Fail, Some(Blame::Phone), Some("never-failed-back"))),
    ] {
        let spoil = |phone: &mut PhoneSpec| {
            phone.defects = if phone.name == "p1" { defects.clone() } else { Vec::new() };
        };
        let records = moved(rehearse(&Description::default(), calm(), spoil, |_| {}), [P2, P1]);
        assert_eq!(found(&records, "p1"), expected);
        assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None), "with {defects:?} at p1");
        assert_eq!(told(&records), ["p2", "p1"], "once for each");
    }
}

#[test]
fn a_phone_that_takes_another_address_in_an_outage_goes_on_as_before() {
    let records = rehearse(&Description::default(), calm(), |_| {}, |_| {});
    let records = moved(records, ["10.77.0.111", P2]);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
    assert_eq!(told(&records), [] as [&str; 0]);
}

/// A run in the course of which frames show p1 and p2 at these addresses, from its beginning on.
fn seen_at(
    scenario: &str,
    description: &Description,
    addresses: [&str; 2],
    spoil: impl FnMut(&mut PhoneSpec),
) -> Vec<Record> {
    let scenario = load::scenario(scenario, Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(description, scenario, calm(), spoil, |_| {}).unwrap();
    let at = BRIDGE_UP + Duration::from_millis(1);
    for (phone, to) in ["p1", "p2"].into_iter().zip(addresses) {
        let seen = Observed::AddressSeen { phone: phone.into(), address: address(to) };
        rehearsal.schedule(at, Happening::Report(When::exactly(at), seen));
    }
    rehearsal.run().unwrap()
}

#[test]
fn what_is_read_at_an_address_that_another_phone_has_now_is_held_against_nobody() {
    let mut description = Description::default();
    description.lab.consoles = false;
    description.lab.witnesses = vec![LabWitness::StatusPage];
    let wrong = |phone: &mut PhoneSpec| phone.defects.extend((phone.name == "p1").then_some(PhoneDefect::PageWrong));
    let own = seen_at("failover", &description, [P1, P2], wrong);
    assert_eq!(found(&own, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("display-wrong")), "its own word counts");
    let exchanged = seen_at("failover", &description, [P2, P1], wrong);
    assert_eq!(found(&exchanged, "p1"), (Verdict::Pass, None, None));
    assert_eq!(found(&exchanged, "p2"), (Verdict::Pass, None, None));
    judged_again_alike(&exchanged);
}

#[test]
fn nothing_is_pushed_to_an_address_that_another_phone_has_now() {
    let records = seen_at("boot-on-backup", &Description::default(), [P2, P1], |_| {});
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), (Verdict::RigError, Some(Blame::Unknown), Some("address-moved")), "{phone}");
        let pushed =
            |it: &Record| matches!(&it.event, Event::Observed(Observed::Pushed { phone: to, .. }) if to.0 == phone);
        assert!(!records.iter().any(pushed), "{phone}");
    }
    assert_eq!(found(&records, "p3"), (Verdict::Pass, None, None));
}
