//! The servers: which addresses are one, and who is the primary.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{Book, Noted, called, entry_of, few, is_routable};
use crate::{
    config::Role,
    discovery::{Provisioned, hosts::is_host, line::Line},
    event::Transport,
};

/// Servers that are written.
const MAX_SERVERS: usize = 32;

/// A server as it is written.
#[derive(Debug)]
pub struct DraftServer {
    /// Its name.
    pub name: String,
    /// Its role, and how that is known.
    pub role: Noted<Role>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Ports by service.
    pub services: BTreeMap<&'static str, BTreeSet<u16>>,
    /// What was seen of it.
    pub remarks: Vec<String>,
}

/// A server on its way to that.
#[derive(Debug)]
struct Entry {
    name: String,
    addresses: Vec<IpAddr>,
    /// As somebody has said.
    given: Option<Role>,
    role: Role,
    why: String,
    /// Nobody said so, and nothing proves it.
    guessed: bool,
}

/// All servers.
#[derive(Debug)]
pub struct Servers {
    list: Vec<Entry>,
    left_out: usize,
}

impl Servers {
    /// Those that were asked, and those that somebody has named, or the phones' own files.
    pub fn of(book: &Book, files: &Provisioned) -> Self {
        let mut list: Vec<Entry> = Vec::new();
        for (address, named) in book.settings.servers.iter().filter(|(address, _)| is_host(**address)) {
            let same = |entry: &&mut Entry| match &named.name {
                Some(name) => entry.name == *name,
                None => entry.name.is_empty() && entry.given == Some(named.role),
            };
            match list.iter_mut().find(same) {
                Some(entry) => entry.addresses.push(*address),
                None => list.push(Entry::new(*address, named.name.clone(), Some(named.role))),
            }
        }
        let is_new = |address: &&IpAddr| !book.settings.is_server(**address) && is_server(book, **address);
        let mut found: Vec<IpAddr> = book.servers.keys().filter(is_new).copied().collect();
        found.sort_by_key(|address| rank(book, &[*address]));
        list.extend(found.into_iter().map(|address| Entry::new(address, None, None)));
        let named = |list: &[Entry], address: &IpAddr| list.iter().any(|entry| entry.addresses.contains(address));
        let unheard: Vec<IpAddr> =
            files.servers().into_iter().filter(|address| is_host(*address) && !named(&list, address)).collect();
        list.extend(unheard.into_iter().map(|address| Entry::new(address, None, None)));
        for (address, role, why) in files.roles() {
            // What somebody has said counts more.
            let free = list.iter().all(|entry| entry.given != Some(role));
            let entry = list.iter_mut().find(|entry| entry.addresses.contains(&address) && entry.given.is_none());
            if let Some(entry) = entry.filter(|_| free) {
                (entry.given, entry.role, entry.why) = (Some(role), role, why);
            }
        }
        let left_out = list.len().saturating_sub(MAX_SERVERS);
        list.truncate(MAX_SERVERS);
        let mut servers = Self { list, left_out };
        servers.give_roles(book);
        servers.list.sort_by_key(|entry| (entry.role, rank(book, &entry.addresses)));
        servers.give_names();
        servers
    }

    /// Every address of a server.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.list.iter().flat_map(|entry| entry.addresses.iter().copied())
    }

    /// Names of all, the primary first.
    pub fn list(&self) -> Vec<&str> {
        self.list.iter().map(|entry| entry.name.as_str()).collect()
    }

    /// The name of the server at an address.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.list.iter().find(|entry| entry.addresses.contains(&address)).map(|entry| entry.name.as_str())
    }

    /// The name of the server with that role.
    pub fn with_role(&self, role: Role) -> Option<&str> {
        self.list.iter().find(|entry| entry.role == role).map(|entry| entry.name.as_str())
    }

    /// Whether somebody has said who the primary or the backup is.
    pub fn are_given(&self) -> bool {
        self.list.iter().any(|entry| matches!(entry.given, Some(Role::Primary | Role::Backup)))
    }

    /// What a person has to look at.
    pub fn say_what_is_open(&self, open: &mut Vec<String>) {
        if self.list.iter().any(|entry| entry.guessed) {
            open.push(
                "which server is the primary and which the backup: no frame tells, unless a line leaves its primary in \
                 need and comes back"
                    .to_owned(),
            );
        }
        if self.with_role(Role::Backup).is_none() {
            open.push("the backup server: nobody asked a second one".to_owned());
        }
        if self.left_out > 0 {
            open.push(format!("{} more addresses that REGISTERs were sent to", self.left_out));
        }
    }

    /// As they are written.
    pub fn into_drafts(self, book: &Book) -> Vec<DraftServer> {
        let draft = |entry: Entry| DraftServer {
            services: services(book, &entry.addresses),
            remarks: remarks(book, &entry),
            name: entry.name,
            role: Noted::new(entry.role, entry.why),
            addresses: entry.addresses,
        };
        self.list.into_iter().map(draft).collect()
    }

    fn give_roles(&mut self, book: &Book) {
        let proven = most_proven(book);
        for role in [Role::Primary, Role::Backup] {
            if self.list.iter().any(|entry| entry.given == Some(role)) {
                continue;
            }
            let by_proof = proven.as_ref().and_then(|(preferred, other, line)| {
                let address = if role == Role::Primary { preferred } else { other };
                let entry = self.free().find(|entry| entry.addresses.contains(address))?;
                entry.why = match role {
                    Role::Primary => format!(
                        "proven: {} left it when it failed, and came back to it while {other} had not failed",
                        called(line)
                    ),
                    _ => format!("proven: {} was there while {preferred} failed, and went back then", called(line)),
                };
                Some(entry)
            });
            if let Some(entry) = by_proof {
                entry.role = role;
                continue;
            }
            let rest = self.free().count();
            if let Some(entry) = self.free().next() {
                entry.role = role;
                entry.guessed = true;
                let first = book.servers.get(&entry.addresses[0]).is_some_and(|server| server.accepted.is_some());
                entry.why = match (role, first) {
                    (Role::Primary, true) if rest == 1 => "confirm: nobody asked another one".to_owned(),
                    (Role::Primary, true) => "confirm: it is the server at which a phone registered first".to_owned(),
                    (_, true) => "confirm: it is the server at which phones registered next".to_owned(),
                    (_, false) => "confirm: it was asked, and accepted nobody".to_owned(),
                };
            }
        }
    }

    /// Those that have no role yet.
    fn free(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.list.iter_mut().filter(|entry| entry.given.is_none() && entry.role == Role::Other)
    }

    fn give_names(&mut self) {
        let taken: BTreeSet<String> = self.list.iter().map(|entry| entry.name.clone()).collect();
        let letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
        let mut names = letters.chain((1..).map(|number| format!("s{number}"))).filter(|name| !taken.contains(name));
        for entry in self.list.iter_mut().filter(|entry| entry.name.is_empty()) {
            entry.name = names.next().unwrap_or_default();
        }
    }
}

impl Entry {
    fn new(address: IpAddr, name: Option<String>, given: Option<Role>) -> Self {
        let why = match (&name, given) {
            (_, None) => String::new(),
            (Some(_), Some(_)) => "as the bench file has it".to_owned(),
            (None, Some(role)) => format!("given by --{role}"),
        };
        Self {
            name: name.unwrap_or_default(),
            addresses: vec![address],
            given,
            role: given.unwrap_or(Role::Other),
            why,
            guessed: false,
        }
    }
}

/// Whether an address that was asked is a server: a phone may be asked too, by somebody who errs; it does not answer.
pub fn is_server(book: &Book, address: IpAddr) -> bool {
    book.settings.is_server(address)
        || book.servers.get(&address).is_some_and(|server| server.answered || !book.by_address.contains_key(&address))
}

/// The order of servers: by who first accepted somebody, then by who was asked first.
fn rank(book: &Book, addresses: &[IpAddr]) -> impl Ord + use<> {
    let seen = addresses.iter().filter_map(|address| Some((*address, book.servers.get(address)?)));
    let key = seen.map(|(address, server)| (server.accepted.is_none(), server.accepted, server.asked, address)).min();
    (key.is_none(), key)
}

/// The pair of servers that most lines prove: the preferred one, the other, and the first line that proves it.
fn most_proven(book: &Book) -> Option<(IpAddr, IpAddr, &Line)> {
    let mut votes: BTreeMap<(IpAddr, IpAddr), (usize, usize)> = BTreeMap::new();
    for (index, line) in book.lines.iter().enumerate() {
        if let Some(pair) = line.preference.proven() {
            votes.entry(pair).or_insert((0, index)).0 += 1;
        }
    }
    let ((preferred, other), (_, index)) =
        votes.into_iter().max_by_key(|(_, (count, index))| (*count, Reverse(*index)))?;
    Some((preferred, other, book.lines.get(index)?))
}

fn services(book: &Book, addresses: &[IpAddr]) -> BTreeMap<&'static str, BTreeSet<u16>> {
    let mut services: BTreeMap<&'static str, BTreeSet<u16>> = BTreeMap::new();
    for address in addresses {
        if let Some(server) = book.servers.get(address) {
            services.entry("sip").or_default().extend(server.ports.iter().filter(|port| **port > 0));
        }
        for (name, port) in book.hosts.host(*address).into_iter().flat_map(|host| &host.services) {
            services.entry(name).or_default().insert(*port);
        }
    }
    services.retain(|_, ports| !ports.is_empty());
    services
}

fn remarks(book: &Book, entry: &Entry) -> Vec<String> {
    let mut said = Vec::new();
    let seen: Vec<_> = entry.addresses.iter().filter_map(|address| book.servers.get(address)).collect();
    let blind = seen.iter().any(|server| server.blind);
    let lines = book.lines.iter().filter(|it| entry.addresses.iter().any(|address| it.accepted.contains(address)));
    let transports: BTreeSet<Transport> = seen.iter().flat_map(|server| server.transports.iter().copied()).collect();
    let mut facts = match (seen.is_empty(), seen.iter().any(|server| server.answered)) {
        (true, _) => vec!["nobody asked it: it was not seen".to_owned()],
        (false, false) => vec!["it was asked and never answered".to_owned()],
        (false, true) => vec![format!("{} registered", super::counted(lines.count(), "line"))],
    };
    if !transports.is_empty() {
        facts.push(format!("over {}", few(transports.iter(), 4)));
    }
    if blind {
        facts.push("spoken to over TLS, which can not be read".to_owned());
    }
    let hosts = entry.addresses.iter().filter_map(|address| book.hosts.host(*address));
    let macs: Vec<_> = hosts.flat_map(|host| host.macs.iter().copied()).collect();
    facts.extend(macs.first().map(|mac| format!("MAC {mac}")));
    facts.extend(entry_of(&book.hosts, macs.first().copied()));
    said.push(facts.join(", "));
    let others: BTreeSet<IpAddr> = macs
        .iter()
        .filter_map(|mac| book.hosts.station(*mac))
        .flat_map(|station| station.addresses.iter().copied())
        .filter(|address| !entry.addresses.contains(address) && is_routable(*address))
        .collect();
    if !others.is_empty() {
        said.push(format!(
            "its MAC also carried {}: a router's, unless they are one machine; if so, write its address as `gateway`",
            few(others.iter(), 4)
        ));
    }
    said
}
