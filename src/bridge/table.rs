//! The kernel's half of an outage: an nftables table of the bridge family that drops, in *forward*, every IP packet
//! between a declared MAC and a declared address, or what they find each other by, or what the phone asks name servers.
//!
//! Two safeguards keep a dead or hanging helper from stranding phones. The table has the owner flag: it vanishes with our
//! socket. And the elements of its sets expire unless they are renewed ([`LEASE`]).

use std::{collections::BTreeSet, io, net::IpAddr, os::fd::FromRawFd, time::Duration};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterProtoFamily,
    nftables::{
        ChainAttribute, ChainMessage, DataAttribute, Hook, InetHookNumber, ListAttribute, NfTablesMessage, RuleMessage,
        SetAttribute, SetElementAttribute, SetElementList, SetElementMessage, SetFlags, SetMessage, TableAttribute,
        TableFlags, TableMessage,
    },
    none::ControlMessage,
};
use nix::fcntl::{FcntlArg, fcntl};
use rtnetlink::sys::{Socket, protocols::NETLINK_NETFILTER};

use super::{
    expression::{self, Kind, Way},
    protocol::Refusal,
    survey,
};
use crate::{config::Mac, event::Toward, wire::dns};

/// An element that is not renewed for this long stops dropping. A helper that hangs gives phones their network back within a
/// second; one that waits for a busy processor or disk should not.
pub const LEASE: Duration = Duration::from_millis(900);
/// How often elements are renewed.
pub const RENEWAL: Duration = Duration::from_millis(100);

/// How often a table that is held is tried again, each [`RENEWAL`].
const PATIENCE: u32 = 10;

/// What the names of tables begin with; the name of the bridge follows.
pub const NAME_PREFIX: &str = "siprig-";

const CHAIN: &str = "forward";
/// Policy of a chain: accept what no rule drops (`NF_ACCEPT`).
const ACCEPT: u32 = 1;
/// Runs before the filters that somebody else may have on the bridge (`NF_BR_PRI_FILTER_BRIDGED`, -200).
const PRIORITY: i32 = -210;

/// What the kernel shall give up: something between one phone and one address of a server, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Every packet.
    Packets {
        /// The phone.
        phone: Mac,
        /// The server.
        server: IpAddr,
    },
    /// What asks for the server's link-layer address, and what tells it.
    Resolution {
        /// The phone.
        phone: Mac,
        /// The server.
        server: IpAddr,
    },
    /// What the phone asks any name server.
    Names {
        /// The phone.
        phone: Mac,
    },
    /// Every packet of a phone that is behind a router.
    Routed {
        /// The phone.
        phone: IpAddr,
        /// The server, of the same family.
        server: IpAddr,
    },
    /// What such a phone asks any name server.
    RoutedNames {
        /// The phone.
        phone: IpAddr,
    },
    /// What asks everybody for the phone's link-layer address.
    Asking {
        /// The phone.
        phone: IpAddr,
        /// The server, of the same family.
        server: IpAddr,
    },
}

impl Path {
    /// Its key in a set: each part padded to four bytes, as the kernel loads them into registers. None: it is of others.
    fn key(self, way: Way) -> Option<Vec<u8>> {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let padded = |mac: Mac| [&mac.0[..], &[0, 0]].concat();
        let port = || [&dns::PORT.to_be_bytes()[..], &[0, 0]].concat();
        let is_of = |kind: Kind, address: IpAddr| way.kind == kind && way.is_of(address);
        let of_it = match self {
            Self::Packets { server, .. } => is_of(Kind::Packets, server),
            Self::Routed { server, .. } => is_of(Kind::Routed, server),
            Self::Resolution { server, .. } => is_of(Kind::Resolution, server),
            Self::Asking { server, .. } => is_of(Kind::Asking, server),
            Self::Names { .. } => matches!(way.kind, Kind::Names(_)),
            Self::RoutedNames { phone } => matches!(way.kind, Kind::RoutedNames(_)) && way.is_of(phone),
        };
        let parts = match self {
            Self::Asking { phone, server } => [octets(server), octets(phone)],
            Self::Names { phone } => [padded(phone), port()],
            Self::RoutedNames { phone } => [octets(phone), port()],
            Self::Routed { phone, server } => match way.toward {
                Toward::Server => [octets(phone), octets(server)],
                Toward::Phone => [octets(server), octets(phone)],
            },
            Self::Packets { phone, server } | Self::Resolution { phone, server } => match way.toward {
                Toward::Server => [padded(phone), octets(server)],
                Toward::Phone => [octets(server), padded(phone)],
            },
        };
        of_it.then(|| parts.concat())
    }
}

/// Which phones a table can be about. Every frame that the bridge forwards passes its rules, so that it has no more than are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phones {
    /// Those on the link.
    OnLink,
    /// Those behind a router as well.
    Routed,
}

impl Phones {
    const fn ways(self) -> &'static [Way] {
        match self {
            Self::OnLink => Way::ON_LINK,
            Self::Routed => Way::ALL,
        }
    }
}

/// The table, while our socket lives.
#[derive(Debug)]
pub struct Table {
    socket: Socket,
    name: String,
    ways: &'static [Way],
    sequence: u32,
    paths: BTreeSet<Path>,
}

impl Table {
    /// Creates the table, empty: nothing is dropped yet.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if another helper holds the table; else if the kernel forbids it or is older than 5.12 (no owner
    /// flag).
    pub async fn create(bridge: &str, phones: Phones) -> Result<Self, Refusal> {
        let mut tries = 0;
        loop {
            let mut table = Self::open(bridge, phones.ways()).map_err(refusal)?;
            let layout = table.layout();
            match table.commit(layout) {
                Ok(()) => return Ok(table),
                Err(error) if !is_held(&error) => return Err(refusal(error)),
                Err(error) if Self::probe().is_err() => return Err(refusal(error)),
                Err(_) if tries == PATIENCE => return Err(Refusal::Busy { bridge: bridge.to_owned() }),
                Err(_) => tries += 1,
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "the table of a process that was killed just now takes a moment to go"
            )]
            tokio::time::sleep(RENEWAL).await;
        }
    }

    /// Removes the table of a bridge that nobody owns: no helper of ours makes such, and none can work while it is there. What it
    /// is called, if it was removed.
    pub fn remove_unowned(bridge: &str) -> Option<String> {
        if !survey::is_unowned(bridge) {
            return None;
        }
        let mut table = Self::open(bridge, &[]).ok()?;
        let attributes = vec![TableAttribute::Name(table.name.clone())];
        let removed = table.commit(vec![(0, NfTablesMessage::DeleteTable(TableMessage { attributes }))]);
        removed.ok().map(|()| format!("outage table {}", table.name))
    }

    /// Asks the kernel whether it would create such a table: a transaction without its end is checked and thrown away.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn probe() -> Result<(), Refusal> {
        let mut table = Self::open("probe", Way::ALL).map_err(refusal)?;
        let layout = table.layout();
        table.transact(layout, Outcome::ThrowAway).map_err(refusal)
    }

    fn open(bridge: &str, ways: &'static [Way]) -> io::Result<Self> {
        let mut socket = first_to_close(&Socket::new(NETLINK_NETFILTER)?)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket, name: format!("{NAME_PREFIX}{bridge}"), ways, sequence: 1, paths: BTreeSet::new() })
    }

    /// Table, sets, chain and rules.
    fn layout(&self) -> Vec<(u16, NfTablesMessage)> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let table = TableMessage {
            attributes: vec![TableAttribute::Name(self.name.clone()), TableAttribute::Flags(TableFlags::Owner)],
        };
        let hook = vec![Hook::Number(InetHookNumber::Forward.into()), Hook::Priority(PRIORITY.cast_unsigned())];
        let chain = ChainMessage {
            attributes: vec![
                ChainAttribute::Table(self.name.clone()),
                ChainAttribute::Name(CHAIN.to_owned()),
                ChainAttribute::Hook(hook),
                ChainAttribute::Policy(ACCEPT),
                ChainAttribute::Type("filter".to_owned()),
            ],
        };
        let mut messages = vec![(flags, NfTablesMessage::NewTable(table)), (flags, NfTablesMessage::NewChain(chain))];
        for sort in expression::SORTS {
            let (_, name) = sort;
            let attributes = vec![ChainAttribute::Table(self.name.clone()), ChainAttribute::Name(name.to_owned())];
            messages.push((flags, NfTablesMessage::NewChain(ChainMessage { attributes })));
            let attributes = expression::sorting(&self.name, CHAIN, sort);
            messages.push((NLM_F_CREATE, NfTablesMessage::NewRule(RuleMessage { attributes })));
        }
        for (id, way) in (1..).zip(self.ways.iter().copied()) {
            messages.push((flags, NfTablesMessage::NewSet(self.set(way, id))));
            for stacked in [false, true] {
                let attributes = expression::rule(&self.name, way, stacked);
                messages.push((NLM_F_CREATE, NfTablesMessage::NewRule(RuleMessage { attributes })));
            }
        }
        messages
    }

    fn set(&self, way: Way, id: u32) -> SetMessage {
        SetMessage {
            attributes: vec![
                SetAttribute::Table(self.name.clone()),
                SetAttribute::Name(way.set_name()),
                SetAttribute::Flags(SetFlags::Timeout),
                SetAttribute::KeyType(way.key_type()),
                SetAttribute::KeyLen(way.key_len()),
                SetAttribute::Id(id),
                SetAttribute::Timeout(lease_ms()),
            ],
        }
    }

    /// Makes exactly these paths dropped, in one transaction.
    ///
    /// # Errors
    /// If the kernel refuses; then nothing has changed.
    pub fn replace(&mut self, paths: BTreeSet<Path>) -> io::Result<()> {
        let mut messages = self.elements(&self.paths, Change::Delete);
        messages.extend(self.elements(&paths, Change::Add));
        self.commit(messages)?;
        self.paths = paths;
        Ok(())
    }

    /// Renews the lease of every path.
    ///
    /// # Errors
    /// If an element had already expired, among others: then the kernel forwards, and so it stays.
    pub fn renew(&mut self) -> io::Result<()> {
        self.replace(self.paths.clone())
    }

    /// Forgets every path after their lease has lapsed, without telling the kernel.
    pub fn forget(&mut self) {
        self.paths.clear();
    }

    /// Whether any path is dropped.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn elements(&self, paths: &BTreeSet<Path>, change: Change) -> Vec<(u16, NfTablesMessage)> {
        let mut messages = Vec::new();
        for way in self.ways.iter().copied() {
            let elements: Vec<_> = paths
                .iter()
                .filter_map(|path| path.key(way))
                .map(|key| {
                    let mut attributes = vec![SetElementAttribute::Key(DataAttribute::Value(key))];
                    if change == Change::Add {
                        attributes.push(SetElementAttribute::Timeout(lease_ms()));
                    }
                    ListAttribute::Element(attributes)
                })
                .collect();
            if elements.is_empty() {
                continue;
            }
            let message = SetElementMessage {
                attributes: vec![
                    SetElementList::Table(self.name.clone()),
                    SetElementList::Set(way.set_name()),
                    SetElementList::Elements(elements),
                ],
            };
            messages.push(match change {
                Change::Add => (NLM_F_CREATE | NLM_F_EXCL, NfTablesMessage::NewSetElement(message)),
                Change::Delete => (0, NfTablesMessage::DeleteSetElement(message)),
            });
        }
        messages
    }

    fn commit(&mut self, messages: Vec<(u16, NfTablesMessage)>) -> io::Result<()> {
        self.transact(messages, Outcome::Keep)
    }

    /// Sends one transaction. The kernel has carried it out, or refused it as a whole, when `send` returns.
    fn transact(&mut self, messages: Vec<(u16, NfTablesMessage)>, outcome: Outcome) -> io::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let count = messages.len();
        let mut batch = Vec::new();
        self.append(&mut batch, NLM_F_REQUEST, control(ControlMessage::BatchBegin));
        for (flags, message) in messages {
            let header = NetfilterHeader::new(NetfilterProtoFamily::Bridge, 0, 0);
            self.append(&mut batch, NLM_F_REQUEST | NLM_F_ACK | flags, NetfilterMessage::new(header, message));
        }
        if outcome == Outcome::Keep {
            self.append(&mut batch, NLM_F_REQUEST, control(ControlMessage::BatchEnd));
        }
        self.socket.send(&batch, 0)?;
        self.read_answers(count)
    }

    fn append(&mut self, batch: &mut Vec<u8>, flags: u16, message: NetfilterMessage) {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        message.finalize();
        let start = batch.len();
        batch.resize(start + message.buffer_len(), 0);
        if let Some(space) = batch.get_mut(start..) {
            message.serialize(space);
        }
    }

    /// Every message of a transaction is acknowledged or refused on its own; all answers are there already.
    fn read_answers(&mut self, mut expected: usize) -> io::Result<()> {
        let mut refused = None;
        while expected > 0 {
            let (answer, _) = match self.socket.recv_from_full() {
                Ok(answer) => answer,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            if let Some(code) = error_code(&answer) {
                expected -= 1;
                refused = refused.or((code != 0).then(|| io::Error::from_raw_os_error(-code)));
            }
        }
        match refused {
            Some(error) => Err(error),
            None if expected > 0 => Err(io::Error::other("the kernel did not acknowledge the transaction")),
            None => Ok(()),
        }
    }
}

/// The same socket with a high descriptor. The kernel closes those of a process that dies from the highest down, and
/// takes some 10 ms over each packet socket: the table must not wait for them.
fn first_to_close(socket: &Socket) -> io::Result<Socket> {
    const HIGH: i32 = 200;
    let copy = fcntl(socket, FcntlArg::F_DUPFD_CLOEXEC(HIGH))?;
    // SAFETY: the copy was made just now and is nobody else's.
    Ok(unsafe { Socket::from_raw_fd(copy) })
}

/// A table that somebody else owns is forbidden to us, like everything without privileges.
fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EEXIST))
}

fn refusal(error: io::Error) -> Refusal {
    let operation = "create the outage table (nftables, bridge family)".to_owned();
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::ENOENT | libc::EAFNOSUPPORT | libc::EINVAL) => Refusal::Unfit {
            operation,
            reason: error.to_string(),
            remedy: "use a kernel from 5.12 on with nf_tables for bridges (`modprobe nf_tables_bridge`)".to_owned(),
        },
        _ => Refusal::from_io(operation, &error),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Keep,
    ThrowAway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Delete,
}

fn control(message: ControlMessage) -> NetfilterMessage {
    let subsystem = u16::try_from(libc::NFNL_SUBSYS_NFTABLES).unwrap_or(0);
    NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, subsystem), message)
}

/// The code of an acknowledgement (0) or refusal (negative).
fn error_code(bytes: &[u8]) -> Option<i32> {
    let message = NetlinkMessage::<NetfilterMessage>::deserialize(bytes).ok()?;
    match message.payload {
        NetlinkPayload::Error(error) => Some(error.code.map_or(0, i32::from)),
        _ => None,
    }
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}
