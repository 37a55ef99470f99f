//! Check sums of IPv4, UDP, TCP and ICMP.

use std::net::{IpAddr, Ipv6Addr};

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
    if let Ok(datagram) = Link::parse(link, frame).and_then(|link| Datagram::parse(frame, &link)) {
        fix_datagram(frame, &datagram);
    }
}

/// The same of a packet that was read before, or of one that is quoted. Where its end is missing, the sum of what it
/// carries is formed over what is there.
pub fn fix_datagram(bytes: &mut [u8], datagram: &Datagram) {
    if datagram.source.is_ipv4() {
        let header = &mut bytes[datagram.header.clone()];
        let sum = util::checksum(header, 5);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    if datagram.fragment.is_none() {
        let payload = &mut bytes[datagram.payload.clone()];
        fix_payload(payload, datagram.source, datagram.destination, datagram.protocol, datagram.missing > 0);
    }
}

/// Makes the check sum of UDP, TCP or ICMP right that stands in all of what an IP packet carries; `cut`: its end is missing.
pub fn fix_payload(payload: &mut [u8], source: IpAddr, destination: IpAddr, protocol: u8, cut: bool) {
    let sum = |segment: &[u8], skip| match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            util::ipv4_checksum(segment, skip, &[], &source, &destination, IpNextHeaderProtocol(protocol))
        }
        (source, destination) => {
            let (source, destination) = (mapped(source), mapped(destination));
            util::ipv6_checksum(segment, skip, &[], &source, &destination, IpNextHeaderProtocol(protocol))
        }
    };
    let (at, sum) = match protocol {
        ip::UDP => {
            let Some(udp) = UdpPacket::new(payload) else { return forget(payload, 6) };
            let length = usize::from(udp.get_length());
            let sent_without = udp.get_checksum() == 0;
            if sent_without || length < UdpPacket::minimum_packet_size() || length > payload.len() && !cut {
                return;
            }
            // Zero would say "sent without" (RFC 768).
            (6, Some(sum(&payload[..length.min(payload.len())], 3)).filter(|sum| *sum != 0).unwrap_or(0xFFFF))
        }
        ip::TCP if payload.len() >= 20 => (16, sum(payload, 8)),
        ip::TCP => return forget(payload, 16),
        ip::ICMP | ip::IGMP if payload.len() >= 4 => (2, util::checksum(payload, 1)),
        ip::ICMP_V6 if payload.len() >= 4 => (2, sum(payload, 1)),
        _ => return,
    };
    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Takes out what there is of a check sum in a header without end.
fn forget(header: &mut [u8], at: usize) {
    for byte in header.iter_mut().skip(at).take(2) {
        *byte = 0;
    }
}

/// An address as an IPv6 header has it.
pub fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
