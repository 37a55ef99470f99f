//! Who is on the link: stations by their MAC, hosts by their address, where each entered, what servers offer besides SIP.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hasher},
    net::IpAddr,
};

use crate::{
    config::Mac,
    wire::frame::{Body, Content, Frame, Packet, Vlans},
};

/// Stations and hosts that are remembered; those that come later are left out.
const MAX_HOSTS: usize = 8192;

/// Interfaces of captures that are told apart; packets of others count for the last one.
const MAX_INTERFACES: usize = 16;

/// Frames of a station whose copies on another interface are looked for.
const RECENT: usize = 32;

/// Copies of a frame on both sides of a bridge come within this time, in nanoseconds: the bridge takes microseconds, and
/// stamps of two interfaces differ little.
const SAME_FRAME_NS: u64 = 50_000_000;

/// Things of which a handful is remembered, each once, in the order in which they came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<T> {
    list: Vec<T>,
    /// There were more.
    pub more: bool,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { list: Vec::new(), more: false }
    }
}

impl<T: PartialEq> Few<T> {
    const MAX: usize = 8;

    /// Adds one, unless it is there.
    pub fn add(&mut self, new: T) {
        if self.list.contains(&new) {
            return;
        }
        if self.list.len() < Self::MAX {
            self.list.push(new);
        } else {
            self.more = true;
        }
    }

    /// Those that are remembered.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.list.iter()
    }
}

/// All stations and hosts.
#[derive(Debug, Default)]
pub struct Hosts {
    interfaces: Vec<Option<String>>,
    stations: HashMap<Mac, Station>,
    hosts: HashMap<IpAddr, Host>,
}

/// A sender of frames.
#[derive(Debug, Default)]
pub struct Station {
    /// Addresses that it spoke from.
    pub addresses: Few<IpAddr>,
    /// It asked for an address by DHCP.
    pub asks_dhcp: bool,
    /// Frames that entered the link at each interface.
    entered: [u64; MAX_INTERFACES],
    recent: VecDeque<Recent>,
}

/// A frame that was seen a moment ago.
#[derive(Debug, Clone, Copy)]
struct Recent {
    digest: u64,
    unix_ns: i64,
    interface: usize,
}

/// A sender of IP packets.
#[derive(Debug, Default)]
pub struct Host {
    /// Who carried its packets onto the link.
    pub macs: Few<Mac>,
    /// VLANs of its packets.
    pub vlans: Few<Vlans>,
    /// What it offers besides SIP: name of the service in a bench file, and port.
    pub services: BTreeSet<(&'static str, u16)>,
}

impl Hosts {
    /// Takes in a frame that was seen at an interface.
    pub fn take(&mut self, frame: &Frame<'_>, bytes: &[u8], unix_ns: i64, interface: usize) {
        let mac = frame.source.filter(|mac| is_device(*mac));
        let address = match &frame.content {
            Content::Ip(packet) => Some(packet.source).filter(|address| is_host(*address)),
            Content::Arp { sender_ip, .. } => Some(IpAddr::V4(*sender_ip)).filter(|address| is_host(*address)),
            Content::Other { .. } => None,
        };
        if let Some(mac) = mac
            && (self.stations.len() < MAX_HOSTS || self.stations.contains_key(&mac))
        {
            let station = self.stations.entry(mac).or_default();
            station.enters(interface, unix_ns, bytes);
            if let Some(address) = address {
                station.addresses.add(address);
            }
            station.asks_dhcp |= asks_dhcp(frame);
        }
        let Content::Ip(packet) = &frame.content else { return };
        if let Some(host) = address.and_then(|address| self.host_mut(address)) {
            host.vlans.add(frame.vlans);
            if let Some(mac) = mac {
                host.macs.add(mac);
            }
        }
        if let Some((server, name, port)) = service(packet)
            && let Some(host) = self.host_mut(server)
        {
            host.services.insert((name, port));
        }
    }

    /// The number of an interface, by its name or by the one that the capture gave it.
    pub fn interface(&mut self, number: u32, name: Option<&str>) -> usize {
        let label = name.map(str::to_owned).or_else(|| (number > 0).then(|| format!("interface {number}")));
        if let Some(known) = self.interfaces.iter().position(|it| *it == label) {
            return known;
        }
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(label);
        }
        self.interfaces.len() - 1
    }

    /// What an interface is called, by the capture or by us.
    pub fn label(&self, interface: usize) -> String {
        let name = self.interfaces.get(interface).cloned().flatten();
        name.unwrap_or_else(|| "the first interface".to_owned())
    }

    /// Whether there is more than one interface, so that it matters where somebody entered.
    pub fn has_sides(&self) -> bool {
        self.interfaces.len() > 1
    }

    /// What is known of a station.
    pub fn station(&self, mac: Mac) -> Option<&Station> {
        self.stations.get(&mac)
    }

    /// What is known of a host.
    pub fn host(&self, address: IpAddr) -> Option<&Host> {
        self.hosts.get(&address)
    }

    /// How many stations have sent something.
    pub fn stations(&self) -> usize {
        self.stations.len()
    }

    fn host_mut(&mut self, address: IpAddr) -> Option<&mut Host> {
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&address) {
            return None;
        }
        Some(self.hosts.entry(address).or_default())
    }
}

impl Station {
    /// The interface at which its frames enter; none: as many entered at another one.
    pub fn side(&self) -> Option<usize> {
        let most = self.entered.iter().copied().max().filter(|most| *most > 0)?;
        let mut sides = (0..).zip(&self.entered).filter(|(_, count)| **count == most);
        match (sides.next(), sides.next()) {
            (Some((side, _)), None) => Some(side),
            _ => None,
        }
    }

    /// A frame of it was seen at an interface. Of two copies, as they are captured on both sides of a bridge, it entered
    /// where the earlier one was.
    fn enters(&mut self, interface: usize, unix_ns: i64, bytes: &[u8]) {
        let digest = digest(bytes);
        let is_copy = |it: &Recent| {
            it.digest == digest && it.interface != interface && it.unix_ns.abs_diff(unix_ns) <= SAME_FRAME_NS
        };
        if let Some(other) = self.recent.iter().position(is_copy).and_then(|index| self.recent.remove(index)) {
            if unix_ns < other.unix_ns {
                self.entered[other.interface] -= 1;
                self.entered[interface] += 1;
            }
            return;
        }
        self.entered[interface] += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { digest, unix_ns, interface });
    }
}

/// Whether a MAC can be that of a device.
pub fn is_device(mac: Mac) -> bool {
    mac.0[0] & 1 == 0 && mac.0 != [0; 6]
}

/// Whether an address can be that of a host.
pub fn is_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !broadcast && !address.is_unspecified() && !address.is_multicast()
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// A BOOTREQUEST of a client (RFC 2131 section 2).
fn asks_dhcp(frame: &Frame<'_>) -> bool {
    let Content::Ip(packet) = &frame.content else { return false };
    matches!(packet.body, Body::Udp { source_port: 68, destination_port: 67, payload: [1, ..] })
}

/// The service that a packet proves, whose it is, and its port. Servers prove theirs by answering; a TFTP server answers
/// from another port (RFC 1350 section 4), so there the question counts.
fn service(packet: &Packet<'_>) -> Option<(IpAddr, &'static str, u16)> {
    match &packet.body {
        Body::Udp { source_port, destination_port, payload } => match (source_port, destination_port, payload) {
            (_, 69, [0, 1 | 2, ..]) => Some((packet.destination, "provisioning", 69)),
            (53, _, [_, _, flags, ..]) if flags & 0x80 != 0 => Some((packet.source, "dns", 53)),
            (67, _, [2, ..]) => Some((packet.source, "dhcp", 67)),
            // Mode 4 is a server's answer (RFC 5905 section 7.3).
            (123, _, [flags, ..]) if flags & 7 == 4 => Some((packet.source, "ntp", 123)),
            _ => None,
        },
        Body::Tcp(segment) if (segment.syn && segment.ack.is_some()) || !segment.payload.is_empty() => {
            match segment.source_port {
                80 => Some((packet.source, "xml", 80)),
                443 => Some((packet.source, "provisioning", 443)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::wire::frame::{Envelope, TcpSegment, udp_frame};

    const PHONE: Mac = Mac([0, 8, 0x5d, 0x77, 0, 1]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn at(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 77, 0, last], port))
    }

    fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
        udp_frame(PHONE, SERVER, None, from, to, payload)
    }

    fn take(hosts: &mut Hosts, bytes: &[u8], unix_ns: i64, interface: usize) {
        hosts.take(&Frame::parse(bytes).unwrap(), bytes, unix_ns, interface);
    }

    #[test]
    fn of_copies_on_both_sides_of_a_bridge_the_earlier_one_tells_where_a_station_is_whatever_their_order() {
        for swapped in [false, true] {
            let mut hosts = Hosts::default();
            for count in 0..100_u8 {
                let bytes = datagram(at(11, 5060), at(2, 5060), &[count]);
                let start = i64::from(count) * 1_000_000_000;
                let mut seen = [(start, 1), (start + 40_000, 0)];
                if swapped {
                    seen.reverse();
                }
                for (unix_ns, interface) in seen {
                    take(&mut hosts, &bytes, unix_ns, interface);
                }
            }
            assert_eq!(hosts.station(PHONE).unwrap().side(), Some(1));
            assert_eq!(hosts.station(PHONE).unwrap().entered[..2], [0, 100]);
        }
    }

    #[test]
    fn a_station_that_enters_as_often_here_as_there_is_on_no_side() {
        let mut hosts = Hosts::default();
        take(&mut hosts, &datagram(at(11, 5060), at(2, 5060), b"a"), 0, 0);
        take(&mut hosts, &datagram(at(11, 5060), at(2, 5060), b"b"), 0, 1);
        assert_eq!(hosts.station(PHONE).unwrap().side(), None);
    }

    #[test]
    fn services_are_those_that_answered() {
        let mut hosts = Hosts::default();
        let (server, phone) = (at(2, 0).ip(), at(11, 0).ip());
        let asked = [(40_000, 53, &[0, 1, 1, 0][..]), (123, 123, &[0x23]), (68, 67, &[1]), (40_001, 69, &[0, 1, b'a'])];
        for (from, to, payload) in asked {
            take(&mut hosts, &datagram(at(11, from), at(2, to), payload), 0, 0);
        }
        assert_eq!(hosts.host(server).unwrap().services, BTreeSet::from([("provisioning", 69)]));
        assert_eq!(hosts.host(phone).unwrap().services, BTreeSet::new());
        assert!(hosts.station(PHONE).unwrap().asks_dhcp);
        for (from, payload) in [(53, &[0, 1, 0x81, 0][..]), (123, &[0x24]), (67, &[2])] {
            take(&mut hosts, &datagram(at(2, from), at(11, 40_000), payload), 0, 0);
        }
        for port in [80, 443, 22] {
            let segment = TcpSegment {
                source_port: port,
                destination_port: 40_000,
                sequence: 1,
                ack: Some(1),
                syn: true,
                fin: false,
                rst: false,
                payload: &[],
            };
            let bytes = Envelope::new(SERVER, PHONE, None).tcp(server, phone, &segment, None);
            take(&mut hosts, &bytes, 0, 0);
        }
        let all = [("dhcp", 67), ("dns", 53), ("ntp", 123), ("provisioning", 69), ("provisioning", 443), ("xml", 80)];
        assert_eq!(hosts.host(server).unwrap().services, BTreeSet::from(all));
    }

    #[test]
    fn nobody_who_sends_frames_without_end_from_ever_new_addresses_takes_memory_without_end() {
        let mut hosts = Hosts::default();
        let mut bytes = datagram(at(11, 1), at(2, 1), b"x");
        for count in 0..20_000_u32 {
            bytes[8..12].copy_from_slice(&count.to_be_bytes());
            bytes[26..30].copy_from_slice(&(0x0a00_0001 + count).to_be_bytes());
            take(&mut hosts, &bytes, 0, 0);
        }
        assert_eq!((hosts.stations(), hosts.hosts.len()), (MAX_HOSTS, MAX_HOSTS));
    }
}
