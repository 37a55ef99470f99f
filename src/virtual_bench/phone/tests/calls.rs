//! Calls: both sides, hold, cancel, failover of the INVITE, and what a move does to them.

use std::path::Path;

use super::{
    seconds,
    wire::Wire,
    with_defect,
    world::{A, B, address, phone},
};
use crate::virtual_bench::phone::{Habits, PhoneDefect, PhoneSpec};

const THERE: &[(&str, &str)] = &[("Contact", "<sip:1002@10.77.0.99:5062>")];

fn calling() -> Wire {
    let mut wire = Wire::registered(phone());
    wire.type_line("dial 1002");
    wire
}

/// A call that both ends have agreed on.
fn connected(spec: PhoneSpec) -> Wire {
    let mut wire = Wire::registered(spec);
    wire.type_line("dial 1002");
    let invite = wire.last("INVITE");
    wire.reply(&invite, 200, THERE);
    wire
}

#[test]
fn an_invite_goes_to_the_primary_and_rings_until_it_is_answered() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    assert_eq!((invite.to, invite.uri()), (address(A), "sip:1002@bench.test"));
    assert!(String::from_utf8_lossy(invite.message.body()).contains("m=audio "));
    wire.reply(&invite, 180, &[]);
    wire.run_to(100.0);
    assert_eq!(wire.times("INVITE").len(), 1, "a provisional answer ends repeats, and patience has no end");
    assert!(wire.take_console().contains("line 1 1001@bench.test call 1002 ringing there"));
    wire.reply(&invite, 200, THERE);
    let ack = wire.last("ACK");
    assert_eq!((ack.to, ack.uri()), (address("10.77.0.99:5062"), "sip:1002@10.77.0.99:5062"));
    assert_eq!(ack.header("CSeq"), "1 ACK");
    assert!(wire.type_line("display").contains("Connected 1002"));
    assert!(wire.type_line("lamps").contains("lamp: line1 on"));
    wire.reply(&invite, 200, THERE);
    assert_eq!(wire.times("ACK").len(), 2, "a 200 that comes again is acknowledged again");
}

#[test]
fn an_invite_without_any_answer_doubles_its_pauses_and_goes_to_the_backup() {
    let mut wire = calling();
    wire.run_to(5.1);
    let at = |start: f64| [0.0, 0.5, 1.5, 3.5].map(|pause| start + pause);
    let to_primary = at(1.0).map(|at| (at, A.to_owned()));
    assert_eq!(wire.times("INVITE"), [to_primary.as_slice(), &[(5.0, B.to_owned())]].concat());
    assert!(wire.take_console().contains("call: no answer from 10.77.0.2"));
    wire.run_to(10.0);
    assert!(wire.take_console().contains("call 1002 failed: no server answers"));
    assert!(wire.type_line("display").contains("Idle | 1001\r\n"), "the line is free again");
}

#[test]
fn a_refused_call_is_acknowledged_and_over() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.reply(&invite, 486, &[]);
    let ack = wire.last("ACK");
    assert_eq!(ack.header("Via"), invite.header("Via"), "the ACK of a failure belongs to the transaction");
    assert_eq!((ack.to, ack.header("CSeq")), (address(A), "1 ACK"));
    assert!(ack.header("To").contains("tag=there"));
    wire.reply(&invite, 486, &[]);
    assert_eq!(wire.times("ACK").len(), 2);
    assert!(wire.take_console().contains("call 1002 failed: 486"));
}

#[test]
fn a_challenged_call_comes_again_with_credentials() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.reply(&invite, 407, &[("Proxy-Authenticate", "Digest realm=\"bench.test\", nonce=\"n1\"")]);
    let again = wire.last("INVITE");
    assert!(again.header("Proxy-Authorization").contains("username=\"1001\""));
    assert_eq!((again.header("CSeq"), again.header("Call-ID")), ("2 INVITE", invite.header("Call-ID")));
    wire.reply(&again, 407, &[("Proxy-Authenticate", "Digest realm=\"bench.test\", nonce=\"n2\"")]);
    assert_eq!(wire.times("INVITE").len(), 2, "wrong credentials are not tried for ever");
    assert!(wire.take_console().contains("call 1002 failed: 407"));
}

#[test]
fn hanging_up_before_the_answer_cancels_once_somebody_is_at_work() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.type_line("hangup");
    assert!(wire.times("CANCEL").is_empty(), "not before any answer");
    wire.reply(&invite, 100, &[]);
    let cancel = wire.last("CANCEL");
    assert_eq!((cancel.header("Via"), cancel.header("CSeq")), (invite.header("Via"), "1 CANCEL"));
    wire.reply(&cancel, 200, &[]);
    wire.reply(&invite, 487, &[]);
    assert_eq!(wire.times("ACK").len(), 1);
    assert!(wire.type_line("dial 1003").contains("call 1003 calling at 10.77.0.2"), "the line is free");
}

#[test]
fn a_cancel_is_of_the_invite_that_came_after_the_challenge() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.reply(&invite, 407, &[("Proxy-Authenticate", "Digest realm=\"bench.test\", nonce=\"1\"")]);
    let again = wire.last("INVITE");
    assert_eq!(again.header("CSeq"), "2 INVITE");
    wire.reply(&again, 180, &[]);
    wire.type_line("hangup");
    let cancel = wire.last("CANCEL");
    assert_eq!(cancel.header("CSeq"), "2 CANCEL");
    assert_eq!(cancel.message.via_branch(), again.message.via_branch(), "RFC 3261 section 9.1");
}

#[test]
fn a_cancelled_call_that_nobody_ends_frees_the_line_after_a_while() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.reply(&invite, 180, &[]);
    wire.type_line("hangup");
    let cancel = wire.last("CANCEL");
    wire.reply(&cancel, 200, &[]);
    wire.run_to(32.0);
    assert!(wire.type_line("dial 1003").contains("cannot call"));
    wire.run_to(34.0);
    assert!(wire.type_line("dial 1003").contains("call 1003 calling"));
}

#[test]
fn an_answer_that_met_the_cancel_is_acknowledged_and_ended() {
    let mut wire = calling();
    let invite = wire.last("INVITE");
    wire.reply(&invite, 180, &[]);
    wire.type_line("hangup");
    wire.reply(&invite, 200, THERE);
    assert_eq!((wire.times("ACK").len(), wire.times("BYE").len()), (1, 1));
}

#[test]
fn a_bye_goes_by_the_route_that_the_dialog_recorded() {
    let mut wire = Wire::registered(phone());
    wire.type_line("dial 1002");
    let invite = wire.last("INVITE");
    let routes = [("Record-Route", "<sip:10.77.0.50;lr>"), ("Record-Route", "<sip:10.77.0.51:5070;lr>")];
    wire.reply(&invite, 200, &[THERE, &routes].concat());
    wire.type_line("hangup");
    let bye = wire.last("BYE");
    assert_eq!((bye.to, bye.uri()), (address("10.77.0.51:5070"), "sip:1002@10.77.0.99:5062"));
    let routes: Vec<_> = bye.message.headers("Route").collect();
    assert_eq!(routes, ["<sip:10.77.0.51:5070;lr>", "<sip:10.77.0.50;lr>"]);
    wire.reply(&bye, 200, &[]);
    assert!(wire.type_line("display").contains("Idle | 1001\r\n"));
}

#[test]
fn a_bye_that_nobody_answers_is_given_up_and_never_goes_to_a_server_instead() {
    let mut wire = connected(phone());
    wire.type_line("hangup");
    wire.run_to(40.0);
    let to: std::collections::BTreeSet<_> = wire.times("BYE").into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["10.77.0.99:5062".to_owned()].into());
    assert_eq!(wire.times("BYE").len(), 4);
    assert!(wire.type_line("dial 1003").contains("calling"));
}

#[test]
fn hold_is_a_re_invite_to_the_other_end() {
    let mut wire = connected(phone());
    wire.type_line("hold");
    let hold = wire.last("INVITE");
    assert_eq!((hold.to, hold.header("CSeq")), (address("10.77.0.99:5062"), "2 INVITE"));
    assert!(String::from_utf8_lossy(hold.message.body()).contains("a=sendonly"));
    wire.reply(&hold, 200, &[("Contact", "<sip:1002@10.77.0.98>")]);
    assert_eq!(wire.last("ACK").header("CSeq"), "2 ACK");
    assert!(wire.type_line("lamps").contains("lamp: line1 slow"));
    wire.type_line("hangup");
    assert_eq!(wire.last("BYE").to, address("10.77.0.98:5060"), "the re-INVITE moved the other end");
}

#[test]
fn an_incoming_call_rings_and_is_answered_by_a_key() {
    let mut wire = Wire::registered(phone_with_keys());
    wire.ask(A, "INVITE", &[], "");
    assert_eq!((wire.times("100").len(), wire.times("180").len()), (1, 1));
    assert!(wire.type_line("display").contains("Call from 1002"));
    assert!(wire.type_line("lamps").contains("lamp: line1 fast"));
    wire.press(&["line1"]);
    let answer = wire.last("200");
    assert!(answer.header("Contact").contains("1001@10.77.0.11"));
    let tag = answer.header("To").to_owned();
    wire.run_to(5.0);
    let repeats = wire.times("200").len();
    assert_eq!(repeats, 4, "0, 0.5, 1.5 and 3.5 s: a 200 is repeated until it is acknowledged");
    wire.ask(A, "ACK", &[("To", &tag)], "");
    wire.run_to(20.0);
    assert_eq!(wire.times("200").len(), repeats);
    wire.ask(A, "BYE", &[("To", &tag)], "");
    assert_eq!(wire.last("200").header("CSeq").split(' ').next_back(), Some("BYE"));
    assert!(wire.take_console().contains("call 1002 ended by the other end"));
}

#[test]
fn a_200_that_is_never_acknowledged_ends_the_call() {
    let mut wire = Wire::registered(phone_with_keys());
    wire.ask(A, "INVITE", &[], "");
    wire.type_line("answer");
    wire.run_to(32.0);
    assert!(wire.times("BYE").is_empty());
    wire.run_to(34.0);
    assert_eq!(wire.last("BYE").to, address(A));
}

#[test]
fn a_repeated_invite_gets_the_same_answer_and_no_second_call() {
    let mut wire = Wire::registered(phone());
    let invite = wire.ask(A, "INVITE", &[], "");
    wire.give(crate::virtual_bench::phone::PhoneInput::Datagram { from: address(A), bytes: invite });
    assert_eq!(wire.times("180").len(), 2);
    let tags: std::collections::BTreeSet<_> =
        wire.sent.iter().filter(|sent| sent.what() == "180").map(|sent| sent.header("To").to_owned()).collect();
    assert_eq!(tags.len(), 1);
}

#[test]
fn the_caller_can_cancel_and_the_callee_can_refuse() {
    let mut wire = Wire::registered(phone_with_keys());
    let invite = wire.ask(A, "INVITE", &[], "");
    let via = String::from_utf8_lossy(&invite).lines().find(|line| line.starts_with("Via")).unwrap().to_owned();
    let cancel = String::from_utf8_lossy(&invite).replace("INVITE", "CANCEL");
    assert!(cancel.contains(&via));
    wire.give(crate::virtual_bench::phone::PhoneInput::Datagram { from: address(A), bytes: cancel.into_bytes() });
    assert_eq!((wire.times("200").len(), wire.times("487").len()), (1, 1));
    wire.ask(A, "INVITE", &[("Call-ID", "another")], "");
    wire.press(&["goodbye"]);
    assert_eq!(wire.times("486").len(), 1);
    assert!(wire.type_line("display").contains("Idle | 1001\r\n"));
}

#[test]
fn a_line_that_is_busy_says_so_and_a_foreign_bye_does_nothing() {
    let mut wire = connected(phone());
    wire.ask(A, "INVITE", &[], "");
    assert_eq!(wire.times("486").len(), 1);
    wire.ask(A, "BYE", &[], "");
    assert_eq!(wire.times("481").len(), 1);
    assert!(wire.type_line("display").contains("Connected 1002"));
}

#[test]
fn a_call_survives_the_move_of_its_registration() {
    let mut wire = connected(phone());
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    assert!(wire.times("BYE").is_empty());
    assert!(wire.type_line("display").contains("Connected 1002"));
    wire.type_line("hangup");
    assert_eq!(wire.last("BYE").to, address("10.77.0.99:5062"));
}

#[test]
fn a_phone_that_drops_its_calls_ends_them_when_it_moves() {
    let mut wire = connected(with_defect(PhoneDefect::DropsCallsOnMove));
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    assert_eq!(wire.times("BYE").first().map(|(at, _)| *at), Some(49.05));
}

#[test]
fn a_503_moves_a_call_where_that_is_the_phones_habit() {
    let habits = Habits { moves_on_503: true, ..Habits::default() };
    let mut wire = Wire::registered(PhoneSpec { habits, ..phone() });
    wire.type_line("dial 1002");
    let invite = wire.last("INVITE");
    wire.reply(&invite, 503, &[]);
    assert_eq!(wire.last("INVITE").to, address(B));
    assert_eq!(wire.now, seconds(1));
}

#[test]
fn digits_are_dialled_by_pound_or_by_the_silence_after_the_last_one_off_the_hook() {
    let mut wire = Wire::registered(phone_with_keys());
    wire.press(&["1", "0", "0", "2"]);
    assert!(wire.type_line("display").contains("Dial> ####\r\n"));
    wire.run_to(30.0);
    assert!(wire.times("INVITE").is_empty(), "on the hook nothing is dialled by itself");
    wire.press(&["pound"]);
    assert_eq!(wire.last("INVITE").uri(), "sip:1002@bench.test");

    let mut wire = Wire::registered(phone_with_keys());
    wire.press(&["line1", "1", "0", "0", "2"]);
    wire.run_to(5.2);
    assert!(wire.times("INVITE").is_empty());
    wire.run_to(6.0);
    assert_eq!(wire.last("INVITE").uri(), "sip:1002@bench.test");
}

#[test]
fn over_tcp_a_call_goes_over_the_connection_of_its_line() {
    let mut wire = Wire::new(PhoneSpec { transport: crate::virtual_bench::phone::Transport::Tcp, ..phone() });
    wire.run_to(0.1);
    let (conn, to) = wire.connects[0];
    assert_eq!(to, address(A));
    wire.give(crate::virtual_bench::phone::PhoneInput::TcpConnected { conn });
    wire.type_line("dial 1002");
    let sent: Vec<_> = wire.streams.iter().map(|(conn, bytes)| (*conn, bytes.starts_with(b"INVITE"))).collect();
    assert_eq!(sent, [(conn, false), (conn, true)]);
    assert!(String::from_utf8_lossy(&wire.streams[1].1).contains("Via: SIP/2.0/TCP "));
}

/// A phone with the keys of the model.
pub(super) fn phone_with_keys() -> PhoneSpec {
    let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig");
    let keys = crate::config::load::model("aastra-6731i", &rig).unwrap().keys;
    PhoneSpec { keys, ..phone() }
}
