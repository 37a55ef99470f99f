//! Runs on real SIP software (`rig/real-software`), recorded: what was observed then must be judged as it was judged,
//! byte for byte.
//!
//! When a rule is changed on purpose, `SIPRIG_REJUDGE=1 cargo test --test it real_traffic` writes the conclusions anew;
//! what the change does to the verdicts on real traffic is then in the difference.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use siprig::{
    engine::Engine,
    event::{Action, Derived, Event, Observed, Record, SipMessage, When},
    journal::JournalReader,
    session,
    verdict::Case,
};

/// p1 polls and returns; p3 never looks back; p5 moves by DNS SRV; p6 is registered at both.
const FAILOVER: &str = "real-failover";

/// Two SRV phones. p5 moves first; when the other has moved, too, and the primary comes back, p5 is in a renewal that
/// has outlasted its binding at the backup.
const LAPSE: &str = "real-srv-lapse";

/// p1 and p3 over TCP: their kernels deliver after the outage what they had given up in it.
const TCP: &str = "real-failover-tcp";

/// The virtual bench, for comparison.
const VIRTUAL: &str = "failover";

#[test]
fn real_traffic_is_judged_as_it_was() {
    for name in [FAILOVER, LAPSE, TCP, VIRTUAL] {
        let path = journal(name);
        if std::env::var_os("SIPRIG_REJUDGE").is_some() {
            let judged = rejudged(&path);
            fs::write(&path, judged).unwrap();
        }
        let report = session::verify(&path).unwrap();
        assert_eq!(report.difference, None, "{name}");
        assert!(report.complete && report.observed > 100, "{name}: {report:?}");
    }
}

#[test]
fn real_phones_come_out_as_they_are() {
    let cases = cases(FAILOVER);
    let outcome = |phone: &str| (cases[phone].verdict.to_string(), cases[phone].code.clone().unwrap_or_default());
    for phone in ["p1", "p5", "p6"] {
        assert_eq!(outcome(phone), ("pass".to_owned(), String::new()), "{:#?}", cases[phone]);
    }
    assert_eq!(outcome("p3"), ("fail".to_owned(), "never-failed-back".to_owned()));

    // It was confirmed at the backup 27 s before it asked the lost server anything: no time of detecting comes of that.
    let detecting = cases["p6"].measurements.iter().find(|it| it.name == "failover-detecting").unwrap();
    assert_eq!(detecting.value, None);
    assert!(detecting.why_null.as_ref().unwrap().contains("without having noticed"), "{detecting:?}");
}

#[test]
fn a_phone_whose_binding_lapses_in_each_renewal_returns_like_any_other() {
    let cases = cases(LAPSE);
    let returned = &cases["p5"];
    assert_eq!(returned.verdict.to_string(), "pass", "{returned:#?}");
    let failback = returned.measurements.iter().find(|it| it.name == "failback").unwrap();
    assert!(failback.value.unwrap() < 1_000.0, "{failback:?}");
    // In the time that it tried the primary before it asked the backup again, nobody could have called it.
    let unreachable = returned.measurements.iter().find(|it| it.name == "unreachable").unwrap();
    assert!(unreachable.value.unwrap() > 91_000.0 + 24_000.0, "{unreachable:?}");
}

#[test]
fn what_tcp_delivers_late_is_no_try_to_return_and_hides_no_time() {
    let cases = cases(TCP);
    assert_eq!(cases["p3"].code.as_deref(), Some("never-failed-back"), "{:#?}", cases["p3"]);
    for phone in ["p1", "p3"] {
        let detecting = cases[phone].measurements.iter().find(|it| it.name == "failover-detecting").unwrap();
        assert!((31_990.0..32_500.0).contains(&detecting.value.unwrap()), "{phone}: {detecting:?}");
    }
}

#[test]
fn each_message_lies_in_the_capture_where_its_record_says_without_its_secret() {
    let capture = fs::read(format!("{}/fixtures/captures/{FAILOVER}-udp.pcapng", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut credentials = 0;
    for record in JournalReader::open(&journal(FAILOVER)).unwrap().map(Result::unwrap) {
        let Event::Observed(Observed::Sip(fact)) = &record.event else { continue };
        let SipMessage::Read(message) = &fact.message else { continue };
        let raw = &fact.raw;
        let bytes = &capture[raw.offset as usize..][..raw.len as usize];
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains(&format!("Call-ID: {}\r\n", message.call_id)), "record {}: {text}", record.seq);
        if let Some((_, response)) = text.split_once(" response=\"").filter(|_| message.authorized) {
            credentials += 1;
            assert!(response.starts_with(&"x".repeat(32)), "record {}: {text}", record.seq);
        }
    }
    assert!(credentials > 20, "{credentials}");
}

fn journal(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/fixtures/journals/{name}.jsonl", env!("CARGO_MANIFEST_DIR")))
}

/// The verdicts that a fresh engine comes to, by phone.
fn cases(name: &str) -> BTreeMap<String, Case> {
    let records = JournalReader::open(&journal(name)).unwrap().map(Result::unwrap);
    let judged = session::replay(records).records.into_iter();
    let cases = judged.filter_map(|record| match record.event {
        Event::Derived(Derived::CaseDecided(case)) => Some((case.id.phone.0.clone(), *case)),
        _ => None,
    });
    cases.collect()
}

/// A journal with its observed records as they are, and all else as the engine sees it now.
fn rejudged(path: &Path) -> String {
    let mut reader = JournalReader::open(path).unwrap();
    let mut text = serde_json::to_string(reader.header()).unwrap() + "\n";
    let (mut engine, mut seq) = (Engine::new(), 0);
    let mut write = |record: &Record| text.push_str(&(serde_json::to_string(record).unwrap() + "\n"));
    for record in reader.by_ref().map(Result::unwrap) {
        let Event::Observed(observed) = &record.event else { continue };
        seq += 1;
        write(&Record { seq, ..record.clone() });
        engine.handle(seq, record.seen, record.when, observed);
        let derived = std::iter::from_fn(|| engine.poll_derived()).map(|(when, it)| (when, Event::Derived(it)));
        let mut events: Vec<(When, Event)> = derived.collect();
        let ordered = std::iter::from_fn(|| engine.poll_action());
        events.extend(ordered.map(|it: Action| (When::exactly(record.seen), Event::Action(it))));
        for (when, event) in events {
            seq += 1;
            write(&Record { seq, seen: record.seen, when, event });
        }
    }
    text
}
