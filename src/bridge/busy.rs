//! Devices of nobody's that say so much with servers that some of it has to do. Each is looked at until it has shown so many
//! frames and what of them was followed has come out or is found to be lost, and then let alone until the next turn: it costs what it
//! costs on a bridge of the kernel, and who loses all that he sends is found a turn later. They are told apart by their addresses: behind the MAC of a router there may be phones as well. Pure
//! bookkeeping.

use std::{collections::BTreeMap, net::IpAddr};

use crate::config::Mac;

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
    /// Of those whom the taps still see.
    macs: Vec<Mac>,
    /// The taps have to be told that everybody is looked at again.
    opening: bool,
    /// Frames from then on are looked at on both sides, whosever they are (wall clock); none: since ever.
    open_ns: Option<i64>,
}

impl Busy {
    /// Counts a frame of a device, behind that MAC. If it has shown enough, it is let alone from now on.
    pub fn count(&mut self, device: IpAddr, mac: Mac) {
        if self.counts.len() >= MOST_COUNTED && !self.counts.contains_key(&device) {
            return;
        }
        let count = self.counts.entry(device).or_default();
        *count = count.saturating_add(1);
        if *count == ENOUGH && self.alone.len() < MOST_ALONE {
            self.alone.push(device);
            self.macs.push(mac);
        }
    }

    /// The next turn: everybody is looked at again.
    pub fn turn(&mut self) {
        self.counts.clear();
        self.opening |= !self.alone.is_empty();
        self.alone.clear();
        self.macs.clear();
    }

    /// Those who are let alone.
    pub fn alone(&self) -> &[IpAddr] {
        &self.alone
    }

    /// Whether the taps have to be told now who is let alone. They have time as long as something is waited for that a device has
    /// sent before.
    pub fn is_stale(&self, is_waited_for: impl Fn(Mac) -> bool) -> bool {
        self.opening || (!self.macs.is_empty() && !self.macs.iter().any(|mac| is_waited_for(*mac)))
    }

    /// Both taps were told, and that was over at `now_ns`. None: one could not be told.
    pub fn told(&mut self, now_ns: Option<i64>) {
        self.macs.clear();
        if std::mem::take(&mut self.opening) {
            self.open_ns = Some(now_ns.unwrap_or(i64::MAX));
        }
    }

    /// Whether a frame of a device that came in at `at_ns` is seen on both sides, if it passes.
    pub fn is_seen_through(&self, device: IpAddr, at_ns: i64) -> bool {
        !self.opening && !self.alone.contains(&device) && self.open_ns.is_none_or(|open_ns| at_ns >= open_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOUD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 7));
    const QUIET: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 8));
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    fn shown_enough(busy: &mut Busy) {
        (0..200).for_each(|_| busy.count(LOUD, MAC));
    }

    #[test]
    fn who_has_shown_enough_is_let_alone_until_the_next_turn_and_nobody_else_is() {
        let mut busy = Busy::default();
        assert!(busy.is_seen_through(LOUD, 0));
        busy.count(QUIET, MAC);
        assert!(!busy.is_stale(|_| false));
        shown_enough(&mut busy);
        assert_eq!((busy.alone(), busy.is_stale(|_| false)), (&[LOUD][..], true));
        busy.told(Some(5));
        assert_eq!([LOUD, QUIET].map(|device| busy.is_seen_through(device, 4)), [false, true]);
        shown_enough(&mut busy);
        assert!(!busy.is_stale(|_| false), "what was in hand");
        busy.turn();
        assert!(busy.alone().is_empty() && busy.is_stale(|_| true));
        assert!(!busy.is_seen_through(QUIET, 9), "the taps do not know yet");
        busy.told(Some(20));
        assert_eq!([19, 20].map(|at_ns| busy.is_seen_through(LOUD, at_ns)), [false, true]);
        busy.turn();
        assert!(!busy.is_stale(|_| false), "nobody was let alone");
        shown_enough(&mut busy);
        assert!(busy.is_stale(|_| false), "each turn begins anew");
    }

    #[test]
    fn what_is_waited_for_is_looked_out_for_before_its_device_is_let_alone() {
        let mut busy = Busy::default();
        shown_enough(&mut busy);
        assert!(!busy.is_stale(|mac| mac == MAC), "the taps go on to see it");
        assert!(!busy.is_seen_through(LOUD, 0), "but nothing more is followed");
        assert!(busy.is_seen_through(QUIET, 0));
        assert!(busy.is_stale(|mac| mac != MAC));
    }

    #[test]
    fn taps_that_could_not_be_told_let_nothing_be_concluded_until_they_are() {
        let mut busy = Busy::default();
        shown_enough(&mut busy);
        busy.turn();
        busy.told(None);
        assert!(!busy.is_seen_through(QUIET, i64::MAX - 1));
        shown_enough(&mut busy);
        busy.turn();
        busy.told(Some(7));
        assert!(busy.is_seen_through(QUIET, 7));
    }

    #[test]
    fn a_flood_of_devices_costs_so_much() {
        let mut busy = Busy::default();
        for number in 0..5000_u16 {
            let [a, b] = number.to_be_bytes();
            (0..ENOUGH).for_each(|_| busy.count(IpAddr::from([10, 77, a, b]), MAC));
        }
        assert_eq!((busy.counts.len(), busy.alone().len(), busy.macs.len()), (MOST_COUNTED, MOST_ALONE, MOST_ALONE));
    }
}
