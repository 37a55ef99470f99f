//! The older format: one header, then packets (draft-ietf-opsawg-pcap).

use std::io::Read;

use super::{
    Flaw, Found, Stop,
    fields::{Fields, Order},
    window::{MAX_PACKET, Window},
};
use crate::wire::frame::LinkType;

/// Length of the file's header.
const FILE_HEADER: usize = 24;
/// Length of a packet's header.
const PACKET_HEADER: usize = 16;

/// What the header says of all packets.
#[derive(Debug)]
pub struct Pcap {
    order: Order,
    link: LinkType,
    /// Nanoseconds in the unit of the fractions of a second.
    unit_ns: i64,
}

impl Pcap {
    /// Reads the header of a file that begins with `magic`; none if it is another format.
    pub fn begin<R: Read>(magic: [u8; 4], window: &mut Window<R>) -> Option<Result<Self, Stop>> {
        let (order, unit_ns) = match magic {
            [0xD4, 0xC3, 0xB2, 0xA1] => (Order::Little, 1000),
            [0xA1, 0xB2, 0xC3, 0xD4] => (Order::Big, 1000),
            [0x4D, 0x3C, 0xB2, 0xA1] => (Order::Little, 1),
            [0xA1, 0xB2, 0x3C, 0x4D] => (Order::Big, 1),
            _ => return None,
        };
        Some(Self::header(order, unit_ns, window))
    }

    fn header<R: Read>(order: Order, unit_ns: i64, window: &mut Window<R>) -> Result<Self, Stop> {
        let offset = window.offset();
        if !window.have(FILE_HEADER)? {
            return Err(Stop::Truncated { offset });
        }
        let place = window.take(FILE_HEADER);
        let mut fields = Fields::of(window.at(place), order);
        // Magic number; version; zone and accuracy, which nobody fills in; snap length, which not everybody keeps to.
        let (_, major, minor) = (fields.u32(), fields.u16(), fields.u16());
        let _ = fields.bytes(12);
        match (major, minor, fields.u32()) {
            // The upper half says of check sequences what a reader of packets need not know.
            (Some(2), Some(_), Some(link)) => Ok(Self { order, link: LinkType::of(link & 0xFFFF), unit_ns }),
            (Some(major), Some(minor), _) => Err(Stop::Broken { offset, reason: Flaw::Version(major, minor) }),
            _ => Err(Stop::Truncated { offset }),
        }
    }

    #[inline]
    pub fn next<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Found>, Stop> {
        let offset = window.offset();
        if !window.have(PACKET_HEADER)? {
            return if window.ahead().is_empty() { Ok(None) } else { Err(Stop::Truncated { offset }) };
        }
        let mut fields = Fields::of(window.ahead(), self.order);
        let (Some(seconds), Some(fraction), Some(captured), Some(original_len)) =
            (fields.u32(), fields.u32(), fields.u32(), fields.u32())
        else {
            return Err(Stop::Truncated { offset });
        };
        let len = match captured.checked_add(PACKET_HEADER as u32) {
            Some(len) if len as usize <= MAX_PACKET => len,
            _ => return Err(Stop::Broken { offset, reason: Flaw::Long(captured) }),
        };
        if !window.have(len as usize)? {
            return Err(Stop::Truncated { offset });
        }
        let record = window.take(len as usize);
        Ok(Some(Found {
            unix_ns: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.unit_ns,
            link: self.link,
            interface: 0,
            original_len,
            bytes: record.start + PACKET_HEADER..record.end,
            options: record.end..record.end,
            offset,
            len,
        }))
    }
}
