//! What other makers' phones and servers write, and what is read of it. Where nothing else is said nothing is odd about it.

use super::*;

#[test]
fn contacts_are_read_in_every_spelling() {
    let plain = |uri: &str| contact(uri, None, None);
    let lasting = |uri: &str, seconds: u32| contact(uri, Some(seconds), None);
    let instance = "<urn:uuid:00000000-0000-1000-8000-00085D123456>";
    for (line, read) in [
        ("<sip:1001@10.77.0.11>", vec![plain("sip:1001@10.77.0.11")]),
        ("sip:1001@10.77.0.11:5060", vec![plain("sip:1001@10.77.0.11:5060")]),
        ("sip:1001@10.77.0.11;expires=60", vec![lasting("sip:1001@10.77.0.11", 60)]),
        // Without brackets the parameters are those of the header (RFC 3261 section 20.10).
        ("sip:1001@10.77.0.11;transport=tcp;expires=60", vec![lasting("sip:1001@10.77.0.11", 60)]),
        (
            "<sip:1001@10.77.0.11;transport=tcp;expires=9>;expires=60",
            vec![lasting("sip:1001@10.77.0.11;transport=tcp;expires=9", 60)],
        ),
        ("<sip:a@b>;EXPIRES=0060", vec![lasting("sip:a@b", 60)]),
        ("<sip:a@b> ;\texpires = \"60\" ", vec![lasting("sip:a@b", 60)]),
        ("<sip:a@b>;expires=0", vec![lasting("sip:a@b", 0)]),
        ("<sip:a@b>;expires=4294967295", vec![lasting("sip:a@b", u32::MAX)]),
        ("<sip:a@b>;message-expires=7;x-expires=8;expires2=9", vec![plain("sip:a@b")]),
        ("\"A, B\" <sip:a@b>,\"C; <sip:x@y>\" <sip:c@d>;expires=5", vec![plain("sip:a@b"), lasting("sip:c@d", 5)]),
        ("<sip:a,b;c?d@e>", vec![plain("sip:a,b;c?d@e")]),
        ("Anna <sip:a@b>, <tel:+4912>;expires=3", vec![plain("sip:a@b"), lasting("tel:+4912", 3)]),
        (
            "<sip:[2001:db8::11]:5060>;expires=6,<sip:1@[::1];transport=udp>",
            vec![lasting("sip:[2001:db8::11]:5060", 6), plain("sip:1@[::1];transport=udp")],
        ),
        ("<sips:%2B49@b?Route=%3Csip:c%3E>", vec![plain("sips:%2B49@b?Route=%3Csip:c%3E")]),
        ("<sip:a@b>;q=0.7;methods=\"INVITE, ACK\"", vec![SipContact { q: Some(700), ..plain("sip:a@b") }]),
        (
            "<sip:a@b>;q=1;audio;mobility=\"fixed\";actor=\"principal\"",
            vec![SipContact { q: Some(1000), ..plain("sip:a@b") }],
        ),
        (
            "<sip:a@b>;reg-id=2;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00085D123456>\";expires=8",
            vec![SipContact { reg_id: Some(2), ..contact("sip:a@b", Some(8), Some(instance)) }],
        ),
        (
            "sip:a@b;+SIP.INSTANCE=\"<urn:uuid:00000000-0000-1000-8000-00085D123456>\";+u.sip!model=\"6\\\"8\"",
            vec![contact("sip:a@b", None, Some(instance))],
        ),
    ] {
        assert_eq!(contacts(&format!("Contact: {line}")), read, "{line}");
        let spread: Vec<String> = value::split(line, true).map(|value| format!("m:{value}")).collect();
        let spread: Vec<&str> = spread.iter().map(String::as_str).collect();
        assert_eq!(summary(&spread).contacts, read, "{spread:?}");
    }
}

#[test]
fn parties_are_read_in_every_spelling() {
    for (value, record, tag) in [
        ("<sip:1001@bench.test>;tag=a1", "1001@bench.test", Some("a1")),
        ("sip:1001@bench.test;tag=a1", "1001@bench.test", Some("a1")),
        ("sip:1001@bench.test;user=phone;tag=a1", "1001@bench.test", Some("a1")),
        ("<sip:1001@bench.test;tag=no>", "1001@bench.test", None),
        ("<sip:1001@bench.test;user=phone> ; TAG = a-1.b ;x", "1001@bench.test", Some("a-1.b")),
        ("\"Anna \\\"<A>\\\" \\\\\" <sip:1001@bench.test>;tag=1", "1001@bench.test", Some("1")),
        ("\"M\u{fc}ller, B.; x\"<sip:1001@bench.test>;tag=1", "1001@bench.test", Some("1")),
        ("Anna Berg<sip:1001@Bench.Test:5060>;tag=1", "1001@bench.test", Some("1")),
        ("<sips:1001@bench.test>", "1001@bench.test", None),
        ("<SIP:1001:secret@BENCH.test>", "1001@bench.test", None),
        ("<sip:%31001@bench.test>", "1001@bench.test", None),
        ("<sip:a%40b@bench.test>", "a%40b@bench.test", None),
        ("<sip:*21*1001%23@bench.test>", "*21*1001%23@bench.test", None),
        ("<sip:1001;phone-context=x@bench.test>", "1001;phone-context=x@bench.test", None),
        ("<sip:who?@bench.test>", "who?@bench.test", None),
        ("<sip:1001@[2001:DB8::2]:5061;transport=tcp>;tag=1", "1001@[2001:db8::2]", Some("1")),
        ("<sip:1001@10.77.0.2>", "1001@10.77.0.2", None),
        ("<sip:bench.test>", "sip:bench.test", None),
        ("<tel:+49-12;phone-context=x>;tag=1", "tel:+49-12;phone-context=x", Some("1")),
        ("isbn:2983792873", "isbn:2983792873", None),
        ("\"\" <sip:1001@bench.test>", "1001@bench.test", None),
    ] {
        let summary = summary(&[&format!("From:{value}"), &format!("t:\t{value} ")]);
        assert_eq!((summary.from.as_str(), summary.from_tag.as_deref()), (record, tag), "{value}");
        assert_eq!((summary.to.as_str(), summary.to_tag.as_deref()), (record, tag), "{value}");
        assert_eq!(summary.oddities, [""; 0], "{value}");
    }
}

#[test]
fn an_address_that_is_no_clear_one_is_named_and_what_is_unclear_stays_out() {
    for (value, record, tag, oddity) in [
        ("\"Anna <sip:1001@bench.test>;tag=1", "1001@bench.test", Some("1"), "an unbalanced quote or bracket"),
        ("\"Anna <sip:1@a> <sip:2@b>;tag=1", "", Some("1"), "an unreadable address"),
        ("\"Anna <sip:1@a>, \"B\" <sip:2@b>;tag=1", "", Some("1"), "an unreadable address"),
        ("<sip:1@a> <sip:2@b>;tag=1", "", Some("1"), "an unreadable address"),
        ("<sip:1@a> x;tag=1", "1@a", Some("1"), "text between an address and its parameters"),
        ("<sip:1@a;tag=1", "", Some("1"), "an unbalanced quote or bracket"),
        ("<sip:1@a>;x=\"y;tag=1", "1@a", None, "an unbalanced quote or bracket"),
        ("< sip:1@a >;tag=1", "1@a", Some("1"), "white space around a URI"),
        ("Berg, Anna <sip:1@a>;tag=1", "1@a", Some("1"), "a display name that needs quotes"),
        ("<sip:1@a>;tag=1;tag=1", "1@a", Some("1"), "a parameter is repeated"),
        ("<sip:1@a>;tag=1;tag=2", "1@a", None, "repeated parameters contradict each other"),
        ("<sip:1@a>;;tag=1", "1@a", Some("1"), "an empty parameter"),
        ("<sip:1@a:99999>", "", None, "an unreadable address"),
        ("<sip:1@2001:db8::1>", "", None, "an unreadable address"),
        ("<sip:1@>", "", None, "an unreadable address"),
        ("<sip:1@a b>", "", None, "an unreadable address"),
        ("1001", "", None, "an unreadable address"),
        ("<>", "", None, "an unreadable address"),
        ("sip:1@a?x=y", "1@a", None, "headers in a URI without angle brackets"),
        ("", "", None, "a required header is missing"),
    ] {
        for name in ["From", "To"] {
            let summary = summary(&[&format!("{name}: {value}")]);
            let read = if name == "From" { (summary.from, summary.from_tag) } else { (summary.to, summary.to_tag) };
            assert_eq!((read.0.as_str(), read.1.as_deref()), (record, tag), "{value}");
            assert!(summary.oddities.iter().any(|found| found == oddity), "{value}: {:?}", summary.oddities);
        }
    }
}

#[test]
fn a_contact_that_is_no_clear_one_is_named_and_what_is_unclear_stays_out() {
    let plain = |uri: &str| contact(uri, None, None);
    for (line, read, oddity) in [
        ("<sip:a@b>;expires=never", vec![plain("sip:a@b")], "an unreadable number of seconds"),
        ("<sip:a@b>;expires=", vec![plain("sip:a@b")], "an unreadable number of seconds"),
        ("<sip:a@b>;expires", vec![plain("sip:a@b")], "an unreadable number of seconds"),
        ("<sip:a@b>;expires=4294967296", vec![plain("sip:a@b")], "an unreadable number of seconds"),
        ("<sip:a@b>;expires=60;expires=0", vec![plain("sip:a@b")], "repeated parameters contradict each other"),
        ("<sip:a@b>;methods=\"INVITE, ACK;expires=60", vec![plain("sip:a@b")], "an unbalanced quote or bracket"),
        ("<sip:a@b>,", vec![plain("sip:a@b")], "an empty Contact"),
        ("", vec![], "an empty Contact"),
        ("*;expires=0", vec![contact("*", Some(0), None)], "a wildcard that is more than that"),
        ("<*>", vec![plain("*")], "a wildcard that is more than that"),
        ("*, <sip:a@b>", vec![plain("*"), plain("sip:a@b")], "a wildcard among other contacts"),
        ("*", vec![plain("*")], "a wildcard without Expires: 0"),
        ("sip:a@b?Route=c", vec![plain("sip:a@b?Route=c")], "headers in a URI without angle brackets"),
        ("<sip:a@b:x>", vec![plain("sip:a@b:x")], "an unreadable address"),
    ] {
        let summary = summary(&[&format!("Contact: {line}")]);
        assert_eq!(summary.contacts, read, "{line}");
        assert!(summary.oddities.iter().any(|found| found == oddity), "{line}: {:?}", summary.oddities);
    }
}

#[test]
fn the_topmost_via_names_the_transaction_in_every_spelling() {
    for (lines, branch) in [
        (&["Via: SIP/2.0/UDP 10.77.0.11;branch=z9hG4bK1"][..], "z9hG4bK1"),
        (&["Via:SIP/2.0/UDP 10.77.0.11:5060;rport;branch=z9hG4bK1;received=10.0.0.1"], "z9hG4bK1"),
        (&["V : SIP / 2.0 / UDP  phone.bench.test : 5060 ; BRANCH = z9hG4bK1"], "z9hG4bK1"),
        (&["Via: SIP/2.0/ UDP\th;branch=z9hG4bK1"], "z9hG4bK1"),
        (&["via: sip/2.0/tcp h;alias;branch=\"z9hG4bK1\""], "z9hG4bK1"),
        (&["Via: SIP/2.0/TLS-SCTP [2001:db8::1]:5061;branch=z9hG4bK1"], "z9hG4bK1"),
        (&["Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK1"], "z9hG4bK1"),
        (&["Via: SIP/2.0/UDP h;branch=z9hG4bK1,SIP/2.0/UDP i;branch=z9hG4bK2"], "z9hG4bK1"),
        (&["Via: SIP/2.0/UDP h, SIP/2.0/UDP i;branch=z9hG4bK2"], ""),
        (&["Via: SIP/2.0/UDP h;branch=z9hG4bK1", "Via: SIP/2.0/UDP i;branch=z9hG4bK2"], "z9hG4bK1"),
        (&["Via: SIP/2.0/UDP h;x=\";branch=z9hG4bK2\";branch=z9hG4bK1"], "z9hG4bK1"),
        (&["Via: SIP/2.0/UDP h;branch=390skdjuw"], "390skdjuw"),
    ] {
        let summary = summary(lines);
        assert_eq!((summary.branch.as_str(), summary.oddities), (branch, vec![]), "{lines:?}");
    }
    for (line, branch, oddity) in [
        ("Via: SIP/2.0/UDP;branch=z9hG4bK1", "z9hG4bK1", "an unreadable Via"),
        ("Via: SIP/3.0/UDP h;branch=z9hG4bK1", "z9hG4bK1", "an unreadable Via"),
        ("Via: h;branch=z9hG4bK1", "z9hG4bK1", "an unreadable Via"),
        ("Via: SIP/2.0/UDP h:x;branch=z9hG4bK1", "z9hG4bK1", "an unreadable Via"),
        ("Via: ,SIP/2.0/UDP h;branch=z9hG4bK1", "", "an unreadable Via"),
        ("Via: SIP/2.0/UDP h;;branch=z9hG4bK1", "z9hG4bK1", "an empty parameter"),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1;branch=z9hG4bK2", "", "repeated parameters contradict each other"),
        ("Via: SIP/2.0/UDP h;x=\"y;branch=z9hG4bK1", "", "an unbalanced quote or bracket"),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK", "z9hG4bK", "a branch that is unique to nothing"),
        ("Via:", "", "an unreadable Via"),
    ] {
        let summary = summary(&[line]);
        assert_eq!(summary.branch, branch, "{line}");
        assert!(summary.oddities.iter().any(|found| found == oddity), "{line}: {:?}", summary.oddities);
    }
}

#[test]
fn numbers_are_read_in_every_spelling_and_none_is_guessed() {
    for (value, seconds, odd) in [
        ("3600", Some(3600), false),
        ("03600", Some(3600), false),
        ("0", Some(0), false),
        ("4294967295", Some(u32::MAX), false),
        ("3600;foo", Some(3600), false),
        ("3600 ;foo=bar", Some(3600), false),
        ("120 (back soon)", Some(120), false),
        ("4294967296", None, true),
        ("-1", None, true),
        ("+60", None, true),
        ("60.5", None, true),
        ("60s", None, true),
        ("60 120", None, true),
        ("60, 120", None, true),
        ("\"60\"", None, true),
        ("Thu, 01 Dec 1994 16:00:00 GMT", None, true),
        ("", None, true),
    ] {
        let lines: Vec<String> = ["Expires", "Min-Expires", "RETRY-AFTER"].map(|name| format!("{name}:{value}")).into();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let summary = summary(&lines);
        assert_eq!([summary.expires, summary.min_expires, summary.retry_after], [seconds; 3], "{value}");
        assert_eq!(summary.oddities, if odd { vec!["an unreadable number of seconds"] } else { vec![] }, "{value}");
    }
    for (value, number, method, oddities) in [
        ("7 REGISTER", 7, "REGISTER", &[][..]),
        ("0007\t REGISTER", 7, "REGISTER", &[]),
        ("0 REGISTER", 0, "REGISTER", &[]),
        ("2147483647 REGISTER", i32::MAX as u32, "REGISTER", &[]),
        ("2147483648 REGISTER", 1 << 31, "REGISTER", &["an unreadable CSeq number"]),
        ("4294967296 REGISTER", 0, "REGISTER", &["an unreadable CSeq number"]),
        ("7", 7, "", &["the method of CSeq differs"]),
        ("7 register", 7, "register", &["the method of CSeq differs"]),
        ("7REGISTER", 0, "", &["an unreadable CSeq number", "the method of CSeq differs"]),
        ("REGISTER 7", 0, "", &["an unreadable CSeq number", "the method of CSeq differs"]),
        ("-7 REGISTER", 0, "", &["an unreadable CSeq number"]),
    ] {
        let summary = summary(&[&format!("cseq:{value}")]);
        assert_eq!((summary.cseq, summary.method.as_str()), (number, method), "{value}");
        assert_eq!(summary.oddities, oddities, "{value}");
    }
    for (value, odd) in
        [("70", false), ("0", false), ("255", false), ("0068", false), ("256", true), ("x", true), ("", true)]
    {
        assert_eq!(summary(&[&format!("Max-Forwards: {value}")]).oddities.len(), usize::from(odd), "{value}");
    }
    for (value, q) in [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("1.000", Some(1000)),
        ("1.", Some(1000)),
        ("1.001", None),
        ("2", None),
        ("0.1234", None),
        (".5", None),
        ("x", None),
    ] {
        assert_eq!(summary(&[&format!("Contact: <sip:a@b>;q={value}")]).contacts[0].q, q, "{value}");
    }
}

#[test]
fn what_is_said_twice_counts_only_if_it_is_the_same() {
    let usual = summary(&[]);
    let repeated = ["a header that is single is repeated"];
    let contradicted = ["a header that is single is repeated", "repeated headers contradict each other"];
    for line in
        ["Call-ID: c1@10.77.0.11", "f: <sip:1001@bench.test>;tag=f1", "To: <sip:1001@bench.test>", "cseq: 7 REGISTER"]
    {
        let (name, _) = line.split_once(':').unwrap();
        let summary = summary_of(&with(&[line]));
        assert_eq!(summary, SipSummary { oddities: repeated.map(str::to_owned).into(), ..usual.clone() }, "{name}");
    }
    let odd = contradicted.map(str::to_owned).to_vec();
    for (line, read) in [
        ("i: c2@10.77.0.11", SipSummary { call_id: String::new(), ..usual.clone() }),
        ("From: <sip:1002@bench.test>;tag=f1", SipSummary { from: String::new(), from_tag: None, ..usual.clone() }),
        ("To: <sip:1002@bench.test>", SipSummary { to: String::new(), ..usual.clone() }),
        ("CSeq: 8 REGISTER", SipSummary { cseq: 0, method: String::new(), ..usual.clone() }),
    ] {
        assert_eq!(summary_of(&with(&[line])), SipSummary { oddities: odd.clone(), ..read }, "{line}");
    }
    let expires = summary_of(&with(&["Expires: 60", "Expires: 0", "Event: a", "Event: b"]));
    assert_eq!((expires.expires, expires.event, expires.oddities), (None, None, odd));
}

/// The usual REGISTER with these lines behind the usual ones.
fn with(lines: &[&str]) -> Vec<u8> {
    let mut text = String::from_utf8(register(&[])).unwrap();
    text.truncate(text.len() - 2);
    (text + &lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

#[test]
fn start_lines_are_read_in_every_spelling_that_is_clear() {
    let request = |method: &str, uri: &str| SipStart::Request { method: method.into(), uri: uri.into() };
    let response = |code, reason: &str| SipStart::Response { code, reason: reason.into() };
    for (line, start, oddity) in [
        ("REGISTER sip:bench.test SIP/2.0", request("REGISTER", "sip:bench.test"), None),
        (
            "REGISTER sip:[2001:db8::2]:5061;transport=tcp SIP/2.0",
            request("REGISTER", "sip:[2001:db8::2]:5061;transport=tcp"),
            None,
        ),
        ("NOTIFY sip:a;b=c@d?e SIP/2.0", request("NOTIFY", "sip:a;b=c@d?e"), Some("headers in the Request-URI")),
        ("KDMQ sip:dmq@10.77.0.2 SIP/2.0", request("KDMQ", "sip:dmq@10.77.0.2"), None),
        ("INVITE tel:+4912 sip/2.0", request("INVITE", "tel:+4912"), Some("the version in lower case")),
        ("REGISTER  sip:a  SIP/2.0", request("REGISTER", "sip:a"), Some("more than one space in the start line")),
        ("REGISTER\tsip:a SIP/2.0", request("REGISTER", "sip:a"), Some("a tab in the start line")),
        ("REGISTER sip:a SIP/2.0 ", request("REGISTER", "sip:a"), Some("white space around the start line")),
        (" REGISTER sip:a SIP/2.0", request("REGISTER", "sip:a"), Some("white space around the start line")),
        ("REGISTER <sip:a> SIP/2.0", request("REGISTER", "<sip:a>"), Some("angle brackets around the Request-URI")),
        ("REGISTER sip:a; lr SIP/2.0", request("REGISTER", "sip:a; lr"), Some("white space in the Request-URI")),
        ("SIP/2.0 200 OK", response(200, "OK"), None),
        ("SIP/2.0 200 ", response(200, ""), None),
        ("SIP/2.0 200", response(200, ""), Some("no space behind the status code")),
        ("SIP/2.0 699 L\u{e4}uft nicht  mehr", response(699, "L\u{e4}uft nicht  mehr"), None),
        ("SIP/2.0 401 a\tb", response(401, "a\tb"), None),
        ("SIP/2.0  401 x", response(401, "x"), Some("more than one space in the start line")),
        ("SIP/2.0\t401 x", response(401, "x"), Some("a tab in the start line")),
        ("sIp/2.0 100 Trying", response(100, "Trying"), Some("the version in lower case")),
    ] {
        let text = String::from_utf8(register(&[])).unwrap().replace("REGISTER sip:bench.test SIP/2.0", line);
        let summary = summary_of(text.replace("7 REGISTER", &cseq_of(&start)).as_bytes());
        assert_eq!(summary.start, start, "{line}");
        assert_eq!(summary.oddities, oddity.into_iter().collect::<Vec<_>>(), "{line}");
    }
    for line in [
        "REGISTER",
        "REGISTER sip:a",
        "REGISTER sip:a SIP/3.0",
        "REGISTER sip:a SIP/2.0x",
        "REGISTER SIP/2.0",
        "REGISTER  SIP/2.0",
        "RE(GISTER sip:a SIP/2.0",
        "SIP/2.0",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 x",
        "SIP/2.0 700 x",
        "SIP/2.0 +20 x",
        "SIP/2.1 200 OK",
        "SIP/2.0-200 OK",
        "GET / HTTP/1.1",
        "REGISTER sip:a SIP / 2.0",
    ] {
        let text = String::from_utf8(register(&[])).unwrap().replace("REGISTER sip:bench.test SIP/2.0", line);
        assert_eq!(Message::parse(text.as_bytes()).unwrap_err().offset, 0, "{line}");
        assert!(Message::parse(format!("\r\n{text}").as_bytes()).is_err_and(|why| why.offset == 2), "{line}");
    }
}

fn cseq_of(start: &SipStart) -> String {
    let SipStart::Request { method, .. } = start else { return "7 REGISTER".to_owned() };
    format!("7 {method}")
}

#[test]
fn careless_lines_are_read_and_named() {
    let usual = summary(&["Contact: <sip:1001@10.77.0.11>;expires=60"]);
    let text = String::from_utf8(register(&["Contact: <sip:1001@10.77.0.11>;expires=60"])).unwrap();
    for (careless, oddity) in [
        (text.replace(": ", ":"), None),
        (text.replace(": ", " \t:\t  "), None),
        (text.replace("\r\nFrom:", "\r\nFROM:"), None),
        (text.replace(";expires", "\r\n ;expires"), None),
        (text.replace(": ", ":\r\n\t"), None),
        (text.replace(";expires", "\r\n \r\n\t;expires"), None),
        (text.replace("Call-ID", "Supported:\r\nSubject: \r\nX-Empty:\r\nCall-ID"), None),
        (text.replace('\r', ""), Some("lines that end without CR")),
        (text.replace("From", "no header\r\nFrom"), Some("a header line without a name")),
        (text.replace("From", "no header\r\n ;folded: yes\r\nFrom"), Some("a header line without a name")),
        (text.replace("From", "From (me): x\r\nFrom"), Some("a header line without a name")),
        (text.replace("From", ": x\r\nFrom"), Some("a header line without a name")),
        (text.replace("\r\nVia", "\r\n folded\r\nVia"), Some("a folded start line")),
        (text.replace("UDP 10", "UDP\r10"), Some("a CR within a line")),
        (format!("\r\n\r\n{text}"), Some("blank lines ahead of the start line")),
        (format!("{text}more"), None),
        (
            format!("{}\r\n\0\u{1}\u{fffd}", text.replace("Call-ID", "l: 5\r\nCall-ID")),
            Some("surplus bytes behind the body"),
        ),
    ] {
        let summary = summary_of(careless.as_bytes());
        assert_eq!(summary.oddities, oddity.into_iter().collect::<Vec<_>>(), "{careless}");
        assert_eq!(SipSummary { oddities: vec![], ..summary }, usual, "{careless}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_stay_different_from_each_other() {
    let latin = |user: u8| {
        let mut bytes = register(&["To: \"M?ller\" <sip:m?ller@bench.test>"]);
        bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = user);
        summary_of(&bytes)
    };
    assert_eq!(latin(0xfc).to, "m\u{fc}ller@bench.test");
    assert_eq!(latin(0xe4).to, "m\u{e4}ller@bench.test");
    assert_eq!(latin(0xfc).oddities, ["bytes that are not UTF-8 in the head"]);
    let utf_8 = summary(&["To: \"M\u{fc}ller\" <sip:m\u{fc}ller@bench.test>"]);
    assert_eq!((utf_8.to.as_str(), utf_8.oddities.len()), ("m\u{fc}ller@bench.test", 0));
}

#[test]
fn a_nul_is_at_home_in_a_quoted_pair_only() {
    assert_eq!(summary(&["To: \"a\\\0b\" <sip:1001@bench.test>"]).oddities, [""; 0]);
    for line in ["Call-ID: c\x001", "To: \"a\0b\" <sip:1001@bench.test>", "X-Any: \0"] {
        assert_eq!(summary(&[line]).oddities, ["a NUL in the head"], "{line}");
    }
}

#[test]
fn challenges_and_credentials_show_their_nonce() {
    let request = |line: &str| {
        let summary = summary(&[line]);
        assert_eq!(summary.oddities, [""; 0]);
        (summary.authorized, summary.nonce.unwrap_or_default())
    };
    for (line, nonce) in [
        ("Authorization: Digest username=\"a\",realm=\"b, nonce=x\",nonce=\"n1\",uri=\"sip:b\",response=\"0\"", "n1"),
        ("Authorization: digest cnonce=\"c\", NONCE = n1 , nc=00000001", "n1"),
        ("proxy-authorization:Digest\tnonce=\"n\\\"1\"", "n\"1"),
        ("Authorization: Digest algorithm=AKAv1-MD5, nonce=\"n1\"", "n1"),
        ("Authorization: Digest , ,nonce=\"\"", ""),
        ("Authorization: Digest nonce=\"n1", "\"n1"),
        ("Authorization: Basic bm9uY2U=", ""),
        ("Authorization: NoOneKnowsThisScheme opaque-data=here", ""),
    ] {
        assert_eq!(request(line), (true, nonce.to_owned()), "{line}");
    }
    let response = |lines: &[(&str, &str)]| {
        let read = summary_of(&build_response(401, "Unauthorized", lines, b"").unwrap());
        (read.nonce.unwrap_or_default(), read.stale_nonce)
    };
    let www = "WWW-Authenticate";
    for (lines, nonce, stale) in [
        (&[(www, "Digest realm=\"a\", nonce=\"n1\"")][..], "n1", false),
        (&[(www, "Digest algorithm=MD5,stale=TRUE,nonce=\"n1\",qop=\"auth,auth-int\",realm=\"a\"")], "n1", true),
        (&[(www, "Digest nonce=n1, stale=\"true\""), (www, "Digest nonce=n2, algorithm=sha-256")], "n2", false),
        (&[("Proxy-Authenticate", "Digest nonce=n1, algorithm=SHA-256"), (www, "Digest nonce=n2")], "n1", false),
        (&[(www, "Digest nonce=n1"), (www, "Digest nonce=n2")], "n1", false),
        (&[(www, "Negotiate"), (www, "Digest nonce=n2, algorithm=SHA-512-256")], "n2", false),
        (&[("Authorization", "Digest nonce=n1")], "", false),
    ] {
        assert_eq!(response(lines), (nonce.to_owned(), stale), "{lines:?}");
    }
    let long = "n".repeat(500);
    assert_eq!(request(&format!("Authorization: Digest nonce={long}")).1.len(), 128);
}

#[test]
fn a_message_of_64_kb_is_read() {
    let long = "x".repeat(MAX_MESSAGE - register(&["X: "]).len());
    let bytes = register(&[&format!("X: {long}")]);
    assert_eq!(bytes.len(), MAX_MESSAGE);
    assert_eq!(summary_of(&bytes), summary(&[]));
    assert!(Message::parse(&[&bytes[..], b"y"].concat()).is_err());
}

/// Messages in the manner of makers whose phones stand on many desks; no copies.
#[test]
fn messages_of_many_makes_are_read_whole() {
    for (text, call, agent, contacts) in [
        (
            "REGISTER sip:bench.test:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 10.77.0.21;branch=z9hG4bK2f0c7b9aD41A77E0\r\n\
             From: \"Lab 21\" <sip:1021@bench.test>;tag=E1C03A5-9A41F200\r\n\
             To: <sip:1021@bench.test>\r\n\
             CSeq: 1 REGISTER\r\n\
             Call-ID: 8e3f7c1a-d0b2c4e6-5a9b1c3d@10.77.0.21\r\n\
             Contact: <sip:1021@10.77.0.21>;methods=\"INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\"\r\n\
             User-Agent: PolycomVVX-VVX_350-UA/5.9.0.9373\r\nAccept-Language: en\r\nMax-Forwards: 70\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
            "8e3f7c1a-d0b2c4e6-5a9b1c3d@10.77.0.21",
            "PolycomVVX-VVX_350-UA/5.9.0.9373",
            vec![contact("sip:1021@10.77.0.21", None, None)],
        ),
        (
            "REGISTER sip:10.77.0.2 SIP/2.0\r\n\
             Via: SIP/2.0/TCP 10.77.0.22:51622;branch=z9hG4bK0d5e21ab\r\n\
             From: <sip:1022@10.77.0.2>;tag=a0b1c2d3e4f500025be1c9a7-2b1d0e6f\r\n\
             To: <sip:1022@10.77.0.2>\r\n\
             Call-ID: a0b1c2d3-e4f50002-11aa22bb-33cc44dd@10.77.0.22\r\n\
             Max-Forwards: 70\r\nDate: Wed, 25 Nov 2026 20:02:40 GMT\r\nCSeq: 101 REGISTER\r\n\
             User-Agent: Cisco-CP8851/14.1.1\r\n\
             Contact: <sip:4c5d6e7f-0a1b@10.77.0.22:51622;transport=tcp>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-a0b1c2d3e4f5>\";+u.sip!devicename.ccm.cisco.com=\"SEPA0B1C2D3E4F5\";+u.sip!model.ccm.cisco.com=\"684\"\r\n\
             Supported: replaces,join,sdp-anat,norefersub,X-cisco-callinfo\r\nReason: SIP;cause=200;text=\"cisco-alarm:25 Name=SEPA0B1C2D3E4F5 Last=reset-reset\"\r\n\
             Expires: 3600\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\nContent-Length: 5\r\n\r\n<x/>\n",
            "a0b1c2d3-e4f50002-11aa22bb-33cc44dd@10.77.0.22",
            "Cisco-CP8851/14.1.1",
            vec![contact(
                "sip:4c5d6e7f-0a1b@10.77.0.22:51622;transport=tcp",
                None,
                Some("<urn:uuid:00000000-0000-0000-0000-a0b1c2d3e4f5>"),
            )],
        ),
        (
            "REGISTER sip:bench.test SIP/2.0\r\n\
             v:SIP/2.0/UDP 10.77.0.23:3072;branch=z9hG4bK-k1h2g3f4;rport\r\n\
             f:\"23\"\r\n\t<sip:1023@bench.test>;tag=w2e3r4t5\r\n\
             t:\"23\" <sip:1023@bench.test>\r\ni:313738-q1w2e3\r\nCSeq:2 REGISTER\r\nMax-Forwards:70\r\n\
             User-Agent:snomD785/10.1.54.13\r\n\
             m:<sip:1023@10.77.0.23:3072;line=a1b2c3>;reg-id=1;q=1.0;+sip.instance=\"<urn:uuid:11b2c3d4-0000-4000-8000-000413aabbcc>\";\r\n audio;mobility=\"fixed\";duplex=\"full\";description=\"snomD785\";actor=\"principal\";events=\"dialog\";\r\n methods=\"INVITE,ACK,CANCEL,BYE,REFER,OPTIONS,NOTIFY,SUBSCRIBE,PRACK,MESSAGE,INFO\"\r\n\
             o: dialog\r\nk:path,gruu\r\nExpires:3600\r\nl:0\r\n\r\n",
            "313738-q1w2e3",
            "snomD785/10.1.54.13",
            vec![SipContact {
                q: Some(1000),
                reg_id: Some(1),
                ..contact(
                    "sip:1023@10.77.0.23:3072;line=a1b2c3",
                    None,
                    Some("<urn:uuid:11b2c3d4-0000-4000-8000-000413aabbcc>"),
                )
            }],
        ),
        (
            "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 10.77.0.24;rport=5060;branch=z9hG4bK24;received=10.77.0.24\r\n\
             f: <sip:1024@bench.test>;tag=24\r\nt: <sip:1024@bench.test>;tag=Xa9U5mH4gQc0K\r\ni: 24\r\nCSeq: 9 REGISTER\r\n\
             m: <sip:1024@10.77.0.24:5060;fs_nat=yes;fs_path=sip%3A1024%4010.77.0.24%3A5060>;expires=3600\r\n\
             Date: Wed, 25 Nov 2026 20:02:40 GMT\r\nUser-Agent: FreeSWITCH-mod_sofia/1.10\r\nk: timer, path, replaces\r\nl: 0\r\n\r\n",
            "24",
            "FreeSWITCH-mod_sofia/1.10",
            vec![contact(
                "sip:1024@10.77.0.24:5060;fs_nat=yes;fs_path=sip%3A1024%4010.77.0.24%3A5060",
                Some(3600),
                None,
            )],
        ),
        (
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.77.0.25:5060;rport=5060;received=10.77.0.25;branch=z9hG4bKPj0b1c\r\n\
             Call-ID: 5f0e\r\nFrom: <sip:1025@bench.test>;tag=f\r\nTo: <sip:1025@bench.test>;tag=z9hG4bKPj0b1c\r\n\
             CSeq: 31245 REGISTER\r\nDate: Wed, 25 Nov 2026 20:02:40 GMT\r\n\
             Contact: <sip:1025@10.77.0.25:5060;ob>;expires=299, <sip:1025@10.77.0.26:5060;transport=TCP;ob>;expires=12\r\n\
             Expires: 300\r\nServer: Asterisk PBX 20.1.0\r\nContent-Length:  0\r\n\r\n",
            "5f0e",
            "Asterisk PBX 20.1.0",
            vec![
                contact("sip:1025@10.77.0.25:5060;ob", Some(299), None),
                contact("sip:1025@10.77.0.26:5060;transport=TCP;ob", Some(12), None),
            ],
        ),
        (
            "REGISTER sip:10.77.0.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.27:5061;branch=z9hG4bK-2347-1-0\r\n\
             From: sipp <sip:1027@10.77.0.2:5061>;tag=2347SIPpTag001\r\nTo: 1027 <sip:1027@10.77.0.2:5060>\r\n\
             Call-ID: 1///1-2347@10.77.0.27\r\nCSeq: 1 REGISTER\r\nContact: sip:1027@10.77.0.27:5061\r\nMax-Forwards: 70\r\n\
             User-Agent: SIPp\r\nExpires: 60\r\nContent-Length:     0\r\n\r\n",
            "1///1-2347@10.77.0.27",
            "SIPp",
            vec![contact("sip:1027@10.77.0.27:5061", None, None)],
        ),
        (
            "REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/TLS 10.77.0.28:5061;branch=z9hG4bK1_2e5a7b_I1028\r\nContent-Length: 0\r\nMax-Forwards: 70\r\n\
             Contact: <sip:1028@10.77.0.28:5061;transport=tls;subid_ipcs=2210>;q=1;expires=3600;+avaya-cm-line=1;+avaya.firmware=9611;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-2cf4c5aabbcc>\"\r\n\
             Expires: 3600\r\nTo: sip:1028@bench.test\r\nFrom: sip:1028@bench.test;tag=-2e5a7b1c3d_F102810.77.0.28\r\n\
             Call-ID: 1_2e5a7b-1c3d4e_R@10.77.0.28\r\nCSeq: 1 REGISTER\r\nUser-Agent: Avaya one-X Deskphone 7.1.15\r\n\r\n",
            "1_2e5a7b-1c3d4e_R@10.77.0.28",
            "Avaya one-X Deskphone 7.1.15",
            vec![SipContact {
                q: Some(1000),
                reg_id: Some(1),
                ..contact(
                    "sip:1028@10.77.0.28:5061;transport=tls;subid_ipcs=2210",
                    Some(3600),
                    Some("<urn:uuid:00000000-0000-1000-8000-2cf4c5aabbcc>"),
                )
            }],
        ),
    ] {
        let summary = summary_of(text.as_bytes());
        assert_eq!(summary.oddities, [""; 0], "{text}");
        assert_eq!((summary.call_id.as_str(), summary.agent.as_deref()), (call, Some(agent)));
        assert_eq!(summary.contacts, contacts, "{text}");
        assert_eq!(summary.from, summary.to);
        assert!(summary.from_tag.is_some() && summary.branch.starts_with("z9hG4bK") && summary.method == "REGISTER");
        assert_eq!(Reader::by_shape().read(text.as_bytes()), SipMessage::Read(Box::new(summary)));
    }
}
