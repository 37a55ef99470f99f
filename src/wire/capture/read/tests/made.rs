//! Captures made by hand, in every variant of the formats.

use crate::wire::capture::read::fields::Order;

/// Options by code and value.
pub type Options<'a> = &'a [(u16, &'a [u8])];

/// A file that is being made.
#[derive(Debug, Clone)]
pub struct Made {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Made {
    /// A pcap file in this order: magic number (in that order too), version, snap length, link type.
    pub fn pcap(order: Order, magic: u32, (major, minor): (u16, u16), link: u32) -> Self {
        Self::empty(order).words(&[magic]).halves(&[major, minor]).words(&[0, 0, 65_535, link])
    }

    /// A packet of a pcap file.
    pub fn record(mut self, seconds: u32, fraction: u32, original: u32, bytes: &[u8]) -> Self {
        self = self.words(&[seconds, fraction, bytes.len() as u32, original]);
        self.bytes.extend(bytes);
        self
    }

    /// A pcapng file, or the next section of one.
    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        let body = Self::empty(order).words(&[0x1A2B_3C4D]).halves(&[1, 0]).words(&[u32::MAX, u32::MAX]);
        self.block(0x0A0D_0D0A, &body.bytes)
    }

    pub fn interface(self, link: u16, snap: u32, options: Options<'_>) -> Self {
        let body = Self::empty(self.order).halves(&[link, 0]).words(&[snap]).options(options);
        self.block(1, &body.bytes)
    }

    /// An enhanced packet block; `units` is its stamp.
    pub fn packet(self, interface: u32, units: u64, original: u32, bytes: &[u8], options: Options<'_>) -> Self {
        let (high, low) = ((units >> 32) as u32, units as u32);
        let body = Self::empty(self.order).words(&[interface, high, low, bytes.len() as u32, original]);
        let body = body.padded(bytes).options(options);
        self.block(6, &body.bytes)
    }

    /// The obsolete packet block, which says how many packets were lost before.
    pub fn old_packet(self, interface: u16, units: u64, original: u32, bytes: &[u8], options: Options<'_>) -> Self {
        let (high, low) = ((units >> 32) as u32, units as u32);
        let body = Self::empty(self.order).halves(&[interface, 7]).words(&[high, low, bytes.len() as u32, original]);
        let body = body.padded(bytes).options(options);
        self.block(2, &body.bytes)
    }

    pub fn simple_packet(self, original: u32, bytes: &[u8]) -> Self {
        let body = Self::empty(self.order).words(&[original]).padded(bytes);
        self.block(3, &body.bytes)
    }

    /// Any block.
    pub fn block(self, kind: u32, body: &[u8]) -> Self {
        let body = Self::empty(self.order).padded(body).bytes;
        let len = body.len() as u32 + 12;
        let made = self.words(&[kind, len]);
        made.padded(&body).words(&[len])
    }

    pub fn empty(order: Order) -> Self {
        Self { order, bytes: Vec::new() }
    }

    pub fn words(mut self, words: &[u32]) -> Self {
        self.bytes.extend(words.iter().flat_map(|word| match self.order {
            Order::Little => word.to_le_bytes(),
            Order::Big => word.to_be_bytes(),
        }));
        self
    }

    fn halves(mut self, halves: &[u16]) -> Self {
        self.bytes.extend(halves.iter().flat_map(|half| match self.order {
            Order::Little => half.to_le_bytes(),
            Order::Big => half.to_be_bytes(),
        }));
        self
    }

    fn options(mut self, options: Options<'_>) -> Self {
        for (code, value) in options {
            self = self.halves(&[*code, value.len() as u16]).padded(value);
        }
        if options.is_empty() { self } else { self.halves(&[0, 0]) }
    }

    fn padded(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }
}
