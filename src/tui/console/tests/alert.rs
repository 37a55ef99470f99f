//! What is to be looked at of a line before it has a verdict.

use super::*;
use crate::{
    event::{Move, PortKind, SipFact, SipMessage, SipStart, Toward, When},
    verdict::CaseId,
};

fn tell(console: &mut Console, ms: u64, event: Event) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq: 90_000 + ms, seen: at, when: When::exactly(at), event });
}

/// A message of p1 that went so.
fn message(ms: u64, console: &mut Console, toward: Toward, start: SipStart) {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let facts = JournalReader::open(&journal).unwrap().map(Result::unwrap).filter_map(|record| match record.event {
        Event::Observed(Observed::Sip(fact)) => Some(*fact),
        _ => None,
    });
    let mut fact: SipFact = facts.into_iter().next().unwrap();
    let SipMessage::Read(read) = &mut fact.message else { panic!() };
    (fact.toward, fact.phone, read.start, read.cseq) = (toward, "p1".into(), start, ms as u32);
    read.method = "INVITE".to_owned();
    tell(console, ms, Event::Observed(Observed::Sip(Box::new(fact))));
}

/// What stands behind the line of a phone.
fn of(console: &Console, ms: u64, phone: &str) -> String {
    let text = drawn(console, ms, (80, 24), GLYPHS).to_string();
    let row = text.lines().find(|row| row.contains(&format!(" {phone}/"))).unwrap();
    row.chars().skip(61).collect::<String>().trim_matches(['"', ' ']).to_owned()
}

#[test]
fn what_takes_too_long_is_silent_or_rings_is_marked_where_the_result_will_stand() {
    let mut console = recorded(9_300, LIVE);
    let began = console.board.step.as_ref().unwrap().began.0 / 1_000_000;
    for line in ["1001", "1003"] {
        let phone = format!("p{}", &line[3..]);
        let deadline = Derived::DeadlineComputed {
            case: CaseId { scenario: "failover".into(), phone: phone.as_str().into(), line: line.to_owned() },
            of: Move::Failover,
            window_ms: 60_000.0,
            derivation: "timers".to_owned(),
            assumed: Vec::new(),
        };
        tell(&mut console, 9_300, Event::Derived(deadline));
    }
    let request = || SipStart::Request { method: "INVITE".to_owned(), uri: "sip:1@a".to_owned() };
    let response = |code, reason: &str| SipStart::Response { code, reason: reason.to_owned() };
    message(10_000, &mut console, Toward::Phone, response(200, "OK"));
    assert_eq!(of(&console, 20_000, "p1"), "");
    message(20_100, &mut console, Toward::Server, request());
    assert_eq!(of(&console, 21_000, "p1"), "", "an answer takes a moment");
    assert_eq!(of(&console, 22_100, "p1"), "! no answer");
    message(22_200, &mut console, Toward::Phone, request());
    message(22_300, &mut console, Toward::Server, response(180, "Ringing"));
    assert_eq!(of(&console, 29_000, "p1"), "ringing");
    message(29_100, &mut console, Toward::Server, response(200, "OK"));
    assert_eq!(of(&console, began + 59_000, "p1"), "", "it is in time");
    let lost = || Observed::PortLost { phone: "p1".into(), port: PortKind::Console, reason: "unplugged".to_owned() };
    tell(&mut console, 39_000, Event::Observed(lost()));
    assert_eq!(of(&console, 39_100, "p1"), "! console lost");
    let late = began + 95_500;
    assert_eq!((of(&console, late, "p1"), of(&console, late, "p3")), ("! 95 s > 60 s".into(), "! 95 s > 60 s".into()));
    insta::assert_snapshot!("alerts_80", drawn(&console, late, (80, 24), GLYPHS));
    let plain = drawn(&console, late, (80, 24), Look::PLAIN).to_string();
    assert!(plain.is_ascii() && plain.contains("! 95 s > 60 s"), "{plain}");
    let measurement = Measurement {
        name: "failover".to_owned(),
        at_ms: None,
        from_server: None,
        to_server: None,
        value: Some(62_000.0),
        unit: "ms".to_owned(),
        error: None,
        min: None,
        max: Some(60_000.0),
        why_null: None,
    };
    let case = CaseId { scenario: "failover".into(), phone: "p1".into(), line: "1001".to_owned() };
    tell(&mut console, 70_000, Event::Derived(Derived::Measured { case, measurement }));
    assert_eq!(of(&console, late, "p1"), "! console lost", "it has moved, and waits for the others");
    assert_eq!(of(&console, late, "p3"), "! 95 s > 60 s");
    let mut over = recorded(16_800, LIVE);
    tell(&mut over, 59_000, Event::Observed(lost()));
    assert!(of(&over, 59_100, "p1").contains("pass"), "what it came to stands: {}", of(&over, 59_100, "p1"));
}
