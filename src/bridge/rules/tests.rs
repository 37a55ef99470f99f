use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::wire::frame::Vlans;

const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 9]);

fn server(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, last))
}

fn rule(scope: OutageScope) -> Rule {
    Rule {
        outage: OutageId(1),
        course: Course::steady(Treatment::Drop),
        link: None,
        toward: None,
        scope,
        only: None,
        phones: BTreeSet::from([PHONE]),
        routed: BTreeSet::new(),
        phone_addresses: BTreeSet::new(),
        servers: vec![server(2)],
        sip_ports: vec![5060],
        names: Vec::new(),
        from_ns: 1_000,
        opened_ns: None,
        until_ns: Some(2_000),
    }
}

fn table(scope: OutageScope) -> RuleTable {
    RuleTable { rules: vec![rule(scope)], ..RuleTable::default() }
}

/// A datagram between a phone and a server, whichever way it goes.
fn datagram(phone: Mac, server: IpAddr, port: u16, toward: Toward) -> Frame<'static> {
    let at_phone = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
    let (source, destination, from, to, source_port, destination_port) = match toward {
        Toward::Server => (phone, ROUTER, at_phone, server, 40_000, port),
        Toward::Phone => (ROUTER, phone, server, at_phone, port, 40_000),
    };
    let body = Body::Udp { source_port, destination_port, payload: b"" };
    let packet = Packet { source: from, destination: to, body };
    let (source, destination) = (Some(source), Some(destination));
    Frame { source, destination, vlans: Vlans::default(), content: Content::Ip(packet) }
}

const WAYS: [Toward; 2] = [Toward::Server, Toward::Phone];

#[test]
fn while_a_link_is_down_nothing_of_anybody_leaves_there_and_none_of_it_is_the_kernels_to_give_up() {
    let mut table = table(OutageScope::Host);
    table.rules[0].link = Some(LinkSide::Server);
    table.rules[0].toward = Some(Toward::Server);
    for (phone, last) in [(PHONE, 2), (PHONE, 3), (OTHER, 2)] {
        let out = datagram(phone, server(last), 9, Toward::Server);
        assert_eq!(table.decide(&out, None, Toward::Server, 1_500), Decision::Drop(OutageId(1)));
        assert_eq!(table.decide(&out, None, Toward::Server, 2_000), Decision::Pass);
        assert_eq!(table.steals(&out, Toward::Server, 1_500), None);
    }
    let mut other = table.rules[0].clone();
    (other.outage, other.servers) = (OutageId(2), vec![server(3)]);
    table.rules.push(other);
    let request = frame::Envelope::new(PHONE, OTHER, None).arp_probe(PHONE, Ipv4Addr::new(10, 77, 0, 3), b"");
    let asked = table.decide(&Frame::parse(&request).unwrap(), None, Toward::Server, 1_500);
    assert_eq!(asked, Decision::Drop(OutageId(2)), "it asks for the other");
    let back = datagram(PHONE, server(2), 9, Toward::Phone);
    assert_eq!(table.decide(&back, None, Toward::Phone, 1_500), Decision::Pass);
    let out = datagram(PHONE, server(2), 9, Toward::Server);
    assert_eq!(table.keeps(&out, Toward::Server, 1_500), Some(OutageId(1)));
    table.rules[0].opened_ns = Some(1_400);
    assert_eq!(table.keeps(&out, Toward::Server, 1_500), None, "it may pass from then on");
}

#[test]
fn host_scope_takes_every_packet_of_the_pair_both_ways() {
    for toward in WAYS {
        for port in [5060, 80, 30_000] {
            let frame = datagram(PHONE, server(2), port, toward);
            assert_eq!(table(OutageScope::Host).decide(&frame, None, toward, 1_500), Decision::Drop(OutageId(1)));
        }
    }
}

#[test]
fn sip_scope_steals_the_pair_and_lets_all_but_sip_pass() {
    for toward in WAYS {
        let (sip, rtp) = (datagram(PHONE, server(2), 5060, toward), datagram(PHONE, server(2), 30_000, toward));
        let table = table(OutageScope::Sip);
        assert_eq!(table.decide(&sip, None, toward, 1_500), Decision::Drop(OutageId(1)));
        assert_eq!(table.decide(&rtp, None, toward, 1_500), Decision::Pass);
        assert!(table.steals(&rtp, toward, 1_500).is_some());
    }
}

#[test]
fn one_way_takes_only_what_goes_that_way_and_steals_both() {
    for only in WAYS {
        let mut table = table(OutageScope::Host);
        table.rules.iter_mut().for_each(|rule| rule.toward = Some(only));
        for toward in WAYS {
            let frame = datagram(PHONE, server(2), 5060, toward);
            assert_eq!(table.decide(&frame, None, toward, 1_500) != Decision::Pass, toward == only);
            assert!(table.steals(&frame, toward, 1_500).is_some());
        }
    }
}

#[test]
fn a_phones_own_sip_port_does_not_make_its_other_traffic_sip() {
    let mut frame = datagram(PHONE, server(2), 30_000, Toward::Server);
    if let Content::Ip(packet) = &mut frame.content {
        packet.body = Body::Udp { source_port: 5060, destination_port: 30_000, payload: b"" };
    }
    assert_eq!(table(OutageScope::Sip).decide(&frame, None, Toward::Server, 1_500), Decision::Pass);
}

#[test]
fn the_stamp_decides_on_which_side_of_begin_and_end_a_frame_falls() {
    let frame = datagram(PHONE, server(2), 5060, Toward::Server);
    let at = |ns| table(OutageScope::Host).decide(&frame, None, Toward::Server, ns);
    let taken = Decision::Drop(OutageId(1));
    assert_eq!([at(999), at(1_000), at(1_999), at(2_000)], [Decision::Pass, taken, taken, Decision::Pass]);
}

#[test]
fn a_first_fragment_is_judged_by_its_ports_and_a_later_one_passes() {
    let sip = [0x9c, 0x40, 0x13, 0xc4, 0, 0];
    for (offset, expected) in [(0, Decision::Drop(OutageId(1))), (1480, Decision::Pass)] {
        let mut frame = datagram(PHONE, server(2), 0, Toward::Server);
        if let Content::Ip(packet) = &mut frame.content {
            packet.body = Body::Fragment { protocol: 17, identification: 1, offset, more: true, payload: &sip };
        }
        assert_eq!(table(OutageScope::Sip).decide(&frame, None, Toward::Server, 1_500), expected);
    }
}

#[test]
fn of_what_phones_ask_name_servers_only_questions_for_the_server_are_taken() {
    let names: Vec<Name> = vec!["a.example".parse().unwrap()];
    let nameless = Rule { course: Course::steady(Treatment::Nameless), names, ..rule(OutageScope::Host) };
    let table = RuleTable { rules: vec![nameless], ..RuleTable::default() };
    let asked = |phone, name: &str, port, toward| {
        let question = name.parse::<Name>().unwrap().question(1);
        let mut frame = datagram(phone, server(7), port, toward);
        let Content::Ip(packet) = &mut frame.content else { unreachable!() };
        if let Body::Udp { payload, .. } = &mut packet.body {
            *payload = &question;
        }
        (table.decide(&frame, None, toward, 1_500), table.steals(&frame, toward, 1_500))
    };
    let (taken, stolen) = (Decision::Drop(OutageId(1)), Some(OutageId(1)));
    assert_eq!(asked(PHONE, "A.example", 53, Toward::Server), (taken, stolen), "of any name server");
    assert_eq!(asked(PHONE, "b.example", 53, Toward::Server), (Decision::Pass, stolen), "it goes on from here");
    let untouched = (Decision::Pass, None);
    assert_eq!(asked(OTHER, "a.example", 53, Toward::Server), untouched);
    assert_eq!(asked(PHONE, "a.example", 5353, Toward::Server), untouched);
    assert_eq!(asked(PHONE, "a.example", 53, Toward::Phone), untouched, "answers");
    let sip = datagram(PHONE, server(2), 5060, Toward::Server);
    assert_eq!(table.steals(&sip, Toward::Server, 1_500), None, "the server itself is there");
    let first = [0x9c, 0x40, 0, 53, 0, 0];
    for (source, stolen) in [("10.77.0.11", stolen), ("fd77::11", None)] {
        let mut fragment = datagram(PHONE, server(7), 53, Toward::Server);
        if let Content::Ip(packet) = &mut fragment.content {
            packet.source = source.parse().unwrap();
            packet.body = Body::Fragment { protocol: 17, identification: 1, offset: 0, more: true, payload: &first };
        }
        assert_eq!(
            table.steals(&fragment, Toward::Server, 1_500),
            stolen,
            "what the kernel keeps it sends on: {source}"
        );
    }
}

/// The same table, of a phone that is behind a router and has the address that datagrams have.
fn routed(scope: OutageScope) -> RuleTable {
    let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
    let rule = Rule { phones: BTreeSet::new(), routed: BTreeSet::from([address]), ..rule(scope) };
    RuleTable { rules: vec![rule], ..RuleTable::default() }
}

#[test]
fn a_phone_behind_a_router_is_taken_by_its_address_whatever_mac_its_frames_have() {
    for toward in WAYS {
        for mac in [OTHER, PHONE] {
            let frame = datagram(mac, server(2), 5060, toward);
            let table = routed(OutageScope::Sip);
            assert_eq!(table.decide(&frame, None, toward, 1_500), Decision::Drop(OutageId(1)));
            assert!(table.steals(&frame, toward, 1_500).is_some());
            let elsewhere = datagram(mac, server(3), 5060, toward);
            assert_eq!(table.steals(&elsewhere, toward, 1_500), None);
        }
    }
}

#[test]
fn a_phone_on_the_link_or_a_protected_device_with_the_address_is_sent_on_from_here_as_the_kernel_gives_it_up() {
    for toward in WAYS {
        let frame = datagram(OTHER, server(2), 5060, toward);
        for (protected, on_link) in [(true, false), (false, true)] {
            let mut table = routed(OutageScope::Host);
            table.protected.extend(protected.then_some(OTHER));
            table.on_link.extend(on_link.then_some(OTHER));
            assert_eq!(table.decide(&frame, None, toward, 1_500), Decision::Pass);
            assert!(table.steals(&frame, toward, 1_500).is_some());
        }
    }
}

proptest! {
    #[test]
    fn nothing_but_the_declared_pair_is_ever_touched(
        phone in prop_oneof![Just(PHONE), Just(OTHER)],
        last in 1_u8..5,
        port in any::<u16>(),
        host in any::<bool>(),
        away in any::<bool>(),
        at in 0_i64..3_000,
    ) {
        let toward = if away { Toward::Server } else { Toward::Phone };
        let table = table(if host { OutageScope::Host } else { OutageScope::Sip });
        let frame = datagram(phone, server(last), port, toward);
        let covered = phone == PHONE && last == 2 && (1_000..2_000).contains(&at);
        prop_assert_eq!(table.steals(&frame, toward, at).is_some(), covered);
        let dropped = table.decide(&frame, None, toward, at) != Decision::Pass;
        prop_assert_eq!(dropped, covered && (host || port == 5060));
    }

    #[test]
    fn a_protected_device_is_never_touched(port in any::<u16>(), away in any::<bool>(), at in 0_i64..3_000) {
        let toward = if away { Toward::Server } else { Toward::Phone };
        let mut table = table(OutageScope::Host);
        table.protected.insert(PHONE);
        let frame = datagram(PHONE, server(2), port, toward);
        prop_assert_eq!(table.steals(&frame, toward, at), None);
        prop_assert_eq!(table.decide(&frame, None, toward, at), Decision::Pass);
    }
}
