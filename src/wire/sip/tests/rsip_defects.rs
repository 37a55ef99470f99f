//! The ways in which rsip 0.4.0 alone misreads the wire, and what is read here instead. Each test shows both, one after the
//! other; the first half is a fact about the library, and a hint that it has changed if it fails.
//!
//! | # | rsip alone |
//! |---|---|
//! | 1 | takes all but the first header for the body where the blank line is missing |
//! | 2 | does not know compact names |
//! | 3 | finds no user where it holds a dot, and a host that holds the user |
//! | 4 | drops what follows a parameter whose value is no token |
//! | 5 | sees the first of several values of `Via` |
//! | 6 | prints transports, reason phrases and bodies otherwise than they were |
//! | 7 | does not heed `Content-Length` |
//! | 8 | takes the wildcard of `Contact` for a host |
//! | 9 | refuses quoted parameters of `Contact` |
//! | 10 | refuses several contacts in a line, and spaces around separators |
//! | 11 | refuses IPv6 literals, in a Request-URI the whole message, and prints them without brackets |
//! | 12 | refuses messages with folded lines, spaces ahead of a colon, bare LF, blank lines ahead, `sip/2.0`, Latin-1 |
//! | 13 | refuses methods and transports that it has no name for, and takes `register` for `REGISTER` |
//! | 14 | computes and reads digests wrongly but in the simplest case |
//! | 15 | lets a value end its line |
//! | 16 | quotes the message in its errors, credentials included |
//! | 17 | takes quadratic time for lists of routes: 2.8 s for 65 kB |

use std::time::Duration;

use rsip::{
    headers::{self, ToTypedHeader, UntypedHeader},
    message::HeadersExt,
};

use super::{hostile::time_of, *};
use crate::wire::digest::{Algorithm, Challenge, Credentials};

fn alone(bytes: &[u8]) -> Result<rsip::Request, rsip::Error> {
    rsip::Request::try_from(bytes)
}

#[test]
fn defect_1_a_message_without_its_blank_line_is_refused() {
    let mut bytes = register(&[]);
    bytes.truncate(bytes.len() - 2);
    let misread = alone(&bytes).unwrap();
    assert_eq!(misread.headers.iter().count(), 1);
    assert!(misread.body.starts_with(b"Max-Forwards: 70"));

    let why = Message::parse(&bytes).unwrap_err();
    assert_eq!(why.offset, bytes.len());
    assert!(why.reason.contains("blank line"), "{why}");
}

#[test]
fn defect_2_compact_names_are_expanded() {
    let bytes = b"REGISTER sip:a SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx\r\nF: <sip:1@a>\r\nt: <sip:2@a>;tag=T\r\n\
        i: call\r\nCSeq: 1 REGISTER\r\nm: *\r\nk: path\r\ns: x\r\nc: text/plain\r\nl: 2\r\n\r\nhi";
    let misread = alone(bytes).unwrap();
    assert!(misread.via_header().is_err() && misread.from_header().is_err() && misread.call_id_header().is_err());

    let message = message(bytes);
    let summary = message.summary();
    assert_eq!((summary.from.as_str(), summary.to.as_str()), ("1@a", "2@a"));
    assert_eq!((summary.branch.as_str(), summary.to_tag.as_deref()), ("z9hG4bKx", Some("T")));
    assert_eq!((summary.call_id.as_str(), summary.content_type.as_deref()), ("call", Some("text/plain")));
    for (name, value) in [("supported", "path"), ("SUBJECT", "x"), ("Content-Type", "text/plain"), ("Contact", "*")] {
        assert_eq!(message.header(name), Some(value));
    }
    assert_eq!(message.body(), b"hi");
}

#[test]
fn defect_3_a_user_part_may_hold_a_dot() {
    let misread = rsip::Uri::try_from("sip:john.doe@h").unwrap();
    assert_eq!((misread.user(), misread.host().to_string().as_str()), (None, "john.doe@h"));

    assert_eq!(summary(&["To: <sip:john.doe@bench.test>"]).to, "john.doe@bench.test");
    assert_eq!(address_of_record("sip:a.b.c@h"), Some(("a.b.c".into(), "h".into())));
}

#[test]
fn defect_4_nothing_is_lost_behind_a_parameter_that_is_no_token() {
    let vias = [
        "SIP/2.0/UDP 10.77.0.11:5060;received=2001:db8::9;branch=z9hG4bKq",
        "SIP/2.0/UDP [2001:db8::9]:5060;received=2001:db8::9;branch=z9hG4bKq",
        "SIP/2.0/UDP h ;branch=z9hG4bKq",
        "SIP / 2.0 / UDP h : 5060 ; rport ; x=\"a;b\" ; branch = z9hG4bKq",
    ];
    let gruu = "sip:1@h;gr=urn:uuid:f81d4fae-7dec-11d0;transport=tcp";
    assert_eq!(headers::Via::new(vias[0]).typed().unwrap().branch(), None);
    assert_eq!(rsip::Uri::try_from(gruu).unwrap().to_string(), "sip:1@h;gr=urn");

    for via in vias {
        assert_eq!(summary(&[&format!("Via: {via}")]).branch, "z9hG4bKq", "{via}");
    }
    assert_eq!(contacts(&format!("Contact: <{gruu}>;expires=9")), [contact(gruu, Some(9), None)]);
}

#[test]
fn defect_5_every_value_of_a_via_line_is_seen() {
    let line = "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b;branch=z9hG4bK2";
    let misread = headers::Via::new(line).typed().unwrap();
    assert_eq!(misread.to_string(), "SIP/2.0/UDP a;branch=z9hG4bK1");

    let message = message(&register(&[&format!("Via: {line}")]));
    assert_eq!(message.headers("via").collect::<Vec<_>>().join(", "), line);
    assert_eq!((message.headers("via").count(), message.via_branch()), (2, Some("z9hG4bK1")));
}

#[test]
fn defect_6_spelling_and_bytes_are_kept() {
    assert_eq!(rsip::Uri::try_from("sip:1@h;transport=udp").unwrap().to_string(), "sip:1@h;transport=UDP");
    assert_eq!(rsip::StatusCode::from(423).to_string(), "423 IntervalTooBrief");

    let bytes =
        build_response(423, "Interval Too Brief", &[("Contact", "<sip:1@h;transport=udp>")], b"\xff\x00").unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("SIP/2.0 423 Interval Too Brief\r\n"), "{text}");
    assert!(text.contains("Contact: <sip:1@h;transport=udp>\r\n"), "{text}");
    assert!(bytes.ends_with(b"Content-Length: 2\r\n\r\n\xff\x00"), "{text}");
    let message = message(&bytes);
    assert_eq!(*message.start(), SipStart::Response { code: 423, reason: "Interval Too Brief".into() });
    assert_eq!(message.summary().contacts, [contact("sip:1@h;transport=udp", None, None)]);
    assert_eq!(message.body(), b"\xff\x00");
}

#[test]
fn defect_7_the_body_ends_where_content_length_says() {
    let with_body = |line: &str| [&register(&[line])[..], b"abcdef"].concat();
    assert_eq!(alone(&with_body("Content-Length: 3")).unwrap().body, b"abcdef");

    for (line, body, oddity) in [
        ("Content-Length: 3", &b"abc"[..], Some("surplus bytes behind the body")),
        ("Content-Length : 9", b"abcdef", Some("body shorter than Content-Length")),
        ("Content-Length: -3", b"abcdef", Some("unusable Content-Length")),
        ("l: 6", b"abcdef", None),
        ("X: y", b"abcdef", None),
    ] {
        let message = message(&with_body(line));
        assert_eq!(message.body(), body, "{line}");
        assert_eq!(message.summary().oddities, oddity.into_iter().collect::<Vec<_>>(), "{line}");
    }
    let twice = message(&[&register(&["Content-Length: 3", "l: 2"])[..], b"abc"].concat());
    assert_eq!(twice.summary().oddities, ["repeated Content-Length", "unusable Content-Length"]);
}

#[test]
fn defect_8_the_wildcard_contact_is_a_wildcard() {
    assert_eq!(headers::Contact::new("*").typed().unwrap().to_string(), "<*>");

    let all = summary(&["Contact: *", "Expires: 0"]);
    assert_eq!((all.contacts.as_slice(), all.oddities.len()), (&[contact("*", None, None)][..], 0));
    let bytes = build_request("REGISTER", "sip:h", &[("Contact", "*"), ("Expires", "0")], b"").unwrap();
    assert_eq!(message(&bytes).header("Contact"), Some("*"));
}

#[test]
fn defect_9_quoted_contact_parameters_are_read() {
    let value =
        "\"A, B\" <sip:1@10.0.0.1:5060>;methods=\"INVITE, ACK\";+sip.instance=\"<urn:uuid:0-1>\";expires=\"60\"";
    assert!(headers::Contact::new(value).typed().is_err());

    let read = contact("sip:1@10.0.0.1:5060", Some(60), Some("<urn:uuid:0-1>"));
    assert_eq!(contacts(&format!("Contact: {value}")), [read]);
}

#[test]
fn defect_10_several_contacts_in_a_line_and_spaces_around_separators_are_read() {
    for value in ["<sip:1@a>, <sip:2@b>", "<sip:1@a> ;expires=30", "<sip:1@a>;expires = 30"] {
        assert!(headers::Contact::new(value).typed().is_err(), "{value}");
    }

    assert_eq!(
        contacts("Contact: <sip:1@a> ; expires = 30 , \"x\\\"y,<z>\" <sip:2@b>;q=0.5,sip:3@c;expires=5"),
        [
            contact("sip:1@a", Some(30), None),
            SipContact { q: Some(500), ..contact("sip:2@b", None, None) },
            contact("sip:3@c", Some(5), None)
        ]
    );
}

#[test]
fn defect_11_ipv6_literals_are_read_everywhere() {
    let uri = "sip:[2001:db8::2]:5061;transport=tcp";
    let headers = [
        ("Via", "SIP/2.0/UDP [2001:db8::11]:5060;branch=z9hG4bK6"),
        ("From", "<sip:1001@[2001:DB8::2]:5061>;tag=1"),
        ("To", "<sip:1001@[2001:db8::2]>"),
        ("Call-ID", "x"),
        ("CSeq", "1 REGISTER"),
        ("Contact", "<sip:1001@[2001:db8::11]:5060>"),
    ];
    let bytes = build_request("REGISTER", uri, &headers, b"").unwrap();
    assert!(alone(&bytes).is_err());
    assert!(headers::From::new(headers[1].1).typed().is_err());
    assert_eq!(rsip::Host::from(std::net::IpAddr::from([0_u16; 8])).to_string(), "::");

    let summary = summary_of(&bytes);
    assert_eq!(summary.start, SipStart::Request { method: "REGISTER".into(), uri: uri.into() });
    assert_eq!((summary.from.as_str(), summary.to.as_str()), ("1001@[2001:db8::2]", "1001@[2001:db8::2]"));
    assert_eq!((summary.branch.as_str(), summary.from_tag.as_deref()), ("z9hG4bK6", Some("1")));
    assert_eq!(summary.contacts, [contact("sip:1001@[2001:db8::11]:5060", None, None)]);
    assert_eq!(summary.oddities, [""; 0]);
}

#[test]
fn defect_12_careless_line_endings_folding_and_case_are_read_and_named() {
    let plain = String::from_utf8(register(&[])).unwrap();
    assert!(alone(plain.as_bytes()).is_ok());
    for careless in [
        plain.replace(";branch", "\r\n ;branch"),
        plain.replace("From:", "From :"),
        plain.replace("\r\n", "\n"),
        format!("\r\n{plain}"),
        plain.replace("SIP/2.0\r\n", "sip/2.0\r\n"),
    ] {
        assert!(alone(careless.as_bytes()).is_err(), "{careless}");
        let summary = summary_of(careless.as_bytes());
        assert_eq!(SipSummary { oddities: vec![], ..summary }, self::summary(&[]));
    }

    let bytes = b"\r\nREGISTER sip:a sip/2.0\nVia: SIP/2.0/UDP h\n ;branch=z9hG4bKx\r\nFrom :\r\n\t<sip:1@a>\nTo: \"\xff\"<sip:1@a>\n\
        Call-ID: c\r\nCSeq: 1 REGISTER\r\n\n";
    let summary = summary_of(bytes);
    assert_eq!((summary.branch.as_str(), summary.from.as_str(), summary.to.as_str()), ("z9hG4bKx", "1@a", "1@a"));
    let oddities = [
        "blank lines ahead of the start line",
        "bytes that are not UTF-8 in the head",
        "lines that end without CR",
        "the version in lower case",
    ];
    assert_eq!(summary.oddities, oddities);
}

#[test]
fn defect_13_unknown_methods_and_transports_are_read_and_built_and_case_counts() {
    let plain = String::from_utf8(register(&[])).unwrap();
    assert!(alone(plain.replace("REGISTER", "PING").as_bytes()).is_err());
    assert_eq!(alone(plain.replace("REGISTER", "register").as_bytes()).unwrap().method, rsip::Method::Register);
    assert!(headers::Via::new("SIP/2.0/UNKNOWN h;branch=z9hG4bK1").typed().is_err());

    for method in ["PING", "register", "x-y.z!"] {
        let cseq = format!("3 {method}");
        let bytes = build_request(method, "sip:h", &[("CSeq", &cseq)], b"").unwrap();
        assert!(bytes.starts_with(format!("{method} sip:h SIP/2.0\r\n").as_bytes()));
        let summary = summary_of(&bytes);
        assert_eq!(summary.start, SipStart::Request { method: method.into(), uri: "sip:h".into() });
        assert_eq!((summary.cseq, summary.method.as_str()), (3, method));
    }
    for transport in ["TLS-SCTP", "WSS", "UNKNOWN", "udp"] {
        let summary = summary(&[&format!("Via: SIP/2.0/{transport} h;branch=z9hG4bK1")]);
        assert_eq!((summary.branch.as_str(), summary.oddities.len()), ("z9hG4bK1", 0), "{transport}");
    }
}

#[test]
fn defect_14_digests_are_computed_over_what_was_received_and_in_every_spelling() {
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256";
    let credentials = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"SIP:h;transport=udp\", algorithm=md5, \
                       qop=auth, nc=0000000a, cnonce=\"c\", response=\"48dd5e8bb7b1e5b7a0a8fa4f8b6b57f1\"";
    assert!(headers::WwwAuthenticate::new(challenge).typed().is_err());
    assert!(headers::Authorization::new(credentials).typed().is_err());

    let challenge = Challenge::parse(challenge).unwrap();
    assert_eq!((challenge.algorithm, challenge.qop_auth), (Algorithm::Sha256, true));
    let read = Credentials::parse(credentials).unwrap();
    assert_eq!((read.algorithm, read.nc.as_deref()), (Algorithm::Md5, Some("0000000a")));
    assert_eq!(read.uri, "SIP:h;transport=udp");
    for algorithm in [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess] {
        let challenge = Challenge { algorithm, ..challenge.clone() };
        let answer = Credentials::answer(&challenge, "REGISTER", "SIP:h;transport=udp", "u", "p", "c", 10);
        let answer = Credentials::parse(&answer).unwrap();
        assert!(answer.verify("REGISTER", "p") && !answer.verify("REGISTER", "q") && !answer.verify("INVITE", "p"));
    }
}

#[test]
fn defect_15_nobody_adds_a_header_through_a_value() {
    assert_eq!(headers::Subject::new("x\r\nContact: *").to_string(), "Subject: x\r\nContact: *");

    for (name, value) in
        [("Subject", "x\r\nContact: *"), ("Subject", "x\nl: 0"), ("Subject", "\0"), ("Subject", "\u{85}")]
    {
        assert!(matches!(build_request("OPTIONS", "sip:h", &[(name, value)], b""), Err(BuildError::Control(_))));
        assert!(matches!(build_response(200, "OK", &[(name, value)], b""), Err(BuildError::Control(_))));
    }
    assert!(matches!(build_request("OPTIONS", "sip:h\r\nX: y", &[], b""), Err(BuildError::Control(_))));
    assert!(matches!(build_response(200, "OK\r\nX: y", &[], b""), Err(BuildError::Control(_))));
    for (method, uri, name) in
        [("A B", "sip:h", "X"), ("OPTIONS", "sip:h x", "X"), ("OPTIONS", "", "X"), ("OPTIONS", "sip:h", "X:")]
    {
        let built = build_request(method, uri, &[(name, "v")], b"");
        assert!(matches!(built, Err(BuildError::Grammar(_))), "{method} {uri}");
    }
    assert!(matches!(build_response(99, "", &[], b""), Err(BuildError::Grammar(_))));
    assert!(matches!(build_response(700, "", &[], b""), Err(BuildError::Grammar(_))));
}

#[test]
fn defect_16_no_error_quotes_the_message() {
    let secret = "response=\"5ec2e7\"";
    let whole = register(&[&format!("Authorization: Digest {secret}")]);
    let wrong_version = String::from_utf8(whole.clone()).unwrap().replace("SIP/2.0\r\n", "SIP/9.0\r\n").into_bytes();
    let folded = String::from_utf8(whole.clone()).unwrap().replace("From: ", "From:\r\n ");
    assert!(alone(folded.as_bytes()).unwrap_err().to_string().contains("5ec2e7"));

    let cut = whole[..whole.len() - 2].to_vec();
    let refused =
        [wrong_version, [b"SIP/2.0 9999 ".to_vec(), cut.clone()].concat(), [b"\0".to_vec(), cut.clone()].concat(), cut];
    for bytes in refused {
        let why = Message::parse(&bytes).unwrap_err();
        assert!(!format!("{why} {why:?}").contains("5ec2e7"), "{why}");
        assert!(matches!(read(&bytes), SipMessage::Unreadable { .. }));
    }
}

#[test]
fn defect_17_a_list_of_routes_takes_linear_time() {
    let route = |size: usize| "a;b,".repeat(size / 4).into_bytes();
    let alone = |bytes: &[u8]| {
        let value = str::from_utf8(bytes).unwrap();
        let _ = headers::Route::new(value).typed();
    };
    // Four times the length, sixteen times the time.
    let quickest = |work: fn(&[u8]), bytes: Vec<u8>| (0..5).map(|_| time_of(work, &bytes)).min().unwrap();
    assert!(quickest(alone, route(4000)) > quickest(alone, route(1000)) * 8);

    let line = |size: usize| register(&[&format!("Route: {}", String::from_utf8(route(size)).unwrap())]);
    let ours = |bytes: &[u8]| drop(read(bytes));
    assert!(quickest(ours, line(64_000)) < quickest(ours, line(16_000)) * 8 + Duration::from_millis(20));
}
