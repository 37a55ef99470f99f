//! Secrets in every dress they have been seen in, and innocents that must stay.

use proptest::prelude::*;

use super::*;
use crate::{
    config::Mac,
    wire::{
        digest::{Challenge, Credentials},
        frame::{Body, Content, Frame, udp_frame},
    },
};

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let changed = sip_in_place(&mut bytes);
    let after = String::from_utf8(bytes).unwrap();
    assert_eq!(after.len(), text.len());
    assert_eq!(changed, after != text, "{text}");
    after
}

#[test]
fn every_secret_is_masked_and_nothing_around_it() {
    for (text, secret) in [
        ("Authorization: Digest nonce=\"ab12\", response=\"5ec2e7ab\", cnonce=\"9\"\r\n", "5ec2e7ab"),
        ("authorization:Digest RESPONSE = \"5ec2e7ab\"\r\n", "5ec2e7ab"),
        ("Authorization: Digest\r\n response=\r\n\t\"5ec2e7ab\",x=1", "5ec2e7ab"),
        ("Proxy-Authorization: Digest response=5ec2e7ab, uri=\"sip:a\"", "5ec2e7ab"),
        ("Authentication-Info: rspauth=\"5ec2e7ab\"", "5ec2e7ab"),
        ("Authorization: Digest response=\"5ec2e7a", "5ec2e7a"),
        ("Authorization: Basic dXNlcjpwYXNz\r\n", "dXNlcjpwYXNz"),
        ("pin=\r\nPIN: 4711470815\r\n", "4711470815"),
        ("<password>\r\n  hush hush\r\n</password>", "hush hush"),
        ("<pin>\r\nPIN: 4711470815", "PIN: 4711470815"),
        ("Digest response=\r\nresponse=\"0123456789abcdef\"", "0123456789abcdef"),
        ("Authorization: Basic \r\nAuthorization: Basic dXNlcjpwYXNz\r\n", "dXNlcjpwYXNz"),
        ("Authorization:\r\n  BASIC\r\n dXNlcjpwYXM=\r\nX: y", "dXNlcjpwYXM="),
        ("Authorization: Bearer abc.def-1_2~/+==\r\n", "abc.def-1_2~/+=="),
        ("Contact: <sip:1001:s3cr,et@10.0.0.1:5060>", "s3cr,et"),
        ("sip line1 password: hunter2\r\n", "hunter2"),
        ("a=1&sip_password=hunter2&b=2", "hunter2"),
        ("<line><password>hunter2</password></line>", "hunter2"),
        ("{\"Password\": \"hunter 2\", \"x\": 1}", "hunter 2"),
        ("admin pwd='hunter2'", "hunter2"),
        ("<Parameter>sip line1 password</Parameter><Value>hunter2</Value>", "hunter2"),
        ("<Parameter>sip line1 password</Parameter>\r\n <Value><![CDATA[hunter2]]></Value>", "hunter2"),
        ("<Parameter>sip line1 password</Parameter><Value>hun", "hun"),
        ("rd</Parameter><Value>hunter2</Value>", "hunter2"),
        ("GET /logon?mac=00085d770001&extension=1001&pin=4711 HTTP/1.1", "4711"),
        ("INVITE sip:*11*4711*1001%23@a SIP/2.0", "4711"),
        ("INVITE sip:%2A11%2a4711%2A1001@a SIP/2.0", "4711"),
        ("dial *11*4711*1001#", "4711"),
        ("dialled *11*4711", "4711"),
        ("pin 4711 accepted", "4711"),
        ("PIN: 4711", "4711"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19z+/c2VtY3Rs==|2^20|1:4", "WVNfX19z+/c2VtY3Rs=="),
        ("c=IN IP4 10.0.0.1\r\nk=base64:WVNfX19zc2VtY3Rs\r\n", "WVNfX19zc2VtY3Rs"),
        ("a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\n", "x9cml/YzichV2+XlhiMu8g"),
        ("Signal=4\r\nDuration=160\r\n", "4"),
        ("INFO sip:a SIP/2.0\r\n\r\nSignal = *\r\n", "*"),
        ("cret@10.0.0.1:5060>\r\n", "cret"),
    ] {
        let expected = text.replacen(secret, &"x".repeat(secret.len()), 1);
        assert_eq!(masked(text), expected);
        assert_eq!(masked(&expected), expected, "masking again changes nothing");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for innocent in [
        "WWW-Authenticate: Digest realm=\"a\", nonce=\"5ec2e7ab\", opaque=\"77\", qop=\"auth\"\r\n",
        "WWW-Authenticate: Basic realm=\"a\"\r\n",
        "Authorization: Digest username=\"u\", nonce=\"5e\", cnonce=\"c2\", nc=00000001, uri=\"sip:a\"\r\n",
        "Contact: <sip:1001@10.77.0.11:5060;transport=udp>, <sip:10.77.0.2:5060>\r\n",
        "REGISTER sip:bench.test SIP/2.0\r\nCall-ID: 12ab\"34\r\n",
        "User-Agent: Basic Phone 1.0\r\n",
        "<Parameter>sip line1 password</Parameter><Value></Value>",
        "<Parameter>sip proxy ip</Parameter><Value>10.77.0.2</Value>",
        "#11#",
        "spinning 12 pins, bypass=1",
        "*11#",
        "no response from 10.77.0.2",
        "the signal = 5 dB",
        "a=ice-ufrag:F7gI\r\n",
        "\u{16}\u{3}\u{1}@",
    ] {
        assert_eq!(masked(innocent), innocent);
    }
    for innocent in ["reg 1001 ok", "1001", "deadbeef0", "5", "c0ffee\" said"] {
        assert!(matches!(text(innocent), Cow::Borrowed(_)), "{innocent}");
    }
    assert_eq!(text("typed *11*4711*1001#"), "typed *11*xxxx*1001#");
    assert_eq!(text("Password: gehäim"), "Password: xxxxxxx");
}

#[test]
fn a_password_cut_off_is_masked_where_the_cut_is_known() {
    for (text, secret) in
        [("sip:1001:s3cr", "s3cr"), ("Contact: <sips:1001:4711", "4711"), ("<sip:1001", ""), ("<sip:1001@a:5", "")]
    {
        let mut bytes = text.as_bytes().to_vec();
        let secrets = sip_secrets(&bytes, true);
        assert_eq!(overwrite(&mut bytes, &secrets), !secret.is_empty(), "{text}");
        let expected = text.strip_suffix(secret).unwrap_or(text).to_owned() + &"x".repeat(secret.len());
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
    assert_eq!(masked("see sip:10.0.0.1:5060"), "see sip:10.0.0.1:5060");
}

#[test]
fn a_response_cut_by_a_segment_border_is_masked_on_both_sides() {
    let response = "0123456789abcdef0123456789abcdef";
    let whole = format!("Authorization: Digest nonce=\"77\", response=\"{response}\", uri=\"sip:a\"\r\n");
    let begin = whole.find("response").unwrap() + 1;
    for border in begin..whole.find(", uri").unwrap() {
        let (left, right) = whole.split_at(border);
        let both = masked(left) + &masked(right);
        let rest: String = both.chars().filter(char::is_ascii_hexdigit).collect();
        let clean: String = whole.replace(response, "").chars().filter(char::is_ascii_hexdigit).collect();
        assert_eq!(rest, clean, "cut at {border}: {left}|{right}");
    }
}

fn phone_frame(source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    udp_frame(mac, mac, Some(77), source.parse().unwrap(), destination.parse().unwrap(), payload)
}

#[test]
fn a_masked_frame_has_its_secret_gone_and_its_sums_right() {
    for (source, destination) in [("10.0.0.1:5060", "10.0.0.2:5060"), ("[fd00::1]:5060", "[fd00::2]:5060")] {
        let secret = phone_frame(source, destination, b"X: response=\"5ec2e7ab\"");
        let mut frame = secret.clone();
        assert!(frame_in_place(&mut frame));
        assert_eq!(frame, phone_frame(source, destination, b"X: response=\"xxxxxxxx\""), "sums included");
        let before = frame.clone();
        assert!(!frame_in_place(&mut frame));
        assert_eq!(frame, before);
    }
}

#[test]
fn what_carries_a_packet_without_ports_is_masked_too() {
    let payload = b"12345678X: response=\"5ec2e7ab\"";
    let mut icmp = phone_frame("10.0.0.1:1", "10.0.0.2:2", payload);
    icmp[27] = 1;
    let mut fragment = phone_frame("10.0.0.1:1", "10.0.0.2:2", payload);
    fragment[25] = 9;
    let mut cut = phone_frame("10.0.0.1:1", "10.0.0.2:2", payload);
    cut.truncate(cut.len() - 1);
    for (mut frame, what) in [(icmp, "ICMP"), (fragment, "fragment"), (cut, "cut")] {
        assert!(frame_in_place(&mut frame), "{what}");
        assert!(memchr::memmem::find(&frame, b"5ec2").is_none(), "{what}");
        let read = Frame::parse(&frame);
        match what {
            "ICMP" => assert!(matches!(&read.unwrap().content, Content::Ip(p) if matches!(p.body, Body::Icmp { .. }))),
            "fragment" => {
                assert!(matches!(&read.unwrap().content, Content::Ip(p) if matches!(p.body, Body::Fragment { .. })))
            }
            _ => assert!(read.is_err()),
        }
    }
}

#[test]
fn the_worst_buffers_take_linear_time() {
    // Work is bounded by the regex engine, which never backtracks: this guards against patterns that it refuses.
    for unit in ["sip:", "sip:a:", "response=", "*11*", "pin ", "basic ", ":basic ", "password"] {
        let mut bytes = unit.repeat(64_000 / unit.len()).into_bytes();
        let len = bytes.len();
        sip_in_place(&mut bytes);
        assert_eq!(bytes.len(), len);
    }
}

/// What secrets, and what only looks like them, are made of.
const PIECES: [&str; 24] = [
    "response",
    "rspauth",
    "=",
    ":",
    "\"",
    "sip:",
    "u",
    "47",
    "@",
    "passWORD",
    "pin ",
    "</parameter><value>",
    "<",
    ">",
    "*11*",
    "%2a",
    "inline:",
    "k=base64:",
    "\r\n",
    "signal",
    "Authorization:",
    "n ",
    "basic ",
    "bearer\r\n ",
];

proptest! {
    #[test]
    fn no_answer_to_a_challenge_survives(
        user in "[a-z0-9.]{1,8}", realm in "[a-z.]{1,8}", password in "[a-z]{1,9}", sha: bool, qop_auth: bool, fold: bool,
    ) {
        use crate::wire::digest::Algorithm;
        let algorithm = if sha { Algorithm::Sha256 } else { Algorithm::Md5 };
        let challenge = Challenge { realm, nonce: "n".into(), opaque: None, algorithm, qop_auth, stale: false };
        let mut value = Credentials::answer(&challenge, "REGISTER", "sip:h", &user, &password, "c", 1);
        if fold {
            value = value.replace(", ", ",\r\n  ").replace("response=", "response =\r\n ");
        }
        let after = masked(&format!("Authorization: {value}\r\n"));
        let credentials = Credentials::parse(after.trim().trim_start_matches("Authorization: ")).unwrap();
        prop_assert_eq!(&credentials.username, &user);
        prop_assert!(!credentials.verify("REGISTER", &password));
        let mask = "x".repeat(if sha { 64 } else { 32 });
        prop_assert!(after.contains(&mask));
    }

    #[test]
    fn no_line_is_passed_over_in_which_a_pattern_finds_something(
        pieces in prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..8),
    ) {
        let text = pieces.concat();
        prop_assert_eq!(text_secrets(text.as_bytes()), found(text.as_bytes(), &SECRET_PATTERNS), "{}", text);
    }

    #[test]
    fn masking_keeps_every_length(mut bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,40}(password: |pin )\\PC{0,20}") {
        let len = bytes.len();
        sip_in_place(&mut bytes);
        frame_in_place(&mut bytes);
        prop_assert_eq!(bytes.len(), len);
        prop_assert_eq!(super::text(&text).len(), text.len());
    }
}
