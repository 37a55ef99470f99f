//! Calls through one server and through two.

use super::net::*;
use crate::{
    event::SipStart,
    virtual_bench::registrar::{RegistrarInput, RegistrarSpec},
    wire::{
        digest::{Challenge, Credentials},
        sip::Message,
    },
};

fn invite(to: &str) -> Ask {
    Ask::new("INVITE", &format!("sip:{to}@bench.test"), "1001", to).contact("1001", P1).branch("call")
}

fn request_uri(message: &Message) -> &str {
    match message.start() {
        SipStart::Request { uri, .. } => uri,
        SipStart::Response { .. } => panic!("a response"),
    }
}

#[test]
fn a_call_goes_to_where_the_extension_is_registered_and_its_answer_comes_back() {
    let mut net = Net::new();
    assert_eq!(net.register(P2, A, "1002"), 200);
    net.send(P1, A, invite("1002").with("Max-Forwards", "10").print(P1, 7));
    let got = net.take(P2);
    let [arrived] = &got[..] else { panic!("{got:?}") };
    assert_eq!((arrived.method(), request_uri(&arrived.message)), ("INVITE", "sip:1002@10.77.0.12:5060"));
    assert_eq!((arrived.header("Max-Forwards"), arrived.header("Record-Route")), ("9", "<sip:10.77.0.2:5060;lr>"));
    let vias: Vec<_> = arrived.message.headers("Via").collect();
    assert_eq!((vias.len(), vias[1]), (2, "SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKcall"));

    for code in [180, 200] {
        net.send(P2, A, respond(&arrived.message, code));
    }
    let got = net.take(P1);
    assert_eq!(got.iter().map(Arrived::code).collect::<Vec<_>>(), [180, 200]);
    assert_eq!(got[1].message.headers("Via").collect::<Vec<_>>(), [vias[1]]);
    assert_eq!(got[1].header("To"), "<sip:1002@bench.test>;tag=callee");
}

#[test]
fn what_is_said_inside_a_call_passes_both_ways_along_its_route() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    let inside = |method: &str, uri: &str| {
        let ask = Ask::new(method, uri, "1001", "1002").call("INVITE-1001-1002");
        ask.to("<sip:1002@bench.test>;tag=callee").with("Route", "<sip:10.77.0.2:5060;lr>")
    };
    for method in ["ACK", "BYE"] {
        net.send(P1, A, inside(method, "sip:1002@10.77.0.12:5060").print(P1, 8));
        let got = net.take(P2);
        assert_eq!(got.iter().map(Arrived::method).collect::<Vec<_>>(), [method]);
        assert_eq!((got[0].header("Route"), got[0].header("Record-Route")), ("", ""));
    }
    net.send(P2, A, inside("BYE", "sip:1001@10.77.0.11:5060").print(P2, 1));
    assert_eq!(net.take(P1).iter().map(Arrived::method).collect::<Vec<_>>(), ["BYE"]);
}

#[test]
fn a_cancel_follows_its_invite_and_the_ack_of_a_failure_too() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    net.send(P1, A, invite("1002").print(P1, 7));
    let invited = net.take(P2).remove(0);
    let mut cancel = invite("1002");
    cancel.method = "CANCEL".to_owned();
    net.send(P1, A, cancel.print(P1, 7));
    let cancelled = net.take(P2).remove(0);
    assert_eq!((cancelled.method(), cancelled.message.via_branch()), ("CANCEL", invited.message.via_branch()));
    net.send(P2, A, respond(&invited.message, 487));
    let failed = net.take(P1).remove(0);
    let mut ack = invite("1002").to(failed.header("To"));
    ack.method = "ACK".to_owned();
    net.send(P1, A, ack.print(P1, 7));
    let acknowledged = net.take(P2).remove(0);
    assert_eq!((acknowledged.method(), acknowledged.message.via_branch()), ("ACK", invited.message.via_branch()));
}

#[test]
fn nobody_is_called_who_does_not_exist_or_is_registered_nowhere() {
    let mut net = Net::new();
    for (to, code) in [("9999", 404), ("1002", 480), ("1003", 480)] {
        let answer = net.ask(P1, A, invite(to)).unwrap();
        assert_eq!(answer.code(), code, "{to}");
        // Its ACK ends here.
        let mut ack = invite(to).to(answer.header("To"));
        ack.method = "ACK".to_owned();
        net.send(P1, A, ack.print(P1, 9));
        assert!(net.take(P1).is_empty(), "{to}");
    }
    let elsewhere = Ask::new("INVITE", "sip:1002@example.org", "1001", "1002");
    assert_eq!(net.ask(P1, A, elsewhere).map(|answer| answer.code()), Some(404));
    let message = Ask::new("MESSAGE", "sip:1002@bench.test", "1001", "1002");
    assert_eq!(net.ask(P1, A, message).map(|answer| answer.code()), Some(405));
}

#[test]
fn a_call_is_passed_on_to_the_server_where_the_extension_registered_last() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    net.run_to(1.0);
    net.register(P2, B, "1002");
    net.send(P1, A, invite("1002").print(P1, 7));
    let got = net.take(P2);
    assert_eq!(got.iter().map(|arrived| (arrived.method(), arrived.from)).collect::<Vec<_>>(), [("INVITE", at(B))]);
    assert_eq!(got[0].message.headers("Via").count(), 3);
    let routes: Vec<_> = got[0].message.headers("Record-Route").collect();
    assert_eq!(routes, ["<sip:10.77.0.3:5060;lr>", "<sip:10.77.0.2:5060;lr>"]);
    net.send(P2, B, respond(&got[0].message, 200));
    assert_eq!(net.take(P1).iter().map(|arrived| (arrived.code(), arrived.from)).collect::<Vec<_>>(), [(200, at(A))]);

    // And the ACK along both.
    let ack = Ask::new("ACK", "sip:callee@10.77.0.12:5060", "1001", "1002").to("<sip:1002@bench.test>;tag=callee");
    let ack = ack.with("Route", "<sip:10.77.0.2:5060;lr>").with("Route", "<sip:10.77.0.3:5060;lr>");
    net.send(P1, A, ack.print(P1, 8));
    assert_eq!(
        net.take(P2).iter().map(|arrived| (arrived.method(), arrived.from)).collect::<Vec<_>>(),
        [("ACK", at(B))]
    );

    net.run_to(2.0);
    net.register(P2, A, "1002");
    net.send(P1, A, invite("1002").branch("back").print(P1, 9));
    assert_eq!(net.take(P2).iter().map(|arrived| arrived.from).collect::<Vec<_>>(), [at(A)]);
}

#[test]
fn a_server_that_missed_the_news_asks_the_other_and_no_call_goes_round() {
    let mut net = Net::new();
    net.cut.insert(at(B));
    net.register(P2, B, "1002");
    net.run_to(40.0);
    net.cut.clear();
    net.send(P1, A, invite("1002").print(P1, 7));
    assert_eq!(net.take(P2).iter().map(|arrived| arrived.from).collect::<Vec<_>>(), [at(B)]);
    net.run_to(60.0);
    assert_eq!(net.ask(P1, A, invite("1002").branch("late")).map(|answer| answer.code()), Some(480));
}

#[test]
fn hops_and_loops_end() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    let code = |net: &mut Net, ask: Ask| net.ask(P1, A, ask).map(|answer| answer.code());
    assert_eq!(code(&mut net, invite("1002").with("Max-Forwards", "0")), Some(483));
    assert_eq!(code(&mut net, invite("1002").with("Max-Forwards", "x")), Some(400));
    let been_here = invite("1002").with("Via", "SIP/2.0/UDP 10.77.0.2:5060;branch=z9hG4bKold");
    assert_eq!(code(&mut net, been_here), Some(482));
    assert!(net.take(P2).is_empty());
}

#[test]
fn callers_are_asked_for_credentials_where_that_is_configured_and_their_credentials_go_no_further() {
    let mut net = Net::with(|spec: &mut RegistrarSpec| {
        spec.algorithms = vec![crate::virtual_bench::registrar::DigestAlgorithm::Sha256];
        spec.challenge_calls = true;
    });
    let uri = "sip:1002@bench.test";
    let challenge = net.ask(P1, A, invite("1002")).unwrap();
    assert_eq!(challenge.code(), 407);
    let challenge = Challenge::best(challenge.message.headers("Proxy-Authenticate")).unwrap();
    for (password, code) in [("wrong", 403), ("pw-1001", 480)] {
        let credentials = Credentials::answer(&challenge, "INVITE", uri, "1001", password, "cn", 1);
        let ask = invite("1002").with("Proxy-Authorization", &credentials);
        assert_eq!(net.ask(P1, A, ask).map(|answer| answer.code()), Some(code), "{password}");
    }
    // Registered behind the other server, which trusts this one.
    let credentials = |uri: &str, method: &str, challenge: &Challenge, user: &str| {
        Credentials::answer(challenge, method, uri, user, &format!("pw-{user}"), "cn", 1)
    };
    let register = Ask::new("REGISTER", "sip:bench.test", "1002", "1002").contact("1002", P2);
    let asked = net.ask(P2, B, register.clone()).unwrap();
    let theirs = Challenge::best(asked.message.headers("WWW-Authenticate")).unwrap();
    let register = register.with("Authorization", &credentials("sip:bench.test", "REGISTER", &theirs, "1002"));
    assert_eq!(net.ask(P2, B, register).map(|answer| answer.code()), Some(200));
    let call = invite("1002").with("Proxy-Authorization", &credentials(uri, "INVITE", &challenge, "1001"));
    net.send(P1, A, call.print(P1, 50));
    let got = net.take(P2);
    assert_eq!((got.len(), got[0].from, got[0].header("Proxy-Authorization")), (1, at(B), ""));
}

#[test]
fn a_phone_on_a_connection_is_called_over_it_and_answers_over_it() {
    let mut net = Net::new();
    let (callee, caller) = (1, 2);
    for (conn, phone) in [(callee, P2), (caller, P1)] {
        net.give(at(A), RegistrarInput::TcpAccepted { conn, from: at(phone) });
    }
    let tcp = |ask: Ask, phone: &str| ask.via(&format!("SIP/2.0/TCP {phone};branch=z9hG4bK{phone}"));
    let contact = "<sip:1002@10.77.0.12:5060;transport=tcp>";
    let register = tcp(Ask::new("REGISTER", "sip:bench.test", "1002", "1002"), P2).with("Contact", contact);
    net.give(at(A), RegistrarInput::TcpData { conn: callee, bytes: register.print(P2, 1) });
    assert_eq!(net.take_stream(A, callee).len(), 1);
    net.give(at(A), RegistrarInput::TcpData { conn: caller, bytes: tcp(invite("1002"), P1).print(P1, 7) });
    let invited = net.take_stream(A, callee);
    assert!(invited[0].header("Via").unwrap().starts_with("SIP/2.0/TCP 10.77.0.2:5060;"));
    net.give(at(A), RegistrarInput::TcpData { conn: callee, bytes: respond(&invited[0], 200) });
    let answered = net.take_stream(A, caller);
    assert!(matches!(answered[0].start(), SipStart::Response { code: 200, .. }));

    let ack = Ask::new("ACK", "sip:x@10.77.0.12:5060;transport=tcp", "1001", "1002");
    let ack = tcp(ack.to("<sip:1002@bench.test>;tag=callee"), P1).with("Route", "<sip:10.77.0.2:5060;lr>");
    net.give(at(A), RegistrarInput::TcpData { conn: caller, bytes: ack.print(P1, 8) });
    assert_eq!(net.take_stream(A, callee).len(), 1, "though the Contact is not the registered one");

    net.give(at(A), RegistrarInput::TcpClosed { conn: callee });
    assert_eq!(net.ask(P1, A, invite("1002")).map(|answer| answer.code()), Some(480), "nothing leads there any more");
}

#[test]
fn what_came_over_a_connection_is_sent_on_again_until_it_is_answered() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    net.give(at(A), RegistrarInput::TcpAccepted { conn: 1, from: at(P1) });
    let call = invite("1002").via(&format!("SIP/2.0/TCP {P1};branch=z9hG4bK1"));
    net.give(at(A), RegistrarInput::TcpData { conn: 1, bytes: call.print(P1, 7) });
    net.run_to(2.0);
    let copies = net.take(P2);
    assert_eq!(copies.iter().map(|copy| copy.at.as_millis()).collect::<Vec<_>>(), [0, 500, 1_500]);
    net.send(P2, A, respond(&copies[0].message, 180));
    net.run_to(40.0);
    assert!(net.take(P2).is_empty(), "somebody is at work on it");
    assert_eq!(net.take_stream(A, 1).len(), 1);
    net.send(P1, A, invite("1002").branch("z9hG4bK2").print(P1, 8));
    net.run_to(50.0);
    assert_eq!(net.take(P2).len(), 1, "a datagram is repeated by whoever sent it");
}

#[test]
fn answers_to_nothing_go_nowhere() {
    let mut net = Net::new();
    net.register(P2, A, "1002");
    net.send(P1, A, invite("1002").print(P1, 7));
    let invited = net.take(P2).remove(0);
    let text = String::from_utf8(respond(&invited.message, 200)).unwrap();
    for forged in
        [text.replace("10.77.0.2:5060;branch", "10.77.0.9:5060;branch"), text.replace("z9hG4bK-on-", "z9hG4bKx")]
    {
        net.send(P2, A, forged.into_bytes());
        assert!(net.take(P1).is_empty() && net.take(P2).is_empty());
    }
}
