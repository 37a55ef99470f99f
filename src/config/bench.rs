//! The bench file: one lab set-up. The names of its keys are a contract with other people's files.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    identity::{Identity, Mac},
    licences::Licences,
    model::Timers,
    pbx::PbxSetting,
    peer::Peer,
    phone_files::PhoneFiles,
    port::PortAddress,
    witness::{ServerWitness, WatchedPage},
};
use crate::{
    event::{Course, LinkSide, Manner, PbxName, PhoneName, ServerName},
    wire::dns::Name,
};

/// How long a file of the capture may become unless a bench says otherwise, in bytes: hours of many phones' signalling, and
/// little enough for Wireshark.
pub const CAPTURE_SIZE: u64 = 256_000_000;

/// A checked bench: names are unique, references resolve, no two phones share a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// Its name; locks and reports use it.
    pub name: String,
    /// The interface pair; none only for benches that are merely analysed.
    pub network: Option<Network>,
    /// Registrars, in file order.
    pub servers: Vec<Server>,
    /// Devices under test, in file order.
    pub phones: Vec<Phone>,
    /// Where phones send their syslog; none: nobody listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<SocketAddr>,
    /// Where phones call when their registration changes; none: nobody listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_uri: Option<SocketAddr>,
    /// Settings of the PBX that can be changed by commands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pbx: BTreeMap<PbxName, PbxSetting>,
    /// Call partners on the servers' side, in file order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Where the phones' own files are; none: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<PhoneFiles>,
    /// How many licences the PBX has left; none: nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licences: Option<Licences>,
}

impl Bench {
    /// The server of that name.
    pub fn server(&self, name: &ServerName) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == *name)
    }

    /// The controller's own address among the phones, if the bench file gives it one.
    pub fn probe_address(&self) -> Option<IpAddr> {
        self.network.as_ref().and_then(|network| network.probe_address).map(|(address, _)| address)
    }

    /// The server that has this address.
    pub fn server_at(&self, address: IpAddr) -> Option<&Server> {
        self.servers.iter().find(|server| server.addresses.contains(&address))
    }
}

/// The two interfaces between which the rig sits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Interface toward the phones.
    pub phone_side: String,
    /// Interface toward the servers.
    pub server_side: String,
    /// A bridge to adopt; none: one is created and kept.
    pub bridge: Option<String>,
    /// The controller's own address on the bridge, with prefix length.
    pub probe_address: Option<(IpAddr, u8)>,
    /// The interface that has it in place of the bridge: one of a tagged VLAN that is made on the bridge.
    // Not left out where there is none: the helper is told of it in a form that has no names.
    #[serde(default)]
    pub probe_interface: Option<String>,
    /// VLAN of phones and servers unless they name their own.
    pub vlan: Option<u16>,
    /// Devices that no outage may touch.
    pub protected: Vec<Mac>,
    /// Where a file of the capture ends and the next begins, in bytes.
    #[serde(default = "capture_size")]
    pub capture_size: u64,
}

impl Network {
    /// Of a bench that says no more than which interfaces it sits between.
    pub fn between(phone_side: &str, server_side: &str) -> Self {
        Self {
            phone_side: phone_side.to_owned(),
            server_side: server_side.to_owned(),
            bridge: None,
            probe_address: None,
            probe_interface: None,
            vlan: None,
            protected: Vec::new(),
            capture_size: CAPTURE_SIZE,
        }
    }

    /// The interface of a side.
    pub fn interface_of(&self, side: LinkSide) -> &str {
        match side {
            LinkSide::Server => &self.server_side,
            LinkSide::Phone => &self.phone_side,
        }
    }
}

fn capture_size() -> u64 {
    CAPTURE_SIZE
}

/// What a server is to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Where the line belongs.
    Primary,
    /// Where it goes when the primary is away.
    Backup,
    /// Neither.
    Other,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
            Self::Other => "other",
        })
    }
}

/// A registrar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name.
    pub name: ServerName,
    /// Its role for lines that name no servers of their own.
    pub role: Role,
    /// Its addresses, at least one.
    pub addresses: Vec<IpAddr>,
    /// Ports by service: `sip`, `xml`, `provisioning`, …; `sip` always exists and is not empty.
    pub services: BTreeMap<String, Vec<u16>>,
    /// Its names in DNS, by which phones may find it: those of hosts, and of domains whose services it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name>,
    /// The router between the bridge and it; none: it may be on the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// What stops and starts it; none: it can only be cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
    /// Its own list of who is registered there, a further witness; none: it is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<ServerWitness>,
}

/// Commands that stop and start a server. They are run as they are, by no shell, with the rights of who runs siprig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Program and arguments of what stops it. It ends when the server is stopped.
    pub stop: Vec<String>,
    /// Program and arguments of what starts it. It ends when the server answers, and does no harm where it runs already.
    pub start: Vec<String>,
    /// Each is killed after this time, with all that it has started in its process group.
    #[serde(with = "super::duration")]
    pub limit: Duration,
}

impl Server {
    /// Its SIP ports.
    pub fn sip_ports(&self) -> &[u16] {
        self.services.get("sip").map_or(&[5060], Vec::as_slice)
    }

    /// What keeps an outage from beginning at this server, if anything: what is about the link needs it there, and what is about
    /// names needs some. `all`: the servers of its bench.
    pub fn lacks_for(&self, course: &Course, all: &[Self]) -> Option<String> {
        let has = |manner| course.phases.iter().any(|phase| phase.manner == manner);
        if has(Manner::Nameless) && self.names.is_empty() {
            return Some(format!("needs the names of server {}: the bench file says none, as `names`", self.name));
        }
        let flaw = self.off_link(all).filter(|_| has(Manner::Unresolvable))?;
        Some(format!("needs a server on the link: {flaw}"))
    }

    /// Why its link-layer address can not be taken away: it is behind a router, which others are behind as well. `all`: the
    /// servers of its bench.
    fn off_link(&self, all: &[Self]) -> Option<String> {
        let gateway = self.gateway?;
        let others = all.iter().filter(|other| other.name != self.name && other.gateway == self.gateway);
        let others: Vec<String> = others.map(|other| format!("server {}", other.name)).collect();
        let also = if others.is_empty() {
            "everything behind it".to_owned()
        } else {
            format!("{}, and everything else behind it", others.join(", "))
        };
        Some(format!(
            "server {} is behind the gateway {gateway}, whose link-layer address is the one that phones ask for; without it \
             {also} would be cut off as well",
            self.name
        ))
    }
}

/// A device under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phone {
    /// Its name.
    pub name: PhoneName,
    /// Name (or path) of its model; a key of [`Plan::models`](super::Plan::models).
    pub model: String,
    /// What it is known by on the wire.
    #[serde(flatten)]
    pub identity: Identity,
    /// Its address, if it is fixed; otherwise learnt. The first of a phone that is behind a router.
    pub address: Option<IpAddr>,
    /// Its SIP accounts that register, in file order.
    pub lines: Vec<Line>,
    /// Its serial console.
    pub console: Option<ConsolePort>,
    /// What presses its keys.
    pub keypad: Option<Keypad>,
    /// Where it takes XML objects that are pushed to it; none: it takes none, or nobody has allowed it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<SocketAddr>,
    /// Its status page, a further witness; none: it is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_page: Option<WatchedPage>,
    /// Its timers: those of the model under those of the bench file.
    pub timers: Timers,
}

/// A SIP account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The extension: user part of its address of record.
    pub extension: String,
    /// Whether it registers at all: a registrar of 0.0.0.0 is off.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub registers: bool,
    /// Where it belongs.
    pub primary: ServerName,
    /// Where it goes when that is away; none: the line has no backup, which a bench file with a backup server for all
    /// others says as `backup = "none"`.
    pub backup: Option<ServerName>,
    /// Where its calls and subscriptions go; none: where it registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Proxies>,
    /// Domain of its address of record, if it matters.
    pub domain: Option<String>,
    /// User name for digest authentication, where it differs from the extension.
    pub auth_user: Option<String>,
    /// File that holds its password.
    pub password_file: Option<PathBuf>,
    /// File that holds the PIN its user logs on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_file: Option<PathBuf>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl Line {
    /// Its server in a role.
    pub fn server_in(&self, role: Role) -> Option<&ServerName> {
        match role {
            Role::Primary => Some(&self.primary),
            Role::Backup => self.backup.as_ref(),
            Role::Other => None,
        }
    }

    /// What this server is to the line.
    pub fn role_of(&self, server: &ServerName) -> Role {
        if self.primary == *server {
            Role::Primary
        } else if self.backup.as_ref() == Some(server) {
            Role::Backup
        } else {
            Role::Other
        }
    }
}

/// The servers of a line's calls and subscriptions, where these are not its registrars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxies {
    /// The one that is asked first.
    pub primary: ServerName,
    /// The one that is asked when that is away.
    pub backup: Option<ServerName>,
}

/// A serial console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolePort {
    /// Where it is.
    pub port: PortAddress,
    /// Bit rate.
    pub baud: u32,
    /// Who logs on, where the phone asks for that; none: whom its model names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File that holds the password for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

impl ConsolePort {
    /// A console where nobody has to log on.
    pub fn at(port: PortAddress, baud: u32) -> Self {
        Self { port, baud, user: None, password_file: None }
    }
}

/// What presses a phone's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Keypad {
    /// A key matrix board that speaks KP1 (see `docs/kp1.md`).
    Kp1 {
        /// Device path of the board.
        port: PathBuf,
        /// Which phone of the board, from 1.
        unit: u8,
    },
    /// The phone's own XML interface, at [`Phone::push`].
    Xml,
    /// The phone's web interface, by requests for addresses that stand for keys.
    Url {
        /// Where it is.
        at: SocketAddr,
        /// Who asks (RFC 7617, RFC 7616); none: nobody in particular.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// File that holds the password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
    },
    /// The phone's console, where something is typed for each key.
    Console,
    /// A FIFO that takes Linux input events, as baresip's `evdev_device`.
    Evdev {
        /// Its path.
        fifo: PathBuf,
    },
}

impl Keypad {
    /// What it is called in bench files.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kp1 { .. } => "kp1",
            Self::Xml => "xml",
            Self::Url { .. } => "url",
            Self::Console => "console",
            Self::Evdev { .. } => "evdev",
        }
    }

    /// Path of the board, or of the FIFO; none: there is nothing to open.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Evdev { fifo } => Some(fifo),
            other => other.board(),
        }
    }

    /// Device path of the board; none: there is no board.
    pub fn board(&self) -> Option<&Path> {
        match self {
            Self::Kp1 { port, .. } => Some(port),
            Self::Xml | Self::Url { .. } | Self::Console | Self::Evdev { .. } => None,
        }
    }
}
