//! The rules of the outage table, in the expressions of nftables (`linux/netfilter/nf_tables.h`).
//!
//! A rule first matches `meta protocol` and not a field of the link header, because that holds for VLAN-tagged frames as
//! well: the kernel has moved the outer tag out of the way by then. A second tag it leaves in place; for such frames there
//! is a variant of each rule that reads four bytes further on.

use netlink_packet_netfilter::nftables::{
    Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Lookup, Meta, MetaKey, Operator,
    Payload, Register, RuleAttribute, Verdict, VerdictAttribute,
};

use crate::event::Toward;

/// IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One of the four sets: frames of one IP version in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// IP version.
    pub family: Family,
    /// Direction.
    pub toward: Toward,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { family: Family::V4, toward: Toward::Server },
        Self { family: Family::V4, toward: Toward::Phone },
        Self { family: Family::V6, toward: Toward::Server },
        Self { family: Family::V6, toward: Toward::Phone },
    ];

    /// Name of its set.
    pub fn set_name(self) -> &'static str {
        match (self.family, self.toward) {
            (Family::V4, Toward::Server) => "to-server-4",
            (Family::V4, Toward::Phone) => "to-phone-4",
            (Family::V6, Toward::Server) => "to-server-6",
            (Family::V6, Toward::Phone) => "to-phone-6",
        }
    }

    /// Length of a key: a MAC address padded to eight bytes, and an IP address.
    pub fn key_len(self) -> u32 {
        8 + self.address().len
    }

    /// The type that the `nft` command shows: six bits for each part.
    pub fn key_type(self) -> u32 {
        const IPV4_ADDRESS: u32 = 7;
        const IPV6_ADDRESS: u32 = 8;
        const ETHER_ADDRESS: u32 = 9;
        let address = match self.family {
            Family::V4 => IPV4_ADDRESS,
            Family::V6 => IPV6_ADDRESS,
        };
        match self.toward {
            Toward::Server => (ETHER_ADDRESS << 6) | address,
            Toward::Phone => (address << 6) | ETHER_ADDRESS,
        }
    }

    fn ethertype(self) -> u16 {
        match self.family {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        }
    }

    /// The phone's MAC address: source toward the server, destination toward the phone.
    fn mac(self) -> Field {
        let offset = match self.toward {
            Toward::Server => 6,
            Toward::Phone => 0,
        };
        Field { base: LINK, offset, len: 6 }
    }

    /// The server's IP address: destination toward the server, source toward the phone.
    fn address(self) -> Field {
        let (offset, len) = match (self.family, self.toward) {
            (Family::V4, Toward::Server) => (16, 4),
            (Family::V4, Toward::Phone) => (12, 4),
            (Family::V6, Toward::Server) => (24, 16),
            (Family::V6, Toward::Phone) => (8, 16),
        };
        Field { base: NETWORK, offset, len }
    }
}

/// `NFT_PAYLOAD_LL_HEADER`.
const LINK: u32 = 0;
/// `NFT_PAYLOAD_NETWORK_HEADER`.
const NETWORK: u32 = 1;
/// `NF_DROP`.
const DROP: u32 = 0;
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

/// The rule that drops what is in the set of `way`; `stacked`: for frames with a second VLAN tag.
pub fn rule(table: &str, chain: &str, way: Way, stacked: bool) -> Vec<RuleAttribute> {
    let mut address = way.address();
    let mut steps = Vec::new();
    if stacked {
        steps.extend(protocol_is(TAGGED));
        steps.push(load(Field { base: NETWORK, offset: 2, len: 2 }, Register::Reg1));
        steps.push(equals(way.ethertype()));
        address.offset += TAG;
    } else {
        steps.extend(protocol_is(way.ethertype()));
    }
    // Registers of four bytes, from 0 on; a MAC address takes two.
    let (mac_at, address_at) = match (way.toward, way.family) {
        (Toward::Server, _) => (Register::Reg32_00, Register::Reg32_02),
        (Toward::Phone, Family::V4) => (Register::Reg32_01, Register::Reg32_00),
        (Toward::Phone, Family::V6) => (Register::Reg32_04, Register::Reg32_00),
    };
    steps.push(load(way.mac(), mac_at));
    steps.push(load(address, address_at));
    steps.push(
        Expressions::Lookup(vec![Lookup::Set(way.set_name().to_owned()), Lookup::SourceRegister(Register::Reg32_00)])
            .into(),
    );
    steps.push(drop());
    vec![
        RuleAttribute::Table(table.to_owned()),
        RuleAttribute::Chain(chain.to_owned()),
        RuleAttribute::Expressions(steps),
    ]
}

fn protocol_is(ethertype: u16) -> [Step; 2] {
    let protocol = Meta::Key(MetaKey::EtherTypeProtocol);
    let load = Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), protocol]);
    [load.into(), equals(ethertype)]
}

fn equals(value: u16) -> Step {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(Operator::Equal),
        Cmp::Data(DataAttribute::Value(value.to_be_bytes().to_vec())),
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

fn drop() -> Step {
    let verdict = DataAttribute::Verdict(vec![VerdictAttribute::Code(Verdict::Other(DROP))]);
    Expressions::Immediate(vec![Immediate::DestinationRegister(Register::Verdict), Immediate::Data(verdict)]).into()
}
