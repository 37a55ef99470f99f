//! The TLS connections of a phone to servers of the bench: who greeted whom, whether they agreed, and when both spoke.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use crate::{
    engine::{case::Moved, registration::Fix},
    event::{Fate, ServerName, Stamp, TlsFact, TlsStep, Toward},
};

/// Connections that are remembered for each phone; the oldest go first.
const MEMORY: usize = 64;

/// Exchanges that are remembered for each connection; the oldest go first.
const EXCHANGES: usize = 64;

/// All of them.
#[derive(Debug, Default)]
pub struct Connections {
    list: VecDeque<Connection>,
}

/// A TLS connection.
#[derive(Debug)]
pub struct Connection {
    /// The server's name.
    pub server: ServerName,
    /// The server's end.
    pub server_addr: SocketAddr,
    phone_addr: SocketAddr,
    /// The phone's greeting, if it was seen and got through.
    pub offered: Option<Fix>,
    /// The server's greeting, likewise.
    pub taken_up: Option<Fix>,
    /// Both have sent encrypted bytes.
    pub agreed: Option<Fix>,
    /// One of them ended it ahead of that, and the alert that it gave.
    pub refused: Option<(Option<u8>, Fix)>,
    /// It is over.
    pub over: Option<Fix>,
    /// The last that the phone said in it, and whether that got through.
    said: Option<(Fix, bool)>,
    /// The last that the server said and that got through.
    heard: Option<Fix>,
    /// When the phone spoke and the server spoke after it.
    exchanges: VecDeque<Moved>,
}

impl Connections {
    /// Whether the phone never spoke TLS with a server.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All that are remembered, in the order of their beginning.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Connection> {
        self.list.iter()
    }

    /// Those with a server.
    pub fn with<'a>(&'a self, server: &'a ServerName) -> impl DoubleEndedIterator<Item = &'a Connection> {
        self.list.iter().filter(move |it| it.server == *server)
    }

    /// Takes in what was seen of one. What a phone says that waits for an answer for longer than `patience` is given up.
    pub fn take(&mut self, fact: &TlsFact, fix: Fix, patience: Duration) {
        let offers = fact.step == TlsStep::Greeted && fact.toward == Toward::Server;
        // Reports overtake one another: what came before an end or an agreement may be told after it.
        let at = fix.when.at;
        let same = |it: &&mut Connection| {
            let ends = (it.phone_addr, it.server_addr) == (fact.phone_addr, fact.server_addr);
            ends && it.over.is_none_or(|over| at <= over.when.at)
        };
        match self.list.iter_mut().rfind(same) {
            // Its end was not seen, and this is another one between the same ports.
            Some(known) if offers && known.agreed.is_some_and(|agreed| agreed.when.at < at) => known.over = Some(fix),
            Some(known) => return known.take(fact, fix, patience),
            None if fact.step == TlsStep::Ended => return,
            None => {}
        }
        if self.list.len() == MEMORY {
            self.list.pop_front();
        }
        let mut connection = Connection::new(fact);
        connection.take(fact, fix, patience);
        self.list.push_back(connection);
    }

    /// The first exchange with a server that the phone began at `since` or later.
    pub fn exchange(&self, server: &ServerName, since: Stamp) -> Option<Moved> {
        let all = self.with(server).flat_map(|it| &it.exchanges).copied();
        all.filter(|it| it.request.when.at >= since).min_by_key(|it| it.done.when.at)
    }

    /// Whether anything at all passed between the phone and a server at `since` or later.
    pub fn stirred(&self, server: &ServerName, since: Stamp) -> bool {
        self.with(server).any(|it| it.signs().any(|fix| fix.when.at >= since))
    }

    /// The servers that the phone speaks with: there was an exchange in a connection that lasts, and the last that it said
    /// got through.
    pub fn spoken_with(&self) -> BTreeSet<ServerName> {
        let lasts = |it: &&Connection| it.over.is_none() && !it.exchanges.is_empty();
        let heard = |it: &&Connection| it.said.is_none_or(|(_, passed)| passed);
        self.list.iter().filter(lasts).filter(heard).map(|it| it.server.clone()).collect()
    }
}

impl Connection {
    fn new(fact: &TlsFact) -> Self {
        Self {
            server: fact.server.clone(),
            server_addr: fact.server_addr,
            phone_addr: fact.phone_addr,
            offered: None,
            taken_up: None,
            agreed: None,
            refused: None,
            over: None,
            said: None,
            heard: None,
            exchanges: VecDeque::new(),
        }
    }

    fn take(&mut self, fact: &TlsFact, fix: Fix, patience: Duration) {
        let passed = fact.fate == Fate::Passed;
        match (fact.step, fact.toward) {
            // Whoever ends it knows of it, whatever becomes of the frame.
            (TlsStep::Ended, Toward::Server) => self.over = Some(fix),
            (TlsStep::Ended, Toward::Phone) if !matches!(fact.fate, Fate::Dropped(_)) => self.over = Some(fix),
            (TlsStep::Spoke, Toward::Server) => {
                self.said = Some((fix, passed));
                // The answer may have been reported ahead of it.
                if let Some(heard) = self.heard.filter(|heard| passed && heard.when.at >= fix.when.at) {
                    self.exchanged(fix, heard);
                }
            }
            _ if !passed => {}
            (TlsStep::Greeted, Toward::Server) => self.offered = Some(fix),
            (TlsStep::Greeted, Toward::Phone) => self.taken_up = Some(fix),
            (TlsStep::Agreed, _) => self.agreed = Some(fix),
            (TlsStep::Refused { alert }, _) => self.refused = Some((alert, fix)),
            (TlsStep::Spoke, Toward::Phone) => {
                self.heard = Some(fix);
                match self.said {
                    Some((said, true)) if said.when.at <= fix.when.at => self.exchanged(said, fix),
                    // An outage took it, and what was sent again is not heard twice: the answer shows that it came.
                    Some((said, false)) if fix.when.at.since(said.when.at) <= patience => {
                        self.said = Some((fix, true));
                        self.exchanged(fix, fix);
                    }
                    _ => {}
                }
            }
            (TlsStep::Ended, Toward::Phone) => {}
        }
    }

    fn exchanged(&mut self, request: Fix, done: Fix) {
        if self.exchanges.back().is_some_and(|last| last.request == request) {
            return;
        }
        if self.exchanges.len() == EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Moved { request, done });
    }

    /// What passed in it.
    fn signs(&self) -> impl Iterator<Item = Fix> {
        let said = self.said.filter(|(_, passed)| *passed).map(|(fix, _)| fix);
        [self.offered, self.taken_up, self.agreed, said, self.heard].into_iter().flatten()
    }
}
