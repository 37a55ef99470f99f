//! Check sums of IPv4, UDP, TCP and ICMP.

use std::{
    net::{IpAddr, Ipv6Addr},
    ops::Range,
};

use pnet::packet::{ip::IpNextHeaderProtocol, udp::UdpPacket, util};

use super::{
    ip::{self, Datagram},
    link::{Link, LinkType},
};

/// Makes the IPv4 header check sum and the UDP, TCP or ICMP check sum of an Ethernet frame right again after its payload
/// was changed. A frame that can not be read, a fragment, or a UDP datagram sent without check sum stays as it is.
pub fn fix_checksums(frame: &mut [u8]) {
    fix_checksums_of(LinkType::Ethernet, frame);
}

/// The same in a frame of any link layer.
pub fn fix_checksums_of(link: LinkType, frame: &mut [u8]) {
    let datagram = Link::parse(link, frame).and_then(|link| Datagram::parse(frame, &link));
    let Ok(datagram) = datagram else { return };
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

/// An address as an IPv6 header has it.
pub fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
