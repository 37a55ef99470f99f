//! One line, as it stands.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Role, Source, Timers},
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
    /// Something may have happened to it that nobody saw: it was not confirmed since.
    pub(super) doubtful: bool,
    /// When it was confirmed last, which its phone asked for.
    pub(super) confirmed: Option<Stamp>,
    /// How long its phone may be silent in good order; none: nobody can say.
    pub(super) within: Option<Duration>,
}

/// Time that a phone is given beyond its timers.
const SLACK: Duration = Duration::from_secs(2);

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
        Self {
            id,
            place: Place::Unsure,
            since: Stamp::ZERO,
            expiry: BTreeMap::new(),
            alive: None,
            verdict: None,
            doubtful: false,
            confirmed: None,
            within: None,
        }
    }

    /// Its phone was not heard for longer than its timers say.
    pub fn is_quiet(&self, now: Stamp) -> bool {
        self.alive.max(self.confirmed).zip(self.within).is_some_and(|(heard, within)| now.since(heard) > within)
    }

    /// What is known of it may not be so any more.
    pub fn is_in_doubt(&self, now: Stamp) -> bool {
        self.place != Place::Unsure && (self.doubtful || self.is_quiet(now))
    }

    /// A server has confirmed it for so long. Its phone speaks again when it renews that, or, where nobody knows when it does, until
    /// it has run out.
    pub(super) fn confirm(&mut self, granted: Duration, timers: Option<&Timers>, at: Stamp) {
        let known = timers.filter(|timers| timers.renewal_lead.source != Source::Assumed);
        let renewal = known.map(|it| granted.saturating_sub(it.renewal_lead.value.of(granted)) + it.transaction.value);
        self.within = Some(renewal.unwrap_or(granted).min(granted) + SLACK);
        self.confirmed = self.confirmed.max(Some(at));
        self.doubtful = false;
    }

    /// No server confirms it any more: its phone tries again, by timers that nobody may know.
    pub(super) fn lost(&mut self, timers: Option<&Timers>) {
        let known = timers.filter(|timers| {
            timers.retry_timeout.source != Source::Assumed && timers.retry_rejected.source != Source::Assumed
        });
        self.within =
            known.map(|it| it.retry_timeout.value.max(it.retry_rejected.value) + it.transaction.value + SLACK);
    }

    /// It is there from then on, unless it was already.
    pub(super) fn moved(&mut self, place: Place, at: Stamp) {
        if self.place != place {
            (self.place, self.since) = (place, at);
        }
    }
}
