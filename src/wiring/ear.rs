//! Takes in what came in on the two sides, and says what it tells of the wiring.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use super::{Finding, SIDES, copies::Copies, place, sides::Places, trees::Trees};
use crate::{
    config::{Bench, Mac},
    event::LinkSide,
    wire::{
        frame::{Body, Content, Frame},
        spanning_tree,
    },
};

/// Senders that the bench file does not name, and DHCP servers, that are remembered on each side.
const MAX_OTHERS: usize = 64;

/// How it was listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// For so long.
    pub lasted: Duration,
    /// The two interfaces were joined, so that what passes from side to side was heard.
    pub joined: bool,
    /// Which side has a link: toward the phones, toward the servers.
    pub links: [bool; 2],
    /// Frames that were not taken in time.
    pub lost: u64,
}

/// What was heard so far.
#[derive(Debug)]
pub struct Ear {
    /// Names of the interfaces.
    names: [String; 2],
    /// Addresses of this machine.
    own: BTreeSet<Mac>,
    frames: [u64; 2],
    /// Frames of this machine that came in.
    returned: [u64; 2],
    copies: Copies,
    trees: Trees,
    places: Places,
    by_mac: HashMap<Mac, usize>,
    by_address: HashMap<IpAddr, usize>,
}

impl Ear {
    /// Nothing heard yet. `own`: addresses that frames of this machine come from.
    ///
    /// Of a bench without interfaces nothing is ever heard.
    pub fn new(bench: &Bench, own: impl IntoIterator<Item = Mac>) -> Self {
        let names = SIDES.map(|side| bench.network.as_ref().map_or("", |it| it.interface_of(side)).to_owned());
        let phones = bench.phones.len();
        let macs = bench.phones.iter().enumerate().filter_map(|(index, phone)| Some((phone.mac_on_link()?, index)));
        let routed =
            bench.phones.iter().enumerate().flat_map(|(at, phone)| phone.routed().iter().map(move |it| (*it, at)));
        let servers = (phones..).zip(&bench.servers);
        let servers = servers.flat_map(|(index, server)| server.addresses.iter().map(move |address| (*address, index)));
        Self {
            names,
            own: own.into_iter().collect(),
            frames: [0; 2],
            returned: [0; 2],
            copies: Copies::default(),
            trees: Trees::default(),
            places: Places::new(bench),
            by_mac: macs.collect(),
            by_address: routed.chain(servers).collect(),
        }
    }

    /// Takes in a frame that came in on that side.
    pub fn take(&mut self, side: LinkSide, unix_ns: i64, bytes: &[u8]) {
        self.frames[place(side)] += 1;
        if let Some(bpdu) = spanning_tree::read(bytes) {
            self.trees.take(side, bpdu);
            return;
        }
        let Some(source) = bytes.get(6..12).and_then(|mac| mac.try_into().ok()).map(Mac) else { return };
        if spanning_tree::is_for_bridges(bytes) {
            return;
        }
        if self.own.contains(&source) {
            self.returned[place(side)] += 1;
            return;
        }
        self.copies.take(side, source, unix_ns, bytes);
        let frame = Frame::parse(bytes).ok();
        let address = frame.as_ref().and_then(|frame| match &frame.content {
            Content::Ip(packet) => Some(packet.source),
            Content::Arp { sender_ip, .. } => Some(IpAddr::V4(*sender_ip)),
            Content::Other { .. } => None,
        });
        let vlan = frame.as_ref().and_then(|frame| frame.vlans.first().copied()).filter(|vlan| *vlan != 0);
        let known = self.by_mac.get(&source).or_else(|| self.by_address.get(&address?)).copied();
        match known {
            Some(index) => self.places.enters(index, side, vlan),
            None => self.places.other(side, source, MAX_OTHERS),
        }
        if let (Some(frame), Some(address)) = (&frame, address)
            && answers_dhcp(frame)
        {
            self.places.answers_dhcp(side, address, source, MAX_OTHERS);
        }
    }

    /// How many frames came in on each side.
    pub fn frames(&self) -> [u64; 2] {
        self.frames
    }

    /// What it tells.
    pub fn findings(&self, how: &Circumstances) -> Vec<Finding> {
        let mut findings = vec![self.copies.finding(&self.names, self.returned, self.frames)];
        findings.extend(self.trees.findings(&self.names, how.lasted));
        findings.extend(self.places.findings(&self.names, self.frames, how));
        if how.lost > 0 {
            let what = format!("{} frames that were not taken in time", how.lost);
            findings
                .push(Finding::unknown(what, "there were too many of them for this machine: listen at a quieter time"));
        }
        findings
    }
}

/// A BOOTREPLY to a client (RFC 2131 section 2).
fn answers_dhcp(frame: &Frame<'_>) -> bool {
    let Content::Ip(packet) = &frame.content else { return false };
    matches!(packet.body, Body::Udp { source_port: 67, destination_port: 68, payload: [2, ..] })
}
