//! What a line is told of messages that wait for it (RFC 3842): its subscriptions, and what their NOTIFYs say, also those that
//! nobody asked for. What belongs to what is known by the tracking of the engine ([`dialog`](crate::engine::dialog)).

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use super::{book::Seen, refusals::Refusals};
use crate::{
    engine::{
        dialog::{Lamp, PACKAGE, lifetime, own_side},
        registration::{Fix, Heard},
    },
    event::{Fate, Stamp, Toward},
    wire::{
        message_summary,
        sip::{Glance, Start},
    },
};

/// Requests of a line that are remembered.
const REQUESTS: usize = 24;

/// Subscriptions of a line that live at a time; of more, the one that was confirmed first is given up.
const MAX_LIVE: usize = 16;

/// Characters that are kept of an address of record, or of a `Call-ID`.
const LONGEST: usize = 256;

/// A line's subscriptions and what it was told.
#[derive(Debug, Default)]
pub struct Waiting {
    /// None: nothing about message waiting was seen.
    lamp: Option<Box<Lamp<IpAddr>>>,
    live: Vec<Subscription>,
    past: VecDeque<Subscription>,
    /// What the line was told last.
    pub last: Option<Notice>,
    /// NOTIFYs that came.
    pub notices: u64,
    /// Of these those that belong to no SUBSCRIBE of the line.
    pub unsolicited: u64,
    /// Of these those that the phone did not take.
    pub refused: u64,
    /// SUBSCRIBEs that were refused.
    pub turned_away: Refusals,
    /// How many subscriptions that are over were forgotten.
    pub forgotten: u64,
}

/// A NOTIFY that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// From where.
    pub server: IpAddr,
    /// When.
    pub fix: Fix,
    /// Whether messages wait; none: it does not say.
    pub waiting: Option<bool>,
    call_id: String,
}

/// A subscription that a server granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The server.
    pub server: IpAddr,
    /// The line's address of record in it.
    pub own: String,
    /// The 2xx that began it.
    pub from: Stamp,
    /// The lifetime last granted.
    pub granted: Duration,
    /// When it runs out unless it is prolonged; when it ended, if it did.
    pub until: Stamp,
    /// How often it was prolonged.
    pub refreshes: u32,
    /// NOTIFYs that came of it.
    pub notices: u32,
    /// The first of them.
    pub notified: Option<Stamp>,
    /// What the last one of them that says anything says.
    pub waiting: Option<bool>,
    /// By what it ended; none: it lives.
    pub ended: Option<SubscriptionEnd>,
    call_id: String,
    confirmed: Fix,
}

/// What ended a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// Its time ran out.
    Expired,
    /// It seems to have run out, but something could not be read.
    Unknown,
    /// The phone ended it.
    Removed,
    /// The server ended it, or no longer knew it.
    Terminated,
}

/// What a message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heeded {
    /// A NOTIFY came from this server.
    pub notified: Option<(IpAddr, Fix)>,
    /// The phone did not take the one that came then.
    pub refused: Option<Fix>,
}

impl Waiting {
    /// Whether anything about message waiting was seen.
    pub const fn is_used(&self) -> bool {
        self.lamp.is_some()
    }

    /// All subscriptions that are remembered, in the order in which they began.
    pub fn all(&self) -> Vec<&Subscription> {
        let mut all: Vec<&Subscription> = self.past.iter().chain(&self.live).collect();
        all.sort_by_key(|it| (it.from, it.server));
        all
    }

    /// How many are over, the forgotten ones included.
    pub fn ended(&self) -> u64 {
        self.past.len() as u64 + self.forgotten
    }

    /// Forgets the one that has been over for longest.
    pub fn forget(&mut self) {
        self.forgotten += u64::from(self.past.pop_front().is_some());
    }

    /// Takes in a SUBSCRIBE or NOTIFY of the line, or an answer to one; those of other packages are none of its.
    pub(super) fn take(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) -> Heeded {
        let is_request = matches!(message.start, Start::Request { .. });
        let known = self.lamp.as_ref().is_some_and(|lamp| lamp.knows(message));
        // Answers do not name the package; they find their request.
        if if is_request { message.event != Some(PACKAGE) } else { !known } {
            return Heeded::default();
        }
        let own = own_side(message, toward);
        let lamp = self.lamp.get_or_insert_with(|| Box::new(Lamp::remembering(super::line::user_of(own), REQUESTS)));
        let at = Some(server);
        let heard = Heard { toward, transport: seen.transport, fate: seen.fate, message, server: &at };
        let Some(exchange) = lamp.take(&heard, seen.fix) else { return Heeded::default() };
        match (exchange.method.as_str(), exchange.toward, is_request) {
            ("SUBSCRIBE", Toward::Server, false) => {
                if let (Some(done), Some(granted)) = (exchange.accepted(), lifetime(exchange)) {
                    self.granted(message, server, own, granted, done.fix);
                } else if let Some(answer) = exchange.answered().filter(|answer| answer.code >= 300) {
                    if answer.sends == 1 && !exchange.is_challenged() {
                        self.turned_away.count(message, server, answer.code, seen.fate, seen.fix.when.at);
                    }
                    if answer.code == 481 {
                        self.end(message.call_id, seen.fix.when.at, SubscriptionEnd::Terminated);
                    }
                }
                Heeded::default()
            }
            ("NOTIFY", Toward::Phone, true) => match &exchange.sent {
                Some(sent) if sent.passes == 1 && seen.fate == Fate::Passed => {
                    let asked = lamp.has_subscribe(message.call_id) || self.is_live(message.call_id);
                    self.notified(message, server, asked, seen.fix)
                }
                _ => Heeded::default(),
            },
            ("NOTIFY", Toward::Phone, false) => {
                let refused = exchange.answer.is_some_and(|answer| answer.code >= 300 && answer.sends == 1);
                let notice = exchange.sent.as_ref().and_then(|sent| sent.passed).filter(|_| refused);
                self.refused += u64::from(notice.is_some());
                Heeded { refused: notice, ..Heeded::default() }
            }
            _ => Heeded::default(),
        }
    }

    /// Ends what has run out by then. `doubts`: when something between the line and a server could not be read last.
    pub fn expire(&mut self, now: Stamp, doubts: &BTreeMap<IpAddr, Stamp>) {
        if self.live.iter().all(|it| it.until > now) {
            return;
        }
        let mut over: Vec<Subscription> = self.live.extract_if(.., |it| it.until <= now).collect();
        over.sort_by_key(|it| (it.until, it.server));
        for it in &mut over {
            let doubt = doubts.get(&it.server).is_some_and(|at| (it.confirmed.when.at..=it.until).contains(at));
            it.ended = Some(if doubt { SubscriptionEnd::Unknown } else { SubscriptionEnd::Expired });
        }
        self.past.extend(over);
    }

    /// A 2xx to a SUBSCRIBE.
    fn granted(&mut self, message: &Glance<'_>, server: IpAddr, own: &str, granted: Duration, done: Fix) {
        if granted.is_zero() {
            return self.end(message.call_id, done.when.at, SubscriptionEnd::Removed);
        }
        let until = done.when.at + granted;
        let is_it = |it: &&mut Subscription| it.server == server && it.call_id == cut(message.call_id);
        if let Some(known) = self.live.iter_mut().find(is_it) {
            // The same answer once more prolongs nothing.
            if known.confirmed != done {
                known.refreshes += 1;
                (known.granted, known.until, known.confirmed) = (granted, until, done);
            }
            return;
        }
        if self.live.len() >= MAX_LIVE {
            let mut first = self.live.remove(0);
            first.ended = Some(SubscriptionEnd::Unknown);
            self.past.push_back(first);
        }
        // Its NOTIFY may overtake the 2xx (RFC 6665 section 4.1.2.4).
        let early = self.last.as_ref().filter(|last| last.server == server && last.call_id == cut(message.call_id));
        self.live.push(Subscription {
            server,
            own: cut(own),
            from: done.when.at,
            granted,
            until,
            refreshes: 0,
            notices: u32::from(early.is_some()),
            notified: early.map(|notice| notice.fix.when.at),
            waiting: early.and_then(|notice| notice.waiting),
            ended: None,
            call_id: cut(message.call_id),
            confirmed: done,
        });
    }

    /// A NOTIFY came; whether the line has `asked` for it.
    fn notified(&mut self, message: &Glance<'_>, server: IpAddr, asked: bool, fix: Fix) -> Heeded {
        let waiting = message_summary::is_waiting(message.body);
        let call_id = cut(message.call_id);
        self.notices += 1;
        self.unsolicited += u64::from(!asked);
        if let Some(of) = self.live.iter_mut().rev().find(|it| it.call_id == call_id) {
            of.notices += 1;
            of.notified.get_or_insert(fix.when.at);
            of.waiting = waiting.or(of.waiting);
        }
        if message.subscription_state.is_some_and(|state| state.eq_ignore_ascii_case("terminated")) {
            self.end(message.call_id, fix.when.at, SubscriptionEnd::Terminated);
        }
        self.last = Some(Notice { server, fix, waiting, call_id });
        Heeded { notified: Some((server, fix)), refused: None }
    }

    fn is_live(&self, call_id: &str) -> bool {
        let call_id = cut(call_id);
        self.live.iter().any(|it| it.call_id == call_id)
    }

    fn end(&mut self, call_id: &str, at: Stamp, by: SubscriptionEnd) {
        let call_id = cut(call_id);
        let Some(index) = self.live.iter().rposition(|it| it.call_id == call_id) else { return };
        let mut it = self.live.remove(index);
        (it.until, it.ended) = (at, Some(by));
        self.past.push_back(it);
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
