//! Joining the two interfaces: first everything is looked at, then changed, the phone side last, since phones start to
//! talk when their link comes up.

use super::{
    canary::PORT_PREFIX,
    link::{Link, Links},
    offload, operator,
    protocol::Refusal,
};
use crate::{config::Network, event::SettingChange};

/// Name of the bridge when the bench names none.
pub const DEFAULT_BRIDGE: &str = "siprig0";

/// The interfaces of a bench, found fit.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Toward the phones.
    pub phone: Link,
    /// Toward the servers.
    pub server: Link,
    /// The bridge, if it is there already.
    pub bridge: Option<Link>,
}

/// What was made of them.
#[derive(Debug, Clone)]
pub struct Joined {
    /// Name of the bridge.
    pub bridge: String,
    /// Its number.
    pub bridge_index: u32,
    /// It was there before.
    pub adopted: bool,
    /// Settings that were changed.
    pub changed: Vec<SettingChange>,
}

/// The name of the bridge to work with.
pub fn bridge_name(network: &Network) -> &str {
    network.bridge.as_deref().unwrap_or(DEFAULT_BRIDGE)
}

/// Looks at the interfaces without changing anything.
///
/// # Errors
/// If one is missing, or they can not be joined without harm.
pub async fn examine(links: &Links, network: &Network) -> Result<Examined, Refusal> {
    let (examined, flaws) = examine_all(links, network).await?;
    flaws.into_iter().next().map_or(Ok(examined), Err)
}

/// The same to the end: everything that keeps them from being joined without harm.
///
/// # Errors
/// If one is missing, so that there is nothing to look at.
pub async fn examine_all(links: &Links, network: &Network) -> Result<(Examined, Vec<Refusal>), Refusal> {
    let phone = find(links, &network.phone_side, "phone-side").await?;
    let server = find(links, &network.server_side, "server-side").await?;
    let sides = [(&network.phone_side, &phone), (&network.server_side, &server)];
    let bridge = look_up(links, bridge_name(network)).await?;
    if phone.index == server.index {
        return Err(unfit(network, "both sides are the same interface", "name two interfaces under [network]"));
    }
    let mut flaws = Vec::new();
    for (name, link) in sides {
        if !link.ethernet {
            let reason = format!("`{name}` is no Ethernet interface");
            flaws.push(unfit(network, &reason, "name an Ethernet interface under [network]"));
        }
        let busy = link.controller.filter(|of| Some(*of) != bridge.as_ref().map(|bridge| bridge.index));
        if busy.is_some() {
            let reason = format!("`{name}` is a port of another bridge or bond");
            let remedy = format!("name that bridge as `bridge` under [network], or run `ip link set {name} nomaster`");
            flaws.push(unfit(network, &reason, &remedy));
        }
    }
    if phone.mtu != server.mtu {
        let reason = format!(
            "`{}` has an MTU of {} and `{}` one of {}",
            network.phone_side, phone.mtu, network.server_side, server.mtu
        );
        let remedy = format!("run `ip link set {} mtu {}`", network.phone_side, server.mtu);
        flaws.push(unfit(network, &reason, &remedy));
    }
    flaws.extend(refuse_management(links, network, &sides).await.err());
    flaws.extend(refuse_session(links, network, &sides, bridge.as_ref()).await.err());
    flaws.extend(refuse_foreign_bridge(links, network, bridge.as_ref(), [phone.index, server.index]).await.err());
    Ok((Examined { phone, server, bridge }, flaws))
}

async fn refuse_management(links: &Links, network: &Network, sides: &[(&String, &Link); 2]) -> Result<(), Refusal> {
    let routes = links.default_route_interfaces().await.map_err(|error| Refusal::from_io("read the routes", &error))?;
    match sides.iter().find(|(_, link)| routes.contains(&link.index)) {
        Some((name, _)) => Err(unfit(
            network,
            &format!("the default route goes through `{name}`: this machine would lose its network"),
            "use another interface for the rig",
        )),
        None => Ok(()),
    }
}

/// Whoever is logged in through the interfaces must not cut himself off.
async fn refuse_session(
    links: &Links,
    network: &Network,
    sides: &[(&String, &Link); 2],
    bridge: Option<&Link>,
) -> Result<(), Refusal> {
    let Some(session) = operator::session_address() else { return Ok(()) };
    let addresses = links.addresses().await.map_err(|error| Refusal::from_io("read the addresses", &error))?;
    let name = bridge_name(network).to_owned();
    let all = sides.iter().copied().chain(bridge.map(|bridge| (&name, bridge)));
    let carries = |link: &Link| addresses.iter().any(|(of, address)| *of == link.index && *address == session);
    match all.into_iter().find(|(_, link)| carries(link)) {
        Some((name, _)) => Err(unfit(
            network,
            &format!("your own session (SSH to {session}) comes in at `{name}`: you would cut yourself off"),
            "log in through another interface, or use others for the rig",
        )),
        None => Ok(()),
    }
}

async fn refuse_foreign_bridge(
    links: &Links,
    network: &Network,
    bridge: Option<&Link>,
    sides: [u32; 2],
) -> Result<(), Refusal> {
    let Some(bridge) = bridge else { return Ok(()) };
    let name = bridge_name(network);
    if !bridge.bridge {
        let reason = format!("`{name}` exists and is no bridge");
        return Err(unfit(network, &reason, "give the bridge another name under [network]"));
    }
    let ports = links.ports_of(bridge.index).await.map_err(|error| Refusal::from_io("list ports", &error))?;
    let stranger = ports.iter().find(|(index, port)| !sides.contains(index) && !port.starts_with(PORT_PREFIX));
    if let Some((_, port)) = stranger
        && network.bridge.is_none()
    {
        let reason = format!("`{name}` joins another interface already, `{port}`");
        return Err(unfit(network, &reason, "name a bridge of its own for this bench: `bridge` under [network]"));
    }
    Ok(())
}

/// Puts both interfaces on the bridge, which is created if it is not there. The phone side is left as it is: down, if it
/// was down.
///
/// # Errors
/// If the kernel refuses.
pub async fn join(links: &Links, network: &Network, examined: &Examined) -> Result<Joined, Refusal> {
    let bridge = bridge_name(network).to_owned();
    let failed = |error: std::io::Error| {
        Refusal::from_io(format!("join `{}` and `{}`", network.phone_side, network.server_side), &error)
    };
    let mut changed = Vec::new();
    for interface in [&network.phone_side, &network.server_side] {
        changed.extend(offload::disable(interface).map_err(failed)?);
    }
    let adopted = examined.bridge.is_some();
    if !adopted {
        links.create_bridge(&bridge).await.map_err(failed)?;
    }
    let made = links.find(&bridge).await.map_err(failed)?;
    let bridge_index = made.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?.index;
    links.configure_bridge(bridge_index).await.map_err(failed)?;
    for link in [&examined.server, &examined.phone] {
        if link.controller == Some(bridge_index) {
            // One without a link can not be opened, and need not be.
            let _ = links.open_port(link.index).await;
        } else {
            links.attach(link.index, bridge_index).await.map_err(failed)?;
        }
    }
    if let Some((address, prefix)) = network.probe_address {
        let index = match &network.probe_interface {
            Some(name) => find(links, name, "probe-interface").await?.index,
            None => bridge_index,
        };
        links.add_address(index, address, prefix).await.map_err(failed)?;
    }
    links.up(examined.server.index).await.map_err(failed)?;
    Ok(Joined { bridge, bridge_index, adopted, changed })
}

/// The interface of that name, which `key` under [network] gives.
///
/// # Errors
/// If there is none.
pub(super) async fn find(links: &Links, name: &str, key: &str) -> Result<Link, Refusal> {
    look_up(links, name).await?.ok_or_else(|| Refusal::MissingInterface {
        interface: name.to_owned(),
        remedy: format!("`ip link` lists what there is; plug it in, or correct `{key}` under [network]"),
    })
}

async fn look_up(links: &Links, name: &str) -> Result<Option<Link>, Refusal> {
    links.find(name).await.map_err(|error| Refusal::from_io(format!("look at interface `{name}`"), &error))
}

fn unfit(network: &Network, reason: &str, remedy: &str) -> Refusal {
    Refusal::Unfit {
        operation: format!("join `{}` and `{}`", network.phone_side, network.server_side),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    }
}
