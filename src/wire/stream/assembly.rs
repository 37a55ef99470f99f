//! One direction of a TCP connection, put in order: segments in, bytes and gaps out. Of bytes that come twice the first copy
//! counts, as in the receiver's buffer.

use std::{collections::BTreeMap, ops::Range};

use crate::wire::frame::TcpSegment;

/// What may wait behind a hole, in bytes; each segment counts for [`WAITING_COST`] more. More than a sender may have under
/// way without window scaling, which phones do not need: then the hole counts as never to be seen.
pub const MAX_WAITING: usize = 256 * 1024;

/// What a waiting segment costs besides its bytes.
const WAITING_COST: usize = 64;

/// A hole that is older counts as never to be seen, in nanoseconds: a sender that began to repeat after the least time that is
/// usual, 200 ms, has by then repeated six times (RFC 6298 section 5.5).
const HOLE_PATIENCE_NS: i64 = 10_000_000_000;

/// A segment farther than this from where the stream is belongs to another stream: larger than any window of a phone.
const MAX_JUMP: u64 = 1 << 20;

/// Where a stream's first byte is counted, so that bytes ahead of it have places too.
pub const ORIGIN: u64 = 1 << 32;

/// One direction of a TCP connection. `T` is what the caller wants to know of a segment again.
#[derive(Debug, Clone)]
pub struct Assembly<T> {
    /// Sequence number and place of the next byte of the stream; none: no segment was seen yet.
    next: Option<(u32, u64)>,
    /// Initial sequence number, if its SYN was seen.
    isn: Option<u32>,
    /// Segments behind a hole by place; they do not overlap.
    waiting: BTreeMap<u64, Waiting<T>>,
    waiting_cost: usize,
    /// The receiver has all bytes ahead of this place.
    acknowledged: u64,
    /// Place of a FIN that was seen.
    fin: Option<(u64, T)>,
    /// The end was reported. The state stays: the last segments may be sent again.
    closed: bool,
}

#[derive(Debug, Clone)]
struct Waiting<T> {
    bytes: Box<[u8]>,
    tag: T,
    since_ns: i64,
}

/// What became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a, T> {
    /// The segment at hand is the first to bring these places.
    Fresh(Range<u64>),
    /// Bytes of the stream, in order.
    Bytes {
        /// Place of the first of them.
        at: u64,
        bytes: &'a [u8],
        /// Of the segment that first brought them.
        tag: T,
    },
    /// Bytes of the stream were never seen. It goes on behind them.
    Gap {
        /// Place behind them.
        until: u64,
        /// How many.
        len: u32,
        /// Of the segment behind them.
        tag: T,
    },
    /// All is there up to a FIN.
    Closed { tag: T },
}

impl<T> Default for Assembly<T> {
    fn default() -> Self {
        Self {
            next: None,
            isn: None,
            waiting: BTreeMap::new(),
            waiting_cost: 0,
            acknowledged: 0,
            fin: None,
            closed: false,
        }
    }
}

impl<T: Copy> Assembly<T> {
    /// Whether any segment was seen.
    pub fn has_begun(&self) -> bool {
        self.next.is_some()
    }

    /// What it holds, in bytes.
    pub fn held(&self) -> usize {
        self.waiting_cost
    }

    /// Whether a segment is the SYN of another stream than the one at hand.
    pub fn is_renewed_by(&self, segment: &TcpSegment<'_>) -> bool {
        segment.syn && self.isn != Some(segment.sequence)
    }

    /// Whether a segment is too far away to belong to the stream at hand, and carries something.
    pub fn is_left_by(&self, segment: &TcpSegment<'_>) -> bool {
        let carries = segment.syn || segment.fin || !segment.payload.is_empty();
        carries && self.has_begun() && self.place(first_byte(segment)).is_none()
    }

    /// Whether a RST lies where the receiver takes it for one of this stream (RFC 9293 section 3.10.7.4).
    pub fn is_reset_by(&self, segment: &TcpSegment<'_>) -> bool {
        segment.rst && self.place(segment.sequence).is_some()
    }

    /// Sequence number of the next byte of the stream; none: no segment was seen yet.
    pub fn next_sequence(&self) -> Option<u32> {
        self.next.map(|(sequence, _)| sequence)
    }

    /// Where the stream goes on.
    pub fn position(&self) -> u64 {
        self.next.map_or(ORIGIN, |(_, at)| at)
    }

    /// The places that a segment has; none if there is no stream yet, or it is out of reach.
    pub fn range(&self, segment: &TcpSegment<'_>) -> Option<Range<u64>> {
        let start = self.place(first_byte(segment))?;
        Some(start..start + segment.payload.len() as u64)
    }

    /// Takes in a segment that is no RST and is not out of reach.
    pub fn take(&mut self, segment: &TcpSegment<'_>, tag: T, unix_ns: i64, sink: &mut impl FnMut(Piece<'_, T>)) {
        if segment.syn {
            self.isn = Some(segment.sequence);
        }
        if !self.has_begun() {
            if segment.payload.is_empty() && !segment.syn && !segment.fin {
                return;
            }
            self.next = Some((first_byte(segment), ORIGIN));
        }
        let Some(Range { start, end }) = self.range(segment) else { return };
        if segment.fin {
            self.fin.get_or_insert((end, tag));
        }
        self.store(start, segment.payload, (tag, unix_ns), sink);
        self.advance(unix_ns, sink);
    }

    /// The receiver acknowledges all bytes ahead of this number: a hole among them is ours, not the receiver's.
    pub fn acknowledge(&mut self, ack: u32, unix_ns: i64, sink: &mut impl FnMut(Piece<'_, T>)) {
        let Some(place) = self.place(ack) else { return };
        self.acknowledged = self.acknowledged.max(place);
        self.advance(unix_ns, sink);
    }

    /// Nothing more comes: what waits goes on without what is missing.
    pub fn flush(&mut self, sink: &mut impl FnMut(Piece<'_, T>)) {
        self.acknowledged = u64::MAX;
        self.advance(0, sink);
    }

    /// Where a sequence number lies in the stream; none if the stream has not begun or the place is out of reach.
    fn place(&self, sequence: u32) -> Option<u64> {
        let (next, at) = self.next?;
        // RFC 1982: the nearer way around the circle of sequence numbers.
        let ahead = sequence.wrapping_sub(next).cast_signed();
        let place = at.checked_add_signed(i64::from(ahead))?;
        (place.abs_diff(at) <= MAX_JUMP).then_some(place)
    }

    /// Passes on the bytes of a segment that were not seen before, or keeps them.
    fn store(&mut self, start: u64, payload: &[u8], (tag, since_ns): (T, i64), sink: &mut impl FnMut(Piece<'_, T>)) {
        let end = start + payload.len() as u64;
        let mut at = self.position().max(start);
        while at < end {
            if let Some((place, known)) = self.waiting.range(..=at).next_back()
                && place + known.bytes.len() as u64 > at
            {
                at = place + known.bytes.len() as u64;
                continue;
            }
            let until = self.waiting.range(at..end).next().map_or(end, |(place, _)| *place);
            let bytes = payload.get((at - start) as usize..(until - start) as usize).unwrap_or_default();
            sink(Piece::Fresh(at..until));
            if at == self.position() {
                self.pass(at, bytes, tag, sink);
            } else {
                self.waiting_cost += bytes.len() + WAITING_COST;
                self.waiting.insert(at, Waiting { bytes: bytes.into(), tag, since_ns });
            }
            at = until;
        }
    }

    /// The next bytes of the stream.
    fn pass(&mut self, at: u64, bytes: &[u8], tag: T, sink: &mut impl FnMut(Piece<'_, T>)) {
        sink(Piece::Bytes { at, bytes, tag });
        if let Some((sequence, next)) = &mut self.next {
            // Payload of a segment: less than 2³².
            *sequence = sequence.wrapping_add(bytes.len() as u32);
            *next += bytes.len() as u64;
        }
    }

    /// Passes on what has become contiguous, and gives up holes that stay.
    fn advance(&mut self, unix_ns: i64, sink: &mut impl FnMut(Piece<'_, T>)) {
        while let Some(entry) = self.waiting.first_entry() {
            let (place, at) = (*entry.key(), self.next.map_or(ORIGIN, |(_, at)| at));
            if place > at {
                let age = unix_ns.saturating_sub(entry.get().since_ns);
                let stays = self.acknowledged >= place || self.waiting_cost > MAX_WAITING || age > HOLE_PATIENCE_NS;
                if !stays {
                    break;
                }
                // At most MAX_JUMP.
                let len = (place - at) as u32;
                sink(Piece::Gap { until: place, len, tag: entry.get().tag });
                self.next = self.next.map(|(sequence, _)| (sequence.wrapping_add(len), place));
            }
            let Waiting { bytes, tag, .. } = entry.remove();
            self.waiting_cost -= bytes.len() + WAITING_COST;
            self.pass(place, &bytes, tag, sink);
        }
        if let Some((fin, tag)) = self.fin
            && self.position() >= fin
            && !self.closed
        {
            self.closed = true;
            sink(Piece::Closed { tag });
        }
    }
}

/// Of what a segment carries, the SYN being ahead of it.
fn first_byte(segment: &TcpSegment<'_>) -> u32 {
    segment.sequence.wrapping_add(u32::from(segment.syn))
}
