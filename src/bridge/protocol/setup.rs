//! What the helper is told of the bench.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Mac, Network},
    wire::dns::Name,
};

/// The first message to the helper: all that it has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Process id of the controller: a helper that has another parent was orphaned at birth and ends.
    pub controller_pid: u32,
    /// The interfaces, as the bench names them.
    pub network: Network,
    /// Devices under test.
    pub phones: Vec<PhoneKey>,
    /// Registrars.
    pub servers: Vec<ServerKey>,
    /// Links may be taken down (`--allow-link-down`).
    pub allow_link_down: bool,
}

impl Setup {
    /// The devices under test whose frames have their MAC.
    pub fn devices(&self) -> Vec<Mac> {
        self.phones.iter().filter_map(PhoneKey::mac).collect()
    }

    /// The addresses of all servers, and of phones behind a router.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let servers = self.servers.iter().flat_map(|server| &server.addresses);
        servers.chain(self.phones.iter().flat_map(PhoneKey::routed)).copied().collect()
    }
}

/// How a phone is known on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PhoneKey {
    /// By its MAC.
    OnLink {
        /// Its identity.
        mac: Mac,
        /// Its address, if it is fixed.
        address: Option<IpAddr>,
    },
    /// By its addresses: it is behind a router.
    Routed {
        /// Its identity: at least one, and nobody else's.
        addresses: Vec<IpAddr>,
        /// Its own MAC is one that no outage may touch.
        protected: bool,
    },
}

impl PhoneKey {
    /// Its MAC, if its frames have it.
    pub const fn mac(&self) -> Option<Mac> {
        match self {
            Self::OnLink { mac, .. } => Some(*mac),
            Self::Routed { .. } => None,
        }
    }

    /// The addresses by which it is known.
    pub fn routed(&self) -> &[IpAddr] {
        match self {
            Self::OnLink { .. } => &[],
            Self::Routed { addresses, .. } => addresses,
        }
    }

    /// An address of that family which it is told to have.
    pub fn address(&self, like: IpAddr) -> Option<IpAddr> {
        let alike = |own: &IpAddr| own.is_ipv4() == like.is_ipv4();
        match self {
            Self::OnLink { address, .. } => address.filter(alike),
            Self::Routed { addresses, .. } => addresses.iter().copied().find(alike),
        }
    }
}

/// How a server is known on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKey {
    /// Its addresses, at least one.
    pub addresses: Vec<IpAddr>,
    /// Its SIP ports, at least one.
    pub sip_ports: Vec<u16>,
    /// The router that the bench puts before it.
    pub gateway: Option<IpAddr>,
    /// Its names.
    pub names: Vec<Name>,
}
