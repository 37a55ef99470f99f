//! The subscription that the message lamp lives on (RFC 3842, RFC 6665).

use std::time::Duration;

use super::exchange::{Exchange, Exchanges};
use crate::{
    engine::registration::{Fix, Heard},
    event::{ServerName, SipFact, Stamp, Toward},
    wire::sip::Glance,
};

/// The event package (RFC 3842 section 3.1).
pub const PACKAGE: &str = "message-summary";

/// Lifetime of a subscription whose request and 2xx name none. RFC 3842 section 3.4.
const UNSPOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// The message lamp of one line. `S` names a server.
#[derive(Debug)]
pub struct Lamp<S = ServerName> {
    exchanges: Exchanges<S>,
}

/// A 2xx that began or prolonged a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// The SUBSCRIBE.
    pub request: Fix,
    /// Its 2xx.
    pub done: Fix,
    /// The lifetime granted; not zero.
    pub granted: Duration,
    /// The first NOTIFY that came of it.
    pub notified: Option<Fix>,
    /// When it runs out unless it is prolonged, or when a NOTIFY ended it.
    pub until: Stamp,
}

impl Lamp {
    /// Takes a message in.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        self.exchanges.observe(fact, fix);
    }
}

impl<S: Clone + PartialEq> Lamp<S> {
    /// A line that has subscribed to nothing yet.
    pub fn new(extension: &str) -> Self {
        Self { exchanges: Exchanges::new(extension, &["SUBSCRIBE", "NOTIFY"], Some(PACKAGE)) }
    }

    /// The same with memory for so many requests; the oldest go first.
    pub fn remembering(extension: &str, memory: usize) -> Self {
        Self { exchanges: Self::new(extension).exchanges.remembering(memory) }
    }

    /// Takes a message in; the request that it is or answers, if it is of this lamp.
    pub fn take(&mut self, heard: &Heard<'_, Option<S>>, fix: Fix) -> Option<&Exchange<S>> {
        self.exchanges.take(heard, fix)
    }

    /// Whether a message is part of an exchange that is remembered.
    pub fn knows(&self, message: &Glance<'_>) -> bool {
        let same = |it: &Exchange<S>| it.cseq() == message.cseq && it.call_id == message.call_id;
        self.exchanges.all().any(same)
    }

    /// Whether the line asked for a subscription with this `Call-ID`.
    pub fn has_subscribe(&self, call_id: &str) -> bool {
        self.subscribes().any(|it| it.call_id == call_id)
    }

    /// Whether the line ever asked for a subscription.
    pub fn is_wanted(&self) -> bool {
        self.subscribes().next().is_some()
    }

    /// The SUBSCRIBEs that were sent to a server since, first ones first.
    pub fn asked_at<'a>(&'a self, server: &'a S, since: Stamp) -> impl Iterator<Item = &'a Exchange<S>> {
        self.subscribes().filter(move |it| it.server.as_ref() == Some(server) && begun_since(it, since))
    }

    /// The first subscription that a server granted to a SUBSCRIBE sent since.
    pub fn granted_at(&self, server: &S, since: Stamp) -> Option<Subscribed> {
        self.asked_at(server, since).find_map(|asked| self.granted(asked))
    }

    /// The subscription that was granted last before that time and lives then, wherever.
    pub fn live_at(&self, at: Stamp) -> Option<Subscribed> {
        let granted = self.subscribes().rev().filter_map(|asked| self.granted(asked));
        granted.into_iter().find(|it| it.done.when.at <= at && it.until > at)
    }

    /// The subscription that lives at a server at that time.
    pub fn held_at(&self, server: &S, at: Stamp) -> Option<Subscribed> {
        let there = self.subscribes().rev().filter(|asked| asked.server.as_ref() == Some(server));
        there.filter_map(|asked| self.granted(asked)).find(|it| it.done.when.at <= at && it.until > at)
    }

    fn subscribes(&self) -> impl DoubleEndedIterator<Item = &Exchange<S>> {
        let asks = |it: &&Exchange<S>| it.method == "SUBSCRIBE" && it.toward == Toward::Server && it.sent.is_some();
        self.exchanges.all().filter(asks)
    }

    fn granted(&self, asked: &Exchange<S>) -> Option<Subscribed> {
        let (sent, answer, granted) = (asked.sent.as_ref()?, asked.accepted()?, lifetime(asked)?);
        // It may overtake the 2xx (RFC 6665 section 4.1.2.4).
        let notices = || {
            self.exchanges.all().filter(|it| {
                it.method == "NOTIFY"
                    && it.toward == Toward::Phone
                    && it.server == asked.server
                    && it.call_id == asked.call_id
                    && begun_since(it, sent.first.when.at)
            })
        };
        let passed = |notice: &Exchange<S>| notice.sent.as_ref()?.passed;
        let ended = notices().filter(|it| it.sent.as_ref().is_some_and(|it| it.state.as_deref() == Some("terminated")));
        let ended = ended.filter_map(passed).map(|fix| fix.when.at).min();
        let until = answer.fix.when.at + granted;
        (!granted.is_zero()).then(|| Subscribed {
            request: sent.first,
            done: answer.fix,
            granted,
            notified: notices().find_map(passed),
            until: ended.map_or(until, |ended| ended.min(until)),
        })
    }
}

/// The lifetime that a SUBSCRIBE was granted, if it was; zero where it ended or only looked.
pub fn lifetime<S>(asked: &Exchange<S>) -> Option<Duration> {
    let spoken = asked.accepted()?.expires.or(asked.sent.as_ref()?.expires);
    Some(spoken.map_or(UNSPOKEN_LIFETIME, |secs| Duration::from_secs(secs.into())))
}

fn begun_since<S>(exchange: &Exchange<S>, since: Stamp) -> bool {
    exchange.first().is_some_and(|first| first.when.at >= since)
}
