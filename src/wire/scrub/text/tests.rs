//! What becomes of texts: their shape, what stays in them, and that no two become one.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new(&Key([9; 32]))
}

fn written(text: &str, kind: Kind) -> String {
    let mut bytes = text.as_bytes().to_vec();
    pseudonyms().write_over(&mut bytes, kind);
    assert_eq!(bytes.len(), text.len());
    String::from_utf8(bytes).unwrap()
}

fn identity(text: &str) -> String {
    written(text, Kind::Identity)
}

/// Digits as `9`, letters as `A` and `a`.
fn shape(text: &str) -> String {
    let of = |char: char| match char {
        '0'..='9' => '9',
        'A'..='Z' => 'A',
        'a'..='z' => 'a',
        other => other,
    };
    text.chars().map(of).collect()
}

#[test]
fn the_same_number_and_the_same_name_have_one_pseudonym_wherever_they_stand() {
    let (number, name) = (identity("1001"), identity("anna"));
    assert_ne!((&*number, &*name), ("1001", "anna"));
    assert_eq!(identity("anna.1001-anna1001"), format!("{name}.{number}-{name}{number}"));
    assert_eq!(identity("+1001 ANNA"), format!("+{number} {}", name.to_uppercase()));
    let escaped = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    assert_eq!(escaped(&written("%31001,%61nna,an%6ea", Kind::Escaped)), format!("{number},{name},{name}"));
    assert_eq!(written("%2a1001%23", Kind::Escaped), format!("%2a{number}%23"));
}

#[test]
fn every_version_gives_the_pseudonyms_that_the_first_one_gave() {
    // Captures that were scrubbed at different times are compared with each other.
    let texts = "1001 0701234567 Anna 10.77.0.11 2001:db8::11 00:08:5d:23:74:29 +46-8";
    assert_eq!(identity(texts), "5379 0594006410 Wlxg 10.52.5.86 38d3:f2d::6b 00:08:5d:08:c2:0a +72-4");
    assert_eq!(written("3ae6b036-30b5", Kind::Token), "1cc5f109-29a1");
}

#[test]
fn shapes_stay() {
    for text in
        ["Anna Berg (Reception)", "+46 8 123 45 67", "pbx-1.example.com", "0701234567", "J\u{f6}rg \u{c5}.", "a_b~c!"]
    {
        let after = identity(text);
        assert_eq!(
            shape(&after).replace(|char: char| !char.is_ascii(), "?"),
            shape(text).replace(|char: char| !char.is_ascii(), "?"),
            "{text}"
        );
        assert_ne!(after, text);
    }
    assert!(identity("0701234567").starts_with('0') && !identity("7012345670").starts_with('0'));
}

#[test]
fn no_two_short_numbers_or_names_become_one() {
    for len in 1..=3 {
        let all: Vec<String> =
            (0..10_usize.pow(len)).map(|number| format!("{number:0width$}", width = len as usize)).collect();
        let images: BTreeSet<String> = all.iter().map(|number| identity(number)).collect();
        assert_eq!(images, all.into_iter().collect(), "{len} digits: a permutation");
    }
    let all: Vec<String> = ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a}{b}"))).collect();
    assert_eq!(all.iter().map(|name| identity(name)).collect::<BTreeSet<_>>().len(), 676);
}

#[test]
fn another_key_gives_other_pseudonyms() {
    let with = |key: u8| {
        let mut text = *b"1001 anna 10.77.123.211 00:08:5d:23:74:29";
        Pseudonyms::new(&Key([key; 32])).write_over(&mut text, Kind::Identity);
        String::from_utf8(text.to_vec()).unwrap()
    };
    assert_eq!(with(1), with(1));
    for (one, other) in with(1).split(' ').zip(with(2).split(' ')) {
        assert_ne!(one, other);
    }
}

#[test]
fn addresses_in_text_are_those_of_the_headers() {
    let v4 = pseudonyms().ip("10.77.0.11".parse().unwrap());
    assert_eq!(identity("sip 10.77.0.11:5060").split_once(' ').unwrap().1.split_once(':').unwrap().0, v4.to_string());
    for (text, kind) in [("10.77.0.11", Kind::Token), ("10.77.0.11", Kind::Free), ("10.77.0.11", Kind::Escaped)] {
        assert_eq!(written(text, kind), v4.to_string());
    }
    assert_eq!(written("1001 IN IP4 10.77.0.11", Kind::Addresses), format!("1001 IN IP4 {v4}"));
    for text in ["2001:db8::11", "2001:0DB8::0011", "fd00:0:0:1::", "1:2:3:4:5:6:7:8", "::2", "64:ff9b::a4d:b"] {
        let (address, after) = (text.parse::<Ipv6Addr>().unwrap(), identity(text));
        assert_eq!(after.parse::<IpAddr>().unwrap(), pseudonyms().ip(address.into()), "{text}: {after}");
        assert_eq!(shape(&after).to_lowercase().replace('9', "a"), shape(text).to_lowercase().replace('9', "a"));
    }
    assert_eq!(identity("::ffff:10.77.0.11"), format!("::ffff:{v4}"));
    let mac = Mac(pseudonyms().mac([0, 8, 0x5d, 0x23, 0x74, 0x29])).to_string();
    let bare = mac.replace(':', "");
    assert_eq!(identity("00:08:5d:23:74:29"), mac);
    assert_eq!(identity("00-08-5D-23-74-29"), mac.replace(':', "-").to_uppercase());
    assert_eq!(identity("0008.5d23.7429"), format!("{}.{}.{}", &bare[..4], &bare[4..8], &bare[8..]));
    assert_eq!(identity("SIP_00085d237429"), format!("{}{bare}", identity("SIP_")));
}

#[test]
fn what_is_nobodys_name_stays() {
    for text in ["Anonymous", "anonymous@anonymous.invalid", "localhost", "127.0.0.1", "0.0.0.0", "-", ""] {
        assert_eq!(identity(text), text);
    }
    for text in [
        "dropped by outage 1",
        "canary; dropped by outage 1234",
        "made by the bridge for outage 2",
        "leak: it left although an outage was in force",
        "Address Incomplete",
        "call failed after 32 s",
    ] {
        let expected = if text.contains("Incomplete") || text.contains("32") { None } else { Some(text) };
        assert_eq!(expected.unwrap_or(&written(text, Kind::Free)), written(text, Kind::Free));
    }
    let after = written("Call to Anna at 1001 failed", Kind::Free);
    assert_eq!(after, format!("Call to {} at {} failed", identity("Anna"), identity("1001")));
}

#[test]
fn the_name_of_a_program_stays_but_for_addresses() {
    for text in ["Aastra 6731i/3.3.1.4305-SIP", "Yealink SIP-T27G 69.85.0.5", "baresip v1.1.0 (x86_64/linux)"] {
        assert_eq!(written(text, Kind::Product), text);
    }
    let bare = Mac(pseudonyms().mac([0, 8, 0x5d, 0x23, 0x74, 0x29])).to_string().replace(':', "");
    assert_eq!(written("Mitel/5.1 00085D237429", Kind::Product), format!("Mitel/5.1 {}", bare.to_uppercase()));
    let mut pseudonyms = pseudonyms();
    let met = pseudonyms.ip("10.77.0.2".parse().unwrap());
    let mut text = *b"SBC 4.2.0.1 at 10.77.0.2";
    pseudonyms.write_over(&mut text, Kind::Product);
    assert_eq!(String::from_utf8_lossy(&text), format!("SBC 4.2.0.1 at {met}"));
}

#[test]
fn tokens_change_as_a_whole_and_keep_their_digits() {
    let after = written("3ae6b03630b5b413", Kind::Token);
    assert_eq!(shape(&after), shape("3ae6b03630b5b413"));
    assert!(after.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let other = written("3ae6b03630b5b414", Kind::Token);
    assert!(after.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count() > 8, "{after} {other}");
    assert_eq!(written("3AE6B03630B5B413", Kind::Token), after.to_uppercase());
    assert_eq!(written("Xz-_.~", Kind::Token).chars().skip(2).collect::<String>(), "-_.~");
}

#[test]
fn a_uuid_made_of_a_mac_address_stays_so() {
    let bare = Mac(pseudonyms().mac([0, 8, 0x5d, 0x23, 0x74, 0x29])).to_string().replace(':', "");
    let text = "<urn:uuid:00000000-0000-1000-8000-00085D237429>";
    assert_eq!(written(text, Kind::Uuid), format!("<urn:uuid:00000000-0000-1000-8000-{}>", bare.to_uppercase()));
    let timed = written("urn:uuid:f81d4fae-7dec-11d0-a765-00085d237429", Kind::Uuid);
    assert!(timed.ends_with(&bare) && !timed.contains("f81d4fae"), "{timed}");
    let random = written("urn:uuid:f81d4fae-7dec-41d0-a765-00085d237429", Kind::Uuid);
    assert!(random.starts_with("urn:uuid:") && !random.contains("00085d") && !random.contains(&bare), "{random}");
    assert_eq!(shape(&written("urn:uuid:short", Kind::Uuid)), "aaa:aaaa:aaaaa");
}

#[test]
fn of_what_nobody_can_tell_only_lines_are_left() {
    assert_eq!(written("Hello 1001\r\n\u{e4}", Kind::Unknown), "xxxxxxxxxx\r\nxx");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn numbers_and_names_of_any_length_stay_different(a in "[0-9]{1,40}|[a-z]{1,45}", b in "[0-9]{1,40}|[a-z]{1,45}") {
        prop_assert_eq!(identity(&a) == identity(&b), a == b);
        prop_assert_eq!(shape(&identity(&a)), shape(&a));
        prop_assert_eq!(written(&a, Kind::Token) == written(&b, Kind::Token), a == b);
    }

    #[test]
    fn no_bytes_change_length_or_line(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[ -~\r\n]{0,60}|[0-9a-f:.%-]{0,40}") {
        let mut pseudonyms = pseudonyms();
        for kind in [Kind::Identity, Kind::Escaped, Kind::Token, Kind::Free, Kind::Product, Kind::Addresses, Kind::Uuid, Kind::Unknown] {
            for bytes in [&bytes[..], text.as_bytes()] {
                let mut after = bytes.to_vec();
                pseudonyms.write_over(&mut after, kind);
                prop_assert_eq!(after.len(), bytes.len());
                let lines = |bytes: &[u8]| -> Vec<usize> { memchr::memchr2_iter(b'\r', b'\n', bytes).collect() };
                prop_assert_eq!(lines(&after), lines(bytes));
                prop_assert!(str::from_utf8(bytes).is_err() || str::from_utf8(&after).is_ok());
            }
        }
    }
}
