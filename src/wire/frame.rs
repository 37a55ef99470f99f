//! Frames to addresses and payloads, and back.
//!
//! On the wire of a bench they are Ethernet's; captures of others may have [another link layer](LinkType). Reads through `pnet`'s packet views, which check lengths; every step that they leave open is checked here, so that a
//! frame of any bytes is read or refused without a panic. Not here: TCP reassembly (`stream`), anything above TCP/UDP.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
};

use pnet::packet::{
    arp::{ArpHardwareTypes, ArpPacket},
    ethernet::{EtherType, EtherTypes},
    icmp::IcmpPacket,
    tcp::{TcpFlags, TcpPacket},
    udp::UdpPacket,
};

use crate::config::Mac;

mod craft;
mod hops;
pub(in crate::wire) mod ip;
pub(in crate::wire) mod link;
pub(in crate::wire) mod sums;

pub use craft::{Envelope, Timestamps, Unreached, port_unreachable, timestamps, udp_frame, unreachable};
pub use hops::{hop_limit, set_hop_limit};
pub use ip::{Quote, TCP, UDP, behind_extensions};
pub use link::{LinkType, Vlans};
pub use sums::{fix_checksums, fix_checksums_of};

use ip::Datagram;
use link::Link;

/// A frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Sender, if its link layer names one: Ethernet does, and Linux cooked captures do.
    pub source: Option<Mac>,
    /// Receiver, if its link layer names one: Ethernet does.
    pub destination: Option<Mac>,
    /// 802.1Q VLAN ids, outer to inner; empty if untagged.
    pub vlans: Vlans,
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
        /// After all VLAN tags; up to 1500 it is the length of an IEEE 802.3 frame (spanning tree and its like), and 0 a
        /// loopback's family that is not IP.
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
    /// It ends before the packet that it carries.
    #[error("the frame ends before its {0} packet does")]
    Cut(&'static str),
    /// The capture has kept the beginning of it alone, and what is missing is needed.
    #[error("the capture has cut the frame short, to {kept} of {original} bytes; capture with a longer snap length")]
    Snapped {
        /// Bytes that it has.
        kept: usize,
        /// Bytes that there were on the wire.
        original: usize,
    },
    /// A length or version field contradicts the frame.
    #[error("the {0} header of the frame contradicts itself")]
    Wrong(&'static str),
    /// It has more VLAN tags than anybody uses.
    #[error("the frame has more than four VLAN tags")]
    Tags,
    /// Of a link layer that is not read.
    #[error("the capture's link type {0} is not read, only Ethernet, Linux cooked, raw IP and BSD loopback")]
    LinkType(u32),
}

impl<'a> Frame<'a> {
    /// Reads an Ethernet frame as captured, with or without its check sequence.
    ///
    /// # Errors
    /// If a header is cut or contradicts itself.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::parse_as(LinkType::Ethernet, bytes)
    }

    /// Reads a frame of any link layer.
    ///
    /// # Errors
    /// If a header is cut or contradicts itself, or the link layer is not read.
    pub fn parse_as(link: LinkType, bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::read(link, bytes, true)
    }

    /// Reads a frame of which a capture may have kept the beginning alone, out of `original` bytes on the wire.
    ///
    /// # Errors
    /// As [`parse_as`](Self::parse_as); [`Snapped`](FrameError::Snapped) if part of the packet is among what was not kept.
    pub fn parse_captured(link: LinkType, bytes: &'a [u8], original: usize) -> Result<Self, FrameError> {
        let kept = bytes.len();
        match Self::read(link, bytes, kept >= original) {
            Err(FrameError::Short(_) | FrameError::Cut(_)) if kept < original => {
                Err(FrameError::Snapped { kept, original })
            }
            read => read,
        }
    }

    fn read(link: LinkType, bytes: &'a [u8], whole: bool) -> Result<Self, FrameError> {
        let link = Link::parse(link, bytes)?;
        let rest = bytes.get(link.payload_at..).unwrap_or_default();
        let content = match link.ethertype {
            EtherTypes::Arp => arp(rest)?,
            EtherTypes::Ipv4 | EtherTypes::Ipv6 => {
                let datagram = Datagram::parse(bytes, &link)?;
                if datagram.open_ended && !whole {
                    return Err(FrameError::Cut("IP"));
                }
                let body = body(bytes, &datagram)?;
                Content::Ip(Packet { source: datagram.source, destination: datagram.destination, body })
            }
            EtherType(ethertype) => Content::Other { ethertype },
        };
        Ok(Self { source: link.source, destination: link.destination, vlans: link.vlans, content })
    }
}

impl<'a> Body<'a> {
    /// Reads what an IP packet carries that was put together from fragments.
    ///
    /// # Errors
    /// If a header is cut or contradicts itself.
    pub fn reassembled(v6: bool, protocol: u8, payload: &'a [u8]) -> Result<Self, FrameError> {
        let (protocol, payload) =
            behind_extensions(v6, protocol, payload).ok_or(FrameError::Wrong("IPv6 extension"))?;
        Self::parse(protocol, payload)
    }

    fn parse(protocol: u8, payload: &'a [u8]) -> Result<Self, FrameError> {
        match protocol {
            UDP => udp(payload),
            TCP => tcp(payload),
            ip::ICMP | ip::ICMP_V6 => {
                // Type, code and check sum have the same places in both versions.
                let icmp = IcmpPacket::new(payload).ok_or(FrameError::Wrong("ICMP"))?;
                let payload = payload.get(IcmpPacket::minimum_packet_size()..).unwrap_or_default();
                Ok(Self::Icmp { kind: icmp.get_icmp_type().0, code: icmp.get_icmp_code().0, payload })
            }
            protocol => Ok(Self::Other { protocol }),
        }
    }
}

/// Where in an Ethernet frame the bytes lie that an application wrote: the payload of UDP or TCP; of other packets and of
/// fragments all behind the IP header; of anything else, and of frames that can not be read, all behind the Ethernet
/// addresses.
pub fn payload_range(bytes: &[u8]) -> Range<usize> {
    payload_range_of(LinkType::Ethernet, bytes)
}

/// The same in a frame of any link layer; where one can not be read and is not Ethernet's, everything.
pub fn payload_range_of(link: LinkType, bytes: &[u8]) -> Range<usize> {
    let addresses = if link == LinkType::Ethernet { 12 } else { 0 };
    let all = bytes.len().min(addresses)..bytes.len();
    let Ok(datagram) = Link::parse(link, bytes).and_then(|link| Datagram::parse(bytes, &link)) else { return all };
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

/// Reads what a packet carries that is whole: where it is too short, it is the packet that is wrong.
fn body<'a>(bytes: &'a [u8], datagram: &Datagram) -> Result<Body<'a>, FrameError> {
    let payload = bytes.get(datagram.payload.clone()).ok_or(FrameError::Cut("IP"))?;
    if let Some(fragment) = datagram.fragment {
        return Ok(Body::Fragment {
            protocol: datagram.protocol,
            identification: fragment.identification,
            offset: fragment.offset,
            more: fragment.more,
            payload,
        });
    }
    Body::parse(datagram.protocol, payload)
}

fn udp(bytes: &[u8]) -> Result<Body<'_>, FrameError> {
    let udp = UdpPacket::new(bytes).ok_or(FrameError::Wrong("UDP"))?;
    let header = UdpPacket::minimum_packet_size();
    let end = match usize::from(udp.get_length()) {
        // A jumbogram (RFC 2675 section 4): as long as the packet.
        0 => bytes.len(),
        length if length < header => return Err(FrameError::Wrong("UDP")),
        length => length,
    };
    let payload = bytes.get(header..end).ok_or(FrameError::Wrong("UDP"))?;
    Ok(Body::Udp { source_port: udp.get_source(), destination_port: udp.get_destination(), payload })
}

fn tcp(bytes: &[u8]) -> Result<Body<'_>, FrameError> {
    let tcp = TcpPacket::new(bytes).ok_or(FrameError::Wrong("TCP"))?;
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
        payload: bytes.get(header..).ok_or(FrameError::Wrong("TCP"))?,
    }))
}

#[cfg(test)]
mod tests;
