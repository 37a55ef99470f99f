//! Who turned a line away, with what, and where it was sent instead.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    event::{Fate, Stamp},
    wire::sip::Glance,
};

/// Servers and codes that are remembered of an address of record.
const MAX_KINDS: usize = 64;

/// Characters that are kept of the place where a line is sent.
const LONGEST: usize = 128;

/// The refusals of an address of record.
#[derive(Debug, Default)]
pub struct Refusals {
    kinds: BTreeMap<Kind, Refused>,
    /// All of them.
    pub count: u64,
}

/// What makes refusals alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// In this server's name.
    pub server: IpAddr,
    /// Status code.
    pub code: u16,
    /// siprig's bridge said it.
    pub by_bridge: bool,
}

/// Refusals that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Stamp,
    /// The last.
    pub last: Stamp,
    /// For how many seconds the last one that says so asked the line to stay away (RFC 3261 section 20.33).
    pub retry_after: Option<u32>,
    /// Where the last one that says so sent it (RFC 3261 section 21.3).
    pub redirected_to: Option<String>,
}

impl Refusals {
    /// An answer refuses a REGISTER.
    pub fn count(&mut self, message: &Glance<'_>, server: IpAddr, code: u16, fate: Fate, at: Stamp) {
        self.count += 1;
        let kind = Kind { server, code, by_bridge: matches!(fate, Fate::Injected(_)) };
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&kind) {
            return;
        }
        let fresh = Refused { count: 0, first: at, last: at, retry_after: None, redirected_to: None };
        let refused = self.kinds.entry(kind).or_insert(fresh);
        refused.count += 1;
        refused.last = at;
        refused.retry_after = message.retry_after.or(refused.retry_after);
        let elsewhere = message.contacts.first().filter(|_| (300..400).contains(&code));
        if let Some(contact) = elsewhere {
            refused.redirected_to = Some(contact.uri.chars().take(LONGEST).collect());
        }
    }

    /// All kinds.
    pub fn kinds(&self) -> impl Iterator<Item = (&Kind, &Refused)> {
        self.kinds.iter()
    }
}
