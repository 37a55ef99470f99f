//! The hop limit of a packet: how many routers it may still pass (`TTL` of RFC 791, `Hop Limit` of RFC 8200).

use super::{Content, Frame, fix_checksums};

/// Length of the Ethernet header without tags, and of a tag.
const ETHERNET: usize = 14;
/// See [`ETHERNET`].
const TAG: usize = 4;

/// The hop limit of the IP packet in an Ethernet frame; `bytes`: all of it.
pub fn hop_limit(frame: &Frame<'_>, bytes: &[u8]) -> Option<u8> {
    place(frame).and_then(|at| bytes.get(at)).copied()
}

/// Gives the IP packet in an Ethernet frame another hop limit, and makes its check sums right. Other frames stay as they are.
pub fn set_hop_limit(bytes: &mut [u8], hops: u8) {
    let place = Frame::parse(bytes).ok().and_then(|frame| place(&frame));
    if let Some(own) = place.and_then(|at| bytes.get_mut(at)) {
        *own = hops;
        fix_checksums(bytes);
    }
}

fn place(frame: &Frame<'_>) -> Option<usize> {
    let Content::Ip(packet) = &frame.content else { return None };
    let header = ETHERNET + TAG * frame.vlans.len();
    Some(header + if packet.source.is_ipv4() { 8 } else { 7 })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{config::Mac, wire::frame::Envelope};

    #[test]
    fn it_is_read_and_written_behind_tags_and_in_both_families() {
        for (from, to) in [("10.0.0.1:1", "10.0.0.2:2"), ("[fd00::1]:1", "[fd00::2]:2")] {
            let [from, to]: [SocketAddr; 2] = [from, to].map(|at| at.parse().unwrap());
            for vlan in [None, Some(7)] {
                let mut bytes = Envelope::new(Mac([2; 6]), Mac([4; 6]), vlan).udp(from, to, b"x");
                let (before, sums) = (bytes.clone(), |bytes: &[u8]| {
                    let mut again = bytes.to_vec();
                    fix_checksums(&mut again);
                    again == bytes
                });
                set_hop_limit(&mut bytes, 61);
                assert_eq!(hop_limit(&Frame::parse(&bytes).unwrap(), &bytes), Some(61));
                assert!(sums(&bytes));
                set_hop_limit(&mut bytes, 64);
                assert_eq!(bytes, before);
            }
        }
        let mut arp = Envelope::new(Mac([2; 6]), Mac([4; 6]), None).arp_probe(Mac([2; 6]), [10, 0, 0, 1].into(), b"");
        let before = arp.clone();
        set_hop_limit(&mut arp, 1);
        assert_eq!((hop_limit(&Frame::parse(&arp).unwrap(), &arp), arp.clone()), (None, before));
    }
}
