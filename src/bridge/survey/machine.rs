//! What the machine tells of the two interfaces and of their bridge, for [`wiring`](crate::wiring) to judge. It comes from the
//! kernel's own messages and not from sysfs, which may show another network namespace.

use std::{collections::BTreeMap, io, net::IpAddr, time::Duration};

use rtnetlink::packet_route::link::{
    BridgePortState, BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoPortData, LinkAttribute, LinkInfo,
    LinkMessage,
};

use super::{chains, is_link_local};
use crate::{
    bridge::{
        join::bridge_name,
        link::{Link, Links, name_of},
        offload, operator,
    },
    config::Network,
    wiring::{
        firewall::{Family, Firewall, Shown},
        machine::{Bridge, Forwarding, LinkState, Machine, Port},
    },
};

/// Looks at the two interfaces and what is around them. Needs no privileges, but for the rules of the firewall.
///
/// # Errors
/// If the kernel does not tell of its interfaces.
pub async fn machine(network: &Network) -> io::Result<Machine> {
    let links = Links::connect()?;
    let all: BTreeMap<String, LinkMessage> =
        links.messages().await?.into_iter().filter_map(|message| Some((name_of(&message)?, message))).collect();
    let addresses = links.addresses().await?;
    let routes = links.default_route_interfaces().await?;
    let session = operator::session_address();
    let port = |name: &String| {
        let mut port = port(name, all.get(name)?, &addresses);
        let is_route = all.get(name).is_some_and(|message| routes.contains(&message.header.index));
        port.is_yours = is_route || session.is_some_and(|session| port.addresses.contains(&session));
        Some(port)
    };
    let ports = [port(&network.phone_side), port(&network.server_side)];
    let name = bridge_name(network);
    let bridge = all.get(name).filter(|message| Link::from(*message).bridge).map(|message| bridge(name, message));
    let mut shown = chains::shown();
    shown.extend(bridge.iter().flat_map(|(_, shown)| shown.clone()));
    let firewall = Firewall { shown, chains: chains::look() };
    Ok(Machine { ports, bridge: bridge.map(|(bridge, _)| bridge), firewall })
}

fn port(name: &str, message: &LinkMessage, addresses: &[(u32, IpAddr)]) -> Port {
    let link = Link::from(message);
    let own = addresses.iter().filter(|(index, address)| *index == link.index && !is_link_local(*address));
    let forwarding = infos(message).find_map(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(settings)) => settings.iter().find_map(|setting| match setting {
            InfoBridgePort::State(state) => Some(of(*state)),
            _ => None,
        }),
        _ => None,
    });
    Port {
        name: name.to_owned(),
        mac: link.mac,
        link: match (link.up, link.carrier) {
            (false, _) => LinkState::Off,
            (true, false) => LinkState::Down,
            (true, true) => LinkState::Up,
        },
        addresses: own.map(|(_, address)| *address).collect(),
        is_yours: false,
        // An interface that has just gone has none.
        offloads: offload::in_force(name).unwrap_or_default(),
        forwarding,
    }
}

const fn of(state: BridgePortState) -> Forwarding {
    match state {
        BridgePortState::Forwarding => Forwarding::Forwarding,
        BridgePortState::Listening => Forwarding::Held("listening"),
        BridgePortState::Learning => Forwarding::Held("learning"),
        BridgePortState::Blocking => Forwarding::Held("blocking"),
        _ => Forwarding::Disabled,
    }
}

/// A bridge, and those of its own settings that show its frames to the firewall.
fn bridge(name: &str, message: &LinkMessage) -> (Bridge, Vec<Shown>) {
    let mut bridge = Bridge {
        name: name.to_owned(),
        mac: Link::from(message).mac,
        spanning_tree: false,
        forward_delay: Duration::ZERO,
        group_forward_mask: 0,
        multicast_snooping: false,
        vlan_filtering: false,
    };
    let mut shown = Vec::new();
    let mut shows = |family, setting: &str| {
        let off = format!("ip link set {name} type bridge {setting} 0");
        shown.push(Shown { family, setting: format!("{setting} of {name}"), off });
    };
    let settings = infos(message).find_map(|info| match info {
        LinkInfo::Data(InfoData::Bridge(settings)) => Some(settings),
        _ => None,
    });
    for setting in settings.into_iter().flatten() {
        match setting {
            InfoBridge::StpState(state) => bridge.spanning_tree = *state != BridgeStpState::Disabled,
            // In hundredths of a second, whatever the kernel's own clock.
            InfoBridge::ForwardDelay(delay) => bridge.forward_delay = Duration::from_millis(10) * *delay,
            InfoBridge::GroupFwdMask(mask) => bridge.group_forward_mask = *mask,
            InfoBridge::MulticastSnooping(on) => bridge.multicast_snooping = *on,
            InfoBridge::VlanFiltering(on) => bridge.vlan_filtering = *on,
            InfoBridge::NfCallIpTables(true) => shows(Family::Ip, "nf_call_iptables"),
            InfoBridge::NfCallIp6Tables(true) => shows(Family::Ip6, "nf_call_ip6tables"),
            InfoBridge::NfCallArpTables(true) => shows(Family::Arp, "nf_call_arptables"),
            _ => {}
        }
    }
    (bridge, shown)
}

fn infos(message: &LinkMessage) -> impl Iterator<Item = &LinkInfo> {
    let infos = message.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    infos.flatten()
}
