//! Numbers in either byte order, one after the other.

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

/// What is left of a header.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    pub rest: &'a [u8],
    order: Order,
}

impl<'a> Fields<'a> {
    pub fn of(bytes: &'a [u8], order: Order) -> Self {
        Self { rest: bytes, order }
    }

    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        let bytes = *self.chunk()?;
        Some(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        let bytes = *self.chunk()?;
        Some(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        let bytes = *self.chunk()?;
        Some(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }

    #[inline]
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(chunk)
    }
}
