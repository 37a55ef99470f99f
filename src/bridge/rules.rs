//! Which frames an outage takes away: pure, over a table of rules. The kernel's table only steals candidates; what is
//! decided here is what happens to them.

use std::{collections::BTreeSet, net::IpAddr};

use super::protocol::Treatment;
use crate::{
    config::Mac,
    event::{Bystander, Course, OutageId, OutageScope, Part, Selection, Toward, Transport},
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
    /// Only frames that go this way are taken; none: both ways. The kernel gives up both.
    pub toward: Option<Toward>,
    /// How much of the server.
    pub scope: OutageScope,
    /// Of that, only these SIP messages; none: everything.
    pub only: Option<Selection>,
    /// The phones concerned.
    pub phones: BTreeSet<Mac>,
    /// Their addresses, as far as they are known.
    pub phone_addresses: BTreeSet<IpAddr>,
    /// The server's addresses.
    pub servers: Vec<IpAddr>,
    /// The server's SIP ports.
    pub sip_ports: Vec<u16>,
    /// The server's names.
    pub names: Vec<Name>,
    /// In force from this time on (nanoseconds of `CLOCK_REALTIME`).
    pub from_ns: i64,
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
    /// The phone's end.
    pub phone: Mac,
    /// The other end.
    pub server: IpAddr,
}

/// The ends of an IP frame that goes `toward` that side. The phone is known by its MAC, the server by its address.
pub fn pair_of(frame: &Frame<'_>, toward: Toward) -> Option<Pair> {
    let Content::Ip(packet) = &frame.content else { return None };
    Some(match toward {
        Toward::Server => Pair { phone: frame.source?, server: packet.destination },
        Toward::Phone => Pair { phone: frame.destination?, server: packet.source },
    })
}

impl Rule {
    /// Whether the rule is in force at this time and takes such a frame from the kernel.
    fn covers(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> bool {
        let in_force = at_ns >= self.from_ns && self.until_ns.is_none_or(|until| at_ns < until);
        let of_pair = |pair: Pair| self.phones.contains(&pair.phone) && self.servers.contains(&pair.server);
        in_force
            && if self.is_of_resolution() {
                self.is_resolved_by(frame, toward)
            } else if self.is_of_names() {
                toward == Toward::Server
                    && frame.source.is_some_and(|mac| self.phones.contains(&mac))
                    && is_plainly_for_a_name_server(frame)
            } else {
                pair_of(frame, toward).is_some_and(of_pair)
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
}

impl RuleTable {
    /// What happens to a frame that came in at `at_ns` and goes `toward` that side; `heard`: the SIP message in it.
    pub fn decide(&self, frame: &Frame<'_>, heard: Option<&Heard>, toward: Toward, at_ns: i64) -> Decision {
        let mut decisions = self.covering(frame, toward, at_ns).map(|rule| match &frame.content {
            _ if rule.is_of_resolution() => Decision::Drop(rule.outage),
            Content::Ip(packet) if rule.is_of_names() => match rule.is_asked_for_by(packet) {
                true => Decision::Drop(rule.outage),
                false => Decision::Pass,
            },
            Content::Ip(packet) => rule.decide(packet, heard, toward, at_ns),
            _ => Decision::Pass,
        });
        decisions.find(|decision| *decision != Decision::Pass).unwrap_or(Decision::Pass)
    }

    /// The first outage for which the kernel gives such a frame up, so that one that passes must be sent on from here.
    pub fn steals(&self, frame: &Frame<'_>, toward: Toward, at_ns: i64) -> Option<OutageId> {
        self.covering(frame, toward, at_ns).next().map(|rule| rule.outage)
    }

    fn covering<'a>(&'a self, frame: &'a Frame<'a>, toward: Toward, at_ns: i64) -> impl Iterator<Item = &'a Rule> {
        let untouchable = [frame.source, frame.destination].iter().flatten().any(|mac| self.protected.contains(mac));
        self.rules.iter().filter(move |rule| !untouchable && rule.covers(frame, toward, at_ns))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame::Vlans;

    const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn server(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 77, 0, last))
    }

    fn rule(scope: OutageScope) -> Rule {
        Rule {
            outage: OutageId(1),
            course: Course::steady(Treatment::Drop),
            toward: None,
            scope,
            only: None,
            phones: BTreeSet::from([PHONE]),
            phone_addresses: BTreeSet::new(),
            servers: vec![server(2)],
            sip_ports: vec![5060],
            names: Vec::new(),
            from_ns: 1_000,
            until_ns: Some(2_000),
        }
    }

    fn table(scope: OutageScope) -> RuleTable {
        RuleTable { rules: vec![rule(scope)], protected: BTreeSet::new() }
    }

    /// A datagram between a phone and a server, whichever way it goes.
    fn datagram(phone: Mac, server: IpAddr, port: u16, toward: Toward) -> Frame<'static> {
        let at_phone = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11));
        let (source, destination, from, to, source_port, destination_port) = match toward {
            Toward::Server => (phone, ROUTER, at_phone, server, 40_000, port),
            Toward::Phone => (ROUTER, phone, server, at_phone, port, 40_000),
        };
        let body = Body::Udp { source_port, destination_port, payload: b"" };
        let packet = Packet { source: from, destination: to, body };
        let (source, destination) = (Some(source), Some(destination));
        Frame { source, destination, vlans: Vlans::default(), content: Content::Ip(packet) }
    }

    const WAYS: [Toward; 2] = [Toward::Server, Toward::Phone];

    #[test]
    fn host_scope_takes_every_packet_of_the_pair_both_ways() {
        for toward in WAYS {
            for port in [5060, 80, 30_000] {
                let frame = datagram(PHONE, server(2), port, toward);
                assert_eq!(table(OutageScope::Host).decide(&frame, None, toward, 1_500), Decision::Drop(OutageId(1)));
            }
        }
    }

    #[test]
    fn sip_scope_steals_the_pair_and_lets_all_but_sip_pass() {
        for toward in WAYS {
            let (sip, rtp) = (datagram(PHONE, server(2), 5060, toward), datagram(PHONE, server(2), 30_000, toward));
            let table = table(OutageScope::Sip);
            assert_eq!(table.decide(&sip, None, toward, 1_500), Decision::Drop(OutageId(1)));
            assert_eq!(table.decide(&rtp, None, toward, 1_500), Decision::Pass);
            assert!(table.steals(&rtp, toward, 1_500).is_some());
        }
    }

    #[test]
    fn one_way_takes_only_what_goes_that_way_and_steals_both() {
        for only in WAYS {
            let mut table = table(OutageScope::Host);
            table.rules.iter_mut().for_each(|rule| rule.toward = Some(only));
            for toward in WAYS {
                let frame = datagram(PHONE, server(2), 5060, toward);
                assert_eq!(table.decide(&frame, None, toward, 1_500) != Decision::Pass, toward == only);
                assert!(table.steals(&frame, toward, 1_500).is_some());
            }
        }
    }

    #[test]
    fn a_phones_own_sip_port_does_not_make_its_other_traffic_sip() {
        let mut frame = datagram(PHONE, server(2), 30_000, Toward::Server);
        if let Content::Ip(packet) = &mut frame.content {
            packet.body = Body::Udp { source_port: 5060, destination_port: 30_000, payload: b"" };
        }
        assert_eq!(table(OutageScope::Sip).decide(&frame, None, Toward::Server, 1_500), Decision::Pass);
    }

    #[test]
    fn the_stamp_decides_on_which_side_of_begin_and_end_a_frame_falls() {
        let frame = datagram(PHONE, server(2), 5060, Toward::Server);
        let at = |ns| table(OutageScope::Host).decide(&frame, None, Toward::Server, ns);
        let taken = Decision::Drop(OutageId(1));
        assert_eq!([at(999), at(1_000), at(1_999), at(2_000)], [Decision::Pass, taken, taken, Decision::Pass]);
    }

    #[test]
    fn a_first_fragment_is_judged_by_its_ports_and_a_later_one_passes() {
        let sip = [0x9c, 0x40, 0x13, 0xc4, 0, 0];
        for (offset, expected) in [(0, Decision::Drop(OutageId(1))), (1480, Decision::Pass)] {
            let mut frame = datagram(PHONE, server(2), 0, Toward::Server);
            if let Content::Ip(packet) = &mut frame.content {
                packet.body = Body::Fragment { protocol: 17, identification: 1, offset, more: true, payload: &sip };
            }
            assert_eq!(table(OutageScope::Sip).decide(&frame, None, Toward::Server, 1_500), expected);
        }
    }

    #[test]
    fn of_what_phones_ask_name_servers_only_questions_for_the_server_are_taken() {
        let names: Vec<Name> = vec!["a.example".parse().unwrap()];
        let nameless = Rule { course: Course::steady(Treatment::Nameless), names, ..rule(OutageScope::Host) };
        let table = RuleTable { rules: vec![nameless], protected: BTreeSet::new() };
        let asked = |phone, name: &str, port, toward| {
            let question = name.parse::<Name>().unwrap().question(1);
            let mut frame = datagram(phone, server(7), port, toward);
            let Content::Ip(packet) = &mut frame.content else { unreachable!() };
            if let Body::Udp { payload, .. } = &mut packet.body {
                *payload = &question;
            }
            (table.decide(&frame, None, toward, 1_500), table.steals(&frame, toward, 1_500))
        };
        let (taken, stolen) = (Decision::Drop(OutageId(1)), Some(OutageId(1)));
        assert_eq!(asked(PHONE, "A.example", 53, Toward::Server), (taken, stolen), "of any name server");
        assert_eq!(asked(PHONE, "b.example", 53, Toward::Server), (Decision::Pass, stolen), "it goes on from here");
        let untouched = (Decision::Pass, None);
        assert_eq!(asked(OTHER, "a.example", 53, Toward::Server), untouched);
        assert_eq!(asked(PHONE, "a.example", 5353, Toward::Server), untouched);
        assert_eq!(asked(PHONE, "a.example", 53, Toward::Phone), untouched, "answers");
        let sip = datagram(PHONE, server(2), 5060, Toward::Server);
        assert_eq!(table.steals(&sip, Toward::Server, 1_500), None, "the server itself is there");
        let first = [0x9c, 0x40, 0, 53, 0, 0];
        for (source, stolen) in [("10.77.0.11", stolen), ("fd77::11", None)] {
            let mut fragment = datagram(PHONE, server(7), 53, Toward::Server);
            if let Content::Ip(packet) = &mut fragment.content {
                packet.source = source.parse().unwrap();
                packet.body =
                    Body::Fragment { protocol: 17, identification: 1, offset: 0, more: true, payload: &first };
            }
            assert_eq!(
                table.steals(&fragment, Toward::Server, 1_500),
                stolen,
                "what the kernel keeps it sends on: {source}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_declared_pair_is_ever_touched(
            phone in prop_oneof![Just(PHONE), Just(OTHER)],
            last in 1_u8..5,
            port in any::<u16>(),
            host in any::<bool>(),
            away in any::<bool>(),
            at in 0_i64..3_000,
        ) {
            let toward = if away { Toward::Server } else { Toward::Phone };
            let table = table(if host { OutageScope::Host } else { OutageScope::Sip });
            let frame = datagram(phone, server(last), port, toward);
            let covered = phone == PHONE && last == 2 && (1_000..2_000).contains(&at);
            prop_assert_eq!(table.steals(&frame, toward, at).is_some(), covered);
            let dropped = table.decide(&frame, None, toward, at) != Decision::Pass;
            prop_assert_eq!(dropped, covered && (host || port == 5060));
        }

        #[test]
        fn a_protected_device_is_never_touched(port in any::<u16>(), away in any::<bool>(), at in 0_i64..3_000) {
            let toward = if away { Toward::Server } else { Toward::Phone };
            let mut table = table(OutageScope::Host);
            table.protected.insert(PHONE);
            let frame = datagram(PHONE, server(2), port, toward);
            prop_assert_eq!(table.steals(&frame, toward, at), None);
            prop_assert_eq!(table.decide(&frame, None, toward, at), Decision::Pass);
        }
    }
}
