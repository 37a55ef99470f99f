//! Labs of frames, the drafts of them, and that every draft is a bench file, whatever phones say.

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Identity, Role},
    wire::{capture::CaptureReader, frame::TcpSegment},
};
use lab::{Lab, SECOND, Voice, address, behind, end, loaded, models};

mod lab;
mod proxies;

const A: u8 = 2;
const B: u8 = 3;
const ROUTER: Mac = Mac([0x00, 0x1b, 0x21, 0, 0, 1]);

/// A line that loses its primary, moves, and comes back.
fn there_and_back(lab: &mut Lab, phone: lab::End, voice: &Voice, [home, other]: [u8; 2]) {
    lab.register(phone, end(home), voice);
    lab.wait(40);
    lab.ask(phone, end(home), voice);
    lab.wait(4);
    lab.register(phone, end(other), voice);
    lab.wait(40);
    lab.ask(phone, end(home), voice);
    lab.wait(4);
    lab.register(phone, end(other), voice);
    lab.wait(40);
    lab.register(phone, end(home), voice);
    lab.wait(1);
}

#[test]
fn a_lab_is_written_as_it_was_seen_and_what_was_not_seen_is_marked() {
    let mut lab = Lab::new();
    lab.vlan = Some(77);
    lab.sides = [(0, Some("enp3s0")), (1, Some("enp4s0"))];
    lab.copies = Some(60_000);
    for (last, user) in [(11, "1001"), (12, "1002")] {
        there_and_back(&mut lab, end(last), &Voice::of(user), [A, B]);
    }
    let other =
        Voice { agent: "Yealink SIP-T46S 66.85.0.5".to_owned(), auth_user: "u1003".to_owned(), ..Voice::of("1003") };
    lab.register(end(13), end(A), &other);
    lab.register(end(13), end(A), &Voice { record: "sip:1004@10.77.0.2".to_owned(), ..other });
    let text = lab.text();
    insta::assert_snapshot!("a-lab", text);
    let (bench, _) = loaded(&text);
    let network = bench.network.unwrap();
    assert_eq!((network.phone_side.as_str(), network.server_side.as_str()), ("enp3s0", "enp4s0"));
    assert_eq!(network.vlan, Some(77));
    let roles: Vec<_> = bench.servers.iter().map(|server| (server.role, server.addresses.clone())).collect();
    assert_eq!(roles, [(Role::Primary, vec![address(A)]), (Role::Backup, vec![address(B)])]);
    let macs: Vec<_> = bench.phones.iter().map(|phone| (phone.name.0.as_str(), phone.mac().unwrap())).collect();
    assert_eq!(macs, [("p1", end(11).mac), ("p2", end(12).mac), ("p3", end(13).mac)]);
    let lines: Vec<_> = bench.phones[2].lines.iter().map(|it| (it.extension.as_str(), it.domain.as_deref())).collect();
    assert_eq!(lines, [("1003", Some("bench.test")), ("1004", None)]);
}

#[test]
fn who_is_the_primary_is_a_guess_until_a_line_left_it_in_need_and_came_back_by_itself() {
    let (phone, voice) = (end(11), Voice::of("1001"));
    let mut lab = Lab::new();
    lab.register(phone, end(B), &voice);
    lab.wait(40);
    lab.ask(phone, end(B), &voice);
    lab.wait(4);
    lab.register(phone, end(A), &voice);
    let text = lab.text();
    assert_eq!(primary(&text), (address(B), false), "it may have lost its backup:\n{text}");

    let mut lab = Lab::new();
    // Somebody else was registered at the backup first.
    lab.register(end(12), end(B), &Voice::of("1002"));
    there_and_back(&mut lab, phone, &voice, [A, B]);
    let text = lab.text();
    assert_eq!(primary(&text), (address(A), true), "{text}");
    // What p2 was seen to do is told, and to be confirmed.
    let (bench, _) = loaded(&text);
    assert_eq!(bench.phones[1].lines[0].primary.0, "b");
}

#[test]
fn a_line_that_is_registered_at_both_servers_prefers_none() {
    let (phone, voice) = (end(11), Voice::of("1001"));
    let mut lab = Lab::new();
    for _ in 0..3 {
        lab.register(phone, end(A), &voice);
        lab.register(phone, end(B), &voice);
        lab.wait(40);
        lab.ask(phone, end(A), &voice);
        lab.wait(4);
        lab.register(phone, end(B), &voice);
        lab.wait(40);
    }
    assert_eq!(primary(&lab.text()), (address(A), false));
}

#[test]
fn lines_at_home_on_either_server_have_their_own_and_nobody_has_one_server_twice() {
    let mut lab = Lab::new();
    there_and_back(&mut lab, end(11), &Voice::of("1001"), [A, B]);
    there_and_back(&mut lab, end(12), &Voice::of("1002"), [B, A]);
    lab.register(end(13), end(B), &Voice::of("1003"));
    let (bench, _) = loaded(&lab.text());
    let homes: Vec<_> = bench.phones.iter().map(|phone| &phone.lines[0]).collect();
    let homes: Vec<_> =
        homes.iter().map(|line| (line.primary.0.as_str(), line.backup.as_ref().unwrap().0.as_str())).collect();
    assert_eq!(homes, [("a", "b"), ("b", "a"), ("b", "a")]);
}

#[test]
fn what_somebody_has_said_of_a_server_counts_more_than_what_was_seen_first() {
    let mut settings = Settings::default();
    settings.name_server(address(B), Role::Primary);
    settings.name_server(address(9), Role::Backup);
    let mut lab = Lab::knowing(settings);
    lab.register(end(11), end(A), &Voice::of("1001"));
    let text = lab.text();
    let (bench, _) = loaded(&text);
    let roles: Vec<_> = bench.servers.iter().map(|server| (server.role, server.addresses[0])).collect();
    assert_eq!(roles, [(Role::Primary, address(B)), (Role::Backup, address(9)), (Role::Other, address(A))]);
    assert!(text.contains("given by --primary") && text.contains("nobody asked it: it was not seen"), "{text}");
}

#[test]
fn phones_behind_a_router_are_told_apart_by_address_and_known_by_it() {
    let mut lab = Lab::new();
    for last in [11, 12] {
        lab.register(behind(ROUTER, last), end(A), &Voice::of(&format!("10{last}")));
    }
    let text = lab.text();
    let (bench, _) = loaded(&text);
    let known: Vec<_> = bench.phones.iter().map(|phone| phone.identity.clone()).collect();
    let routed = |last| Identity::Routed { routed: vec![address(last)], mac: None };
    assert_eq!(known, [routed(11), routed(12)]);
    assert!(text.contains(&format!("{ROUTER}, which carried its packets, is a router's")), "{text}");
    assert!(text.contains("routed = true"), "{text}");
    assert!(!text.contains("the MAC of"), "{text}");
}

#[test]
fn a_phone_that_got_another_address_is_one_phone_and_one_that_got_an_address_of_another_s_is_another() {
    let mut lab = Lab::new();
    lab.register(end(11), end(A), &Voice::of("1001"));
    let moved = lab::End { mac: end(11).mac, ..end(21) };
    lab.wait(1);
    lab.register(moved, end(A), &Voice::of("1001"));
    let heir = lab::End { mac: end(12).mac, ..end(11) };
    lab.wait(1);
    lab.register(heir, end(A), &Voice::of("1002"));
    // Where it was last is taken already, and where it was before is free.
    lab.wait(1);
    let late = lab::End { mac: end(13).mac, ..end(13) };
    lab.register(late, end(A), &Voice::of("1003"));
    lab.wait(1);
    lab.register(lab::End { mac: late.mac, ..end(11) }, end(A), &Voice::of("1003"));
    let text = lab.text();
    let (bench, _) = loaded(&text);
    let phones: Vec<_> =
        bench.phones.iter().map(|it| (it.mac().unwrap(), it.address, it.lines[0].extension.as_str())).collect();
    assert_eq!(
        phones,
        [
            (end(12).mac, Some(address(11)), "1002"),
            (end(13).mac, Some(address(13)), "1003"),
            (end(11).mac, Some(address(21)), "1001")
        ],
        "an address stands once:\n{text}"
    );
}

#[test]
fn servers_behind_a_router_are_written_and_the_router_is_named() {
    let mut lab = Lab::new();
    lab.register(end(11), behind(ROUTER, A), &Voice::of("1001"));
    lab.register(end(12), behind(ROUTER, B), &Voice::of("1002"));
    let text = lab.text();
    assert!(text.contains("its MAC also carried 10.77.0.3: a router's, unless they are one machine"), "{text}");
    loaded(&text);
}

#[test]
fn an_extension_that_two_phones_use_stands_with_the_first_and_one_that_is_none_with_nobody() {
    let mut lab = Lab::new();
    lab.register(end(11), end(A), &Voice::of("1001"));
    lab.register(end(12), end(A), &Voice::of("1001"));
    lab.register(end(12), end(A), &Voice::of("10;01"));
    let text = lab.text();
    let (bench, _) = loaded(&text);
    assert_eq!(bench.phones[0].lines[0].extension, "1001");
    assert_eq!(bench.phones[1].lines[0].extension, "CHANGEME-p2");
    assert!(text.contains("it also registered as 1001, which stands with p1"), "{text}");
    assert!(text.contains("`10;01`, which can not be an extension"), "{text}");
}

#[test]
fn not_even_the_name_of_a_placeholder_makes_two_lines_one() {
    let mut lab = Lab::new();
    lab.register(end(11), end(A), &Voice::of("CHANGEME-p2"));
    lab.register(end(12), end(A), &Voice::of("not;one"));
    lab.register(end(13), end(A), &Voice::of("CHANGEME-p2-"));
    let (bench, _) = loaded(&lab.text());
    let extensions: Vec<_> = bench.phones.iter().map(|phone| phone.lines[0].extension.as_str()).collect();
    assert_eq!(extensions, ["CHANGEME-p2", "CHANGEME-p2-", "CHANGEME-p3"]);
}

#[test]
fn vlans_that_differ_are_told_and_none_is_written_for_all() {
    let mut lab = Lab::new();
    lab.vlan = Some(77);
    lab.register(end(11), end(A), &Voice::of("1001"));
    lab.vlan = None;
    lab.register(end(12), end(A), &Voice::of("1002"));
    let text = lab.text();
    assert_eq!(loaded(&text).0.network.unwrap().vlan, None);
    assert!(text.contains("1 line and 1 server untagged, 1 line and 1 server in"), "{text}");
}

#[test]
fn what_a_server_s_address_offers_besides_sip_stands_with_it() {
    let mut lab = Lab::new();
    let (phone, server) = (end(11), end(A));
    let port = |end: lab::End, port| lab::End { at: SocketAddr::new(end.at.ip(), port), ..end };
    lab.datagram(port(phone, 68), port(server, 67), 0, &[1]);
    lab.datagram(port(phone, 40_000), port(server, 69), 0, b"\0\x01aastra.cfg\0octet\0");
    lab.datagram(port(server, 123), port(phone, 123), 1, &[0x24]);
    let segment = TcpSegment {
        source_port: 80,
        destination_port: 40_001,
        sequence: 1,
        ack: Some(1),
        syn: true,
        fin: false,
        rst: false,
        payload: &[],
    };
    lab.tcp(server, phone, 1, &segment);
    lab.register(phone, server, &Voice::of("1001"));
    let text = lab.text();
    let (bench, _) = loaded(&text);
    let services = &bench.servers[0].services;
    assert_eq!(services["xml"], [80]);
    assert_eq!(services["provisioning"], [69]);
    assert_eq!((services["ntp"].as_slice(), services["sip"].as_slice()), (&[123][..], &[5060][..]));
    assert!(text.contains("it asked for one by DHCP"), "{text}");
}

#[test]
fn a_phone_that_can_not_be_read_has_its_place_and_an_extension_to_be_completed() {
    let mut lab = Lab::new();
    let (phone, server) = (end(11), lab::End { at: SocketAddr::new(address(A), 5061), ..end(A) });
    // Version, random, no session, one cipher, no compression.
    let hello = [&[22, 3, 3, 0, 45, 1, 0, 0, 41, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let segment = TcpSegment {
        source_port: 5060,
        destination_port: 5061,
        sequence: 1,
        ack: Some(1),
        syn: false,
        fin: false,
        rst: false,
        payload: &hello,
    };
    lab.tcp(phone, server, 0, &segment);
    let text = lab.text();
    let (bench, _) = loaded(&text);
    assert_eq!((bench.phones[0].mac(), bench.phones[0].address), (Some(phone.mac), Some(address(11))));
    assert_eq!(bench.phones[0].lines[0].extension, "CHANGEME-p1");
    assert_eq!((bench.servers[0].addresses[0], bench.servers[0].sip_ports()), (address(A), &[5061][..]));
    assert!(text.contains("blind: it speaks TLS with a, which can not be read"), "{text}");
}

#[test]
fn a_lifetime_shorter_than_the_model_s_renewal_lead_has_the_lead_that_was_seen_or_an_assumed_one() {
    for (renewals, lead) in [(2, "6s"), (0, "10%")] {
        let voice = Voice { expires: 12, ..Voice::of("1001") };
        let mut lab = Lab::new();
        lab.register(end(11), end(A), &voice);
        for _ in 0..renewals {
            lab.wait(6);
            lab.register(end(11), end(A), &voice);
        }
        let text = lab.text();
        assert!(text.contains(&format!("timers = {{ expires = \"12s\", renewal-lead = \"{lead}\" }}")), "{text}");
        loaded(&text);
        // Another one, whose renewals nobody heard.
        let mut lab = Lab::new();
        lab.register(end(11), end(A), &voice);
        lab.wait(6);
        lab.register(end(11), end(A), &voice);
        lab.register(end(12), end(A), &Voice { expires: 10, ..Voice::of("1002") });
        let text = lab.text();
        assert!(text.contains("\"10s\", renewal-lead = \"6s\" } # as it was seen of others of its name"), "{text}");
        loaded(&text);
    }
}

#[test]
fn a_server_that_forwards_registers_is_no_phone_and_where_nobody_registers_there_is_no_draft() {
    let mut lab = Lab::new();
    lab.register(end(11), end(A), &Voice::of("1001"));
    lab.register(end(A), end(B), &Voice::of("1001"));
    let (bench, _) = loaded(&lab.text());
    assert_eq!((bench.phones.len(), bench.servers.len()), (1, 2));

    let mut lab = Lab::new();
    lab.datagram(end(11), end(A), 0, b"OPTIONS sip:x SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n");
    assert_eq!(lab.discovery.draft(&models(), &Provisioned::default(), &Origin::default()), None);
}

#[test]
fn names_of_interfaces_that_somebody_knows_count_and_a_phone_on_the_wrong_side_is_named() {
    let mut lab = Lab::new();
    lab.sides = [(0, Some("eth1")), (1, Some("eth2"))];
    lab.register(end(11), end(A), &Voice::of("1001"));
    lab.sides.reverse();
    lab.register(end(12), end(A), &Voice::of("1002"));
    let sides = Some(["eth1".to_owned(), "eth2".to_owned()]);
    let origin = Origin { sides, bridge: Some("br-lab".to_owned()), ..Origin::default() };
    let text = lab.text_of(&origin);
    let network = loaded(&text).0.network.unwrap();
    assert_eq!((network.phone_side.as_str(), network.bridge.as_deref()), ("eth1", Some("br-lab")));
    assert!(text.contains("1 of 2 phones entered at eth1"), "{text}");
    assert!(text.contains("# confirm: it entered at eth2, the side of the servers\n"), "{text}");
}

#[test]
fn captures_of_real_software_and_of_siprig_s_own_make_bench_files() {
    for (file, phones, servers) in [("real-failover-udp.pcapng", 6, 2)] {
        let capture = std::fs::read(format!("fixtures/captures/{file}")).unwrap();
        let mut captures = CaptureReader::new(&capture[..]).unwrap();
        let mut discovery = Discovery::new(Settings::default());
        while let Some(Ok(captured)) = captures.next() {
            discovery.take(&captured);
        }
        let text = discovery.draft(&models(), &Provisioned::default(), &Origin::default()).unwrap();
        let (bench, _) = loaded(&text);
        assert_eq!((bench.phones.len(), bench.servers.len()), (phones, servers), "{file}:\n{text}");
        assert!(text.contains("proven: "), "{file}:\n{text}");
    }
}

/// The server that nobody has asked, the line that was silent, timers, and who was not heard.
#[test]
fn the_phones_own_files_complete_what_nobody_has_heard() {
    let files = Provisioned::of([
        (
            "aastra.cfg".into(),
            b"sip proxy ip: 10.77.0.2\nsip registrar ip: 10.77.0.2\nsip backup registrar ip: 10.77.0.3\n\
              sip transaction timer: 8000\nsip password: hush-hush\n"
                .to_vec(),
        ),
        ("00085D77000B.cfg".into(), b"sip line1 user name: 1001\nsip line2 user name: 2001\n".to_vec()),
        (
            "00085D77000C.cfg".into(),
            b"sip line1 user name: 1002\nsip registrar ip: 10.77.0.3\nsip backup registrar ip: 0.0.0.0\n\
              sip line2 user name: 2002\nsip line2 registrar ip: 0.0.0.0\n"
                .to_vec(),
        ),
        ("00085D77000D.cfg".into(), b"sip line1 user name: 1003\n".to_vec()),
    ]);
    let mut lab = Lab::new();
    for (last, user) in [(11, "1001"), (12, "1002")] {
        lab.register(end(last), end(A), &Voice::of(user));
    }
    let text = lab.discovery.draft(&models(), &files, &Origin::default()).unwrap();
    assert!(!text.contains("hush"), "{text}");
    insta::assert_snapshot!("provisioned", text);
    let (bench, _) = loaded(&text);
    let role = |last: u8| bench.server_at(IpAddr::from([10, 77, 0, last])).unwrap().role;
    assert_eq!([role(A), role(B)], [Role::Primary, Role::Backup]);
    let lines = |phone: usize| {
        let said = |line: &crate::config::Line| {
            let backup = line.backup.as_ref().map_or("none", |backup| backup.0.as_str());
            format!("{} {} {backup}", line.extension, line.primary)
        };
        bench.phones[phone].lines.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(lines(0), ["1001 a b", "2001 a b"]);
    assert_eq!(lines(1), ["1002 b none"]);
    assert_eq!(bench.phones[0].timers.transaction.value, std::time::Duration::from_secs(8));
    assert!(text.contains("1 phone with a configuration file that was not heard: 00:08:5d:77:00:0d (1003)"), "{text}");
}

#[test]
fn no_secret_gets_into_a_draft() {
    let mut lab = Lab::new();
    let voice = Voice { record: "sip:1001:hush1@bench.test".to_owned(), ..Voice::of("u1") };
    lab.register(end(11), end(A), &voice);
    let strange =
        Voice { record: "sip:1002:hush2@".to_owned(), agent: "x password=hush3".to_owned(), ..Voice::of("u2") };
    lab.register(end(12), end(A), &strange);
    let text = lab.text();
    assert!(text.contains("auth-user = \"u1\""), "{text}");
    assert!(!text.contains("hush") && !text.contains("0123456789abcdef"), "{text}");
    loaded(&text);
}

#[test]
fn phones_beyond_what_a_bench_file_takes_are_counted_and_the_draft_is_one_nevertheless() {
    let mut lab = Lab::new();
    for number in 0..3000_u16 {
        let [high, low] = number.to_be_bytes();
        let phone =
            lab::End { mac: Mac([0, 8, 0x5d, 1, high, low]), at: SocketAddr::from(([10, 78, high, low.max(1)], 5060)) };
        let voice = Voice { agent: "\u{202e}".repeat(200), ..Voice::of(&format!("9{number}")) };
        lab.register(phone, end(A), &voice);
        lab.now += SECOND / 1000;
    }
    let text = lab.text();
    assert!(text.len() < 1 << 20, "{}", text.len());
    let (bench, _) = loaded(&text);
    assert!(bench.phones.len() > 500 && text.contains("a bench file takes no more"), "{}", bench.phones.len());
    assert!(text.contains("REGISTERs of more were seen"), "lines beyond those that are followed");
}

/// Where the primary is, and whether that is proven.
fn primary(text: &str) -> (IpAddr, bool) {
    let (bench, _) = loaded(text);
    let primary = bench.servers.iter().find(|server| server.role == Role::Primary).unwrap();
    let marked = text.contains("confirm: it is the server at which a phone registered first");
    assert_ne!(marked, text.contains("proven: "), "one or the other:\n{text}");
    (primary.addresses[0], !marked)
}

/// What a phone may put into a header: anything but what ends it.
fn said() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\"",
        "\\",
        "\"\"\"",
        "'",
        "#",
        "]",
        "[[phone]]",
        "\t",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{7f}",
        "\u{0}",
        "\u{85}",
        "@",
        ";",
        "%0a",
        "=",
        "é",
        " ",
        "\u{2028}",
        "x",
        "1001",
        "sip:",
        "<",
        ">",
        ":",
        "\u{10ffff}",
        "\u{e0001}",
        "\n # ",
        "CHANGEME",
    ]);
    prop::collection::vec(nasty, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_phones_say_of_themselves_the_draft_is_a_bench_file(
        phones in prop::collection::vec((said(), said(), said(), said(), 0_u32..4, any::<u32>()), 1..6),
        source in said(),
        bench in said(),
        name in said(),
    ) {
        let mut lab = Lab::new();
        let name: &'static str = Box::leak(name.into_boxed_str());
        lab.sides = [(0, Some(name)), (1, Some("eth1"))];
        for (index, (user, host, agent, auth_user, kind, expires)) in phones.iter().enumerate() {
            let phone = end(11 + u8::try_from(index % 4).unwrap());
            let record = format!("sip:{user}@{host}");
            let voice = Voice { record, agent: agent.clone(), auth_user: auth_user.clone(), expires: *expires };
            match kind {
                0 => lab.ask(phone, end(A), &voice),
                1 => {
                    lab.ask(phone, end(B), &voice);
                    lab.answer(phone, end(B), &voice, "403 Forbidden");
                }
                2 => lab.register(phone, end(A), &voice),
                _ => lab.register(phone, end(B), &voice),
            }
            lab.wait(1);
        }
        let origin = Origin { source, bench, ..Origin::default() };
        if let Some(text) = lab.discovery.draft(&models(), &Provisioned::default(), &origin) {
            let (bench, _) = loaded(&text);
            let raw = ['\u{1b}', '\u{202e}', '\u{7f}', '\r'];
            prop_assert!(!text.contains(raw), "{}", text);
            for (number, phone) in (1..).zip(&bench.phones) {
                prop_assert_eq!(&phone.name.0, &format!("p{number}"));
            }
        }
    }

    #[test]
    fn any_frames_make_no_draft_or_one_that_is_a_bench_file(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20)) {
        let mut lab = Lab::new();
        for bytes in &frames {
            lab.frame(0, bytes);
        }
        lab.register(end(11), end(A), &Voice::of("1001"));
        loaded(&lab.text());
    }
}
