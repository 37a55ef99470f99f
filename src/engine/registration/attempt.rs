//! One REGISTER transaction, and how it was answered.

use std::time::Duration;

use super::Fix;
use crate::event::{ServerName, SipContact};

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
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) branch: String,
    pub(super) contacts: Vec<SipContact>,
    pub(super) expires: Option<u32>,
}

impl<S> Attempt<S> {
    /// The final answer, if the server gave it.
    pub fn answered_by_server(&self) -> Option<Answer> {
        self.answer.filter(|answer| !answer.ours)
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
