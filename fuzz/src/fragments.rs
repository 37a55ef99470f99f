//! Datagrams in fragments.

use std::net::IpAddr;

use siprig::{
    event::OutageId,
    wire::fragments::{Fragment, Fragments, Identity, Outcome},
};

use super::{cost, script};

/// Most heap that is taken, in bytes, however much comes in.
const KEPT: isize = 12 << 20;

/// Longest datagram, in bytes.
const LONGEST: usize = 65_535;

/// Whatever the order of the fragments, and however often they come, the datagram is put together as it was, and nothing is
/// said of any that is broken unless one came again; one with a hole or with fragments that contradict each other never is
/// put together; memory is bounded. The script says how it is cut (in units
/// of eight bytes) and what becomes of the pieces.
pub fn check(bytes: &[u8]) {
    let (script, datagram) = script::split(bytes);
    let datagram = &datagram[..datagram.len().min(LONGEST)];
    let sent = pieces(script, datagram);
    let hope = Hope::of(&sent, datagram.len());
    let mut fragments = Fragments::default();
    let (mut whole, mut broken) = (0, 0);
    for piece in &sent {
        fragments.take(&fragment(7, piece));
        while let Some(outcome) = fragments.poll() {
            match outcome {
                Outcome::Whole { bytes, first, outage } => {
                    assert!(hope != Hope::None, "out of nothing");
                    assert!(bytes == datagram && first == 7, "{} bytes of {}", bytes.len(), datagram.len());
                    assert!(whole == 0 || outage.is_none(), "told twice");
                    whole += 1;
                }
                Outcome::Broken { .. } => broken += 1,
            }
        }
    }
    fragments.finish();
    while let Some(outcome) = fragments.poll() {
        broken += usize::from(matches!(outcome, Outcome::Broken { .. }));
    }
    if hope == Hope::Sure {
        // A first fragment that comes again may be that of another datagram, which is never whole.
        let again = sent.iter().filter(|piece| piece.offset == 0).count() - 1;
        assert!(whole > 0 && broken <= again, "{whole} whole and {broken} broken of {} fragments", sent.len());
    }
    endless(&sent);
}

/// A piece of the datagram, on its way.
struct Sent<'a> {
    offset: usize,
    more: bool,
    bytes: &'a [u8],
    dropped: bool,
}

/// Whether the datagram can be put together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hope {
    /// A part is missing, or some overlap.
    None,
    /// One fragment is all of it, and others overlap with that; or there are more than are kept.
    Some,
    Sure,
}

impl Hope {
    fn of(sent: &[Sent<'_>], length: usize) -> Self {
        let mut places: Vec<(usize, usize)> =
            sent.iter().map(|piece| (piece.offset, piece.offset + piece.bytes.len())).collect();
        places.sort_unstable();
        places.dedup();
        let ends = sent.iter().any(|piece| !piece.more);
        let reach = places.iter().fold(0, |reach, (from, to)| if *from <= reach { reach.max(*to) } else { reach });
        let overlap = places.windows(2).any(|two| two[1].0 < two[0].1);
        let all = places.contains(&(0, length)) && ends;
        match (ends && reach == length && !places.is_empty(), overlap) {
            (true, false) if sent.len() <= 250 => Self::Sure,
            (true, false) => Self::Some,
            (true, true) if all => Self::Some,
            _ => Self::None,
        }
    }
}

/// The fragments in the order in which they come.
fn pieces<'a>(script: &[u8], datagram: &'a [u8]) -> Vec<Sent<'a>> {
    let (mut sent, mut offset) = (Vec::new(), 0);
    for step in script::steps(script) {
        let length = (8 * step.length).min(datagram.len() - offset);
        let more = offset + length < datagram.len();
        let piece = |dropped| Sent { offset, more, bytes: &datagram[offset..offset + length], dropped };
        match step.act {
            1 => sent.insert(0, piece(false)),
            3 => sent.extend([piece(true), piece(false)]),
            4 => sent.extend([piece(false), piece(false)]),
            // It overlaps with the one before it.
            5 if offset >= 8 && length > 0 => {
                sent.push(Sent {
                    offset: offset - 8,
                    more,
                    bytes: &datagram[offset - 8..offset + length],
                    dropped: false,
                });
            }
            // It is missing.
            7 => {}
            _ => sent.push(piece(false)),
        }
        offset += length;
        // More than a datagram may come in.
        if !more || sent.len() > 300 {
            break;
        }
    }
    sent
}

fn fragment<'a>(number: u32, piece: &Sent<'a>) -> Fragment<'a, u32> {
    let ends = [IpAddr::from([10, 77, 0, 11]), IpAddr::from([10, 77, 0, 2])];
    Fragment {
        of: Identity { source: ends[0], destination: ends[1], protocol: Some(17), identification: number },
        // A datagram is no longer than 65 535 bytes.
        offset: piece.offset as u32,
        more: piece.more,
        bytes: piece.bytes,
        unix_ns: i64::from(number),
        outage: piece.dropped.then_some(OutageId(1)),
        first: (piece.offset == 0).then_some(number),
    }
}

/// The same datagram over and over, and never whole.
fn endless(sent: &[Sent<'_>]) {
    let before = cost::heap();
    let mut fragments = Fragments::default();
    for number in 0..40 {
        for piece in sent.iter().skip(1) {
            fragments.take(&fragment(number, piece));
            while fragments.poll().is_some() {}
        }
        let taken = cost::heap() - before;
        assert!(taken <= KEPT, "{taken} bytes of heap");
    }
}
