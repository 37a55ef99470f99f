//! Phones behind a router on their own side: captures, sockets and tallies of one that is under test, of its neighbour behind
//! the same router, and of a device on the link.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use siprig::{
    config::{Identity, Mac, Plan},
    event::{Impairment, LinkPlace, Manner, OutageMode, PhoneName, Spoof},
    wire::frame::{self, Body, Content},
};

use super::{
    ear::Ear,
    hosts::Host,
    modes::*,
    names::{self, Log, is_answered},
    *,
};

mod whole;

/// The phone, and its neighbour, of whom no outage is.
const PHONE: Host = v4("inside", 11);
const PHONE_6: Host = v6("inside", 0x11);
const INMATE: Host = v4("inmate", 12);
const INMATE_6: Host = v6("inmate", 0x12);
/// Phone, neighbour and server in each family.
const FAMILIES: [(Host, Host, Host); 2] = [(PHONE, INMATE, hosts::SERVER), (PHONE_6, INMATE_6, hosts::SERVER_6)];

const fn v4(namespace: &'static str, last: u8) -> Host {
    Host { namespace, ip: IpAddr::V4(Ipv4Addr::new(10, 88, 0, last)) }
}

const fn v6(namespace: &'static str, last: u16) -> Host {
    Host { namespace, ip: IpAddr::V6(Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, last)) }
}

/// What lies behind the neighbour, who becomes a router; its MAC.
fn build_behind() -> Mac {
    hosts::ip("-n neighbour link add lan type bridge mcast_snooping 0");
    for (namespace, last) in [("inside", 11), ("inmate", 12)] {
        hosts::ip(&format!("netns add {namespace}"));
        hosts::ip(&format!("-n {namespace} link set lo up"));
        hosts::ip(&format!("-n neighbour link add {namespace} type veth peer name eth0 netns {namespace}"));
        hosts::ip(&format!("-n neighbour link set {namespace} master lan up"));
        hosts::ip(&format!("-n {namespace} address add 10.88.0.{last}/24 dev eth0"));
        hosts::ip(&format!("-n {namespace} address add fd88::{last}/64 dev eth0 nodad"));
        hosts::ip(&format!("-n {namespace} link set eth0 up"));
    }
    for (namespace, interface, addresses) in
        [("neighbour", "lan", ["10.88.0.1/24", "fd88::1/64"]), ("neighbour", "eth0", ["10.77.0.12/24", "fd77::12/64"])]
    {
        for address in addresses {
            let nodad = if address.contains("::") { " nodad" } else { "" };
            hosts::ip(&format!("-n {namespace} address replace {address} dev {interface}{nodad}"));
        }
    }
    hosts::ip("-n neighbour link set lan up");
    hosts::in_host("neighbour", || {
        for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            std::fs::write(format!("/proc/sys/net/{switch}"), "1").unwrap();
        }
    });
    for namespace in ["inside", "inmate"] {
        hosts::ip(&format!("-n {namespace} route add default via 10.88.0.1"));
        hosts::ip(&format!("-n {namespace} -6 route add default via fd88::1"));
    }
    hosts::ip("-n server route add 10.88.0.0/24 via 10.77.0.12");
    hosts::ip("-n server -6 route add fd88::/64 via fd77::12");
    hosts::NEIGHBOUR_MAC.parse().unwrap()
}

/// The phone of the bench is the one behind the router, and another is on the link.
fn declare(plan: &mut Plan) {
    let on_link = plan.bench.phones[0].clone();
    let phone = &mut plan.bench.phones[0];
    phone.identity = Identity::Routed { routed: vec![PHONE.ip, PHONE_6.ip], mac: None };
    phone.address = Some(PHONE.ip);
    plan.bench.phones.push(siprig::config::Phone { name: PhoneName::from("p2"), ..on_link });
}

fn rig(lab: &Lab) -> Rig {
    let rig = Rig::start_with(lab, declare);
    // Links inside come up in their own time.
    for (phone, inmate, server) in FAMILIES {
        [phone, inmate].into_iter().for_each(|host| until_heard(host, server));
    }
    rig
}

#[test]
fn a_phone_behind_a_router_is_taken_by_its_address_and_nobody_else_who_is_there_is() {
    in_lab!("behind::a_phone_behind_a_router_is_taken_by_its_address_and_nobody_else_who_is_there_is", |lab| {
        let router = build_behind();
        let mut rig = rig(&lab);
        let of_phone = |it: &Observed| matches!(it, Observed::RouterSeen { .. });
        let seen: Vec<_> = rig.so_far().iter().filter(|it| of_phone(it)).cloned().collect();
        let place = |hop_limit| LinkPlace { mac: router, toward: Toward::Server, vlans: Vec::new(), hop_limit };
        let told =
            |address| Observed::RouterSeen { phone: PhoneName::from("p1"), address, place: place(63), taken: false };
        assert_eq!(seen, [told(PHONE.ip), told(PHONE_6.ip)], "each address once");
        assert_eq!(rig.canaries(None), [true, true], "control: both ways are open");

        for (number, (phone, inmate, server)) in (1..).zip(FAMILIES) {
            rig.begin(number, OutageScope::Host);
            assert_eq!(rig.canaries(Some(number)), [false, false]);
            assert_eq!(hosts::udp_delivered(phone, server, OTHER_PORT, 5), 0);
            assert_eq!(hosts::udp_delivered(server, phone, OTHER_PORT, 4), 0);
            assert_eq!(hosts::udp_echoes(inmate, server, OTHER_PORT, 20), 20, "who is behind the same router");
            assert_eq!(hosts::tcp_round_trip(inmate.namespace, server, OTHER_PORT, 1 << 20), 1 << 20);
            assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 5), 5, "the router itself");
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 5), 5, "the phone on the link");
            let (why, tally) = rig.end(number);
            assert_eq!(why, OutageEnd::Lifted);
            assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (5, 4, 0), "{phone:?}");
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 5), 5, "open again");
        }
        let seen = rig.close();
        let bites = |first: bool| {
            let of = |it: &&Observed| match it {
                Observed::FirstBite { phone, .. } => first && phone.0 == "p1",
                Observed::LastBite { phone, .. } => !first && phone.0 == "p1",
                _ => false,
            };
            seen.iter().filter(of).count()
        };
        assert_eq!((bites(true), bites(false)), (4, 4), "each way of each outage");
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn on_the_link_and_behind_a_router_phones_are_away_together_and_only_they() {
    in_lab!("behind::on_the_link_and_behind_a_router_phones_are_away_together_and_only_they", |lab| {
        build_behind();
        let mut rig = rig(&lab);
        rig.begin_changed(1, OutageMode::DROP, |it| it.phones.push(PhoneName::from("p2")));
        for phone in [PHONE, hosts::PHONE] {
            assert_eq!(hosts::udp_delivered(phone, hosts::SERVER, OTHER_PORT, 5), 0);
        }
        for other in [INMATE, hosts::NEIGHBOUR] {
            assert_eq!(hosts::udp_echoes(other, hosts::SERVER, OTHER_PORT, 5), 5);
        }
        rig.end(1);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let ended = seen.iter().find_map(|it| match it {
            Observed::OutageEnded { tally, .. } => Some(tally),
            _ => None,
        });
        let dropped = ["p1", "p2"].map(|name| ended.unwrap()[&PhoneName::from(name)].dropped_to_server);
        assert_eq!(dropped, [5, 5]);
    });
}

#[test]
fn what_a_phone_is_told_reaches_it_through_its_router() {
    in_lab!("behind::what_a_phone_is_told_reaches_it_through_its_router", |lab| {
        let router = build_behind();
        let mut rig = rig(&lab);
        [hosts::SERVER, hosts::SERVER_6].into_iter().for_each(serve);
        let busy = || OutageMode::from(Manner::Answer(Spoof { code: 503, retry_after_s: None, redirect: None }));
        let mut number = 0;
        for (phone, inmate, server) in FAMILIES {
            let refused = |error: io::Error| error.kind();
            number += 1;
            let mut ear = Ear::at("neighbour");
            rig.begin_mode(number, OutageMode::REFUSE, None, OutageScope::Host);
            let answer = ask(phone, server, &register(1));
            assert_eq!(answer.map_err(refused), Err(io::ErrorKind::ConnectionRefused), "{phone:?}");
            assert_eq!(connect(phone, server).map(|_| ()).map_err(refused), Err(io::ErrorKind::ConnectionRefused));
            assert!(ask(inmate, server, &register(2)).unwrap().starts_with("SIP/2.0 200 "));
            let heard = ear.heard();
            let error =
                heard.iter().find(|heard| !heard.sent && is_unreachable(&heard.frame())).expect("the ICMP error");
            assert_eq!(error.frame().destination, Some(router));
            assert_eq!(frame::hop_limit(&error.frame(), &error.bytes), Some(64), "as the server's own");
            rig.end(number);

            number += 1;
            let open = connect(phone, server).unwrap();
            assert!(call(&open, &register(3)).unwrap().starts_with("SIP/2.0 200 "));
            let mut far = Ear::at("server");
            rig.begin_mode(number, OutageMode::from(Manner::Reset), None, OutageScope::Sip);
            assert_eq!(call(&open, &register(4)).map_err(refused), Err(io::ErrorKind::ConnectionReset));
            let heard = far.heard();
            let reset = heard.iter().find(|heard| !heard.sent && is_reset(&heard.frame())).expect("the server is told");
            assert_eq!(frame::hop_limit(&reset.frame(), &reset.bytes), Some(63), "as the phone's own");
            rig.end(number);

            number += 1;
            let old = connect(phone, server).unwrap();
            assert!(call(&old, &register(5)).unwrap().starts_with("SIP/2.0 200 "));
            rig.begin_mode(number, busy(), None, OutageScope::Sip);
            assert!(ask(phone, server, &register(6)).unwrap().starts_with("SIP/2.0 503 "));
            let new = connect(phone, server).unwrap();
            for stream in [&old, &new] {
                assert!(call(stream, &register(7)).unwrap().starts_with("SIP/2.0 503 "));
            }
            assert!(ask(inmate, server, &register(8)).unwrap().starts_with("SIP/2.0 200 "));
            rig.end(number);
            assert!(ask(phone, server, &register(9)).unwrap().starts_with("SIP/2.0 200 "));
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let of_phone = |it: &&Observed| matches!(it, Observed::Sip(fact) if fact.phone.0 == "p1");
        assert!(seen.iter().filter(of_phone).count() > 20);
        let foreign = |it: &Observed| match it {
            Observed::Sip(fact) => is_register(fact, 2) || is_register(fact, 8),
            _ => false,
        };
        assert!(!seen.iter().any(foreign), "what the neighbour says is not kept");
        assert!(!contains(&rig.capture(), b"Call-ID: 8\r\n"));
    });
}

#[test]
fn a_bad_path_is_that_of_the_phone_alone() {
    in_lab!("behind::a_bad_path_is_that_of_the_phone_alone", |lab| {
        build_behind();
        let mut rig = rig(&lab);
        let delay = Duration::from_millis(60);
        let late = Impairment { delay, ..Impairment::default() };
        rig.begin_mode(1, OutageMode::from(Manner::Impair(late)), None, OutageScope::Host);
        let took = |host| {
            let begun = Instant::now();
            assert_eq!(hosts::udp_echoes(host, hosts::SERVER, OTHER_PORT, 1), 1);
            begun.elapsed()
        };
        assert!(took(PHONE) >= 2 * delay);
        assert_eq!(hosts::udp_echoes(INMATE, hosts::SERVER, OTHER_PORT, 20), 20);
        let (_, tally) = rig.end(1);
        assert_eq!((tally.late, tally.leaked), (2, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn names_are_kept_from_the_phone_behind_the_router_and_from_nobody_else_there() {
    in_lab!("behind::names_are_kept_from_the_phone_behind_the_router_and_from_nobody_else_there", |lab| {
        build_behind();
        let mut rig = Rig::start_with(&lab, |plan| {
            declare(plan);
            plan.bench.servers[0].names = vec!["sip-a.example".parse().unwrap()];
        });
        let log = Log::default();
        [hosts::BACKUP, hosts::SERVER_6].into_iter().for_each(|server| log.serve(server));
        let ends = [(PHONE, INMATE, hosts::BACKUP), (PHONE_6, INMATE_6, hosts::SERVER_6)];
        for (phone, _, server) in ends {
            let until = Instant::now() + Duration::from_secs(10);
            while !is_answered(phone, server, "sip-a.example", 1) {
                assert!(Instant::now() < until, "the name server is never reached");
            }
        }
        rig.begin_mode(1, names::nameless(), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, true]);
        for (phone, inmate, server) in ends {
            assert!(!is_answered(phone, server, "sip-a.example", 1));
            assert!(is_answered(phone, server, "sip-b.example", 1));
            assert!(is_answered(inmate, server, "sip-a.example", 1));
        }
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked), (2, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_device_on_the_link_that_has_taken_the_phone_s_address_is_told_and_let_alone() {
    in_lab!("behind::a_device_on_the_link_that_has_taken_the_phone_s_address_is_told_and_let_alone", |lab| {
        build_behind();
        let mut rig = Rig::start_with(&lab, |plan| {
            declare(plan);
            plan.bench.phones.truncate(1);
        });
        until_heard(PHONE, hosts::SERVER);
        hosts::ip("-n phone address add 10.88.0.11/32 dev eth0");
        let thief = Host { ip: PHONE.ip, ..hosts::PHONE };
        rig.begin(1, OutageScope::Host);
        assert_eq!(hosts::udp_delivered(thief, hosts::SERVER, OTHER_PORT, 10), 10, "each once");
        let told = rig.expect("the theft", |it| matches!(it, Observed::RouterSeen { taken: true, .. }));
        let Observed::RouterSeen { address, place, .. } = told else { unreachable!() };
        assert_eq!((address, place.mac.to_string().as_str()), (PHONE.ip, hosts::PHONE_MAC));
        assert_eq!(hosts::udp_delivered(PHONE, hosts::SERVER, OTHER_PORT, 3), 0, "the phone is away");
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked), (3, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn the_same_address_in_another_vlan_is_somebody_else_s() {
    in_lab!("behind::the_same_address_in_another_vlan_is_somebody_else_s", |lab| {
        let router = build_behind();
        let mut rig = Rig::start_with(&lab, |plan| {
            declare(plan);
            plan.bench.network.iter_mut().for_each(|network| network.vlan = Some(7));
        });
        let (mut near, mut far) = (Ear::at("neighbour"), Ear::at("server"));
        let server = Mac([2, 0, 0, 0, 0, 0x77]);
        let ends = (SocketAddr::new(PHONE.ip, 4000), SocketAddr::new(hosts::SERVER.ip, OTHER_PORT));
        let (mut arrived, vlans) = (Vec::new(), [Some(7), Some(8), None]);
        rig.begin(1, OutageScope::Host);
        for vlan in vlans {
            let mut bytes = frame::udp_frame(router, server, vlan, ends.0, ends.1, b"whose?");
            frame::set_hop_limit(&mut bytes, 63);
            near.say(&bytes);
            arrived.push(far.heard().iter().filter(|heard| !heard.sent && heard.bytes == bytes).count());
        }
        assert_eq!(arrived, [0, 1, 1], "each once but that of the phone, in {vlans:?}");
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked), (1, 0));
        rig.close();
    });
}

#[test]
fn what_is_behind_a_protected_router_is_let_alone_and_the_next_outage_declined() {
    in_lab!("behind::what_is_behind_a_protected_router_is_let_alone_and_the_next_outage_declined", |lab| {
        let router = build_behind();
        let mut rig = Rig::start_with(&lab, |plan| {
            declare(plan);
            plan.bench.network.iter_mut().for_each(|network| network.protected = vec![router]);
        });
        rig.begin(1, OutageScope::Host);
        until_heard(PHONE, hosts::SERVER);
        let failed = rig.expect("a word on it", |it| matches!(it, Observed::DriverFailed { .. }));
        let Observed::DriverFailed { reason, .. } = failed else { unreachable!() };
        assert!(reason.contains("found 10.88.0.11 behind a router that is protected"), "{reason}");
        assert_eq!(hosts::udp_delivered(PHONE, hosts::SERVER, OTHER_PORT, 10), 10, "each once");
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked), (0, 0));
        let refusal = rig.refused(|_| {});
        assert!(refusal.contains("10.88.0.11 is protected, or behind a router that is"), "{refusal}");
        rig.close();
    });
}

#[test]
fn what_is_about_the_link_is_not_begun_for_a_phone_that_is_not_on_it() {
    in_lab!("behind::what_is_about_the_link_is_not_begun_for_a_phone_that_is_not_on_it", |lab| {
        let mut rig = Rig::start_with(&lab, declare);
        let refusal = rig.try_begin(OutageMode::from(Manner::Unresolvable)).unwrap_err().to_string();
        assert!(refusal.contains("needs a phone on the link: phone p1 is behind a router"), "{refusal}");
        rig.begin_changed(1, Manner::Unresolvable.into(), |it| it.phones = vec![PhoneName::from("p2")]);
        rig.close();
    });
}

/// Waits until frames of a host come back: links take a moment to come up.
fn until_heard(host: Host, server: Host) {
    let until = Instant::now() + Duration::from_secs(20);
    while hosts::udp_echoes(host, server, 9000, 1) == 0 {
        assert!(Instant::now() < until, "{host:?} is never heard");
    }
}

fn is_unreachable(frame: &frame::Frame<'_>) -> bool {
    matches!(&frame.content, Content::Ip(packet) if matches!(packet.body, Body::Icmp { kind: 1 | 3, .. }))
}

fn is_reset(frame: &frame::Frame<'_>) -> bool {
    matches!(&frame.content, Content::Ip(packet) if matches!(packet.body, Body::Tcp(segment) if segment.rst))
}
