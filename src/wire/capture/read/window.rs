//! A bounded piece of an input, in which a packet lies whole.

use std::{
    io::{self, Read},
    ops::Range,
};

/// Longest packet, block with a packet, or header that is read, in bytes. The snap length of capturing programs ends at a
/// quarter of it.
pub const MAX_PACKET: usize = 1 << 20;

/// What was read of an input and not yet used.
pub struct Window<R> {
    reader: R,
    /// Of [`MAX_PACKET`] bytes, always.
    buffer: Box<[u8]>,
    /// What is ahead, by its place in the buffer.
    ahead: Range<usize>,
    /// Offset of what is ahead in the input.
    offset: u64,
}

impl<R> std::fmt::Debug for Window<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("ahead", &self.ahead).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<R: Read> Window<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; MAX_PACKET].into_boxed_slice(), ahead: 0..0, offset: 0 }
    }

    /// Offset of the next byte in the input.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What was read already of what is ahead.
    pub fn ahead(&self) -> &[u8] {
        self.at(self.ahead.clone())
    }

    /// A part of the buffer, as [`take`](Self::take) gave it.
    pub fn at(&self, place: Range<usize>) -> &[u8] {
        self.buffer.get(place).unwrap_or_default()
    }

    /// Reads on until `len` bytes are ahead, [`MAX_PACKET`] at most; false if the input ends before. What was taken before
    /// has lost its place.
    #[inline]
    pub fn have(&mut self, len: usize) -> io::Result<bool> {
        if self.ahead.len() >= len { Ok(true) } else { self.fill(len) }
    }

    /// Steps over the next `len` bytes, which must be ahead; returns their place, good until the next [`have`](Self::have).
    #[inline]
    pub fn take(&mut self, len: usize) -> Range<usize> {
        let taken = self.ahead.start..self.ahead.end.min(self.ahead.start + len);
        self.ahead.start = taken.end;
        self.offset += taken.len() as u64;
        taken
    }

    /// Steps over the next `len` bytes, wherever they are; false if the input ends before.
    pub fn skip(&mut self, mut len: u64) -> io::Result<bool> {
        while len > 0 {
            if !self.have(1)? {
                return Ok(false);
            }
            let here = usize::try_from(len).unwrap_or(usize::MAX).min(self.ahead.len());
            self.take(here);
            len -= here as u64;
        }
        Ok(true)
    }

    #[cold]
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        while self.ahead.len() < len {
            let space = self.buffer.get_mut(self.ahead.end..).unwrap_or_default();
            match self.reader.read(space) {
                Ok(0) => return Ok(false),
                Ok(count) => self.ahead.end += count.min(space.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
