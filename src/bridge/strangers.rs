//! Devices that are no outage's and speak with a server that is away for others: what comes in of theirs has to come out. What
//! does not is a fault of the rig. Pure bookkeeping.
//!
//! A few frames at a time are followed: nobody who loses all that he sends escapes, and a busy neighbour costs little
//! ([`busy`](super::busy)).

use std::collections::{BTreeSet, VecDeque};

use crate::{
    config::Mac,
    event::{OutageId, Toward},
};

/// A frame that has not come out after this time has not passed.
const PATIENCE_NS: i64 = 100_000_000;
/// Frames that are followed at a time.
const MOST: usize = 32;
/// Longer frames are not followed.
const LONGEST: usize = 2048;
/// Devices that are remembered to be on the phones' side, and that are told of.
const MOST_DEVICES: usize = 1024;

/// What is followed.
#[derive(Debug, Default)]
pub struct Strangers {
    waiting: VecDeque<Stray>,
    near: BTreeSet<Mac>,
    told: BTreeSet<(OutageId, Mac, Toward)>,
}

/// A frame of a device that is not of the outage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The outage of the server that it speaks with.
    pub outage: OutageId,
    /// Whose it is.
    pub mac: Mac,
    /// Which way it went.
    pub toward: Toward,
    /// When it came in.
    pub at_ns: i64,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Strangers {
    /// Whether the device is known to be on the phones' side.
    pub fn is_near(&self, mac: Mac) -> bool {
        self.near.contains(&mac)
    }

    /// A frame has come in that has to come out. `bytes`: all of it.
    pub fn enter(&mut self, outage: OutageId, mac: Mac, toward: Toward, at_ns: i64, bytes: &[u8]) {
        if toward == Toward::Server && self.near.len() < MOST_DEVICES {
            self.near.insert(mac);
        }
        if self.waiting.len() < MOST && bytes.len() <= LONGEST {
            self.waiting.push_back(Stray { outage, mac, toward, at_ns, bytes: bytes.to_vec() });
        }
    }

    /// A frame has come out. True if it was waited for. The outage under which it came in may be over.
    pub fn came_out(&mut self, toward: Toward, bytes: &[u8]) -> bool {
        let place = self.waiting.iter().position(|stray| stray.toward == toward && stray.bytes == bytes);
        place.is_some_and(|place| self.waiting.remove(place).is_some())
    }

    /// Whether any should have come out before `now_ns`.
    pub fn is_due(&self, now_ns: i64) -> bool {
        self.waiting.front().is_some_and(|stray| now_ns - stray.at_ns > PATIENCE_NS)
    }

    /// Those that should have come out before `now_ns`: the first of each device, outage and direction.
    pub fn overdue(&mut self, now_ns: i64) -> Vec<Stray> {
        let mut late = Vec::new();
        while self.is_due(now_ns) {
            late.extend(self.waiting.pop_front());
        }
        late.retain(|stray| {
            self.told.len() < MOST_DEVICES && self.told.insert((stray.outage, stray.mac, stray.toward))
        });
        late
    }

    /// Whether a frame of a device is waited for.
    pub fn follows(&self, mac: Mac) -> bool {
        self.waiting.iter().any(|stray| stray.mac == mac)
    }

    /// Something has come in between, so that nothing can be told of what has not come out: frames were not seen, or a link was
    /// down.
    pub fn void(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const MS: i64 = 1_000_000;

    #[test]
    fn what_comes_out_is_fine_and_what_does_not_is_told_once() {
        let mut strangers = Strangers::default();
        for (number, ways) in [(1, [Toward::Server, Toward::Phone]), (2, [Toward::Server, Toward::Phone])] {
            for toward in ways {
                strangers.enter(OutageId(1), MAC, toward, 0, &[number]);
            }
        }
        assert!(strangers.came_out(Toward::Server, &[1]) && !strangers.came_out(Toward::Server, &[1]));
        assert_eq!(strangers.overdue(100 * MS), []);
        let told: Vec<_> = strangers.overdue(101 * MS).into_iter().map(|stray| (stray.toward, stray.bytes)).collect();
        assert_eq!(told, [(Toward::Phone, vec![1]), (Toward::Server, vec![2])], "one for each way");
        strangers.enter(OutageId(1), MAC, Toward::Server, 200 * MS, &[3]);
        assert_eq!(strangers.overdue(400 * MS), []);
        strangers.enter(OutageId(2), MAC, Toward::Server, 500 * MS, &[4]);
        assert_eq!([MAC, Mac([9; 6])].map(|mac| strangers.follows(mac)), [true, false]);
        strangers.void();
        assert_eq!(strangers.overdue(900 * MS), []);
    }

    #[test]
    fn a_flood_costs_so_much_and_the_devices_of_the_near_side_are_known() {
        let mut strangers = Strangers::default();
        for number in 0..5000_u16 {
            let [a, b] = number.to_be_bytes();
            strangers.enter(OutageId(1), Mac([2, 0, 0, 0, a, b]), Toward::Server, 0, &[a, b]);
        }
        assert_eq!((strangers.waiting.len(), strangers.near.len()), (MOST, MOST_DEVICES));
        assert!(strangers.is_near(Mac([2, 0, 0, 0, 0, 7])));
        strangers.enter(OutageId(1), Mac([9; 6]), Toward::Phone, 0, &[0]);
        assert!(!strangers.is_near(Mac([9; 6])));
    }
}
