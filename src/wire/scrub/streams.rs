//! TCP connections: what was cut by the borders of segments is put together, cleaned as a whole, and written back to where
//! it came from.
//!
//! A frame waits until all messages that it has a part of are complete. Of what is clean the last bytes are remembered: a
//! segment that is sent again becomes what it became before, and a secret is known by what stands ahead of it.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use super::{
    clean::{Cleaner, MEMORY},
    queue::{FrameId, Place, Queue, Whole},
    tls,
};
use crate::wire::{
    sip,
    stream::{self, Piece, Search},
};

/// Directions of connections that are followed. When there are more, a quarter of them is given up, the most silent first.
const MAX_STREAMS: usize = 1024;

/// Bytes that are remembered behind those that are clean: more than a phone sends before it waits for an answer.
const HISTORY: usize = 8 << 10;

/// Segments that wait behind a hole before the hole counts as never to be filled, and their bytes.
const MAX_WAITING: usize = 16;
/// See [`MAX_WAITING`].
const MAX_WAITING_BYTES: usize = 128 << 10;

/// A segment farther than this from where the stream is belongs to another one.
const MAX_JUMP: u64 = 1 << 20;

/// Longest line that may still become a start line, in bytes.
const MAX_START_LINE: usize = 8192;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    pub sequence: u32,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    /// Bytes of it that the capture did not keep.
    pub missing: usize,
    pub payload: Place,
}

/// All that is followed.
#[derive(Default)]
pub struct Streams {
    streams: HashMap<Key, Stream>,
    /// Counts segments.
    time: u64,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Language {
    #[default]
    Unknown,
    Sip,
    Tls,
}

/// Places in the stream count its bytes, from somewhere far from zero.
#[derive(Default)]
struct Stream {
    /// Place of the first byte of `raw`.
    start: u64,
    /// As captured: history, and what is not clean yet.
    raw: Vec<u8>,
    /// What the first bytes of `raw` have become.
    clean: Vec<u8>,
    /// Sequence number of what follows `raw`; none: nothing was seen yet.
    next: Option<u32>,
    isn: Option<u32>,
    language: Language,
    /// For the end of what is ahead in `raw` and not clean yet.
    search: Search,
    /// Pieces of frames that are not clean yet, by their ends in the stream.
    parts: BTreeMap<(u64, FrameId), (u64, Place)>,
    /// Segments behind a hole.
    waiting: BTreeMap<(u64, FrameId), Segment>,
    last: u64,
}

impl Streams {
    /// Takes in a segment.
    pub fn push<T>(&mut self, key: Key, segment: Segment, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        self.time += 1;
        self.make_room(&key, queue, cleaner);
        let stream = self.streams.entry(key).or_default();
        stream.last = self.time;
        stream.push(key, segment, queue, cleaner);
        if segment.rst {
            self.streams.remove(&key);
        }
    }

    /// Takes what there is of a stream as it is.
    pub fn flush<T>(&mut self, key: &Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.flush(*key, queue, cleaner);
        }
    }

    /// Takes everything as it is.
    pub fn flush_all<T>(&mut self, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        for (key, stream) in &mut self.streams {
            stream.flush(*key, queue, cleaner);
        }
    }

    fn make_room<T>(&mut self, key: &Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        if self.streams.len() < MAX_STREAMS || self.streams.contains_key(key) {
            return;
        }
        let mut ages: Vec<(u64, Key)> = self.streams.iter().map(|(key, stream)| (stream.last, *key)).collect();
        ages.sort_by_key(|(last, _)| *last);
        for (_, key) in ages.iter().take(MAX_STREAMS / 4) {
            self.flush(key, queue, cleaner);
            self.streams.remove(key);
        }
    }
}

impl Stream {
    fn push<T>(&mut self, key: Key, segment: Segment, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        let Segment { syn, fin, rst, payload, .. } = segment;
        if rst || syn && self.isn != Some(segment.sequence) {
            self.flush(key, queue, cleaner);
            *self = Self { isn: syn.then_some(segment.sequence), last: self.last, ..Self::default() };
        }
        let first = segment.sequence.wrapping_add(u32::from(syn));
        if rst {
            return alone(payload, queue, cleaner);
        }
        if payload.len == 0 && !syn && self.next.is_none() {
            return;
        }
        let at = match self.place(first) {
            Some(at) => at,
            None if payload.len == 0 && !syn => return,
            None => {
                self.flush(key, queue, cleaner);
                self.begin(first);
                self.start
            }
        };
        let end = self.end();
        if at > end {
            if payload.len > 0 {
                queue.wait(payload.frame, Whole::Stream(key));
                self.waiting.insert((at, payload.frame), segment);
                while self.hole_stays() {
                    self.skip_hole(key, queue, cleaner);
                }
            }
            return;
        }
        self.take(key, at, segment, queue, cleaner);
        self.take_contiguous(key, queue, cleaner);
        if fin && at + payload.len as u64 == self.end() {
            self.decide_rest(cleaner);
            self.settle(queue);
        }
    }

    /// Where a sequence number lies in the stream; none if it has not begun, or if the place is out of reach.
    fn place(&self, sequence: u32) -> Option<u64> {
        // RFC 1982: the nearer way around the circle of sequence numbers.
        let ahead = sequence.wrapping_sub(self.next?).cast_signed();
        let end = self.end();
        end.checked_add_signed(ahead.into()).filter(|place| place.abs_diff(end) <= MAX_JUMP)
    }

    fn end(&self) -> u64 {
        self.start + self.raw.len() as u64
    }

    /// A stream begins, or goes on behind a hole.
    fn begin(&mut self, sequence: u32) {
        self.start = self.end().max(1 << 32);
        self.raw.clear();
        self.clean.clear();
        self.next = Some(sequence);
        self.search = Search::default();
    }

    /// Takes in a segment that begins in what is known, or right behind it.
    fn take<T>(&mut self, key: Key, at: u64, segment: Segment, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        let mut payload = segment.payload;
        let forgotten = usize::try_from(self.start.saturating_sub(at)).unwrap_or(usize::MAX).min(payload.len);
        if forgotten > 0 {
            alone(payload.first(forgotten), queue, cleaner);
            payload = payload.behind(forgotten);
        }
        if payload.len == 0 {
            return;
        }
        let from = (at.max(self.start) - self.start) as usize;
        let known = &self.raw[from..self.raw.len().min(from + payload.len)];
        let bytes = queue.bytes(payload);
        if !bytes.starts_with(known) {
            // What a receiver would make of it depends on which copy it got. It is no copy of what we know.
            return alone(payload, queue, cleaner);
        }
        let new = &bytes[known.len()..];
        self.next = self.next.map(|next| next.wrapping_add(new.len() as u32));
        self.raw.extend_from_slice(new);
        let at = self.start + from as u64;
        queue.wait(payload.frame, Whole::Stream(key));
        self.parts.insert((at + payload.len as u64, payload.frame), (at, payload));
        self.decide(cleaner);
        if segment.missing > 0 && at + payload.len as u64 == self.end() {
            self.decide_rest(cleaner);
            self.settle(queue);
            self.begin(self.next.unwrap_or_default().wrapping_add(segment.missing as u32));
        }
        self.settle(queue);
    }

    /// Takes in what waited and now begins in what is known.
    fn take_contiguous<T>(&mut self, key: Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        while let Some(((at, _), _)) = self.waiting.first_key_value()
            && *at <= self.end()
            && let Some(((at, _), segment)) = self.waiting.pop_first()
        {
            self.take(key, at, segment, queue, cleaner);
            queue.release(segment.payload.frame);
        }
    }

    fn hole_stays(&self) -> bool {
        self.waiting.len() > MAX_WAITING
            || self.waiting.values().map(|segment| segment.payload.len).sum::<usize>() > MAX_WAITING_BYTES
    }

    /// Goes on behind the first hole.
    fn skip_hole<T>(&mut self, key: Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        self.decide_rest(cleaner);
        self.settle(queue);
        if let Some(((at, _), segment)) = self.waiting.first_key_value() {
            let (at, sequence) = (*at, segment.sequence.wrapping_add(u32::from(segment.syn)));
            self.begin(sequence);
            self.start = at;
            self.take_contiguous(key, queue, cleaner);
        }
    }

    /// Takes everything as it is.
    fn flush<T>(&mut self, key: Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        while !self.waiting.is_empty() {
            self.skip_hole(key, queue, cleaner);
        }
        self.decide_rest(cleaner);
        self.settle(queue);
    }

    /// Cleans what is complete.
    fn decide(&mut self, cleaner: &mut Cleaner) {
        loop {
            let rest = &self.raw[self.clean.len()..];
            if rest.is_empty() {
                return;
            }
            match self.language {
                Language::Unknown => match begins(rest) {
                    Begins::Sip => self.language = Language::Sip,
                    Begins::PerhapsSip => return,
                    Begins::Tls if cleaner.pseudonyms.is_some() => self.language = Language::Tls,
                    Begins::Tls | Begins::Other => self.add_other(rest.len(), cleaner),
                },
                Language::Sip => {
                    let Some((piece, len)) = self.search.next(rest) else { return };
                    if piece == Piece::Message {
                        let mut message = rest[..len].to_vec();
                        cleaner.message(&mut message, false);
                        self.clean.append(&mut message);
                    } else {
                        self.add_other(len, cleaner);
                    }
                    self.search = Search::default();
                }
                Language::Tls => match tls::record(rest) {
                    Some(len) if len <= rest.len() => {
                        let mut record = rest[..len].to_vec();
                        tls::clean(&mut record, cleaner);
                        self.clean.append(&mut record);
                    }
                    Some(_) => return,
                    None => self.language = Language::Unknown,
                },
            }
        }
    }

    /// Cleans what is there of what was begun.
    fn decide_rest(&mut self, cleaner: &mut Cleaner) {
        self.decide(cleaner);
        let rest = self.raw.len() - self.clean.len();
        if rest > 0 {
            self.add_other(rest, cleaner);
            self.search = Search::default();
        }
    }

    /// The next bytes are no whole message; the beginning of one perhaps.
    fn add_other(&mut self, len: usize, cleaner: &mut Cleaner) {
        let (before, rest) = self.raw.split_at(self.clean.len());
        let mut bytes = rest[..len.min(rest.len())].to_vec();
        if sip::looks_like_sip(&bytes) {
            cleaner.message(&mut bytes, true);
        } else {
            let before = &before[before.len().saturating_sub(MEMORY)..];
            match self.language {
                Language::Sip => cleaner.garbage(before, &mut bytes),
                Language::Tls | Language::Unknown => cleaner.other(before, &mut bytes, true),
            }
        }
        self.clean.append(&mut bytes);
    }

    /// Writes what is clean into the frames that wait for it, and forgets what is old.
    fn settle<T>(&mut self, queue: &mut Queue<T>) {
        let clean = self.start + self.clean.len() as u64;
        while let Some(entry) = self.parts.first_entry()
            && entry.key().0 <= clean
        {
            let (at, place) = entry.remove();
            queue.settle(place, &self.clean[(at - self.start) as usize..][..place.len]);
        }
        if self.clean.len() > 2 * HISTORY {
            let needed = self.parts.values().map(|(at, _)| (at - self.start) as usize).min();
            let old = (self.clean.len() - HISTORY).min(needed.unwrap_or(usize::MAX));
            self.raw.drain(..old);
            self.clean.drain(..old);
            self.start += old as u64;
        }
    }
}

/// A segment that can not be joined to anything: messages that are whole in it, and others.
fn alone<T>(payload: Place, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
    queue.change(payload, |bytes| {
        let mut rest = bytes;
        while let Some((piece, len)) = Search::default().next(rest) {
            let (next, behind) = rest.split_at_mut(len);
            if piece == Piece::Message {
                cleaner.message(next, false);
            } else {
                cleaner.payload(next, true);
            }
            rest = behind;
        }
        cleaner.payload(rest, true);
    });
}

/// What a stream begins with.
enum Begins {
    Sip,
    PerhapsSip,
    Tls,
    Other,
}

fn begins(bytes: &[u8]) -> Begins {
    if tls::record(bytes).is_some() {
        return Begins::Tls;
    }
    let text = &bytes[stream::blanks(bytes)..];
    if memchr::memchr(b'\n', text).is_none() {
        return if may_become_start_line(text) { Begins::PerhapsSip } else { Begins::Other };
    }
    // A stream that is seen from its middle may begin with the end of a message.
    if text.split(|byte| *byte == b'\n').any(sip::looks_like_sip) { Begins::Sip } else { Begins::Other }
}

/// `REGISTER sip:…` or `SIP/2.0 …`, or the beginning of one.
fn may_become_start_line(text: &[u8]) -> bool {
    let mut words = text.splitn(2, |byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let is_version = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~/".contains(byte);
    let fits = |behind: &[u8]| {
        let schemes: [&[u8]; 3] = [b"sip:", b"sips:", b"tel:"];
        first.eq_ignore_ascii_case(b"SIP/2.0")
            || schemes.iter().any(|scheme| {
                let len = scheme.len().min(behind.len());
                behind[..len].eq_ignore_ascii_case(&scheme[..len])
            })
    };
    !first.is_empty()
        && first.len() <= 32
        && text.len() <= MAX_START_LINE
        && first.iter().all(is_version)
        && words.next().is_none_or(|behind| fits(behind.trim_ascii_start()))
}
