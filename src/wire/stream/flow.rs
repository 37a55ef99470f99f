//! One direction of a TCP connection, watched from beside it: segments in any order, whole messages out.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use super::{Framed, Framer, ranges::Ranges};
use crate::wire::frame::TcpSegment;

/// Segments that wait behind a hole before the hole counts as never to be seen. A bridge does not reorder, so that more
/// than a sender's burst behind a hole means that we missed a frame.
const MAX_WAITING: usize = 16;

/// Bytes that wait behind a hole.
const MAX_WAITING_BYTES: usize = 128 * 1024;

/// A segment farther than this from where the stream is belongs to another stream: larger than any window of a phone.
const MAX_JUMP: u64 = 1 << 20;

/// Dropped messages that are watched for a later copy, and their bytes. The oldest are given up first.
const MAX_LOST: usize = 64;

/// Where a stream's first byte is counted, so that bytes ahead of it have places too.
const ORIGIN: u64 = 1 << 32;

/// One direction of a TCP connection. `T` is what the caller wants to know of a segment again: its time, its place.
#[derive(Debug, Clone)]
pub struct Flow<T: Copy> {
    /// Sequence number and place of the next byte of the stream; none: no segment was seen yet.
    next: Option<(u32, u64)>,
    /// Initial sequence number, if its SYN was seen.
    isn: Option<u32>,
    framer: Framer,
    /// Where the bytes that the framer still holds came from: place of a segment's first byte, its tag.
    origins: VecDeque<(u64, T)>,
    /// Segments behind a hole by place; they do not overlap.
    waiting: BTreeMap<u64, (Vec<u8>, T)>,
    /// Bytes that were only in dropped segments.
    undelivered: Ranges,
    lost: VecDeque<(Range<u64>, Vec<u8>)>,
    /// Place of a FIN that was seen.
    fin: Option<(u64, T)>,
    /// The end was reported. The state stays: the last segments may be sent again.
    closed: bool,
}

/// What became known of a [`Flow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowEvent<T> {
    /// A message is complete.
    Message {
        /// All of it.
        bytes: Vec<u8>,
        /// Tag of the segment that first brought its first byte.
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

impl<T: Copy> Default for Flow<T> {
    fn default() -> Self {
        Self {
            next: None,
            isn: None,
            framer: Framer::default(),
            origins: VecDeque::new(),
            waiting: BTreeMap::new(),
            undelivered: Ranges::default(),
            lost: VecDeque::new(),
            fin: None,
            closed: false,
        }
    }
}

impl<T: Copy> Flow<T> {
    /// Takes in a segment; `dropped`: it was not forwarded.
    pub fn push(&mut self, segment: &TcpSegment<'_>, tag: T, dropped: bool) -> Vec<FlowEvent<T>> {
        let mut events = Vec::new();
        if segment.rst {
            // Answers to segments for nobody are resets too: of a stream that never was, or is over, there is no end.
            if self.next.is_some() {
                events.push(FlowEvent::Closed { reset: true, tag });
            }
            *self = Self::default();
            return events;
        }
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.syn && self.isn != Some(segment.sequence) {
            *self = Self::default();
            self.isn = Some(segment.sequence);
        }
        let start = match self.place(first) {
            Some(start) => start,
            None if segment.payload.is_empty() && !segment.syn && !segment.fin => return events,
            None => {
                if self.next.is_some() {
                    events.push(FlowEvent::Gap { len: 0, tag });
                }
                *self = Self { isn: self.isn, ..Self::default() };
                self.begin(first);
                ORIGIN
            }
        };
        let end = start + segment.payload.len() as u64;
        if segment.fin {
            self.fin.get_or_insert((end, tag));
        }
        if !dropped {
            self.delivered(&(start..end), tag, &mut events);
        }
        self.store(start, segment.payload, tag, dropped);
        self.advance(&mut events);
        events
    }

    fn begin(&mut self, first: u32) {
        self.next = Some((first, ORIGIN));
        self.framer.skip_to(ORIGIN);
    }

    /// Where a sequence number lies in the stream; none if the stream has not begun or the place is out of reach.
    fn place(&self, sequence: u32) -> Option<u64> {
        let (next, at) = self.next?;
        // RFC 1982: the nearer way around the circle of sequence numbers.
        let ahead = sequence.wrapping_sub(next).cast_signed();
        let place = at.checked_add_signed(i64::from(ahead))?;
        (place.abs_diff(at) <= MAX_JUMP).then_some(place)
    }

    /// A segment passed: what was undelivered in its range is not any more.
    fn delivered(&mut self, range: &Range<u64>, tag: T, events: &mut Vec<FlowEvent<T>>) {
        if !self.undelivered.touches(range) {
            return;
        }
        self.undelivered.remove(range);
        let undelivered = &self.undelivered;
        self.lost.retain_mut(|(place, bytes)| {
            let whole = !undelivered.touches(place);
            if whole {
                events.push(FlowEvent::Redelivered { bytes: std::mem::take(bytes), tag });
            }
            !whole
        });
    }

    /// Keeps the bytes of a segment that were not seen before.
    fn store(&mut self, start: u64, payload: &[u8], tag: T, dropped: bool) {
        let Some((_, mut at)) = self.next else { return };
        let end = start + payload.len() as u64;
        // Byte by byte of the stream the first copy counts, as in the receiver's buffer.
        at = at.max(start);
        if let Some((place, (bytes, _))) = self.waiting.range(..=at).next_back() {
            at = at.max(place + bytes.len() as u64);
        }
        while at < end {
            let (until, resume) = match self.waiting.range(at..end).next() {
                Some((place, (bytes, _))) => (*place, place + bytes.len() as u64),
                None => (end, end),
            };
            if at < until {
                let (from, to) = ((at - start) as usize, (until - start) as usize);
                self.waiting.insert(at, (payload[from..to].to_vec(), tag));
                if dropped {
                    self.undelivered.add(at..until);
                }
            }
            at = resume;
        }
    }

    /// Moves what has become contiguous into the framer, and gives up holes that stay.
    fn advance(&mut self, events: &mut Vec<FlowEvent<T>>) {
        while let Some((sequence, at)) = self.next {
            if let Some((bytes, tag)) = self.waiting.remove(&at) {
                // Payload of a segment: less than 2³².
                self.next = Some((sequence.wrapping_add(bytes.len() as u32), at + bytes.len() as u64));
                self.origins.push_back((at, tag));
                self.framer.extend(&bytes);
                self.cut(events);
            } else if self.hole_stays()
                && let Some((place, (_, tag))) = self.waiting.first_key_value()
            {
                // At most MAX_JUMP.
                let len = (place - at) as u32;
                events.push(FlowEvent::Gap { len, tag: *tag });
                self.next = Some((sequence.wrapping_add(len), *place));
                self.framer.skip_to(*place);
                self.origins.clear();
            } else {
                break;
            }
        }
        if let (Some((_, at)), Some((fin, tag))) = (self.next, self.fin)
            && at >= fin
            && !self.closed
        {
            events.push(FlowEvent::Closed { reset: false, tag });
            self.closed = true;
        }
    }

    fn hole_stays(&self) -> bool {
        self.waiting.len() > MAX_WAITING
            || self.waiting.values().map(|(bytes, _)| bytes.len()).sum::<usize>() > MAX_WAITING_BYTES
    }

    /// Reports what the framer has complete.
    fn cut(&mut self, events: &mut Vec<FlowEvent<T>>) {
        while let Some(cut) = self.framer.cut() {
            while self.origins.get(1).is_some_and(|(place, _)| *place <= cut.at) {
                self.origins.pop_front();
            }
            let Some((_, tag)) = self.origins.front().copied() else { continue };
            events.push(match cut.framed {
                Framed::Message(bytes) => {
                    let place = cut.at..cut.at + bytes.len() as u64;
                    let dropped = self.undelivered.touches(&place);
                    if dropped {
                        self.watch(place, bytes.clone());
                    }
                    FlowEvent::Message { bytes, tag, dropped }
                }
                Framed::KeepAlive => FlowEvent::KeepAlive { tag },
                Framed::Garbage { reason, .. } => FlowEvent::Garbage { reason, tag },
            });
        }
        let oldest = self.lost.front().map_or(self.framer.position(), |(place, _)| place.start);
        self.undelivered.remove(&(0..oldest));
    }

    /// Watches for a later copy of a dropped message.
    fn watch(&mut self, place: Range<u64>, bytes: Vec<u8>) {
        if self.lost.len() == MAX_LOST {
            self.lost.pop_front();
        }
        self.lost.push_back((place, bytes));
    }
}
