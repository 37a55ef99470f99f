//! The two interfaces while the helper lives: whether they are there, on, and have a link. Pure: what the kernel tells of links
//! goes in, what is to be told and done comes out.

use super::protocol::Refusal;
use crate::event::{LinkLoss, Toward};

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
}

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
            (side.joined, side.taken_out) = (false, true);
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
            (self.index, self.joined, self.taken_out) = (None, false, false);
            changes.extend(self.lose(LinkLoss::Removed, at_ns));
            return changes;
        }
        if self.index.is_none() {
            self.index = Some(told.index);
            changes.push(Change::Appeared { entering: self.entering, index: told.index });
        } else if self.joined && told.controller != Some(bridge) {
            (self.joined, self.taken_out) = (false, true);
            changes.extend(self.lose(LinkLoss::Removed, at_ns));
            changes.push(Change::TakenOut { interface: self.name.clone(), index: told.index });
        }
        if told.controller == Some(bridge) {
            (self.joined, self.taken_out) = (true, false);
        }
        match (told.up, told.running && self.joined) {
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

    fn find(&mut self, at_ns: i64) -> Option<Change> {
        self.was_running = true;
        let (how, since_ns) = self.lost.take()?;
        let gap_ns = u64::try_from(at_ns - since_ns).unwrap_or(0);
        Some(Change::Back { interface: self.name.clone(), how, gap_ns })
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
mod tests {
    use super::*;

    const BRIDGE: u32 = 9;
    const MS: i64 = 1_000_000;

    #[test]
    fn a_carrier_that_flaps_is_told_with_the_length_of_the_gap() {
        let mut carriers = carriers();
        assert_eq!(carriers.take(&told(1, true, true), 0), [], "nothing new");
        assert_eq!(carriers.take(&told(1, true, false), 10 * MS), [lost(LinkLoss::Carrier)]);
        assert_eq!(carriers.take(&told(1, true, false), 20 * MS), []);
        assert_eq!(carriers.take(&told(1, true, true), 35 * MS), [back(LinkLoss::Carrier, 25)]);
    }

    #[test]
    fn the_worst_of_a_gap_is_told() {
        let mut carriers = carriers();
        carriers.take(&told(1, true, false), 10 * MS);
        assert_eq!(carriers.take(&told(1, false, false), 20 * MS), []);
        assert_eq!(carriers.take(&told(1, true, false), 30 * MS), []);
        assert_eq!(carriers.take(&told(1, true, true), 40 * MS), [back(LinkLoss::SwitchedOff, 30)]);
    }

    #[test]
    fn an_interface_that_comes_again_under_its_name_has_to_be_joined_before_anything_passes() {
        let mut carriers = carriers();
        let gone = Told { removed: true, ..told(1, false, false) };
        assert_eq!(carriers.take(&gone, 10 * MS), [lost(LinkLoss::Removed)]);
        assert_eq!(carriers.missing().collect::<Vec<_>>(), [("a", Toward::Server)]);
        let stranger = Told { name: "c".to_owned(), ..told(7, true, true) };
        assert_eq!(carriers.take(&stranger, 11 * MS), []);
        let again = Told { controller: None, ..told(5, true, true) };
        assert_eq!(carriers.take(&again, 20 * MS), [Change::Appeared { entering: Toward::Server, index: 5 }]);
        assert_eq!(carriers.missing().count(), 1, "it is not joined yet");
        carriers.joined(Toward::Server, 5);
        assert_eq!(carriers.take(&told(5, true, true), 30 * MS), [back(LinkLoss::Removed, 20)]);
        assert_eq!(carriers.missing().count(), 0);
    }

    #[test]
    fn an_interface_that_is_taken_out_of_the_bridge_is_told_and_may_be_put_back() {
        let mut carriers = carriers();
        let out = Told { controller: None, ..told(1, true, true) };
        let expected = [lost(LinkLoss::Removed), Change::TakenOut { interface: "a".to_owned(), index: 1 }];
        assert_eq!(carriers.take(&out, 0), expected);
        assert_eq!(carriers.missing().count(), 0, "it is not for us to put it back");
        assert_eq!(carriers.take(&told(1, true, true), 5 * MS), [back(LinkLoss::Removed, 5)]);
    }

    #[test]
    fn a_bridge_that_is_removed_takes_both_sides_along_until_it_is_made_again() {
        let mut carriers = carriers();
        let other = |controller| Told { index: 2, name: "b".to_owned(), controller, ..told(2, true, true) };
        // Its ports leave it before it goes; the kernel may tell of one of them late.
        let out = Told { controller: None, ..told(1, true, true) };
        assert_eq!(carriers.take(&out, 0)[0], lost(LinkLoss::Removed));
        let bridge = Told { index: BRIDGE, name: "br".to_owned(), removed: true, ..told(BRIDGE, false, false) };
        let lost = |interface: &str| Change::Lost { interface: interface.to_owned(), how: LinkLoss::Removed };
        assert_eq!(carriers.take(&bridge, MS), [Change::BridgeRemoved, lost("b")]);
        assert_eq!(carriers.take(&other(None), 2 * MS), []);
        assert_eq!(carriers.missing().count(), 0, "there is nothing to join them to");
        carriers.rebuilt(BRIDGE + 1);
        let mut again = |told: Told, ms| carriers.take(&Told { controller: Some(BRIDGE + 1), ..told }, ms * MS);
        assert_eq!(again(told(1, true, true), 5), [back(LinkLoss::Removed, 5)]);
        assert!(matches!(&again(other(None), 5)[..], [Change::Back { gap_ns: 4_000_000, .. }]));
        assert_eq!(again(told(1, true, true), 6), []);
    }

    #[test]
    fn what_has_never_been_up_is_not_lost() {
        let mut carriers = Carriers::new(BRIDGE, ("a", 1, false), ("b", 2, true));
        assert_eq!(carriers.take(&told(1, true, false), 0), []);
        assert_eq!(carriers.take(&told(1, true, true), MS), []);
        assert_eq!(carriers.take(&told(1, true, false), 2 * MS), [lost(LinkLoss::Carrier)]);
    }

    fn carriers() -> Carriers {
        Carriers::new(BRIDGE, ("a", 1, true), ("b", 2, true))
    }

    fn told(index: u32, up: bool, running: bool) -> Told {
        Told { index, name: "a".to_owned(), removed: false, up, running, controller: Some(BRIDGE) }
    }

    fn lost(how: LinkLoss) -> Change {
        Change::Lost { interface: "a".to_owned(), how }
    }

    fn back(how: LinkLoss, gap_ms: u64) -> Change {
        Change::Back { interface: "a".to_owned(), how, gap_ns: gap_ms * 1_000_000 }
    }
}
