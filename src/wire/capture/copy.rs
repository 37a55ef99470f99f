//! Writing again what was read from a capture of anybody's: as pcapng, with its interfaces, stamps and comments.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use pcap_file::{
    DataLink,
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        },
    },
};

use super::{LinkType, SNAP_LENGTH, as_io, comment, since_epoch};

/// Writes frames of any interface and link layer.
pub struct CaptureCopy<W: Write> {
    inner: PcapNgWriter<W>,
    /// Those that were described so far: number in the original and link layer, in the order of their numbers here.
    interfaces: Vec<(u32, LinkType)>,
}

impl<W: Write> CaptureCopy<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If `writer` can not be written to.
    pub fn new(writer: W) -> io::Result<Self> {
        Ok(Self { inner: PcapNgWriter::new(writer).map_err(as_io)?, interfaces: Vec::new() })
    }

    /// Appends a frame: on which interface of the original, when (nanoseconds since the Unix epoch; earlier ones become 0),
    /// how long it was on the wire, and what is said of it.
    ///
    /// # Errors
    /// If the file can not be written to.
    pub fn write(
        &mut self,
        (interface, link): (u32, LinkType),
        unix_ns: i64,
        original_len: u32,
        bytes: &[u8],
        remark: Option<&str>,
    ) -> io::Result<()> {
        let known = self.interfaces.iter().position(|it| *it == (interface, link));
        let index = match known {
            Some(index) => index,
            None => self.describe(interface, link)?,
        };
        let block = EnhancedPacketBlock {
            interface_id: u32::try_from(index).unwrap_or(u32::MAX),
            timestamp: Duration::from_nanos(since_epoch(unix_ns)),
            original_len,
            data: Cow::Borrowed(bytes),
            options: remark.map(|text| EnhancedPacketOption::Comment(comment(text))).into_iter().collect(),
        };
        self.inner.write_pcapng_block(block).map_err(as_io)?;
        Ok(())
    }

    fn describe(&mut self, interface: u32, link: LinkType) -> io::Result<usize> {
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::from(link.number()),
            snaplen: SNAP_LENGTH,
            options: vec![InterfaceDescriptionOption::IfTsResol(9)],
        };
        self.inner.write_pcapng_block(block).map_err(as_io)?;
        self.interfaces.push((interface, link));
        Ok(self.interfaces.len() - 1)
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.inner.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::capture::CaptureReader;

    #[test]
    fn frames_of_several_interfaces_are_read_back_as_they_were() {
        let mut copy = CaptureCopy::new(Vec::new()).unwrap();
        let frames = [
            (3, LinkType::Ethernet, 1_790_000_000_123_456_789, &b"one"[..], Some("canary")),
            (0, LinkType::LinuxSll2, 5, b"two", None),
            (3, LinkType::Ethernet, 7, b"three", None),
            (3, LinkType::Raw, 8, b"", Some("a\nb")),
        ];
        for (interface, link, at, bytes, remark) in frames {
            copy.write((interface, link), at, 100, bytes, remark).unwrap();
        }
        let file = copy.into_inner();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        for (place, (_, link, at, bytes, remark)) in frames.iter().enumerate() {
            let read = reader.next().unwrap().unwrap();
            assert_eq!((read.link, read.unix_ns, read.bytes, read.original_len), (*link, *at, *bytes, 100), "{place}");
            assert_eq!(read.comment.as_deref(), *remark);
        }
        assert!(reader.next().is_none());
    }
}
