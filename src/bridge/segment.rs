//! Cuts what an offload has glued together: a virtual interface hands over TCP segments longer than any wire carries, and
//! leaves it to the next one to cut them. Sent on from here, they have to be cut first.

use crate::wire::frame;

const ETHERNET: usize = 14;
const VLAN: usize = 4;
const TCP: u8 = 6;
/// FIN and PSH: they belong to the last piece only.
const ENDING: u8 = 0x09;

/// The pieces of a TCP segment whose IP packets are no longer than `mtu` bytes; none if it is something else, or has
/// IPv6 extension headers, and can not be cut.
pub fn cut(bytes: &[u8], mtu: usize) -> Option<Vec<Vec<u8>>> {
    let layout = Layout::of(bytes)?;
    let (headers, payload) = (bytes.get(..layout.payload)?, bytes.get(layout.payload..layout.end)?);
    let room = mtu.checked_sub(layout.payload - layout.ip).filter(|room| *room > 0)?;
    let count = payload.len().div_ceil(room);
    let pieces = payload.chunks(room).enumerate();
    pieces.map(|(index, piece)| layout.piece(headers, piece, index * room, index + 1 == count)).collect()
}

/// Where the headers begin.
#[derive(Debug, Clone, Copy)]
struct Layout {
    ip: usize,
    tcp: usize,
    payload: usize,
    end: usize,
    version: u8,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut ip = ETHERNET;
        while matches!(word(bytes, ip - 2)?, 0x8100 | 0x88a8) {
            ip += VLAN;
        }
        let version = bytes.get(ip)? >> 4;
        let (tcp, end) = match (word(bytes, ip - 2)?, version) {
            (0x0800, 4) if *bytes.get(ip + 9)? == TCP => {
                (ip + usize::from(bytes.get(ip)? & 0x0f) * 4, ip + usize::from(word(bytes, ip + 2)?))
            }
            (0x86dd, 6) if *bytes.get(ip + 6)? == TCP => (ip + 40, ip + 40 + usize::from(word(bytes, ip + 4)?)),
            _ => return None,
        };
        let payload = tcp + usize::from(bytes.get(tcp + 12)? >> 4) * 4;
        Some(Self { ip, tcp, payload, end, version }).filter(|layout| payload < layout.end && end <= bytes.len())
    }

    /// One piece: `offset` bytes into the payload.
    fn piece(self, headers: &[u8], payload: &[u8], offset: usize, last: bool) -> Option<Vec<u8>> {
        let mut bytes = [headers, payload].concat();
        let (length_at, from) = match self.version {
            4 => (self.ip + 2, self.ip),
            _ => (self.ip + 4, self.ip + 40),
        };
        put(&mut bytes, length_at, &u16::try_from(headers.len() + payload.len() - from).ok()?.to_be_bytes())?;
        let sequence = headers.get(self.tcp + 4..self.tcp + 8)?.try_into().ok().map(u32::from_be_bytes)?;
        let sequence = sequence.wrapping_add(u32::try_from(offset).ok()?);
        put(&mut bytes, self.tcp + 4, &sequence.to_be_bytes())?;
        if !last {
            *bytes.get_mut(self.tcp + 13)? &= !ENDING;
        }
        frame::fix_checksums(&mut bytes);
        Some(bytes)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    bytes.get_mut(at..at + value.len())?.copy_from_slice(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame::{Body, Content, Frame};

    /// A TCP segment over IPv4, tagged or not, with sequence number 0xffff_fff0 and the flags FIN, PSH and ACK.
    fn segment(len: usize, tagged: bool) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        bytes.extend_from_slice(if tagged { &[0x81, 0, 0, 77, 8, 0][..] } else { &[8, 0][..] });
        let total = u16::try_from(40 + len).unwrap().to_be_bytes();
        bytes.extend([0x45, 0, total[0], total[1], 0, 1, 0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x13, 0xc4, 0x13, 0xc4, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 1, 0x50, 0x19, 1, 0, 0, 0, 0, 0]);
        bytes.extend((0..len).map(|index| index.to_le_bytes()[0]));
        bytes
    }

    proptest! {
        #[test]
        fn the_pieces_carry_the_stream_on_and_fit(len in 1_usize..20_000, mtu in 100_usize..1500, tagged in any::<bool>()) {
            let whole = segment(len, tagged);
            let mut next = 0xffff_fff0_u32;
            let mut payload = Vec::new();
            let pieces = cut(&whole, mtu).unwrap();
            for (index, piece) in pieces.iter().enumerate() {
                let tag = if tagged { VLAN } else { 0 };
                prop_assert!(piece.len() <= mtu + ETHERNET + tag);
                let frame = Frame::parse(piece).unwrap();
                let Content::Ip(packet) = &frame.content else { panic!("no IP") };
                let Body::Tcp(tcp) = &packet.body else { panic!("no TCP") };
                prop_assert_eq!(tcp.sequence, next);
                prop_assert_eq!(tcp.fin, index + 1 == pieces.len());
                next = next.wrapping_add(u32::try_from(tcp.payload.len()).unwrap());
                payload.extend_from_slice(tcp.payload);
            }
            prop_assert_eq!(&payload[..], &whole[whole.len() - len..]);
        }

        #[test]
        fn any_bytes_are_cut_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), mtu in 0_usize..200) {
            let _ = cut(&bytes, mtu);
            let mut near = segment(100, false);
            let end = near.len().min(bytes.len());
            near[..end].copy_from_slice(&bytes[..end]);
            let _ = cut(&near, mtu);
        }
    }
}
