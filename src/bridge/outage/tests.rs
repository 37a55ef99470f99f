use std::net::Ipv4Addr;

use super::*;
use crate::{
    bridge::protocol::{PhoneKey, ServerKey},
    config::Network,
    event::Bystanders,
    wire::frame::{Body, Content, Packet, Vlans},
};

const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2));
const BEHIND: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 11));
const MS: i64 = 1_000_000;

fn setup() -> Setup {
    Setup {
        controller_pid: 1,
        network: Network::between("a", "b"),
        phones: vec![PhoneKey::OnLink { mac: PHONE, address: None }],
        allow_link_down: false,
        servers: vec![ServerKey { addresses: vec![SERVER], sip_ports: vec![5060], gateway: None, names: Vec::new() }],
    }
}

fn protecting(mac: Mac) -> Setup {
    let network = Network { protected: vec![mac], ..setup().network };
    Setup { network, ..setup() }
}

/// A bench with a phone behind a router, whose addresses are of both families.
fn routed() -> Setup {
    let phone = PhoneKey::Routed { addresses: vec![BEHIND, "fd88::11".parse().unwrap()], protected: false };
    Setup { phones: vec![phone], ..setup() }
}

fn wanted() -> Wanted {
    Wanted {
        outage: OutageId(1),
        course: Course::steady(Treatment::Drop),
        link: None,
        toward: None,
        scope: OutageScope::Host,
        only: None,
        server: 0,
        phones: vec![0],
        limit: Duration::from_secs(5),
    }
}

fn begun() -> Outages {
    let mut outages = Outages::new(&setup());
    let rule = outages.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
    outages.begin(rule, &wanted(), (100 * MS, 0), Duration::from_secs(1));
    outages
}

fn frame() -> Frame<'static> {
    let body = Body::Udp { source_port: 1, destination_port: 2, payload: b"" };
    let packet = Packet { source: IpAddr::V4(Ipv4Addr::LOCALHOST), destination: SERVER, body };
    let (source, destination) = (Some(PHONE), Some(Mac([9; 6])));
    Frame { source, destination, vlans: Vlans::default(), content: Content::Ip(packet) }
}

#[test]
fn what_was_on_its_way_at_the_beginning_or_leaves_at_the_end_is_no_leak() {
    let mut outages = begun();
    let leak = |outages: &Outages, at| outages.forbids(&frame(), Toward::Server, at).is_some();
    assert!(!leak(&outages, 119 * MS));
    assert!(leak(&outages, 120 * MS));
    outages.end(OutageId(1), (200 * MS, 0));
    assert!(leak(&outages, 198 * MS));
    assert!(!leak(&outages, 200 * MS - 1));
}

#[test]
fn what_leaves_while_a_commit_takes_long_is_no_leak() {
    let mut outages = Outages::new(&setup());
    let rule = outages.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
    outages.begin(rule, &wanted(), (100 * MS, 30_000_000), Duration::from_secs(1));
    let leak = |outages: &Outages, at| outages.forbids(&frame(), Toward::Server, at).is_some();
    assert_eq!([149, 150].map(|ms| leak(&outages, ms * MS)), [false, true]);
    outages.end(OutageId(1), (200 * MS, 10_000_000));
    assert_eq!([188, 189].map(|ms| leak(&outages, ms * MS)), [true, false]);
}

#[test]
fn a_lifted_outage_frees_its_paths_at_once_and_still_labels_late_frames() {
    let mut outages = begun();
    assert_eq!(outages.paths(None, None), BTreeSet::from([Path::Packets { phone: PHONE, server: SERVER }]));
    outages.end(OutageId(1), (200 * MS, 0));
    assert!(outages.paths(None, None).is_empty());
    assert_eq!(outages.judge(&frame(), None, Toward::Server, 199 * MS).0, Decision::Drop(OutageId(1)));
    assert!(outages.count_drop(OutageId(1), 0, Toward::Server, None, 150 * MS), "the first bite");
    assert!(!outages.count_drop(OutageId(1), 0, Toward::Server, Some(Bystander::Ntp), 160 * MS));
    assert_eq!(outages.last_bites(OutageId(1)), [(0, Toward::Server, 160 * MS)]);
    let bystanders = Bystanders { ntp: 1, ..Bystanders::default() };
    let tally = OutageTally { dropped_to_server: 2, dropped_other: 1, bystanders, ..OutageTally::default() };
    assert_eq!(outages.close(OutageId(1)), vec![(0, tally)]);
}

#[test]
fn a_stranger_is_whoever_speaks_with_the_server_and_is_not_of_the_outage_protected_devices_among_them() {
    let outages = begun();
    assert_eq!(outages.stranger(&frame(), Toward::Server, 200 * MS), None);
    let other = Mac([2, 0, 0, 0, 0, 7]);
    let of_other = Frame { source: Some(other), ..frame() };
    assert_eq!(outages.stranger(&of_other, Toward::Server, 200 * MS), Some((OutageId(1), other)));
    assert_eq!(outages.stranger(&of_other, Toward::Server, 99 * MS), None, "before it began");
    let elsewhere = Frame { destination: Some(other), ..frame() };
    assert_eq!(outages.stranger(&elsewhere, Toward::Phone, 200 * MS), None, "from somebody else");
    let mut strict = Outages::new(&protecting(PHONE));
    let rule = strict.plan(&setup(), &Addresses::new(&[]), &wanted()).unwrap();
    strict.begin(rule, &wanted(), (0, 0), Duration::ZERO);
    assert_eq!(strict.stranger(&frame(), Toward::Server, 200 * MS), Some((OutageId(1), PHONE)));
}

#[test]
fn the_limit_is_that_of_the_order() {
    let outages = begun();
    assert!(outages.overdue(Duration::from_millis(5_999)).is_empty());
    assert_eq!(outages.overdue(Duration::from_secs(6)), vec![OutageId(1)]);
}

#[test]
fn the_kernel_is_never_asked_to_drop_a_protected_device() {
    let mut outages = Outages::new(&protecting(PHONE));
    let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
    let known = Addresses::new(&[PhoneKey::OnLink { mac: PHONE, address: Some(address) }]);
    for treatment in [Treatment::Drop, Treatment::Unresolvable] {
        let wanted = Wanted { course: Course::steady(treatment), ..wanted() };
        let rule = outages.plan(&setup(), &known, &wanted).unwrap();
        assert!(outages.paths(Some(&rule), None).is_empty(), "{wanted:?}");
        outages.begin(rule, &wanted, (0, 0), Duration::ZERO);
        assert_eq!(outages.hand_over(address, Some(PHONE)), []);
        assert!(outages.paths(None, None).is_empty(), "{wanted:?}");
        outages.end(wanted.outage, (0, 0));
        outages.close(wanted.outage);
    }
}

#[test]
fn an_order_for_an_unknown_phone_or_server_is_refused() {
    let outages = Outages::new(&setup());
    assert!(outages.plan(&setup(), &Addresses::new(&[]), &Wanted { phones: vec![7], ..wanted() }).is_err());
    assert!(outages.plan(&setup(), &Addresses::new(&[]), &Wanted { server: 7, ..wanted() }).is_err());
    assert!(begun().plan(&setup(), &Addresses::new(&[]), &wanted()).is_err());
}

#[test]
fn of_a_phone_behind_a_router_the_kernel_gives_up_what_has_its_address_and_nothing_of_its_router() {
    let mut outages = Outages::new(&routed());
    let rule = outages.plan(&routed(), &Addresses::new(&routed().phones), &wanted()).unwrap();
    assert_eq!(outages.paths(Some(&rule), None), BTreeSet::from([Path::Routed { phone: BEHIND, server: SERVER }]));
    outages.begin(rule, &wanted(), (0, 0), Duration::ZERO);
    let from = |source| {
        let mut frame = frame();
        let Content::Ip(packet) = &mut frame.content else { unreachable!() };
        packet.source = source;
        frame
    };
    assert_eq!(outages.judge(&from(BEHIND), None, Toward::Server, 1).0, Decision::Drop(OutageId(1)));
    assert_eq!(outages.stranger(&from(BEHIND), Toward::Server, 1), None);
    let neighbour = from([10, 88, 0, 12].into());
    assert_eq!(outages.judge(&neighbour, None, Toward::Server, 1), (Decision::Pass, false));
    assert_eq!(outages.stranger(&neighbour, Toward::Server, 1), Some((OutageId(1), PHONE)), "by its router's MAC");
}

#[test]
fn what_a_phone_behind_a_router_asks_name_servers_is_given_up_by_its_address() {
    let nameless = Wanted { course: Course::steady(Treatment::Nameless), ..wanted() };
    let outages = Outages::new(&routed());
    let rule = outages.plan(&routed(), &Addresses::new(&[]), &nameless).unwrap();
    let names = |phone: &str| Path::RoutedNames { phone: phone.parse().unwrap() };
    assert_eq!(outages.paths(Some(&rule), None), BTreeSet::from([names("10.88.0.11"), names("fd88::11")]));
}

#[test]
fn what_is_behind_a_protected_router_is_given_back_as_soon_as_that_is_known_and_not_taken_again() {
    let mut outages = Outages::new(&routed());
    let rule = outages.plan(&routed(), &Addresses::new(&[]), &wanted()).unwrap();
    outages.begin(rule, &wanted(), (0, 0), Duration::ZERO);
    assert_eq!(outages.untouchable(&routed(), &wanted()), None);
    assert!(outages.spare(BEHIND) && !outages.spare(BEHIND));
    assert!(outages.paths(None, None).is_empty());
    let reason = outages.untouchable(&routed(), &wanted()).unwrap();
    assert!(reason.contains("10.88.0.11 is protected, or behind a router that is"), "{reason}");
    let again = outages.plan(&routed(), &Addresses::new(&[]), &Wanted { outage: OutageId(2), ..wanted() }).unwrap();
    assert!(outages.paths(Some(&again), None).is_empty());
}

#[test]
fn what_asks_for_an_address_is_given_up_for_whoever_has_it_now_and_for_nobody_else() {
    let old: IpAddr = [10, 77, 0, 11].into();
    let new: IpAddr = [10, 77, 0, 12].into();
    let known = Addresses::new(&[PhoneKey::OnLink { mac: PHONE, address: Some(old) }]);
    let mut outages = Outages::new(&setup());
    let unresolvable = Wanted { course: Course::steady(Treatment::Unresolvable), ..wanted() };
    let rule = outages.plan(&setup(), &known, &unresolvable).unwrap();
    outages.begin(rule, &unresolvable, (0, 0), Duration::ZERO);
    let asking = |outages: &Outages| {
        let asked = |path| if let Path::Asking { phone, .. } = path { Some(phone) } else { None };
        outages.paths(None, None).into_iter().filter_map(asked).collect::<Vec<_>>()
    };
    assert_eq!(asking(&outages), [old]);
    assert_eq!(outages.hand_over(new, Some(PHONE)), [OutageId(1)]);
    assert_eq!(outages.hand_over(old, None), [OutageId(1)], "a bystander has it");
    assert_eq!(asking(&outages), [new]);
    assert_eq!((outages.hand_over(new, Some(PHONE)), outages.hand_over(old, None)), (vec![], vec![]));
    outages.end(OutageId(1), (1, 0));
    assert_eq!(outages.hand_over(old, Some(PHONE)), []);
}
