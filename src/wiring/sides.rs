//! On which side phones, servers and DHCP came in, and in which VLAN.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{Circumstances, DRAWINGS, Finding, SIDES, SWITCHES, counted, listed, place};
use crate::{
    config::{Bench, Mac},
    event::LinkSide,
};

/// Who was heard where.
#[derive(Debug)]
pub struct Places {
    /// Phones first, servers behind them.
    devices: Vec<Device>,
    /// The VLAN that the bench file has.
    vlan: Option<u16>,
    others: [BTreeSet<Mac>; 2],
    dhcp: [BTreeMap<IpAddr, Mac>; 2],
}

/// A phone or a server of the bench file.
#[derive(Debug)]
struct Device {
    name: String,
    belongs: LinkSide,
    entered: [bool; 2],
    /// The outermost VLAN of its frames; none: they have none.
    vlans: BTreeSet<Option<u16>>,
}

/// Where one was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nowhere,
    Right,
    Wrong,
    Both,
}

impl Device {
    fn new(name: &str, belongs: LinkSide) -> Self {
        Self { name: name.to_owned(), belongs, entered: [false; 2], vlans: BTreeSet::new() }
    }

    fn heard(&self) -> Heard {
        let [mut right, mut wrong] = self.entered;
        if self.belongs == LinkSide::Server {
            (right, wrong) = (wrong, right);
        }
        match (right, wrong) {
            (false, false) => Heard::Nowhere,
            (true, false) => Heard::Right,
            (false, true) => Heard::Wrong,
            (true, true) => Heard::Both,
        }
    }
}

impl Places {
    /// Nobody heard yet.
    pub fn new(bench: &Bench) -> Self {
        let phones = bench.phones.iter().map(|phone| Device::new(&phone.name.0, LinkSide::Phone));
        let servers = bench.servers.iter().map(|server| Device::new(&server.name.0, LinkSide::Server));
        Self {
            devices: phones.chain(servers).collect(),
            vlan: bench.network.as_ref().and_then(|network| network.vlan),
            others: Default::default(),
            dhcp: Default::default(),
        }
    }

    /// A device, phones first and servers behind them, came in on that side.
    pub fn enters(&mut self, index: usize, side: LinkSide, vlan: Option<u16>) {
        let Some(device) = self.devices.get_mut(index) else { return };
        device.entered[place(side)] = true;
        // Whoever uses many of them is remembered with some.
        if device.vlans.len() < 8 {
            device.vlans.insert(vlan);
        }
    }

    /// Somebody else did.
    pub fn other(&mut self, side: LinkSide, mac: Mac, most: usize) {
        let known = &mut self.others[place(side)];
        if known.len() < most {
            known.insert(mac);
        }
    }

    /// A DHCP server did.
    pub fn answers_dhcp(&mut self, side: LinkSide, address: IpAddr, mac: Mac, most: usize) {
        let known = &mut self.dhcp[place(side)];
        if known.len() < most {
            known.insert(address, mac);
        }
    }

    /// What that tells.
    pub fn findings(&self, names: &[String; 2], frames: [u64; 2], how: &Circumstances) -> Vec<Finding> {
        let exchanged = self.exchanged(names);
        // A DHCP server that is on the wrong side then is so for the same cause.
        let dhcp = if exchanged.is_some() { Vec::new() } else { self.dhcp_findings(names) };
        let mut findings = match exchanged {
            Some(exchanged) => vec![exchanged],
            None => SIDES.into_iter().flat_map(|side| self.of_side(side, names)).collect(),
        };
        findings.extend(SIDES.into_iter().filter_map(|side| self.unheard(side, names, frames, how)));
        findings.extend(self.vlan_finding());
        findings.extend(dhcp);
        findings
    }

    fn named(&self, side: LinkSide, heard: Heard) -> Vec<&str> {
        let are = self.devices.iter().filter(|it| it.belongs == side && it.heard() == heard);
        are.map(|device| device.name.as_str()).collect()
    }

    /// Everybody who was heard is on the wrong side, of the phones and of the servers.
    fn exchanged(&self, names: &[String; 2]) -> Option<Finding> {
        let only_wrong = |side| {
            let right = [Heard::Right, Heard::Both].into_iter().flat_map(|heard| self.named(side, heard)).count();
            Some(self.named(side, Heard::Wrong)).filter(|wrong| !wrong.is_empty() && right == 0)
        };
        let (phones, servers) = (only_wrong(LinkSide::Phone)?, only_wrong(LinkSide::Server)?);
        Some(Finding::problem(
            format!(
                "the two cables are exchanged: {} came in at {}, and {} at {}",
                called(LinkSide::Phone, &phones),
                names[1],
                called(LinkSide::Server, &servers),
                names[0]
            ),
            format!("exchange the cables, or `phone-side` and `server-side` under [network] ({DRAWINGS})"),
        ))
    }

    fn of_side(&self, side: LinkSide, names: &[String; 2]) -> Vec<Finding> {
        let (here, there) = (&names[place(side)], &names[1 - place(side)]);
        let mut findings = Vec::new();
        let right = self.named(side, Heard::Right);
        if !right.is_empty() {
            findings.push(Finding::ok(format!("{} came in at {here}", called(side, &right))));
        }
        let wrong = self.named(side, Heard::Wrong);
        if !wrong.is_empty() {
            findings.push(Finding::problem(
                format!("{} came in at {there}, and not at {here}", called(side, &wrong)),
                format!("plug it in on the other side, or find what goes round siprig ({DRAWINGS})"),
            ));
        }
        let both = self.named(side, Heard::Both);
        if !both.is_empty() {
            findings.push(Finding::problem(
                format!("{} came in on both sides", called(side, &both)),
                format!(
                    "it has a second way around siprig, as a computer's port in another switch: take that away \
                         ({DRAWINGS})"
                ),
            ));
        }
        findings
    }

    /// Who was not heard, and what that may be. Not of a side without a link: that is told already.
    fn unheard(&self, side: LinkSide, names: &[String; 2], frames: [u64; 2], how: &Circumstances) -> Option<Finding> {
        let here = &names[place(side)];
        let missing = self.named(side, Heard::Nowhere);
        if missing.is_empty() {
            return None;
        }
        let all = self.devices.iter().filter(|it| it.belongs == side).count() == missing.len();
        let others = self.others[place(side)].len() as u64;
        let mut why = match side {
            _ if !how.links[place(side)] => format!("{here} has no link"),
            _ if frames[place(side)] == 0 => format!(
                "nothing at all came in at {here}, which has a link: it may be quiet there, or its switch may hold \
                 the port back (spanning tree, port security: {SWITCHES})"
            ),
            _ if all && others > 0 => format!(
                "{} came in at {here} and none of these: they may have had nothing to say, or something may keep them \
                 from that port (port security, 802.1X, another VLAN: {SWITCHES})",
                counted(others, "other device")
            ),
            LinkSide::Phone => {
                "phones speak when they start and shortly before their registration runs out: listen for longer, or \
                 restart one"
                    .to_owned()
            }
            LinkSide::Server => "servers speak when they are asked".to_owned(),
        };
        if side == LinkSide::Server && !how.joined {
            why += "; the two interfaces are not joined, so that no phone asks a server through them: `siprig check \
            --discover --join` joins them";
        }
        let name = called(side, &missing);
        Some(Finding::unknown(format!("where {name} come{} in", if missing.len() == 1 { "s" } else { "" }), why))
    }

    /// Phones whose frames were all in another VLAN than the bench file has.
    fn vlan_finding(&self) -> Option<Finding> {
        let strange =
            |it: &&Device| it.belongs == LinkSide::Phone && !it.vlans.is_empty() && !it.vlans.contains(&self.vlan);
        let strange: Vec<&Device> = self.devices.iter().filter(strange).collect();
        let first = strange.first()?;
        let same: Vec<&str> =
            strange.iter().filter(|it| it.vlans == first.vlans).map(|device| device.name.as_str()).collect();
        let vlan = first.vlans.iter().next_back().copied().flatten();
        let is = vlan.map_or_else(|| "have no tag".to_owned(), |vlan| format!("are in VLAN {vlan}"));
        let has = self.vlan.map_or_else(|| "has none".to_owned(), |vlan| format!("has VLAN {vlan}"));
        let what = format!("frames of {} {is}, and the bench file {has}", called(LinkSide::Phone, &same));
        Some(Finding::problem(
            what,
            match vlan {
                Some(vlan) => format!("write `vlan = {vlan}` under [network] ({DRAWINGS})"),
                None => format!("remove `vlan` under [network], or see what the phones' switch tags ({DRAWINGS})"),
            },
        ))
    }

    fn dhcp_findings(&self, names: &[String; 2]) -> Vec<Finding> {
        let [phones, servers] = &self.dhcp;
        let told = |of: &BTreeMap<IpAddr, Mac>| {
            let told: Vec<String> = of.iter().map(|(address, mac)| format!("{address} ({mac})")).collect();
            listed(&told)
        };
        let mut findings = Vec::new();
        if !phones.is_empty() {
            findings.push(Finding::problem(
                format!("DHCP is answered on the phones' side, at {}, by {}", names[0], told(phones)),
                format!(
                    "phones get addresses and servers from it past siprig: switch it off there (a router, an access \
                     point, a computer behind a phone), or trust siprig's port alone by DHCP snooping ({SWITCHES})"
                ),
            ));
        }
        if !servers.is_empty() {
            findings.push(Finding::ok(format!("DHCP is answered at {}, by {}", names[1], told(servers))));
        }
        if findings.is_empty() {
            findings.push(Finding::unknown(
                "on which side DHCP is answered",
                "no answer was heard: phones ask when they start, and half-way through their lease",
            ));
        }
        findings
    }
}

/// `phone p1`, `servers a and b`.
fn called(side: LinkSide, names: &[&str]) -> String {
    let noun = match side {
        LinkSide::Phone => "phone",
        LinkSide::Server => "server",
    };
    format!("{noun}{} {}", if names.len() == 1 { "" } else { "s" }, listed(names))
}
