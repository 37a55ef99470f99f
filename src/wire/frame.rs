//! Ethernet frames to addresses and payloads, and back.
//!
//! Reads through `pnet`'s packet views, which check lengths; every step that they leave open is checked here, so that a
//! frame of any bytes is read or refused without a panic. Not here: TCP reassembly (`stream`), anything above TCP/UDP.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
};

use pnet::packet::{
    arp::{ArpHardwareTypes, ArpPacket},
    ethernet::{EtherType, EtherTypes, EthernetPacket},
    icmp::IcmpPacket,
    tcp::{TcpFlags, TcpPacket},
    udp::UdpPacket,
    vlan::VlanPacket,
};

use crate::config::Mac;

mod craft;
mod ip;
mod sums;

pub use craft::{Envelope, Timestamps, port_unreachable, timestamps, udp_frame};
pub use sums::fix_checksums;

use ip::Datagram;

/// VLAN tags: 802.1Q, 802.1ad, and what older switches put before a second 802.1Q tag.
const VLAN_TAGS: [EtherType; 3] = [EtherTypes::Vlan, EtherTypes::PBridge, EtherTypes::QinQ];

/// An Ethernet frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Sender.
    pub source: Mac,
    /// Receiver.
    pub destination: Mac,
    /// 802.1Q VLAN ids, outer to inner; empty if untagged.
    pub vlans: Vec<u16>,
    /// What it carries.
    pub content: Content<'a>,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// ARP for IPv4 (RFC 826).
    Arp {
        /// 1 request, 2 reply.
        operation: u16,
        /// Who speaks.
        sender_mac: Mac,
        /// Who speaks.
        sender_ip: Ipv4Addr,
        /// Who is asked for or told.
        target_ip: Ipv4Addr,
    },
    /// IPv4 or IPv6.
    Ip(Packet<'a>),
    /// Anything else.
    Other {
        /// After all VLAN tags.
        ethertype: u16,
    },
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// What it carries, after IPv4 options or IPv6 extension headers.
    pub body: Body<'a>,
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// A UDP datagram.
    Udp {
        /// Port of the sender.
        source_port: u16,
        /// Port of the receiver.
        destination_port: u16,
        /// Cut to the length in the UDP header.
        payload: &'a [u8],
    },
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// ICMP or ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// After the first four bytes (type, code, checksum).
        payload: &'a [u8],
    },
    /// A fragment of a datagram: its ports may be elsewhere, so nothing in it is read.
    Fragment {
        /// Protocol number of the whole.
        protocol: u8,
        /// Joins the fragments of one datagram.
        identification: u32,
        /// Place of `payload` in the datagram, in bytes.
        offset: u32,
        /// More fragments follow.
        more: bool,
        /// The bytes of this fragment.
        payload: &'a [u8],
    },
    /// Another protocol.
    Other {
        /// IP protocol number.
        protocol: u8,
    },
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of the first byte (or of the SYN).
    pub sequence: u32,
    /// Acknowledgement number, if the ACK flag is set.
    pub ack: Option<u32>,
    /// SYN flag.
    pub syn: bool,
    /// FIN flag.
    pub fin: bool,
    /// RST flag.
    pub rst: bool,
    /// The bytes it carries.
    pub payload: &'a [u8],
}

/// Why a frame could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It ends within a header.
    #[error("the frame ends within its {0} header")]
    Short(&'static str),
    /// A length or version field contradicts the frame.
    #[error("the {0} header of the frame contradicts itself")]
    Wrong(&'static str),
}

impl<'a> Frame<'a> {
    /// Reads a frame as captured, without its check sequence.
    ///
    /// # Errors
    /// If a header is cut or contradicts itself.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let link = Link::parse(bytes)?;
        let rest = bytes.get(link.payload_at..).unwrap_or_default();
        let content = match link.ethertype {
            EtherTypes::Arp => arp(rest)?,
            EtherTypes::Ipv4 | EtherTypes::Ipv6 => {
                let datagram = Datagram::parse(bytes, &link)?;
                let body = body(bytes, &datagram)?;
                Content::Ip(Packet { source: datagram.source, destination: datagram.destination, body })
            }
            EtherType(ethertype) => Content::Other { ethertype },
        };
        Ok(Self { source: link.source, destination: link.destination, vlans: link.vlans, content })
    }
}

/// Where in a frame the bytes lie that an application wrote: the payload of UDP or TCP; of other packets and of fragments
/// all behind the IP header; of anything else, and of frames that can not be read, all behind the Ethernet addresses.
pub fn payload_range(bytes: &[u8]) -> Range<usize> {
    let all = bytes.len().min(12)..bytes.len();
    let Ok(datagram) = Link::parse(bytes).and_then(|link| Datagram::parse(bytes, &link)) else { return all };
    let Range { start, end } = datagram.payload;
    match body(bytes, &datagram) {
        Ok(Body::Udp { payload, .. }) => {
            let start = start + UdpPacket::minimum_packet_size();
            start..start + payload.len()
        }
        Ok(Body::Tcp(segment)) => end - segment.payload.len()..end,
        Ok(_) => start..end,
        Err(_) => all,
    }
}

/// Ethernet header and VLAN tags.
struct Link {
    source: Mac,
    destination: Mac,
    vlans: Vec<u16>,
    ethertype: EtherType,
    payload_at: usize,
}

impl Link {
    fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let ethernet = EthernetPacket::new(bytes).ok_or(FrameError::Short("Ethernet"))?;
        let mut ethertype = ethernet.get_ethertype();
        let mut payload_at = EthernetPacket::minimum_packet_size();
        let mut vlans = Vec::new();
        while VLAN_TAGS.contains(&ethertype) {
            let tag = bytes.get(payload_at..).and_then(VlanPacket::new).ok_or(FrameError::Short("VLAN"))?;
            vlans.push(tag.get_vlan_identifier());
            ethertype = tag.get_ethertype();
            payload_at += VlanPacket::minimum_packet_size();
        }
        let source = Mac(ethernet.get_source().octets());
        let destination = Mac(ethernet.get_destination().octets());
        Ok(Self { source, destination, vlans, ethertype, payload_at })
    }
}

fn arp<'a>(bytes: &[u8]) -> Result<Content<'a>, FrameError> {
    let arp = ArpPacket::new(bytes).ok_or(FrameError::Short("ARP"))?;
    let for_ipv4 = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
        && arp.get_protocol_type() == EtherTypes::Ipv4
        && arp.get_hw_addr_len() == 6
        && arp.get_proto_addr_len() == 4;
    if !for_ipv4 {
        return Ok(Content::Other { ethertype: EtherTypes::Arp.0 });
    }
    Ok(Content::Arp {
        operation: arp.get_operation().0,
        sender_mac: Mac(arp.get_sender_hw_addr().octets()),
        sender_ip: arp.get_sender_proto_addr(),
        target_ip: arp.get_target_proto_addr(),
    })
}

fn body<'a>(bytes: &'a [u8], datagram: &Datagram) -> Result<Body<'a>, FrameError> {
    let payload = bytes.get(datagram.payload.clone()).ok_or(FrameError::Short("IP"))?;
    if let Some(fragment) = datagram.fragment {
        return Ok(Body::Fragment {
            protocol: datagram.protocol,
            identification: fragment.identification,
            offset: fragment.offset,
            more: fragment.more,
            payload,
        });
    }
    match datagram.protocol {
        ip::UDP => udp(payload),
        ip::TCP => tcp(payload),
        ip::ICMP | ip::ICMP_V6 => {
            // Type, code and check sum have the same places in both versions.
            let icmp = IcmpPacket::new(payload).ok_or(FrameError::Short("ICMP"))?;
            let payload = payload.get(IcmpPacket::minimum_packet_size()..).unwrap_or_default();
            Ok(Body::Icmp { kind: icmp.get_icmp_type().0, code: icmp.get_icmp_code().0, payload })
        }
        protocol => Ok(Body::Other { protocol }),
    }
}

fn udp(bytes: &[u8]) -> Result<Body<'_>, FrameError> {
    let udp = UdpPacket::new(bytes).ok_or(FrameError::Short("UDP"))?;
    let header = UdpPacket::minimum_packet_size();
    let end = match usize::from(udp.get_length()) {
        // A jumbogram (RFC 2675 section 4): as long as the packet.
        0 => bytes.len(),
        length if length < header => return Err(FrameError::Wrong("UDP")),
        length => length,
    };
    let payload = bytes.get(header..end).ok_or(FrameError::Short("UDP"))?;
    Ok(Body::Udp { source_port: udp.get_source(), destination_port: udp.get_destination(), payload })
}

fn tcp(bytes: &[u8]) -> Result<Body<'_>, FrameError> {
    let tcp = TcpPacket::new(bytes).ok_or(FrameError::Short("TCP"))?;
    let header = 4 * usize::from(tcp.get_data_offset());
    if header < TcpPacket::minimum_packet_size() {
        return Err(FrameError::Wrong("TCP"));
    }
    let flag = |flag| tcp.get_flags() & flag != 0;
    Ok(Body::Tcp(TcpSegment {
        source_port: tcp.get_source(),
        destination_port: tcp.get_destination(),
        sequence: tcp.get_sequence(),
        ack: flag(TcpFlags::ACK).then(|| tcp.get_acknowledgement()),
        syn: flag(TcpFlags::SYN),
        fin: flag(TcpFlags::FIN),
        rst: flag(TcpFlags::RST),
        payload: bytes.get(header..).ok_or(FrameError::Short("TCP"))?,
    }))
}

#[cfg(test)]
mod tests;
