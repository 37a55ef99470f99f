//! What the machine tells of the two interfaces and of the bridge that is to join them, and what of that breaks a lab. A run
//! refuses what would do harm (`bridge::join`); here is what it would not see, or would mend without a word.

use std::{net::IpAddr, time::Duration};

use super::{
    Finding, PERMANENT, SIDES,
    firewall::{self, Firewall},
    listed, place,
};
use crate::{
    config::Mac,
    event::{LinkSide, Offload},
};

/// Bits of the group forward mask that EAPOL (01:80:c2:00:00:03) and LLDP (…:0e) need (IEEE 802.1Q table 8-1).
const LETS_EAPOL_AND_LLDP: u16 = 1 << 3 | 1 << 14;

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Toward the phones, toward the servers; none: it is not there.
    pub ports: [Option<Port>; 2],
    /// The bridge that the bench works with; none: it is not there, and a run makes it as it must be.
    pub bridge: Option<Bridge>,
    /// What may drop frames on it.
    pub firewall: Firewall,
}

/// One of the two interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub mac: Option<Mac>,
    /// Its link.
    pub link: LinkState,
    /// Addresses of this machine at it, but for the one that every interface has for its own link alone.
    pub addresses: Vec<IpAddr>,
    /// This machine's default route, or the session of who works here, goes through it: nobody may be told to empty it.
    pub is_yours: bool,
    /// Receive offloads that are on.
    pub offloads: Vec<Offload>,
    /// What the bridge does with it; none: it is no port of one.
    pub forwarding: Option<Forwarding>,
}

/// The link of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is switched off.
    Off,
    /// It is switched on, and there is no link.
    Down,
    /// There is a link.
    Up,
}

/// What a bridge does with frames at a port (bridge(8)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// It forwards them.
    Forwarding,
    /// Nothing passes: the port has no link.
    Disabled,
    /// Nothing passes yet, or ever: spanning tree has it so, in this state.
    Held(&'static str),
}

/// A bridge as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub mac: Option<Mac>,
    /// It takes part in spanning tree.
    pub spanning_tree: bool,
    /// How long a port then waits, twice.
    pub forward_delay: Duration,
    /// Which frames for bridges it forwards.
    pub group_forward_mask: u16,
    /// It watches who wants which multicast.
    pub multicast_snooping: bool,
    /// It keeps VLANs apart.
    pub vlan_filtering: bool,
}

impl Machine {
    /// Addresses that its own frames come from.
    pub fn macs(&self) -> Vec<Mac> {
        let bridge = self.bridge.iter().filter_map(|bridge| bridge.mac);
        self.ports.iter().flatten().filter_map(|port| port.mac).chain(bridge).collect()
    }

    /// What is wrong, and what is not.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<_> = self.bridge.iter().flat_map(Bridge::findings).collect();
        findings.push(firewall::finding(&self.firewall));
        for side in SIDES {
            if let Some(port) = &self.ports[place(side)] {
                findings.extend(port.findings(side, self.bridge.as_ref()));
            }
        }
        findings
    }
}

impl Bridge {
    fn findings(&self) -> Vec<Finding> {
        let name = &self.name;
        let mut findings = Vec::new();
        if self.spanning_tree {
            let seconds = self.forward_delay.as_secs_f64() * 2.0;
            findings.push(Finding::problem(
                format!(
                    "{name} takes part in spanning tree: after each loss of a link it forwards nothing for \
                     {seconds:.0} s, and a switch that guards against foreign bridges shuts its port"
                ),
                format!(
                    "run `ip link set {name} type bridge stp_state 0`, as each run does; for good `STP=no` and \
                     `ForwardDelaySec=0` ({PERMANENT})"
                ),
            ));
        }
        if self.group_forward_mask & LETS_EAPOL_AND_LLDP != LETS_EAPOL_AND_LLDP {
            findings.push(Finding::problem(
                format!(
                    "{name} keeps 802.1X and LLDP to itself (group_fwd_mask {:#x}): while no run has set it, phones \
                     do not log on to their switch through it, nor learn their voice VLAN",
                    self.group_forward_mask
                ),
                format!(
                    "run `ip link set {name} type bridge group_fwd_mask 0xfff8`, as each run does; for good \
                     `GroupForwardMask=65528` ({PERMANENT})"
                ),
            ));
        }
        if self.multicast_snooping {
            findings.push(Finding::problem(
                format!("{name} watches who wants which multicast, and keeps it from those of whom it does not know"),
                format!(
                    "run `ip link set {name} type bridge mcast_snooping 0`, as each run does; for good \
                     `MulticastSnooping=no` ({PERMANENT})"
                ),
            ));
        }
        if self.vlan_filtering {
            findings.push(Finding::problem(
                format!("{name} keeps VLANs apart: tagged frames pass only in those that both of its ports are in"),
                format!(
                    "run `ip link set {name} type bridge vlan_filtering 0`; for good `VLANFiltering=no` ({PERMANENT})"
                ),
            ));
        }
        if findings.is_empty() {
            findings.push(Finding::ok(format!(
                "{name} lets everything pass: no spanning tree, no snooping, no VLANs apart"
            )));
        }
        findings
    }
}

impl Port {
    fn findings(&self, side: LinkSide, bridge: Option<&Bridge>) -> Vec<Finding> {
        let name = &self.name;
        let toward = match side {
            LinkSide::Phone => "phones",
            LinkSide::Server => "servers",
        };
        let mut findings = vec![match self.link {
            LinkState::Up => Finding::ok(format!("{name} (toward the {toward}) has a link")),
            LinkState::Down => Finding::problem(
                format!("{name} (toward the {toward}) has no link"),
                "is the cable in, and the switch on? Where a switch has shut its port (port security, BPDU guard, loop \
                 protection), its log says so",
            ),
            LinkState::Off => Finding::unknown(
                format!("the link of {name} (toward the {toward})"),
                format!("it is switched off; a run switches it on, and so does `ip link set {name} up`"),
            ),
        }];
        findings.extend(bridge.zip(self.forwarding).and_then(|(bridge, state)| match state {
            Forwarding::Forwarding | Forwarding::Disabled => None,
            Forwarding::Held(state) => Some(Finding::problem(
                format!("{} forwards nothing at {name}: the port is {state}", bridge.name),
                format!(
                    "once spanning tree is off, run `bridge link set dev {name} state 3`, or wait up to 30 s: the \
                         port waits on"
                ),
            )),
        }));
        if !self.addresses.is_empty() {
            let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
            findings.push(Finding::problem(
                format!(
                    "{name} has an address of its own, {}: as a port of a bridge it can not be spoken to there",
                    listed(&addresses)
                ),
                if self.is_yours {
                    "use another interface for the rig: your own way to this machine goes through it".to_owned()
                } else {
                    format!(
                        "run `ip address flush dev {name} scope global`, and keep DHCP and whatever gave it from it; \
                         siprig's own address is `probe-address` under [network]"
                    )
                },
            ));
        }
        if !self.offloads.is_empty() {
            let on: Vec<String> = self.offloads.iter().map(ToString::to_string).collect();
            findings.push(Finding::ok(format!(
                "{name} puts frames together on its own ({}); a run switches that off, and `siprig net restore` on \
                 again",
                listed(&on)
            )));
        }
        findings
    }
}
