//! Who turned a line away, and what people read of it all.

use super::{
    dialogs::{asks, says},
    *,
};
use crate::look::Look;

fn text(tape: Tape) -> String {
    render(&tape.finish(), "capture", &View::default(), Look::PLAIN)
}

#[test]
fn refusals_tell_how_long_to_stay_away_and_where_to_go() {
    let mut tape = Tape::new();
    for (ms, seconds) in [(10.0, "60"), (70_010.0, "120 (maintenance);duration=9")] {
        tape.ask(ms, A, 60);
        tape.answer(ms + 1.0, A, "503 Service Unavailable", &format!("Retry-After: {seconds}\r\n"));
    }
    tape.ask(80_000.0, B, 60);
    tape.answer(80_001.0, B, "302 Moved Temporarily", "Contact: <sip:1001@10.77.0.4:5060>\r\n");
    let findings = tape.finish();
    let refusals = &findings.document.phones[0].refusals;
    let told: Vec<_> =
        refusals.iter().map(|it| (it.code, it.count, it.first_ms, it.last_ms, it.retry_after_s)).collect();
    assert_eq!(told, [(503, 2, 11.0, 70_011.0, Some(120)), (302, 1, 80_001.0, 80_001.0, None)]);
    assert_eq!(refusals[1].redirected_to.as_deref(), Some("sip:1001@10.77.0.4:5060"));
    let text = render(&findings, "capture", &View::default(), Look::PLAIN);
    for line in [
        "  refused by 10.77.0.2 with 503 2 times, at 0.011 s first and 70.011 s last, Retry-After 120 s\n",
        "  refused by 10.77.0.3 with 302, at 80.001 s, sent to sip:1001@10.77.0.4:5060\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn an_absurd_retry_after_is_no_time() {
    for (absurd, read) in [
        ("4294967295", Some(u32::MAX)),
        ("4294967296", None),
        ("99999999999999999999999999", None),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
        ("", None),
    ] {
        let mut tape = Tape::new();
        tape.ask(10.0, A, 60);
        tape.answer(11.0, A, "503 Service Unavailable", &format!("Retry-After: {absurd}\r\n"));
        tape.register(12.0, A, 60);
        let phone = tape.phone();
        assert_eq!(phone.refusals[0].retry_after_s, read, "{absurd}");
        assert_eq!(phone.registrations.len(), 1, "{absurd}");
    }
}

#[test]
fn people_read_a_line_for_each_call_and_subscription() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    let event = "Event: message-summary\r\nExpires: 60\r\n";
    tape.put(20_000.0, asks(A, "SUBSCRIBE", 1).of("s1").with(event));
    tape.put(20_001.0, says(A, "200 OK", "SUBSCRIBE", 1).of("s1").with("Expires: 60\r\n"));
    let body = "Messages-Waiting: yes\r\n";
    tape.put(20_002.0, asks(A, "NOTIFY", 1).of("s1").turned().inside().with(event).telling(body));
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    tape.put(60_000.0, asks(B, "INVITE", 1).of("c2"));
    tape.put(60_001.0, says(B, "603 Decline", "INVITE", 1).of("c2"));
    tape.put(70_000.0, asks(B, "BYE", 3).inside());
    tape.put(70_001.0, says(B, "200 OK", "BYE", 3));
    let text = text(tape);
    for line in [
        "  called 1002@bench.test at 10.000 s through 10.77.0.2, rang after 40 ms, picked up at 12.000 s, the phone hung up \
         at 70.000 s; survived the outage at 30.000 s, the failover at 54.003 s (BYE answered with 200 at 70.001 s)\n",
        "  called 1002@bench.test at 60.000 s through 10.77.0.3, refused with 603 at 60.001 s\n",
        "  subscribed to message waiting at 10.77.0.2 from 20.001 s - end of capture: 60 s granted, never renewed, 1 NOTIFY \
         from 20.002 s on\n",
        "  messages waiting: yes (NOTIFY from 10.77.0.2 at 20.002 s)\n",
        "  mwi-back             unknown: no NOTIFY about message waiting came from there",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}
