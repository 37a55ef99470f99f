//! Calls of one line, as caller and as callee.

use std::time::Duration;

use super::exchange::{Answer, Exchange, Exchanges};
use crate::{
    engine::registration::{Fix, Heard},
    event::{ServerName, SipFact, Stamp, Toward},
};

/// What a call is made of.
const METHODS: [&str; 4] = ["INVITE", "ACK", "BYE", "CANCEL"];

/// The same, and all that may be asked within one and shows that both ends know it still (RFC 3261 section 12.2, RFC 3311
/// section 5.1, RFC 6086 section 4.2.1, RFC 3515 section 2.4).
const METHODS_WITHIN: [&str; 8] = ["INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "INFO", "REFER", "OPTIONS"];

/// The calls of one line. `S` names a server.
#[derive(Debug)]
pub struct Calls<S = ServerName> {
    exchanges: Exchanges<S>,
}

/// One call, as far as the wire shows it.
#[derive(Debug, Clone)]
pub struct Call<'a, S = ServerName> {
    /// Which way its INVITE went: toward the server if this line called.
    pub toward: Toward,
    /// Its INVITEs outside of any dialog, first ones first: one for each server that was tried, and for each challenge.
    pub invites: Vec<&'a Exchange<S>>,
    /// Its `Call-ID`.
    pub id: &'a str,
    exchanges: &'a Exchanges<S>,
}

/// The end of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct End<'a, S = ServerName> {
    /// The BYE or CANCEL. It goes toward the server if this phone hung up.
    pub by: &'a Exchange<S>,
    /// Its first sending.
    pub fix: Fix,
    /// It got through the bridge.
    pub passed: bool,
    /// The success that answered it, with credentials if it took them.
    pub confirmed: Option<Answer>,
}

// Derived ones would ask the same of `S`.
impl<S> Clone for End<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for End<'_, S> {}

impl Calls {
    /// Takes a message in.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        self.exchanges.observe(fact, fix);
    }
}

impl<S: Clone + PartialEq> Calls<S> {
    /// A line that has not called and was not called.
    pub fn new(extension: &str) -> Self {
        Self { exchanges: Exchanges::new(extension, &METHODS, None) }
    }

    /// The same for one call alone, of which also what is asked within it is remembered: so many requests, at most.
    pub fn of_one(extension: &str, memory: usize) -> Self {
        Self { exchanges: Exchanges::new(extension, &METHODS_WITHIN, None).remembering(memory) }
    }

    /// Takes a message in; the request that it is or answers, if it is one of a call of this line.
    pub fn take(&mut self, heard: &Heard<'_, Option<S>>, fix: Fix) -> Option<&Exchange<S>> {
        self.exchanges.take(heard, fix)
    }

    /// How many requests are remembered.
    pub fn requests(&self) -> usize {
        self.exchanges.all().count()
    }

    /// Forgets the older half of what was asked within dialogs, their beginnings and ends aside.
    pub fn thin(&mut self) {
        let first_ack = self.exchanges.all().position(|it| it.method == "ACK");
        let within = |it: &Exchange<S>| it.method != "BYE" && it.sent.as_ref().is_some_and(|sent| sent.inside);
        let mut spare = self.exchanges.all().filter(|it| within(it)).count() / 2;
        let mut index = 0;
        self.exchanges.retain(|it| {
            let forgotten = spare > 0 && within(it) && Some(index) != first_ack;
            (index, spare) = (index + 1, spare - usize::from(forgotten));
            !forgotten
        });
    }

    /// A call that the phone is in, as far as the wire shows: it rings, here or there, or was picked up, and the phone knows
    /// of no end. The first record of it.
    pub fn open(&self) -> Option<Fix> {
        let outside = |it: &&Exchange<S>| it.method == "INVITE" && it.sent.as_ref().is_some_and(|sent| !sent.inside);
        let mut invites: Vec<&Exchange<S>> = self.exchanges.all().filter(outside).collect();
        invites.sort_by_key(|it| it.first().map(|first| first.when.at));
        // Of those by which a caller tries one server after the other, the last one counts.
        let again = |at: usize| {
            let same = |it: &&Exchange<S>| it.toward == Toward::Server && it.call_id == invites[at].call_id;
            same(&invites[at]) && invites[at + 1..].iter().any(same)
        };
        (0..invites.len()).rev().filter(|at| !again(*at)).find_map(|at| {
            let invite = invites[at];
            let told = if invite.toward == Toward::Server { invite.answered() } else { invite.answer };
            let stands = told.map_or(invite.heard.is_some(), |answer| answer.code < 300);
            let call = Call {
                toward: invite.toward,
                invites: vec![invite],
                id: invite.call_id.as_str(),
                exchanges: &self.exchanges,
            };
            if stands && !call.is_over_here() { invite.first() } else { None }
        })
    }

    /// Until when a phone that waits so long for an answer may still be making a call that nothing has answered: one that was
    /// given up by hand as well, which can not be cancelled before any answer (RFC 3261 section 9.1).
    pub fn asking_until(&self, transaction: Duration) -> Option<Stamp> {
        let outside = |it: &&Exchange<S>| {
            it.method == "INVITE" && it.toward == Toward::Server && it.sent.as_ref().is_some_and(|sent| !sent.inside)
        };
        let unanswered =
            self.exchanges.all().filter(outside).filter(|it| it.answered().is_none() && it.heard.is_none());
        unanswered.filter_map(|it| Some(it.first()?.when.at + transaction)).max()
    }

    /// The last call that began since, and went that way.
    pub fn last(&self, toward: Toward, since: Stamp) -> Option<Call<'_, S>> {
        let begins = |it: &&Exchange<S>| {
            it.method == "INVITE" && it.toward == toward && it.sent.as_ref().is_some_and(|sent| !sent.inside)
        };
        let mut invites: Vec<&Exchange<S>> = self.exchanges.all().filter(begins).collect();
        invites.sort_by_key(|it| it.first().map(|first| first.when.at));
        let mut ids = invites.iter().rev().map(|it| it.call_id.as_str());
        let begun = |id: &str| invites.iter().find(|it| it.call_id == id).and_then(|it| it.first());
        let id = ids.find(|id| begun(id).is_some_and(|first| first.when.at >= since))?;
        invites.retain(|it| it.call_id == id);
        Some(Call { toward, invites, id, exchanges: &self.exchanges })
    }
}

impl<'a, S: Clone + PartialEq> Call<'a, S> {
    /// The first sending of its first INVITE.
    pub fn begun(&self) -> Option<Fix> {
        self.invites.first().and_then(|it| it.first())
    }

    /// The first sign that the other end's telephone rings, or was picked up, which got through; and the server that
    /// carried it.
    pub fn rang(&self) -> Option<(Answer, Option<&'a S>)> {
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
    pub fn refused(&self) -> Option<(Answer, Option<&'a S>)> {
        let last = self.invites.last()?;
        let answer = last.answered().filter(|answer| answer.code >= 300 && !last.is_challenged())?;
        self.answered().is_none().then_some((answer, last.server.as_ref()))
    }

    /// The server must have had one of so many of these confirmations.
    pub fn must_have_confirmed(&self) -> bool {
        self.of("ACK").any(Exchange::must_have_arrived)
    }

    /// The INVITE that was picked up, whether or not its answer got through the bridge.
    pub fn picked_up(&self) -> Option<(&'a Exchange<S>, Answer)> {
        self.invites.iter().find_map(|it| Some((*it, it.answer.filter(|answer| answer.code < 300)?)))
    }

    /// Nothing of it can be lost unseen.
    pub fn is_reliable(&self) -> bool {
        self.invites.iter().all(|it| it.is_reliable())
    }

    /// How often its session was changed after it was set up: hold, and refreshes.
    pub fn changes(&self) -> usize {
        self.of("INVITE").filter(|it| it.sent.as_ref().is_some_and(|sent| sent.inside)).count()
    }

    /// Whether the phone knows that it is over: it said so, or answered who did.
    fn is_over_here(&self) -> bool {
        self.of("BYE").chain(self.of("CANCEL")).any(|by| by.toward == Toward::Server || by.answer.is_some())
    }

    /// What ended it: the first BYE, or a CANCEL before it was picked up.
    pub fn ended(&self) -> Option<End<'a, S>> {
        self.first_of(&["BYE", "CANCEL"])
    }

    /// Who hung up: the first BYE.
    pub fn hung_up(&self) -> Option<End<'a, S>> {
        self.first_of(&["BYE"])
    }

    /// The caller's CANCEL, whether or not it came in time.
    pub fn cancelled(&self) -> Option<End<'a, S>> {
        self.first_of(&["CANCEL"])
    }

    /// What was asked within its dialog, in the order in which it was first heard of; ACKs, which nobody answers, aside.
    pub fn asked_within(&self) -> impl Iterator<Item = &'a Exchange<S>> {
        let id = self.id;
        let within = |it: &&Exchange<S>| it.sent.as_ref().is_some_and(|sent| sent.inside) && it.method != "ACK";
        self.exchanges.all().filter(move |it| it.call_id == id).filter(within)
    }

    fn first_of(&self, methods: &'static [&'static str]) -> Option<End<'a, S>> {
        let ends = || methods.iter().flat_map(|method| self.of(method)).filter_map(|by| Some((by, by.first()?)));
        let (by, fix) = ends().min_by_key(|(_, first)| first.when.at)?;
        let same = || ends().map(|(other, _)| other).filter(|it| it.toward == by.toward && it.method == by.method);
        Some(End {
            by,
            fix,
            passed: same().any(|it| it.sent.as_ref().is_some_and(|sent| sent.passed.is_some())),
            confirmed: same().find_map(Exchange::accepted),
        })
    }

    fn of(&self, method: &'static str) -> impl Iterator<Item = &'a Exchange<S>> + use<'a, S> {
        let id = self.id;
        self.exchanges.all().filter(move |it| it.method == method && it.call_id == id)
    }
}
