//! How the interfaces of a bench are, and what of siprig's is around them. Nothing is changed.

use std::{fs, io, net::IpAddr, time::Duration};

use super::{
    canary::helper_of,
    clock::monotonic,
    join::bridge_name,
    link::{Link, Links},
    offload,
};
use crate::{config::Network, event::Offload};

mod chains;
mod dump;
mod machine;
mod namespace;
mod tables;

pub use machine::machine;
pub use namespace::namespace;
pub use tables::TableFound;

/// Whether there is an outage table of that bridge which nobody owns. One that can not be looked at is none.
pub fn is_unowned(bridge: &str) -> bool {
    let tables = tables::look().unwrap_or_default();
    tables.iter().any(|table| table.bridge == bridge && table.owner.is_none())
}

/// What a helper process is called among others (`/proc/PID/cmdline`, proc_pid_cmdline(5)).
const HELPER: &[u8] = b"bridge-helper";
/// The kernel takes the port of a process that has ended away in its own time: some milliseconds. What is still there after this is
/// left, and how often it is looked.
const GOING: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What was found.
#[derive(Debug)]
pub struct Survey {
    /// Toward the phones, toward the servers.
    pub sides: [Side; 2],
    /// The bridge that the bench works with; none: it is not there.
    pub bridge: Option<Bridge>,
    /// Siprig's outage tables, of all benches of this network namespace; or why they can not be looked at.
    pub tables: io::Result<Vec<TableFound>>,
    /// Ports for canaries whose helper is gone, wherever they are: name and number.
    pub dead_ports: Vec<(String, u32)>,
}

/// One of the two interfaces.
#[derive(Debug)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// What it is; none: it is not there.
    pub link: Option<Link>,
    /// The bridge (or bond) that it is a port of.
    pub port_of: Option<String>,
    /// Receive offloads that are on.
    pub offloads: Vec<Offload>,
}

/// The bridge between them.
#[derive(Debug)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// What it is.
    pub link: Link,
    /// Names of its ports, but for those of canaries.
    pub ports: Vec<String>,
    /// Names of interfaces that are made on it, as a VLAN is.
    pub uppers: Vec<String>,
    /// Its addresses, but for the one that every interface has for its own link alone.
    pub addresses: Vec<IpAddr>,
}

/// Looks at everything. Needs no privileges, but for the tables. Takes half a second more where an earlier helper has left something.
///
/// # Errors
/// If the kernel does not tell of its interfaces.
pub async fn survey(network: &Network) -> io::Result<Survey> {
    let links = Links::connect()?;
    let mut all = links.all().await?;
    let until = monotonic() + GOING;
    while all.iter().any(|(name, _)| is_dead_port(name)) && monotonic() < until {
        #[expect(clippy::disallowed_methods, reason = "the kernel does not tell ahead what it is about to remove")]
        tokio::time::sleep(LOOK_AGAIN).await;
        all = links.all().await?;
    }
    let named = |name: &str| all.iter().find(|(known, _)| known == name);
    let sides = [&network.phone_side, &network.server_side].map(|name| {
        let link = named(name).map(|(_, link)| link.clone());
        let controller = link.as_ref().and_then(|link| link.controller);
        let port_of = controller.and_then(|index| all.iter().find(|(_, link)| link.index == index));
        Side {
            name: name.clone(),
            // An interface that has just gone has none.
            offloads: link.as_ref().and_then(|_| offload::in_force(name).ok()).unwrap_or_default(),
            port_of: port_of.map(|(name, _)| name.clone()),
            link,
        }
    });
    let bridge = match named(bridge_name(network)) {
        Some((name, link)) => {
            let ports = all.iter().filter(|(port, of)| of.controller == Some(link.index) && !is_canary_port(port));
            let uppers = all.iter().filter(|(_, of)| of.made_on == Some(link.index));
            let addresses = links.addresses().await?.into_iter();
            let addresses = addresses.filter(|(index, address)| *index == link.index && !is_link_local(*address));
            Some(Bridge {
                name: name.clone(),
                link: link.clone(),
                ports: ports.map(|(port, _)| port.clone()).collect(),
                uppers: uppers.map(|(upper, _)| upper.clone()).collect(),
                addresses: addresses.map(|(_, address)| address).collect(),
            })
        }
        None => None,
    };
    let dead = all.iter().filter(|(name, _)| is_dead_port(name));
    let dead_ports = dead.map(|(name, link)| (name.clone(), link.index)).collect();
    Ok(Survey { sides, bridge, tables: tables::look(), dead_ports })
}

/// Names of those of the two interfaces through which a bridge forwards nothing: they are switched off, or have no link.
///
/// # Errors
/// If the kernel does not tell of its interfaces.
pub async fn silent(network: &Network) -> io::Result<Vec<String>> {
    let links = Links::connect()?;
    let mut silent = Vec::new();
    for name in [&network.phone_side, &network.server_side] {
        if !links.find(name).await?.is_some_and(|link| link.running) {
            silent.push(name.clone());
        }
    }
    Ok(silent)
}

/// The number of an interface, and whether it is switched on; none: it is not there.
///
/// # Errors
/// If the kernel does not tell of its interfaces.
pub fn switched_on(interface: &str) -> io::Result<Option<(u32, bool)>> {
    let found = nix::ifaddrs::getifaddrs()?.find(|it| it.interface_name == interface);
    let Some(found) = found else { return Ok(None) };
    let index = nix::net::if_::if_nametoindex(interface)?;
    Ok(Some((index, found.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP))))
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn is_canary_port(name: &str) -> bool {
    helper_of(name).is_some()
}

/// Whether it is a port for canaries whose helper is gone.
fn is_dead_port(name: &str) -> bool {
    helper_of(name).is_some_and(|pid| !is_helper(pid))
}

/// Whether that process is a helper. One that we may not look at is taken for one.
fn is_helper(pid: u32) -> bool {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(words) => words.split(|byte| *byte == 0).any(|word| word == HELPER),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_for_canaries_is_known_by_its_name_and_a_bridge_is_none() {
        assert_eq!(helper_of("siprig-4711"), Some(4711));
        assert_eq!([helper_of("siprig0"), helper_of("siprig-lab"), helper_of("enp3s0")], [None; 3]);
    }

    #[test]
    fn this_process_is_no_helper_and_one_that_is_not_there_neither() {
        assert!(!is_helper(std::process::id()));
        assert!(!is_helper(u32::MAX));
    }
}
