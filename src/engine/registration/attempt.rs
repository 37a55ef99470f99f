//! REGISTER transactions, and how they were answered.

use std::{
    collections::{VecDeque, vec_deque},
    sync::Arc,
    time::Duration,
};

use super::Fix;
use crate::{
    event::{ServerName, SipContact},
    wire::sip::{Contact, Glance},
};

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
pub struct Attempt<S = ServerName> {
    /// Where it was sent.
    pub server: S,
    /// What it asks for.
    pub purpose: Purpose,
    /// It carries credentials.
    pub authorized: bool,
    /// Its first sending.
    pub first: Fix,
    /// How often it was sent, retransmissions included.
    pub sends: u32,
    /// Its last sending while the phone waited. If that is after the answer, the phone has not heard it.
    pub last: Fix,
    /// Its first copy that got through while the phone still waited for an answer; none: an outage took them all.
    pub passed: Option<Fix>,
    /// The final answer, if it came while the phone still waited for it.
    pub answer: Option<Answer>,
    /// The nonce that its credentials use.
    pub nonce: Option<String>,
    /// The nonce that the answer asks to be used.
    pub challenge: Option<String>,
    /// A 2xx to it was sent.
    pub(super) served: bool,
    pub(super) call_id: Arc<str>,
    pub(super) cseq: u32,
    pub(super) branch: String,
    pub(super) contacts: Arc<[SipContact]>,
    pub(super) expires: Option<u32>,
}

impl<S> Attempt<S> {
    /// The final answer, if the server gave it.
    pub fn answered_by_server(&self) -> Option<Answer> {
        self.answer.filter(|answer| !answer.ours)
    }

    /// Its `Call-ID`.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The lifetime that it asks for, in seconds; none: it leaves that to the server.
    pub fn asked_lifetime(&self) -> Option<u32> {
        self.contacts.iter().find_map(|contact| contact.expires).or(self.expires)
    }

    /// Whether the phone, which waits this long, no longer waits for an answer.
    pub(super) fn stale(&self, now: Fix, patience: Duration) -> bool {
        now.when.at.since(self.first.when.at) > patience
    }
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
    /// It found nothing wrong with the credentials but the age of their nonce.
    pub stale_nonce: bool,
    /// The bridge gave it in the server's name.
    pub ours: bool,
}

/// The attempts that are remembered, in the order in which they began.
#[derive(Debug)]
pub(super) struct Attempts<S> {
    list: VecDeque<Attempt<S>>,
    memory: usize,
    /// How many of them are answered.
    settled: usize,
    /// None ever had a higher CSeq.
    highest: u32,
}

impl<S: Ord> Attempts<S> {
    /// None yet; so many are remembered. What was answered goes first.
    pub fn remembering(memory: usize) -> Self {
        Self { list: VecDeque::new(), memory: memory.max(1), settled: 0, highest: 0 }
    }

    /// Oldest first.
    pub fn iter(&self) -> vec_deque::Iter<'_, Attempt<S>> {
        self.list.iter()
    }

    /// The attempt that a message belongs to: same server, Call-ID and CSeq, and the same branch where both have one
    /// (RFC 3261 section 17.1.3).
    pub fn matching(&mut self, server: &S, message: &Glance<'_>) -> Option<&mut Attempt<S>> {
        // What is new has a number that was not there, and a line keeps its Call-ID.
        if message.cseq > self.highest {
            return None;
        }
        self.list.iter_mut().rev().find(|attempt| {
            attempt.cseq == message.cseq
                && attempt.server == *server
                && *attempt.call_id == *message.call_id
                && (attempt.branch.is_empty() || message.branch.is_empty() || attempt.branch == message.branch)
        })
    }

    /// The Call-ID and the contacts of a message. A phone mostly repeats those of its last attempt, and they are kept once.
    pub fn identity(&self, message: &Glance<'_>) -> (Arc<str>, Arc<[SipContact]>) {
        let last = self.list.back();
        let call_id = last.map(|last| &last.call_id).filter(|known| ***known == *message.call_id);
        let asked = message.contacts.as_slice();
        let same = |known: &&Arc<[SipContact]>| known.iter().map(Contact::from).eq(asked.iter().cloned());
        let contacts = last.map(|last| &last.contacts).filter(same);
        (
            call_id.map_or_else(|| message.call_id.into(), Arc::clone),
            contacts.map_or_else(|| asked.iter().map(SipContact::from).collect(), Arc::clone),
        )
    }

    /// Remembers one more.
    pub fn push(&mut self, attempt: Attempt<S>) {
        if self.list.len() >= self.memory {
            self.forget();
        }
        self.highest = self.highest.max(attempt.cseq);
        self.settled += usize::from(attempt.answer.is_some());
        self.list.push_back(attempt);
    }

    /// One of them, which had none, was given an answer.
    pub fn settle(&mut self) {
        self.settled += 1;
    }

    /// What was answered is settled and goes first, the oldest of it, as long as half of what is remembered is. Of what
    /// nobody answered the first is what a move is measured from, and stays.
    fn forget(&mut self) {
        let settled = |attempt: &Attempt<S>| attempt.answer.is_some();
        let mostly = 2 * self.settled >= self.list.len();
        let oldest = if mostly { self.list.iter().position(settled) } else { None };
        let open = || self.list.iter().enumerate().filter(|(_, it)| !settled(it)).map(|(index, _)| index).nth(1);
        let gone = self.list.remove(oldest.or_else(open).unwrap_or(0));
        self.settled -= usize::from(gone.is_some_and(|gone| settled(&gone)));
    }
}
