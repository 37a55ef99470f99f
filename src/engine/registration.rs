//! Where a line is registered, read from the SIP that passes: attempts, answers, bindings and their expiry.
//!
//! Only a 2xx that lists the phone's own contact with a lifetime makes a binding (RFC 3261 section 10.3, step 8). A
//! challenge, a retransmission, a fetch, a removal, a poll with `Expires: 0`, or an answer to a request that the phone
//! had given up long before make none.
//!
//! Not here: what a scenario expects of it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

mod attempt;
mod binding;
mod terms;

pub use self::{
    attempt::{Answer, Attempt, Purpose},
    binding::{Binding, Ended, PastBinding},
};
use self::{
    binding::Bindings,
    terms::{address_user, granted, lifetime, listed, purpose},
};
use super::coverage::Span;
use crate::event::{
    Fate, LineId, ServerName, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward, Transport, When,
};

/// Attempts and ended bindings that are remembered for each line; the oldest go first.
const MEMORY: usize = 256;

/// Answers that wait for the report of their request; the oldest go first.
const ORPHANS: usize = 16;

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

/// All that is known of one line's registrations. `S` names a server.
#[derive(Debug)]
pub struct LineTrack<S = ServerName> {
    line: LineId,
    attempts: VecDeque<Attempt<S>>,
    bindings: Bindings<S>,
    /// What each server granted last.
    granted: BTreeMap<S, Duration>,
    lapsed: BTreeMap<S, Binding>,
    /// Bindings of which the line never heard, because an outage took the answers: the last one at each server.
    unheard: BTreeMap<S, Span>,
    /// Until when a server asked the line to stay away (RFC 3261 section 20.33).
    wait: BTreeMap<S, Stamp>,
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

/// A message between a line and a server.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a, S> {
    /// Which way it went.
    pub toward: Toward,
    /// What carried it.
    pub transport: Transport,
    /// Whether it arrived.
    pub fate: Fate,
    /// What it says.
    pub message: &'a SipSummary,
    /// The server.
    pub server: &'a S,
}

/// An answer that was reported before its request.
#[derive(Debug)]
struct Orphan<S> {
    server: S,
    code: u16,
    ours: bool,
    message: SipSummary,
    fix: Fix,
}

impl<S: Clone + Ord> LineTrack<S> {
    /// A line of which nothing is known.
    pub fn new(line: LineId) -> Self {
        Self::remembering(line, MEMORY)
    }

    /// The same; of its bindings that are over so many are remembered.
    pub fn remembering(line: LineId, memory: usize) -> Self {
        Self {
            line,
            attempts: VecDeque::new(),
            bindings: Bindings::remembering(memory),
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

    /// The bindings that are over, in the order of their ends.
    pub fn past(&self) -> impl Iterator<Item = (&S, &PastBinding)> {
        self.bindings.past()
    }

    /// How many bindings that are over were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.bindings.forgotten()
    }

    /// Until when a server asked the line to stay away, if it ever did.
    pub fn asked_to_wait(&self, server: &S) -> Option<Stamp> {
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

    /// Takes a REGISTER of this line, or an answer to one; returns what it changed, and when that was: an answer may be
    /// reported ahead of its request. `patience` is how long the phone waits for an answer: a later one is stale.
    pub fn take(&mut self, heard: &Heard<'_, S>, fix: Fix, patience: Duration) -> Vec<(Change<S>, Fix)> {
        let Heard { server, message, fate, .. } = *heard;
        match (&message.start, heard.toward) {
            (SipStart::Request { .. }, Toward::Server) => {
                self.transport = Some(heard.transport);
                self.request(server, message, fate, fix, patience);
                self.adopt(server, message, patience)
            }
            // What does not arrive tells the phone nothing; the server goes by it nevertheless.
            (SipStart::Response { code, .. }, Toward::Phone) if matches!(fate, Fate::Dropped(_)) => {
                if (200..300).contains(code) {
                    self.unheard(server, message, fix);
                }
                Vec::new()
            }
            (SipStart::Response { code, .. }, Toward::Phone) if *code >= 200 => {
                let ours = matches!(fate, Fate::Injected(_));
                let changes = self.response(server, *code, ours, message, fix, patience);
                changes.into_iter().map(|change| (change, fix)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn request(&mut self, server: &S, message: &SipSummary, fate: Fate, fix: Fix, patience: Duration) {
        let passed = (fate == Fate::Passed).then_some(fix);
        if let Some(known) = self.matching(server, message) {
            known.sends += 1;
            if !known.stale(fix, patience) {
                known.last = fix;
            }
            // A socket buffer delivers what the phone has long given up.
            known.passed = known.passed.or(passed.filter(|_| !known.stale(fix, patience)));
            return;
        }
        self.transactions += 1;
        if self.attempts.len() == MEMORY {
            self.attempts.pop_front();
        }
        self.attempts.push_back(Attempt {
            server: server.clone(),
            purpose: purpose(message),
            authorized: message.authorized,
            first: fix,
            sends: 1,
            last: fix,
            passed,
            answer: None,
            nonce: message.nonce.clone(),
            challenge: None,
            call_id: message.call_id.clone(),
            cseq: message.cseq,
            branch: message.branch.clone(),
            contacts: message.contacts.clone(),
            expires: message.expires,
        });
    }

    fn response(
        &mut self,
        server: &S,
        code: u16,
        ours: bool,
        message: &SipSummary,
        fix: Fix,
        patience: Duration,
    ) -> Vec<Change<S>> {
        let Some(attempt) = self.matching(server, message) else {
            if self.orphans.len() == ORPHANS {
                self.orphans.pop_front();
            }
            let (server, message) = (server.clone(), message.clone());
            self.orphans.push_back(Orphan { server, code, ours, message, fix });
            return Vec::new();
        };
        if attempt.answer.is_some() || attempt.stale(fix, patience) {
            return Vec::new();
        }
        let granted = if code < 300 { granted(attempt, message) } else { Vec::new() };
        let live = granted.iter().any(|(_, lifetime)| !lifetime.is_zero());
        attempt.answer = Some(Answer { code, fix, live, stale_nonce: message.stale_nonce, ours });
        attempt.challenge.clone_from(&message.nonce);
        let (request, purpose) = (attempt.first, attempt.purpose);
        if code >= 300 {
            if let Some(wait) = message.retry_after {
                self.wait.insert(server.clone(), fix.when.at + Duration::from_secs(wait.into()));
            }
            let refused = purpose == Purpose::Register && !matches!(code, 401 | 407 | 423);
            return if refused { vec![Change::Refused { server: server.clone(), request, ours }] } else { Vec::new() };
        }
        let mut changes = Vec::new();
        if purpose == Purpose::Register {
            let granted = granted.into_iter().filter(|(_, lifetime)| !lifetime.is_zero());
            changes.extend(
                granted.map(|(contact, lifetime)| self.bind(server, &message.to, contact, lifetime, request, fix)),
            );
        }
        // A 2xx to a REGISTER that asks for a binding and lists none of it tells nothing that can be relied on.
        if live || purpose != Purpose::Register {
            changes.extend(self.unlist(server, message, fix));
        }
        changes
    }

    /// A 2xx lists all that the server holds of an address of record (RFC 3261 section 10.3, step 8): what it does not name is gone. The phone may
    /// have removed another contact than the one it is bound by, if it has restarted since.
    fn unlist(&mut self, server: &S, message: &SipSummary, fix: Fix) -> Vec<Change<S>> {
        let unlisted = |binding: &Binding| binding.aor == message.to && !listed(&binding.contact, message);
        let gone = self.bindings.remove(server, fix.when.at, unlisted);
        if !gone.is_empty() {
            self.settle_home();
        }
        gone.into_iter().map(|it| Change::Removed { server: server.clone(), contact: it.contact }).collect()
    }

    /// A 2xx that an outage took away: the server holds the binding, and the line does not know.
    fn unheard(&mut self, server: &S, message: &SipSummary, fix: Fix) {
        let Some(attempt) = self.matching(server, message) else { return };
        if attempt.purpose != Purpose::Register {
            return;
        }
        let longest = granted(attempt, message).into_iter().map(|(_, lifetime)| lifetime).max();
        let Some(lifetime) = longest.filter(|lifetime| !lifetime.is_zero()) else { return };
        let until = fix.when.at + lifetime;
        let span = self.unheard.entry(server.clone()).or_insert(Span { from: fix.when.at, until });
        if span.until < fix.when.at {
            span.from = fix.when.at;
        }
        span.until = span.until.max(until);
    }

    /// Takes in the answer to this request that was reported before it.
    fn adopt(&mut self, server: &S, request: &SipSummary, patience: Duration) -> Vec<(Change<S>, Fix)> {
        let answers = |orphan: &Orphan<S>| {
            orphan.server == *server
                && orphan.message.call_id == request.call_id
                && orphan.message.cseq == request.cseq
                && orphan.message.branch == request.branch
        };
        let Some(orphan) = self.orphans.iter().position(answers).and_then(|index| self.orphans.remove(index)) else {
            return Vec::new();
        };
        let changes = self.response(server, orphan.code, orphan.ours, &orphan.message, orphan.fix, patience);
        changes.into_iter().map(|change| (change, orphan.fix)).collect()
    }

    fn bind(&mut self, server: &S, aor: &str, contact: String, granted: Duration, request: Fix, fix: Fix) -> Change<S> {
        self.granted.insert(server.clone(), granted);
        let first = self.bindings.at(server).is_none();
        let created = self.bindings.confirm(server, aor, contact, granted, fix);
        if first {
            self.lapsed.remove(server);
        }
        let anchored = self.anchor.clone().filter(|anchor| self.bindings.at(anchor).is_some());
        self.home = Some(anchored.unwrap_or_else(|| server.clone()));
        let server = server.clone();
        if created { Change::Created { server, request } } else { Change::Refreshed { server, request } }
    }

    /// Bindings ended: if there is none left where the line was at home, it is where one lives longest.
    fn settle_home(&mut self) {
        if self.home.as_ref().is_some_and(|home| self.bindings.at(home).is_none()) {
            let longest = self.bindings.live().max_by_key(|(server, other)| (other.until, *server));
            self.home = longest.map(|(server, _)| server.clone());
        }
    }

    /// The attempt that a message belongs to: same server, Call-ID and CSeq, and the same branch where both have one
    /// (RFC 3261 section 17.1.3).
    fn matching(&mut self, server: &S, message: &SipSummary) -> Option<&mut Attempt<S>> {
        self.attempts.iter_mut().rev().find(|attempt| {
            attempt.server == *server
                && attempt.call_id == message.call_id
                && attempt.cseq == message.cseq
                && (attempt.branch.is_empty() || message.branch.is_empty() || attempt.branch == message.branch)
        })
    }
}

impl LineTrack {
    /// Takes a SIP message of the phone, if it is about a registration of this line.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix, patience: Duration) -> Vec<(Change, Fix)> {
        let SipMessage::Read(message) = &fact.message else { return Vec::new() };
        if message.method != "REGISTER" || address_user(&message.to) != Some(self.line.extension.as_str()) {
            return Vec::new();
        }
        let Some(server) = &fact.server else { return self.from_nobody(fact, message, fix) };
        let heard = Heard {
            toward: fact.toward,
            transport: fact.transport,
            fate: fact.fate,
            message: message.as_ref(),
            server,
        };
        self.take(&heard, fix, patience)
    }

    /// The other end is no server of the bench.
    fn from_nobody(&mut self, fact: &SipFact, message: &SipSummary, fix: Fix) -> Vec<(Change, Fix)> {
        match (&message.start, fact.toward) {
            (SipStart::Request { .. }, Toward::Server) => {
                self.transport = Some(fact.transport);
                if self.strangers.len() < STRANGERS {
                    self.strangers.entry(fact.server_addr).or_insert(fix);
                }
                Vec::new()
            }
            (SipStart::Response { code, .. }, Toward::Phone)
                if (200..300).contains(code)
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
