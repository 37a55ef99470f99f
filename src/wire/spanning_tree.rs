//! Spanning tree frames (BPDUs, IEEE 802.1D-2004 clause 9 and 802.1Q clause 14): who sends them, and whether its port forwards.

use std::fmt;

use super::frame::{LinkType, link::Link};
use crate::config::Mac;

/// Receivers of spanning tree frames: bridges, bridges of providers, and those of Cisco with a tree for each VLAN.
const TO_BRIDGES: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0]);
const TO_PROVIDERS: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0x08]);
const TO_CISCO: Mac = Mac([0x01, 0, 0x0c, 0xcc, 0xcc, 0xcd]);

/// What stands ahead of a spanning tree frame (IEEE 802.2), and ahead of one of Cisco's.
const LLC: [u8; 3] = [0x42, 0x42, 0x03];
const SNAP_OF_CISCO: [u8; 8] = [0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x01, 0x0b];

/// Types: configuration, and rapid or multiple.
const CONFIGURATION: u8 = 0;
const RAPID: u8 = 2;

/// Flags of a rapid frame: the role of the port, and that it forwards.
const ROLE: u8 = 0b0000_1100;
const DESIGNATED: u8 = 0b0000_1100;
const FORWARDS: u8 = 0b0010_0000;

/// Where multiple spanning trees (version 3) have the sender; the older place is that of the root of its region.
const SENDER_OF_MANY: usize = 93;

/// A bridge, as it calls itself: `32768.00:1b:54:aa:00:01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeId {
    /// The less, the more it is to be the root.
    pub priority: u16,
    /// Its address.
    pub mac: Mac,
}

impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.priority, self.mac)
    }
}

/// A spanning tree frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bpdu {
    /// The root of the tree, as the sender knows it.
    pub root: BridgeId,
    /// The sender.
    pub sender: BridgeId,
    /// Whether the port that it was sent from forwards; none: the frame does not tell.
    pub forwards: Option<bool>,
}

/// Reads a frame; none: it is no spanning tree frame that names a root, or it is cut.
pub fn read(bytes: &[u8]) -> Option<Bpdu> {
    let link = Link::parse(LinkType::Ethernet, bytes).ok()?;
    let rest = bytes.get(link.payload_at..)?;
    let bpdu = match link.destination? {
        TO_BRIDGES | TO_PROVIDERS => rest.strip_prefix(&LLC)?,
        TO_CISCO => rest.strip_prefix(&SNAP_OF_CISCO)?,
        _ => return None,
    };
    let [0, 0, version, kind @ (CONFIGURATION | RAPID), flags, ..] = *bpdu else { return None };
    let old = id_at(bpdu, 17)?;
    Some(Bpdu {
        root: id_at(bpdu, 5)?,
        sender: if version >= 3 { id_at(bpdu, SENDER_OF_MANY).unwrap_or(old) } else { old },
        forwards: (kind == RAPID && flags & ROLE == DESIGNATED).then_some(flags & FORWARDS != 0),
    })
}

/// Whether a frame is for bridges themselves, which forward none of these (IEEE 802.1Q table 8-1).
pub fn is_for_bridges(bytes: &[u8]) -> bool {
    matches!(bytes, [0x01, 0x80, 0xc2, 0, 0, 0..=0x0f, ..])
}

fn id_at(bpdu: &[u8], at: usize) -> Option<BridgeId> {
    let [high, low, mac @ ..]: [u8; 8] = bpdu.get(at..at + 8)?.try_into().ok()?;
    Some(BridgeId { priority: u16::from_be_bytes([high, low]), mac: Mac(mac) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: Mac = Mac([0, 0x1b, 0x54, 0, 0, 1]);
    const SENDER: Mac = Mac([0, 0x1b, 0x54, 0, 0, 2]);

    fn frame(to: Mac, tag: &[u8], ahead: &[u8], bpdu: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ahead.len() + bpdu.len()).unwrap().to_be_bytes();
        [&to.0[..], &[0, 0x1b, 0x54, 0, 0, 9], tag, &length, ahead, bpdu].concat()
    }

    fn bpdu(version: u8, kind: u8, flags: u8) -> Vec<u8> {
        let ids = [&[0x80, 0][..], &ROOT.0, &[0, 0, 0, 4, 0x80, 0x64], &SENDER.0, &[0x80, 1], &[0; 8]].concat();
        [&[0, 0, version, kind, flags], &ids[..]].concat()
    }

    fn id(priority: u16, mac: Mac) -> BridgeId {
        BridgeId { priority, mac }
    }

    #[test]
    fn root_and_sender_are_read_of_each_kind_and_whether_the_port_forwards_where_it_is_told() {
        let expected = |forwards| Some(Bpdu { root: id(32768, ROOT), sender: id(32868, SENDER), forwards });
        let tag = [0x81, 0, 0, 77];
        assert_eq!(read(&frame(TO_BRIDGES, &[], &LLC, &bpdu(0, 0, 0))), expected(None));
        assert_eq!(read(&frame(TO_PROVIDERS, &[], &LLC, &bpdu(2, 2, 0x3c))), expected(Some(true)));
        assert_eq!(read(&frame(TO_BRIDGES, &[], &LLC, &bpdu(2, 2, 0x0e))), expected(Some(false)));
        // A root port says of itself what it likes: the other end decides.
        assert_eq!(read(&frame(TO_BRIDGES, &[], &LLC, &bpdu(2, 2, 0x08))), expected(None));
        assert_eq!(read(&frame(TO_CISCO, &tag, &SNAP_OF_CISCO, &bpdu(2, 2, 0x3c))), expected(Some(true)));
        assert_eq!(expected(None).unwrap().sender.to_string(), "32868.00:1b:54:00:00:02");
    }

    #[test]
    fn with_many_trees_the_sender_is_not_the_root_of_its_region() {
        let mut many = bpdu(3, 2, 0x3c);
        many.resize(SENDER_OF_MANY, 0);
        many.extend([0x70, 0, 2, 2, 2, 2, 2, 2, 20]);
        assert_eq!(read(&frame(TO_BRIDGES, &[], &LLC, &many)).unwrap().sender, id(0x7000, Mac([2; 6])));
    }

    #[test]
    fn what_is_none_or_is_cut_or_names_no_root_is_not_read() {
        let whole = frame(TO_BRIDGES, &[], &LLC, &bpdu(0, 0, 0));
        assert_eq!(read(&whole[..40]), None);
        assert_eq!(read(&frame(SENDER, &[], &LLC, &bpdu(0, 0, 0))), None);
        assert_eq!(read(&frame(TO_BRIDGES, &[], &LLC, &bpdu(0, 0x80, 0))), None, "a change of topology");
        assert!(is_for_bridges(&whole) && !is_for_bridges(&frame(TO_CISCO, &[], &LLC, &[])));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(mut bytes in prop::collection::vec(any::<u8>(), 0..140), is_one in any::<bool>()) {
            if is_one && bytes.len() >= 17 {
                bytes[..6].copy_from_slice(&TO_BRIDGES.0);
                bytes[12..17].copy_from_slice(&[0, 100, 0x42, 0x42, 0x03]);
            }
            let _ = read(&bytes);
        }
    }
}
