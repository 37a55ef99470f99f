//! An outage as a case sees it: what it took from the line, and what may be asked of the phone because of it.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use super::registration::{Binding, Fix};
use crate::event::{Manner, OutageMode, OutageSpec, ServerName, Stamp, Toward};

/// An outage as a case sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The server that went.
    pub server: ServerName,
    /// What happens to the frames.
    pub mode: OutageMode,
    /// Which of them; none: both ways.
    pub toward: Option<Toward>,
    /// How long after its beginning no line can register there any more; none: a line may in spite of it.
    pub away_after: Option<Duration>,
    /// It takes answers alone that confirm, and a challenge passes: the phone asks once more for it.
    pub challenges: bool,
    /// Canaries have shown that it takes what this phone sends and is sent, or the server was stopped and is silent.
    pub proven: bool,
    /// It took force: *t0*.
    pub began: Fix,
    /// The binding at that server when it went.
    pub held: Option<Held>,
    /// Every path was open again.
    pub lifted: Option<Fix>,
    /// The binding at that server when every path was open again, if the line was there then.
    pub held_at_home: Option<Held>,
    /// The binding at the line's other server when every path was open again.
    pub held_elsewhere: Option<Held>,
    /// The first frame from this phone that it dropped.
    pub first_bite: Option<Fix>,
    /// Somebody wants to know what the line does about it, whatever that is.
    pub watched: bool,
    /// The first frame from or to this phone that it dropped, made late or doubled, as far as that is known yet.
    pub hit: Option<Fix>,
    /// The last time that the phone asked for a connection in vain.
    pub knocked: Option<Stamp>,
    /// The addresses of the server that it was asked at in the outage.
    pub asked: BTreeSet<IpAddr>,
}

impl Cut {
    /// An outage that took force at `began`; `held` is the line's binding at the server then.
    pub fn new(spec: &OutageSpec, began: Fix, held: Option<Held>) -> Self {
        Self {
            server: spec.server.clone(),
            mode: spec.mode.clone(),
            toward: spec.toward,
            away_after: spec.away_after(),
            challenges: spec.only.as_ref().is_some_and(|only| only.status.is_some()),
            proven: spec.takes_canaries(Toward::Server)
                || spec.takes_canaries(Toward::Phone)
                || spec.mode == OutageMode::Hook,
            began,
            held,
            lifted: None,
            held_at_home: None,
            held_elsewhere: None,
            first_bite: None,
            watched: false,
            hit: None,
            knocked: None,
            asked: BTreeSet::new(),
        }
    }

    /// Whether a phone that stays does nothing wrong: it is answered, or reaches its server in spite of it.
    pub fn may_be_borne(&self) -> bool {
        matches!(self.mode, OutageMode::Steady(Manner::Answer(_))) || self.away_after.is_none()
    }

    /// How often it has given a line that renews each `period` cause to leave its server, by `now`.
    pub fn provocations(&self, period: Duration, now: Stamp) -> u32 {
        let lasted = self.lifted.map_or(now, |lifted| lifted.when.at).since(self.began.when.at);
        let every = match &self.mode {
            OutageMode::Flap(flapping) => flapping.away + flapping.back,
            OutageMode::Reboot(_) => return 1,
            // Each renewal may fail or not.
            _ if self.away_after.is_none() => period,
            _ => return 1,
        };
        let more = lasted.as_nanos().checked_div(every.as_nanos()).unwrap_or_default();
        u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// At how many addresses beyond the first the server was asked in vain: who knows several of a server, of both families or by name,
    /// tries one after the other, and gives each up by itself (RFC 3263 section 4.3).
    pub fn further_addresses(&self) -> u32 {
        u32::try_from(self.asked.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Whether a phone that waits so long for an answer may still have been asking for a connection when the server came
    /// back: what it asks of it from then on waits for that one, and is given up with it.
    pub fn was_asked(&self, transaction: Duration) -> bool {
        self.knocked.zip(self.lifted).is_some_and(|(knocked, lifted)| lifted.when.at.since(knocked) < transaction)
    }
}

/// A binding as it stood at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The binding.
    pub binding: Binding,
    /// What was left of its lifetime.
    pub left: Duration,
}

impl Held {
    /// A binding as it stands at `at`; none if its time is over.
    pub fn at(binding: &Binding, at: Stamp) -> Option<Self> {
        (binding.until > at).then(|| Self { binding: binding.clone(), left: binding.until.since(at) })
    }
}
