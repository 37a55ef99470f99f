//! One test for each way in which rsip alone misreads the wire, and what else a hostile or careless phone may send.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::event::SipContact;

/// A REGISTER with these lines in place of the usual ones of the same name.
fn register(lines: &[&str]) -> Vec<u8> {
    let mut text = String::from("REGISTER sip:bench.test SIP/2.0\r\n");
    let usual = [
        "Via: SIP/2.0/UDP 10.77.0.11:5060;branch=z9hG4bKabc",
        "Max-Forwards: 70",
        "From: <sip:1001@bench.test>;tag=f1",
        "To: <sip:1001@bench.test>",
        "Call-ID: c1@10.77.0.11",
        "CSeq: 7 REGISTER",
    ];
    let name = |line: &str| line.split([':', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    for line in usual.iter().filter(|line| lines.iter().all(|own| name(own) != name(line))).chain(lines) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    (text + "\r\n").into_bytes()
}

fn message(bytes: &[u8]) -> Message {
    Message::parse(bytes).unwrap_or_else(|why| panic!("{why}"))
}

fn summary(lines: &[&str]) -> SipSummary {
    message(&register(lines)).summary().clone()
}

fn contacts(line: &str) -> Vec<SipContact> {
    let summary = summary(&[line]);
    assert_eq!(summary.oddities, [""; 0], "{line}");
    summary.contacts
}

fn contact(uri: &str, expires: Option<u32>, instance: Option<&str>) -> SipContact {
    SipContact { uri: uri.to_owned(), expires, instance: instance.map(str::to_owned), q: None, reg_id: None }
}

#[test]
fn a_plain_register_fills_the_summary() {
    let summary = summary(&[
        "Contact: <sip:1001@10.77.0.11:5060>;expires=600",
        "Expires: 3600",
        "Authorization: Digest username=\"1001\", response=\"00\"",
        "User-Agent: Aastra 6731i/2.6.0.2019",
    ]);
    assert_eq!(
        summary,
        SipSummary {
            start: SipStart::Request { method: "REGISTER".into(), uri: "sip:bench.test".into() },
            call_id: "c1@10.77.0.11".into(),
            cseq: 7,
            method: "REGISTER".into(),
            branch: "z9hG4bKabc".into(),
            from: "1001@bench.test".into(),
            from_tag: Some("f1".into()),
            to: "1001@bench.test".into(),
            to_tag: None,
            contacts: vec![contact("sip:1001@10.77.0.11:5060", Some(600), None)],
            expires: Some(3600),
            min_expires: None,
            retry_after: None,
            authorized: true,
            agent: Some("Aastra 6731i/2.6.0.2019".into()),
            event: None,
            subscription_state: None,
            content_type: None,
            nonce: None,
            stale_nonce: false,
            oddities: vec![],
        }
    );
}

#[test]
fn defect_1_a_message_without_its_blank_line_is_refused() {
    let mut bytes = register(&[]);
    bytes.truncate(bytes.len() - 2);
    let why = Message::parse(&bytes).unwrap_err();
    assert_eq!(why.offset, bytes.len());
    assert!(why.reason.contains("blank line"), "{why}");
}

#[test]
fn defect_2_compact_names_are_expanded() {
    let bytes = b"REGISTER sip:a SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx\r\nf: <sip:1@a>\r\nt: <sip:2@a>;tag=T\r\n\
        i: call\r\nCSeq: 1 REGISTER\r\nm: *\r\nk: path\r\ns: x\r\nc: text/plain\r\nl: 2\r\n\r\nhi";
    let message = message(bytes);
    let summary = message.summary();
    assert_eq!((summary.from.as_str(), summary.to.as_str()), ("1@a", "2@a"));
    assert_eq!((summary.branch.as_str(), summary.to_tag.as_deref()), ("z9hG4bKx", Some("T")));
    assert_eq!(summary.call_id, "call");
    for (name, value) in [("supported", "path"), ("SUBJECT", "x"), ("Content-Type", "text/plain")] {
        assert_eq!(message.header(name), Some(value));
    }
    assert_eq!(message.body(), b"hi");
}

#[test]
fn defect_3_a_user_part_may_hold_a_dot() {
    assert_eq!(summary(&["To: <sip:john.doe@bench.test>"]).to, "john.doe@bench.test");
    assert_eq!(address_of_record("sip:a.b.c@h"), Some(("a.b.c".into(), "h".into())));
}

#[test]
fn defect_4_nothing_is_lost_behind_a_parameter_that_is_no_token() {
    for via in [
        "Via: SIP/2.0/UDP [2001:db8::9]:5060;received=2001:db8::9;branch=z9hG4bKq",
        "Via: SIP/2.0/UDP h ;branch=z9hG4bKq",
        "Via: SIP / 2.0 / UDP h : 5060 ; rport ; x=\"a;b\" ; branch = z9hG4bKq",
    ] {
        assert_eq!(summary(&[via]).branch, "z9hG4bKq", "{via}");
    }
    let gruu = "sip:1@h;gr=urn:uuid:f81d4fae-7dec-11d0;transport=tcp";
    assert_eq!(contacts(&format!("Contact: <{gruu}>;expires=9")), [contact(gruu, Some(9), None)]);
}

#[test]
fn defect_5_every_value_of_a_via_line_is_seen() {
    let bytes = register(&["Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b;branch=z9hG4bK2"]);
    let message = message(&bytes);
    let vias: Vec<_> = message.headers("via").collect();
    assert_eq!(vias, ["SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/TCP b;branch=z9hG4bK2"]);
    assert_eq!(message.via_branch(), Some("z9hG4bK1"));
}

#[test]
fn defect_6_spelling_and_bytes_are_kept() {
    let bytes =
        build_response(423, "Interval Too Brief", &[("Contact", "<sip:1@h;transport=udp>")], b"\xff\x00").unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("SIP/2.0 423 Interval Too Brief\r\n"), "{text}");
    assert!(text.contains("Contact: <sip:1@h;transport=udp>\r\n"), "{text}");
    assert!(bytes.ends_with(b"Content-Length: 2\r\n\r\n\xff\x00"), "{text}");
    let message = message(&bytes);
    assert_eq!(*message.start(), SipStart::Response { code: 423, reason: "Interval Too Brief".into() });
    assert_eq!(message.body(), b"\xff\x00");
}

#[test]
fn defect_7_the_body_ends_where_content_length_says() {
    for (line, body, oddity) in [
        ("Content-Length: 3", &b"abc"[..], Some("surplus bytes behind the body")),
        ("Content-Length : 9", b"abcdef", Some("body shorter than Content-Length")),
        ("Content-Length: -3", b"abcdef", Some("unusable Content-Length")),
        ("l: 6", b"abcdef", None),
        ("X: y", b"abcdef", None),
    ] {
        let message = message(&[&register(&[line])[..], b"abcdef"].concat());
        assert_eq!(message.body(), body, "{line}");
        assert_eq!(message.summary().oddities, oddity.into_iter().collect::<Vec<_>>(), "{line}");
    }
    let twice = message(&[&register(&["Content-Length: 3", "l: 2"])[..], b"abc"].concat());
    assert_eq!(twice.summary().oddities, ["repeated Content-Length", "unusable Content-Length"]);
}

#[test]
fn defect_8_the_wildcard_contact_is_a_wildcard() {
    let all = summary(&["Contact: *", "Expires: 0"]);
    assert_eq!((all.contacts.as_slice(), all.oddities.len()), (&[contact("*", None, None)][..], 0));
    let bytes = build_request("REGISTER", "sip:h", &[("Contact", "*"), ("Expires", "0")], b"").unwrap();
    assert_eq!(message(&bytes).header("Contact"), Some("*"));
}

#[test]
fn defect_9_quoted_contact_parameters_are_read() {
    assert_eq!(
        contacts(
            "Contact: \"A, B\" <sip:1@10.0.0.1:5060>;methods=\"INVITE, ACK\";+sip.instance=\"<urn:uuid:0-1>\";expires=\"60\""
        ),
        [contact("sip:1@10.0.0.1:5060", Some(60), Some("<urn:uuid:0-1>"))]
    );
}

#[test]
fn defect_10_several_contacts_in_a_line_and_spaces_around_separators_are_read() {
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
    let bytes = build_request(
        "REGISTER",
        "sip:[2001:db8::2]:5061;transport=tcp",
        &[
            ("Via", "SIP/2.0/UDP [2001:db8::11]:5060;branch=z9hG4bK6"),
            ("From", "<sip:1001@[2001:DB8::2]:5061>;tag=1"),
            ("To", "<sip:1001@[2001:db8::2]>"),
            ("Call-ID", "x"),
            ("CSeq", "1 REGISTER"),
            ("Contact", "<sip:1001@[2001:db8::11]:5060>"),
        ],
        b"",
    )
    .unwrap();
    let summary = message(&bytes).summary().clone();
    let SipStart::Request { uri, .. } = &summary.start else { panic!() };
    assert_eq!(uri, "sip:[2001:db8::2]:5061;transport=tcp");
    assert_eq!(summary.from, "1001@[2001:db8::2]");
    assert_eq!(summary.contacts, [contact("sip:1001@[2001:db8::11]:5060", None, None)]);
    assert_eq!(summary.oddities, [""; 0]);
}

#[test]
fn defect_12_careless_line_endings_folding_and_case_are_read_and_named() {
    let bytes = b"\r\nREGISTER sip:a sip/2.0\nVia: SIP/2.0/UDP h\n ;branch=z9hG4bKx\r\nFrom :\r\n\t<sip:1@a>\nTo: \xff<sip:1@a>\n\
        Call-ID: c\r\nCSeq: 1 REGISTER\r\n\n";
    let summary = message(bytes).summary().clone();
    assert_eq!((summary.branch.as_str(), summary.from.as_str(), summary.to.as_str()), ("z9hG4bKx", "1@a", "1@a"));
    for oddity in [
        "blank lines ahead of the start line",
        "the version in lower case",
        "bytes that are not UTF-8 in the head",
        "lines that end without CR",
        "a display name that needs quotes",
    ] {
        assert!(summary.oddities.iter().any(|found| found == oddity), "{oddity}: {:?}", summary.oddities);
    }
    assert_eq!(summary.oddities.len(), 5, "{:?}", summary.oddities);
}

#[test]
fn defect_13_unknown_methods_are_read_and_built_and_case_counts() {
    for method in ["PING", "register", "x-y.z!"] {
        let cseq = format!("3 {method}");
        let bytes = build_request(method, "sip:h", &[("CSeq", &cseq)], b"").unwrap();
        assert!(bytes.starts_with(format!("{method} sip:h SIP/2.0\r\n").as_bytes()));
        let summary = message(&bytes).summary().clone();
        assert_eq!(summary.start, SipStart::Request { method: method.into(), uri: "sip:h".into() });
        assert_eq!((summary.cseq, summary.method.as_str()), (3, method));
    }
}

#[test]
fn defect_15_nobody_adds_a_header_through_a_value() {
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
        assert!(
            matches!(build_request(method, uri, &[(name, "v")], b""), Err(BuildError::Grammar(_))),
            "{method} {uri}"
        );
    }
    assert!(matches!(build_response(99, "", &[], b""), Err(BuildError::Grammar(_))));
    assert!(matches!(build_response(700, "", &[], b""), Err(BuildError::Grammar(_))));
}

#[test]
fn defect_16_no_error_quotes_the_message() {
    let secret = "response=\"5ec2e7\"";
    let mut bytes = register(&[&format!("Authorization: Digest {secret}")]);
    bytes.truncate(bytes.len() - 2);
    for bytes in [bytes.clone(), [b"SIP/2.0 9999 ".to_vec(), bytes.clone()].concat(), [b"\0".to_vec(), bytes].concat()]
    {
        let why = Message::parse(&bytes).unwrap_err();
        assert!(!format!("{why} {why:?}").contains("5ec2e7"), "{why}");
        assert!(matches!(read(&bytes), SipMessage::Unreadable { .. }));
    }
}

#[test]
fn defect_17_no_header_takes_more_than_linear_time() {
    let time_of = |size: usize, unit: &str, name: &str| {
        let line = format!("{name}: {}", unit.repeat((size - 400) / unit.len()));
        let bytes = register(&[&line]);
        (0..3)
            .map(|_| {
                let begin = processor_time();
                let summary = message(&bytes).summary().clone();
                assert_eq!(summary.cseq, 7);
                processor_time() - begin
            })
            .min()
            .unwrap()
    };
    for name in ["Contact", "Route", "Record-Route", "Alert-Info", "Via"] {
        for unit in ["a;b,", "\"", "\\\"", "<", "<>,", ";", ",", "=", "\"<", "%", "@", "sip:a@b?"] {
            let (small, large) = (time_of(16_000, unit, name), time_of(64_000, unit, name));
            // Four times the length: four times the time if linear, sixteen times if quadratic. The floor is for noise.
            assert!(large < small * 10 + Duration::from_millis(20), "{name} {unit}: {small:?} {large:?}");
        }
    }
}

/// What this thread has computed so far, whatever else the machine is busy with.
fn processor_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

#[test]
fn a_head_of_nothing_but_lines_takes_linear_time_and_too_long_a_message_is_refused() {
    let mut bytes = register(&[]);
    bytes.truncate(bytes.len() - 2);
    while bytes.len() < MAX_MESSAGE - 10 {
        bytes.extend(b"m:*\n");
    }
    bytes.extend(b"\r\n");
    assert!(message(&bytes).summary().contacts.len() > 15_000);
    bytes.resize(MAX_MESSAGE + 1, b'x');
    assert_eq!(Message::parse(&bytes).unwrap_err().offset, MAX_MESSAGE);
}

#[test]
fn addresses_of_record_are_compared_without_needless_escapes_port_and_case_of_the_host() {
    for (value, record) in [
        ("<sip:1001@Bench.TEST:5060;transport=tcp>;tag=x", Some(("1001", "bench.test"))),
        ("\"Bob <x>\" <sips:b%6fb@h>", Some(("bob", "h"))),
        ("sip:a%40b@h", Some(("a%40b", "h"))),
        ("<sip:10%2@h>", Some(("10%2", "h"))),
        ("<sip:1:secret@h>", Some(("1", "h"))),
        ("<sip:h>", None),
        ("<tel:+4912>", None),
        ("*", None),
        ("", None),
        ("<sip:1@>", None),
        ("<sip:1@h:99999>", None),
    ] {
        let record = record.map(|(user, host): (&str, &str)| (user.to_owned(), host.to_owned()));
        assert_eq!(address_of_record(value), record, "{value}");
    }
    assert_eq!(summary(&["To: <tel:+4912>"]).to, "tel:+4912");
    assert_eq!(summary(&["From: <sip:h>;tag=1"]).from, "sip:h");
}

#[test]
fn sip_and_keep_alives_are_recognised() {
    for text in ["REGISTER sip:a SIP/2.0\r\n", "\r\nSIP/2.0 200 OK\r\n", "sip/2.0 100 ", "X y SIP/3.0\nmore"] {
        assert!(looks_like_sip(text.as_bytes()), "{text}");
        assert!(!is_keep_alive(text.as_bytes()));
    }
    for text in ["", "\r\n\r\n", "GET / HTTP/1.1\r\n", "SIP/\r\n", "INVITE", "SIP/x y"] {
        assert!(!looks_like_sip(text.as_bytes()), "{text}");
    }
    for bytes in [&b""[..], b"\r\n\r\n", b"\r\n", b"\0\0\0\0"] {
        assert!(is_keep_alive(bytes));
        assert!(Message::parse(bytes).is_err());
    }
}

#[test]
fn an_overlarge_number_is_named_and_not_cut() {
    let summary =
        summary(&["CSeq: 36893488147419103232 REGISTER", "Expires: 99999999999", "Contact: <sip:1@h>;expires=-1"]);
    assert_eq!((summary.cseq, summary.expires, summary.contacts[0].expires), (0, None, None));
    assert_eq!(summary.oddities, ["an unreadable number of seconds", "an unreadable CSeq number"]);
}

#[test]
fn retry_after_is_read_before_its_comment() {
    let bytes =
        build_response(503, "No", &[("Retry-After", "120;duration=60 (maintenance)"), ("Min-Expires", "60")], b"");
    let summary = message(&bytes.unwrap()).summary().clone();
    assert_eq!((summary.retry_after, summary.min_expires), (Some(120), Some(60)));
}

/// Text that a header value may hold.
fn value_text() -> impl Strategy<Value = String> {
    "[ -~äß€]{0,40}".prop_map(|text| text.trim().to_owned())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read(&bytes), looks_like_sip(&bytes), is_keep_alive(&bytes));
    }

    #[test]
    fn no_header_value_makes_the_reader_panic(value in "[ -~\\PC\"<>;,=:@?%\\\\]{0,80}") {
        let lines: Vec<String> =
            ["Via", "From", "To", "Contact", "CSeq", "Expires"].iter().map(|name| format!("{name}: {value}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let _ = read(&register(&lines));
        let _ = address_of_record(&value);
    }

    #[test]
    fn what_is_built_is_read_again(
        method in "[A-Za-z!.%*_+`'~-]{1,12}",
        uri in "(sip|sips|SIP|tel|x):[!-~]{1,30}",
        names in prop::collection::vec("X-[A-Za-z]{1,8}", 0..5),
        value in value_text(),
        body in prop::collection::vec(any::<u8>(), 0..100),
        code in 100..700_u16,
    ) {
        let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
        let request = Message::parse(&build_request(&method, &uri, &headers, &body).unwrap()).unwrap();
        prop_assert_eq!(request.start(), &SipStart::Request { method, uri });
        prop_assert_eq!(request.body(), &body);
        for name in &names {
            prop_assert_eq!(request.header(name), Some(&*value));
        }
        let response = Message::parse(&build_response(code, &value, &headers, &body).unwrap()).unwrap();
        prop_assert_eq!(response.start(), &SipStart::Response { code, reason: value.clone() });
        prop_assert_eq!(response.body(), &body);
    }

    #[test]
    fn splitting_loses_nothing_but_separators_and_spaces(text in "[a\"<>;, \\\\]{0,30}") {
        let joined: String = value::pieces(&text, Some(b',')).collect();
        let strip = |text: &str| text.replace([',', ' '], "");
        prop_assert_eq!(strip(&joined), strip(&text));
    }
}
