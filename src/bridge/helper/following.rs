//! What the helper does when frames show that the kernel gives up what it should not, or not what it should.

use super::{Helper, lease::Lease};
use crate::bridge::{
    addresses::{self, Handed},
    clock::{monotonic, wall_ns},
    protocol::{Notice, PhoneKey},
};

impl Helper {
    /// Lets the kernel's table follow the addresses that have changed hands, and tells where it does not in time. What passed
    /// meanwhile is a leak, as anything that passes.
    pub(super) fn follow_addresses(&mut self) {
        for Handed { phone, address, is_its, shown_ns } in std::mem::take(&mut self.learned) {
            let mac = self.setup.phones.get(usize::from(phone)).and_then(PhoneKey::mac).filter(|_| is_its);
            let outages = self.outages.hand_over(address, mac);
            if outages.is_empty() {
                continue;
            }
            let begun = monotonic();
            if let Err(error) = self.table.replace(self.outages.paths(None, None)) {
                self.outbox.send(&Notice::Trouble(format!("could not follow {address}: {error}")));
                continue;
            }
            self.lease = Lease::granted(begun);
            let Some(late_ns) = addresses::late_by(shown_ns, wall_ns()) else { continue };
            for outage in outages {
                self.outbox.send(&Notice::FollowedLate { outage, phone, address, late_ns, unix_ns: shown_ns });
            }
        }
    }

    /// Lets phones alone that were seen to be behind a router which no outage may touch.
    pub(super) fn spare_protected(&mut self) {
        for address in std::mem::take(&mut self.spared) {
            if !self.outages.spare(address) {
                continue;
            }
            let begun = monotonic();
            let what = match self.table.replace(self.outages.paths(None, None)) {
                Ok(()) => {
                    self.lease = Lease::granted(begun);
                    format!("found {address} behind a router that is protected, and let it alone from now on")
                }
                Err(error) => format!("could not let {address} alone, which is behind a protected router: {error}"),
            };
            self.outbox.send(&Notice::Trouble(what));
        }
    }
}
