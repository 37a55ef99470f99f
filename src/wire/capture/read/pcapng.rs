//! The newer format: sections of blocks (draft-ietf-opsawg-pcapng). Packets and what is needed to read them; every other
//! block is stepped over, however long it is.

use std::{borrow::Cow, io::Read, ops::Range};

use super::{
    Flaw, Found, MAX_INTERFACES, Stop,
    fields::{Fields, Order},
    window::{MAX_PACKET, Window},
};
use crate::wire::frame::LinkType;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
/// Obsolete since 2004, and still written by a few.
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

/// Interface and stamp.
const STATISTICS_HEADER: usize = 12;
/// Most comments on interfaces that are kept.
const MAX_REMARKS: usize = 64;

const COMMENT: u16 = 1;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

/// Longest name of an interface that is kept, in bytes; Linux has at most 15.
const MAX_NAME: usize = 64;

/// Type and length ahead of a block's body.
const HEAD: u32 = 8;
/// The length behind it.
const TAIL: u32 = 4;
/// The byte-order mark in its own order.
const BYTE_ORDER: u32 = 0x1A2B_3C4D;

/// What is known of the section that is being read.
#[derive(Debug)]
pub struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Stamp of the last packet that had one.
    last_ns: i64,
    /// What was written about interfaces as a whole, whatever their section.
    pub remarks: Vec<String>,
}

#[derive(Debug)]
struct Interface {
    link: LinkType,
    /// As the machine that captured called it.
    name: Option<Box<str>>,
    /// Bytes kept of a packet; none: all.
    snap: Option<u32>,
    unit: Unit,
    /// To be added to every stamp, in nanoseconds.
    offset_ns: i128,
}

/// The unit of an interface's stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many of them are a nanosecond.
    PerNanosecond(u64),
    /// Two to the power of so many are a second.
    Binary(u32),
}

/// A block, by what it is and where its body lies.
struct Block {
    kind: u32,
    offset: u64,
    len: u32,
    body: Range<usize>,
}

impl Block {
    fn broken(&self, reason: Flaw) -> Stop {
        Stop::Broken { offset: self.offset, reason }
    }
}

impl Pcapng {
    /// Reads the header of the first section.
    pub fn begin<R: Read>(window: &mut Window<R>) -> Result<Self, Stop> {
        let mut begun = Self { order: Order::Little, interfaces: Vec::new(), last_ns: 0, remarks: Vec::new() };
        match begun.block(window)? {
            Some(block) => begun.section(&block, window)?,
            None => return Err(Stop::Truncated { offset: window.offset() }),
        }
        Ok(begun)
    }

    pub fn next<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Found>, Stop> {
        while let Some(block) = self.block(window)? {
            match block.kind {
                PACKET | OLD_PACKET => return self.packet(&block, window).map(Some),
                SIMPLE_PACKET => return self.simple_packet(&block, window).map(Some),
                INTERFACE => self.interface(&block, window)?,
                SECTION => self.section(&block, window)?,
                STATISTICS => self.statistics(&block, window)?,
                _ => {}
            }
        }
        Ok(None)
    }

    /// The name of an interface of this section, if the file tells it.
    pub fn interface_name(&self, number: u32) -> Option<&str> {
        self.interfaces.get(number as usize)?.name.as_deref()
    }

    /// What somebody wrote in the options of a packet.
    pub fn comment<'a>(&self, options: &'a [u8]) -> Option<Cow<'a, str>> {
        let mut comment: Option<Cow<'a, str>> = None;
        // They were seen to be whole when their packet was found.
        let _ = self.options(options, |code, value| {
            if code == COMMENT {
                let text = String::from_utf8_lossy(value);
                comment = Some(match comment.take() {
                    Some(before) => Cow::Owned(format!("{before}\n{text}")),
                    None => text,
                });
            }
            Some(())
        });
        comment
    }

    /// Steps over the next block; it is in the window then, unless nothing of it is needed.
    #[inline]
    fn block<R: Read>(&mut self, window: &mut Window<R>) -> Result<Option<Block>, Stop> {
        let offset = window.offset();
        if !window.have((HEAD + TAIL) as usize)? {
            return if window.ahead().is_empty() { Ok(None) } else { Err(Stop::Truncated { offset }) };
        }
        let broken = |reason| Err(Stop::Broken { offset, reason });
        let mut fields = Fields::of(window.ahead(), self.order);
        let kind = fields.u32().unwrap_or_default();
        if kind == SECTION {
            // A number that reads the same both ways; what follows is in an order of its own.
            let mut mark = Fields::of(fields.rest.get(4..).unwrap_or_default(), Order::Little);
            self.order = match mark.u32() {
                Some(BYTE_ORDER) => Order::Little,
                Some(mark) if mark.swap_bytes() == BYTE_ORDER => Order::Big,
                _ => return broken(Flaw::ByteOrder),
            };
            fields = Fields::of(fields.rest, self.order);
        }
        let len = fields.u32().unwrap_or_default();
        if len < HEAD + TAIL || !len.is_multiple_of(4) {
            return broken(Flaw::Length(len));
        }
        let needed = matches!(kind, PACKET | OLD_PACKET | SIMPLE_PACKET | INTERFACE | SECTION | STATISTICS);
        if needed && len as usize > MAX_PACKET {
            return broken(Flaw::Long(len));
        }
        let whole = if needed { window.have(len as usize)? } else { window.skip(u64::from(len - TAIL))? };
        if !whole || !window.have(if needed { len } else { TAIL } as usize)? {
            return Err(Stop::Truncated { offset });
        }
        let place = window.take(if needed { len } else { TAIL } as usize);
        let (body, tail) =
            (place.start + HEAD as usize..place.end - TAIL as usize, place.end - TAIL as usize..place.end);
        let again = Fields::of(window.at(tail), self.order).u32().unwrap_or_default();
        if again != len {
            return broken(Flaw::Lengths(len, again));
        }
        Ok(Some(Block { kind, offset, len, body: if needed { body } else { 0..0 } }))
    }

    fn section<R: Read>(&mut self, block: &Block, window: &Window<R>) -> Result<(), Stop> {
        let mut fields = Fields::of(window.at(block.body.clone()), self.order);
        match (fields.u32(), fields.u16(), fields.u16()) {
            (_, Some(1), Some(_)) => {
                self.interfaces.clear();
                Ok(())
            }
            (_, Some(major), Some(minor)) => Err(block.broken(Flaw::Version(major, minor))),
            _ => Err(block.broken(Flaw::Within("header"))),
        }
    }

    fn interface<R: Read>(&mut self, block: &Block, window: &Window<R>) -> Result<(), Stop> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(block.broken(Flaw::Interfaces));
        }
        let mut fields = Fields::of(window.at(block.body.clone()), self.order);
        let (Some(link), Some(_), Some(snap)) = (fields.u16(), fields.u16(), fields.u32()) else {
            return Err(block.broken(Flaw::Within("header")));
        };
        let mut interface = Interface {
            link: LinkType::of(link.into()),
            name: None,
            snap: (snap != 0).then_some(snap),
            unit: Unit::Nanoseconds(1000),
            offset_ns: 0,
        };
        let read = self.options(fields.rest, |code, value| {
            match (code, value) {
                (NAME, name) if name.len() <= MAX_NAME => interface.name = Some(String::from_utf8_lossy(name).into()),
                (RESOLUTION, [resolution]) => interface.unit = Unit::of(*resolution),
                (OFFSET, [_, _, _, _, _, _, _, _]) => {
                    let seconds = Fields::of(value, self.order).u64()?.cast_signed();
                    interface.offset_ns = i128::from(seconds) * 1_000_000_000;
                }
                // Whatever it says, the stamps would be read wrong without it.
                (RESOLUTION | OFFSET, _) => return None,
                _ => {}
            }
            Some(())
        });
        read.ok_or_else(|| block.broken(Flaw::Within("options")))?;
        self.interfaces.push(interface);
        Ok(())
    }

    fn statistics<R: Read>(&mut self, block: &Block, window: &Window<R>) -> Result<(), Stop> {
        let mut fields = Fields::of(window.at(block.body.clone()), self.order);
        fields.bytes(STATISTICS_HEADER).ok_or_else(|| block.broken(Flaw::Within("header")))?;
        let room = MAX_REMARKS - self.remarks.len();
        let mut remarks = Vec::new();
        let read = self.options(fields.rest, |code, value| {
            if code == COMMENT && remarks.len() < room {
                remarks.push(String::from_utf8_lossy(value).into_owned());
            }
            Some(())
        });
        read.ok_or_else(|| block.broken(Flaw::Within("options")))?;
        self.remarks.append(&mut remarks);
        Ok(())
    }

    #[inline]
    fn packet<R: Read>(&mut self, block: &Block, window: &Window<R>) -> Result<Found, Stop> {
        let mut fields = Fields::of(window.at(block.body.clone()), self.order);
        let number = if block.kind == PACKET {
            fields.u32()
        } else {
            // The other half of the word counts packets that were lost.
            fields.u16().zip(fields.u16()).map(|(number, _)| number.into())
        };
        let (Some(number), Some(high), Some(low), Some(captured), Some(original_len)) =
            (number, fields.u32(), fields.u32(), fields.u32(), fields.u32())
        else {
            return Err(block.broken(Flaw::Within("header")));
        };
        let interface = self.interfaces.get(number as usize).ok_or_else(|| block.broken(Flaw::Interface(number)))?;
        let head = block.body.len() - fields.rest.len();
        let (Some(_), Some(_)) =
            (fields.bytes(captured as usize), fields.bytes((captured as usize).wrapping_neg() % 4))
        else {
            return Err(block.broken(Flaw::Within("packet")));
        };
        if !fields.rest.is_empty() && self.options(fields.rest, |_, _| Some(())).is_none() {
            return Err(block.broken(Flaw::Within("options")));
        }
        let unix_ns = interface.unix_ns(u64::from(high) << 32 | u64::from(low));
        let start = block.body.start + head;
        let found = Found {
            unix_ns,
            link: interface.link,
            interface: number,
            original_len,
            bytes: start..start + captured as usize,
            options: block.body.end - fields.rest.len()..block.body.end,
            offset: block.offset,
            len: block.len,
        };
        self.last_ns = unix_ns;
        Ok(found)
    }

    fn simple_packet<R: Read>(&mut self, block: &Block, window: &Window<R>) -> Result<Found, Stop> {
        let mut fields = Fields::of(window.at(block.body.clone()), self.order);
        let original_len = fields.u32().ok_or_else(|| block.broken(Flaw::Within("header")))?;
        let interface = self.interfaces.first().ok_or_else(|| block.broken(Flaw::Interface(0)))?;
        let captured = interface.snap.map_or(original_len, |snap| snap.min(original_len));
        let bytes = fields.rest.get(..captured as usize).ok_or_else(|| block.broken(Flaw::Within("packet")))?;
        let start = block.body.end - fields.rest.len();
        Ok(Found {
            unix_ns: self.last_ns,
            link: interface.link,
            interface: 0,
            original_len,
            bytes: start..start + bytes.len(),
            options: 0..0,
            offset: block.offset,
            len: block.len,
        })
    }

    /// Hands every option to `take`; none if one is not whole, or `take` refuses it.
    fn options<'a>(&self, options: &'a [u8], mut take: impl FnMut(u16, &'a [u8]) -> Option<()>) -> Option<()> {
        let mut fields = Fields::of(options, self.order);
        while !fields.rest.is_empty() {
            let (code, len) = (fields.u16()?, usize::from(fields.u16()?));
            if code == 0 {
                break;
            }
            let value = fields.bytes(len)?;
            fields.bytes(len.wrapping_neg() % 4)?;
            take(code, value)?;
        }
        Some(())
    }
}

impl Interface {
    #[inline]
    fn unix_ns(&self, units: u64) -> i64 {
        let ns = match self.unit {
            Unit::Nanoseconds(ns) => u128::from(units) * u128::from(ns),
            Unit::PerNanosecond(count) => u128::from(units / count),
            Unit::Binary(power) => (u128::from(units) * 1_000_000_000) >> power,
        };
        // Both terms have fewer than 95 bits.
        let ns = ns.cast_signed() + self.offset_ns;
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }
}

impl Unit {
    /// By the option's value: a negative power of ten, or of two if the highest bit is set.
    fn of(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7F);
        if resolution & 0x80 != 0 {
            return Self::Binary(power);
        }
        match 9_u32.checked_sub(power) {
            Some(power) => Self::Nanoseconds(10_u64.pow(power)),
            // Beyond this, no stamp is as much as a nanosecond.
            None => Self::PerNanosecond(10_u64.checked_pow(power - 9).unwrap_or(u64::MAX)),
        }
    }
}
