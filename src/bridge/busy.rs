//! Devices of nobody's that say so much with servers that some of it has to do. Each is looked at until it has shown so many
//! frames, and then let alone until the next turn: it costs what it costs on a bridge of the kernel, and who loses all that he sends
//! is found a turn later. They are told apart by their addresses: behind the MAC of a router there may be phones as well. Pure
//! bookkeeping.

use std::{collections::BTreeMap, net::IpAddr};

/// Frames of a device that are looked at in a turn: more than a call has, its voice included.
const ENOUGH: u32 = 64;
/// Devices that are counted in a turn.
const MOST_COUNTED: usize = 1024;
/// Devices that are let alone at a time.
const MOST_ALONE: usize = 64;

/// Who has shown how much in this turn.
#[derive(Debug, Default)]
pub struct Busy {
    counts: BTreeMap<IpAddr, u32>,
    alone: Vec<IpAddr>,
    /// What the taps were told is out of date.
    stale: bool,
    /// Frames from then on are looked at on both sides, whosever they are (wall clock); none: since ever.
    open_ns: Option<i64>,
}

impl Busy {
    /// Counts a frame of a device. True if it has shown enough just now.
    pub fn count(&mut self, device: IpAddr) -> bool {
        if self.counts.len() >= MOST_COUNTED && !self.counts.contains_key(&device) {
            return false;
        }
        let count = self.counts.entry(device).or_default();
        *count = count.saturating_add(1);
        let enough = *count == ENOUGH && self.alone.len() < MOST_ALONE;
        if enough {
            self.alone.push(device);
            self.stale = true;
        }
        enough
    }

    /// The next turn: everybody is looked at again.
    pub fn turn(&mut self) {
        self.counts.clear();
        self.stale |= !self.alone.is_empty();
        self.alone.clear();
    }

    /// Those who are let alone.
    pub fn alone(&self) -> &[IpAddr] {
        &self.alone
    }

    /// Whether the taps have to be told who is let alone.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Both taps were told, and that was over at `now_ns`. None: one could not be told.
    pub fn told(&mut self, now_ns: Option<i64>) {
        self.stale = false;
        self.open_ns = Some(now_ns.unwrap_or(i64::MAX));
    }

    /// Whether a frame of a device that came in at `at_ns` is seen on both sides, if it passes.
    pub fn is_seen_through(&self, device: IpAddr, at_ns: i64) -> bool {
        !self.stale && !self.alone.contains(&device) && self.open_ns.is_none_or(|open_ns| at_ns >= open_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOUD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 7));
    const QUIET: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 8));

    #[test]
    fn who_has_shown_enough_is_let_alone_until_the_next_turn_and_nobody_else_is() {
        let mut busy = Busy::default();
        assert!(busy.is_seen_through(LOUD, 0));
        let enough: Vec<u32> = (1..200).filter(|_| busy.count(LOUD)).collect();
        assert!(!busy.count(QUIET));
        assert_eq!((enough.len(), busy.alone(), busy.is_stale()), (1, &[LOUD][..], true));
        busy.told(Some(5));
        assert_eq!([busy.is_seen_through(LOUD, 9), busy.is_seen_through(QUIET, 9)], [false, true]);
        busy.turn();
        assert!(busy.alone().is_empty() && busy.is_stale());
        assert!(!busy.is_seen_through(QUIET, 9), "the taps do not know yet");
        busy.told(Some(20));
        assert_eq!([19, 20].map(|at_ns| busy.is_seen_through(LOUD, at_ns)), [false, true]);
        busy.turn();
        assert!(!busy.is_stale(), "nobody was let alone");
        assert_eq!((1..=ENOUGH).filter(|_| busy.count(LOUD)).count(), 1, "each turn begins anew");
    }

    #[test]
    fn taps_that_could_not_be_told_let_nothing_be_concluded_until_they_are() {
        let mut busy = Busy::default();
        busy.told(None);
        assert!(!busy.is_seen_through(QUIET, i64::MAX - 1));
        busy.told(Some(7));
        assert!(busy.is_seen_through(QUIET, 7));
    }

    #[test]
    fn a_flood_of_devices_costs_so_much() {
        let mut busy = Busy::default();
        for number in 0..5000_u16 {
            let [a, b] = number.to_be_bytes();
            for _ in 0..ENOUGH {
                busy.count(IpAddr::from([10, 77, a, b]));
            }
        }
        assert_eq!((busy.counts.len(), busy.alone().len()), (MOST_COUNTED, MOST_ALONE));
    }
}
