//! What a REGISTER or an answer to one changes.

use std::time::Duration;

use super::{
    Answer, Attempt, Binding, Change, Fix, LineTrack, Purpose, Span, Wait,
    terms::{granted, listed, purpose},
};
use crate::{
    event::{Fate, SipSummary, Toward, Transport},
    wire::sip::{Glance, Start},
};

/// Answers that wait for the report of their request; the oldest go first.
const ORPHANS: usize = 16;

/// How much longer than its transaction timer a phone is taken to wait for an answer.
pub const ANSWER_SLACK: Duration = Duration::from_secs(1);

/// For at most so many seconds a server is taken at its word when it asks a line to stay away: a day. A number beyond that
/// is a mistake, to which no phone is held and for which no run waits.
const LONGEST_WAIT: u32 = 86_400;

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
    pub message: &'a Glance<'a>,
    /// The server.
    pub server: &'a S,
}

/// An answer that was reported before its request.
#[derive(Debug)]
pub(super) struct Orphan<S> {
    server: S,
    code: u16,
    ours: bool,
    message: SipSummary,
    fix: Fix,
}

impl<S: Clone + Ord> LineTrack<S> {
    /// Takes a REGISTER of this line, or an answer to one; returns what it changed, and when that was: an answer may be
    /// reported ahead of its request. `patience` is how long the phone waits for an answer: a later one is stale.
    pub fn take(&mut self, heard: &Heard<'_, S>, fix: Fix, patience: Duration) -> Vec<(Change<S>, Fix)> {
        let Heard { server, message, fate, .. } = *heard;
        match (message.start, heard.toward) {
            (Start::Request { .. }, Toward::Server) => {
                self.transport = Some(heard.transport);
                self.request(server, message, fate, fix, patience);
                self.adopt(server, message, patience)
            }
            // What does not arrive tells the phone nothing; the server goes by it nevertheless.
            (Start::Response { code, .. }, Toward::Phone) if matches!(fate, Fate::Dropped(_)) => {
                if (200..300).contains(&code) {
                    self.unheard(server, message, fix);
                }
                Vec::new()
            }
            (Start::Response { code, .. }, Toward::Phone) if code >= 200 => {
                let ours = matches!(fate, Fate::Injected(_));
                let changes = self.response(server, code, ours, message, fix, patience);
                changes.into_iter().map(|change| (change, fix)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn request(&mut self, server: &S, message: &Glance<'_>, fate: Fate, fix: Fix, patience: Duration) {
        let passed = (fate == Fate::Passed).then_some(fix);
        if let Some(known) = self.attempts.matching(server, message) {
            known.sends += 1;
            if !known.stale(fix, patience) {
                known.last = fix;
            }
            // A socket buffer delivers what the phone has long given up.
            known.passed = known.passed.or(passed.filter(|_| !known.stale(fix, patience)));
            return;
        }
        self.transactions += 1;
        let (call_id, contacts) = self.attempts.identity(message);
        self.attempts.push(Attempt {
            server: server.clone(),
            purpose: purpose(message),
            authorized: message.authorized,
            first: fix,
            sends: 1,
            last: fix,
            passed,
            answer: None,
            nonce: message.nonce.as_deref().map(str::to_owned),
            challenge: None,
            served: false,
            call_id,
            cseq: message.cseq,
            branch: message.branch.clone().into_owned(),
            contacts,
            expires: message.expires,
        });
    }

    fn response(
        &mut self,
        server: &S,
        code: u16,
        ours: bool,
        message: &Glance<'_>,
        fix: Fix,
        patience: Duration,
    ) -> Vec<Change<S>> {
        let Some(attempt) = self.attempts.matching(server, message) else {
            if self.orphans.len() == ORPHANS {
                self.orphans.pop_front();
            }
            let (server, message) = (server.clone(), message.summary());
            self.orphans.push_back(Orphan { server, code, ours, message, fix });
            return Vec::new();
        };
        let granted = if code < 300 { granted(attempt, message) } else { Vec::new() };
        let live = granted.iter().any(|(_, lifetime)| !lifetime.is_zero());
        let tells = code < 300 && !ours && !std::mem::replace(&mut attempt.served, true);
        let (request, purpose) = (attempt.first, attempt.purpose);
        let mut counts = attempt.answer.is_none() && !attempt.stale(fix, patience);
        // In the slack, what the phone did tells.
        if counts && attempt.stale(fix, patience.saturating_sub(ANSWER_SLACK)) {
            counts = !self.went_elsewhere(server, request, fix, patience);
        }
        if counts && let Some(attempt) = self.attempts.matching(server, message) {
            attempt.answer = Some(Answer { code, fix, live, stale_nonce: message.stale_nonce, ours });
            attempt.challenge = message.nonce.as_deref().map(str::to_owned);
            self.attempts.settle();
        }
        if tells {
            self.serve(server, message, purpose, &granted, fix);
        }
        if !counts {
            return Vec::new();
        }
        if code >= 300 {
            if let Some(wait) = message.retry_after.filter(|wait| *wait <= LONGEST_WAIT) {
                let at = fix.when.at;
                let since = self.wait.get(server).filter(|before| before.until >= at).map_or(at, |before| before.asked);
                let until = at + Duration::from_secs(wait.into());
                self.wait.insert(server.clone(), Wait { asked: since, until });
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

    /// Whether the line asked another server when its time for an answer to this request was over: it had given that up.
    fn went_elsewhere(&self, server: &S, request: Fix, answered: Fix, patience: Duration) -> bool {
        let over = request.when.at + patience.saturating_sub(ANSWER_SLACK) / 4 * 3;
        let mut others = self.attempts.iter().rev().filter(|other| other.server != *server);
        let went = others.any(|other| other.first.when.at >= over && other.first.when.at <= answered.when.at);
        self.anchor.is_none() && went
    }

    /// A 2xx lists all that the server holds of an address of record (RFC 3261 section 10.3, step 8): what it does not name is gone. The phone may
    /// have removed another contact than the one it is bound by, if it has restarted since.
    fn unlist(&mut self, server: &S, message: &Glance<'_>, fix: Fix) -> Vec<Change<S>> {
        let unlisted = |binding: &Binding| binding.aor == message.to && !listed(&binding.contact, message);
        let gone = self.bindings.remove(server, fix.when.at, unlisted);
        if !gone.is_empty() {
            self.settle_home();
        }
        gone.into_iter().map(|it| Change::Removed { server: server.clone(), contact: it.contact }).collect()
    }

    /// A server has sent a 2xx that grants this: it is what the server holds since then, whatever becomes of the answer.
    fn serve(&mut self, server: &S, message: &Glance<'_>, purpose: Purpose, granted: &[(String, Duration)], fix: Fix) {
        self.served.expire(fix.when.at);
        let lives = |(_, lifetime): &&(String, Duration)| purpose == Purpose::Register && !lifetime.is_zero();
        for (contact, lifetime) in granted.iter().filter(lives) {
            self.served.confirm(server, &message.to, contact.clone(), *lifetime, fix);
        }
        if purpose != Purpose::Register || granted.iter().any(|it| lives(&it)) {
            let unlisted = |binding: &Binding| binding.aor == message.to && !listed(&binding.contact, message);
            self.served.remove(server, fix.when.at, unlisted);
        }
    }

    /// A 2xx that an outage took away: the server holds the binding, and the line does not know.
    fn unheard(&mut self, server: &S, message: &Glance<'_>, fix: Fix) {
        let Some(attempt) = self.attempts.matching(server, message) else { return };
        let (granted, purpose) = (granted(attempt, message), attempt.purpose);
        if !std::mem::replace(&mut attempt.served, true) {
            self.serve(server, message, purpose, &granted, fix);
        }
        if purpose != Purpose::Register {
            return;
        }
        let longest = granted.into_iter().map(|(_, lifetime)| lifetime).max();
        let Some(lifetime) = longest.filter(|lifetime| !lifetime.is_zero()) else { return };
        let until = fix.when.at + lifetime;
        let span = self.unheard.entry(server.clone()).or_insert(Span { from: fix.when.at, until });
        if span.until < fix.when.at {
            span.from = fix.when.at;
        }
        span.until = span.until.max(until);
    }

    /// Takes in the answer to this request that was reported before it.
    fn adopt(&mut self, server: &S, request: &Glance<'_>, patience: Duration) -> Vec<(Change<S>, Fix)> {
        let answers = |orphan: &Orphan<S>| {
            orphan.server == *server
                && orphan.message.call_id == request.call_id
                && orphan.message.cseq == request.cseq
                && orphan.message.branch == request.branch
        };
        let Some(orphan) = self.orphans.iter().position(answers).and_then(|index| self.orphans.remove(index)) else {
            return Vec::new();
        };
        let changes =
            self.response(server, orphan.code, orphan.ours, &Glance::from(&orphan.message), orphan.fix, patience);
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
    pub(super) fn settle_home(&mut self) {
        if self.home.as_ref().is_some_and(|home| self.bindings.at(home).is_none()) {
            let longest = self.bindings.live().max_by_key(|(server, other)| (other.until, *server));
            self.home = longest.map(|(server, _)| server.clone());
        }
    }
}
