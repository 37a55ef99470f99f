//! Frames of our own making.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pnet::packet::{
    arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket},
    ethernet::{EtherType, EtherTypes},
    icmp::{
        IcmpCode, IcmpTypes, destination_unreachable::IcmpCodes,
        destination_unreachable::MutableDestinationUnreachablePacket,
    },
    icmpv6::{Icmpv6Code, Icmpv6Types, MutableIcmpv6Packet},
    ip::IpNextHeaderProtocol,
    ipv4::{Ipv4Flags, Ipv4Packet, MutableIpv4Packet},
    ipv6::{Ipv6Packet, MutableIpv6Packet},
    tcp::{MutableTcpPacket, TcpFlags, TcpPacket},
    udp::{MutableUdpPacket, UdpPacket},
};

use super::{
    TcpSegment,
    ip::{self, Datagram},
    link::{Link, LinkType},
    sums::{fix_checksums, mapped},
};
use crate::{config::Mac, event::Unreachable, wire::resolution::SOLICITATION};

/// Length of the two Ethernet addresses.
const ADDRESSES: usize = 12;

/// Hop limit of what we send.
const TTL: u8 = 64;

/// Most payload that fits a UDP datagram in IPv4.
const MAX_PAYLOAD: usize = 65_507;

/// Longest ICMP error: what every host takes in one piece (RFC 1812 section 4.3.2.3; RFC 4443 section 2.4).
const ICMP_MAX: usize = 576;
/// See [`ICMP_MAX`].
const ICMP_V6_MAX: usize = 1280;

/// ICMP errors begin with type, code, check sum and four bytes without meaning here.
const ICMP_HEADER: usize = 8;

/// Kind and length of the timestamps option of TCP (RFC 7323 section 3.2).
const TIMESTAMPS: [u8; 2] = [8, 10];

/// What stands around a packet on the wire: the two addresses and the VLAN tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope(Vec<u8>);

/// The timestamps option of a TCP segment (RFC 7323 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the last clock of the other end that the sender saw.
    pub echo: u32,
}

impl Envelope {
    /// From one to the other.
    pub fn new(source: Mac, destination: Mac, vlan: Option<u16>) -> Self {
        let mut bytes = [destination.0, source.0].concat();
        if let Some(vlan) = vlan {
            bytes.extend(EtherTypes::Vlan.0.to_be_bytes());
            bytes.extend((vlan & 0x0FFF).to_be_bytes());
        }
        Self(bytes)
    }

    /// As that of a frame, tags included; none if the frame has no Ethernet header.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let link = Link::parse(LinkType::Ethernet, frame).ok()?;
        // The last two bytes ahead of the payload say what that is.
        frame.get(..link.payload_at - 2).map(|bytes| Self(bytes.to_vec()))
    }

    /// The other way round, in the same VLAN.
    pub fn back(mut self) -> Self {
        if let Some(addresses) = self.0.get_mut(..ADDRESSES) {
            addresses.rotate_left(ADDRESSES / 2);
        }
        self
    }

    /// Asks for the link-layer address of `target` as nobody (an ARP probe, RFC 5227 section 2.1.1), and adds something that
    /// no reader of ARP looks at.
    pub fn arp_probe(&self, sender: Mac, target: Ipv4Addr, trailer: &[u8]) -> Vec<u8> {
        let mut message = vec![0; ArpPacket::minimum_packet_size()];
        if let Some(mut arp) = MutableArpPacket::new(&mut message) {
            arp.set_hardware_type(ArpHardwareTypes::Ethernet);
            arp.set_protocol_type(EtherTypes::Ipv4);
            arp.set_hw_addr_len(6);
            arp.set_proto_addr_len(4);
            arp.set_operation(ArpOperations::Request);
            arp.set_sender_hw_addr(sender.0.into());
            arp.set_target_proto_addr(target);
        }
        [&self.0[..], &EtherTypes::Arp.0.to_be_bytes(), &message, trailer].concat()
    }

    /// Asks for the link-layer address of `target` as nobody (a neighbour solicitation as for finding duplicates, RFC 4862
    /// section 5.4.2), with an option for experiments (RFC 4727 section 5.1.3) of which 2 bytes less than a multiple of 8 are
    /// used.
    pub fn solicitation(&self, target: Ipv6Addr, option: &[u8]) -> Vec<u8> {
        const EXPERIMENT: u8 = 253;
        let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        message.extend(target.octets());
        let length = (option.len() + 2).div_ceil(8);
        message.extend([EXPERIMENT, u8::try_from(length).unwrap_or(u8::MAX)]);
        message.extend(option);
        message.resize(24 + 8 * length, 0);
        let everybody = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        self.packet(Ipv6Addr::UNSPECIFIED.into(), everybody.into(), ip::ICMP_V6, &message)
    }

    /// A UDP datagram, check sums right. Both addresses must be of one family; where they are not, both are written as
    /// IPv6 (an IPv4 address mapped). A payload beyond 65 507 bytes is cut.
    pub fn udp(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
        let mut datagram = vec![0; UdpPacket::minimum_packet_size() + payload.len()];
        let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        if let Some(mut udp) = MutableUdpPacket::new(&mut datagram) {
            udp.set_source(source.port());
            udp.set_destination(destination.port());
            udp.set_length(length);
            // Anything but "sent without".
            udp.set_checksum(1);
            udp.set_payload(payload);
        }
        self.packet(source.ip(), destination.ip(), ip::UDP, &datagram)
    }

    /// A TCP segment with the widest window, check sums right; for addresses and length as [`udp`](Self::udp).
    pub fn tcp(
        &self,
        source: IpAddr,
        destination: IpAddr,
        segment: &TcpSegment<'_>,
        timestamps: Option<Timestamps>,
    ) -> Vec<u8> {
        let payload = &segment.payload[..segment.payload.len().min(MAX_PAYLOAD)];
        let header = TcpPacket::minimum_packet_size();
        let mut bytes = vec![0; header];
        if let Some(Timestamps { value, echo }) = timestamps {
            // Two of "no operation" keep what follows aligned.
            bytes.extend([1, 1]);
            bytes.extend(TIMESTAMPS);
            bytes.extend(value.to_be_bytes());
            bytes.extend(echo.to_be_bytes());
        }
        let words = u8::try_from(bytes.len() / 4).unwrap_or_default();
        bytes.extend_from_slice(payload);
        let flags = [
            (segment.syn, TcpFlags::SYN),
            (segment.fin, TcpFlags::FIN),
            (segment.rst, TcpFlags::RST),
            (segment.ack.is_some(), TcpFlags::ACK),
            (!payload.is_empty(), TcpFlags::PSH),
        ];
        if let Some(mut tcp) = MutableTcpPacket::new(&mut bytes) {
            tcp.set_source(segment.source_port);
            tcp.set_destination(segment.destination_port);
            tcp.set_sequence(segment.sequence);
            tcp.set_acknowledgement(segment.ack.unwrap_or(0));
            tcp.set_data_offset(words);
            tcp.set_flags(flags.into_iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag));
            tcp.set_window(u16::MAX);
        }
        self.packet(source, destination, ip::TCP, &bytes)
    }

    /// An IP packet around a payload whose check sum is still open.
    fn packet(&self, source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.0.clone();
        let protocol = IpNextHeaderProtocol(protocol);
        let length = |header: usize| u16::try_from(header + payload.len()).unwrap_or(u16::MAX);
        let mut begin = |EtherType(kind): EtherType, header: usize| {
            frame.extend(kind.to_be_bytes());
            let at = frame.len();
            frame.resize(at + header, 0);
            at
        };
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let at = begin(EtherTypes::Ipv4, Ipv4Packet::minimum_packet_size());
                if let Some(mut header) = MutableIpv4Packet::new(&mut frame[at..]) {
                    header.set_version(4);
                    header.set_header_length(5);
                    header.set_total_length(length(Ipv4Packet::minimum_packet_size()));
                    header.set_flags(Ipv4Flags::DontFragment);
                    header.set_ttl(TTL);
                    header.set_next_level_protocol(protocol);
                    header.set_source(source);
                    header.set_destination(destination);
                }
            }
            (source, destination) => {
                let at = begin(EtherTypes::Ipv6, Ipv6Packet::minimum_packet_size());
                if let Some(mut header) = MutableIpv6Packet::new(&mut frame[at..]) {
                    header.set_version(6);
                    header.set_payload_length(length(0));
                    header.set_next_header(protocol);
                    header.set_hop_limit(TTL);
                    header.set_source(mapped(source));
                    header.set_destination(mapped(destination));
                }
            }
        }
        frame.extend_from_slice(payload);
        fix_checksums(&mut frame);
        frame
    }
}

/// A UDP datagram in an Ethernet frame; see [`Envelope::udp`].
pub fn udp_frame(
    source_mac: Mac,
    destination_mac: Mac,
    vlan: Option<u16>,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &[u8],
) -> Vec<u8> {
    Envelope::new(source_mac, destination_mac, vlan).udp(source, destination, payload)
}

/// What an ICMP error says can not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// The port: nobody listens there.
    Port,
    /// The host; in IPv6 its address.
    Host,
    /// It is prohibited by an administrator.
    Admin,
}

impl From<Unreachable> for Unreached {
    fn from(what: Unreachable) -> Self {
        match what {
            Unreachable::Host => Self::Host,
            Unreachable::Admin => Self::Admin,
        }
    }
}

impl Unreached {
    /// Code in ICMP (RFC 792, RFC 1812 section 5.2.7.1).
    fn code(self) -> IcmpCode {
        match self {
            Self::Port => IcmpCodes::DestinationPortUnreachable,
            Self::Host => IcmpCodes::DestinationHostUnreachable,
            Self::Admin => IcmpCodes::CommunicationAdministrativelyProhibited,
        }
    }

    /// Code in ICMPv6 (RFC 4443 section 3.1).
    fn code_v6(self) -> Icmpv6Code {
        Icmpv6Code::new(match self {
            Self::Admin => 1,
            Self::Host => 3,
            Self::Port => 4,
        })
    }
}

/// What is said to the sender of a datagram for whose port nobody listens; see [`unreachable`].
pub fn port_unreachable(frame: &[u8]) -> Option<Vec<u8>> {
    unreachable(frame, Unreached::Port)
}

/// What is said to the sender of a datagram that does not arrive: an ICMP error (RFC 1122 section 3.2.2.1, RFC 4443
/// section 3.1) in the name of the host that it was for, which quotes as much of it as every host takes in one piece. None if
/// the frame carries no IP packet. Whether it may be answered at all is for the caller to know.
pub fn unreachable(frame: &[u8], what: Unreached) -> Option<Vec<u8>> {
    let link = Link::parse(LinkType::Ethernet, frame).ok()?;
    let datagram = Datagram::parse(frame, &link).ok()?;
    let v4 = datagram.source.is_ipv4();
    let (headers, most) = if v4 {
        (Ipv4Packet::minimum_packet_size(), ICMP_MAX)
    } else {
        (Ipv6Packet::minimum_packet_size(), ICMP_V6_MAX)
    };
    let whole = frame.get(datagram.header.start..datagram.payload.end)?;
    let quote = &whole[..whole.len().min(most - headers - ICMP_HEADER)];
    let mut message = vec![0; ICMP_HEADER];
    message.extend_from_slice(quote);
    let protocol = if v4 {
        let mut icmp = MutableDestinationUnreachablePacket::new(&mut message)?;
        icmp.set_icmp_type(IcmpTypes::DestinationUnreachable);
        icmp.set_icmp_code(what.code());
        ip::ICMP
    } else {
        let mut icmp = MutableIcmpv6Packet::new(&mut message)?;
        icmp.set_icmpv6_type(Icmpv6Types::DestinationUnreachable);
        icmp.set_icmpv6_code(what.code_v6());
        ip::ICMP_V6
    };
    let envelope = Envelope::of(frame)?.back();
    Some(envelope.packet(datagram.destination, datagram.source, protocol, &message))
}

/// The timestamps option of the TCP segment in a frame, if there is one.
pub fn timestamps(frame: &[u8]) -> Option<Timestamps> {
    let datagram = Link::parse(LinkType::Ethernet, frame).and_then(|link| Datagram::parse(frame, &link)).ok()?;
    let tcp = frame.get(datagram.payload).filter(|_| datagram.protocol == ip::TCP && datagram.fragment.is_none())?;
    let end = 4 * usize::from(TcpPacket::new(tcp)?.get_data_offset());
    let mut options = tcp.get(TcpPacket::minimum_packet_size()..end)?;
    loop {
        match options {
            [8, 10, a, b, c, d, e, f, g, h, ..] => {
                let (value, echo) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
                return Some(Timestamps { value, echo });
            }
            [1, rest @ ..] => options = rest,
            [kind, length, ..] if *kind > 1 && *length > 1 => options = options.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}
