//! Reading capture files of anybody's making, pcap and pcapng, packet by packet in one pass.
//!
//! Written over the format descriptions (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng), because `pcap-file`, with which
//! we write, takes every stamp for nanoseconds and gives a file up at the first cut packet or foreign comment, and
//! `pcap-parser` misreads the clock offset of big-endian files, gives padding out as data, and takes a packet that is longer
//! than its block for the end of the file.
//!
//! Memory is flat: a window of a megabyte, and what the interfaces of a section are. No length in a file makes
//! it more.

use std::{
    borrow::Cow,
    io::{self, Read},
    ops::Range,
};

mod fields;
mod pcap;
mod pcapng;
mod window;

use crate::wire::frame::{Frame, FrameError, LinkType};
use pcap::Pcap;
use pcapng::Pcapng;
use window::Window;

/// Most interfaces of a section; a file that describes more is not one that captured anything.
const MAX_INTERFACES: usize = 4096;

/// Reads a capture from a file or a pipe.
#[derive(Debug)]
pub struct CaptureReader<R: Read> {
    window: Window<R>,
    format: Format,
    ending: Ending,
    over: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// A captured packet, as it lies in the reader until the next is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured<'a> {
    /// When, in nanoseconds since the Unix epoch; what does not fit is the nearest that does. A simple packet block of
    /// pcapng has no stamp: the one before it stands here.
    pub unix_ns: i64,
    /// What the bytes begin with.
    pub link: LinkType,
    /// On which interface, by its number in the section; 0 in a pcap file, which knows only one.
    pub interface: u32,
    /// What the machine that captured calls that interface; none: the file does not tell.
    pub interface_name: Option<&'a str>,
    /// Length on the wire in bytes; never less than what was captured.
    pub original_len: u32,
    /// What was captured, the beginning of the frame.
    pub bytes: &'a [u8],
    /// What somebody wrote about the packet; several comments are joined by line feeds.
    pub comment: Option<Cow<'a, str>>,
    /// Offset of its record or block in the file.
    pub offset: u64,
    /// Length of its record or block in bytes.
    pub len: u64,
}

/// How a capture ended, or how far it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a whole packet; so far, while there are more.
    Whole,
    /// Within a packet or block, as when the capturing program or machine stopped; all before it was read.
    Truncated {
        /// Where that packet or block begins.
        offset: u64,
    },
    /// Something in it contradicts the format: what is behind it can not be found.
    Broken {
        /// Where the packet or block begins.
        offset: u64,
        /// What is wrong.
        reason: Flaw,
    },
}

/// What contradicts the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The length of a block.
    #[error("a block that says that it is {0} bytes long")]
    Length(u32),
    /// A length beyond reason.
    #[error("a packet or header of {0} bytes, more than anybody captures")]
    Long(u32),
    /// The length that ends a block is not the one that began it.
    #[error("a block that says that it is {0} bytes long, and at its end {1}")]
    Lengths(u32, u32),
    /// The byte-order mark of a section.
    #[error("a section header without byte-order mark")]
    ByteOrder,
    /// A version that is not known.
    #[error("the format's version {0}.{1}, which is not known")]
    Version(u16, u16),
    /// A packet of nowhere.
    #[error("a packet of interface {0}, which is not described before it")]
    Interface(u32),
    /// Interfaces without end.
    #[error("the description of too many interfaces, more than {MAX_INTERFACES}")]
    Interfaces,
    /// A part that is longer than what it is in.
    #[error("a block that ends within its {0}")]
    Within(&'static str),
}

/// Why a capture can not be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
    /// It is something else.
    #[error("it is no capture: it begins neither as pcap nor as pcapng does")]
    Foreign,
    /// It is compressed.
    #[error("it is compressed; unpack it first, for instance with `gunzip` or `unzstd`")]
    Compressed,
    /// It is in the format of a patched libpcap of the nineties, whose packets have longer headers.
    #[error("it is in the \"modified\" pcap format; convert it first, with `editcap -F pcapng`")]
    Modified,
    /// It ends within its header.
    #[error("it ends within its header")]
    Headless,
    /// A contradiction; see [`Ending::Broken`].
    #[error("it is broken at byte {offset}: {reason}")]
    Broken {
        /// Where the packet or block begins.
        offset: u64,
        /// What is wrong.
        reason: Flaw,
    },
    /// The system does not hand it out.
    #[error("it can not be read: {0}")]
    Read(#[from] io::Error),
}

/// Why no further packet was found.
#[derive(Debug)]
enum Stop {
    Truncated { offset: u64 },
    Broken { offset: u64, reason: Flaw },
    Read(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// A packet by the places of its parts in the window.
#[derive(Debug)]
struct Found {
    unix_ns: i64,
    link: LinkType,
    interface: u32,
    original_len: u32,
    bytes: Range<usize>,
    /// The options of a pcapng block, known to be whole.
    options: Range<usize>,
    offset: u64,
    len: u32,
}

impl<R: Read> CaptureReader<R> {
    /// Reads the header. Which format it is, it says itself.
    ///
    /// # Errors
    /// If it is no capture, or one that is not read.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut window = Window::new(reader);
        let whole = window.have(4)?;
        let format = match *window.ahead() {
            [] => return Err(CaptureError::Empty),
            [0x0A, 0x0D, 0x0D, 0x0A, ..] => Pcapng::begin(&mut window).map(Format::Pcapng),
            [0xA1, 0xB2, 0xCD, 0x34, ..] | [0x34, 0xCD, 0xB2, 0xA1, ..] => return Err(CaptureError::Modified),
            [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x04, 0x22, 0x4D, 0x18, ..] => {
                return Err(CaptureError::Compressed);
            }
            [a, b, c, d, ..] => match Pcap::begin([a, b, c, d], &mut window) {
                Some(begun) => begun.map(Format::Pcap),
                None => return Err(CaptureError::Foreign),
            },
            _ => return Err(if whole { CaptureError::Foreign } else { CaptureError::Headless }),
        };
        let format = format.map_err(|stop| match stop {
            Stop::Truncated { .. } => CaptureError::Headless,
            Stop::Broken { offset, reason } => CaptureError::Broken { offset, reason },
            Stop::Read(error) => CaptureError::Read(error),
        })?;
        Ok(Self { window, format, ending: Ending::Whole, over: false })
    }

    /// The next packet; none at the end, and after an error. A last packet that is not whole is left out; see
    /// [`ending`](Self::ending).
    ///
    /// # Errors
    /// If the capture is broken here, or can not be read on.
    #[expect(clippy::should_implement_trait, reason = "what it returns borrows from it, which no iterator's items do")]
    pub fn next(&mut self) -> Option<Result<Captured<'_>, CaptureError>> {
        if self.over {
            return None;
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window),
        };
        let error = match found {
            Ok(Some(found)) => return Some(Ok(self.captured(found))),
            Ok(None) => None,
            Err(Stop::Truncated { offset }) => {
                self.ending = Ending::Truncated { offset };
                None
            }
            Err(Stop::Broken { offset, reason }) => {
                self.ending = Ending::Broken { offset, reason };
                Some(CaptureError::Broken { offset, reason })
            }
            Err(Stop::Read(error)) => Some(CaptureError::Read(error)),
        };
        self.over = true;
        error.map(Err)
    }

    /// How it ended; to be asked when there is [no next packet](Self::next).
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Comments on no packet, as siprig writes at the end of a capture: those in the interface statistics that were read so
    /// far, the first 64 of them.
    pub fn remarks(&self) -> &[String] {
        match &self.format {
            Format::Pcapng(pcapng) => &pcapng.remarks,
            Format::Pcap(_) => &[],
        }
    }

    fn captured(&self, found: Found) -> Captured<'_> {
        let interface_name = match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(pcapng) => pcapng.interface_name(found.interface),
        };
        let comment = match &self.format {
            Format::Pcapng(pcapng) if !found.options.is_empty() => pcapng.comment(self.window.at(found.options)),
            _ => None,
        };
        let bytes = self.window.at(found.bytes);
        Captured {
            unix_ns: found.unix_ns,
            link: found.link,
            interface: found.interface,
            interface_name,
            // No more is read than fits the window.
            original_len: found.original_len.max(bytes.len() as u32),
            bytes,
            comment,
            offset: found.offset,
            len: found.len.into(),
        }
    }
}

impl<'a> Captured<'a> {
    /// Its bytes, read.
    ///
    /// # Errors
    /// As [`Frame::parse_captured`].
    pub fn frame(&self) -> Result<Frame<'a>, FrameError> {
        Frame::parse_captured(self.link, self.bytes, self.original_len as usize)
    }
}

#[cfg(test)]
mod tests;
