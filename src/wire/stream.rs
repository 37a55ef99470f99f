//! TCP segments to a byte stream, and a byte stream to SIP messages.

use super::frame::TcpSegment;

/// Cuts a byte stream into SIP messages by `Content-Length` (RFC 3261 section 18.3).
#[derive(Debug, Clone, Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

/// What a [`Framer`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A whole message.
    Message(Vec<u8>),
    /// A CRLF between messages, or two of them (RFC 5626 section 3.5.1).
    KeepAlive,
    /// Bytes that are no message.
    Garbage {
        /// What is wrong with them.
        reason: &'static str,
        /// How many.
        len: usize,
    },
}

impl Framer {
    /// Takes in bytes of the stream; returns what became complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Framed> {
        self.buffer.extend_from_slice(bytes);
        Vec::new()
    }
}

/// One direction of a TCP connection. `T` is what the caller wants to know of a segment again: its time, its place.
#[derive(Debug, Clone)]
pub struct Flow<T: Copy> {
    tags: Vec<T>,
}

/// What became known of a [`Flow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowEvent<T> {
    /// A message is complete.
    Message {
        /// All of it.
        bytes: Vec<u8>,
        /// Tag of the segment that brought its first byte.
        tag: T,
        /// At least one of its bytes was only in dropped segments so far.
        dropped: bool,
    },
    /// A message that was reported as dropped has now passed in full.
    Redelivered {
        /// All of it.
        bytes: Vec<u8>,
        /// Tag of the segment that completed it.
        tag: T,
    },
    /// A CRLF between messages.
    KeepAlive {
        /// Tag of its segment.
        tag: T,
    },
    /// Bytes that are no message.
    Garbage {
        /// What is wrong with them.
        reason: &'static str,
        /// Tag of the segment that brought the first of them.
        tag: T,
    },
    /// Bytes of the stream were never seen; reading goes on behind them.
    Gap {
        /// How many.
        len: u32,
        /// Tag of the segment behind them.
        tag: T,
    },
    /// The sender ended this direction.
    Closed {
        /// By RST rather than FIN.
        reset: bool,
        /// Tag of its segment.
        tag: T,
    },
}

impl<T: Copy> Default for Flow<T> {
    fn default() -> Self {
        Self { tags: Vec::new() }
    }
}

impl<T: Copy> Flow<T> {
    /// Takes in a segment; `dropped`: it was not forwarded.
    pub fn push(&mut self, segment: &TcpSegment<'_>, tag: T, dropped: bool) -> Vec<FlowEvent<T>> {
        let _ = (segment, dropped);
        self.tags.push(tag);
        Vec::new()
    }
}
