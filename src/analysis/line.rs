//! One line: a user at the address of a phone.
//!
//! Phones that call themselves after their server (`1001@10.77.0.2` there, `1001@10.77.0.3` here) have one line with two
//! addresses of record: what moves is the line, what is registered is the address of record.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    Settings,
    book::Seen,
    calls::{LineCalls, Took},
    ladder::Ladder,
    moves::Moves,
    refusals::Refusals,
    waiting::Waiting,
};
use crate::{
    config::Mac,
    engine::registration::{Change, Ended, Fix, Heard, LineTrack},
    event::{Fate, LineId, PhoneName, Stamp, Toward, Transport},
    wire::{
        frame::Vlans,
        sip::{Glance, Start},
    },
};

/// Transactions that are remembered for each line.
const ATTEMPTS: usize = 24;

/// Bindings that are over and remembered for each line; the oldest go first.
const MEMORY: usize = 4096;

/// Copies of one packet in a capture of several interfaces come within this time; nobody repeats a request as fast
/// (T1 is 500 ms, RFC 3261 section 17.1.1.1).
const SAME_PACKET: Duration = Duration::from_millis(5);

/// Addresses of record of a line; one more is taken for the last of them.
const MAX_ACCOUNTS: usize = 16;

/// Characters that are kept of what a phone calls itself.
const LONGEST_AGENT: usize = 128;

/// A line and all that was seen of it.
#[derive(Debug)]
pub struct Line {
    /// User part of its addresses of record; where one is no `user@host`, all of it.
    pub user: String,
    /// The phone's address.
    pub address: IpAddr,
    /// Its addresses of record, in the order in which they were seen.
    pub accounts: Vec<Account>,
    /// The phone's, or that of the router on the way.
    pub mac: Option<Mac>,
    /// VLANs of its requests.
    pub vlans: Vlans,
    /// What carried its last REGISTER.
    pub transport: Option<Transport>,
    /// What it calls itself.
    pub agent: Option<String>,
    /// Its registrations.
    pub track: LineTrack<IpAddr>,
    /// When it moved.
    pub moves: Moves,
    /// Its calls.
    pub calls: LineCalls,
    /// What it is told of messages that wait.
    pub waiting: Waiting,
    /// Its messages.
    pub ladder: Ladder,
    /// When something between it and a server could not be read last.
    doubts: BTreeMap<IpAddr, Stamp>,
    /// Bindings that seem to have run out while something could not be read: server and end.
    uncertain: BTreeSet<(IpAddr, Stamp)>,
}

/// An address of record of a line.
#[derive(Debug)]
pub struct Account {
    /// `user@host`, or whatever stands in its place.
    pub aor: String,
    /// What was said and told about its registrations.
    pub counts: Counts,
    last_request: Option<(u32, Stamp)>,
}

/// How often what happened.
#[derive(Debug, Default)]
pub struct Counts {
    /// REGISTER transactions.
    pub transactions: u64,
    /// REGISTERs that were sent again.
    pub retransmissions: u64,
    /// Answers that asked for credentials.
    pub challenges: u64,
    /// Answers that refused.
    pub refusals: Refusals,
    /// Connections that its first message was seen of.
    pub connections: u64,
    /// The longest time from the opening of a connection to its first REGISTER.
    pub connect_to_register: Option<Duration>,
    /// ICMP errors that quote its packets.
    pub unreachable: u64,
}

impl Line {
    /// A line of which nothing is known; whether its messages are kept for a ladder.
    pub fn new(user: String, address: IpAddr, ladder: bool) -> Self {
        let line = LineId { phone: PhoneName(address.to_string()), extension: user.clone() };
        Self {
            track: LineTrack::remembering(line, ATTEMPTS, MEMORY),
            user,
            address,
            accounts: Vec::new(),
            mac: None,
            vlans: Vlans::default(),
            transport: None,
            agent: None,
            moves: Moves::default(),
            calls: LineCalls::default(),
            waiting: Waiting::default(),
            ladder: Ladder::new(ladder),
            doubts: BTreeMap::new(),
            uncertain: BTreeSet::new(),
        }
    }

    /// What a REGISTER tells of the phone.
    pub(super) fn describe(&mut self, message: &Glance<'_>, seen: &Seen) {
        self.transport = Some(seen.transport);
        self.mac = self.mac.or(seen.link.source);
        self.vlans = seen.link.vlans;
        if self.agent.is_none() {
            self.agent = message.agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect());
        }
    }

    /// Whether a message that is about no registration may be of this line: it names its user.
    pub fn is_party(&self, message: &Glance<'_>) -> bool {
        let names = |address: &str| user_of(address) == self.user;
        names(&message.from) || names(&message.to)
    }

    /// Takes in a REGISTER of the line, or an answer to one.
    pub(super) fn take(
        &mut self,
        message: &Glance<'_>,
        toward: Toward,
        server: IpAddr,
        seen: &Seen,
        settings: &Settings,
    ) {
        let at = seen.fix.when.at;
        self.expire(at);
        self.note(message, toward, server, seen);
        let before = self.track.transactions();
        let heard = Heard { toward, transport: seen.transport, fate: seen.fate, message, server: &server };
        let changes = self.track.take(&heard, seen.fix, settings.patience(self.address));
        let begun = self.track.transactions() > before;
        if let Some(account) = self.account(&message.to) {
            account.count(message, begun, server, seen);
        }
        if toward == Toward::Phone && seen.fate == Fate::Passed {
            self.moves.heard_from(server, seen.fix);
        }
        for (change, fix) in changes {
            self.moves.note(&change, fix, &self.track, settings);
        }
    }

    /// Takes in a message that is of no registration, of this line as the one on the phone's side.
    pub(super) fn take_other(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) -> Took {
        if !matches!(message.method, "SUBSCRIBE" | "NOTIFY") {
            return self.calls.take(message, toward, server, seen);
        }
        self.waiting.expire(seen.fix.when.at, &self.doubts);
        let heeded = self.waiting.take(message, toward, server, seen);
        if let Some((server, fix)) = heeded.notified {
            self.moves.notified(server, fix);
        }
        if let Some(fix) = heeded.refused {
            self.moves.was_not_notified(fix);
        }
        Took::default()
    }

    fn account(&mut self, aor: &str) -> Option<&mut Account> {
        let known = self.accounts.iter().position(|account| account.aor == aor);
        if known.is_none() && self.accounts.len() < MAX_ACCOUNTS {
            self.accounts.push(Account { aor: aor.to_owned(), counts: Counts::default(), last_request: None });
        }
        match known {
            Some(index) => self.accounts.get_mut(index),
            None => self.accounts.last_mut(),
        }
    }

    /// Puts a message into the ladder.
    pub(super) fn note(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) {
        self.ladder.message(message, toward, server, seen);
    }

    /// Ends what has run out by then.
    pub fn expire(&mut self, now: Stamp) {
        self.track.expire_served(now);
        if self.track.next_expiry().is_none_or(|next| next > now) {
            return;
        }
        let confirmed: BTreeMap<IpAddr, Stamp> =
            self.track.live().map(|(server, binding)| (*server, binding.confirmed.when.at)).collect();
        for change in self.track.expire(now) {
            let Change::Expired { server, at, .. } = &change else { continue };
            let since = confirmed.get(server).copied().unwrap_or_default();
            if self.doubts.get(server).is_some_and(|doubt| *doubt >= since && *doubt <= *at) {
                self.uncertain.insert((*server, *at));
                if self.uncertain.len() > MEMORY {
                    self.uncertain.pop_first();
                }
            }
            let server = *server;
            self.moves.ended(server, Ended::Expired, &self.track);
        }
    }

    /// The capture ends.
    pub fn close(&mut self, end: Stamp) {
        self.expire(end);
        self.waiting.expire(end, &self.doubts);
    }

    /// Whether something between it and a server could not be read since then.
    pub fn is_doubted(&self, server: IpAddr, since: Stamp) -> bool {
        self.doubts.get(&server).is_some_and(|doubt| *doubt >= since)
    }

    /// Something between it and a server was not read.
    pub fn doubt(&mut self, server: IpAddr, at: Stamp) {
        self.doubts.insert(server, at);
    }

    /// Something of which nobody knows how long it took.
    pub fn doubt_all(&mut self, at: Stamp) {
        let servers: Vec<IpAddr> = self.track.live().map(|(server, _)| *server).collect();
        for server in servers {
            self.doubt(server, at);
        }
    }

    /// Whether it is unknown if a binding really ran out: the refresh may be what could not be read.
    pub fn is_uncertain(&self, server: IpAddr, until: Stamp) -> bool {
        self.uncertain.contains(&(server, until))
    }

    /// The first message on a connection, about this address of record, came so long after that was opened.
    pub fn connected(&mut self, aor: &str, delay: Duration) {
        if let Some(account) = self.account(aor) {
            account.counts.connections += 1;
            account.counts.connect_to_register = account.counts.connect_to_register.max(Some(delay));
        }
    }

    /// It asks a server for a connection.
    pub fn knocked(&mut self, server: IpAddr, fix: Fix) {
        self.moves.knocked(server, fix);
        self.ladder.event(server, Toward::Server, "SYN", fix);
    }

    /// A server does not let it in, or throws it out.
    pub fn cut_off(&mut self, server: IpAddr, refused: bool, fix: Fix) {
        self.moves.turned_away(server, fix);
        self.ladder.event(server, Toward::Phone, if refused { "RST (refused)" } else { "RST" }, fix);
    }

    /// Somebody on the way says that its packet did not arrive.
    pub fn unreachable(&mut self, server: IpAddr, by: IpAddr, kind: u8, code: u8, fix: Fix) {
        if let Some(account) = self.accounts.first_mut() {
            account.counts.unreachable += 1;
        }
        self.moves.turned_away(server, fix);
        let what = match (by.is_ipv4(), kind, code) {
            (true, 3, 0) => "ICMP network unreachable",
            (true, 3, 1) | (false, 1, 3) => "ICMP host unreachable",
            (true, 3, 3) | (false, 1, 4) => "ICMP port unreachable",
            (true, 3, 9 | 10 | 13) | (false, 1, 1) => "ICMP prohibited",
            (false, 1, 0) => "ICMP no route",
            _ => "ICMP error",
        };
        self.ladder.event(server, Toward::Phone, what, fix);
    }
}

impl Account {
    fn count(&mut self, message: &Glance<'_>, begun: bool, server: IpAddr, seen: &Seen) {
        let at = seen.fix.when.at;
        match message.start {
            Start::Request { .. } => {
                self.counts.transactions += u64::from(begun);
                let same = self.last_request.replace((message.cseq, at));
                let copy = same.is_some_and(|(cseq, last)| cseq == message.cseq && at.since(last) < SAME_PACKET);
                self.counts.retransmissions += u64::from(!begun && !copy);
            }
            Start::Response { code: 401 | 407, .. } => self.counts.challenges += 1,
            Start::Response { code, .. } if code >= 300 => {
                self.counts.refusals.count(message, server, code, seen.fate, at);
            }
            Start::Response { .. } => {}
        }
    }
}

/// The user part of an address of record; of what is none, all of it.
pub fn user_of(aor: &str) -> &str {
    aor.rsplit_once('@').map_or(aor, |(user, _)| user)
}
