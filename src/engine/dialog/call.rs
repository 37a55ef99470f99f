//! Calls of one line, as caller and as callee.

use super::exchange::{Answer, Exchange, Exchanges};
use crate::{
    engine::registration::Fix,
    event::{ServerName, SipFact, Stamp, Toward},
};

/// The calls of one line.
#[derive(Debug)]
pub struct Calls {
    exchanges: Exchanges,
}

/// One call, as far as the wire shows it.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Which way its INVITE went: toward the server if this line called.
    pub toward: Toward,
    /// Its INVITEs outside of any dialog, first ones first: one for each server that was tried, and for each challenge.
    pub invites: Vec<&'a Exchange>,
    /// Its `Call-ID`.
    pub id: &'a str,
    exchanges: &'a Exchanges,
}

/// The end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End<'a> {
    /// The BYE or CANCEL. It goes toward the server if this phone hung up.
    pub by: &'a Exchange,
    /// Its first sending.
    pub fix: Fix,
    /// It got through the bridge.
    pub passed: bool,
    /// The success that answered it, with credentials if it took them.
    pub confirmed: Option<Answer>,
}

impl Calls {
    /// A line that has not called and was not called.
    pub fn new(extension: &str) -> Self {
        Self { exchanges: Exchanges::new(extension, &["INVITE", "ACK", "BYE", "CANCEL"], None) }
    }

    /// Takes a message in.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        self.exchanges.observe(fact, fix);
    }

    /// The last call that began since, and went that way.
    pub fn last(&self, toward: Toward, since: Stamp) -> Option<Call<'_>> {
        let begins = |it: &&Exchange| {
            it.method == "INVITE" && it.toward == toward && it.sent.as_ref().is_some_and(|sent| !sent.inside)
        };
        let mut invites: Vec<&Exchange> = self.exchanges.all().filter(begins).collect();
        invites.sort_by_key(|it| it.first().map(|first| first.when.at));
        let mut ids = invites.iter().rev().map(|it| it.call_id.as_str());
        let begun = |id: &str| invites.iter().find(|it| it.call_id == id).and_then(|it| it.first());
        let id = ids.find(|id| begun(id).is_some_and(|first| first.when.at >= since))?;
        invites.retain(|it| it.call_id == id);
        Some(Call { toward, invites, id, exchanges: &self.exchanges })
    }
}

impl<'a> Call<'a> {
    /// The first sending of its first INVITE.
    pub fn begun(&self) -> Option<Fix> {
        self.invites.first().and_then(|it| it.first())
    }

    /// The first sign that the other end's telephone rings, or was picked up, which got through; and the server that
    /// carried it.
    pub fn rang(&self) -> Option<(Answer, Option<&'a ServerName>)> {
        let signs = self.invites.iter().filter_map(|it| {
            let ringing = it.rang.filter(|answer| answer.passed);
            let sign = ringing.into_iter().chain(it.accepted()).min_by_key(|answer| answer.fix.when.at)?;
            Some((sign, it.server.as_ref()))
        });
        signs.min_by_key(|(answer, _)| answer.fix.when.at)
    }

    /// It was picked up: the first 2xx to its INVITE that got through.
    pub fn answered(&self) -> Option<Answer> {
        self.invites.iter().filter_map(|it| it.accepted()).min_by_key(|answer| answer.fix.when.at)
    }

    /// The caller's first confirmation that a 2xx arrived, after that.
    pub fn acknowledged(&self) -> Option<Fix> {
        let since = self.answered()?.fix.when.at;
        let acks = self.of("ACK").filter_map(|it| it.sent.as_ref()?.passed);
        acks.filter(|fix| fix.when.at >= since).min_by_key(|fix| fix.when.at)
    }

    /// The refusal that ended it before it was picked up. A challenge is none.
    pub fn refused(&self) -> Option<(Answer, Option<&'a ServerName>)> {
        let last = self.invites.last()?;
        let answer = last.answered().filter(|answer| answer.code >= 300 && !last.is_challenged())?;
        self.answered().is_none().then_some((answer, last.server.as_ref()))
    }

    /// How often its session was changed after it was set up: hold, and refreshes.
    pub fn changes(&self) -> usize {
        self.of("INVITE").filter(|it| it.sent.as_ref().is_some_and(|sent| sent.inside)).count()
    }

    /// What ended it: the first BYE, or a CANCEL before it was picked up.
    pub fn ended(&self) -> Option<End<'a>> {
        let ends = || self.of("BYE").chain(self.of("CANCEL")).filter_map(|by| Some((by, by.first()?)));
        let (by, fix) = ends().min_by_key(|(_, first)| first.when.at)?;
        let same = || ends().map(|(other, _)| other).filter(|it| it.toward == by.toward && it.method == by.method);
        Some(End {
            by,
            fix,
            passed: same().any(|it| it.sent.as_ref().is_some_and(|sent| sent.passed.is_some())),
            confirmed: same().find_map(Exchange::accepted),
        })
    }

    fn of(&self, method: &'static str) -> impl Iterator<Item = &'a Exchange> {
        let id = self.id;
        self.exchanges.all().filter(move |it| it.method == method && it.call_id == id)
    }
}
