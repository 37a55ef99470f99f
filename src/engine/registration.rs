//! Where a line is registered, read from the SIP that passes: attempts, answers, bindings and their expiry.
//!
//! Only a 2xx that lists the phone's own contact with a lifetime makes a binding (RFC 3261 section 10.3, step 8). A
//! challenge, a retransmission, a fetch, a removal, a poll with `Expires: 0`, or an answer to a request that the phone
//! had given up long before make none.
//!
//! Not here: what a scenario expects of it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::coverage::Span;
use crate::event::{
    Fate, LineId, ServerName, SipContact, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward, When,
};

/// Attempts and ended bindings that are remembered for each line; the oldest go first.
const MEMORY: usize = 256;

/// Answers that may wait for the request they belong to. Both taps are read in turn, so these are few, and wait for
/// milliseconds; what waits longer was asked for before anybody watched.
const EARLY: usize = 16;

/// Lifetime of a binding whose 2xx and request name none (RFC 3261 section 10.2.1.1 leaves it to the registrar).
const UNSPOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// A time, and the record that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fix {
    /// Number of the record.
    pub seq: u64,
    /// When it happened.
    pub when: When,
}

/// What a REGISTER asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A binding.
    Register,
    /// The end of a binding; also a poll by `Expires: 0`.
    Remove,
    /// The list of bindings (no Contact).
    Fetch,
}

/// One REGISTER transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Where it was sent.
    pub server: ServerName,
    /// What it asks for.
    pub purpose: Purpose,
    /// It carries credentials.
    pub authorized: bool,
    /// Its first sending.
    pub first: Fix,
    /// How often it was sent, retransmissions included.
    pub sends: u32,
    /// Its first copy that got through; none: an outage took them all.
    pub passed: Option<Fix>,
    /// The final answer.
    pub answer: Option<Answer>,
    call_id: String,
    cseq: u32,
    branch: String,
    contact: Option<SipContact>,
    expires: Option<u32>,
}

/// A final answer to a REGISTER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status code, from 200.
    pub code: u16,
    /// When it came.
    pub fix: Fix,
    /// It created or prolonged a binding.
    pub live: bool,
}

/// A final answer that was told before the REGISTER it belongs to, although it came after it.
#[derive(Debug)]
struct Early {
    server: ServerName,
    code: u16,
    message: SipSummary,
    fix: Fix,
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
    early: VecDeque<Early>,
    bindings: BTreeMap<ServerName, Binding>,
    past: VecDeque<(ServerName, Span)>,
    home: Option<ServerName>,
    transactions: u64,
}

impl LineTrack {
    /// A line of which nothing is known.
    pub fn new(line: LineId) -> Self {
        Self {
            line,
            attempts: VecDeque::new(),
            early: VecDeque::new(),
            bindings: BTreeMap::new(),
            past: VecDeque::new(),
            home: None,
            transactions: 0,
        }
    }

    /// Which line it is.
    pub fn line(&self) -> &LineId {
        &self.line
    }

    /// The server that last confirmed the line, while its binding lives.
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

    /// The attempts at a server that asked for a binding, oldest first.
    pub fn attempts_at<'a>(&'a self, server: &'a ServerName) -> impl DoubleEndedIterator<Item = &'a Attempt> + 'a {
        self.attempts.iter().filter(move |attempt| attempt.server == *server && attempt.purpose == Purpose::Register)
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
                Some(Change::Expired { server, contact: binding.contact, at: binding.until })
            })
            .collect()
    }

    /// Takes a SIP message of this line. `patience` is how long the phone waits for an answer: a later one is stale. Says
    /// what changed, and by which message: that is not this one where an answer was told before its request.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix, patience: Duration) -> Option<(Change, Fix)> {
        let SipMessage::Read(message) = &fact.message else { return None };
        if message.method != "REGISTER" || address_user(&message.to) != Some(self.line.extension.as_str()) {
            return None;
        }
        match (&message.start, fact.toward) {
            (SipStart::Request { .. }, Toward::Server) => {
                let server = fact.server.as_ref()?;
                self.request(server, message, fact.fate, fix);
                let early = self.take_early(server, message, fix)?;
                let change = self.response(server, early.code, &early.message, early.fix, patience)?;
                Some((change, early.fix))
            }
            // What does not arrive tells the phone nothing.
            (SipStart::Response { code, .. }, Toward::Phone) if *code >= 200 && fact.fate == Fate::Passed => {
                let change = match &fact.server {
                    Some(server) if self.matching(server, message).is_none() => {
                        self.keep_early(Early {
                            server: server.clone(),
                            code: *code,
                            message: (**message).clone(),
                            fix,
                        });
                        None
                    }
                    Some(server) => self.response(server, *code, message, fix, patience),
                    None => (*code < 300
                        && message.contacts.iter().any(|contact| lifetime(contact, message) > Some(0)))
                    .then(|| Change::Stranger { address: fact.server_addr.to_string() }),
                };
                change.map(|change| (change, fix))
            }
            _ => None,
        }
    }

    fn request(&mut self, server: &ServerName, message: &SipSummary, fate: Fate, fix: Fix) {
        let passed = (fate == Fate::Passed).then_some(fix);
        if let Some(known) = self.matching(server, message) {
            known.sends += 1;
            known.passed = known.passed.or(passed);
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
            passed,
            answer: None,
            call_id: message.call_id.clone(),
            cseq: message.cseq,
            branch: message.branch.clone(),
            contact: message.contacts.first().cloned(),
            expires: message.expires,
        });
    }

    fn keep_early(&mut self, early: Early) {
        if self.early.len() == EARLY {
            self.early.pop_front();
        }
        self.early.push_back(early);
    }

    /// The answer to this request, if it was told already.
    fn take_early(&mut self, server: &ServerName, request: &SipSummary, fix: Fix) -> Option<Early> {
        let belongs = |early: &Early| {
            early.server == *server
                && early.fix.when.at >= fix.when.at
                && same_transaction(transaction(&early.message), transaction(request))
        };
        let position = self.early.iter().position(belongs)?;
        self.early.remove(position)
    }

    fn response(
        &mut self,
        server: &ServerName,
        code: u16,
        message: &SipSummary,
        fix: Fix,
        patience: Duration,
    ) -> Option<Change> {
        let attempt = self.matching(server, message)?;
        if attempt.answer.is_some() {
            return None;
        }
        let stale = fix.when.at.since(attempt.first.when.at) > patience;
        let granted = if code < 300 && !stale { granted(attempt, message) } else { None };
        let live = granted.as_ref().is_some_and(|(_, lifetime)| !lifetime.is_zero());
        attempt.answer = Some(Answer { code, fix, live });
        let (request, purpose) = (attempt.first, attempt.purpose);
        if code >= 300 || stale {
            return None;
        }
        match granted {
            Some((contact, lifetime)) if live && purpose == Purpose::Register => {
                Some(self.bind(server, contact, lifetime, request, fix))
            }
            _ if purpose == Purpose::Remove => {
                let binding = self.end(server, Some(fix.when.at))?;
                Some(Change::Removed { server: server.clone(), contact: binding.contact })
            }
            _ => None,
        }
    }

    fn bind(&mut self, server: &ServerName, contact: String, granted: Duration, request: Fix, fix: Fix) -> Change {
        let until = fix.when.at + granted;
        self.home = Some(server.clone());
        match self.bindings.get_mut(server) {
            Some(binding) => {
                *binding = Binding { contact, granted, created: binding.created, until };
                Change::Refreshed { server: server.clone(), request }
            }
            None => {
                self.bindings.insert(server.clone(), Binding { contact, granted, created: fix, until });
                Change::Created { server: server.clone(), request }
            }
        }
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

    /// The attempt that a message belongs to.
    fn matching(&mut self, server: &ServerName, message: &SipSummary) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|attempt| {
            let asked = (attempt.call_id.as_str(), attempt.cseq, attempt.branch.as_str());
            attempt.server == *server && same_transaction(asked, transaction(message))
        })
    }
}

/// What names the transaction of a message: Call-ID, CSeq and branch.
fn transaction(message: &SipSummary) -> (&str, u32, &str) {
    (&message.call_id, message.cseq, &message.branch)
}

/// Same Call-ID and CSeq, and the same branch where both have one (RFC 3261 section 17.1.3).
fn same_transaction(one: (&str, u32, &str), other: (&str, u32, &str)) -> bool {
    (one.0, one.1) == (other.0, other.1) && (one.2.is_empty() || other.2.is_empty() || one.2 == other.2)
}

/// What a REGISTER asks for: every Contact must agree on zero before it counts as a removal.
fn purpose(message: &SipSummary) -> Purpose {
    if message.contacts.is_empty() {
        Purpose::Fetch
    } else if message.contacts.iter().all(|contact| contact.uri == "*" || lifetime(contact, message) == Some(0)) {
        Purpose::Remove
    } else {
        Purpose::Register
    }
}

/// Lifetime of a contact: its own parameter first, then the header (RFC 3261 section 10.2.1.1).
fn lifetime(contact: &SipContact, message: &SipSummary) -> Option<u32> {
    contact.expires.or(message.expires)
}

/// The contact that a 2xx grants to this attempt, and for how long.
fn granted(attempt: &Attempt, message: &SipSummary) -> Option<(String, Duration)> {
    let asked = attempt.contact.as_ref()?;
    let ours = message.contacts.iter().find(|contact| same_contact(&contact.uri, &asked.uri))?;
    let lifetime = lifetime(ours, message)
        .or(asked.expires)
        .or(attempt.expires)
        .map_or(UNSPOKEN_LIFETIME, |secs| Duration::from_secs(secs.into()));
    Some((ours.uri.clone(), lifetime))
}

/// The user part of `user@host`.
fn address_user(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(user, _)| user)
}

/// Whether two contact URIs name the same place: user exactly, host and port without regard to case, URI parameters
/// aside, because registrars drop or add some.
fn same_contact(one: &str, other: &str) -> bool {
    fn key(uri: &str) -> (Option<&str>, String) {
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let host = host.split([';', '?']).next().unwrap_or(host);
        (user, host.to_ascii_lowercase())
    }
    key(one) == key(other)
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
