//! What became of calls.

use super::{
    dialogs::{asks, says},
    *,
};

/// A line that registers at its primary, calls through it, loses it at 30 s, and is at its backup from 54 s on.
fn away() -> Tape {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    tape
}

fn only(tape: Tape) -> Call {
    let mut calls = tape.phone().calls;
    assert_eq!(calls.len(), 1, "{calls:#?}");
    calls.remove(0)
}

/// What a call stood through, whether it survived, and what shows that.
type Stood<'a> = (&'a str, Option<bool>, Option<&'a str>, Option<f64>);

fn stood(call: &Call) -> Vec<Stood<'_>> {
    call.across.iter().map(|it| (it.what, it.survived, it.shown_by, it.shown_ms)).collect()
}

#[test]
fn a_call_is_told_from_its_first_invite_to_its_bye() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    tape.put(30_000.0, asks(A, "BYE", 3).inside());
    tape.put(30_001.0, says(A, "200 OK", "BYE", 3));
    let call = only(tape);
    assert_eq!((call.direction, call.state, call.code), (Direction::Out, CallState::Ended, None));
    assert_eq!((call.caller.as_str(), call.callee.as_str()), ("1001@bench.test", "1002@bench.test"));
    assert_eq!((call.server, call.role), (ip(A), Some(Role::Primary)));
    // The round of the challenge is part of what the user waits for.
    assert_eq!((call.from_ms, call.post_dial_delay_ms), (10_000.0, Some(40.0)));
    assert_eq!((call.answered_ms, call.acknowledged_ms), (Some(12_000.0), Some(12_001.0)));
    assert_eq!((call.until_ms, call.ended_by, call.bye_code), (Some(30_000.0), Some(Party::Phone), Some(200)));
    assert_eq!(stood(&call), []);
}

#[test]
fn a_call_to_the_line_is_one_of_the_other_end_s() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.put(20_000.0, asks(A, "INVITE", 1).turned());
    tape.put(20_050.0, says(A, "180 Ringing", "INVITE", 1).turned());
    tape.put(21_000.0, says(A, "200 OK", "INVITE", 1).turned());
    tape.put(21_001.0, asks(A, "ACK", 1).inside().turned());
    tape.put(25_000.0, asks(A, "BYE", 2).inside().turned());
    tape.put(25_001.0, says(A, "200 OK", "BYE", 2).turned());
    let call = only(tape);
    assert_eq!((call.direction, call.state, call.ended_by), (Direction::In, CallState::Ended, Some(Party::OtherEnd)));
    assert_eq!((call.caller.as_str(), call.callee.as_str()), ("1002@bench.test", "1001@bench.test"));
    assert_eq!((call.post_dial_delay_ms, call.bye_code), (Some(50.0), Some(200)));
}

#[test]
fn rounds_of_challenges_are_no_refusal_and_what_follows_them_is() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.put(20_000.0, asks(A, "INVITE", 1));
    tape.put(20_001.0, says(A, "401 Unauthorized", "INVITE", 1));
    tape.put(20_002.0, asks(A, "INVITE", 2));
    tape.put(20_003.0, says(A, "486 Busy Here", "INVITE", 2));
    tape.put(40_000.0, asks(A, "INVITE", 1).of("c2"));
    tape.put(40_001.0, says(A, "407 Proxy Authentication Required", "INVITE", 1).of("c2"));
    let calls = tape.phone().calls;
    let told: Vec<_> = calls.iter().map(|it| (it.state, it.code, it.until_ms)).collect();
    assert_eq!(told, [(CallState::Refused, Some(486), Some(20_003.0)), (CallState::Unanswered, None, None)]);
}

#[test]
fn a_call_is_cancelled_only_if_it_was_not_picked_up_before() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    for (call, ms) in [("c1", 20_000.0), ("c2", 30_000.0)] {
        tape.put(ms, asks(A, "INVITE", 1).of(call));
        tape.put(ms + 50.0, says(A, "180 Ringing", "INVITE", 1).of(call));
        tape.put(ms + 900.0, asks(A, "CANCEL", 1).of(call));
    }
    tape.put(20_905.0, says(A, "487 Request Terminated", "INVITE", 1));
    tape.put(30_901.0, says(A, "200 OK", "INVITE", 1).of("c2"));
    tape.put(30_902.0, asks(A, "ACK", 1).inside().of("c2"));
    let calls = tape.phone().calls;
    let told: Vec<_> = calls.iter().map(|it| (it.state, it.ended_by, it.code)).collect();
    assert_eq!(told, [(CallState::Cancelled, Some(Party::Phone), None), (CallState::Up, None, None)]);
}

#[test]
fn a_call_survives_what_its_ends_speak_in_it_after() {
    let mut tape = away();
    tape.put(70_000.0, asks(B, "BYE", 3).inside());
    tape.put(70_001.0, says(B, "200 OK", "BYE", 3));
    let call = only(tape);
    assert_eq!(call.server, ip(A), "where it ran");
    let shown = (Some(true), Some("BYE"), Some(70_001.0));
    assert_eq!(stood(&call), [("outage", shown.0, shown.1, shown.2), ("failover", shown.0, shown.1, shown.2)]);
}

#[test]
fn the_other_end_s_requests_show_it_as_well() {
    let mut tape = away();
    tape.put(60_000.0, asks(B, "UPDATE", 7).inside().turned());
    tape.put(60_002.0, says(B, "200 OK", "UPDATE", 7).turned());
    let call = only(tape);
    assert_eq!(call.state, CallState::Up);
    assert_eq!(call.across[1].survived, Some(true));
    assert_eq!((call.across[1].shown_by, call.across[1].shown_ms), (Some("UPDATE"), Some(60_002.0)));
}

#[test]
fn silence_shows_nothing() {
    let call = only(away());
    assert_eq!((call.state, call.until_ms), (CallState::Up, None));
    assert_eq!(stood(&call), [("outage", None, None, None), ("failover", None, None, None)]);
}

#[test]
fn an_answer_that_there_is_no_such_call_shows_that_it_did_not_survive() {
    let mut tape = away();
    tape.put(70_000.0, asks(B, "INVITE", 3).inside());
    tape.put(70_001.0, says(B, "481 Call/Transaction Does Not Exist", "INVITE", 3));
    let call = only(tape);
    assert_eq!(call.across[1].survived, Some(false));
    assert_eq!((call.across[1].shown_by, call.across[1].code), (Some("INVITE"), Some(481)));
}

#[test]
fn a_bye_that_is_lost_ends_the_call_and_shows_nothing_of_the_other_end() {
    let mut tape = away();
    for ms in [70_000.0, 70_500.0, 71_500.0] {
        tape.put(ms, asks(B, "BYE", 3).inside());
    }
    let call = only(tape);
    assert_eq!((call.state, call.until_ms, call.bye_code), (CallState::Ended, Some(70_000.0), None));
    assert_eq!(call.across[1].survived, None);
}

#[test]
fn an_answer_that_an_outage_takes_shows_nothing() {
    let mut tape = away();
    tape.put(70_000.0, asks(B, "BYE", 3).inside());
    tape.lose(70_001.0, says(B, "200 OK", "BYE", 3));
    let call = only(tape);
    assert_eq!((call.bye_code, call.across[1].survived), (None, None));
}

#[test]
fn what_was_asked_before_the_move_shows_nothing_of_what_came_behind_it() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    tape.ask(50_000.0, A, 60);
    tape.put(53_990.0, asks(B, "UPDATE", 3).inside());
    tape.register(54_000.0, B, 60);
    tape.put(54_010.0, says(B, "200 OK", "UPDATE", 3));
    assert_eq!(stood(&only(tape)), [("failover", None, None, None)]);
}

#[test]
fn a_call_that_was_over_before_the_move_did_not_stand_then() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    tape.put(30_000.0, asks(A, "BYE", 3).inside());
    tape.put(30_001.0, says(A, "200 OK", "BYE", 3));
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    assert_eq!(stood(&only(tape)), []);
}

#[test]
fn a_call_that_the_backup_refuses_after_the_failover_is_told_with_all_servers_that_were_tried() {
    let mut tape = away();
    tape.put(60_000.0, asks(A, "INVITE", 1).of("c2"));
    tape.put(64_000.0, asks(B, "INVITE", 2).of("c2"));
    tape.put(64_001.0, says(B, "503 Service Unavailable", "INVITE", 2).of("c2"));
    let phone = tape.phone();
    let call = &phone.calls[1];
    assert_eq!((call.state, call.code, call.server), (CallState::Refused, Some(503), ip(B)));
    assert_eq!((call.tried.as_slice(), call.post_dial_delay_ms), (&[ip(A), ip(B)][..], None));
}

#[test]
fn what_could_not_be_read_leaves_the_end_of_a_call_unknown() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.call(10_000.0, A);
    // A broken message: its head does not end.
    tape.datagram(20_000.0, at(PHONE), at(A), b"BYE sip:10.77.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.11\r\nCall-ID");
    assert_eq!(only(tape).state, CallState::Unknown);
}

#[test]
fn what_servers_hand_on_to_one_another_is_no_call_of_a_line() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.phone = at(B);
    tape.put(20_000.0, asks(A, "INVITE", 1));
    assert_eq!(tape.phone().calls, []);
}

#[test]
fn a_call_stands_with_the_address_of_record_that_it_is_of() {
    let mut tape = Tape::new();
    tape.aor = "1001@10.77.0.2".to_owned();
    tape.register(10.0, A, 60);
    tape.aor = "1001@10.77.0.3".to_owned();
    tape.register(54_000.0, B, 60);
    tape.put(60_000.0, asks(B, "INVITE", 1).at_host("10.77.0.3"));
    tape.put(61_000.0, asks(A, "INVITE", 1).of("c2").at_host("elsewhere.test"));
    let phones = tape.document().phones;
    let ids = |phone: &Phone| phone.calls.iter().map(|it| it.call_id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&phones[0]), ids(&phones[1])), (vec!["c2".to_owned()], vec!["c1".to_owned()]));
}

#[test]
fn thousands_of_calls_are_told_and_a_long_one_among_them_to_its_end() {
    let mut tape = Tape::new();
    tape.register(0.0, A, 3_600);
    tape.call(100.0, A);
    for number in 0..2_000 {
        let (ms, id) = (10_000.0 + f64::from(number) * 1_000.0, format!("short-{number}"));
        tape.put_of(ms, asks(A, "INVITE", 1), &id);
        tape.put_of(ms + 1.0, says(A, "486 Busy Here", "INVITE", 1), &id);
        // Sessions that are refreshed go on for ever.
        let cseq = 3 + number as u32;
        tape.put(ms + 2.0, asks(A, "INVITE", cseq).inside());
        tape.put(ms + 3.0, says(A, "200 OK", "INVITE", cseq));
        tape.put(ms + 4.0, asks(A, "ACK", cseq).inside());
    }
    tape.put(2_100_000.0, asks(A, "BYE", 9_000).inside());
    tape.put(2_100_001.0, says(A, "200 OK", "BYE", 9_000));
    let calls = tape.phone().calls;
    assert_eq!(calls.len(), 2_001);
    let first = &calls[0];
    assert_eq!((first.state, first.answered_ms, first.bye_code), (CallState::Ended, Some(2_100.0), Some(200)));
    assert!(calls[1..].iter().all(|it| (it.state, it.code) == (CallState::Refused, Some(486))));
}

#[test]
fn a_call_whose_cancel_came_too_late_is_followed_to_its_end() {
    let mut tape = Tape::new();
    tape.register(0.0, A, 3_600);
    tape.put(100.0, asks(A, "INVITE", 1));
    tape.put(200.0, asks(A, "CANCEL", 1));
    tape.put(201.0, says(A, "200 OK", "INVITE", 1));
    tape.put(202.0, asks(A, "ACK", 1).inside());
    for number in 0..100 {
        let (ms, id) = (1_000.0 + f64::from(number) * 1_000.0, format!("short-{number}"));
        tape.put_of(ms, asks(A, "INVITE", 1), &id);
        tape.put_of(ms + 1.0, says(A, "486 Busy Here", "INVITE", 1), &id);
    }
    tape.put(200_000.0, asks(A, "BYE", 2).inside());
    tape.put(200_001.0, says(A, "200 OK", "BYE", 2));
    let calls = tape.phone().calls;
    assert_eq!((calls.len(), calls[0].state, calls[0].until_ms), (101, CallState::Ended, Some(200_000.0)));
}

#[test]
fn of_more_calls_at_once_than_are_followed_the_first_are_not_known_to_their_ends() {
    let mut tape = Tape::new();
    tape.register(0.0, A, 3_600);
    for number in 0..600 {
        let (ms, id) = (100.0 + f64::from(number), format!("long-{number}"));
        tape.put_of(ms, asks(A, "INVITE", 1), &id);
        tape.put_of(ms + 0.1, says(A, "200 OK", "INVITE", 1), &id);
    }
    let calls = tape.phone().calls;
    let unknown = calls.iter().filter(|it| it.state == CallState::Unknown).count();
    assert_eq!((calls.len(), unknown), (600, 600 - 512));
    assert_eq!(calls[0].state, CallState::Unknown);
}
