//! Phones that boot in an outage and ask for their files.

use std::net::IpAddr;

use super::*;
use crate::event::{Fate, Fetch, RawRef};

/// Phones that are told to boot while their primary is away. p1 comes up, asks for its file `times` times at this host, and then
/// hangs: nothing more is heard of it.
fn booted(times: u64, address: &str, fate: impl Fn(OutageId) -> Fate) -> Vec<Record> {
    booted_late(times, 5, None, address, fate)
}

/// The same of one that asks each `pause` seconds, and comes up after all so many seconds after its order, if ever.
fn booted_late(times: u64, pause: u64, up: Option<u64>, address: &str, fate: impl Fn(OutageId) -> Fate) -> Vec<Record> {
    let scenario = load::scenario("boot-on-backup", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap();
    let address: IpAddr = address.parse().unwrap();
    let server = rehearsal.plan.bench.server_at(address).map(|server| server.name.clone());
    rehearsal.begin();
    let mut begun = None;
    let mut silenced = false;
    let mut revival = None;
    while !rehearsal.finished {
        rehearsal.step().unwrap();
        if let Some((_, spec)) = revival.take_if(|(at, _)| rehearsal.now >= *at) {
            rehearsal.devices.get_mut(&"p1".into()).unwrap().phone = Phone::new(spec);
            rehearsal.schedule(rehearsal.now, Happening::ToPhone("p1".into(), PhoneInput::LinkUp));
        }
        let ordered = rehearsal
            .records
            .iter()
            .rfind(|it| matches!(&it.event, Event::Observed(Observed::Pushed { phone, .. }) if phone.0 == "p1"));
        begun = begun.or_else(|| {
            rehearsal.records.iter().find_map(|record| match &record.event {
                Event::Observed(Observed::OutageBegan { outage }) => Some(*outage),
                _ => None,
            })
        });
        if let (Some(ordered), Some(outage), false) = (ordered.map(|it| it.seen), begun, silenced) {
            silenced = true;
            let device = rehearsal.devices.get_mut(&"p1".into()).unwrap();
            let spec = device.phone.spec().clone();
            device.phone =
                Phone::new(PhoneSpec { lines: Vec::new(), provisioning: Default::default(), ..spec.clone() });
            revival = up.map(|up| (ordered + Duration::from_secs(up), PhoneSpec { seed: 99, ..spec }));
            for number in 0..times {
                let at = ordered + Duration::from_secs(3 + pause * number);
                let fetch = Fetch {
                    phone: "p1".into(),
                    address,
                    server: server.clone(),
                    file: "00085D770001.cfg".to_owned(),
                    fate: fate(outage),
                    raw: RawRef { file: String::new(), offset: 0, len: 0 },
                };
                for observed in [Observed::SignOfLife { phone: "p1".into() }, Observed::Fetched(Box::new(fetch))] {
                    rehearsal.schedule(at, Happening::Report(When::exactly(at), observed));
                }
            }
            let at = ordered + Duration::from_secs(30);
            let life = Observed::SignOfLife { phone: "p1".into() };
            rehearsal.schedule(at, Happening::Report(When::exactly(at), life));
        }
    }
    rehearsal.records
}

fn reason<'a>(records: &'a [Record], phone: &str) -> &'a str {
    cases(records).find(|case| case.id.phone.0 == phone).and_then(|case| case.reason.as_deref()).unwrap()
}

#[test]
fn a_phone_that_waits_for_files_on_a_host_that_the_outage_has_taken_is_not_at_fault() {
    let records = booted(6, "10.77.0.2", Fate::Dropped);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("files-unreachable")));
    let reason = reason(&records, "p1");
    assert!(reason.contains("asks in vain for 00085D770001.cfg at server a, 6 times from"), "{reason}");
    let told = records.iter().filter(
        |record| matches!(&record.event, Event::Derived(Derived::Detected { code, .. }) if code == "files-unreachable"),
    );
    assert_eq!(told.count(), 1, "each file is told once");
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
    judged_again_alike(&records);
}

#[test]
fn a_phone_that_asks_a_host_which_is_not_away_again_and_again_has_no_answer_and_nobody_is_blamed() {
    let records = booted(6, "10.77.0.9", |_| Fate::Passed);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("files-unanswered")));
    assert!(
        reason(&records, "p1").contains("00085D770001.cfg at 10.77.0.9, 6 times from"),
        "{}",
        reason(&records, "p1")
    );
}

#[test]
fn a_phone_that_hangs_is_at_fault_and_what_it_asked_for_last_is_told() {
    let records = booted(0, "10.77.0.2", Fate::Dropped);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-over")));
    let records = booted(1, "10.77.0.9", |_| Fate::Passed);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-over")));
    let reason = reason(&records, "p1");
    assert!(reason.contains("the last that it asked for was 00085D770001.cfg at 10.77.0.9, once from"), "{reason}");
}

/// 180 s for a boot, the transaction at the lost primary and 2 s: what goes beyond that is the phone's fault, unless it waited.
#[test]
fn a_phone_that_had_its_files_and_registers_late_is_late_and_one_that_waited_for_them_is_not() {
    let quick = booted_late(2, 2, Some(200), "10.77.0.9", |_| Fate::Passed);
    assert_eq!(found(&quick, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("late")));
    let waited = booted_late(6, 20, Some(200), "10.77.0.9", |_| Fate::Passed);
    assert_eq!(found(&waited, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("files-unanswered")));
    let in_vain = booted_late(6, 20, Some(200), "10.77.0.2", Fate::Dropped);
    assert_eq!(found(&in_vain, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("files-unreachable")));
    let slow_besides = booted_late(3, 5, Some(230), "10.77.0.2", Fate::Dropped);
    assert_eq!(found(&slow_besides, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("late")), "10 s do not explain 50");
}
