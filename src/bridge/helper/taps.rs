//! How the helper reads its two taps: as one, in the order in which the kernel saw the frames.

use super::Helper;
use crate::{
    bridge::{
        clock::wall_ns,
        guardian::Guardian,
        protocol::Notice,
        sight::{Sight, is_of_link, send_off},
        tap::Wanted,
    },
    event::Toward,
};

/// Rounds read before the rest of the loop gets its turn: an order is obeyed within a millisecond however much comes in.
const BURST: usize = 2;

impl Helper {
    /// Takes a burst from both taps. True if there may be more that was there before they were asked.
    pub(super) fn read_taps(&mut self) -> bool {
        (0..BURST).all(|_| self.read_round())
    }

    /// Takes what one system call can from each tap, and sends on what goes on of it, so that nothing is queued when an order
    /// is obeyed. True if there may be more that was there before.
    ///
    /// Frames are looked at in the order of their stamps. The taps are asked one after the other, and an answer may come in
    /// between: what was stamped after the first was asked is left for the next round, by when what it answers is in hand.
    fn read_round(&mut self) -> bool {
        let is_left = self.has_in_hand();
        let asked_ns = wall_ns();
        self.fill(Toward::Server);
        self.fill(Toward::Phone);
        let until_ns = self.phone_tap.complete_until(asked_ns).min(self.server_tap.complete_until(asked_ns));
        let looked = self.read_until(until_ns);
        // Only a clock that was set back makes frames come from a time that does not come.
        if looked == 0 && is_left {
            self.strangers.void();
            self.read_until(i64::MAX);
        }
        // What was decided before a pause that cost us the lease is of another time.
        if self.has_lapsed() {
            for tap in [&mut self.phone_tap, &mut self.server_tap] {
                let count = tap.clear();
                self.unsent.too_late(tap.interface(), count);
            }
            self.admit_lapse();
        }
        self.send_off();
        self.mind_busy();
        until_ns < asked_ns
    }

    /// Lets the taps be spared what is let alone from now on, and nothing else.
    pub(super) fn mind_busy(&mut self) {
        if !self.busy.is_stale(|mac| self.strangers.follows(mac)) {
            return;
        }
        let (devices, addresses) = (self.setup.devices(), self.setup.addresses());
        let wanted = Wanted { devices: &devices, addresses: &addresses, alone: self.busy.alone() };
        let told = self.phone_tap.want(&wanted).and_then(|()| self.server_tap.want(&wanted));
        self.busy.told(told.ok().map(|()| wall_ns()));
    }

    /// Takes what waits at the tap at which frames enter that go `entering`.
    fn fill(&mut self, entering: Toward) {
        let tap = match entering {
            Toward::Server => &mut self.phone_tap,
            Toward::Phone => &mut self.server_tap,
        };
        // The kernel tells of its links in another way, too, and for how long they were lost.
        if let Err(error) = tap.fill()
            && !is_of_link(&error)
        {
            let interface = tap.interface();
            self.outbox.send(&Notice::Trouble(format!("can not read from interface `{interface}`: {error}")));
        }
    }

    /// Whether a frame was taken that was not looked at.
    pub(super) fn has_in_hand(&self) -> bool {
        self.phone_tap.next_ns().or(self.server_tap.next_ns()).is_some()
    }

    /// Looks at those frames in hand whose stamp is not after `until_ns`; how many.
    fn read_until(&mut self, until_ns: i64) -> usize {
        let mut looked = 0;
        while let Some(entering) = next_entering([self.phone_tap.next_ns(), self.server_tap.next_ns()], until_ns) {
            self.read_one(entering);
            looked += 1;
        }
        looked
    }

    /// Sends what is queued at both sides.
    pub(super) fn send_off(&mut self) {
        for tap in [&mut self.phone_tap, &mut self.server_tap] {
            send_off(tap, self.mtu, &mut self.unsent);
        }
    }

    /// Looks at the next frame in hand of the tap at which frames enter that go `entering`.
    fn read_one(&mut self, entering: Toward) {
        // A process may be stopped anywhere. What came in meanwhile must not be taken for what came in under an outage.
        if self.has_lapsed() {
            self.admit_lapse();
        }
        if self.down.is_some() && self.guardian.as_ref().is_some_and(Guardian::may_have_acted) {
            self.mind_guardian();
        }
        let (tap, far) = match entering {
            Toward::Server => (&mut self.phone_tap, &mut self.server_tap),
            Toward::Phone => (&mut self.server_tap, &mut self.phone_tap),
        };
        let Some(received) = tap.next_in_hand() else { return };
        let mut sight = Sight {
            outbox: &mut self.outbox,
            outages: &mut self.outages,
            phones: &self.phones,
            routers: &mut self.routers,
            spared: &mut self.spared,
            addresses: &mut self.addresses,
            learned: &mut self.learned,
            interest: &mut self.interest,
            media: &mut self.media,
            last_life: &mut self.last_life,
            canaries: &mut self.canaries,
            connections: &mut self.connections,
            messages: &mut self.messages,
            paths: &mut self.paths,
            waiting: &mut self.waiting,
            made: &mut self.made,
            unsent: &mut self.unsent,
            homes: &mut self.homes,
            strangers: &mut self.strangers,
            busy: &mut self.busy,
            mtu: self.mtu,
        };
        sight.take(received, entering, far);
        self.send_made();
        self.follow_addresses();
        self.spare_protected();
    }
}

/// Which way the frame goes that was seen first, if that was not after `until_ns`. `seen`: when the next frames were seen on
/// the phones' side and on the servers'.
fn next_entering(seen: [Option<i64>; 2], until_ns: i64) -> Option<Toward> {
    let [phones, servers] = seen.map(|seen_ns| seen_ns.filter(|seen_ns| *seen_ns <= until_ns));
    match (phones, servers) {
        (None, None) => None,
        (Some(phones_ns), Some(servers_ns)) if servers_ns < phones_ns => Some(Toward::Phone),
        (Some(_), _) => Some(Toward::Server),
        (None, Some(_)) => Some(Toward::Phone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_that_was_seen_first_is_next_and_none_that_may_not_be() {
        assert_eq!(next_entering([None, None], i64::MAX), None);
        assert_eq!(next_entering([Some(5), None], 4), None);
        assert_eq!(next_entering([Some(5), None], 5), Some(Toward::Server));
        assert_eq!(next_entering([Some(5), Some(4)], 3), None);
        assert_eq!(next_entering([Some(5), Some(4)], 4), Some(Toward::Phone));
        assert_eq!(next_entering([Some(5), Some(4)], 9), Some(Toward::Phone));
        assert_eq!(next_entering([Some(4), Some(4)], 9), Some(Toward::Server));
        assert_eq!(next_entering([None, Some(4)], 9), Some(Toward::Phone));
    }
}
