//! Where a line is registered, read from the SIP that passes: attempts, answers, bindings and their expiry.
//!
//! Only a 2xx that lists the phone's own contact with a lifetime makes a binding (RFC 3261 section 10.3, step 8). A
//! challenge, a retransmission, a fetch, a removal, or a poll with `Expires: 0` make none. What comes of a request that the
//! phone had given up long before makes one that the server holds ([`served`](LineTrack::served)) and the line knows
//! nothing of ([`live`](LineTrack::live)).
//!
//! Not here: what a scenario expects of it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

mod attempt;
mod binding;
mod intake;
mod terms;

pub(super) use self::terms::{address_user, is_held};
use self::{attempt::Attempts, binding::Bindings, intake::Orphan, terms::lifetime};
pub use self::{
    attempt::{Answer, Attempt, Purpose},
    binding::{Binding, Ended, PastBinding},
    intake::{ANSWER_SLACK, Heard},
};
use super::coverage::Span;
use crate::{
    event::{Fate, LineId, ServerName, SipFact, SipMessage, Stamp, Toward, Transport, When},
    wire::sip::{Glance, Start},
};

/// Attempts and ended bindings that are remembered for each line; the oldest go first.
const MEMORY: usize = 256;

/// Addresses of nobody that are remembered for each line.
const STRANGERS: usize = 8;

/// A time, and the record that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fix {
    /// Number of the record.
    pub seq: u64,
    /// When it happened.
    pub when: When,
}

/// What an observation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<S = ServerName> {
    /// A 2xx created a binding.
    Created {
        /// At this server.
        server: S,
        /// The REGISTER that asked for it.
        request: Fix,
    },
    /// A 2xx prolonged a binding.
    Refreshed {
        /// At this server.
        server: S,
        /// The REGISTER that asked for it.
        request: Fix,
    },
    /// The phone removed a binding, or the server no longer lists it.
    Removed {
        /// At this server.
        server: S,
        /// Its contact.
        contact: String,
    },
    /// A binding ran out.
    Expired {
        /// At this server.
        server: S,
        /// Its contact.
        contact: String,
        /// When.
        at: Stamp,
    },
    /// The line was turned away, and neither challenged nor told of a shorter lifetime.
    Refused {
        /// In this server's name.
        server: S,
        /// The REGISTER that asked.
        request: Fix,
        /// The bridge did it.
        ours: bool,
    },
    /// A server that the bench does not name accepted the line.
    Stranger {
        /// Its address.
        address: String,
    },
}

/// What a server asks for by `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When it asked first; a line that does not heed it is asked again and again.
    pub asked: Stamp,
    /// Until when the line should stay away.
    pub until: Stamp,
}

/// All that is known of one line's registrations. `S` names a server.
#[derive(Debug)]
pub struct LineTrack<S = ServerName> {
    line: LineId,
    attempts: Attempts<S>,
    bindings: Bindings<S>,
    /// What servers hold by all their answers, also those that the line did not hear or no longer cared for.
    served: Bindings<S>,
    /// What each server granted last.
    granted: BTreeMap<S, Duration>,
    lapsed: BTreeMap<S, Binding>,
    /// Bindings of which the line never heard, because an outage took the answers: the last one at each server.
    unheard: BTreeMap<S, Span>,
    /// For how long each server asked the line to stay away (RFC 3261 section 20.33).
    wait: BTreeMap<S, Wait>,
    /// Addresses of nobody that the bench names, with the first REGISTER to each.
    strangers: BTreeMap<SocketAddr, Fix>,
    transport: Option<Transport>,
    home: Option<S>,
    anchor: Option<S>,
    transactions: u64,
    /// Answers whose request was not reported yet: each side of the bridge is watched by a tap of its own, and reports
    /// may overtake one another.
    orphans: VecDeque<Orphan<S>>,
}

impl<S: Clone + Ord> LineTrack<S> {
    /// A line of which nothing is known.
    pub fn new(line: LineId) -> Self {
        Self::remembering(line, MEMORY, MEMORY)
    }

    /// The same, with memory for so many attempts and so many bindings that are over. What was answered goes first.
    pub fn remembering(line: LineId, attempts: usize, past: usize) -> Self {
        Self {
            line,
            attempts: Attempts::remembering(attempts),
            bindings: Bindings::remembering(past),
            served: Bindings::remembering(past),
            granted: BTreeMap::new(),
            lapsed: BTreeMap::new(),
            unheard: BTreeMap::new(),
            wait: BTreeMap::new(),
            strangers: BTreeMap::new(),
            transport: None,
            home: None,
            anchor: None,
            transactions: 0,
            orphans: VecDeque::new(),
        }
    }

    /// For a line that stays registered at several servers at once: it is at home at this one for as long as it is
    /// bound there, however often it is confirmed elsewhere.
    pub fn anchored(self, at: S) -> Self {
        Self { anchor: Some(at), ..self }
    }

    /// Which line it is.
    pub fn line(&self) -> &LineId {
        &self.line
    }

    /// The server that last confirmed the line, while its binding lives; or the one that the line is
    /// [`anchored`](Self::anchored) at.
    pub fn home(&self) -> Option<&S> {
        self.home.as_ref()
    }

    /// How many REGISTER transactions were begun, polls and removals included.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// The live binding at a server; where it holds several contacts of the line, the one that was confirmed last.
    pub fn binding(&self, server: &S) -> Option<&Binding> {
        self.bindings.at(server)
    }

    /// Every live binding, in the order of their last confirmation.
    pub fn live(&self) -> impl Iterator<Item = (&S, &Binding)> {
        self.bindings.live()
    }

    /// What servers hold by all their answers: where those came too late for the phone or not at all, it counts itself
    /// registered elsewhere or nowhere, and they hold a binding nevertheless.
    pub fn served(&self) -> impl Iterator<Item = (&S, &Binding)> {
        self.served.live()
    }

    /// Of these the bindings that are over, in the order of their ends.
    pub fn served_before(&self) -> impl Iterator<Item = (&S, &PastBinding)> {
        self.served.past()
    }

    /// Ends those that ran out by then.
    pub fn expire_served(&mut self, now: Stamp) {
        self.served.expire(now);
    }

    /// How many bindings are over, the forgotten ones included.
    pub fn ended(&self) -> u64 {
        self.served.ended()
    }

    /// Forgets the binding that has been over for longest.
    pub fn forget(&mut self) {
        self.bindings.forget();
        self.served.forget();
    }

    /// How many bindings that are over were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.served.forgotten()
    }

    /// For how long a server asked the line to stay away, if it ever did; for more than a day nobody means it.
    pub fn asked_to_wait(&self, server: &S) -> Option<Wait> {
        self.wait.get(server).copied()
    }

    /// Addresses that the bench does not name, with the first REGISTER to each: at most [`STRANGERS`].
    pub fn strangers(&self) -> impl Iterator<Item = (&SocketAddr, Fix)> {
        self.strangers.iter().map(|(address, fix)| (address, *fix))
    }

    /// The attempt that was answered last.
    pub fn last_answered(&self) -> Option<&Attempt<S>> {
        let answered = self.attempts.iter().filter_map(|attempt| Some((attempt.answer?.fix.when.at, attempt)));
        answered.max_by_key(|(at, _)| *at).map(|(_, attempt)| attempt)
    }

    /// What carried the line's last request.
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// The lifetime that a server granted last, if it ever did.
    pub fn last_granted(&self, server: &S) -> Option<Duration> {
        self.granted.get(server).copied()
    }

    /// The last binding at a server, if it ran out.
    pub fn lapsed(&self, server: &S) -> Option<&Binding> {
        self.lapsed.get(server)
    }

    /// The attempts at a server that asked for a binding, oldest first.
    pub fn attempts_at<'a>(&'a self, server: &'a S) -> impl DoubleEndedIterator<Item = &'a Attempt<S>> + 'a {
        self.attempts.iter().filter(move |attempt| attempt.server == *server && attempt.purpose == Purpose::Register)
    }

    /// The attempts that asked for a binding anywhere, oldest first.
    pub fn attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt<S>> {
        self.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Register)
    }

    /// All attempts, those that ask for no binding included, oldest first.
    pub fn all_attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt<S>> {
        self.attempts.iter()
    }

    /// The spans in which a server held a binding that the line was never told of, because its answers were taken away:
    /// the last one at each server.
    pub fn held_unheard(&self) -> impl Iterator<Item = (&S, Span)> {
        self.unheard.iter().map(|(server, span)| (server, *span))
    }

    /// Whether an attempt goes on with the Call-ID of one that was made before `then`.
    pub fn goes_on(&self, attempt: &Attempt<S>, then: Fix) -> bool {
        let before = |first: Fix| first.seq <= then.seq || first.when.at < then.when.at;
        let mut earlier = self.attempts.iter().filter(|earlier| before(earlier.first));
        earlier.any(|earlier| earlier.call_id == attempt.call_id && earlier.cseq < attempt.cseq)
    }

    /// Every span in which a server held a binding; live ones end at their expiry.
    pub fn held(&self) -> impl Iterator<Item = (&S, Span)> {
        self.bindings.held()
    }

    /// When the next binding runs out.
    pub fn next_expiry(&self) -> Option<Stamp> {
        self.bindings.live().map(|(_, binding)| binding.until).min()
    }

    /// Ends the bindings that ran out before `now`.
    pub fn expire(&mut self, now: Stamp) -> Vec<Change<S>> {
        let over = self.bindings.expire(now);
        let ended = |(server, binding): (S, Binding)| {
            if self.bindings.at(&server).is_none() {
                self.lapsed.insert(server.clone(), binding.clone());
            }
            Change::Expired { server, contact: binding.contact, at: binding.until }
        };
        let changes: Vec<Change<S>> = over.into_iter().map(ended).collect();
        if !changes.is_empty() {
            self.settle_home();
        }
        changes
    }
}

impl LineTrack {
    /// Takes a SIP message of the phone, if it is about a registration of this line.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix, patience: Duration) -> Vec<(Change, Fix)> {
        let SipMessage::Read(message) = &fact.message else { return Vec::new() };
        if message.method != "REGISTER" || address_user(&message.to) != Some(self.line.extension.as_str()) {
            return Vec::new();
        }
        let message = Glance::from(message.as_ref());
        let Some(server) = &fact.server else { return self.observe_stranger(fact, &message, fix) };
        let heard =
            Heard { toward: fact.toward, transport: fact.transport, fate: fact.fate, message: &message, server };
        self.take(&heard, fix, patience)
    }

    /// The other end is no server of the bench.
    fn observe_stranger(&mut self, fact: &SipFact, message: &Glance<'_>, fix: Fix) -> Vec<(Change, Fix)> {
        match (message.start, fact.toward) {
            (Start::Request { .. }, Toward::Server) => {
                self.transport = Some(fact.transport);
                if self.strangers.len() < STRANGERS {
                    self.strangers.entry(fact.server_addr).or_insert(fix);
                }
                Vec::new()
            }
            (Start::Response { code, .. }, Toward::Phone)
                if (200..300).contains(&code)
                    && !matches!(fact.fate, Fate::Dropped(_))
                    && message.contacts.iter().any(|contact| lifetime(contact, message) > Some(0)) =>
            {
                vec![(Change::Stranger { address: fact.server_addr.to_string() }, fix)]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
#[path = "registration_tests.rs"]
pub(super) mod tests;
