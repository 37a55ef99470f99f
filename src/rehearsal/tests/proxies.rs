//! Phones that reach both of their registrars by one address: an outbound proxy, or an SBC, stands before both.

use super::*;
use crate::{
    config::{Step, StepKind},
    event::{SipFact, SipMessage, SipStart, Toward},
};

/// p1 sends all that it asks of either registrar to the address of server a (RFC 3261 section 8.1.2); which one it means stands in
/// the Request-URI (section 10.2).
fn proxied(phone: &mut PhoneSpec) {
    if phone.name == "p1" {
        let own = "\nsip registrar ip: bench.test\nsip backup registrar ip: b.test\n\
                   sip outbound proxy: 10.77.0.2\nsip backup outbound proxy: 10.77.0.2\n";
        phone.provisioning.phone += own;
    }
}

fn reason<'a>(records: &'a [Record], phone: &str) -> &'a str {
    cases(records).find(|case| case.id.phone.0 == phone).and_then(|case| case.reason.as_deref()).unwrap()
}

/// What was observed, with the registrar for which p1 asks each time as `name` has it, judged anew.
fn asked_for(records: Vec<Record>, mut name: impl FnMut(usize, &SipFact) -> Option<&'static str>) -> Vec<Record> {
    let mut records = records;
    let mut asked = 0;
    for record in &mut records {
        let Event::Observed(Observed::Sip(fact)) = &mut record.event else { continue };
        if fact.phone.0 != "p1" || fact.toward != Toward::Server {
            continue;
        }
        let named = name(asked, fact);
        let SipMessage::Read(message) = &mut fact.message else { continue };
        if let SipStart::Request { method, uri } = &mut message.start
            && method == "REGISTER"
        {
            asked += 1;
            *uri = named.map_or_else(|| uri.clone(), |named| format!("sip:{named}"));
        }
    }
    session::replay(records).records
}

/// Lines that are registered, and renew for a while.
fn quiet() -> Vec<Record> {
    let wait = Step::of("wait", StepKind::Wait { span: Duration::from_secs(60) });
    let steps = vec![expect(Move::Baseline), wait, expect(Move::Renewal)];
    let scenario = Scenario::of("quiet", "quiet", steps);
    Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap().run().unwrap()
}

fn told(records: &[Record]) -> usize {
    let told = |record: &&Record| matches!(&record.event, Event::Derived(Derived::Detected { code, .. }) if code == "one-address");
    records.iter().filter(told).count()
}

#[test]
fn a_phone_that_asks_one_address_for_both_of_its_registrars_is_not_blamed_for_an_outage_that_takes_both() {
    let records = rehearse(&Description::default(), calm(), proxied, |_| {});
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("one-address")));
    let reason = reason(&records, "p1");
    for word in ["server a", "bench.test", "b.test", "no backup", "none at the backup"] {
        assert!(reason.contains(word), "{word}: {reason}");
    }
    assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None));
    judged_again_alike(&records);
}

#[test]
fn a_line_that_goes_from_registrar_to_registrar_behind_one_address_is_no_pass() {
    let to_and_fro = |asked: usize, _: &SipFact| Some(if (3..6).contains(&asked) { "b.test" } else { "a.test" });
    let records = asked_for(quiet(), to_and_fro);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("one-address")));
    assert_eq!((told(&records), found(&records, "p2")), (1, (Verdict::Pass, None, None)));
}

#[test]
fn a_registrar_has_one_name_or_another_and_a_backup_may_be_asked_in_the_name_of_the_primary() {
    let spellings = ["10.77.0.2", "10.77.0.2:5060", "10.77.0.2;transport=udp"];
    let records = asked_for(quiet(), |asked, _| Some(spellings[asked % 3]));
    assert_eq!((told(&records), found(&records, "p1")), (0, (Verdict::Pass, None, None)));
    let moved = rehearse(&Description::default(), calm(), |_| {}, |_| {});
    let records = asked_for(moved, |_, _| Some("10.77.0.2"));
    assert_eq!((told(&records), found(&records, "p1")), (0, (Verdict::Pass, None, None)), "roles go by the address");
}

#[test]
fn what_a_log_on_brings_along_is_no_second_registrar() {
    let records = rehearse_scenario("boot-on-backup", &Description::default(), calm(), |_| {}, |_| {});
    let order = records.iter().position(|it| matches!(&it.event, Event::Observed(Observed::Pushed { .. }))).unwrap();
    let before = records[..order].iter().filter(|it| {
        let Event::Observed(Observed::Sip(fact)) = &it.event else { return false };
        fact.phone.0 == "p1" && fact.toward == Toward::Server
    });
    let before = before.count();
    let records = asked_for(records, |asked, _| Some(if asked < before { "mx.test" } else { "bench.test" }));
    assert_eq!((told(&records), found(&records, "p1")), (0, (Verdict::Pass, None, None)));
}

#[test]
fn a_proxy_that_the_bench_does_not_name_is_told_with_the_server_that_stands_behind_it() {
    let mut records = quiet();
    for record in &mut records {
        if let Event::Observed(Observed::Sip(fact)) = &mut record.event
            && fact.phone.0 == "p1"
        {
            (fact.server, fact.server_addr) = (None, "10.77.0.9:5060".parse().unwrap());
        }
    }
    let records = asked_for(records, |_, _| Some("10.77.0.2"));
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("stranger")));
    let reason = reason(&records, "p1");
    assert!(reason.contains("10.77.0.9:5060") && reason.contains("a proxy before server a"), "{reason}");
}
