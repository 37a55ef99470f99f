//! One line, as it stands.

use std::collections::BTreeMap;

use crate::{
    config::Role,
    event::{LineId, ServerName, Stamp},
    verdict::Verdict,
};

/// One line of a phone.
#[derive(Debug, Clone)]
pub struct LineState {
    /// Which.
    pub id: LineId,
    /// Where it is registered.
    pub place: Place,
    /// Since when.
    pub since: Stamp,
    /// When each binding ends unless it is refreshed.
    pub expiry: BTreeMap<ServerName, Stamp>,
    /// When the last frame of its phone was seen.
    pub alive: Option<Stamp>,
    /// What its case came to, with the code of what is wrong.
    pub verdict: Option<(Verdict, Option<String>)>,
}

/// Where a line is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing was seen of it yet.
    Unsure,
    /// Nowhere: no live binding is left at the server that last confirmed it.
    Nowhere,
    /// At a server.
    At(ServerName, Role),
    /// Nobody can read where: its phone speaks TLS with these servers.
    Connected(Vec<ServerName>),
}

impl LineState {
    /// One of which nothing was seen yet.
    pub(super) const fn unseen(id: LineId) -> Self {
        Self { id, place: Place::Unsure, since: Stamp::ZERO, expiry: BTreeMap::new(), alive: None, verdict: None }
    }

    /// It is there from then on, unless it was already.
    pub(super) fn moved(&mut self, place: Place, at: Stamp) {
        if self.place != place {
            (self.place, self.since) = (place, at);
        }
    }
}
