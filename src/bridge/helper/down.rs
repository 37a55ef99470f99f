//! How the helper takes the link of a side down for outages, and gives it back: by switching the interface off, and on again.
//!
//! Several outages, one for each server, may be about the same link; it comes back for all of them with the first that ends. None
//! begins without a living [guardian](crate::bridge::guardian).

use std::time::Duration;

use super::Helper;
use crate::{
    bridge::{
        clock::{monotonic, timed, wall_ns},
        guardian::Loss,
        outage::Wanted,
        protocol::Notice,
        rules::Rule,
    },
    event::{LinkSide, OutageEnd, OutageId, Toward},
};

/// How late the kernel may tell of a link that came up: it does at once (link watch of `net/core/link_watch.c`), by a worker that
/// has to get the processor, as we have.
const NEWS_LATE_NS: i64 = 10_000_000;
/// A link that is told of within this time may have been there all the while.
const AT_ONCE_NS: i64 = 250_000_000;
/// How often an interface that can not be switched on is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// A link that is down for outages.
#[derive(Debug)]
pub struct Down {
    side: LinkSide,
    interface: String,
    index: u32,
    /// When the kernel had switched it off, and by how much that may be wrong.
    began: (i64, u64),
    outages: Vec<OutageId>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is off.
    Off,
    /// It has to be switched on, and could not yet; tried again then.
    Stuck(OutageEnd, Duration),
    /// It was switched on at that time, and has no link yet.
    Opening(OutageEnd, i64),
}

/// Which way frames go that come in at a side.
fn entering(side: LinkSide) -> Toward {
    side.toward().back()
}

impl Helper {
    /// Whether an outage is about a link.
    pub(super) fn is_of_link(&self, outage: OutageId) -> bool {
        self.down.as_ref().is_some_and(|down| down.outages.contains(&outage))
    }

    /// Whether it is, and the link is on its way back.
    pub(super) fn is_opening(&self, outage: OutageId) -> bool {
        self.down.as_ref().is_some_and(|down| down.outages.contains(&outage) && down.stage != Stage::Off)
    }

    /// Takes the link of a side down, or begins another outage of one that is.
    pub(super) fn take_down(&mut self, side: LinkSide, rule: Rule, wanted: &Wanted) {
        if let Some(down) = self.down.as_mut() {
            if down.side != side || down.stage != Stage::Off {
                let why = format!("has the link of `{}` down already", down.interface);
                return self.outbox.send(&Notice::Trouble(why));
            }
            down.outages.push(wanted.outage);
            let began = down.began;
            return self.link_is_down(rule, wanted, began);
        }
        let (interface, index) = match self.may_take_down(side) {
            Ok(found) => found,
            Err(why) => return self.outbox.send(&Notice::Trouble(why)),
        };
        self.ports.carriers.switch_off(entering(side));
        match timed(|| self.link_switch.off(index)) {
            Ok(began) => {
                self.down =
                    Some(Down { side, interface, index, began, outages: vec![wanted.outage], stage: Stage::Off });
                self.link_is_down(rule, wanted, began);
            }
            Err(error) => {
                self.ports.carriers.stay_on(entering(side));
                if let Some(guardian) = &mut self.guardian {
                    guardian.on();
                }
                self.outbox.send(&Notice::Trouble(format!("could not switch `{interface}` off: {error}")));
            }
        }
    }

    fn link_is_down(&mut self, rule: Rule, wanted: &Wanted, (unix_ns, error_ns): (i64, u64)) {
        self.outages.begin(rule, wanted, (unix_ns, error_ns), monotonic());
        self.outbox.send(&Notice::Began { outage: wanted.outage, unix_ns, error_ns });
    }

    /// Name and number of the interface of a side, if it may be switched off and somebody is there who would switch it on again.
    fn may_take_down(&mut self, side: LinkSide) -> Result<(String, u32), String> {
        if !self.setup.allow_link_down {
            return Err("may take no link down; say --allow-link-down".to_owned());
        }
        if !self.setup.network.protected.is_empty() {
            return Err("takes no link down where devices are protected: they are behind it, too".to_owned());
        }
        let Some((index, interface)) = self.ports.carriers.carrying(entering(side)) else {
            return Err(format!("found no link on the {side} side that could be taken down"));
        };
        let interface = interface.to_owned();
        let Some(guardian) = &mut self.guardian else {
            return Err(format!("has lost its guardian, and takes the link of `{interface}` down without none"));
        };
        match guardian.off(index) {
            Ok(()) => Ok((interface, index)),
            Err(error) => {
                self.guardian = None;
                Err(format!("takes the link of `{interface}` down without no guardian, and its own is none: {error}"))
            }
        }
    }

    /// Switches the interface on for all of its outages, which are over when it has a link.
    pub(super) fn bring_up(&mut self, why: OutageEnd) {
        if let Some(down) = self.down.as_mut().filter(|down| down.stage == Stage::Off) {
            down.stage = Stage::Stuck(why, Duration::ZERO);
            // Of what takes force by the clock nothing is due any more.
            for outage in down.outages.clone() {
                self.outages.close_limit(outage);
            }
            self.switch_on();
        }
    }

    fn switch_on(&mut self) {
        let Some(down) = &mut self.down else { return };
        let Stage::Stuck(why, due) = down.stage else { return };
        if monotonic() < due {
            return;
        }
        // It may carry frames before the kernel has answered.
        let asked_ns = wall_ns();
        for outage in &down.outages {
            self.outages.open(*outage, asked_ns);
        }
        match self.link_switch.on(down.index) {
            Ok(()) => {
                down.stage = Stage::Opening(why, asked_ns);
                self.ports.carriers.switch_on(entering(down.side), asked_ns);
                if let Some(guardian) = &mut self.guardian {
                    guardian.on();
                }
            }
            Err(error) => {
                down.stage = Stage::Stuck(why, monotonic() + AGAIN);
                if due.is_zero() {
                    let why = format!("could not switch `{}` on again, and goes on trying: {error}", down.interface);
                    self.outbox.send(&Notice::Trouble(why));
                }
            }
        }
    }

    /// Tells the guardian that we are here, and hears whether it is.
    pub(super) fn mind_guardian(&mut self) {
        let Some(guardian) = &mut self.guardian else { return };
        if let Err(loss) = guardian.hear() {
            self.guardian = None;
            return self.guardian_is_lost(loss);
        }
        if self.down.as_ref().is_some_and(|down| !matches!(down.stage, Stage::Opening(..))) {
            guardian.beat();
        }
    }

    fn guardian_is_lost(&mut self, Loss { restored_ns }: Loss) {
        let Some(down) = self.down.as_ref().filter(|down| down.stage == Stage::Off) else { return };
        let (side, interface) = (down.side, &down.interface);
        match restored_ns {
            Some(restored_ns) => {
                let why = "was not given the processor, and its guardian has switched";
                self.outbox.send(&Notice::Trouble(format!("{why} `{interface}` on again")));
                self.ports.carriers.switch_on(entering(side), restored_ns);
                self.end_down(OutageEnd::Lapsed, (restored_ns, NEWS_LATE_NS.unsigned_abs()));
            }
            None => {
                let why = "lost its guardian while the link of";
                self.outbox.send(&Notice::Trouble(format!("{why} `{interface}` was down, and ended the outage")));
                self.bring_up(OutageEnd::Lapsed);
            }
        }
    }

    /// Tries again what could not be switched on, and gives links up that do not come back.
    pub(super) fn mind_link(&mut self) {
        if self.down.is_some() {
            self.switch_on();
        }
        let now_ns = wall_ns();
        for change in self.ports.carriers.overdue(now_ns) {
            self.link_changed(change, now_ns);
        }
    }

    /// The link of an interface is there: by our own doing, or somebody else's, which is told.
    pub(super) fn link_is_on(&mut self, interface: &str, at_ns: i64, by_other: Option<String>) {
        let Some(down) = self.down.as_ref().filter(|down| down.interface == *interface) else { return };
        let since_ns = match down.stage {
            Stage::Opening(_, asked_ns) if at_ns - asked_ns < AT_ONCE_NS => asked_ns,
            _ => at_ns - NEWS_LATE_NS,
        };
        let half = (at_ns - since_ns).max(0) / 2;
        let why = match down.stage {
            Stage::Opening(why, _) | Stage::Stuck(why, _) => why,
            Stage::Off => OutageEnd::Lapsed,
        };
        if let Some(guardian) = &mut self.guardian {
            guardian.on();
        }
        if let Some(by_other) = by_other {
            self.outbox.send(&Notice::Trouble(by_other));
        }
        self.end_down(why, (since_ns + half, half.unsigned_abs() + 1));
    }

    /// The interface of the link is lost otherwise, or does not get a link: nothing more is known of these outages.
    pub(super) fn link_is_lost(&mut self, interface: &str, at_ns: i64) {
        let Some(down) = self.down.as_ref().filter(|down| down.interface == *interface) else { return };
        let why = match down.stage {
            Stage::Opening(why, _) => why,
            Stage::Off | Stage::Stuck(..) => OutageEnd::Lapsed,
        };
        if let Some(guardian) = &mut self.guardian {
            guardian.on();
        }
        self.end_down(why, (at_ns, 0));
    }

    /// Leaves no link down behind, whether it has come back yet or not.
    pub(super) fn leave_link(&mut self) {
        self.bring_up(OutageEnd::Lifted);
        if let Some(Down { stage: Stage::Opening(why, asked_ns), .. }) = self.down {
            self.end_down(why, (asked_ns, 0));
        }
    }

    fn end_down(&mut self, why: OutageEnd, (unix_ns, error_ns): (i64, u64)) {
        let Some(down) = self.down.take() else { return };
        for outage in &down.outages {
            self.outages.open(*outage, unix_ns);
            self.outages.end(*outage, (unix_ns, error_ns));
        }
        // What did not pass in it is of nobody's making.
        self.strangers.void();
        for outage in down.outages {
            self.finish(outage, why, (unix_ns, error_ns));
        }
    }
}
