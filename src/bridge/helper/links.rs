//! What the helper does when its interfaces change under it.

use super::Helper;
use crate::{
    bridge::{carriers::Change, clock::wall_ns, ports::Bridge, protocol::Notice},
    event::{LinkLoss, Toward},
};

/// The kernel tells of a carrier that is lost when it has time, and within this time (link watch of `net/core/link_watch.c`).
const CARRIER_LATE_NS: u64 = 1_000_000_000;

impl Helper {
    /// Takes what the kernel has told of interfaces.
    pub(super) fn watch_links(&mut self) {
        for told in self.ports.events.told() {
            let at_ns = wall_ns();
            // What is told of it from before it was switched off is no news.
            if told.up && self.ports.carriers.is_off(told.index) && !self.is_on(&told.name) {
                continue;
            }
            for change in self.ports.carriers.take(&told, at_ns) {
                self.link_changed(change, at_ns);
            }
        }
    }

    /// Tries again what could not be joined when it appeared.
    pub(super) fn seek_ports(&mut self) {
        if self.bridge_gone.is_some() {
            self.rebuild(false);
        }
        let missing: Vec<Toward> = self.ports.carriers.missing().map(|(_, entering)| entering).collect();
        for entering in missing {
            self.rejoin(entering, false);
        }
    }

    /// Looks whether a link is there that was switched on, in case that nobody tells.
    pub(super) fn seek_link(&mut self) {
        let Some(interface) = self.ports.carriers.awaited().map(str::to_owned) else { return };
        // What is told of it from before goes first.
        self.watch_links();
        if let Ok(Some(now)) = self.ports.look(&interface) {
            let at_ns = wall_ns();
            for change in self.ports.carriers.take(&now, at_ns) {
                self.link_changed(change, at_ns);
            }
        }
    }

    fn is_on(&self, interface: &str) -> bool {
        self.ports.look(interface).ok().flatten().is_some_and(|now| now.up)
    }

    pub(super) fn link_changed(&mut self, change: Change, at_ns: i64) {
        match change {
            Change::Lost { interface, how } => {
                self.strangers.void();
                let error_ns = if how == LinkLoss::Carrier { CARRIER_LATE_NS } else { 0 };
                self.outbox.send(&Notice::LinkLost { interface: interface.clone(), how, unix_ns: at_ns, error_ns });
                self.link_is_lost(&interface, at_ns);
            }
            Change::SwitchedOn { interface } => {
                // Its guardian may have, while we were held up.
                self.mind_guardian();
                let why = format!("found `{interface}` switched on by somebody else while its link was to be down");
                self.link_is_on(&interface, at_ns, Some(why));
            }
            Change::CameBack { interface } => self.link_is_on(&interface, at_ns, None),
            Change::Back { interface, how, gap_ns } => {
                self.strangers.void();
                let changed = std::mem::take(&mut self.resettled);
                self.outbox.send(&Notice::LinkBack { interface, how, gap_ns, changed, unix_ns: at_ns });
            }
            Change::Appeared { entering, .. } => self.rejoin(entering, true),
            Change::BridgeRemoved => self.bridge_removed(at_ns),
            // It goes with the bridge, of which the next word is.
            Change::TakenOut { .. } if !self.ports.has_bridge() => {}
            Change::TakenOut { interface, index } => {
                // One that is being removed leaves its bridge first.
                let now = self.ports.look(&interface).ok().flatten();
                if now.is_none_or(|now| now.index != index || now.controller.is_some()) {
                    return;
                }
                let why = format!("found `{interface}` taken out of its bridge by somebody else; put it back");
                self.outbox.send(&Notice::Trouble(why));
            }
        }
    }

    fn bridge_removed(&mut self, at_ns: i64) {
        self.strangers.void();
        self.bridge_gone = Some(at_ns);
        let Bridge { name, adopted, .. } = self.ports.bridge();
        let (interface, adopted) = (name.clone(), *adopted);
        if adopted {
            let why = format!(
                "found bridge `{interface}` removed by somebody else: nothing passes between phones and servers; make it again \
                 (`ip link add {interface} type bridge`), and both sides are joined to it again"
            );
            self.outbox.send(&Notice::Trouble(why));
        }
        let how = LinkLoss::Removed;
        self.outbox.send(&Notice::LinkLost { interface, how, unix_ns: at_ns, error_ns: 0 });
        if !adopted {
            self.rebuild(true);
        }
    }

    /// Makes a bridge again that was removed, or finds it there again.
    fn rebuild(&mut self, aloud: bool) {
        let sides = [(&self.server_tap, Toward::Phone), (&self.phone_tap, Toward::Server)];
        let names = sides.map(|(tap, entering)| (tap.interface().to_owned(), entering));
        match self.ports.rebuild([0, 1].map(|side| (names[side].0.as_str(), names[side].1))) {
            Ok(true) => {}
            Ok(false) => return,
            // It is tried again, and said once.
            Err(refusal) if aloud => return self.outbox.send(&Notice::Trouble(refusal.to_string())),
            Err(_) => return,
        }
        let at_ns = wall_ns();
        if let Some(since_ns) = self.bridge_gone.take() {
            let (interface, how) = (self.ports.bridge().name.clone(), LinkLoss::Removed);
            let gap_ns = u64::try_from(at_ns - since_ns).unwrap_or(0);
            self.outbox.send(&Notice::LinkBack { interface, how, gap_ns, changed: Vec::new(), unix_ns: at_ns });
        }
        names.iter().for_each(|(interface, _)| self.look_again(interface));
    }

    /// What was told of an interface while it was not joined counts now.
    fn look_again(&mut self, interface: &str) {
        let Ok(Some(told)) = self.ports.look(interface) else { return };
        let at_ns = wall_ns();
        for change in self.ports.carriers.take(&told, at_ns) {
            if !matches!(change, Change::Appeared { .. } | Change::TakenOut { .. }) {
                self.link_changed(change, at_ns);
            }
        }
    }

    fn rejoin(&mut self, entering: Toward, aloud: bool) {
        let tap = match entering {
            Toward::Server => &mut self.phone_tap,
            Toward::Phone => &mut self.server_tap,
        };
        let interface = tap.interface().to_owned();
        match self.ports.rejoin(&interface, entering, tap, self.mtu) {
            Ok(Some(changed)) => {
                self.resettled.extend(changed);
                self.look_again(&interface);
            }
            Ok(None) => {}
            // It is tried again, and said once.
            Err(refusal) if aloud => self.outbox.send(&Notice::Trouble(refusal.to_string())),
            Err(_) => {}
        }
    }
}
