//! Datagrams that came in fragments: put together, cleaned as a whole, and written back to where they came from.

use std::{collections::BTreeMap, net::IpAddr, ops::Range};

use super::{
    clean::Cleaner,
    icmp,
    queue::{Place, Queue, Whole},
};
use crate::wire::frame::{ip, sums};

/// Datagrams that are remembered, whole ones too: of some captures each frame comes twice.
const MAX_DATAGRAMS: usize = 64;

/// Fragments of a datagram. A sender needs 45 for the longest.
const MAX_PIECES: usize = 128;

/// Longest datagram.
const MAX_LENGTH: usize = 65_535;

/// What fragments of one datagram have in common (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// In IPv4.
    pub protocol: Option<u8>,
    pub identification: u32,
}

/// A fragment.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub protocol: u8,
    /// Place of its bytes in the datagram.
    pub offset: usize,
    /// Others follow.
    pub more: bool,
    /// The capture has not kept its end.
    pub cut: bool,
    pub place: Place,
}

impl Piece {
    const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.place.len
    }
}

/// Datagrams by their fragments.
#[derive(Debug, Default)]
pub struct Fragments {
    datagrams: BTreeMap<Key, Datagram>,
    /// Counts fragments.
    time: u64,
}

#[derive(Debug, Default)]
struct Datagram {
    /// They may overlap.
    pieces: Vec<Piece>,
    length: Option<usize>,
    /// As captured and cleaned, once it was whole.
    done: Option<(Vec<u8>, Vec<u8>)>,
    last: u64,
}

impl Fragments {
    /// Takes in a fragment.
    pub fn push<T>(&mut self, key: Key, piece: Piece, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        self.time += 1;
        self.make_room(&key, queue, cleaner);
        let kept = self.datagrams.entry(key).or_default();
        kept.last = self.time;
        let Range { start, end } = piece.range();
        if end > MAX_LENGTH || piece.cut {
            return alone(&key, piece, queue, cleaner);
        }
        if let Some((raw, clean)) = &kept.done {
            if raw.get(start..end) == Some(queue.bytes(piece.place)) {
                return queue.change(piece.place, |bytes| bytes.copy_from_slice(&clean[start..end]));
            }
            // Another datagram has got its number.
            *kept = Datagram { last: self.time, ..Datagram::default() };
        }
        if !kept.agrees(&piece, queue) {
            return alone(&key, piece, queue, cleaner);
        }
        queue.wait(piece.place.frame, Whole::Datagram(key));
        kept.pieces.push(piece);
        if !piece.more {
            kept.length = Some(end);
        }
        if kept.is_whole() || kept.pieces.len() >= MAX_PIECES {
            kept.settle(&key, queue, cleaner);
        }
    }

    /// Takes what there is of a datagram as it is.
    pub fn flush<T>(&mut self, key: &Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        if let Some(datagram) = self.datagrams.get_mut(key) {
            datagram.settle(key, queue, cleaner);
        }
    }

    /// Takes everything as it is.
    pub fn flush_all<T>(&mut self, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        for (key, datagram) in &mut self.datagrams {
            datagram.settle(key, queue, cleaner);
        }
    }

    fn make_room<T>(&mut self, key: &Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        if self.datagrams.len() < MAX_DATAGRAMS || self.datagrams.contains_key(key) {
            return;
        }
        if let Some(oldest) = self.datagrams.iter().min_by_key(|(_, datagram)| datagram.last).map(|(key, _)| *key) {
            self.flush(&oldest, queue, cleaner);
            self.datagrams.remove(&oldest);
        }
    }
}

impl Datagram {
    /// Whether a fragment says the same as those that it overlaps.
    fn agrees<T>(&self, piece: &Piece, queue: &Queue<T>) -> bool {
        let fits = self.length.is_none_or(|length| piece.range().end <= length);
        fits && self.pieces.iter().all(|other| {
            let common = piece.offset.max(other.offset)..piece.range().end.min(other.range().end);
            let of =
                |piece: &Piece| queue.bytes(piece.place).get(common.start - piece.offset..common.end - piece.offset);
            common.is_empty() || of(piece) == of(other)
        })
    }

    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.runs().first() == Some(&(0..length)))
    }

    /// What is there without a hole.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = self.pieces.iter().map(Piece::range).collect();
        ranges.sort_by_key(|range| range.start);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            match runs.last_mut() {
                Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                _ => runs.push(range),
            }
        }
        runs
    }

    fn settle<T>(&mut self, key: &Key, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
        let runs = self.runs();
        let mut raw = vec![0; runs.last().map_or(0, |run| run.end)];
        for piece in &self.pieces {
            raw[piece.range()].copy_from_slice(queue.bytes(piece.place));
        }
        let mut clean = raw.clone();
        let whole = self.is_whole();
        let protocol = self.pieces.iter().find(|piece| piece.offset == 0).map_or(0, |piece| piece.protocol);
        for run in runs {
            if run.start == 0 {
                datagram(&mut clean[run], key, protocol, !whole, cleaner);
            } else {
                cleaner.other(&[], &mut clean[run], true);
            }
        }
        for piece in self.pieces.drain(..) {
            queue.settle(piece.place, &clean[piece.range()]);
        }
        self.length = None;
        self.done = whole.then_some((raw, clean));
    }
}

/// A fragment that can not be joined to others.
fn alone<T>(key: &Key, piece: Piece, queue: &mut Queue<T>, cleaner: &mut Cleaner) {
    queue.change(piece.place, |bytes| match piece.offset {
        0 => datagram(bytes, key, piece.protocol, true, cleaner),
        _ => cleaner.other(&[], bytes, true),
    });
}

/// Cleans what a datagram carries, from its beginning; `cut`: its end is missing. Its check sum is right afterwards.
fn datagram(bytes: &mut [u8], key: &Key, protocol: u8, cut: bool, cleaner: &mut Cleaner) {
    let before = bytes.to_vec();
    match protocol {
        ip::UDP if bytes.len() >= 8 => cleaner.payload(&mut bytes[8..], cut),
        ip::TCP if bytes.len() >= 20 => {
            // Nobody lets segments be cut to fragments, who has a choice; it is not followed as a stream.
            let header = (4 * usize::from(bytes[12] >> 4)).clamp(20, bytes.len());
            cleaner.payload(&mut bytes[header..], true);
        }
        ip::ICMP | ip::ICMP_V6 => {
            let whole = 0..bytes.len();
            icmp::clean(bytes, whole, protocol == ip::ICMP_V6, cut, cleaner);
        }
        _ => cleaner.other(&[], bytes, cut),
    }
    let (source, destination) = match &mut cleaner.pseudonyms {
        Some(pseudonyms) => (pseudonyms.ip(key.source), pseudonyms.ip(key.destination)),
        None => (key.source, key.destination),
    };
    if cut || cleaner.pseudonyms.is_some() || bytes != before {
        sums::fix_payload(bytes, source, destination, protocol, cut);
    }
}
