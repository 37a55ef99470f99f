use std::{net::SocketAddr, time::Duration};

mod calls;
mod defects;
mod limits;
mod net;
mod seating;

use proptest::prelude::*;

use super::{DigestAlgorithm, Registrar, RegistrarDefect, RegistrarInput, RegistrarOutput, RegistrarSpec, User};
use crate::{
    event::{SipStart, SipSummary},
    wire::{
        digest::{Challenge, Credentials},
        sip::{Message, build_request},
    },
};

const URI: &str = "sip:bench.test";

fn spec() -> RegistrarSpec {
    serde_json::from_str(
        r#"{"name": "a", "address": "10.77.0.2", "domain": "bench.test", "users": {"1001": "secret"},
            "min-expires": "10s", "max-expires": "60s", "nonce-lifetime": "100s"}"#,
    )
    .unwrap()
}

fn open_house() -> RegistrarSpec {
    RegistrarSpec { algorithms: Vec::new(), ..spec() }
}

fn from() -> SocketAddr {
    "10.77.0.11:5062".parse().unwrap()
}

/// A REGISTER of 1001 with that CSeq number and these further headers.
fn register(cseq: u32, more: &[(&str, &str)]) -> Vec<u8> {
    message("REGISTER", URI, cseq, more).unwrap()
}

/// None if no message can be built of that.
fn message(method: &str, uri: &str, cseq: u32, more: &[(&str, &str)]) -> Option<Vec<u8>> {
    let cseq = format!("{cseq} {method}");
    let mut headers = vec![
        ("Via", "SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKx;rport"),
        ("From", "<sip:1001@bench.test>;tag=f"),
        ("To", "<sip:1001@bench.test>"),
        ("Call-ID", "c1"),
        ("CSeq", &cseq),
    ];
    headers.extend(more);
    build_request(method, uri, &headers, b"").ok()
}

fn ask(registrar: &mut Registrar, at: u64, bytes: Vec<u8>) -> (u16, Message) {
    registrar.handle(Duration::from_secs(at), RegistrarInput::Datagram { from: from(), bytes });
    let Some(RegistrarOutput::SendDatagram { to, bytes }) = registrar.poll_output() else { panic!("no answer") };
    assert_eq!(to, from());
    let answer = Message::parse(&bytes).unwrap();
    let SipStart::Response { code, .. } = answer.start() else { panic!("no response") };
    (*code, answer)
}

fn code(registrar: &mut Registrar, at: u64, bytes: Vec<u8>) -> u16 {
    ask(registrar, at, bytes).0
}

/// Contacts of an answer: the port that tells them apart, and what is left of their lifetime.
fn listed(summary: &SipSummary) -> Vec<(&str, Option<u32>)> {
    summary.contacts.iter().map(|contact| (contact.uri.rsplit(':').next().unwrap(), contact.expires)).collect()
}

fn credentials(registrar: &mut Registrar, at: u64, password: &str) -> String {
    let (code, answer) = ask(registrar, at, register(1, &[]));
    assert_eq!(code, 401);
    let challenge = Challenge::best(answer.headers("WWW-Authenticate")).unwrap();
    assert!(!challenge.stale);
    Credentials::answer(&challenge, "REGISTER", URI, "1001", password, "cn", 1)
}

const ONE: (&str, &str) = ("Contact", "<sip:1001@10.77.0.11:5060>");
const TWO: (&str, &str) = ("Contact", "<sip:1001@10.77.0.12:5070>;expires=30");

#[test]
fn a_binding_is_granted_listed_and_expires() {
    let mut registrar = Registrar::new(open_house());
    let (code_, answer) = ask(&mut registrar, 0, register(1, &[ONE, ("Expires", "600")]));
    assert_eq!((code_, listed(answer.summary())), (200, vec![("5060", Some(60))]), "capped");
    let (_, answer) = ask(&mut registrar, 40, register(2, &[TWO]));
    assert_eq!(listed(answer.summary()), [("5060", Some(20)), ("5070", Some(30))]);
    assert_eq!(registrar.poll_deadline(), Some(Duration::from_secs(60)));
    registrar.handle(Duration::from_secs(60), RegistrarInput::Timeout);
    let (_, fetched) = ask(&mut registrar, 60, register(3, &[]));
    assert_eq!(listed(fetched.summary()), [("5070", Some(10))]);
    registrar.handle(Duration::from_secs(70), RegistrarInput::Timeout);
    assert!(registrar.bindings().is_empty());
}

#[test]
fn removal_takes_one_contact_or_with_a_star_all() {
    let mut registrar = Registrar::new(open_house());
    ask(&mut registrar, 0, register(1, &[ONE]));
    ask(&mut registrar, 0, register(2, &[TWO]));
    let (code_, answer) = ask(&mut registrar, 1, register(3, &[ONE, ("Expires", "0")]));
    assert_eq!((code_, listed(answer.summary())), (200, vec![("5070", Some(29))]));
    assert_eq!(code(&mut registrar, 1, register(4, &[("Contact", "*"), ("Expires", "60")])), 400);
    assert_eq!(registrar.bindings()["1001"].len(), 1);
    assert_eq!(code(&mut registrar, 1, register(5, &[("Contact", "*"), ("Expires", "0")])), 200);
    assert!(registrar.bindings().is_empty());
}

#[test]
fn a_lifetime_below_the_minimum_is_answered_with_the_minimum() {
    let mut registrar = Registrar::new(open_house());
    let (code, answer) = ask(&mut registrar, 0, register(1, &[ONE, ("Expires", "9")]));
    assert_eq!((code, answer.summary().min_expires), (423, Some(10)));
    assert!(registrar.bindings().is_empty());
}

#[test]
fn a_repeat_prolongs_nothing_and_an_old_request_changes_nothing() {
    let mut registrar = Registrar::new(open_house());
    ask(&mut registrar, 0, register(5, &[ONE]));
    let (code_, answer) = ask(&mut registrar, 20, register(5, &[ONE]));
    assert_eq!((code_, listed(answer.summary())), (200, vec![("5060", Some(40))]));
    assert_eq!(code(&mut registrar, 20, register(4, &[ONE, ("Expires", "0")])), 500);
    assert_eq!(registrar.bindings()["1001"].len(), 1);
}

#[test]
fn only_who_knows_the_password_gets_in_by_any_hash_offered() {
    for algorithms in
        [vec![DigestAlgorithm::Md5], vec![DigestAlgorithm::Sha256], vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5]]
    {
        let mut registrar = Registrar::new(RegistrarSpec { algorithms, ..spec() });
        let right = credentials(&mut registrar, 0, "secret");
        let wrong = credentials(&mut registrar, 0, "Secret");
        assert_eq!(code(&mut registrar, 1, register(2, &[ONE, ("Authorization", &wrong)])), 403);
        assert!(registrar.bindings().is_empty());
        assert_eq!(code(&mut registrar, 1, register(2, &[ONE, ("Authorization", &right)])), 200);
        assert_eq!(registrar.bindings()["1001"].len(), 1);
    }
}

#[test]
fn an_old_nonce_is_stale_and_a_forged_one_too() {
    let mut registrar = Registrar::new(spec());
    let right = credentials(&mut registrar, 0, "secret");
    let (code, answer) = ask(&mut registrar, 100, register(2, &[ONE, ("Authorization", &right)]));
    let challenge = Challenge::best(answer.headers("WWW-Authenticate")).unwrap();
    assert_eq!((code, challenge.stale), (401, true));
    let forged = Challenge { nonce: "18696-0011223344556677".to_owned(), ..challenge };
    let forged = Credentials::answer(&forged, "REGISTER", URI, "1001", "secret", "cn", 1);
    let (code, answer) = ask(&mut registrar, 100, register(2, &[ONE, ("Authorization", &forged)]));
    assert_eq!((code, Challenge::best(answer.headers("WWW-Authenticate")).map(|c| c.stale)), (401, Some(true)));
}

#[test]
fn strangers_are_not_found_and_other_methods_have_their_answers() {
    let mut registrar = Registrar::new(open_house());
    let other = |method: &str, to: &str| {
        let cseq = format!("1 {method}");
        let headers = [
            ("Via", "SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKx"),
            ("From", "<sip:x@bench.test>;tag=f"),
            ("To", to),
            ("Call-ID", "c"),
            ("CSeq", cseq.as_str()),
        ];
        build_request(method, URI, &headers, b"").unwrap()
    };
    assert_eq!(code(&mut registrar, 0, other("REGISTER", "<sip:9999@bench.test>")), 404);
    assert_eq!(code(&mut registrar, 0, other("REGISTER", "<sip:1001@other.test>")), 404);
    assert_eq!(code(&mut registrar, 0, other("OPTIONS", "<sip:bench.test>")), 200);
    assert_eq!(code(&mut registrar, 0, other("INVITE", "<sip:1001@bench.test>")), 404, "it names nobody");
    assert_eq!(code(&mut registrar, 0, other("PUBLISH", "<sip:bench.test>")), 403);
}

#[test]
fn the_answer_says_where_the_request_really_came_from() {
    let mut registrar = Registrar::new(open_house());
    let (_, answer) = ask(&mut registrar, 0, register(1, &[ONE]));
    let via = answer.header("Via").unwrap();
    assert_eq!(via, "SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKx;rport=5062;received=10.77.0.11");
    assert!(answer.summary().to_tag.is_some());
}

#[test]
fn a_silent_server_says_nothing_whatever_it_is_asked() {
    let mut silent = Registrar::new(RegistrarSpec { defects: vec![RegistrarDefect::Silent], ..open_house() });
    silent.handle(Duration::ZERO, RegistrarInput::Datagram { from: from(), bytes: register(1, &[ONE]) });
    assert_eq!((silent.poll_output(), silent.poll_deadline()), (None, None));
}

#[test]
fn a_connection_is_cut_into_messages_and_closed_when_it_sends_none() {
    let mut registrar = Registrar::new(open_house());
    let now = Duration::ZERO;
    registrar.handle(now, RegistrarInput::TcpAccepted { conn: 7, from: from() });
    let bytes = [register(1, &[ONE]), register(2, &[TWO])].concat();
    for byte in bytes {
        registrar.handle(now, RegistrarInput::TcpData { conn: 7, bytes: vec![byte] });
    }
    assert!(matches!(registrar.poll_output(), Some(RegistrarOutput::TcpSend { conn: 7, .. })));
    assert!(matches!(registrar.poll_output(), Some(RegistrarOutput::TcpSend { conn: 7, .. })));
    assert_eq!(registrar.bindings()["1001"].len(), 2);
    registrar.handle(
        now,
        RegistrarInput::TcpData { conn: 7, bytes: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0\xff\r\n\r\n".to_vec() },
    );
    assert_eq!(registrar.poll_output(), Some(RegistrarOutput::TcpClose { conn: 7 }));
}

#[test]
fn passwords_and_pins_are_not_shown_and_a_lone_password_is_a_user() {
    let user = r#"{"password": "secret", "pin": "4711", "home": "b"}"#;
    let user: User = serde_json::from_str(user).unwrap();
    assert_eq!((user.pin.as_deref(), user.home.as_deref()), (Some("4711"), Some("b")));
    let shown = format!("{:?} {user:?}", spec());
    assert!(!shown.contains("secret") && !shown.contains("4711"), "{shown}");
    assert_eq!(spec().users["1001"], User::from("secret".to_owned()));
    let text = serde_json::to_string(&user).unwrap();
    assert_eq!(serde_json::from_str::<User>(&text).unwrap(), user);
}

proptest! {
    #[test]
    fn no_input_makes_a_server_panic(
        inputs in proptest::collection::vec(
            (prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), "(\\PC|\r\n){0,100}".prop_map(String::into_bytes)],
             "(INVITE|ACK|CANCEL|BYE|SUBSCRIBE|NOTIFY|PUBLISH|OPTIONS|REGISTER)",
             "sip:([*]11[*]1[*]1001%23|%2311%23|1001|\\PC{0,9})(@(bench.test|10.77.0.2|x))?", "[ -~]{0,60}",
             any::<u32>(), 0_u64..100_000, 0_u32..3, 0_u8..4),
            0..40,
        ),
    ) {
        let spec = RegistrarSpec { capacity: Some(1), challenge_calls: true, ..net::spec("a") };
        let mut server = Registrar::new(spec);
        let mut now = Duration::ZERO;
        for (noise, method, uri, header, number, pause, conn, peer) in inputs {
            now += Duration::from_millis(pause);
            let (text, number) = (header.as_str(), number.to_string());
            let likely = [("Contact", text), ("Expires", &number), ("Authorization", text), ("Event", "message-summary"),
                ("Event", "siprig-cluster"), ("Route", text), ("Via", text), ("Max-Forwards", &number), ONE];
            let likely = message(&method, &uri, 1, &likely[(pause % 8) as usize..]);
            let from = if peer == 0 { net::at(net::B) } else { from() };
            server.handle(now, if peer == 1 {
                RegistrarInput::HttpAccepted { conn, from }
            } else {
                RegistrarInput::TcpAccepted { conn, from }
            });
            for bytes in likely.into_iter().chain([noise]) {
                let asked = Message::parse(&bytes).ok().filter(|asked| asked.header("CSeq").is_some());
                let answer = asked.map(|asked| net::respond(&asked, 100 + (pause % 500) as u16));
                for bytes in answer.into_iter().chain([bytes]) {
                    server.handle(now, if pause % 2 == 0 {
                        RegistrarInput::TcpData { conn, bytes }
                    } else {
                        RegistrarInput::Datagram { from, bytes }
                    });
                }
            }
            while server.poll_output().is_some() {}
            prop_assert!(server.poll_deadline().is_none_or(|at| at > now));
            prop_assert!(server.bindings().values().all(|bindings| bindings.len() <= 16));
            prop_assert!(server.bindings().len() <= 1);
        }
    }
}
