//! When a line moved, and of what that was made.

use super::*;
use crate::{event::OutageId, wire::capture::Note};

/// A line at its primary that loses it at 30 s, notices at 50 s, is at its backup from 54 s on, and comes back at 90 s.
fn there_and_back(settings: Settings) -> Phone {
    let mut tape = Tape::with(settings);
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    for ms in [50_500.0, 51_500.0, 53_500.0] {
        tape.again(ms, A, 60);
    }
    tape.register(54_000.0, B, 40);
    tape.register(90_000.0, A, 60);
    tape.idle(200_000.0);
    tape.phone()
}

#[test]
fn a_failover_is_waiting_detecting_and_registering() {
    let phone = there_and_back(outage("30s..80s"));
    let value = |name| measured(&phone, name).value.unwrap();
    assert_eq!(value("failover"), 24_003.0);
    assert_eq!(value("failover-waiting"), 20_000.0);
    assert_eq!(value("failover-detecting"), 4_000.0);
    assert_eq!(value("failover-registering"), 3.0);
    assert_eq!(value("failback"), 10_003.0);
    assert_eq!(value("failback-waiting"), 10_000.0);
    assert_eq!(value("failback-registering"), 3.0);
    // The binding at the primary of 60 s since 13 ms; that at the backup of 40 s since 54 003 ms.
    assert_eq!(value("unreachable"), 24_003.0);
    let stale = phone.measurements.iter().find(|it| it.name == "stale").unwrap();
    assert_eq!(stale.value, Some(60_013.0 - 54_003.0));
    let failover = measured(&phone, "failover");
    assert_eq!(
        (failover.from_server.as_deref(), failover.to_server.as_deref()),
        (Some("10.77.0.2"), Some("10.77.0.3"))
    );
    assert_eq!(failover.at_ms, Some(30_000.0));
}

#[test]
fn without_the_outage_the_times_that_begin_with_it_are_open() {
    let phone = there_and_back(roles());
    let failover = measured(&phone, "failover");
    assert_eq!(failover.value, None);
    assert!(failover.why_null.as_ref().unwrap().contains("--outage"), "{failover:?}");
    // Between the last answer of the primary and the first one that did not come.
    let waiting = measured(&phone, "failover-waiting");
    assert_eq!((waiting.value, waiting.min, waiting.max), (None, Some(0.0), Some(50_000.0 - 13.0)));
    assert_eq!(measured(&phone, "failover-detecting").value, Some(4_000.0));
    assert_eq!(measured(&phone, "failback").value, None);
    assert_eq!(measured(&phone, "failback-registering").value, Some(3.0));
}

#[test]
fn nothing_is_measured_across_a_clock_that_went_back() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    // An hour back.
    let hour = 3_600_000.0;
    tape.register(54_000.0 - hour, B, 40);
    tape.register(90_000.0 - hour, A, 60);
    tape.idle(200_000.0 - hour);
    let findings = tape.finish();
    assert_eq!(findings.document.clock_steps, 1);
    let text = render(&findings, "lab", &View::default(), crate::look::Look::PLAIN);
    assert!(text.contains("the clock of the capture went back 1 times, by 3596.0 s at most"), "{text}");
    let [phone] = &findings.document.phones[..] else { panic!("one phone") };
    for name in ["failover", "failover-detecting", "unreachable"] {
        let it = measured(phone, name);
        assert_eq!((it.value, it.why_null.as_deref()), (None, Some("the clock of the capture went back within it")));
    }
    assert_eq!(measured(phone, "failover-registering").value, Some(3.0));
    // Which of two times the end of the outage was is not known.
    assert_eq!(measured(phone, "failback").value, None);
    assert_eq!(measured(phone, "failback-registering").value, Some(3.0));
    let times: Vec<_> = phone.registrations.iter().map(|it| (it.from_ms, it.until_ms)).collect();
    assert!(times.iter().all(|(from, until)| until.is_none_or(|until| until >= *from)), "{times:?}");
}

#[test]
fn a_line_that_never_comes_back_has_no_failback() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    tape.register(110_000.0, B, 60);
    tape.idle(160_000.0);
    let phone = tape.phone();
    let failback = measured(&phone, "failback");
    assert_eq!((failback.value, failback.why_null.as_deref()), (None, Some("no return to the primary was seen")));
}

#[test]
fn a_line_that_is_registered_at_both_all_the_time_does_not_move() {
    let mut tape = Tape::new();
    for cycle in 0..4 {
        let ms = f64::from(cycle) * 50_000.0;
        // The answers cross.
        tape.ask(ms + 10.0, A, 60);
        let first = tape.response("200 OK", &tape.contact_header(60));
        tape.ask(ms + 11.0, B, 60);
        tape.ok(ms + 12.0, B, 60);
        tape.datagram(ms + 13.0, at(A), at(PHONE), &first);
    }
    let phone = tape.phone();
    assert_eq!(names(&phone), [] as [&str; 0], "{:#?}", phone.measurements);
    assert_eq!(phone.registrations.len(), 2);
}

#[test]
fn a_line_that_gives_its_primary_up_without_a_word_has_moved_nevertheless() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    // It was told otherwise, by OPTIONS that nobody answers.
    tape.register(30_000.0, B, 60);
    tape.register(80_000.0, B, 60);
    tape.idle(90_000.0);
    let phone = tape.phone();
    assert_eq!(measured(&phone, "failover-registering").value, Some(3.0));
    assert!(measured(&phone, "failover-detecting").why_null.is_some());
}

#[test]
fn a_line_that_logs_off_and_on_elsewhere_has_not_failed_over() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.ask(1_000.0, A, 0);
    tape.answer(1_001.0, A, "200 OK", "");
    tape.register(2_000.0, B, 60);
    assert_eq!(names(&tape.phone()), [] as [&str; 0]);
}

#[test]
fn a_line_that_is_turned_away_moves_at_once() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    tape.answer(50_001.0, A, "503 Service Unavailable", "Retry-After: 60\r\n");
    tape.register(50_002.0, B, 60);
    let phone = tape.phone();
    assert_eq!(measured(&phone, "failover-detecting").value, Some(2.0));
    assert_eq!(measured(&phone, "failover").value, Some(20_005.0));
}

#[test]
fn polls_of_the_backup_are_no_move_and_neither_is_what_the_socket_delivers_late() {
    let mut tape = Tape::with(outage("30s..120s"));
    tape.register(10.0, A, 60);
    tape.ask(40_000.0, B, 0);
    tape.answer(40_001.0, B, "200 OK", "");
    tape.ask(50_000.0, A, 60);
    let (late_cseq, late) = (tape.cseq, tape.repeated(A, &tape.contact_header(60)));
    tape.register(82_000.0, B, 120);
    // The kernel delivers at last what the phone gave up long ago; the server grants it.
    tape.datagram(125_000.0, at(PHONE), at(A), &late);
    let next = std::mem::replace(&mut tape.cseq, late_cseq);
    tape.ok(125_002.0, A, 60);
    tape.cseq = next;
    tape.ask(125_003.0, A, 0);
    tape.answer(125_004.0, A, "200 OK", "");
    tape.idle(140_000.0);
    let phone = tape.phone();
    assert_eq!(measured(&phone, "failover").value, Some(52_003.0));
    assert_eq!(measured(&phone, "failback").value, None);
    // No move, and yet the server held it until the phone took it back.
    let ends: Vec<_> = phone.registrations.iter().filter(|it| it.server == ip(A)).map(|it| it.until_ms).collect();
    assert_eq!(ends, [Some(60_013.0), Some(125_004.0)]);
}

#[test]
fn our_own_comments_say_when_the_primary_was_away() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    let began = FIRST_NS + 30_000_000_000;
    let comment = Note::OutageBegan { outage: OutageId(1), server: "a".into(), unix_ns: began, error_ns: 2_000 };
    let bytes = tape.request(A, &tape.contact_header(60));
    let frame = tape.envelope().udp(at(PHONE), at(A), &bytes);
    let dropped = Note::Dropped { outage: OutageId(1) };
    tape.frame(50_000.0, &frame, Some(&format!("{comment}\n{dropped}")));
    tape.register(54_000.0, B, 60);
    let ended =
        Note::OutageEnded { outage: OutageId(1), server: "a".into(), unix_ns: FIRST_NS + 80_000_000_000, error_ns: 0 };
    // The next frame may be one of our own.
    let canary = tape.envelope().udp(at("10.77.0.11:9"), at("10.77.0.2:9"), b"ours");
    tape.frame(85_000.0, &canary, Some(&format!("{}\n{ended}", Note::Canary)));
    let bytes = tape.request(A, &tape.contact_header(60));
    tape.datagram(90_000.0, at(PHONE), at(A), &bytes);
    tape.ok(90_001.0, A, 60);
    let phone = tape.phone();
    let failover = measured(&phone, "failover");
    assert_eq!((failover.value, failover.error), (Some(24_003.0), Some(0.003)));
    assert_eq!(measured(&phone, "failback").value, Some(10_001.0));
}

#[test]
fn whatever_an_outage_took_tells_whose_it_is() {
    let mut settings = roles();
    settings.name_server(ip("10.77.0.22:5060"), Role::Primary);
    let mut tape = Tape::with(settings);
    tape.register(10.0, A, 60);
    let began = FIRST_NS + 30_000_000_000;
    let began = Note::OutageBegan { outage: OutageId(1), server: "a".into(), unix_ns: began, error_ns: 2_000 };
    let dropped = Note::Dropped { outage: OutageId(1) };
    // Of a server with two addresses, one lost a frame to it first.
    for address in ["10.77.0.22:5060", A] {
        let frame = tape.envelope().udp(at(PHONE), at(address), b"nothing");
        tape.frame(30_001.0, &frame, Some(&format!("{began}\n{}\n{dropped}", Note::Canary)));
    }
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    assert_eq!(measured(&tape.phone(), "failover").value, Some(24_003.0));
}

#[test]
fn phones_that_go_at_their_own_pace_have_outages_of_their_own() {
    let mut tape = Tape::new();
    let told = |outage: u32, began_s: i64, ended: bool| {
        let (outage, server) = (OutageId(outage), "a".into());
        let unix_ns = FIRST_NS + began_s * 1_000_000_000;
        if ended {
            Note::OutageEnded { outage, server, unix_ns, error_ns: 0 }
        } else {
            Note::OutageBegan { outage, server, unix_ns, error_ns: 0 }
        }
    };
    tape.register(10.0, A, 60);
    // The second phone's outage begins later, and is told of later.
    let other = tape.envelope().udp(at("10.77.0.12:5060"), at(A), b"REGISTER sip:a SIP/2.0\r\n\r\n");
    for (ms, frame, outage) in [(50_000.0, None, 1), (52_000.0, Some(other), 2)] {
        let frame = frame.unwrap_or_else(|| {
            let bytes = tape.request(A, &tape.contact_header(60));
            tape.envelope().udp(at(PHONE), at(A), &bytes)
        });
        let dropped = Note::Dropped { outage: OutageId(outage) };
        tape.frame(ms, &frame, Some(&format!("{}\n{dropped}", told(outage, 20 + 15 * i64::from(outage), false))));
    }
    tape.register(54_000.0, B, 60);
    tape.frame(70_000.0, &tape.envelope().udp(at(PHONE), at(B), b""), Some(&told(1, 70, true).to_string()));
    let phone = tape.phone();
    assert_eq!(measured(&phone, "failover").value, Some(54_003.0 - 35_000.0));
}
