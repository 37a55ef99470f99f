//! Who speaks spanning tree on which side. Whether a switch's port is an edge port no frame says: one of these sends such frames as
//! well. But one that does not forward yet is none; and one that hears the frames of another bridge is none any more.

use std::time::Duration;

use super::{Finding, SIDES, SWITCHES, place};
use crate::{
    event::LinkSide,
    wire::spanning_tree::{Bpdu, BridgeId},
};

/// Senders that are remembered on each side.
const MAX_SENDERS: usize = 16;

/// A bridge speaks each two seconds (IEEE 802.1D-2004 table 17-1); who was not heard for this long does not.
const HELLOS: Duration = Duration::from_secs(5);

/// What was heard.
#[derive(Debug, Default)]
pub struct Trees {
    sides: [Vec<Bpdu>; 2],
    /// Somebody's port did not forward.
    waiting: [Option<BridgeId>; 2],
}

impl Trees {
    /// Takes in the next one.
    pub fn take(&mut self, side: LinkSide, bpdu: Bpdu) {
        if bpdu.forwards == Some(false) {
            self.waiting[place(side)] = Some(bpdu.sender);
        }
        let known = &mut self.sides[place(side)];
        match known.iter().position(|it| it.sender == bpdu.sender) {
            Some(index) => known[index] = bpdu,
            None if known.len() < MAX_SENDERS => known.push(bpdu),
            None => {}
        }
    }

    /// What came of it.
    pub fn findings(&self, names: &[String; 2], lasted: Duration) -> Vec<Finding> {
        let [phones, servers] = &self.sides;
        let filter = format!("set a BPDU filter on both of siprig's ports ({SWITCHES})");
        // A switch with a tree for each VLAN has another priority in each, and one address.
        let both = phones.iter().find(|here| servers.iter().any(|there| there.sender.mac == here.sender.mac));
        if let Some(Bpdu { root, sender, .. }) = both {
            return vec![Finding::problem(
                format!(
                    "one switch sends spanning tree frames at both {} and {}, bridge {sender} with root {root}: they \
                     come back to it through siprig, and it blocks a port for a loop",
                    names[0], names[1]
                ),
                filter,
            )];
        }
        let mut findings = Vec::new();
        for side in SIDES {
            let (name, Some(bridge)) = (&names[place(side)], self.waiting[place(side)]) else { continue };
            findings.push(Finding::problem(
                format!("bridge {bridge} does not forward yet at {name}, as its spanning tree frames say"),
                format!(
                    "make that port of the switch an edge port (PortFast): else nothing passes for up to 30 s \
                         after each loss of the link ({SWITCHES})"
                ),
            ));
        }
        let heard = |side: &[Bpdu]| side.first().map(|it| format!("bridge {} with root {}", it.sender, it.root));
        match (heard(phones), heard(servers)) {
            (Some(here), Some(there)) => findings.push(Finding::problem(
                format!(
                    "spanning tree frames come in at {} ({here}) and at {} ({there}): through siprig each switch \
                     hears the other, and what was an edge port is none any more",
                    names[0], names[1]
                ),
                filter,
            )),
            (None, None) if lasted < HELLOS => {
                findings.push(Finding::unknown("spanning tree", "a bridge speaks each 2 s: listen for longer"));
            }
            (None, None) => findings.push(Finding::ok("no switch sends spanning tree frames (BPDUs)")),
            (Some(it), None) if findings.is_empty() => findings.push(alone(&names[0], &it)),
            (None, Some(it)) if findings.is_empty() => findings.push(alone(&names[1], &it)),
            _ => {}
        }
        findings
    }
}

/// One side alone speaks.
fn alone(name: &str, heard: &str) -> Finding {
    Finding::unknown(
        format!("whether the switch's port at {name} is an edge port: spanning tree frames come in, of {heard}"),
        format!(
            "edge ports send them as well; make it one (PortFast), or phones wait up to 30 s after each loss of the \
             link, and are blamed for it ({SWITCHES})"
        ),
    )
}
