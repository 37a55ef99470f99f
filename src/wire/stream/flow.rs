//! One direction of a TCP connection, watched from beside it: segments in any order, whole messages out.

use std::{collections::VecDeque, ops::Range};

use super::{
    Framer, Piece,
    assembly::{self, Assembly},
    ranges::Ranges,
};
use crate::wire::{frame::TcpSegment, tls};

/// Dropped messages that are watched for a later copy, and their bytes. The oldest are given up first.
const MAX_LOST: usize = 64;
/// See [`MAX_LOST`].
const MAX_LOST_BYTES: usize = 256 * 1024;

/// One direction of a TCP connection that speaks SIP or TLS. `T` is what the caller wants to know of a segment again: its
/// time, its place.
#[derive(Debug, Clone)]
pub struct Flow<T> {
    assembly: Assembly<T>,
    reader: Reader<T>,
}

/// What is known of a segment besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<T> {
    /// The caller's own.
    pub tag: T,
    /// When it came in, in nanoseconds since the Unix epoch.
    pub unix_ns: i64,
    /// It was not forwarded.
    pub dropped: bool,
}

/// What became known of a [`Flow`]; `B` are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowEvent<T, B> {
    /// A message is complete.
    Message {
        /// All of it.
        bytes: B,
        /// Tag of the segment that first brought its first byte.
        tag: T,
        /// At least one of its bytes was only in dropped segments so far.
        dropped: bool,
    },
    /// A message that was reported as dropped has now passed in full.
    Redelivered {
        /// All of it.
        bytes: B,
        /// Tag of the segment that completed it.
        tag: T,
    },
    /// Bytes of TLS, in order. From here on the flow holds nothing else.
    Tls {
        /// All that are new.
        bytes: B,
        /// Tag of the segment that brought them.
        tag: T,
    },
    /// A CRLF between messages.
    KeepAlive {
        /// Tag of its segment.
        tag: T,
    },
    /// Bytes that are no message. Reported once, however many they are, until the next message.
    Garbage {
        /// What is wrong with them.
        reason: &'static str,
        /// Where in them.
        offset: usize,
        /// Tag of the segment that brought the first of them.
        tag: T,
    },
    /// Bytes of the stream were never seen; what they cut in two is lost, and reading goes on behind them.
    Gap {
        /// How many; 0: unknown, another stream goes on in this one's place.
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

impl<T> Default for Flow<T> {
    fn default() -> Self {
        Self { assembly: Assembly::default(), reader: Reader::default() }
    }
}

impl<T: Copy> Flow<T> {
    /// Takes in a segment.
    pub fn take(&mut self, segment: &TcpSegment<'_>, seen: Seen<T>, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let Seen { tag, unix_ns, dropped } = seen;
        if segment.rst {
            // Answers to segments for nobody are resets too: of a stream that never was, or is over, there is no end.
            if self.assembly.is_reset_by(segment) {
                self.give_up("the connection was reset within it", sink);
                sink(FlowEvent::Closed { reset: true, tag });
            }
            return;
        }
        if self.assembly.is_renewed_by(segment) {
            self.give_up("another connection took the place of its own", sink);
        } else if self.assembly.is_left_by(segment) {
            self.give_up("its connection goes on elsewhere", sink);
            sink(FlowEvent::Gap { len: 0, tag });
        }
        let Self { assembly, reader } = self;
        if !dropped && let Some(range) = assembly.range(segment) {
            reader.delivered(&range, tag, sink);
        }
        assembly.take(segment, tag, unix_ns, &mut |piece| reader.take(piece, dropped, sink));
    }

    /// The receiver has all bytes ahead of this number: those that were not seen will not be.
    pub fn acknowledge(&mut self, ack: u32, unix_ns: i64, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let Self { assembly, reader } = self;
        assembly.acknowledge(ack, unix_ns, &mut |piece| reader.take(piece, false, sink));
    }

    /// Nothing more comes: reads what waits behind holes, and says what is not complete, for this reason.
    pub fn finish(&mut self, reason: &'static str, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let Self { assembly, reader } = self;
        assembly.flush(&mut |piece| reader.take(piece, false, sink));
        self.give_up(reason, sink);
    }

    /// Whether a segment is the SYN of another stream than the one at hand.
    pub fn is_renewed_by(&self, segment: &TcpSegment<'_>) -> bool {
        self.assembly.is_renewed_by(segment)
    }

    /// Whether a RST ends the stream at hand: one that lies elsewhere is none of it. Any does where nothing was seen of it.
    pub fn is_reset_by(&self, segment: &TcpSegment<'_>) -> bool {
        !self.assembly.has_begun() || self.assembly.is_reset_by(segment)
    }

    /// Sequence number of the next byte; none: nothing was seen yet.
    pub fn next_sequence(&self) -> Option<u32> {
        self.assembly.next_sequence()
    }

    /// Whether bytes that were read did not reach the receiver, as far as is known.
    pub fn lacks_any(&self) -> bool {
        !self.reader.undelivered.is_empty()
    }

    /// Everything from here on is TLS, as the other direction shows.
    pub fn become_tls(&mut self) {
        self.reader = Reader { kind: Kind::Tls, ..Reader::default() };
    }

    /// What it holds, in bytes.
    pub fn held(&self) -> usize {
        self.assembly.held() + self.reader.held()
    }

    /// Forgets everything, and says what was not complete.
    fn give_up(&mut self, reason: &'static str, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let Self { assembly, mut reader } = std::mem::take(self);
        drop(assembly);
        reader.end(reason, sink);
    }
}

/// What comes in order.
#[derive(Debug, Clone)]
struct Reader<T> {
    kind: Kind,
    framer: Framer,
    /// Place of the first byte that belongs to nothing reported yet, and tag of the segment that brought it.
    begun: Option<(u64, T)>,
    /// Where a message should begin there is something else, which was reported.
    strange: bool,
    /// Bytes that were only in dropped segments.
    undelivered: Ranges,
    lost: VecDeque<(Range<u64>, Vec<u8>)>,
    lost_bytes: usize,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No message was seen yet: SIP, unless it turns out to be TLS.
    Open,
    Sip,
    Tls,
}

impl<T> Default for Reader<T> {
    fn default() -> Self {
        Self {
            kind: Kind::Open,
            framer: Framer::default(),
            begun: None,
            strange: false,
            undelivered: Ranges::default(),
            lost: VecDeque::new(),
            lost_bytes: 0,
        }
    }
}

impl<T: Copy> Reader<T> {
    fn held(&self) -> usize {
        self.framer.held().len() + self.lost_bytes
    }

    fn take(&mut self, piece: assembly::Piece<'_, T>, dropped: bool, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        match piece {
            assembly::Piece::Fresh(places) => {
                if dropped && self.kind != Kind::Tls {
                    self.undelivered.add(places);
                }
            }
            assembly::Piece::Bytes { at, bytes, tag } => self.read(at, bytes, tag, sink),
            assembly::Piece::Gap { len, tag, .. } => {
                // What is left of the message that it cut is part of the same loss.
                self.framer = Framer::default();
                self.begun = None;
                self.strange = true;
                sink(FlowEvent::Gap { len, tag });
            }
            assembly::Piece::Closed { tag } => {
                self.end("the connection was closed within it", sink);
                sink(FlowEvent::Closed { reset: false, tag });
            }
        }
    }

    fn read(&mut self, at: u64, bytes: &[u8], tag: T, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        if self.kind == Kind::Open && !self.framer.is_in_message() {
            self.look_for_tls(bytes, sink);
        }
        if self.kind == Kind::Tls {
            return sink(FlowEvent::Tls { bytes, tag });
        }
        let Self { kind, framer, begun, strange, undelivered, lost, lost_bytes } = self;
        let (mut place, mut origin) = begun.unwrap_or((at, tag));
        framer.feed(bytes, &mut |piece, bytes| {
            let places = place..place + bytes.len() as u64;
            match piece {
                Piece::Message => {
                    (*kind, *strange) = (Kind::Sip, false);
                    let dropped = undelivered.touches(&places);
                    sink(FlowEvent::Message { bytes, tag: origin, dropped });
                    if dropped {
                        // Watched for a later copy.
                        *lost_bytes += bytes.len();
                        lost.push_back((places.clone(), bytes.to_vec()));
                    }
                }
                Piece::KeepAlive if *strange => {}
                Piece::KeepAlive => sink(FlowEvent::KeepAlive { tag: origin }),
                Piece::Garbage { .. } if *strange => {}
                Piece::Garbage { reason, offset } => {
                    *strange = true;
                    sink(FlowEvent::Garbage { reason, offset, tag: origin });
                }
            }
            // What was begun before this segment ends in it, so that what follows begins in it.
            (place, origin) = (places.end, tag);
        });
        *begun = (!framer.held().is_empty()).then_some((place, origin));
        while lost.len() > MAX_LOST || *lost_bytes > MAX_LOST_BYTES {
            let Some((_, bytes)) = lost.pop_front() else { break };
            *lost_bytes -= bytes.len();
        }
        let oldest = lost.front().map_or(place, |(places, _)| places.start);
        undelivered.remove(&(0..oldest));
    }

    /// Whether it is TLS that begins with these bytes, or has begun with the few that are held.
    fn look_for_tls(&mut self, bytes: &[u8], sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let held = self.framer.held();
        let mut start = [0; tls::LOOKED_AT];
        let first = held.iter().chain(bytes).take(tls::LOOKED_AT);
        start.iter_mut().zip(first).for_each(|(place, byte)| *place = *byte);
        let split = held.len() < tls::LOOKED_AT && tls::looks_like_tls(&start);
        if !split && !tls::looks_like_tls(bytes) {
            return;
        }
        if let Some((_, tag)) = self.begun.filter(|_| split) {
            sink(FlowEvent::Tls { bytes: held, tag });
        }
        *self = Self { kind: Kind::Tls, ..Self::default() };
    }

    /// A segment passed: what was undelivered in its range is not any more.
    fn delivered(&mut self, range: &Range<u64>, tag: T, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        if !self.undelivered.touches(range) {
            return;
        }
        self.undelivered.remove(range);
        let Self { undelivered, lost, lost_bytes, .. } = self;
        lost.retain(|(places, bytes)| {
            let whole = !undelivered.touches(places);
            if whole {
                *lost_bytes -= bytes.len();
                sink(FlowEvent::Redelivered { bytes, tag });
            }
            !whole
        });
    }

    /// Nothing more comes: what is begun is not complete, for this reason.
    fn end(&mut self, reason: &'static str, sink: &mut impl FnMut(FlowEvent<T, &[u8]>)) {
        let offset = self.framer.held().len();
        if let Some((_, tag)) = self.begun.take().filter(|_| !self.strange)
            && self.framer.held() != b"\r"
        {
            sink(FlowEvent::Garbage { reason, offset, tag });
        }
        self.framer = Framer::default();
    }
}
