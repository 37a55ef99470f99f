//! Which frames an outage takes away: pure, over a table of rules. The kernel's table only steals candidates; what is
//! decided here is what happens to them.

use std::{collections::BTreeSet, net::IpAddr};

mod paths;

use super::protocol::Treatment;
use crate::{
    config::Mac,
    event::{Bystander, Course, LinkSide, OutageId, OutageScope, Part, Selection, Toward, Transport},
    wire::{
        dns::{self, Name},
        frame::{self, Body, Content, Frame, Packet},
        messages::Heard,
        resolution::Question,
    },
};

/// One outage, as the frame path sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which outage.
    pub outage: OutageId,
    /// What happens to the frames, by the time since it began.
    pub course: Course<Treatment>,
    /// The side whose link is down. No frame is taken then: none gets that far.
    pub link: Option<LinkSide>,
    /// Only frames that go this way are taken; none: both ways. The kernel gives up both.
    pub toward: Option<Toward>,
    /// How much of the server.
    pub scope: OutageScope,
    /// Of that, only these SIP messages; none: everything.
    pub only: Option<Selection>,
    /// The phones concerned that are on the link.
    pub phones: BTreeSet<Mac>,
    /// The addresses of those that are behind a router.
    pub routed: BTreeSet<IpAddr>,
    /// The addresses of those on the link, as far as they are known.
    pub phone_addresses: BTreeSet<IpAddr>,
    /// The server's addresses.
    pub servers: Vec<IpAddr>,
    /// The server's SIP ports.
    pub sip_ports: Vec<u16>,
    /// The server's names.
    pub names: Vec<Name>,
    /// In force from this time on (nanoseconds of `CLOCK_REALTIME`).
    pub from_ns: i64,
    /// The link was switched on again at this time, and frames may pass from any time on.
    pub opened_ns: Option<i64>,
    /// Lifted at this time; none: in force.
    pub until_ns: Option<i64>,
}

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    Pass,
    /// This outage takes it away.
    Drop(OutageId),
    /// It goes the bad path of this outage.
    Impair(OutageId),
}

/// Phone and server of a frame, where it has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The phone's end, if it is on the link.
    pub phone: Mac,
    /// The phone's end, if it is behind a router.
    pub address: IpAddr,
    /// The other end.
    pub server: IpAddr,
}

/// The ends of an IP frame that goes `toward` that side. The phone is known by its MAC, or its address, the server by its address.
pub fn pair_of(frame: &Frame<'_>, toward: Toward) -> Option<Pair> {
    let Content::Ip(packet) = &frame.content else { return None };
    Some(match toward {
        Toward::Server => Pair { phone: frame.source?, address: packet.source, server: packet.destination },
        Toward::Phone => Pair { phone: frame.destination?, address: packet.destination, server: packet.source },
    })
}

impl Rule {
    fn is_in_force(&self, at_ns: i64) -> bool {
        at_ns >= self.from_ns && self.until_ns.is_none_or(|until| at_ns < until)
    }

    /// Whether it takes such a frame from the kernel as one of a phone on the link.
    fn takes_by_mac(&self, frame: &Frame<'_>, toward: Toward) -> bool {
        if self.is_of_resolution() {
            self.is_resolved_by(frame, toward)
        } else if self.is_of_names() {
            let of_phone = frame.source.is_some_and(|mac| self.phones.contains(&mac));
            toward == Toward::Server && of_phone && is_plainly_for_a_name_server(frame)
        } else {
            let of_pair = |pair: Pair| self.phones.contains(&pair.phone) && self.servers.contains(&pair.server);
            pair_of(frame, toward).is_some_and(of_pair)
        }
    }

    /// Whether it takes such a frame from the kernel as one of a phone behind a router, which has the link-layer addresses.
    fn takes_by_address(&self, frame: &Frame<'_>, toward: Toward) -> bool {
        let Some(pair) = pair_of(frame, toward).filter(|pair| self.routed.contains(&pair.address)) else {
            return false;
        };
        if self.is_of_names() {
            toward == Toward::Server && is_plainly_for_a_name_server(frame)
        } else {
            !self.is_of_resolution() && self.servers.contains(&pair.server)
        }
    }

    /// Whether it takes what the ends find each other by, and nothing else.
    pub fn is_of_resolution(&self) -> bool {
        self.course.phases.iter().any(|phase| phase.manner == Treatment::Unresolvable)
    }

    /// Whether it takes what name servers are asked about the server, and nothing else. The kernel gives up all that they are
    /// asked.
    pub fn is_of_names(&self) -> bool {
        self.course.phases.iter().any(|phase| phase.manner == Treatment::Nameless)
    }

    /// Whether it takes such a question to a name server.
    fn is_asked_for_by(&self, packet: &Packet<'_>) -> bool {
        match &packet.body {
            Body::Udp { payload, .. } => dns::asks(payload, &self.names),
            Body::Tcp(segment) => dns::asks_in_stream(segment.payload, &self.names),
            _ => false,
        }
    }

    /// Whether phone or server find the other by such a frame.
    fn is_resolved_by(&self, frame: &Frame<'_>, toward: Toward) -> bool {
        let Some(question) = Question::of(frame) else { return false };
        let mac = match toward {
            Toward::Server => frame.source,
            Toward::Phone => frame.destination,
        };
        let of_phone = mac.is_some_and(|mac| self.phones.contains(&mac));
        // As the kernel's table has it: of neighbour discovery it takes no answer of a phone, which without a question does not
        // come.
        let is_arp = question.target.is_ipv4();
        match (toward, question.tells) {
            (Toward::Server, false) => of_phone && self.servers.contains(&question.target),
            (Toward::Server, true) => of_phone && is_arp && self.servers.contains(&question.to),
            (Toward::Phone, true) => of_phone && self.servers.contains(&question.about()),
            (Toward::Phone, false) => {
                let asked = (of_phone && is_arp) || self.phone_addresses.contains(&question.target);
                asked && self.servers.contains(&question.from)
            }
        }
    }

    /// What happens to what it takes at a time, and for how many nanoseconds it has been so.
    pub fn treatment_at(&self, at_ns: i64) -> Option<(&Treatment, u64)> {
        self.course.at(u64::try_from(at_ns.saturating_sub(self.from_ns)).unwrap_or(0))
    }

    /// What happens to a frame of a covered pair, and to the message that was heard in it.
    fn decide(&self, packet: &Packet<'_>, heard: Option<&Heard>, toward: Toward, at_ns: i64) -> Decision {
        let is_meant = |only| heard.is_some_and(|heard| heard.is_among(only));
        match self.treatment_at(at_ns) {
            None | Some((Treatment::Pass, _)) => Decision::Pass,
            _ if !self.is_about(packet, toward) || !self.only.as_ref().is_none_or(is_meant) => Decision::Pass,
            Some((Treatment::Impair(_), _)) => Decision::Impair(self.outage),
            Some(_) => Decision::Drop(self.outage),
        }
    }

    /// Ports in its scope, at least one: those of SIP, where all are.
    pub fn ports(&self) -> &[u16] {
        match &self.scope {
            OutageScope::Part(Part { ports, .. }) if !ports.is_empty() => ports,
            _ => &self.sip_ports,
        }
    }

    /// Of what a frame is that does not go from or to one of the server's SIP ports; none: it does.
    pub fn bystander(&self, frame: &Frame<'_>, toward: Toward) -> Option<Bystander> {
        if Question::of(frame).is_some() {
            return Some(Bystander::Resolution);
        }
        let Content::Ip(packet) = &frame.content else { return Some(Bystander::Rest) };
        match server_port(packet, toward) {
            Some(port) if self.sip_ports.contains(&port) => None,
            None if matches!(packet.body, Body::Icmp { .. }) => Some(Bystander::Icmp),
            port => Some(Bystander::at(port)),
        }
    }

    /// Whether a frame of a covered pair is in its scope.
    fn is_about(&self, packet: &Packet<'_>, toward: Toward) -> bool {
        if self.toward.is_some_and(|only| only != toward) {
            return false;
        }
        // The addresses in the scope are those of the rule.
        self.scope.covers(None, server_port(packet, toward), transport_of(packet), &self.sip_ports)
    }
}

/// UDP or TCP.
fn transport_of(packet: &Packet<'_>) -> Option<Transport> {
    match packet.body {
        Body::Udp { .. } | Body::Fragment { protocol: frame::UDP, .. } => Some(Transport::Udp),
        Body::Tcp(_) | Body::Fragment { protocol: frame::TCP, .. } => Some(Transport::Tcp),
        _ => None,
    }
}

/// The server's port. Of a fragmented datagram only the first fragment has one: the others may pass, since without the
/// first they are worth nothing.
fn server_port(packet: &Packet<'_>, toward: Toward) -> Option<u16> {
    let (source, destination) = ports_of(packet)?;
    Some(match toward {
        Toward::Server => destination,
        Toward::Phone => source,
    })
}

/// The name server that a packet is for, by its port.
pub fn name_server_of(frame: &Frame<'_>) -> Option<IpAddr> {
    let Content::Ip(packet) = &frame.content else { return None };
    let (_, port) = ports_of(packet)?;
    (port == dns::PORT).then_some(packet.destination)
}

/// As the kernel's table has it: the port is looked for behind a plain header, so that of IPv6 it takes no fragment.
fn is_plainly_for_a_name_server(frame: &Frame<'_>) -> bool {
    let whole = |packet: &Packet<'_>| packet.source.is_ipv4() || !matches!(packet.body, Body::Fragment { .. });
    name_server_of(frame).is_some() && matches!(&frame.content, Content::Ip(packet) if whole(packet))
}

/// Source and destination port of a UDP or TCP packet, or of the first fragment of one.
pub fn ports_of(packet: &Packet<'_>) -> Option<(u16, u16)> {
    match &packet.body {
        Body::Udp { source_port, destination_port, .. } => Some((*source_port, *destination_port)),
        Body::Tcp(segment) => Some((segment.source_port, segment.destination_port)),
        Body::Fragment { protocol: 6 | 17, offset: 0, payload: [a, b, c, d, ..], .. } => {
            Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
        }
        _ => None,
    }
}

/// All outages that matter now, and the devices that none may touch.
#[derive(Debug, Clone, Default)]
pub struct RuleTable {
    /// In the order they began. Lifted ones stay for as long as frames from before the lift may still be read.
    pub rules: Vec<Rule>,
    /// Never matched.
    pub protected: BTreeSet<Mac>,
    /// All phones of the bench that are on the link: whatever their addresses, they are nobody else.
    pub on_link: BTreeSet<Mac>,
}

impl RuleTable {
    /// What happens to a frame that came in at `at_ns` and goes `toward` that side; `heard`: the SIP message in it.
    pub fn decide(&self, frame: &Frame<'_>, heard: Option<&Heard>, toward: Toward, at_ns: i64) -> Decision {
        let mut decisions = self.taking(frame, toward, at_ns).map(|rule| match &frame.content {
            _ if !self.is_meant(rule, frame, toward) => Decision::Pass,
            _ if rule.is_of_resolution() => Decision::Drop(rule.outage),
            Content::Ip(packet) if rule.is_of_names() => match rule.is_asked_for_by(packet) {
                true => Decision::Drop(rule.outage),
                false => Decision::Pass,
            },
            Content::Ip(packet) => rule.decide(packet, heard, toward, at_ns),
            _ => Decision::Pass,
        });
        let decision = decisions.find(|decision| *decision != Decision::Pass);
        decision.or_else(|| self.link_down(frame, toward, at_ns).map(Decision::Drop)).unwrap_or(Decision::Pass)
    }

    /// The outage for which nothing leaves on the side that frames go to, whoever sent them: its link is down. Of several, that
    /// of the server which is asked for.
    fn link_down(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        let is_down = |rule: &&Rule| rule.link.map(LinkSide::toward) == Some(toward) && rule.is_in_force(at_ns);
        let asked = Question::of(frame).map(|question| question.target);
        let is_asked_for = |rule: &&Rule| asked.is_some_and(|asked| rule.servers.contains(&asked));
        let down = || self.rules.iter().filter(is_down);
        down().find(is_asked_for).or_else(|| down().next()).map(|rule| rule.outage)
    }

    /// The first outage for which the kernel gives such a frame up, so that one that passes must be sent on from here.
    pub fn steals(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        self.taking(frame, toward, at_ns).find(|rule| rule.link.is_none()).map(|rule| rule.outage)
    }

    /// The first outage whose link is down, so that such a frame can not be there.
    pub fn keeps(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        let is_down = |rule: &&Rule| rule.link.is_some() && rule.opened_ns.is_none_or(|opened| at_ns < opened);
        self.taking(frame, toward, at_ns).find(is_down).map(|rule| rule.outage)
    }

    /// The rules in force for which the kernel gives such a frame up. Of a phone behind a router it looks at the addresses alone.
    fn taking<'a>(&'a self, frame: &'a Frame<'a>, toward: Toward, at_ns: i64) -> impl Iterator<Item = &'a Rule> {
        let is_open = !self.is_protected(frame);
        let takes =
            move |rule: &Rule| is_open && rule.takes_by_mac(frame, toward) || rule.takes_by_address(frame, toward);
        self.rules.iter().filter(move |rule| rule.is_in_force(at_ns) && takes(rule))
    }

    /// Whether a frame that the kernel gives up for a rule is of one of its phones, and not of another device with the address.
    fn is_meant(&self, rule: &Rule, frame: &Frame<'_>, toward: Toward) -> bool {
        let mac = match toward {
            Toward::Server => frame.source,
            Toward::Phone => frame.destination,
        };
        let is_other = || mac.is_some_and(|mac| self.on_link.contains(&mac));
        !self.is_protected(frame) && (rule.takes_by_mac(frame, toward) || !is_other())
    }

    fn is_protected(&self, frame: &Frame<'_>) -> bool {
        [frame.source, frame.destination].iter().flatten().any(|mac| self.protected.contains(mac))
    }
}

#[cfg(test)]
mod tests;
