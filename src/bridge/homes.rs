//! Where servers answer from, as their own frames show it: which MAC, on which side, in which VLAN, how many hops away. One
//! that is behind a router has the router's MAC. Pure bookkeeping.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::protocol::{ServerIndex, ServerKey};
use crate::{
    config::Mac,
    event::{LinkPlace, Toward},
    wire::{
        frame::{self, Body, Content, Frame},
        resolution::Question,
    },
};

/// Places of an address that are told of. One that goes on to move is told of no more.
pub(super) const MOST_PLACES: usize = 8;
/// Other addresses of a MAC that are remembered.
const MOST_CARRIED: usize = 8;
/// Hop limits that hosts begin with; any other shows that routers have counted.
pub(super) const BEGINNINGS: [u8; 4] = [32, 64, 128, 255];
/// Hop limit of most hosts (RFC 1122 section 3.2.1.7 leaves it to them; IANA's default is 64).
pub(super) const USUAL: u8 = 64;

/// Where the servers of a bench are.
#[derive(Debug, Default)]
pub struct Homes {
    servers: BTreeMap<IpAddr, Home>,
    /// What else the MACs of servers have carried or told.
    carried: BTreeMap<Mac, BTreeSet<IpAddr>>,
}

#[derive(Debug, Default)]
struct Home {
    server: ServerIndex,
    gateway: Option<IpAddr>,
    places: Vec<LinkPlace>,
    /// The last hop limit of a datagram or segment of it.
    hops: Option<u8>,
    /// MACs that the server's address was told to have (ARP, neighbour discovery).
    told: BTreeSet<Mac>,
}

/// A place that was not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub server: ServerIndex,
    /// Its address.
    pub address: IpAddr,
    /// Where it is.
    pub place: LinkPlace,
}

impl Homes {
    /// Of these servers nothing has been seen.
    pub fn new(servers: &[ServerKey]) -> Self {
        let keyed = (0..).zip(servers).flat_map(|(server, key)| {
            let home = move |address: &IpAddr| (*address, Home { server, gateway: key.gateway, ..Home::default() });
            key.addresses.iter().map(home)
        });
        Self { servers: keyed.collect(), carried: BTreeMap::new() }
    }

    /// Learns from a frame that goes `toward` a side, and so has come in at the other. A place of a server, the first time that it
    /// shows it.
    pub fn learn(&mut self, frame: &Frame<'_>, bytes: &[u8], toward: Toward) -> Option<Moved> {
        let (mac, from) = (frame.source?, sender(frame)?);
        let question = Question::of(frame);
        let Some(home) = self.servers.get_mut(&from) else {
            self.carry(mac, from);
            return None;
        };
        if question.is_some_and(|question| from == if question.tells { question.about() } else { question.from }) {
            home.told.insert(mac);
        }
        if let Content::Ip(packet) = &frame.content
            && matches!(packet.body, Body::Udp { .. } | Body::Tcp(_) | Body::Fragment { .. })
        {
            home.hops = frame::hop_limit(frame, bytes);
        }
        let vlans = &frame.vlans[..];
        let known = |it: &LinkPlace| it.mac == mac && it.toward == toward && it.vlans == vlans;
        let hops = home.hops?;
        if home.places.iter().any(known) || home.places.len() >= MOST_PLACES {
            return None;
        }
        let place = LinkPlace { mac, toward, vlans: vlans.to_vec(), hop_limit: hops };
        home.places.push(place.clone());
        let server = home.server;
        self.carried.entry(mac).or_default();
        Some(Moved { server, address: from, place })
    }

    /// An address that is no server's, from a MAC that may be one's.
    fn carry(&mut self, mac: Mac, from: IpAddr) {
        if let Some(carried) = self.carried.get_mut(&mac)
            && carried.len() < MOST_CARRIED
            && !is_of_link(from)
        {
            carried.insert(from);
        }
    }

    /// Whether a server of the bench has that address.
    pub fn is_server(&self, address: IpAddr) -> bool {
        self.servers.contains_key(&address)
    }

    /// Whether frames to that MAC that come in on the phones' side are for the side of the servers.
    pub fn is_beyond(&self, mac: Mac) -> bool {
        let mut places = self.servers.values().flat_map(|home| &home.places);
        places.any(|place| place.mac == mac && place.toward == Toward::Phone)
    }

    /// The hop limit that a frame of a server would have by now: as that of its own frames, or one less than usual behind a
    /// router that the bench names.
    pub fn hop_limit(&self, address: IpAddr) -> u8 {
        let home = self.servers.get(&address);
        let declared = home.is_some_and(|home| home.gateway.is_some());
        home.and_then(|home| home.hops).unwrap_or(USUAL - u8::from(declared))
    }

    /// Why nobody on the link asks for the link-layer address of this server: it is behind a router; and what else that router
    /// carries. None: it may be on the link.
    pub fn router_of(&self, address: IpAddr) -> Option<String> {
        let home = self.servers.get(&address)?;
        let place = home.places.last();
        let mac = place.map(|place| place.mac);
        let others = self.behind(address, mac);
        let also = if others.is_empty() {
            "everything behind it".to_owned()
        } else {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            format!("{}, and everything else behind it", others.join(", "))
        };
        let sentence = |how: String| format!("{address} {how}; to take that away would cut {also}");
        if let Some(gateway) = home.gateway {
            return Some(sentence(format!("is behind the gateway {gateway}, as the bench says")));
        }
        let mac = mac.filter(|mac| !home.told.contains(mac))?;
        let hops = home.hops.filter(|hops| !BEGINNINGS.contains(hops));
        match hops {
            Some(hops) => Some(sentence(format!("answers from {mac} with a hop limit of {hops}: a router's"))),
            None if !others.is_empty() => {
                Some(sentence(format!("answers from {mac}, which carries more: a router's, as far as can be seen")))
            }
            None => None,
        }
    }

    /// The other addresses that share the way to a server.
    fn behind(&self, address: IpAddr, mac: Option<Mac>) -> BTreeSet<IpAddr> {
        let Some(own) = self.servers.get(&address) else { return BTreeSet::new() };
        let shares = |other: &Home| {
            let gateway = own.gateway.is_some() && other.gateway == own.gateway;
            gateway || mac.is_some_and(|mac| other.places.iter().any(|place| place.mac == mac))
        };
        let servers = self.servers.iter().filter(|(_, other)| other.server != own.server && shares(other));
        let carried = mac.and_then(|mac| self.carried.get(&mac)).into_iter().flatten();
        servers.map(|(address, _)| *address).chain(carried.copied()).collect()
    }
}

/// Who has sent a frame, by his own word.
fn sender(frame: &Frame<'_>) -> Option<IpAddr> {
    match &frame.content {
        Content::Arp { sender_ip, .. } => Some(IpAddr::V4(*sender_ip)),
        Content::Ip(packet) => Some(packet.source),
        Content::Other { .. } => None,
    }
}

/// An address that is not routed.
const fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_unspecified() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unspecified() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::wire::frame::Envelope;

    const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 9]);
    const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_server_is_told_of_once_for_each_place_that_it_shows() {
        let mut homes = homes(None);
        let place =
            |vlans: &[u16]| LinkPlace { mac: ROUTER, toward: Toward::Phone, vlans: vlans.to_vec(), hop_limit: 63 };
        let told = |homes: &mut Homes, vlan| learn(homes, &datagram(2, vlan, 63)).map(|moved| moved.place);
        assert_eq!(told(&mut homes, None), Some(place(&[])));
        assert_eq!(told(&mut homes, None), None);
        assert_eq!(told(&mut homes, Some(7)), Some(place(&[7])), "the same host, another VLAN");
        assert_eq!(homes.hop_limit(at(2).ip()), 63);
        assert_eq!(homes.hop_limit(at(3).ip()), 64, "nothing was seen of it");
        assert!(homes.is_beyond(ROUTER) && !homes.is_beyond(PHONE));
    }

    #[test]
    fn a_server_that_tells_its_own_link_layer_address_is_on_the_link_though_its_mac_has_more() {
        let mut homes = homes(None);
        learn(&mut homes, &datagram(2, None, 64));
        assert_eq!(homes.router_of(at(2).ip()), None, "nothing speaks against it");
        learn(&mut homes, &datagram(3, None, 64));
        learn(&mut homes, &datagram(99, None, 64));
        let router = homes.router_of(at(2).ip()).unwrap();
        assert!(router.contains("would cut 10.77.0.3, 10.77.0.99, and everything else behind it"), "{router}");
        learn(&mut homes, &told(2));
        assert_eq!(homes.router_of(at(2).ip()), None);
        assert!(homes.router_of(at(3).ip()).is_some(), "of the other nothing was told");
    }

    #[test]
    fn hops_and_the_bench_tell_of_a_router_too() {
        let mut homes = homes(None);
        learn(&mut homes, &datagram(2, None, 126));
        assert!(homes.router_of(at(2).ip()).unwrap().contains("with a hop limit of 126"));
        let homes = self::homes(Some([10, 77, 0, 1].into()));
        let said = homes.router_of(at(2).ip()).unwrap();
        assert!(said.starts_with("10.77.0.2 is behind the gateway 10.77.0.1, as the bench says"), "{said}");
        assert!(said.contains("would cut 10.77.0.3, "), "the server behind the same gateway: {said}");
        assert_eq!(homes.hop_limit(at(2).ip()), 63);
    }

    #[test]
    fn what_is_remembered_of_a_mac_and_of_a_server_that_goes_on_to_move_has_an_end() {
        let mut homes = homes(None);
        for vlan in 1..100 {
            learn(&mut homes, &datagram(2, Some(vlan), 64));
            learn(&mut homes, &datagram(100 + vlan as u8, None, 64));
        }
        assert_eq!(homes.servers[&at(2).ip()].places.len(), MOST_PLACES);
        assert_eq!(homes.carried[&ROUTER].len(), MOST_CARRIED);
    }

    fn homes(gateway: Option<IpAddr>) -> Homes {
        let key =
            |last| ServerKey { addresses: vec![at(last).ip()], sip_ports: vec![5060], gateway, names: Vec::new() };
        Homes::new(&[key(2), key(3)])
    }

    fn learn(homes: &mut Homes, bytes: &[u8]) -> Option<Moved> {
        homes.learn(&Frame::parse(bytes).unwrap(), bytes, Toward::Phone)
    }

    fn datagram(last: u8, vlan: Option<u16>, hops: u8) -> Vec<u8> {
        let mut bytes = Envelope::new(ROUTER, PHONE, vlan).udp(at(last), at(11), b"x");
        frame::set_hop_limit(&mut bytes, hops);
        bytes
    }

    /// An ARP message in which a server says who it is.
    fn told(last: u8) -> Vec<u8> {
        let mut bytes = Envelope::new(ROUTER, PHONE, None).arp_probe(ROUTER, Ipv4Addr::new(10, 77, 0, 11), b"");
        bytes[21] = 2;
        bytes[28..32].copy_from_slice(&[10, 77, 0, last]);
        bytes
    }

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 77, 0, last], 5060))
    }
}
