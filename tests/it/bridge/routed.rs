//! Servers behind a router, and devices that no outage is about.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use siprig::{
    config::Mac,
    event::{LinkPlace, Manner, OutageMode, OutageSpec},
    wire::frame::{self, Body, Content},
};

use super::{ear::Ear, hosts::Host, modes::*, *};

/// A server two links away: the host that has the servers' addresses is its router.
const FAR: Host = Host { namespace: "far", ip: IpAddr::V4(Ipv4Addr::new(10, 88, 0, 5)) };

/// Frames of a busy bystander, and what the helper may work meanwhile, in a debug build: to look at each where it comes in and where
/// it goes out takes more than twice as long.
const FLOOD: usize = 60_000;
const MOST_WORK: Duration = Duration::from_millis(200);

/// What lies behind the router, and the router's MAC.
fn build_beyond() -> Mac {
    hosts::ip("netns add far");
    hosts::ip("-n server link add beyond type veth peer name eth0 netns far");
    hosts::ip("-n server address add 10.88.0.1/24 dev beyond");
    hosts::ip("-n server link set beyond up");
    hosts::ip("-n far address add 10.88.0.5/24 dev eth0");
    hosts::ip("-n far link set lo up");
    hosts::ip("-n far link set eth0 up");
    hosts::ip("-n far route add default via 10.88.0.1");
    hosts::ip("-n phone route add 10.88.0.0/24 via 10.77.0.2");
    hosts::in_host("server", || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    hosts::mac_of("server")
}

#[test]
fn a_server_behind_a_router_is_told_with_the_router_s_mac_and_is_answered_for_in_its_name_and_from_its_distance() {
    in_lab!(
        "routed::a_server_behind_a_router_is_told_with_the_router_s_mac_and_is_answered_for_in_its_name_and_from_its_distance",
        |lab| {
            let router = build_beyond();
            let mut rig = Rig::start_with(&lab, |plan| plan.bench.servers[0].addresses = vec![FAR.ip]);
            serve(FAR);
            assert!(ask(hosts::PHONE, FAR, &register(1)).unwrap().starts_with("SIP/2.0 200 "));
            let of_far = |it: &Observed| matches!(it, Observed::ServerSeen { address, .. } if *address == FAR.ip);
            let Observed::ServerSeen { server, place, .. } = rig.expect("the place of the server", of_far) else {
                unreachable!()
            };
            let expected = LinkPlace { mac: router, toward: Toward::Phone, vlans: Vec::new(), hop_limit: 63 };
            assert_eq!((server.0.as_str(), place), ("a", expected));

            let refusal = rig.refused(|it| it.mode = OutageMode::from(Manner::Unresolvable));
            assert!(refusal.contains("10.88.0.5 answers from ") && refusal.contains("hop limit of 63"), "{refusal}");
            assert!(refusal.contains("would cut ") && refusal.contains("10.77.0.3"), "its neighbours: {refusal}");

            let mut ear = Ear::at("phone");
            rig.begin_mode(1, OutageMode::REFUSE, None, OutageScope::Host);
            let refused = ask(hosts::PHONE, FAR, &register(2));
            assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionRefused));
            let heard = ear.heard();
            let error = heard.iter().find(|heard| !heard.sent && is_icmp(&heard.frame())).expect("the ICMP error");
            assert_eq!(error.frame().source, Some(router));
            assert_eq!(frame::hop_limit(&error.frame(), &error.bytes), Some(63));
            let (_, tally) = rig.end(1);
            assert_eq!((tally.dropped_to_server, tally.leaked), (1, 0));
            assert!(ask(hosts::PHONE, FAR, &register(3)).unwrap().starts_with("SIP/2.0 200 "));
            let seen = rig.close();
            let lost = |it: &&Observed| matches!(it, Observed::Leak { .. } | Observed::BystanderLost { .. });
            assert!(!seen.iter().any(|it| lost(&it)), "{seen:?}");
        }
    );
}

#[test]
fn a_gateway_in_the_bench_is_enough_to_refuse_what_is_about_the_link() {
    in_lab!("routed::a_gateway_in_the_bench_is_enough_to_refuse_what_is_about_the_link", |lab| {
        let gateway = Some(IpAddr::from([10, 77, 0, 1]));
        let mut rig =
            Rig::start_with(&lab, |plan| plan.bench.servers.iter_mut().for_each(|server| server.gateway = gateway));
        let refusal = rig.try_begin(OutageMode::from(Manner::Unresolvable)).unwrap_err().to_string();
        assert!(refusal.contains("server a is behind the gateway 10.77.0.1"), "{refusal}");
        assert!(refusal.contains("server b, and everything else behind it would be cut off"), "{refusal}");
        rig.begin(1, OutageScope::Host);
        rig.end(1);
        rig.close();
    });
}

#[test]
fn a_bystander_who_loses_frames_while_the_server_is_away_for_others_is_told_with_the_frame() {
    in_lab!("routed::a_bystander_who_loses_frames_while_the_server_is_away_for_others_is_told_with_the_frame", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 50), 50);
        assert_eq!(hosts::tcp_round_trip("neighbour", hosts::SERVER, OTHER_PORT, 4 << 20), 4 << 20);
        std::thread::sleep(Duration::from_millis(500));
        let lost = |it: &Observed| matches!(it, Observed::BystanderLost { .. });
        assert!(!rig.so_far().iter().any(lost), "{:?}", rig.so_far());
        lose_what_the_neighbour_sends();
        hosts::send_udp(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, b"whither?");
        let lost = rig.expect("the loss", |it| matches!(it, Observed::BystanderLost { .. }));
        let Observed::BystanderLost { outage, mac, toward, raw } = lost else { unreachable!() };
        assert_eq!((outage, mac.to_string().as_str()), (OutageId(1), hosts::NEIGHBOUR_MAC));
        assert_eq!(toward, Toward::Server);
        rig.end(1);
        rig.close();
        let capture = rig.capture();
        let (from, to) = (raw.offset as usize, (raw.offset + raw.len) as usize);
        assert!(contains(&capture[from..to], b"whither?"), "the frame is the evidence");
        assert!(rig.notes().0.contains(&Note::Stray));
    });
}

#[test]
fn a_busy_bystander_costs_little_and_is_told_of_when_it_loses_what_it_sends() {
    in_lab!("routed::a_busy_bystander_costs_little_and_is_told_of_when_it_loses_what_it_sends", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        let before = rig.helper_time();
        let arrived = hosts::udp_delivered(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, FLOOD);
        let worked = rig.helper_time() - before;
        println!("the helper worked for {worked:?} while {arrived} of {FLOOD} arrived");
        assert!(worked < MOST_WORK, "{worked:?}");
        let stream = hosts::Stream::start(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, Duration::from_micros(200));
        stream.until_more(1000);
        let lost = |it: &Observed| matches!(it, Observed::BystanderLost { .. });
        assert!(!rig.so_far().iter().any(lost), "{:?}", rig.so_far());
        lose_what_the_neighbour_sends();
        rig.expect("the loss", lost);
        stream.stop();
        rig.end(1);
        rig.close();
    });
}

#[test]
fn a_protected_phone_is_let_alone_by_every_mode() {
    in_lab!("routed::a_protected_phone_is_let_alone_by_every_mode", |lab| {
        let mac: Mac = hosts::PHONE_MAC.parse().unwrap();
        let mut rig = Rig::start_with(&lab, |plan| {
            plan.bench.network.iter_mut().for_each(|network| network.protected = vec![mac]);
        });
        let modes = [Manner::Drop, Manner::Refuse, Manner::Reset, Manner::Unresolvable];
        for (number, manner) in (1..).zip(modes) {
            rig.begin_changed(number, manner.into(), |_: &mut OutageSpec| {});
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 5), 5);
            assert_eq!(hosts::tcp_round_trip("phone", hosts::SERVER, OTHER_PORT, 1 << 16), 1 << 16);
            let (_, tally) = rig.end(number);
            assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (0, 0, 0));
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

/// Somebody else's filter, which the rig knows nothing of.
fn lose_what_the_neighbour_sends() {
    hosts::nft("add table bridge foreign");
    hosts::nft("add chain bridge foreign forward { type filter hook forward priority 0 ; }");
    hosts::nft(&format!("add rule bridge foreign forward ether saddr {} drop", hosts::NEIGHBOUR_MAC));
}

fn is_icmp(frame: &frame::Frame<'_>) -> bool {
    matches!(&frame.content, Content::Ip(packet) if matches!(packet.body, Body::Icmp { kind: 3, .. }))
}
