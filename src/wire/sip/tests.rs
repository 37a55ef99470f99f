//! What is read, in plain messages and in any bytes.

use proptest::prelude::*;

use super::*;
use crate::event::SipContact;

mod habits;
mod hostile;
mod rsip_defects;

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
            date: None,
            authorized: true,
            agent: Some("Aastra 6731i/2.6.0.2019".into()),
            event: None,
            subscription_state: None,
            content_type: None,
            audio: None,
            nonce: None,
            stale_nonce: false,
            oddities: vec![],
        }
    );
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
    let summary = summary_of(&bytes.unwrap());
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
    fn an_address_is_read_the_same_at_a_glance_and_with_care(
        uri in "sip:[a1]{0,3}@?[a-cA:;?% .,<>\"\\[\\]0-9@]{0,12}(:[0-9]{1,6})?(;[a-c =@?<>\"]{0,5}){0,2}",
        rest in "(|[;, a])(tag=[a-c1\"\\\\;]{0,5}|[a-c=;,\"<> ]{0,8}|expires=6[;,a]?)",
        name in "(|\"[a, ;]{0,4}\" ?)",
    ) {
        // With a name out of quotes it is none of the forms that are read in a few steps.
        let (plain, other) = (format!("{name}<{uri}>{rest}"), format!("x <{uri}>{rest}"));
        let reading = |value: &str| read(&register(&[&format!("From: {value}"), &format!("Contact: {value}")]));
        prop_assert_eq!(reading(&plain), reading(&other), "{} and {}", plain, other);
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
        let joined: String = value::split(&text, true).collect();
        let strip = |text: &str| text.replace([',', ' '], "");
        prop_assert_eq!(strip(&joined), strip(&text));
        prop_assert_eq!(value::split(&text, false).collect::<String>(), text.trim());
    }
}

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
    let name = |line: &str| name::long(line.split([':', ' ']).next().unwrap_or_default()).to_ascii_lowercase();
    for line in usual.iter().filter(|line| lines.iter().all(|own| name(own) != name(line))).chain(lines) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    (text + "\r\n").into_bytes()
}

fn message(bytes: &[u8]) -> Message {
    Message::parse(bytes).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(bytes)))
}

fn summary_of(bytes: &[u8]) -> SipSummary {
    message(bytes).summary().clone()
}

/// Of a REGISTER with these lines.
fn summary(lines: &[&str]) -> SipSummary {
    summary_of(&register(lines))
}

/// Of a REGISTER with this line, about which nothing is odd.
fn contacts(line: &str) -> Vec<SipContact> {
    let summary = summary(&[line]);
    assert_eq!(summary.oddities, [""; 0], "{line}");
    summary.contacts
}

fn contact(uri: &str, expires: Option<u32>, instance: Option<&str>) -> SipContact {
    SipContact { uri: uri.to_owned(), expires, instance: instance.map(str::to_owned), q: None, reg_id: None }
}
