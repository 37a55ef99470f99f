//! What is not taken away passes byte for byte, exactly once, in its order, whatever it is.

use std::{
    net::{IpAddr, Ipv4Addr},
    thread,
};

use siprig::{bridge::tap::Tap, config::Mac, wire::frame};

use super::{
    hosts::{Host, PHONE, PHONE_MAC, SERVER},
    *,
};

const SERVER_MAC: Mac = Mac([2, 0, 0, 0, 0, 0x77]);
/// Of each sort so many go each way.
const COUNT: usize = 20;
/// Longer than what `pnet` reads of a frame unless it is told otherwise.
const JUMBO: usize = 8000;

/// A sort of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Untagged,
    Tagged,
    PriorityTagged,
    DoubleTagged,
    Eapol,
    Lldp,
    Multicast,
    Jumbo,
}

const SORTS: [Sort; 8] = [
    Sort::Untagged,
    Sort::Tagged,
    Sort::PriorityTagged,
    Sort::DoubleTagged,
    Sort::Eapol,
    Sort::Lldp,
    Sort::Multicast,
    Sort::Jumbo,
];

#[test]
fn frames_of_every_sort_pass_unchanged_once_and_in_order_whether_they_are_stolen_or_not() {
    in_lab!(
        "transparent::frames_of_every_sort_pass_unchanged_once_and_in_order_whether_they_are_stolen_or_not",
        |lab| {
            for (namespace, interface) in
                [("phone", "eth0"), ("switch", "phone"), ("switch", "uplink"), ("switch", "sw"), ("server", "eth0")]
            {
                hosts::ip(&format!("-n {namespace} link set {interface} mtu 9000"));
            }
            for interface in ["phones", "servers"] {
                hosts::ip(&format!("link set {interface} mtu 9000"));
            }
            // A switch that passes on what is for the next switch alone, as those for IP phones do.
            hosts::ip("-n switch link set sw type bridge group_fwd_mask 0xfff8");
            let mut rig = Rig::start(&lab);
            all_pass("idle");
            rig.begin(1, OutageScope::Sip);
            hosts::settle();
            all_pass("stealing");
            let (_, tally) = rig.end(1);
            assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (0, 0, 0));
            all_pass("idle again");
            let seen = rig.close();
            assert!(!seen.iter().any(is_lost), "{seen:?}");
        }
    );
}

fn all_pass(when: &str) {
    for way in WAYS {
        let sent: Vec<Vec<u8>> = (0..COUNT).flat_map(|number| SORTS.map(|sort| frame_of(sort, way, number))).collect();
        let arrived = arrivals(way, &sent);
        for (place, sort) in SORTS.iter().enumerate() {
            let of_sort =
                |bytes: &&Vec<u8>| sent.iter().position(|it| it == *bytes).is_some_and(|at| at % SORTS.len() == place);
            let arrived: Vec<_> = arrived.iter().filter(of_sort).collect();
            let sent: Vec<_> = sent.iter().filter(of_sort).collect();
            assert_eq!(arrived.len(), sent.len(), "{sort:?} {way:?}, {when}");
            assert!(arrived == sent, "{sort:?} {way:?}, {when}: the order");
        }
    }
}

/// What comes out at the far end and is among what was sent, in the order in which it does.
fn arrivals(way: Toward, sent: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let [near, far]: [Host; 2] = if way == Toward::Server { [PHONE, SERVER] } else { [SERVER, PHONE] };
    let open = || Tap::open_for_all("eth0", nix::net::if_::if_nametoindex("eth0").unwrap()).unwrap();
    let (mut sender, mut receiver) = (hosts::in_host(near.namespace, open), hosts::in_host(far.namespace, open));
    for bytes in sent {
        sender.send(bytes).unwrap();
    }
    let until = Instant::now() + Duration::from_millis(300);
    let mut arrived = Vec::new();
    while Instant::now() < until {
        match receiver.receive().unwrap() {
            Some(received) => {
                assert!(!received.truncated());
                arrived.extend((!received.outgoing).then(|| received.bytes.to_vec()));
            }
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
    arrived.retain(|bytes| sent.contains(bytes));
    arrived
}

fn frame_of(sort: Sort, way: Toward, number: usize) -> Vec<u8> {
    let phone: Mac = PHONE_MAC.parse().unwrap();
    let (from, to) = if way == Toward::Server { (phone, SERVER_MAC) } else { (SERVER_MAC, phone) };
    let ends = if way == Toward::Server { [PHONE.ip, SERVER.ip] } else { [SERVER.ip, PHONE.ip] };
    let text = format!("{sort:?} {number} ").into_bytes();
    let datagram = |to: Mac, address: IpAddr, len: usize| {
        let mut payload = text.clone();
        payload.resize(len, number as u8);
        let [from_at, to_at] = [ends[0], address].map(|ip| SocketAddr::new(ip, OTHER_PORT));
        frame::udp_frame(from, to, None, from_at, to_at, &payload)
    };
    let tagged = |tags: &[u8]| {
        let plain = datagram(to, ends[1], 100);
        [&plain[..12], tags, &plain[12..]].concat()
    };
    let link_local = |last: u8, ethertype: [u8; 2]| {
        let mut bytes = [&[0x01, 0x80, 0xc2, 0, 0, last][..], &from.0, &ethertype, &text].concat();
        bytes.resize(64, 0);
        bytes
    };
    match sort {
        Sort::Untagged => datagram(to, ends[1], 100),
        Sort::Tagged => tagged(&[0x81, 0, 0x60, 77]),
        Sort::PriorityTagged => tagged(&[0x81, 0, 0xa0, 0]),
        Sort::DoubleTagged => tagged(&[0x88, 0xa8, 0, 100, 0x81, 0, 0xa0, 77]),
        Sort::Eapol => link_local(3, [0x88, 0x8e]),
        Sort::Lldp => link_local(0xe, [0x88, 0xcc]),
        Sort::Multicast => datagram(Mac([1, 0, 0x5e, 0, 1, 75]), IpAddr::V4(Ipv4Addr::new(224, 0, 1, 75)), 100),
        Sort::Jumbo => datagram(to, ends[1], JUMBO),
    }
}
