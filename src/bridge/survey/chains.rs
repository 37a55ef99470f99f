//! Chains of this machine's firewall through which what is forwarded goes, and whether bridged frames come to them.

use std::fs;

use netlink_packet_netfilter::{
    NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{ChainAttribute, ChainMessage, Hook, NfTablesMessage},
};

use super::dump;
use crate::{
    bridge::table::NAME_PREFIX,
    wiring::firewall::{Chain, Does, Family, Shown},
};

/// The hook of what is forwarded (`NF_INET_FORWARD`, `NF_BR_FORWARD`), the same in all families.
const FORWARD: u32 = 2;
/// Policy of a chain: drop what no rule accepts (`NF_DROP`).
const DROP: u32 = 0;

/// The settings of `br_netfilter` in this network namespace, each with the family whose rules see bridged frames by it.
const SETTINGS: [(Family, &str); 3] = [
    (Family::Ip, "bridge-nf-call-iptables"),
    (Family::Ip6, "bridge-nf-call-ip6tables"),
    (Family::Arp, "bridge-nf-call-arptables"),
];

/// The settings that show bridged frames to the firewall. Where the module is not loaded there are none.
pub(super) fn shown() -> Vec<Shown> {
    let is_on =
        |name: &str| fs::read_to_string(format!("/proc/sys/net/bridge/{name}")).is_ok_and(|on| on.trim() != "0");
    let in_force = SETTINGS.into_iter().filter(|(_, name)| is_on(name)).map(|(family, name)| {
        let setting = format!("net.bridge.{name}");
        Shown { family, off: format!("sysctl {setting}=0"), setting }
    });
    in_force.collect()
}

/// All chains for what is forwarded, but for siprig's own; or why they can not be read.
pub(super) fn look() -> Result<Vec<Chain>, String> {
    let question = NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() });
    let answers = dump::all(NetfilterProtoFamily::Unspec, question).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => "its rules are told to those with CAP_NET_ADMIN alone".to_owned(),
        _ => format!("its rules can not be read: {error}"),
    })?;
    let mut chains: Vec<Chain> = answers
        .iter()
        .filter_map(|message| match &message.inner {
            NetfilterMessageInner::NfTables(NfTablesMessage::NewChain(chain)) => read(message.header.family, chain),
            _ => None,
        })
        .collect();
    chains.extend(of_old_tables());
    Ok(chains)
}

fn read(family: NetfilterProtoFamily, chain: &ChainMessage) -> Option<Chain> {
    let (family, word) = match family {
        NetfilterProtoFamily::Bridge => (Family::Bridge, "bridge"),
        NetfilterProtoFamily::IPv4 => (Family::Ip, "ip"),
        NetfilterProtoFamily::IPv6 => (Family::Ip6, "ip6"),
        NetfilterProtoFamily::Inet => (Family::Inet, "inet"),
        NetfilterProtoFamily::ARP => (Family::Arp, "arp"),
        _ => return None,
    };
    let (mut table, mut name, mut hook, mut drops, mut rules) = ("", "", None, false, 0);
    for attribute in &chain.attributes {
        match attribute {
            ChainAttribute::Table(it) => table = it,
            ChainAttribute::Name(it) => name = it,
            ChainAttribute::Policy(policy) => drops = *policy == DROP,
            ChainAttribute::Use(count) => rules = *count,
            ChainAttribute::Hook(of) => {
                hook = of.iter().find_map(|it| match it {
                    Hook::Number(number) => Some(u32::from(*number)),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let ours = family == Family::Bridge && table.starts_with(NAME_PREFIX);
    let does = match (drops, rules) {
        (true, _) => Does::Drops,
        (false, 0) => Does::Nothing,
        (false, _) => Does::Rules,
    };
    let found = Chain { family, name: format!("chain {name} of table {word} {table}"), does };
    (hook == Some(FORWARD) && !ours).then_some(found)
}

/// Tables of iptables as it was before nftables: that they are there is told, and what they do is not looked at.
fn of_old_tables() -> Vec<Chain> {
    let old = [(Family::Ip, "ip_tables_names", "iptables"), (Family::Ip6, "ip6_tables_names", "ip6tables")];
    let has_filter = |file: &str| {
        fs::read_to_string(format!("/proc/self/net/{file}")).is_ok_and(|names| names.lines().any(|it| it == "filter"))
    };
    let found = old.into_iter().filter(|(_, file, _)| has_filter(file)).map(|(family, _, program)| Chain {
        family,
        name: format!("the chain FORWARD of {program}-legacy"),
        does: Does::Rules,
    });
    found.collect()
}
