//! IPv4 and IPv6 headers, as far as the place of what they carry.

use std::{net::IpAddr, ops::Range};

use pnet::packet::{
    ethernet::EtherTypes,
    ipv4::{Ipv4Flags, Ipv4Packet},
    ipv6::{FragmentPacket, Ipv6Packet},
};

use super::{FrameError, link::Link};

/// IP protocol numbers (IANA).
pub const ICMP: u8 = 1;
/// See [`ICMP`].
pub const IGMP: u8 = 2;
/// See [`ICMP`].
pub const TCP: u8 = 6;
/// See [`ICMP`].
pub const UDP: u8 = 17;
/// See [`ICMP`].
pub const ICMP_V6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;

/// An IP packet by the places of its parts in the frame.
pub struct Datagram {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Of the payload, after extension headers.
    pub protocol: u8,
    pub fragment: Option<Fragment>,
    pub header: Range<usize>,
    pub payload: Range<usize>,
    /// The header gives no length: the packet ends where the frame does.
    pub open_ended: bool,
    /// Bytes of its end that are not there.
    pub missing: usize,
}

/// Which piece of a datagram a packet carries.
#[derive(Clone, Copy)]
pub struct Fragment {
    pub identification: u32,
    /// In bytes.
    pub offset: u32,
    pub more: bool,
}

/// What an ICMP error tells of the packet that it is about: of its payload eight bytes may be all that is quoted (RFC 792).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// Sender of the packet.
    pub source: IpAddr,
    /// Receiver of the packet.
    pub destination: IpAddr,
    /// What it carried. The ports mean something in UDP and TCP.
    pub protocol: u8,
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// What is quoted of its payload, the ports being at the beginning.
    pub payload: &'a [u8],
}

impl Datagram {
    pub fn parse(frame: &[u8], link: &Link) -> Result<Self, FrameError> {
        match link.ethertype {
            EtherTypes::Ipv4 => Self::v4(frame, link.payload_at).and_then(|ip| ip.whole("IPv4")),
            EtherTypes::Ipv6 => Self::v6(frame, link.payload_at).and_then(|ip| ip.whole("IPv6")),
            _ => Err(FrameError::Wrong("Ethernet")),
        }
    }

    /// Reads a packet of either version that begins at `start`, though its end may be missing, as in the quotes of ICMP.
    pub fn parse_begun(bytes: &[u8], start: usize) -> Result<Self, FrameError> {
        match bytes.get(start).ok_or(FrameError::Short("IP"))? >> 4 {
            4 => Self::v4(bytes, start),
            6 => Self::v6(bytes, start),
            _ => Err(FrameError::Wrong("IP")),
        }
    }

    fn whole(self, version: &'static str) -> Result<Self, FrameError> {
        if self.missing > 0 { Err(FrameError::Cut(version)) } else { Ok(self) }
    }

    fn v4(frame: &[u8], start: usize) -> Result<Self, FrameError> {
        let bytes = frame.get(start..).unwrap_or_default();
        let ip = Ipv4Packet::new(bytes).ok_or(FrameError::Short("IPv4"))?;
        let header = 4 * usize::from(ip.get_header_length());
        let total = match usize::from(ip.get_total_length()) {
            // Segmentation offload hands up packets of more than 65 535 bytes without a length.
            0 => bytes.len(),
            total => total,
        };
        if ip.get_version() != 4 || header < Ipv4Packet::minimum_packet_size() || total < header {
            return Err(FrameError::Wrong("IPv4"));
        }
        if header > bytes.len() {
            return Err(FrameError::Cut("IPv4"));
        }
        let fragment = Fragment {
            identification: u32::from(ip.get_identification()),
            offset: 8 * u32::from(ip.get_fragment_offset()),
            more: ip.get_flags() & Ipv4Flags::MoreFragments != 0,
        };
        Ok(Self {
            source: ip.get_source().into(),
            destination: ip.get_destination().into(),
            protocol: ip.get_next_level_protocol().0,
            fragment: fragment.is_partial().then_some(fragment),
            header: start..start + header,
            payload: start + header..start + total.min(bytes.len()),
            open_ended: ip.get_total_length() == 0,
            missing: total.saturating_sub(bytes.len()),
        })
    }

    fn v6(frame: &[u8], start: usize) -> Result<Self, FrameError> {
        let bytes = frame.get(start..).unwrap_or_default();
        let ip = Ipv6Packet::new(bytes).ok_or(FrameError::Short("IPv6"))?;
        if ip.get_version() != 6 {
            return Err(FrameError::Wrong("IPv6"));
        }
        let header = Ipv6Packet::minimum_packet_size();
        let end = match usize::from(ip.get_payload_length()) {
            // A jumbogram (RFC 2675 section 3).
            0 => bytes.len(),
            length => header + length,
        };
        let missing = end.saturating_sub(bytes.len());
        let end = end.min(bytes.len());
        let bytes = &bytes[..end];
        let chain = match Chain::walk(bytes, header, ip.get_next_header().0) {
            Err(_) if missing > 0 => return Err(FrameError::Cut("IPv6")),
            walked => walked?,
        };
        Ok(Self {
            source: ip.get_source().into(),
            destination: ip.get_destination().into(),
            protocol: chain.protocol,
            fragment: chain.fragment,
            header: start..start + header,
            payload: start + chain.payload_at.min(end)..start + end,
            open_ended: ip.get_payload_length() == 0,
            missing,
        })
    }
}

/// What an IP payload carries behind extension headers that lie in it, with its protocol number: they may be in a fragmented
/// datagram, and there are none in IPv4.
pub fn behind_extensions(v6: bool, protocol: u8, payload: &[u8]) -> Option<(u8, &[u8])> {
    if !v6 {
        return Some((protocol, payload));
    }
    let chain = Chain::walk(payload, 0, protocol).ok().filter(|chain| chain.fragment.is_none())?;
    Some((chain.protocol, payload.get(chain.payload_at..)?))
}

impl<'a> Quote<'a> {
    /// Reads the beginning of a packet, options and extension headers included. None if it is cut within them, or of a
    /// fragment other than the first.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (source, destination, protocol, at) = match bytes.first()? >> 4 {
            4 => {
                let ip = Ipv4Packet::new(bytes).filter(|ip| ip.get_fragment_offset() == 0)?;
                let header = 4 * usize::from(ip.get_header_length());
                let protocol = ip.get_next_level_protocol().0;
                (ip.get_source().into(), ip.get_destination().into(), protocol, header)
            }
            6 => {
                let ip = Ipv6Packet::new(bytes)?;
                let chain = Chain::walk(bytes, Ipv6Packet::minimum_packet_size(), ip.get_next_header().0).ok()?;
                chain.fragment.is_none_or(|fragment| fragment.offset == 0).then_some(())?;
                (ip.get_source().into(), ip.get_destination().into(), chain.protocol, chain.payload_at)
            }
            _ => return None,
        };
        let payload = bytes.get(at..)?;
        let [a, b, c, d, ..] = *payload else { return None };
        let (source_port, destination_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Some(Self { source, destination, protocol, source_port, destination_port, payload })
    }
}

impl Fragment {
    /// A fragment header around a whole datagram (RFC 6946) changes nothing.
    fn is_partial(&self) -> bool {
        self.offset != 0 || self.more
    }
}

/// Extension headers of an IPv6 packet (RFC 8200 section 4).
struct Chain {
    protocol: u8,
    fragment: Option<Fragment>,
    payload_at: usize,
}

impl Chain {
    /// Each header is at least eight bytes long, so that the walk ends.
    fn walk(packet: &[u8], mut at: usize, mut protocol: u8) -> Result<Self, FrameError> {
        loop {
            let header = packet.get(at..).unwrap_or_default();
            let words = || match header {
                [next, length, ..] => Ok((*next, usize::from(*length))),
                _ => Err(FrameError::Wrong("IPv6 extension")),
            };
            let length = match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY => 8 + 8 * words()?.1,
                AUTHENTICATION => 8 + 4 * words()?.1,
                FRAGMENT => {
                    let piece = FragmentPacket::new(header).ok_or(FrameError::Wrong("IPv6 fragment"))?;
                    let fragment = Fragment {
                        identification: piece.get_id(),
                        // Thirteen bits of offset in units of eight bytes, two reserved, one for "more follow".
                        offset: u32::from(piece.get_fragment_offset_with_flags() & 0xFFF8),
                        more: piece.get_fragment_offset_with_flags() & 1 != 0,
                    };
                    let payload_at = at + FragmentPacket::minimum_packet_size();
                    if fragment.is_partial() {
                        let protocol = piece.get_next_header().0;
                        return Ok(Self { protocol, fragment: Some(fragment), payload_at });
                    }
                    FragmentPacket::minimum_packet_size()
                }
                _ => return Ok(Self { protocol, fragment: None, payload_at: at }),
            };
            protocol = words()?.0;
            at += length;
            if at > packet.len() {
                return Err(FrameError::Wrong("IPv6 extension"));
            }
        }
    }
}
