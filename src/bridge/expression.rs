//! The rules of the outage table, in the expressions of nftables (`linux/netfilter/nf_tables.h`).
//!
//! Frames are sorted into chains first, so that none is held against rules of another type: a frame that nothing is about is
//! through after a few. That is by `meta protocol` and not by a field of the link header, because it holds for VLAN-tagged frames
//! as well: the kernel has moved the outer tag out of the way by then. A second tag it leaves in place; for such frames there is a
//! chain with a variant of each rule that reads four bytes further on.

use std::net::IpAddr;

use netlink_packet_netfilter::nftables::{
    Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Lookup, Meta, MetaKey, Operator,
    Payload, Register, RuleAttribute, Verdict, VerdictAttribute,
};

use crate::{
    event::{Toward, Transport},
    wire::{
        frame::{TCP, UDP},
        resolution::{ADVERTISEMENT, SOLICITATION},
    },
};

/// IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One of the sets: frames of a kind, of one IP version, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// What they are.
    pub kind: Kind,
    /// IP version.
    pub family: Family,
    /// Direction.
    pub toward: Toward,
}

/// What frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Packets between a phone, by its MAC address, and a server, by its IP address.
    Packets,
    /// Packets between a phone that is behind a router and a server, both by their IP addresses.
    Routed,
    /// Those by which a phone asks for a server's MAC address, or is told it: the phone by its MAC address (ARP, RFC 826; its
    /// like in IPv6, RFC 4861).
    Resolution,
    /// Those by which a phone, known by its MAC address, asks name servers for anything: by the port and the protocol of the
    /// packet. Toward servers only.
    Names(Transport),
    /// The same of a phone that is behind a router, known by its IP address.
    RoutedNames(Transport),
    /// Those by which a server asks everybody for a phone's MAC address: both by their IP addresses. Toward phones only.
    Asking,
}

impl Way {
    /// All of them: those of phones on the link, and behind them those of phones behind a router.
    pub const ALL: &[Self] = {
        const fn way(kind: Kind, family: Family, toward: Toward) -> Way {
            Way { kind, family, toward }
        }
        &[
            way(Kind::Packets, Family::V4, Toward::Server),
            way(Kind::Packets, Family::V4, Toward::Phone),
            way(Kind::Packets, Family::V6, Toward::Server),
            way(Kind::Packets, Family::V6, Toward::Phone),
            way(Kind::Resolution, Family::V4, Toward::Server),
            way(Kind::Resolution, Family::V4, Toward::Phone),
            way(Kind::Resolution, Family::V6, Toward::Server),
            way(Kind::Resolution, Family::V6, Toward::Phone),
            way(Kind::Asking, Family::V4, Toward::Phone),
            way(Kind::Asking, Family::V6, Toward::Phone),
            way(Kind::Names(Transport::Udp), Family::V4, Toward::Server),
            way(Kind::Names(Transport::Udp), Family::V6, Toward::Server),
            way(Kind::Names(Transport::Tcp), Family::V4, Toward::Server),
            way(Kind::Names(Transport::Tcp), Family::V6, Toward::Server),
            way(Kind::Routed, Family::V4, Toward::Server),
            way(Kind::Routed, Family::V4, Toward::Phone),
            way(Kind::Routed, Family::V6, Toward::Server),
            way(Kind::Routed, Family::V6, Toward::Phone),
            way(Kind::RoutedNames(Transport::Udp), Family::V4, Toward::Server),
            way(Kind::RoutedNames(Transport::Udp), Family::V6, Toward::Server),
            way(Kind::RoutedNames(Transport::Tcp), Family::V4, Toward::Server),
            way(Kind::RoutedNames(Transport::Tcp), Family::V6, Toward::Server),
        ]
    };

    /// Those of phones on the link.
    pub const ON_LINK: &[Self] = Self::ALL.split_at(14).0;

    /// Whether it is of the family of an address.
    pub const fn is_of(self, address: IpAddr) -> bool {
        matches!((self.family, address), (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)))
    }

    /// Name of its set.
    pub fn set_name(self) -> String {
        let kind = match self.kind {
            Kind::Packets => "to",
            Kind::Routed => "routed-to",
            Kind::Resolution => "resolve-to",
            Kind::Asking => "ask-to",
            Kind::Names(Transport::Udp) => "names-udp-to",
            Kind::Names(Transport::Tcp) => "names-tcp-to",
            Kind::RoutedNames(Transport::Udp) => "routed-udp-to",
            Kind::RoutedNames(Transport::Tcp) => "routed-tcp-to",
        };
        let side = match self.toward {
            Toward::Server => "server",
            Toward::Phone => "phone",
        };
        let family = match self.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        format!("{kind}-{side}-{family}")
    }

    /// Length of a key: each part padded to a multiple of four bytes.
    pub fn key_len(self) -> u32 {
        self.parts().map(|part| part.field.len.next_multiple_of(REGISTER)).iter().sum()
    }

    /// The type that the `nft` command shows: six bits for each part.
    pub fn key_type(self) -> u32 {
        let [first, second] = self.parts().map(|part| part.shown);
        (first << 6) | second
    }

    fn ethertype(self) -> u16 {
        match (self.kind, self.family) {
            (Kind::Resolution | Kind::Asking, Family::V4) => ARP,
            (Kind::Packets | Kind::Routed | Kind::Names(_) | Kind::RoutedNames(_), Family::V4) => IPV4,
            (_, Family::V6) => IPV6,
        }
    }

    /// Bytes behind the link header that tell these frames from others of the same type.
    fn marks(self) -> Vec<(u32, u8)> {
        const NEXT_HEADER: u32 = 6;
        const PROTOCOL: u32 = 9;
        const ICMP_TYPE: u32 = 40;
        const ARP_OPERATION: u32 = 7;
        const REQUEST: u8 = 1;
        if let Kind::Names(transport) | Kind::RoutedNames(transport) = self.kind {
            let place = if self.family == Family::V4 { PROTOCOL } else { NEXT_HEADER };
            return vec![(place, if transport == Transport::Udp { UDP } else { TCP })];
        }
        // An answer to whoever has the phone's address by now is none of a question for it.
        if (self.kind, self.family) == (Kind::Asking, Family::V4) {
            return vec![(ARP_OPERATION, REQUEST)];
        }
        let asks_or_tells = match (self.kind, self.family, self.toward) {
            (Kind::Packets | Kind::Routed, ..) | (_, Family::V4, _) => return Vec::new(),
            (Kind::Resolution, _, Toward::Phone) => ADVERTISEMENT,
            (Kind::Resolution | Kind::Asking | Kind::Names(_) | Kind::RoutedNames(_), ..) => SOLICITATION,
        };
        vec![(NEXT_HEADER, ICMP_V6), (ICMP_TYPE, asks_or_tells)]
    }

    /// What a key is made of, in its order.
    fn parts(self) -> [Part; 2] {
        let phone = match self.toward {
            Toward::Server => Part::mac(6),
            Toward::Phone => Part::mac(0),
        };
        let address = |offset| Part::address(self.family, offset);
        // Sender and target of ARP; source and target of neighbour discovery; source and destination of packets.
        let (source, target) = match (self.kind, self.family) {
            (Kind::Packets | Kind::Routed | Kind::RoutedNames(_), Family::V4) => (address(12), address(16)),
            (Kind::Packets | Kind::Routed | Kind::RoutedNames(_), Family::V6) => (address(8), address(24)),
            (_, Family::V4) => (address(14), address(24)),
            (_, Family::V6) => (address(8), address(48)),
        };
        match (self.kind, self.family, self.toward) {
            (Kind::Names(_), ..) => [phone, Part::port(self.family)],
            (Kind::RoutedNames(_), ..) => [source, Part::port(self.family)],
            (Kind::Asking | Kind::Routed, ..) => [source, target],
            // An advertisement tells the address of its target, whoever sends it.
            (Kind::Resolution, Family::V6, Toward::Phone) => [target, phone],
            (_, _, Toward::Server) => [phone, target],
            (_, _, Toward::Phone) => [source, phone],
        }
    }
}

/// A part of a key.
#[derive(Debug, Clone, Copy)]
struct Part {
    field: Field,
    /// The number that `nft` knows its type by.
    shown: u32,
}

impl Part {
    fn mac(offset: u32) -> Self {
        Self { field: Field { base: LINK, offset, len: 6 }, shown: 9 }
    }

    /// The port that a packet goes to whose header has no options, behind none of which anybody asks for names.
    fn port(family: Family) -> Self {
        let offset = if family == Family::V4 { 22 } else { 42 };
        Self { field: Field { base: NETWORK, offset, len: 2 }, shown: 13 }
    }

    fn address(family: Family, offset: u32) -> Self {
        let (len, shown) = match family {
            Family::V4 => (4, 7),
            Family::V6 => (16, 8),
        };
        Self { field: Field { base: NETWORK, offset, len }, shown }
    }
}

/// Bytes in a register.
const REGISTER: u32 = 4;
/// Protocol number of ICMPv6 (RFC 4443 section 1).
const ICMP_V6: u8 = 58;
/// `NFT_PAYLOAD_LL_HEADER`.
const LINK: u32 = 0;
/// `NFT_PAYLOAD_NETWORK_HEADER`.
const NETWORK: u32 = 1;
/// `NF_DROP`.
const DROP: u32 = 0;
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// A VLAN tag that is still in the frame (IEEE 802.1Q).
const TAGGED: u16 = 0x8100;
/// Length of the rest of such a tag: its control information and the type of what follows.
const TAG: u32 = 4;

#[derive(Debug, Clone, Copy)]
struct Field {
    base: u32,
    offset: u32,
    len: u32,
}

type Step = ListAttribute<ExpressionAttribute>;

/// The types of frames that there are rules for, and the chains of these.
pub const SORTS: [(u16, &str); 4] = [(IPV4, "ipv4"), (IPV6, "ipv6"), (ARP, "arp"), (TAGGED, "stacked")];

/// The rule that sends frames of a type on to their chain, from which they do not come back.
pub fn sorting(table: &str, chain: &str, (ethertype, to): (u16, &str)) -> Vec<RuleAttribute> {
    let protocol = Meta::Key(MetaKey::EtherTypeProtocol);
    let load = Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), protocol]);
    let go = vec![VerdictAttribute::Code(Verdict::Goto), VerdictAttribute::Chain(to.to_owned())];
    in_chain(table, chain, vec![load.into(), equals(&ethertype.to_be_bytes()), conclude(go)])
}

/// The rule that drops what is in the set of `way`, and the chain that it belongs into; `stacked`: for frames with a second VLAN
/// tag.
pub fn rule(table: &str, way: Way, stacked: bool) -> Vec<RuleAttribute> {
    let mut steps = Vec::new();
    let (sort, deeper) = if stacked { (TAGGED, TAG) } else { (way.ethertype(), 0) };
    let chain = SORTS.iter().find(|(ethertype, _)| *ethertype == sort).map_or("", |(_, chain)| chain);
    if stacked {
        steps.push(load(Field { base: NETWORK, offset: 2, len: 2 }, Register::Reg1));
        steps.push(equals(&way.ethertype().to_be_bytes()));
    }
    for (offset, value) in way.marks() {
        steps.push(load(Field { base: NETWORK, offset: offset + deeper, len: 1 }, Register::Reg1));
        steps.push(equals(&[value]));
    }
    let mut place = 0;
    for Part { mut field, .. } in way.parts() {
        if field.base == NETWORK {
            field.offset += deeper;
        }
        steps.push(load(field, register(place)));
        place += field.len.div_ceil(REGISTER);
    }
    steps.push(
        Expressions::Lookup(vec![Lookup::Set(way.set_name()), Lookup::SourceRegister(Register::Reg32_00)]).into(),
    );
    steps.push(conclude(vec![VerdictAttribute::Code(Verdict::Other(DROP))]));
    in_chain(table, chain, steps)
}

fn in_chain(table: &str, chain: &str, steps: Vec<Step>) -> Vec<RuleAttribute> {
    vec![
        RuleAttribute::Table(table.to_owned()),
        RuleAttribute::Chain(chain.to_owned()),
        RuleAttribute::Expressions(steps),
    ]
}

/// The register of that number, of those of four bytes.
fn register(number: u32) -> Register {
    // `NFT_REG32_00` and those behind it.
    Register::from(8 + number)
}

fn equals(value: &[u8]) -> Step {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(Operator::Equal),
        Cmp::Data(DataAttribute::Value(value.to_vec())),
    ])
    .into()
}

fn load(field: Field, register: Register) -> Step {
    Expressions::Payload(vec![
        Payload::DestinationRegister(register),
        Payload::Base(field.base),
        Payload::Offset(field.offset),
        Payload::Len(field.len),
    ])
    .into()
}

fn conclude(verdict: Vec<VerdictAttribute>) -> Step {
    let verdict = Immediate::Data(DataAttribute::Verdict(verdict));
    Expressions::Immediate(vec![Immediate::DestinationRegister(Register::Verdict), verdict]).into()
}
