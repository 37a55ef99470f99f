//! The two interfaces while the helper lives: whether they are there, on, and have a link. Pure: what the kernel tells of links
//! goes in, what is to be told and done comes out.

use super::protocol::Refusal;
use crate::event::{LinkLoss, Toward, outage::LINK_RETURN};

/// What the kernel tells of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// It is gone.
    pub removed: bool,
    /// It is switched on.
    pub up: bool,
    /// It is switched on, and has a link.
    pub running: bool,
    /// The bridge that it is a port of.
    pub controller: Option<u32>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing passes any more.
    Lost {
        /// The interface.
        interface: String,
        /// How.
        how: LinkLoss,
    },
    /// Frames pass again.
    Back {
        /// The interface.
        interface: String,
        /// The worst that had happened.
        how: LinkLoss,
        /// How long nothing passed, in nanoseconds.
        gap_ns: u64,
    },
    /// An interface of that name is there again, and is nobody's port: it has to be joined to the bridge.
    Appeared {
        /// Its side, by the way that frames go which come in there.
        entering: Toward,
        /// Its number.
        index: u32,
    },
    /// Somebody has removed the bridge itself.
    BridgeRemoved,
    /// Somebody has taken the interface out of the bridge.
    TakenOut {
        /// The interface.
        interface: String,
        /// Its number.
        index: u32,
    },
    /// One that we have switched off was switched on by somebody else.
    SwitchedOn {
        /// The interface.
        interface: String,
    },
    /// One that we have switched on again has a link.
    CameBack {
        /// The interface.
        interface: String,
    },
}

/// How long a link may take after we have switched its interface on again.
pub const RETURN_PATIENCE_NS: i64 = LINK_RETURN.as_nanos() as i64;

/// Both interfaces.
#[derive(Debug)]
pub struct Carriers {
    bridge: u32,
    sides: [Side; 2],
}

#[derive(Debug)]
struct Side {
    entering: Toward,
    name: String,
    /// None: it is not there.
    index: Option<u32>,
    /// It has had a link: what has never come up is not lost.
    was_running: bool,
    joined: bool,
    /// It was taken out of the bridge by somebody else, who may have a reason.
    taken_out: bool,
    lost: Option<(LinkLoss, i64)>,
    own: Option<Own>,
}

/// What we have done to an interface ourselves: it is no loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Switched it off.
    Off,
    /// Switched it on again, at that time, or found it switched on.
    On(i64),
}

impl Carriers {
    /// The interfaces as they were joined to the bridge of that number: name, number and whether it has a link, that of the phones
    /// first.
    pub fn new(bridge: u32, phones: (&str, u32, bool), servers: (&str, u32, bool)) -> Self {
        let side = |entering, (name, index, running): (&str, u32, bool)| Side {
            entering,
            name: name.to_owned(),
            index: Some(index),
            was_running: running,
            joined: true,
            taken_out: false,
            lost: None,
            own: None,
        };
        Self { bridge, sides: [side(Toward::Server, phones), side(Toward::Phone, servers)] }
    }

    /// Takes what the kernel has told at `at_ns`.
    pub fn take(&mut self, told: &Told, at_ns: i64) -> Vec<Change> {
        let bridge = self.bridge;
        if told.index == bridge {
            return if told.removed { self.lose_bridge(at_ns) } else { Vec::new() };
        }
        let of = |side: &&mut Side| match side.index {
            Some(index) => index == told.index,
            None => !told.removed && side.name == told.name,
        };
        self.sides.iter_mut().find(of).map_or_else(Vec::new, |side| side.take(told, bridge, at_ns))
    }

    /// Names and sides of those that are not there or have not been joined again.
    pub fn missing(&self) -> impl Iterator<Item = (&str, Toward)> {
        self.sides.iter().filter(|side| !side.joined && !side.taken_out).map(|side| (side.name.as_str(), side.entering))
    }

    /// No side is a port of anything. They are once the bridge is made [again](Self::rebuilt), and not before.
    fn lose_bridge(&mut self, at_ns: i64) -> Vec<Change> {
        let mut changes = vec![Change::BridgeRemoved];
        for side in &mut self.sides {
            (side.joined, side.taken_out, side.own) = (false, true, None);
            changes.extend(side.lose(LinkLoss::Removed, at_ns));
        }
        changes
    }

    /// The bridge was made again, with another number, and the sides that are there are ports of it.
    pub fn rebuilt(&mut self, bridge: u32) {
        self.bridge = bridge;
        for side in &mut self.sides {
            (side.joined, side.taken_out) = (side.index.is_some(), false);
        }
    }

    /// Number and name of the interface of a side, if it carries frames.
    pub fn carrying(&self, entering: Toward) -> Option<(u32, &str)> {
        let side = self.sides.iter().find(|side| side.entering == entering)?;
        let carries = side.was_running && side.joined && side.lost.is_none() && side.own.is_none();
        side.index.filter(|_| carries).map(|index| (index, side.name.as_str()))
    }

    /// We are about to switch the interface of a side off.
    pub fn switch_off(&mut self, entering: Toward) {
        self.of(entering, |side| side.own = Some(Own::Off));
    }

    /// We could not.
    pub fn stay_on(&mut self, entering: Toward) {
        self.of(entering, |side| side.own = None);
    }

    /// It was switched on again at `at_ns`, for us.
    pub fn switch_on(&mut self, entering: Toward, at_ns: i64) {
        self.of(entering, |side| side.own = Some(Own::On(at_ns)));
    }

    /// Whether that interface is off by our own doing.
    pub fn is_off(&self, index: u32) -> bool {
        self.sides.iter().any(|side| side.index == Some(index) && side.own == Some(Own::Off))
    }

    /// One that was switched on for us and has no link yet.
    pub fn awaited(&self) -> Option<&str> {
        let side = self.sides.iter().find(|side| matches!(side.own, Some(Own::On(_))))?;
        Some(&side.name)
    }

    /// Those whose link has not come back for too long.
    pub fn overdue(&mut self, now_ns: i64) -> Vec<Change> {
        self.sides.iter_mut().filter_map(|side| side.give_up(now_ns)).collect()
    }

    fn of(&mut self, entering: Toward, change: impl FnMut(&mut Side)) {
        self.sides.iter_mut().filter(|side| side.entering == entering).for_each(change);
    }

    /// An interface was joined to the bridge again.
    pub fn joined(&mut self, entering: Toward, index: u32) {
        for side in self.sides.iter_mut().filter(|side| side.entering == entering) {
            (side.index, side.joined, side.taken_out) = (Some(index), true, false);
        }
    }
}

impl Side {
    fn take(&mut self, told: &Told, bridge: u32, at_ns: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        if told.removed {
            (self.index, self.joined, self.taken_out, self.own) = (None, false, false, None);
            changes.extend(self.lose(LinkLoss::Removed, at_ns));
            return changes;
        }
        if self.index.is_none() {
            self.index = Some(told.index);
            changes.push(Change::Appeared { entering: self.entering, index: told.index });
        } else if self.joined && told.controller != Some(bridge) {
            (self.joined, self.taken_out, self.own) = (false, true, None);
            changes.extend(self.lose(LinkLoss::Removed, at_ns));
            changes.push(Change::TakenOut { interface: self.name.clone(), index: told.index });
        }
        if told.controller == Some(bridge) {
            (self.joined, self.taken_out) = (true, false);
        }
        let carries = told.running && self.joined;
        match self.own {
            Some(Own::Off) if !told.up => return changes,
            Some(Own::Off) => {
                self.own = (!carries).then_some(Own::On(at_ns));
                changes.push(Change::SwitchedOn { interface: self.name.clone() });
                return changes;
            }
            // It may be told late that it was off.
            Some(Own::On(_)) if !carries => return changes,
            Some(Own::On(_)) => {
                self.own = None;
                changes.push(Change::CameBack { interface: self.name.clone() });
            }
            None => {}
        }
        match (told.up, carries) {
            (_, true) => changes.extend(self.find(at_ns)),
            (false, _) => changes.extend(self.lose(LinkLoss::SwitchedOff, at_ns)),
            (true, false) => changes.extend(self.lose(LinkLoss::Carrier, at_ns)),
        }
        changes
    }

    fn lose(&mut self, how: LinkLoss, at_ns: i64) -> Option<Change> {
        if let Some((known, _)) = &mut self.lost {
            *known = (*known).max(how);
            return None;
        }
        if !self.was_running {
            return None;
        }
        self.lost = Some((how, at_ns));
        Some(Change::Lost { interface: self.name.clone(), how })
    }

    /// Tells that the link has not come back, if it should have.
    fn give_up(&mut self, now_ns: i64) -> Option<Change> {
        let Some(Own::On(since_ns)) = self.own.filter(|own| own.is_overdue(now_ns)) else { return None };
        self.own = None;
        self.lose(LinkLoss::Carrier, since_ns)
    }

    fn find(&mut self, at_ns: i64) -> Option<Change> {
        self.was_running = true;
        let (how, since_ns) = self.lost.take()?;
        let gap_ns = u64::try_from(at_ns - since_ns).unwrap_or(0);
        Some(Change::Back { interface: self.name.clone(), how, gap_ns })
    }
}

impl Own {
    fn is_overdue(self, now_ns: i64) -> bool {
        matches!(self, Self::On(since_ns) if now_ns - since_ns >= RETURN_PATIENCE_NS)
    }
}

/// Why an interface that is there again can not be joined as it is, if so: nothing else would fit through the other one.
pub fn fits(interface: &str, mtu: u32, other: usize) -> Result<(), Refusal> {
    if usize::try_from(mtu) == Ok(other) {
        return Ok(());
    }
    Err(Refusal::Unfit {
        operation: format!("join `{interface}` again"),
        reason: format!("it has an MTU of {mtu} and the other side one of {other}"),
        remedy: format!("run `ip link set {interface} mtu {other}`"),
    })
}

#[cfg(test)]
mod tests;
