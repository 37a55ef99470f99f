//! The subscription that the message lamp lives on (RFC 3842, RFC 6665).

use std::time::Duration;

use super::exchange::{Exchange, Exchanges};
use crate::{
    engine::registration::Fix,
    event::{ServerName, SipFact, Stamp, Toward},
};

/// The event package.
const PACKAGE: &str = "message-summary";

/// Lifetime of a subscription whose request and 2xx name none. RFC 3842 section 3.4.
const UNSPOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// The message lamp of one line.
#[derive(Debug)]
pub struct Lamp {
    exchanges: Exchanges,
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
    /// A line that has subscribed to nothing yet.
    pub fn new(extension: &str) -> Self {
        Self { exchanges: Exchanges::new(extension, &["SUBSCRIBE", "NOTIFY"], Some(PACKAGE)) }
    }

    /// Takes a message in.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        self.exchanges.observe(fact, fix);
    }

    /// Whether the line ever asked for a subscription.
    pub fn is_wanted(&self) -> bool {
        self.subscribes().next().is_some()
    }

    /// The SUBSCRIBEs that were sent to a server since, first ones first.
    pub fn asked_at<'a>(&'a self, server: &'a ServerName, since: Stamp) -> impl Iterator<Item = &'a Exchange> {
        self.subscribes().filter(move |it| it.server.as_ref() == Some(server) && begun_since(it, since))
    }

    /// The first subscription that a server granted to a SUBSCRIBE sent since.
    pub fn granted_at(&self, server: &ServerName, since: Stamp) -> Option<Subscribed> {
        self.asked_at(server, since).find_map(|asked| self.granted(asked))
    }

    /// The subscription that was granted last before that time and lives then, wherever.
    pub fn live_at(&self, at: Stamp) -> Option<Subscribed> {
        let granted = self.subscribes().rev().filter_map(|asked| self.granted(asked));
        granted.into_iter().find(|it| it.done.when.at <= at && it.until > at)
    }

    /// The subscription that lives at a server at that time.
    pub fn held_at(&self, server: &ServerName, at: Stamp) -> Option<Subscribed> {
        let there = self.subscribes().rev().filter(|asked| asked.server.as_ref() == Some(server));
        there.filter_map(|asked| self.granted(asked)).find(|it| it.done.when.at <= at && it.until > at)
    }

    fn subscribes(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        let asks = |it: &&Exchange| it.method == "SUBSCRIBE" && it.toward == Toward::Server && it.sent.is_some();
        self.exchanges.all().filter(asks)
    }

    fn granted(&self, asked: &Exchange) -> Option<Subscribed> {
        let (sent, answer) = (asked.sent.as_ref()?, asked.accepted()?);
        let lifetime = answer.expires.or(sent.expires);
        let granted = lifetime.map_or(UNSPOKEN_LIFETIME, |secs| Duration::from_secs(secs.into()));
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
        let passed = |notice: &Exchange| notice.sent.as_ref()?.passed;
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

fn begun_since(exchange: &Exchange, since: Stamp) -> bool {
    exchange.first().is_some_and(|first| first.when.at >= since)
}
