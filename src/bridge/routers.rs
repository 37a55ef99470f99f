//! Phones behind a router: they are known by their addresses, and their frames have the router's MAC, as those of others behind
//! it. Where these come from their own frames show. Pure bookkeeping.
//!
//! A router may be replaced, or be two that share the work: each place that a phone's frames come from is as good as any other.
//! But a device on the link that has taken the address is not the phone. It is told by its hop limit: a router has counted
//! that of the others down from what hosts begin with.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    homes::{BEGINNINGS, MOST_PLACES, USUAL},
    protocol::{PhoneIndex, Setup},
};
use crate::{
    config::Mac,
    event::{LinkPlace, Toward},
    wire::frame::{self, Body, Content, Frame},
};

/// Where the phones are that are behind routers.
#[derive(Debug, Default)]
pub struct Routers {
    phones: BTreeMap<IpAddr, Route>,
    /// In which alone they are, if the bench says so.
    vlan: Option<u16>,
    /// Of phones that are not behind one.
    on_link: BTreeSet<Mac>,
}

#[derive(Debug, Default)]
struct Route {
    phone: PhoneIndex,
    places: Vec<LinkPlace>,
    /// The last hop limit of a datagram or segment of it.
    hops: Option<u8>,
}

/// A place that was not known, or not for what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whose.
    pub phone: PhoneIndex,
    /// Its address.
    pub address: IpAddr,
    /// The place.
    pub place: LinkPlace,
    /// It is that of a device on the link which has the same address.
    pub taken: bool,
}

impl Routers {
    /// Nothing has been seen of the phones of this bench.
    pub fn new(setup: &Setup) -> Self {
        let keyed = (0..).zip(&setup.phones).flat_map(|(phone, key)| {
            key.routed().iter().map(move |address| (*address, Route { phone, ..Route::default() }))
        });
        let on_link = setup.phones.iter().filter_map(super::protocol::PhoneKey::mac);
        Self { phones: keyed.collect(), vlan: setup.network.vlan, on_link: on_link.collect() }
    }

    /// The phone that such a frame is from, or goes to.
    pub fn phone(&self, frame: &Frame<'_>, toward: Toward) -> Option<PhoneIndex> {
        let (mac, address) = end(frame, toward)?;
        let route = self.phones.get(&address).filter(|_| self.may_be(frame, mac))?;
        (!route.is_taken(mac)).then_some(route.phone)
    }

    /// Learns from a frame that has come in on the side of the phones. A place, the first time that it is shown; and those that
    /// are seen now to be of a device which has taken the address.
    pub fn learn(&mut self, frame: &Frame<'_>, bytes: &[u8]) -> Vec<Shown> {
        let Some((mac, address)) = end(frame, Toward::Server) else { return Vec::new() };
        if !self.may_be(frame, mac) || !is_of_host(frame) {
            return Vec::new();
        }
        let (Some(route), Some(hop_limit)) = (self.phones.get_mut(&address), frame::hop_limit(frame, bytes)) else {
            return Vec::new();
        };
        let vlans = &frame.vlans[..];
        let is_known = route.places.iter().any(|place| place.mac == mac && place.vlans == vlans);
        let was_behind = route.places.iter().any(is_behind);
        if !is_known && route.places.len() < MOST_PLACES {
            route.places.push(LinkPlace { mac, toward: Toward::Server, vlans: vlans.to_vec(), hop_limit });
        }
        if !route.is_taken(mac) {
            route.hops = Some(hop_limit);
        }
        let is_new = |place: &&LinkPlace| !is_known && place.mac == mac && place.vlans == vlans;
        // The first one behind a router shows what the others are.
        let turned = |place: &&LinkPlace| !was_behind && route.is_taken(place.mac);
        let told = route.places.iter().filter(|place| is_new(place) || turned(place));
        let shown = |place: &LinkPlace| {
            let taken = route.is_taken(place.mac);
            Shown { phone: route.phone, address, place: place.clone(), taken }
        };
        told.map(shown).collect()
    }

    /// The hop limit that a frame of this phone would have by now, as that of its own frames; none: it is behind no router.
    pub fn hop_limit(&self, address: IpAddr) -> Option<u8> {
        self.phones.get(&address).map(|route| route.hops.unwrap_or(USUAL - 1))
    }

    fn may_be(&self, frame: &Frame<'_>, mac: Mac) -> bool {
        !self.on_link.contains(&mac) && self.vlan.is_none_or(|vlan| frame.vlans.contains(&vlan))
    }
}

impl Route {
    /// Whether what comes from this MAC is of another device, on the link.
    fn is_taken(&self, mac: Mac) -> bool {
        let mut of_mac = self.places.iter().filter(|place| place.mac == mac).peekable();
        of_mac.peek().is_some() && !of_mac.any(is_behind) && self.places.iter().any(is_behind)
    }
}

fn is_behind(place: &LinkPlace) -> bool {
    !BEGINNINGS.contains(&place.hop_limit)
}

/// The end of a packet on the side of the phones.
fn end(frame: &Frame<'_>, toward: Toward) -> Option<(Mac, IpAddr)> {
    let Content::Ip(packet) = &frame.content else { return None };
    Some(match toward {
        Toward::Server => (frame.source?, packet.source),
        Toward::Phone => (frame.destination?, packet.destination),
    })
}

/// Hosts have a hop limit of their own for everything else.
fn is_of_host(frame: &Frame<'_>) -> bool {
    matches!(&frame.content, Content::Ip(packet) if matches!(packet.body, Body::Udp { .. } | Body::Tcp(_) | Body::Fragment { .. }))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{bridge::protocol::PhoneKey, config::Network, wire::frame::Envelope};

    const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 9]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 8]);
    const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    #[test]
    fn phones_behind_one_router_are_told_apart_by_their_addresses_and_others_behind_it_are_nobody() {
        let mut routers = routers_of(None);
        assert_eq!(phone(&routers, &datagram(ROUTER, 11, None, 63)), Some(0));
        assert_eq!(phone(&routers, &datagram(ROUTER, 12, None, 63)), Some(1));
        assert_eq!(phone(&routers, &datagram(ROUTER, 99, None, 63)), None);
        assert_eq!(phone(&routers, &datagram(PHONE, 11, None, 64)), None, "a phone of the bench is itself");
        assert_eq!(learn(&mut routers, &datagram(PHONE, 11, None, 64)), []);
    }

    #[test]
    fn each_place_of_a_phone_is_told_once_and_all_are_as_good() {
        let mut routers = routers_of(None);
        assert_eq!(learn(&mut routers, &datagram(ROUTER, 11, None, 63)), [shown(ROUTER, 63, false)]);
        assert_eq!(learn(&mut routers, &datagram(ROUTER, 11, None, 62)), []);
        assert_eq!(routers.hop_limit(at(11).ip()), Some(62));
        assert_eq!(learn(&mut routers, &datagram(OTHER, 11, None, 63)), [shown(OTHER, 63, false)]);
        for mac in [ROUTER, OTHER] {
            assert_eq!(phone(&routers, &datagram(mac, 11, None, 63)), Some(0));
        }
        assert_eq!((routers.hop_limit(at(12).ip()), routers.hop_limit(at(99).ip())), (Some(63), None));
    }

    #[test]
    fn a_device_on_the_link_that_has_taken_the_address_is_not_the_phone_whichever_of_them_was_seen_first() {
        let mut routers = routers_of(None);
        learn(&mut routers, &datagram(ROUTER, 11, None, 63));
        assert_eq!(learn(&mut routers, &datagram(OTHER, 11, None, 64)), [shown(OTHER, 64, true)]);
        assert_eq!(phone(&routers, &datagram(OTHER, 11, None, 64)), None);
        assert_eq!(routers.hop_limit(at(11).ip()), Some(63), "the phone's own");

        let mut routers = routers_of(None);
        assert_eq!(learn(&mut routers, &datagram(OTHER, 11, None, 64)), [shown(OTHER, 64, false)]);
        assert_eq!(phone(&routers, &datagram(OTHER, 11, None, 64)), Some(0), "nothing speaks against it");
        let expected = [shown(OTHER, 64, true), shown(ROUTER, 63, false)];
        assert_eq!(learn(&mut routers, &datagram(ROUTER, 11, None, 63)), expected);
        assert_eq!(phone(&routers, &datagram(OTHER, 11, None, 64)), None);
        assert_eq!(phone(&routers, &datagram(ROUTER, 11, None, 63)), Some(0));
    }

    #[test]
    fn the_same_address_in_another_vlan_is_another_device_where_the_bench_names_one() {
        let routers = routers_of(Some(7));
        assert_eq!(phone(&routers, &datagram(ROUTER, 11, Some(7), 63)), Some(0));
        for vlan in [None, Some(8)] {
            assert_eq!(phone(&routers, &datagram(ROUTER, 11, vlan, 63)), None);
        }
    }

    #[test]
    fn places_that_are_remembered_have_an_end() {
        let mut routers = routers_of(None);
        for vlan in 1..100 {
            learn(&mut routers, &datagram(ROUTER, 11, Some(vlan), 63));
        }
        assert_eq!(routers.phones[&at(11).ip()].places.len(), MOST_PLACES);
    }

    fn routers_of(vlan: Option<u16>) -> Routers {
        let routed = |last| PhoneKey::Routed { addresses: vec![at(last).ip()], protected: false };
        let phones = vec![routed(11), routed(12), PhoneKey::OnLink { mac: PHONE, address: None }];
        let network = Network { vlan, ..Network::between("a", "b") };
        Routers::new(&Setup { controller_pid: 1, network, phones, servers: Vec::new(), allow_link_down: false })
    }

    fn phone(routers: &Routers, bytes: &[u8]) -> Option<PhoneIndex> {
        routers.phone(&Frame::parse(bytes).unwrap(), Toward::Server)
    }

    fn learn(routers: &mut Routers, bytes: &[u8]) -> Vec<Shown> {
        routers.learn(&Frame::parse(bytes).unwrap(), bytes)
    }

    fn shown(mac: Mac, hop_limit: u8, taken: bool) -> Shown {
        let place = LinkPlace { mac, toward: Toward::Server, vlans: Vec::new(), hop_limit };
        Shown { phone: 0, address: at(11).ip(), place, taken }
    }

    fn datagram(from: Mac, last: u8, vlan: Option<u16>, hops: u8) -> Vec<u8> {
        let server = SocketAddr::from(([10, 77, 0, 2], 5060));
        let mut bytes = Envelope::new(from, SERVER, vlan).udp(at(last), server, b"x");
        frame::set_hop_limit(&mut bytes, hops);
        bytes
    }

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 88, 0, last], 5060))
    }
}
