//! Which of two servers a line prefers, as far as its moves prove it.
//!
//! That a line goes from one server to another proves nothing: it may have lost its primary or its backup. What proves it
//! is that it left a server that failed, and later came back to it although the other one had not failed.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use crate::{
    engine::registration::{Attempt, LineTrack},
    event::Stamp,
};

/// A server that has not answered for so long is silent: nobody asks again sooner (T1, RFC 3261 section 17.1.1.1).
const SILENCE: Duration = Duration::from_millis(500);

/// Servers of a line whose trouble is remembered.
const MAX_SERVERS: usize = 16;

/// What a line's moves have shown so far.
#[derive(Debug, Default)]
pub struct Preference {
    home: Option<(IpAddr, Stamp)>,
    /// It left this server, which had failed, for that one.
    left: Option<(IpAddr, IpAddr)>,
    /// Connections that a server was asked for since it last gave a sign of life, the first one.
    knocks: BTreeMap<IpAddr, Stamp>,
    /// When a server last turned it away, or somebody said that it can not be reached.
    troubles: BTreeMap<IpAddr, Stamp>,
    proven: Option<(IpAddr, IpAddr)>,
}

impl Preference {
    /// The server that it prefers, and the one that it gave up for it; none: nothing proves it.
    pub fn proven(&self) -> Option<(IpAddr, IpAddr)> {
        self.proven
    }

    /// A server gave a sign of life.
    pub fn heard_from(&mut self, server: IpAddr) {
        self.knocks.remove(&server);
    }

    /// The line asks a server for a connection.
    pub fn knocked(&mut self, server: IpAddr, at: Stamp) {
        if self.knocks.len() < MAX_SERVERS {
            self.knocks.entry(server).or_insert(at);
        }
    }

    /// A server turned the line away, or can not be reached.
    pub fn turned_away(&mut self, server: IpAddr, at: Stamp) {
        if self.troubles.len() < MAX_SERVERS || self.troubles.contains_key(&server) {
            self.troubles.insert(server, at);
        }
    }

    /// A server confirmed the line; `created`: it held no binding of it before.
    pub fn confirmed(&mut self, server: IpAddr, created: bool, at: Stamp, track: &LineTrack<IpAddr>) {
        let Some((home, since)) = self.home.replace((server, at)) else { return };
        if home == server {
            return;
        }
        let failed = self.has_failed(home, since, at, track);
        if !failed && self.left == Some((server, home)) {
            self.proven = Some((server, home));
        }
        // A line that keeps both servers had a binding at the second before the first one failed.
        self.left = (failed && created).then_some((home, server));
    }

    fn has_failed(&self, server: IpAddr, since: Stamp, now: Stamp, track: &LineTrack<IpAddr>) -> bool {
        let silent = |from: Stamp| now.since(from) >= SILENCE;
        let mut tried = track.attempts_at(&server).filter(|attempt| attempt.first.when.at > since);
        let later = |at: Option<&Stamp>| at.copied().filter(|at| *at > since);
        tried.any(|attempt| in_vain(attempt) && (attempt.answer.is_some() || silent(attempt.first.when.at)))
            || later(self.knocks.get(&server)).is_some_and(silent)
            || later(self.troubles.get(&server)).is_some()
    }
}

/// Nobody answered, or in a way that turns a line away.
fn in_vain(attempt: &Attempt<IpAddr>) -> bool {
    attempt.answered_by_server().is_none_or(|answer| answer.code >= 300 && !matches!(answer.code, 401 | 407 | 423))
}
