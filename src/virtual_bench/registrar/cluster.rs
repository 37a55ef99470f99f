//! What a server knows of the others of its cluster, and what it tells them: who is logged on at which phone, who has
//! registered where most recently, and who is full.
//!
//! The servers have no memory in common. Each tells the others in a PUBLISH (RFC 3903) with an event of our own; what got
//! lost is told again with the next refresh of the registration that it is about.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::spec::{Member, RegistrarSpec, User};

/// The event of the news between servers. Invented.
pub const EVENT: &str = "siprig-cluster";

/// The cluster as one of its members sees it.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    me: usize,
    /// Extension to terminal.
    seats: BTreeMap<String, String>,
    elsewhere: BTreeMap<String, Elsewhere>,
    full: BTreeSet<usize>,
    news: Vec<String>,
}

/// A registration at another server.
#[derive(Debug, Clone, Copy)]
struct Elsewhere {
    member: usize,
    since: Duration,
    until: Duration,
}

impl Cluster {
    /// The cluster of that server, which is a member even if it is not in the list.
    pub fn new(spec: &RegistrarSpec) -> Self {
        let mut members = spec.cluster.clone();
        let me = members.iter().position(|member| member.name == spec.name).unwrap_or_else(|| {
            members.push(Member { name: spec.name.clone(), address: spec.sip() });
            members.len() - 1
        });
        Self {
            members,
            me,
            seats: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            full: BTreeSet::new(),
            news: Vec::new(),
        }
    }

    /// This server.
    pub fn me(&self) -> &Member {
        &self.members[self.me]
    }

    /// Whether this server is the first of the cluster.
    pub const fn is_first(&self) -> bool {
        self.me == 0
    }

    /// Addresses of the others.
    pub fn peers(&self) -> impl Iterator<Item = SocketAddr> {
        self.members.iter().enumerate().filter(|(index, _)| *index != self.me).map(|(_, member)| member.address)
    }

    /// Which of the others has that address.
    pub fn peer_at(&self, ip: IpAddr) -> Option<usize> {
        self.members.iter().position(|member| member.address.ip() == ip).filter(|index| *index != self.me)
    }

    /// Whether a name or address is that of any server of the cluster.
    pub fn has_host(&self, host: &str) -> bool {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        self.members.iter().any(|member| ip == Ok(member.address.ip()))
    }

    /// The home server of a user.
    pub fn home_of(&self, user: &User) -> &Member {
        let named = self.members.iter().find(|member| Some(&member.name) == user.home.as_ref());
        named.unwrap_or(&self.members[0])
    }

    /// The first server with room, other than that one.
    pub fn with_room_beside(&self, not: &Member) -> Option<&Member> {
        let mut all = self.members.iter().enumerate();
        all.find(|(index, member)| *member != not && !self.full.contains(index)).map(|(_, member)| member)
    }

    /// The first server other than that one.
    pub fn beside(&self, not: &Member) -> Option<&Member> {
        self.members.iter().find(|member| *member != not)
    }

    /// Whether a server is full, as far as is known.
    pub fn is_full(&self, member: &Member) -> bool {
        self.members.iter().position(|own| own == member).is_some_and(|index| self.full.contains(&index))
    }

    /// This server is full, or has room again.
    pub fn set_full(&mut self, full: bool) {
        let changed = if full { self.full.insert(self.me) } else { self.full.remove(&self.me) };
        if changed {
            self.news.push(if full { "full" } else { "room" }.to_owned());
        }
    }

    /// The user is logged on at that terminal, and nobody else there any more.
    pub fn sit(&mut self, extension: &str, terminal: &str) {
        self.news.push(format!("seat {extension} {terminal}"));
        self.take_seat(extension, terminal);
    }

    /// The user is no longer logged on anywhere.
    pub fn rise(&mut self, extension: &str) {
        self.news.push(format!("vacant {extension}"));
        self.seats.remove(extension);
    }

    /// Who is logged on at a terminal.
    pub fn seated_at(&self, terminal: &str) -> Option<&str> {
        self.seats.iter().find(|(_, at)| *at == terminal).map(|(extension, _)| extension.as_str())
    }

    /// The terminal where a user is logged on by key or code.
    pub fn seat_of(&self, extension: &str) -> Option<&str> {
        self.seats.get(extension).map(String::as_str)
    }

    /// The user has registered here, or is registered nowhere here any more.
    pub fn registered(&mut self, extension: &str, granted: Option<Duration>) {
        self.news.push(match granted {
            Some(granted) => format!("bound {extension} {}", granted.as_millis()),
            None => format!("gone {extension}"),
        });
    }

    /// Another server where the user is registered, and since when as heard here.
    pub fn elsewhere(&self, now: Duration, extension: &str) -> Option<(SocketAddr, Duration)> {
        let found = self.elsewhere.get(extension).filter(|found| found.until > now)?;
        Some((self.members.get(found.member)?.address, found.since))
    }

    /// Another server that should know more of a user who is known nowhere: the home server, or the only other one.
    pub fn likely(&self, user: &User) -> Option<SocketAddr> {
        let home = self.home_of(user);
        if home != self.me() {
            return Some(home.address);
        }
        let mut peers = self.peers();
        peers.next().filter(|_| peers.next().is_none())
    }

    /// What is to be told to the others, all at once.
    pub fn take_news(&mut self) -> Option<String> {
        let news = std::mem::take(&mut self.news);
        let somebody = self.members.len() > 1 && !news.is_empty();
        somebody.then(|| news.join("\r\n") + "\r\n")
    }

    /// Takes in what another server tells; only about users that this one knows, so that nothing grows.
    pub fn hear(&mut self, now: Duration, member: usize, news: &str, is_user: impl Fn(&str) -> bool) {
        for line in news.lines() {
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["full"] => _ = self.full.insert(member),
                ["room"] => _ = self.full.remove(&member),
                ["seat", extension, terminal] if is_user(extension) => self.take_seat(extension, terminal),
                ["vacant", extension] => _ = self.seats.remove(*extension),
                ["bound", extension, granted] if is_user(extension) => {
                    let Ok(granted) = granted.parse() else { continue };
                    let until = now.saturating_add(Duration::from_millis(granted));
                    self.elsewhere.insert((*extension).to_owned(), Elsewhere { member, since: now, until });
                }
                // A third server may have it by now.
                ["gone", extension] if self.elsewhere.get(*extension).is_some_and(|found| found.member == member) => {
                    self.elsewhere.remove(*extension);
                }
                _ => {}
            }
        }
    }

    fn take_seat(&mut self, extension: &str, terminal: &str) {
        self.seats.retain(|_, at| at != terminal);
        self.seats.insert(extension.to_owned(), terminal.to_owned());
    }
}
