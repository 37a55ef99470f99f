//! Link layers: what stands ahead of the packet in a captured frame, and what it says of the packet.

use std::ops::Deref;

use pnet::packet::{
    ethernet::{EtherType, EtherTypes, EthernetPacket},
    vlan::VlanPacket,
};

use super::FrameError;
use crate::config::Mac;

/// VLAN tags: 802.1Q, 802.1ad, and what older switches put before a second 802.1Q tag.
const VLAN_TAGS: [EtherType; 3] = [EtherTypes::Vlan, EtherTypes::PBridge, EtherTypes::QinQ];

/// Most VLAN tags of a frame: two are QinQ, and nobody has use for more than one more.
const MAX_VLANS: usize = 4;

/// `ARPHRD_ETHER` of Linux: the address ahead of a cooked packet is a MAC.
const HARDWARE_ETHERNET: u16 = 1;

/// A link layer, by its number in capture files (the registry at tcpdump.org/linktypes.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkType {
    /// Ethernet, with or without check sequence at the end (1).
    Ethernet,
    /// Linux "cooked" capture, as of the interface `any` (113).
    LinuxSll,
    /// Linux "cooked" capture, version 2 (276).
    LinuxSll2,
    /// An IP packet and nothing ahead of it (101; 12 and 14 in files of some systems; 228 and 229 for one version alone).
    Raw,
    /// An address family in the byte order of the machine that captured (0).
    Null,
    /// An address family in network byte order (108).
    Loop,
    /// One that is not read.
    Other(u32),
}

impl LinkType {
    /// The link type with this number.
    pub fn of(number: u32) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// Its number; 101 for every kind of raw IP.
    pub fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Other(number) => number,
        }
    }
}

/// 802.1Q VLAN ids of a frame, outer to inner; a slice of at most four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Vlans {
    // What is not in use is zero, so that equal ids make equal values.
    ids: [u16; MAX_VLANS],
    count: u8,
}

impl Vlans {
    /// Adds an innermost one; false if there are four already.
    fn push(&mut self, id: u16) -> bool {
        let Some(place) = self.ids.get_mut(usize::from(self.count)) else { return false };
        *place = id;
        self.count += 1;
        true
    }
}

impl Deref for Vlans {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        self.ids.get(..usize::from(self.count)).unwrap_or_default()
    }
}

/// What stands ahead of the packet.
pub struct Link {
    pub source: Option<Mac>,
    pub destination: Option<Mac>,
    pub vlans: Vlans,
    /// Of the packet, after all VLAN tags.
    pub ethertype: EtherType,
    pub payload_at: usize,
}

impl Link {
    pub fn parse(link: LinkType, bytes: &[u8]) -> Result<Self, FrameError> {
        match link {
            LinkType::Ethernet => Self::ethernet(bytes),
            LinkType::LinuxSll => Self::cooked(bytes),
            LinkType::LinuxSll2 => Self::cooked2(bytes),
            LinkType::Raw => Self::raw(bytes),
            LinkType::Null => Self::family(bytes, |word| match u32::from_le_bytes(word) {
                // No family has a number of more than two bytes: the machine had the other byte order.
                swapped @ 0x1_0000.. => swapped.swap_bytes(),
                family => family,
            }),
            LinkType::Loop => Self::family(bytes, u32::from_be_bytes),
            LinkType::Other(number) => Err(FrameError::LinkType(number)),
        }
    }

    fn ethernet(bytes: &[u8]) -> Result<Self, FrameError> {
        let ethernet = EthernetPacket::new(bytes).ok_or(FrameError::Short("Ethernet"))?;
        let link = Self {
            source: Some(Mac(ethernet.get_source().octets())),
            destination: Some(Mac(ethernet.get_destination().octets())),
            vlans: Vlans::default(),
            ethertype: ethernet.get_ethertype(),
            payload_at: EthernetPacket::minimum_packet_size(),
        };
        link.untagged(bytes)
    }

    /// Packet type, hardware type, length and eight bytes of the sender's address, protocol.
    fn cooked(bytes: &[u8]) -> Result<Self, FrameError> {
        let [_, _, hw0, hw1, len0, len1, a, b, c, d, e, f, _, _, p0, p1, ..] = *bytes else {
            return Err(FrameError::Short("Linux cooked"));
        };
        let is_mac = [hw0, hw1, len0, len1] == [0, HARDWARE_ETHERNET as u8, 0, 6];
        let link = Self {
            source: is_mac.then_some(Mac([a, b, c, d, e, f])),
            destination: None,
            vlans: Vlans::default(),
            ethertype: EtherType(u16::from_be_bytes([p0, p1])),
            payload_at: 16,
        };
        link.untagged(bytes)
    }

    /// Protocol, two bytes without meaning, interface, hardware type, packet type, length and eight bytes of the sender's
    /// address.
    fn cooked2(bytes: &[u8]) -> Result<Self, FrameError> {
        let [p0, p1, _, _, _, _, _, _, hw0, hw1, _, length, a, b, c, d, e, f, _, _, ..] = *bytes else {
            return Err(FrameError::Short("Linux cooked"));
        };
        let is_mac = u16::from_be_bytes([hw0, hw1]) == HARDWARE_ETHERNET && length == 6;
        let link = Self {
            source: is_mac.then_some(Mac([a, b, c, d, e, f])),
            destination: None,
            vlans: Vlans::default(),
            ethertype: EtherType(u16::from_be_bytes([p0, p1])),
            payload_at: 20,
        };
        link.untagged(bytes)
    }

    fn raw(bytes: &[u8]) -> Result<Self, FrameError> {
        let ethertype = match bytes.first().ok_or(FrameError::Short("IP"))? >> 4 {
            4 => EtherTypes::Ipv4,
            6 => EtherTypes::Ipv6,
            _ => return Err(FrameError::Wrong("IP")),
        };
        Ok(Self::bare(ethertype, 0))
    }

    fn family(bytes: &[u8], read: impl Fn([u8; 4]) -> u32) -> Result<Self, FrameError> {
        let word = bytes.first_chunk().ok_or(FrameError::Short("loopback"))?;
        let ethertype = match read(*word) {
            2 => EtherTypes::Ipv4,
            // AF_INET6 of Linux, of Windows, of NetBSD and OpenBSD, of FreeBSD, of macOS.
            10 | 23 | 24 | 28 | 30 => EtherTypes::Ipv6,
            _ => EtherType(0),
        };
        Ok(Self::bare(ethertype, 4))
    }

    fn bare(ethertype: EtherType, payload_at: usize) -> Self {
        Self { source: None, destination: None, vlans: Vlans::default(), ethertype, payload_at }
    }

    /// With the VLAN tags ahead of the packet read.
    fn untagged(mut self, bytes: &[u8]) -> Result<Self, FrameError> {
        while VLAN_TAGS.contains(&self.ethertype) {
            let tag = bytes.get(self.payload_at..).and_then(VlanPacket::new).ok_or(FrameError::Short("VLAN"))?;
            if !self.vlans.push(tag.get_vlan_identifier()) {
                return Err(FrameError::Tags);
            }
            self.ethertype = tag.get_ethertype();
            self.payload_at += VlanPacket::minimum_packet_size();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
