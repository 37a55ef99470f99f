//! Fragments to datagrams, as the receiver puts them together (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Fragments may come in any order and more than once. Where two that are not the same overlap, the datagram is given up:
//! that is the rule for IPv6 (RFC 5722), and for IPv4, where systems differ in which of the two counts and some give up as
//! well, anything else would be a guess. Not here: what a datagram says, and which are worth the memory.

use std::{collections::VecDeque, net::IpAddr};

use super::recent::Recent;
use crate::event::OutageId;

/// Datagrams that are put together at a time, and what all of them may hold, in bytes.
const MOST: usize = 512;
/// See [`MOST`]; each fragment counts for [`PIECE_COST`] more than its bytes.
const MAX_HELD: usize = 4 << 20;

const PIECE_COST: usize = 64;

/// Fragments of a datagram: those of the longest with 256 bytes each, and no link of today carries less.
const MAX_PIECES: usize = 256;

/// Datagrams of which nothing more is wanted, that are remembered.
const MOST_IGNORED: usize = 4096;

/// Longest datagram, in bytes behind the headers that each fragment repeats.
const MAX_DATAGRAM: u32 = 65_535;

/// A datagram is given up when its first fragment came in that long ago, in nanoseconds (RFC 8200 section 4.5; RFC 1122
/// section 3.3.2 asks for 60 to 120 seconds in IPv4).
const PATIENCE_NS: i64 = 60_000_000_000;

/// What the fragments of one datagram have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// In IPv4; in IPv6 the first fragment alone tells.
    pub protocol: Option<u8>,
    /// What the sender joins them by.
    pub identification: u32,
}

/// A fragment.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a, F> {
    /// Of which datagram.
    pub of: Identity,
    /// Place of its bytes in the datagram.
    pub offset: u32,
    /// More follow.
    pub more: bool,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// When it came in, in nanoseconds since the Unix epoch.
    pub unix_ns: i64,
    /// The outage that took it.
    pub outage: Option<OutageId>,
    /// What the caller wants to know of the datagram again, if this is the first fragment.
    pub first: Option<F>,
}

/// What has become of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<F> {
    /// All of it is there. Once more if part of it was taken by an outage, and has then passed.
    Whole {
        /// From the first byte behind the headers that each fragment repeats.
        bytes: Vec<u8>,
        /// As given with its first fragment.
        first: F,
        /// The outage that took a fragment of it.
        outage: Option<OutageId>,
    },
    /// It will never be whole. Not told of those whose first fragment was not seen.
    Broken {
        /// As given with its first fragment.
        first: F,
        /// Why.
        reason: &'static str,
    },
}

/// Puts datagrams together, within bounds.
#[derive(Debug)]
pub struct Fragments<F> {
    /// In the order in which they began.
    kept: Recent<Identity, Datagram<F>>,
    held: usize,
    max_held: usize,
    /// Those that are told of, and those that are not wanted, with the time when they began.
    ignored: Recent<Identity, i64>,
    outcomes: VecDeque<Outcome<F>>,
}

#[derive(Debug)]
struct Datagram<F> {
    since_ns: i64,
    /// In order, without overlap.
    pieces: Vec<Piece>,
    /// Length of the whole, once the last fragment is there.
    total: Option<u32>,
    first: Option<F>,
    spoiled: Option<&'static str>,
    /// It was whole and is told of; part of it was taken by an outage.
    told: bool,
}

#[derive(Debug)]
struct Piece {
    start: u32,
    bytes: Box<[u8]>,
    outage: Option<OutageId>,
}

impl<F> Default for Fragments<F> {
    fn default() -> Self {
        Self {
            kept: Recent::new(MOST),
            held: 0,
            max_held: MAX_HELD,
            ignored: Recent::new(MOST_IGNORED),
            outcomes: VecDeque::new(),
        }
    }
}

impl<F: Copy> Fragments<F> {
    /// Takes in a fragment of a datagram that is, or may be, wanted.
    pub fn take(&mut self, fragment: &Fragment<'_, F>) {
        let Fragment { of, unix_ns, .. } = *fragment;
        self.expire(unix_ns);
        // With another first fragment the sender uses the same identification once more.
        let again = fragment.first.is_some();
        if let Some(since_ns) = self.ignored.get(&of) {
            if !again && unix_ns.saturating_sub(*since_ns) <= PATIENCE_NS {
                return;
            }
            self.ignored.remove(&of);
        }
        let is_new = self.kept.get(&of).is_none_or(|datagram| datagram.told && !datagram.has(fragment));
        if is_new {
            let datagram = Datagram::new(unix_ns);
            if let Some((gone, datagram)) = self.kept.insert(of, datagram) {
                self.give_up(gone, datagram, "its fragments were given up, to make room for others");
            }
        }
        let Some(datagram) = self.kept.get_mut(&of) else { return };
        let before = datagram.held();
        datagram.add(fragment);
        self.held = self.held + datagram.held() - before;
        let outcome = datagram.outcome();
        let over = datagram.is_over();
        self.outcomes.extend(outcome);
        if over && let Some(datagram) = self.kept.remove(&of) {
            self.held -= datagram.held();
            if datagram.spoiled.is_some() {
                // It is told of; of those that follow nobody knows which they belong to.
                let _ = self.ignored.insert(of, unix_ns);
            }
        }
        while self.held > self.max_held
            && let Some((gone, datagram)) = self.kept.pop()
        {
            self.give_up(gone, datagram, "its fragments were given up, to make room for others");
        }
    }

    /// Nothing more is wanted of a datagram, as its first fragment shows.
    pub fn ignore(&mut self, of: Identity, unix_ns: i64) {
        if let Some(datagram) = self.kept.remove(&of) {
            self.held -= datagram.held();
        }
        let _ = self.ignored.insert(of, unix_ns);
    }

    /// Gives up what is too old.
    pub fn expire(&mut self, unix_ns: i64) {
        while let Some((_, oldest)) = self.kept.oldest()
            && unix_ns.saturating_sub(oldest.since_ns) > PATIENCE_NS
            && let Some((of, datagram)) = self.kept.pop()
        {
            self.give_up(of, datagram, "a fragment of its datagram never came");
        }
    }

    /// There are no more fragments.
    pub fn finish(&mut self) {
        while let Some((of, datagram)) = self.kept.pop() {
            self.give_up(of, datagram, "a fragment of its datagram never came");
        }
    }

    /// What has become known.
    pub fn poll(&mut self) -> Option<Outcome<F>> {
        self.outcomes.pop_front()
    }

    fn give_up(&mut self, of: Identity, datagram: Datagram<F>, reason: &'static str) {
        self.held -= datagram.held();
        if datagram.told {
            return;
        }
        // Late ones shall not begin it again.
        let _ = self.ignored.insert(of, datagram.since_ns);
        if let Some(first) = datagram.first {
            let reason = datagram.spoiled.unwrap_or(reason);
            self.outcomes.push_back(Outcome::Broken { first, reason });
        }
    }
}

impl<F: Copy> Datagram<F> {
    fn new(since_ns: i64) -> Self {
        Self { since_ns, pieces: Vec::new(), total: None, first: None, spoiled: None, told: false }
    }

    fn held(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len() + PIECE_COST).sum()
    }

    /// Whether it holds a copy of this fragment.
    fn has(&self, fragment: &Fragment<'_, F>) -> bool {
        let place = self.pieces.binary_search_by_key(&fragment.offset, |piece| piece.start);
        place.ok().and_then(|place| self.pieces.get(place)).is_some_and(|piece| *piece.bytes == *fragment.bytes)
    }

    fn add(&mut self, fragment: &Fragment<'_, F>) {
        self.first = self.first.or(fragment.first);
        if self.spoiled.is_none()
            && let Err(reason) = self.fit(fragment)
        {
            self.spoiled = Some(reason);
            self.pieces = Vec::new();
        }
    }

    fn fit(&mut self, fragment: &Fragment<'_, F>) -> Result<(), &'static str> {
        let Fragment { offset: start, more, bytes, outage, .. } = *fragment;
        let end = u32::try_from(bytes.len()).ok().and_then(|len| start.checked_add(len));
        let end = end.filter(|end| *end <= MAX_DATAGRAM).ok_or("its fragments are longer than a datagram may be")?;
        if more && (bytes.is_empty() || bytes.len() % 8 != 0) {
            return Err("a fragment of its datagram has a length that none may have");
        }
        let last = self.pieces.last().map_or(0, Piece::end);
        let total = if more { self.total } else { Some(end) };
        if total.is_some_and(|total| end.max(last) > total) || self.total.is_some() && self.total != total {
            return Err("the fragments of its datagram do not agree on its length");
        }
        self.total = total;
        let place = self.pieces.partition_point(|piece| piece.start < start);
        let next = self.pieces.get_mut(place);
        if let Some(same) = next
            && same.start == start
            && *same.bytes == *bytes
        {
            if outage.is_none() {
                same.outage = None;
            }
            return Ok(());
        }
        let ahead = place.checked_sub(1).and_then(|place| self.pieces.get(place));
        let behind = self.pieces.get(place);
        if ahead.is_some_and(|ahead| ahead.end() > start) || behind.is_some_and(|behind| behind.start < end) {
            return Err("fragments of its datagram overlap");
        }
        if self.pieces.len() == MAX_PIECES {
            return Err("its datagram is in more than 256 fragments");
        }
        self.pieces.insert(place, Piece { start, bytes: bytes.into(), outage });
        Ok(())
    }

    /// What is to be told of it now.
    fn outcome(&mut self) -> Option<Outcome<F>> {
        let first = self.first?;
        if let Some(reason) = self.spoiled {
            return Some(Outcome::Broken { first, reason });
        }
        let outage = self.outage();
        if !self.is_whole() || self.told && outage.is_some() {
            return None;
        }
        self.told = true;
        let bytes = self.pieces.iter().flat_map(|piece| &piece.bytes).copied().collect();
        Some(Outcome::Whole { bytes, first, outage })
    }

    /// Whether nothing more is to be told of it.
    fn is_over(&self) -> bool {
        self.first.is_some() && self.spoiled.is_some() || self.told && self.outage().is_none()
    }

    fn outage(&self) -> Option<OutageId> {
        self.pieces.iter().find_map(|piece| piece.outage)
    }

    fn is_whole(&self) -> bool {
        let contiguous = self.pieces.iter().try_fold(0, |at, piece| (piece.start == at).then(|| piece.end()));
        self.total.is_some() && contiguous == self.total
    }
}

impl Piece {
    fn end(&self) -> u32 {
        // Not beyond the longest datagram.
        self.start + self.bytes.len() as u32
    }
}

#[cfg(test)]
mod tests;
