//! Frames of our own making, and check sums.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    ops::Range,
};

use pnet::{
    packet::{
        ethernet::{EtherTypes, MutableEthernetPacket},
        ip::IpNextHeaderProtocol,
        ipv4::{Ipv4Flags, Ipv4Packet, MutableIpv4Packet},
        ipv6::{Ipv6Packet, MutableIpv6Packet},
        udp::{MutableUdpPacket, UdpPacket},
        util,
        vlan::{ClassOfService, MutableVlanPacket, VlanPacket},
    },
    util::MacAddr,
};

use super::{
    Link,
    ip::{self, Datagram},
};
use crate::config::Mac;

/// Length of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// Hop limit of what we send.
const TTL: u8 = 64;

/// Most payload that fits a UDP datagram in IPv4.
const MAX_PAYLOAD: usize = 65_507;

/// A UDP datagram in an Ethernet frame, check sums right. Both addresses must be of one family; where they are not, both
/// are written as IPv6 (an IPv4 address mapped). A payload beyond 65 507 bytes is cut.
pub fn udp_frame(
    source_mac: Mac,
    destination_mac: Mac,
    vlan: Option<u16>,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
    let v4 = source.is_ipv4() && destination.is_ipv4();
    let tag = if vlan.is_some() { VlanPacket::minimum_packet_size() } else { 0 };
    let ip_at = ETHERNET + tag;
    let udp_at = ip_at + if v4 { Ipv4Packet::minimum_packet_size() } else { Ipv6Packet::minimum_packet_size() };
    let udp_len = UdpPacket::minimum_packet_size() + payload.len();
    let mut frame = vec![0; udp_at + udp_len];

    let ethertype = if v4 { EtherTypes::Ipv4 } else { EtherTypes::Ipv6 };
    if let Some(mut ethernet) = MutableEthernetPacket::new(&mut frame) {
        ethernet.set_source(mac(source_mac));
        ethernet.set_destination(mac(destination_mac));
        ethernet.set_ethertype(if vlan.is_some() { EtherTypes::Vlan } else { ethertype });
    }
    if let Some(vlan) = vlan
        && let Some(mut header) = MutableVlanPacket::new(&mut frame[ETHERNET..])
    {
        header.set_priority_code_point(ClassOfService(0));
        header.set_vlan_identifier(vlan & 0x0FFF);
        header.set_ethertype(ethertype);
    }
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = u16::try_from(frame.len() - ip_at).unwrap_or(u16::MAX);
            if let Some(mut header) = MutableIpv4Packet::new(&mut frame[ip_at..]) {
                header.set_version(4);
                header.set_header_length(5);
                header.set_total_length(total);
                header.set_flags(Ipv4Flags::DontFragment);
                header.set_ttl(TTL);
                header.set_next_level_protocol(IpNextHeaderProtocol(ip::UDP));
                header.set_source(source);
                header.set_destination(destination);
            }
        }
        (source, destination) => {
            if let Some(mut header) = MutableIpv6Packet::new(&mut frame[ip_at..]) {
                header.set_version(6);
                header.set_payload_length(u16::try_from(udp_len).unwrap_or(u16::MAX));
                header.set_next_header(IpNextHeaderProtocol(ip::UDP));
                header.set_hop_limit(TTL);
                header.set_source(mapped(source));
                header.set_destination(mapped(destination));
            }
        }
    }
    if let Some(mut header) = MutableUdpPacket::new(&mut frame[udp_at..]) {
        header.set_source(source.port());
        header.set_destination(destination.port());
        header.set_length(u16::try_from(udp_len).unwrap_or(u16::MAX));
        // Anything but "sent without".
        header.set_checksum(1);
        header.set_payload(payload);
    }
    fix_checksums(&mut frame);
    frame
}

fn mac(mac: Mac) -> MacAddr {
    MacAddr::from(mac.0)
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Makes the IPv4 header check sum and the UDP, TCP or ICMP check sum of a frame right again after its payload was
/// changed. A frame that can not be read, a fragment, or a UDP datagram sent without check sum stays as it is.
pub fn fix_checksums(frame: &mut [u8]) {
    let Some(datagram) = Link::parse(frame).and_then(|link| Datagram::parse(frame, &link)).ok() else { return };
    if datagram.source.is_ipv4() {
        let header = &mut frame[datagram.header.clone()];
        let sum = util::checksum(header, 5);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    if datagram.fragment.is_some() {
        return;
    }
    match datagram.protocol {
        ip::UDP => fix_udp(frame, &datagram),
        ip::TCP if datagram.payload.len() >= 20 => {
            let sum = transport_sum(frame, &datagram, datagram.payload.clone(), 8);
            put(frame, datagram.payload.start + 16, sum);
        }
        ip::ICMP if datagram.payload.len() >= 4 => {
            let sum = util::checksum(&frame[datagram.payload.clone()], 1);
            put(frame, datagram.payload.start + 2, sum);
        }
        ip::ICMP_V6 if datagram.payload.len() >= 4 => {
            let sum = transport_sum(frame, &datagram, datagram.payload.clone(), 1);
            put(frame, datagram.payload.start + 2, sum);
        }
        _ => {}
    }
}

fn fix_udp(frame: &mut [u8], datagram: &Datagram) {
    let Some(udp) = UdpPacket::new(&frame[datagram.payload.clone()]) else { return };
    let length = usize::from(udp.get_length());
    let sent_without = udp.get_checksum() == 0;
    if sent_without || length < UdpPacket::minimum_packet_size() || length > datagram.payload.len() {
        return;
    }
    let start = datagram.payload.start;
    let sum = transport_sum(frame, datagram, start..start + length, 3);
    // Zero would say "sent without" (RFC 768).
    put(frame, start + 6, if sum == 0 { 0xFFFF } else { sum });
}

/// The sum over pseudo header and segment; `skip` is the index of the check sum's own 16-bit word.
fn transport_sum(frame: &[u8], datagram: &Datagram, segment: Range<usize>, skip: usize) -> u16 {
    let protocol = IpNextHeaderProtocol(datagram.protocol);
    let segment = &frame[segment];
    match (datagram.source, datagram.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            util::ipv4_checksum(segment, skip, &[], &source, &destination, protocol)
        }
        (source, destination) => {
            util::ipv6_checksum(segment, skip, &[], &mapped(source), &mapped(destination), protocol)
        }
    }
}

fn put(frame: &mut [u8], at: usize, sum: u16) {
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}
