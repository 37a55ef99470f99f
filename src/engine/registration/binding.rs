//! The bindings that servers hold for a line, one for each contact (RFC 3261 section 10).

use std::{collections::VecDeque, time::Duration};

use super::{Fix, terms::same_contact};
use crate::{engine::coverage::Span, event::Stamp};

/// A live binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The address of record that it is of, `user@host`.
    pub aor: String,
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
    /// How often it was confirmed since it was created.
    pub refreshes: u32,
}

/// A binding that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastBinding {
    /// As it was last.
    pub binding: Binding,
    /// When it ended.
    pub until: Stamp,
    /// By what.
    pub ended: Ended,
}

/// What ended a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its time ran out without a refresh.
    Expired,
    /// The phone removed it, or a 2xx that lists what the server holds did not name it any more.
    Removed,
}

/// All bindings of one line, wherever.
#[derive(Debug)]
pub(super) struct Bindings<S> {
    /// The one that was confirmed last comes last.
    live: Vec<(S, Binding)>,
    past: VecDeque<(S, PastBinding)>,
    memory: usize,
    forgotten: u64,
}

impl<S: Clone + Ord> Bindings<S> {
    /// None yet; of those that are over so many are remembered, and the oldest go first.
    pub fn remembering(memory: usize) -> Self {
        Self { live: Vec::new(), past: VecDeque::new(), memory: memory.max(1), forgotten: 0 }
    }

    /// The live binding at a server; of several the one that was confirmed last.
    pub fn at(&self, server: &S) -> Option<&Binding> {
        self.live.iter().rev().find(|(at, _)| at == server).map(|(_, binding)| binding)
    }

    /// Every live binding, in the order of their last confirmation.
    pub fn live(&self) -> impl Iterator<Item = (&S, &Binding)> {
        self.live.iter().map(|(server, binding)| (server, binding))
    }

    /// Those that are over, in the order of their ends.
    pub fn past(&self) -> impl Iterator<Item = (&S, &PastBinding)> {
        self.past.iter().map(|(server, past)| (server, past))
    }

    /// How many are over, the forgotten ones included.
    pub fn ended(&self) -> u64 {
        self.past.len() as u64 + self.forgotten
    }

    /// How many that are over were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Every span in which a server held a binding; live ones end at their expiry.
    pub fn held(&self) -> impl Iterator<Item = (&S, Span)> {
        let past = self.past().map(|(at, past)| (at, Span { from: past.binding.created.when.at, until: past.until }));
        past.chain(self.live().map(|(at, it)| (at, Span { from: it.created.when.at, until: it.until })))
    }

    /// A 2xx grants a contact a lifetime from its own time on. True if it is new there.
    pub fn confirm(&mut self, server: &S, aor: &str, contact: String, granted: Duration, fix: Fix) -> bool {
        let until = fix.when.at + granted;
        let is_it = |(at, it): &(S, Binding)| at == server && it.aor == aor && same_contact(&it.contact, &contact);
        let known = self.live.iter().position(is_it);
        let binding = match known.map(|index| self.live.remove(index).1) {
            Some(known) => Binding { contact, granted, confirmed: fix, until, refreshes: known.refreshes + 1, ..known },
            None => {
                Binding { aor: aor.to_owned(), contact, granted, created: fix, confirmed: fix, until, refreshes: 0 }
            }
        };
        self.live.push((server.clone(), binding));
        known.is_none()
    }

    /// Ends the bindings at a server that `gone` picks, at that time.
    pub fn remove(&mut self, server: &S, at: Stamp, gone: impl Fn(&Binding) -> bool) -> Vec<Binding> {
        let picked = |(place, binding): &(S, Binding)| place == server && gone(binding);
        self.end(picked, Ended::Removed, Some(at)).into_iter().map(|(_, binding)| binding).collect()
    }

    /// Ends those that ran out by then.
    pub fn expire(&mut self, now: Stamp) -> Vec<(S, Binding)> {
        self.end(|(_, binding)| binding.until <= now, Ended::Expired, None)
    }

    /// Forgets the one that has been over for longest.
    pub fn forget(&mut self) {
        self.forgotten += u64::from(self.past.pop_front().is_some());
    }

    fn end(&mut self, picked: impl Fn(&(S, Binding)) -> bool, ended: Ended, at: Option<Stamp>) -> Vec<(S, Binding)> {
        if !self.live.iter().any(&picked) {
            return Vec::new();
        }
        let mut over: Vec<(S, Binding)> = self.live.extract_if(.., |it| picked(it)).collect();
        over.sort_by(|(one, first), (other, second)| (first.until, one).cmp(&(second.until, other)));
        for (server, binding) in &over {
            if self.past.len() >= self.memory {
                self.forget();
            }
            let until = at.unwrap_or(binding.until);
            self.past.push_back((server.clone(), PastBinding { binding: binding.clone(), until, ended }));
        }
        over
    }
}
