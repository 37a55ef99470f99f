//! The headers of a captured frame: what they say of its payload, and pseudonyms of the addresses in them.
//!
//! A frame may be of any bytes and end anywhere. What can not be read is the payload of something unknown.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use pnet::packet::ethernet::EtherTypes;

use super::{clean::Cleaner, text::Pseudonyms};
use crate::wire::frame::{
    LinkType,
    ip::{self, Datagram},
    link,
};

/// Ethernet's ARP for IPv4 (RFC 826): hardware and protocol type, lengths of their addresses.
const ARP_FOR_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// A captured frame by the places of its parts.
pub struct Layout {
    link: LinkType,
    /// Where the packet begins.
    packet_at: usize,
    pub packet: Packet,
}

/// What a frame carries.
pub enum Packet {
    Arp,
    Ip(Datagram),
    /// A packet with such a header, of which the rest can not be read.
    Header(IpAddr),
    Unknown,
}

/// What an IP packet carries.
pub enum Body {
    Udp(Range<usize>),
    Tcp {
        head: Range<usize>,
        payload: Range<usize>,
    },
    Icmp(Range<usize>),
    Igmp(Range<usize>),
    /// Part of a datagram, or something that is not read.
    Other(Range<usize>),
}

impl Layout {
    pub fn of(link: LinkType, bytes: &[u8]) -> Self {
        let Ok(read) = link::Link::parse(link, bytes) else {
            let packet_at = if link == LinkType::Ethernet { bytes.len().min(12) } else { 0 };
            return Self { link, packet_at, packet: Packet::Unknown };
        };
        let rest = &bytes[read.payload_at..];
        let packet = match (read.ethertype, Datagram::parse_begun(bytes, read.payload_at)) {
            (EtherTypes::Ipv4 | EtherTypes::Ipv6, Ok(datagram)) => Packet::Ip(datagram),
            (EtherTypes::Ipv4, Err(_)) if rest.len() >= 20 => Packet::Header(Ipv4Addr::UNSPECIFIED.into()),
            (EtherTypes::Ipv6, Err(_)) if rest.len() >= 40 => Packet::Header(Ipv6Addr::UNSPECIFIED.into()),
            (EtherTypes::Arp, _) if rest.len() >= 28 && [&rest[..4], &rest[4..6]].concat() == ARP_FOR_IPV4 => {
                Packet::Arp
            }
            _ => Packet::Unknown,
        };
        Self { link, packet_at: read.payload_at, packet }
    }

    /// What follows the packet, or all of it if it is not read: nobody knows what that is.
    pub fn unknown(&self, bytes: &[u8]) -> Range<usize> {
        let start = match &self.packet {
            Packet::Arp => self.packet_at + 28,
            Packet::Ip(datagram) => datagram.payload.end,
            Packet::Header(IpAddr::V4(_)) => self.packet_at + 20,
            Packet::Header(IpAddr::V6(_)) => self.packet_at + 40,
            Packet::Unknown => self.packet_at,
        };
        start..bytes.len()
    }

    /// Gives the addresses ahead of the payload pseudonyms, and takes out of options what else has addresses.
    pub fn write_pseudonyms(&self, bytes: &mut [u8], pseudonyms: &mut Pseudonyms) {
        match self.link {
            LinkType::Ethernet => {
                mac(bytes, 0, pseudonyms);
                mac(bytes, 6, pseudonyms);
            }
            LinkType::LinuxSll => cooked(bytes, 6, 2..6, pseudonyms),
            LinkType::LinuxSll2 => cooked(bytes, 12, 8..12, pseudonyms),
            LinkType::Raw | LinkType::Null | LinkType::Loop | LinkType::Other(_) => {}
        }
        let at = self.packet_at;
        match &self.packet {
            Packet::Arp => {
                mac(bytes, at + 8, pseudonyms);
                v4(bytes, at + 14, pseudonyms);
                mac(bytes, at + 18, pseudonyms);
                v4(bytes, at + 24, pseudonyms);
            }
            Packet::Ip(datagram) => header(bytes, datagram, pseudonyms),
            Packet::Header(version) => ends(bytes, at, *version, pseudonyms),
            Packet::Unknown => {}
        }
    }
}

/// What lies in the payload of a packet that is no fragment.
pub fn body(bytes: &[u8], datagram: &Datagram) -> Body {
    let Range { start, end } = datagram.payload;
    let payload = &bytes[start..end];
    let other = Body::Other(start..end);
    if datagram.fragment.is_some() {
        return other;
    }
    match (datagram.protocol, payload) {
        (ip::UDP, [_, _, _, _, high, low, _, _, behind @ ..]) => {
            let length = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(8);
            Body::Udp(start + 8..start + 8 + if length == 0 { behind.len() } else { length.min(behind.len()) })
        }
        (ip::TCP, [_, _, _, _, _, _, _, _, _, _, _, _, offset, ..]) => {
            let header = 4 * usize::from(offset >> 4);
            if (20..=payload.len()).contains(&header) {
                Body::Tcp { head: start..start + header, payload: start + header..end }
            } else {
                other
            }
        }
        (ip::ICMP | ip::ICMP_V6, [_, _, _, _, ..]) => Body::Icmp(start..end),
        (ip::IGMP, _) => Body::Igmp(start..end),
        _ => other,
    }
}

/// The beginning of a packet that contradicts itself. Its addresses and ports stand where they always do, at least: some
/// hosts quote a length that is none.
pub fn clean_unread(bytes: &mut [u8], cleaner: &mut Cleaner) {
    let (version, header): (IpAddr, _) = match bytes.first() {
        Some(first) if first >> 4 == 4 => (Ipv4Addr::UNSPECIFIED.into(), 4 * usize::from(first & 0xf)),
        Some(first) if first >> 4 == 6 => (Ipv6Addr::UNSPECIFIED.into(), 40),
        _ => return cleaner.other(&[], bytes, true),
    };
    if let Some(pseudonyms) = &mut cleaner.pseudonyms {
        ends(bytes, 0, version, pseudonyms);
        if let Some(extra) = bytes.get_mut(20..header).filter(|_| version.is_ipv4()) {
            options(extra);
        }
    }
    let behind = bytes.len().min(header.max(20) + 8);
    cleaner.other(&[], &mut bytes[behind..], true);
}

/// The header of an IP packet up to its payload.
pub fn header(bytes: &mut [u8], datagram: &Datagram, pseudonyms: &mut Pseudonyms) {
    let Range { start, end } = datagram.header;
    ends(bytes, start, datagram.source, pseudonyms);
    if datagram.source.is_ipv4() {
        options(&mut bytes[start + 20..end]);
    } else {
        let next = bytes[start + 6];
        extensions(&mut bytes[end..datagram.payload.start], next);
    }
}

/// The two addresses of an IP header of the version that `version` has.
fn ends(bytes: &mut [u8], at: usize, version: IpAddr, pseudonyms: &mut Pseudonyms) {
    if version.is_ipv4() {
        v4(bytes, at + 12, pseudonyms);
        v4(bytes, at + 16, pseudonyms);
    } else {
        v6(bytes, at + 8, pseudonyms);
        v6(bytes, at + 24, pseudonyms);
    }
}

pub fn v4(bytes: &mut [u8], at: usize, pseudonyms: &mut Pseudonyms) {
    let place = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
    if let Some(octets) = place
        && let IpAddr::V4(image) = pseudonyms.ip(Ipv4Addr::from(*octets).into())
    {
        *octets = image.octets();
    }
}

pub fn v6(bytes: &mut [u8], at: usize, pseudonyms: &mut Pseudonyms) {
    let place = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
    if let Some(octets) = place
        && let IpAddr::V6(image) = pseudonyms.ip(Ipv6Addr::from(*octets).into())
    {
        *octets = image.octets();
    }
}

pub fn mac(bytes: &mut [u8], at: usize, pseudonyms: &mut Pseudonyms) {
    if let Some(address) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *address = pseudonyms.mac(*address);
    }
}

/// The sender's address in a Linux cooked header, eight bytes of which a MAC takes six. Another kind of address goes.
fn cooked(bytes: &mut [u8], at: usize, kind: Range<usize>, pseudonyms: &mut Pseudonyms) {
    let is_mac = match (kind.start, bytes.get(kind)) {
        // Hardware type of two bytes, length of two.
        (2, Some(kind)) => kind == [0, 1, 0, 6],
        // Hardware type of two bytes, packet type, length.
        (_, Some(&[0, 1, _, 6])) => true,
        _ => false,
    };
    if is_mac {
        mac(bytes, at, pseudonyms);
    }
    if let Some(rest) = bytes.get_mut(at + if is_mac { 6 } else { 0 }..) {
        let len = rest.len().min(if is_mac { 2 } else { 8 });
        rest[..len].fill(0);
    }
}

/// Options of an IPv4 header: those that record a way or prescribe one name hosts.
fn options(options: &mut [u8]) {
    const NOTHING: u8 = 1;
    const ROUTER_ALERT: u8 = 148;
    let mut at = 0;
    while at < options.len() {
        let len = match &options[at..] {
            [0 | NOTHING, ..] => 1,
            [_, len @ 2..=255, ..] => usize::from(*len),
            _ => options.len() - at,
        };
        let end = (at + len).min(options.len());
        if len > 1 && options[at] != ROUTER_ALERT {
            options[at..end].fill(NOTHING);
        }
        at = end;
    }
}

/// Extension headers of an IPv6 packet: routes and home addresses name hosts. What is left is a header of the same length
/// that asks for nothing.
fn extensions(headers: &mut [u8], first: u8) {
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION_OPTIONS: u8 = 60;
    const MOBILITY: u8 = 135;
    let mut kind = first;
    let mut at = 0;
    while let Some([next, length, ..]) = headers.get(at..) {
        let (next, length) = (*next, usize::from(*length));
        let end = at
            + match kind {
                FRAGMENT => 8,
                AUTHENTICATION => 8 + 4 * length,
                _ => 8 + 8 * length,
            };
        let end = end.min(headers.len());
        match kind {
            // Zero segments are left.
            ROUTING => headers[(at + 3).min(end)..end].fill(0),
            DESTINATION_OPTIONS => headers[(at + 2).min(end)..end].fill(0),
            MOBILITY => headers[(at + 6).min(end)..end].fill(0),
            _ => {}
        }
        kind = next;
        at = end;
    }
}
