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
mod terms;

pub use self::attempt::{Answer, Attempt, Purpose};
use self::terms::{address_user, granted, lifetime, purpose, same_contact};
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

/// A live binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The bound contact, as the server wrote it.
    pub contact: String,
    /// The lifetime last granted.
    pub granted: Duration,
    /// The 2xx that created it.
    pub created: Fix,
    /// The 2xx that last confirmed it.
    pub confirmed: Fix,
    /// When it runs out unless it is refreshed.
    pub until: Stamp,
}

/// What an observation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A 2xx created a binding.
    Created {
        /// At this server.
        server: ServerName,
        /// The REGISTER that asked for it.
        request: Fix,
    },
    /// A 2xx prolonged a binding.
    Refreshed {
        /// At this server.
        server: ServerName,
        /// The REGISTER that asked for it.
        request: Fix,
    },
    /// The phone removed a binding.
    Removed {
        /// At this server.
        server: ServerName,
        /// Its contact.
        contact: String,
    },
    /// A binding ran out.
    Expired {
        /// At this server.
        server: ServerName,
        /// Its contact.
        contact: String,
        /// When.
        at: Stamp,
    },
    /// The line was turned away, and neither challenged nor told of a shorter lifetime.
    Refused {
        /// In this server's name.
        server: ServerName,
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

/// All that is known of one line's registrations.
#[derive(Debug)]
pub struct LineTrack {
    line: LineId,
    attempts: VecDeque<Attempt>,
    bindings: BTreeMap<ServerName, Binding>,
    /// What each server granted last.
    granted: BTreeMap<ServerName, Duration>,
    lapsed: BTreeMap<ServerName, Binding>,
    /// Bindings of which the line never heard, because an outage took the answers: the last one at each server.
    unheard: BTreeMap<ServerName, Span>,
    past: VecDeque<(ServerName, Span)>,
    /// Until when a server asked the line to stay away (RFC 3261 section 20.33).
    wait: BTreeMap<ServerName, Stamp>,
    /// Addresses of nobody that the bench names, with the first REGISTER to each.
    strangers: BTreeMap<SocketAddr, Fix>,
    transport: Option<Transport>,
    home: Option<ServerName>,
    anchor: Option<ServerName>,
    transactions: u64,
    /// Answers whose request was not reported yet: each side of the bridge is watched by a tap of its own, and reports
    /// may overtake one another.
    orphans: VecDeque<Orphan>,
}

/// An answer that was reported before its request.
#[derive(Debug)]
struct Orphan {
    server: ServerName,
    code: u16,
    ours: bool,
    message: SipSummary,
    fix: Fix,
}

impl LineTrack {
    /// A line of which nothing is known.
    pub fn new(line: LineId) -> Self {
        Self {
            line,
            attempts: VecDeque::new(),
            bindings: BTreeMap::new(),
            granted: BTreeMap::new(),
            lapsed: BTreeMap::new(),
            unheard: BTreeMap::new(),
            past: VecDeque::new(),
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
    pub fn anchored(self, at: ServerName) -> Self {
        Self { anchor: Some(at), ..self }
    }

    /// Which line it is.
    pub fn line(&self) -> &LineId {
        &self.line
    }

    /// The server that last confirmed the line, while its binding lives; or the one that the line is
    /// [`anchored`](Self::anchored) at.
    pub fn home(&self) -> Option<&ServerName> {
        self.home.as_ref()
    }

    /// How many REGISTER transactions were begun, polls and removals included.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// The live binding at a server.
    pub fn binding(&self, server: &ServerName) -> Option<&Binding> {
        self.bindings.get(server)
    }

    /// Until when a server asked the line to stay away, if it ever did.
    pub fn asked_to_wait(&self, server: &ServerName) -> Option<Stamp> {
        self.wait.get(server).copied()
    }

    /// Addresses that the bench does not name, with the first REGISTER to each: at most [`STRANGERS`].
    pub fn strangers(&self) -> impl Iterator<Item = (&SocketAddr, Fix)> {
        self.strangers.iter().map(|(address, fix)| (address, *fix))
    }

    /// The attempt that was answered last.
    pub fn last_answered(&self) -> Option<&Attempt> {
        let answered = self.attempts.iter().filter_map(|attempt| Some((attempt.answer?.fix.when.at, attempt)));
        answered.max_by_key(|(at, _)| *at).map(|(_, attempt)| attempt)
    }

    /// What carried the line's last request.
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// The lifetime that a server granted last, if it ever did.
    pub fn last_granted(&self, server: &ServerName) -> Option<Duration> {
        self.granted.get(server).copied()
    }

    /// The last binding at a server, if it ran out.
    pub fn lapsed(&self, server: &ServerName) -> Option<&Binding> {
        self.lapsed.get(server)
    }

    /// The attempts at a server that asked for a binding, oldest first.
    pub fn attempts_at<'a>(&'a self, server: &'a ServerName) -> impl DoubleEndedIterator<Item = &'a Attempt> + 'a {
        self.attempts.iter().filter(move |attempt| attempt.server == *server && attempt.purpose == Purpose::Register)
    }

    /// The attempts that asked for a binding anywhere, oldest first.
    pub fn attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Register)
    }

    /// The spans in which a server held a binding that the line was never told of, because its answers were taken away:
    /// the last one at each server.
    pub fn held_unheard(&self) -> impl Iterator<Item = (&ServerName, Span)> {
        self.unheard.iter().map(|(server, span)| (server, *span))
    }

    /// Whether an attempt goes on with the Call-ID of one that was made before `then`.
    pub fn goes_on(&self, attempt: &Attempt, then: Fix) -> bool {
        let before = |first: Fix| first.seq <= then.seq || first.when.at < then.when.at;
        let mut earlier = self.attempts.iter().filter(|earlier| before(earlier.first));
        earlier.any(|earlier| earlier.call_id == attempt.call_id && earlier.cseq < attempt.cseq)
    }

    /// Every span in which a server held a binding; live ones end at their expiry.
    pub fn held(&self) -> impl Iterator<Item = (&ServerName, Span)> {
        let live = self
            .bindings
            .iter()
            .map(|(server, binding)| (server, Span { from: binding.created.when.at, until: binding.until }));
        self.past.iter().map(|(server, span)| (server, *span)).chain(live)
    }

    /// When the next binding runs out.
    pub fn next_expiry(&self) -> Option<Stamp> {
        self.bindings.values().map(|binding| binding.until).min()
    }

    /// Ends the bindings that ran out before `now`.
    pub fn expire(&mut self, now: Stamp) -> Vec<Change> {
        let over: Vec<ServerName> = self
            .bindings
            .iter()
            .filter(|(_, binding)| binding.until <= now)
            .map(|(server, _)| server.clone())
            .collect();
        over.into_iter()
            .filter_map(|server| {
                let binding = self.end(&server, None)?;
                self.lapsed.insert(server.clone(), binding.clone());
                Some(Change::Expired { server, contact: binding.contact, at: binding.until })
            })
            .collect()
    }

    /// Takes a SIP message of this line; returns what it changed, and when that was: an answer may be reported ahead of
    /// its request. `patience` is how long the phone waits for an answer: a later one is stale.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix, patience: Duration) -> Option<(Change, Fix)> {
        let SipMessage::Read(message) = &fact.message else { return None };
        if message.method != "REGISTER" || address_user(&message.to) != Some(self.line.extension.as_str()) {
            return None;
        }
        match (&message.start, fact.toward) {
            (SipStart::Request { .. }, Toward::Server) => {
                self.transport = Some(fact.transport);
                let Some(server) = &fact.server else {
                    if self.strangers.len() < STRANGERS {
                        self.strangers.entry(fact.server_addr).or_insert(fix);
                    }
                    return None;
                };
                self.request(server, message, fact.fate, fix, patience);
                self.adopt(server, message, patience)
            }
            // What does not arrive tells the phone nothing; the server goes by it nevertheless.
            (SipStart::Response { code, .. }, Toward::Phone) if matches!(fact.fate, Fate::Dropped(_)) => {
                if (200..300).contains(code)
                    && let Some(server) = &fact.server
                {
                    self.unheard(server, message, fix);
                }
                None
            }
            (SipStart::Response { code, .. }, Toward::Phone) if *code >= 200 => {
                let ours = matches!(fact.fate, Fate::Injected(_));
                match &fact.server {
                    Some(server) => {
                        self.response(server, *code, ours, message, fix, patience).map(|change| (change, fix))
                    }
                    None => (*code < 300
                        && message.contacts.iter().any(|contact| lifetime(contact, message) > Some(0)))
                    .then(|| (Change::Stranger { address: fact.server_addr.to_string() }, fix)),
                }
            }
            _ => None,
        }
    }

    fn request(&mut self, server: &ServerName, message: &SipSummary, fate: Fate, fix: Fix, patience: Duration) {
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
            contact: message.contacts.first().cloned(),
            expires: message.expires,
        });
    }

    fn response(
        &mut self,
        server: &ServerName,
        code: u16,
        ours: bool,
        message: &SipSummary,
        fix: Fix,
        patience: Duration,
    ) -> Option<Change> {
        let Some(attempt) = self.matching(server, message) else {
            if self.orphans.len() == ORPHANS {
                self.orphans.pop_front();
            }
            let (server, message) = (server.clone(), message.clone());
            self.orphans.push_back(Orphan { server, code, ours, message, fix });
            return None;
        };
        if attempt.answer.is_some() || attempt.stale(fix, patience) {
            return None;
        }
        let granted = if code < 300 { granted(attempt, message) } else { None };
        let live = granted.as_ref().is_some_and(|(_, lifetime)| !lifetime.is_zero());
        attempt.answer = Some(Answer { code, fix, live, stale_nonce: message.stale_nonce, ours });
        attempt.challenge.clone_from(&message.nonce);
        let (request, purpose) = (attempt.first, attempt.purpose);
        if code >= 300 {
            if let Some(wait) = message.retry_after {
                self.wait.insert(server.clone(), fix.when.at + Duration::from_secs(wait.into()));
            }
            let refused = purpose == Purpose::Register && !matches!(code, 401 | 407 | 423);
            return refused.then(|| Change::Refused { server: server.clone(), request, ours });
        }
        match granted {
            Some((contact, lifetime)) if live && purpose == Purpose::Register => {
                Some(self.bind(server, contact, lifetime, request, fix))
            }
            // The phone may have removed another contact than the one it is bound by, if it has restarted since.
            _ if purpose == Purpose::Remove && !self.still_lists(server, message) => {
                let binding = self.end(server, Some(fix.when.at))?;
                Some(Change::Removed { server: server.clone(), contact: binding.contact })
            }
            _ => None,
        }
    }

    /// A 2xx that an outage took away: the server holds the binding, and the line does not know.
    fn unheard(&mut self, server: &ServerName, message: &SipSummary, fix: Fix) {
        let Some(attempt) = self.matching(server, message) else { return };
        let asked = attempt.purpose == Purpose::Register;
        let Some((_, lifetime)) = granted(attempt, message).filter(|(_, lifetime)| asked && !lifetime.is_zero()) else {
            return;
        };
        let until = fix.when.at + lifetime;
        let span = self.unheard.entry(server.clone()).or_insert(Span { from: fix.when.at, until });
        if span.until < fix.when.at {
            span.from = fix.when.at;
        }
        span.until = span.until.max(until);
    }

    /// Takes in the answer to this request that was reported before it.
    fn adopt(&mut self, server: &ServerName, request: &SipSummary, patience: Duration) -> Option<(Change, Fix)> {
        let answers = |orphan: &Orphan| {
            orphan.server == *server
                && orphan.message.call_id == request.call_id
                && orphan.message.cseq == request.cseq
                && orphan.message.branch == request.branch
        };
        let index = self.orphans.iter().position(answers)?;
        let orphan = self.orphans.remove(index)?;
        let change = self.response(server, orphan.code, orphan.ours, &orphan.message, orphan.fix, patience)?;
        Some((change, orphan.fix))
    }

    /// Whether a 2xx names the live binding among those that are left (RFC 3261 section 10.3, step 8).
    fn still_lists(&self, server: &ServerName, message: &SipSummary) -> bool {
        self.bindings.get(server).is_some_and(|binding| {
            message
                .contacts
                .iter()
                .any(|contact| same_contact(&contact.uri, &binding.contact) && lifetime(contact, message) != Some(0))
        })
    }

    fn bind(&mut self, server: &ServerName, contact: String, granted: Duration, request: Fix, fix: Fix) -> Change {
        let until = fix.when.at + granted;
        self.granted.insert(server.clone(), granted);
        let change = match self.bindings.get_mut(server) {
            Some(binding) => {
                *binding = Binding { contact, granted, created: binding.created, confirmed: fix, until };
                Change::Refreshed { server: server.clone(), request }
            }
            None => {
                self.lapsed.remove(server);
                self.bindings.insert(server.clone(), Binding { contact, granted, created: fix, confirmed: fix, until });
                Change::Created { server: server.clone(), request }
            }
        };
        let anchored = self.anchor.clone().filter(|anchor| self.bindings.contains_key(anchor));
        self.home = Some(anchored.unwrap_or_else(|| server.clone()));
        change
    }

    /// Ends a binding: at a removal, or where its time ran out.
    fn end(&mut self, server: &ServerName, at: Option<Stamp>) -> Option<Binding> {
        let binding = self.bindings.remove(server)?;
        if self.past.len() == MEMORY {
            self.past.pop_front();
        }
        let span = Span { from: binding.created.when.at, until: at.unwrap_or(binding.until) };
        self.past.push_back((server.clone(), span));
        if self.home.as_ref() == Some(server) {
            self.home = self.bindings.iter().max_by_key(|(_, other)| other.until).map(|(name, _)| name.clone());
        }
        Some(binding)
    }

    /// The attempt that a message belongs to: same server, Call-ID and CSeq, and the same branch where both have one
    /// (RFC 3261 section 17.1.3).
    fn matching(&mut self, server: &ServerName, message: &SipSummary) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|attempt| {
            attempt.server == *server
                && attempt.call_id == message.call_id
                && attempt.cseq == message.cseq
                && (attempt.branch.is_empty() || message.branch.is_empty() || attempt.branch == message.branch)
        })
    }
}

#[cfg(test)]
#[path = "registration_tests.rs"]
pub(super) mod tests;
