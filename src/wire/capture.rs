//! Capture files: writing ours, pcapng with one interface per side of the bridge, and reading anybody's.
//!
//! Pure but for the writer or reader that it is given. Not here: what is captured, masking (`redact`).

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use pcap_file::{
    DataLink, PcapError,
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
            interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption},
        },
    },
};

mod copy;
mod note;
mod read;

pub use copy::CaptureCopy;
pub use note::Note;
pub use read::{CaptureError, CaptureReader, Captured, Ending, Flaw};

pub use crate::wire::frame::LinkType;

/// Longest frame that is kept whole, in bytes: the largest IP packet with Ethernet header and two VLAN tags, rounded up.
const SNAP_LENGTH: u32 = 0x4_0000;

/// Longest comment, in bytes; the format's own limit is 65 535.
const MAX_COMMENT: usize = 4096;

/// A side of the bridge: an interface of the capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Toward the phones; interface 0.
    Phone,
    /// Toward the servers; interface 1.
    Server,
}

/// Where a frame's block lies in the capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawOffset {
    /// Offset of its first byte.
    pub offset: u64,
    /// Length of the block in bytes.
    pub len: u64,
}

/// Writes a capture file.
pub struct CaptureWriter<W: Write> {
    inner: PcapNgWriter<Counting<W>>,
}

impl<W: Write> std::fmt::Debug for CaptureWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureWriter").field("written", &self.inner.get_ref().written).finish_non_exhaustive()
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file: section header and both interfaces, `phone-side` and `server-side`, with stamps in nanoseconds.
    ///
    /// # Errors
    /// If `writer` can not be written to.
    pub fn new(writer: W) -> io::Result<Self> {
        let mut inner = PcapNgWriter::new(Counting { writer, written: 0 }).map_err(as_io)?;
        for name in ["phone-side", "server-side"] {
            let options =
                vec![InterfaceDescriptionOption::IfName(Cow::Borrowed(name)), InterfaceDescriptionOption::IfTsResol(9)];
            let interface = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: SNAP_LENGTH, options };
            inner.write_pcapng_block(interface).map_err(as_io)?;
        }
        Ok(Self { inner })
    }

    /// Appends a frame that entered on `side` at `unix_ns` (nanoseconds since the Unix epoch; earlier ones become 0).
    /// `original_len` is its length on the wire in bytes, `bytes` what was captured of it; `comments` are for whoever reads.
    ///
    /// # Errors
    /// If the file can not be written to.
    pub fn write(
        &mut self,
        side: Side,
        unix_ns: i64,
        original_len: u32,
        bytes: &[u8],
        comments: &[String],
    ) -> io::Result<RawOffset> {
        let offset = self.inner.get_ref().written;
        let block = EnhancedPacketBlock {
            interface_id: match side {
                Side::Phone => 0,
                Side::Server => 1,
            },
            timestamp: Duration::from_nanos(since_epoch(unix_ns)),
            original_len,
            data: Cow::Borrowed(bytes),
            options: comments.iter().map(|text| EnhancedPacketOption::Comment(comment(text))).collect(),
        };
        self.inner.write_pcapng_block(block).map_err(as_io)?;
        Ok(RawOffset { offset, len: self.inner.get_ref().written - offset })
    }

    /// Appends comments on what came after the last frame, at `unix_ns`: they stand in statistics of the first interface,
    /// which belong at the end of a file.
    ///
    /// # Errors
    /// If the file can not be written to.
    pub fn remark(&mut self, unix_ns: i64, comments: &[String]) -> io::Result<()> {
        let stamp = since_epoch(unix_ns);
        let block = InterfaceStatisticsBlock {
            interface_id: 0,
            // Its upper half comes first in the format; the crate writes it as one number, in the order of the machine.
            timestamp: if cfg!(target_endian = "little") { stamp.rotate_left(32) } else { stamp },
            options: comments.iter().map(|text| InterfaceStatisticsOption::Comment(comment(text))).collect(),
        };
        self.inner.write_pcapng_block(block).map_err(as_io)?;
        Ok(())
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.inner.get_ref().written
    }

    /// Hands everything to the operating system. To be called once per batch of frames.
    ///
    /// # Errors
    /// If the file can not be written to.
    pub fn flush(&mut self) -> io::Result<()> {
        self.inner.get_mut().flush()
    }

    /// Gives the underlying writer back.
    pub fn into_inner(self) -> W {
        self.inner.into_inner().writer
    }
}

/// A comment of any length would overflow its length field and spoil the file behind it.
fn comment(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(&text[..text.floor_char_boundary(MAX_COMMENT)])
}

fn since_epoch(unix_ns: i64) -> u64 {
    u64::try_from(unix_ns).unwrap_or(0)
}

fn as_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Knows how much was written, which the crate's own return values do not say for the header blocks.
struct Counting<W> {
    writer: W,
    written: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests;
