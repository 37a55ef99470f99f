//! Who held a binding, and for how long.

use super::*;
use EndedBy::{CaptureEnd, Expired, Removed, Unknown};

const A_IP: &str = "10.77.0.2";
const B_IP: &str = "10.77.0.3";

#[test]
fn a_registration_lasts_from_its_2xx_over_its_refreshes_until_its_time_runs_out() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    tape.ok(50_002.5, A, 60);
    tape.idle(200_000.0);
    let phone = tape.phone();
    assert_eq!(phone.aor.as_deref(), Some("1001@bench.test"));
    assert_eq!((phone.transport, phone.blind), (Some("udp"), false));
    assert_eq!(phone.mac, Some(Mac([2, 0, 0, 0, 0, 11])));
    let it = &phone.registrations[0];
    assert_eq!((it.from_ms, it.until_ms, it.ended_by), (13.0, Some(110_002.5), Expired));
    assert_eq!((it.expires_s, it.refreshes, it.role), (60, 1, None));
    assert_eq!(it.contact, "sip:1001@10.77.0.11:5060");
    assert_eq!(phone.registrations.len(), 1);
    assert_eq!((phone.traffic.transactions, phone.traffic.challenges), (3, 1));
}

#[test]
fn the_end_of_the_capture_ends_no_registration() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    tape.idle(30_000.0);
    assert_eq!(tape.registrations(), [(A_IP.to_owned(), 13.0, None, CaptureEnd, 0)]);
}

#[test]
fn what_only_looks_like_a_registration_is_none() {
    let mut tape = Tape::bare();
    // A challenge alone.
    tape.ask(10.0, A, 60);
    tape.answer(11.0, A, "401 Unauthorized", "");
    // A 2xx that lists nothing of ours.
    tape.ask(20.0, A, 60);
    tape.answer(21.0, A, "200 OK", "Contact: <sip:1001@10.77.0.99>;expires=60\r\n");
    // A fetch.
    tape.ask_for(30.0, A, "");
    tape.answer(31.0, A, "200 OK", "Contact: <sip:1001@10.77.0.11:5060>;expires=60\r\n");
    // A poll.
    tape.ask(40.0, B, 0);
    tape.answer(41.0, B, "200 OK", "");
    // Too brief, moved, forbidden.
    for (ms, status) in [(50.0, "423 Interval Too Brief"), (60.0, "302 Moved"), (70.0, "403 Forbidden")] {
        tape.ask(ms, A, 60);
        tape.answer(ms + 1.0, A, status, "Min-Expires: 120\r\nRetry-After: 30\r\n");
    }
    // The binding that a 2xx grants with a lifetime of zero.
    tape.ask(80.0, A, 60);
    tape.ok(81.0, A, 0);
    let phone = tape.phone();
    assert_eq!(phone.registrations, []);
    assert_eq!((phone.traffic.transactions, phone.traffic.refusals, phone.traffic.challenges), (8, 3, 1));
}

#[test]
fn the_lifetime_is_the_contacts_own_or_the_headers_or_what_was_asked_for() {
    for (asked, granted, seconds) in [
        ("Contact: <%>\r\nExpires: 100\r\n", "Contact: <%>;expires=50\r\nExpires: 70\r\n", 50),
        ("Contact: <%>\r\nExpires: 100\r\n", "Contact: <%>\r\nExpires: 70\r\n", 70),
        ("Contact: <%>\r\nExpires: 100\r\n", "Contact: <%>\r\n", 100),
        ("Contact: <%>;expires=80\r\nExpires: 100\r\n", "Contact: <%>\r\n", 80),
        ("Contact: <%>\r\n", "Contact: <%>\r\n", 3600),
        ("m: %;expires=80\r\n", "m: <sip:x@y>;expires=9, <%;transport=udp>;q=1 ; expires = \"40\"\r\n", 40),
    ] {
        let with_contact = |text: &str| text.replace('%', "sip:1001@10.77.0.11:5060");
        let mut tape = Tape::bare();
        tape.ask_for(1.0, A, &with_contact(asked));
        tape.answer(2.0, A, "200 OK", &with_contact(granted));
        let phone = tape.phone();
        assert_eq!(
            phone.registrations.iter().map(|it| it.expires_s).collect::<Vec<_>>(),
            [seconds],
            "{asked}{granted}"
        );
    }
}

#[test]
fn removals_end_registrations_when_they_are_accepted() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    tape.ask(1_000.0, A, 0);
    tape.answer(1_001.0, A, "200 OK", "");
    tape.register(2_000.0, A, 60);
    tape.ask_for(3_000.0, A, "Contact: *\r\nExpires: 0\r\n");
    tape.answer(3_002.0, A, "200 OK", "");
    tape.register(4_000.0, A, 60);
    // Refused: nothing changes.
    tape.ask(5_000.0, A, 0);
    tape.answer(5_001.0, A, "500 Server Error", "");
    tape.idle(6_000.0);
    let a = || A_IP.to_owned();
    assert_eq!(
        tape.registrations(),
        [
            (a(), 13.0, Some(1_001.0), Removed, 0),
            (a(), 2_003.0, Some(3_002.0), Removed, 0),
            (a(), 4_003.0, None, CaptureEnd, 0)
        ]
    );
}

#[test]
fn several_contacts_are_several_registrations() {
    let mut tape = Tape::bare();
    let other = "<sip:1001@10.77.0.11:5070>";
    let both =
        |one: u32, two: u32| format!("Contact: <sip:1001@10.77.0.11:5060>;expires={one}, {other};expires={two}\r\n");
    tape.ask_for(10.0, A, &both(60, 90));
    tape.answer(11.0, A, "200 OK", &both(60, 90));
    tape.idle(80_000.0);
    let phone = tape.phone();
    let all: Vec<_> = phone.registrations.iter().map(|it| (it.contact.as_str(), it.until_ms, it.ended_by)).collect();
    assert_eq!(
        all,
        [("sip:1001@10.77.0.11:5060", Some(60_011.0), Expired), ("sip:1001@10.77.0.11:5070", None, CaptureEnd)]
    );
}

#[test]
fn a_phone_that_comes_up_with_another_call_id_and_port_has_two_registrations_until_the_first_runs_out() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    let old = tape.contact_header(50);
    tape.call_id = "two".to_owned();
    tape.phone = at("10.77.0.11:5062");
    tape.contact = "sip:1001@10.77.0.11:5062".to_owned();
    tape.ask(10_000.0, A, 60);
    let new = tape.contact_header(60);
    tape.answer(10_001.0, A, "200 OK", &format!("{old}{new}"));
    tape.idle(65_000.0);
    let a = || A_IP.to_owned();
    assert_eq!(tape.registrations(), [(a(), 13.0, Some(60_013.0), Expired, 0), (a(), 10_001.0, None, CaptureEnd, 0)]);
}

#[test]
fn a_phone_at_another_address_is_another_entry() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    tape.phone = at("10.77.0.99:5060");
    tape.contact = "sip:1001@10.77.0.99:5060".to_owned();
    tape.register(1_000.0, A, 60);
    let phones = tape.document().phones;
    let entries: Vec<_> = phones.iter().map(|it| (it.address.to_string(), it.registrations.len())).collect();
    assert_eq!(entries, [("10.77.0.11".to_owned(), 1), ("10.77.0.99".to_owned(), 1)]);
}

#[test]
fn retransmissions_are_counted_and_copies_of_a_packet_are_not() {
    let mut tape = Tape::bare();
    tape.ask(10.0, A, 60);
    // The second interface of the capture saw it too.
    tape.again(10.2, A, 60);
    tape.again(510.0, A, 60);
    tape.ok(512.0, A, 60);
    tape.ok(512.1, A, 60);
    let phone = tape.phone();
    assert_eq!((phone.traffic.transactions, phone.traffic.retransmissions), (1, 1));
    assert_eq!(phone.registrations.len(), 1);
    assert_eq!(phone.registrations[0].refreshes, 0);
}

#[test]
fn an_answer_minutes_after_its_request_prolongs_what_the_server_holds() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 600);
    tape.ask(100_000.0, A, 600);
    tape.again(300_000.0, A, 600);
    tape.ok(300_002.0, A, 600);
    assert_eq!(tape.registrations(), [(A_IP.to_owned(), 13.0, None, CaptureEnd, 1)]);
}

#[test]
fn a_refresh_just_before_expiry_refreshes_and_just_after_it_begins_anew() {
    for (ms, count, refreshes) in [(60_012.9, 1, 1), (60_013.1, 2, 0)] {
        let mut tape = Tape::bare();
        tape.register(10.0, A, 60);
        tape.ask(ms - 1.0, A, 60);
        tape.ok(ms, A, 60);
        let all = tape.registrations();
        assert_eq!((all.len(), all[0].4), (count, refreshes), "{all:?}");
    }
}

#[test]
fn servers_are_found_and_roles_are_those_that_were_named() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    tape.register(20.0, B, 60);
    let document = tape.document();
    let servers: Vec<_> = document.servers.iter().map(|it| (it.address.to_string(), it.role, it.accepted)).collect();
    assert_eq!(servers, [(A_IP.to_owned(), None, 1), (B_IP.to_owned(), None, 1)]);
    assert!(document.phones[0].measurements.is_empty());

    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    let phone = tape.phone();
    assert_eq!(phone.registrations[0].role, Some(Role::Primary));
}

#[test]
fn a_refresh_that_could_not_be_read_leaves_the_end_unknown() {
    let mut tape = Tape::bare();
    tape.register(10.0, A, 60);
    // A broken message: its head does not end.
    let bytes = b"REGISTER sip:10.77.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.11;branch=z9hG4bKx\r\nCall-ID";
    tape.datagram(50_000.0, at(PHONE), at(A), bytes);
    tape.idle(200_000.0);
    let document = tape.document();
    assert_eq!(document.unreadable, 1);
    let it = &document.phones[0].registrations[0];
    assert_eq!((it.until_ms, it.ended_by), (Some(60_013.0), Unknown));
}

#[test]
fn a_line_that_is_called_after_its_server_is_one_line_with_two_addresses_of_record() {
    let mut tape = Tape::new();
    tape.aor = "1001@10.77.0.2".to_owned();
    tape.register(10.0, A, 60);
    tape.ask(50_000.0, A, 60);
    tape.aor = "1001@10.77.0.3".to_owned();
    tape.register(54_000.0, B, 60);
    let phones = tape.document().phones;
    let entries: Vec<_> = phones.iter().map(|it| (it.aor.as_deref().unwrap(), it.registrations.len())).collect();
    assert_eq!(entries, [("1001@10.77.0.2", 1), ("1001@10.77.0.3", 1)]);
    assert_eq!(measured(&phones[0], "failover-detecting").value, Some(4_000.0));
    assert_eq!(names(&phones[1]), [] as [&str; 0]);
    assert_eq!(phones[1].registrations[0].server.to_string(), B_IP);
}
