//! The calls of a line: each is followed in a log of its own, by the tracking of the engine
//! ([`dialog`](crate::engine::dialog)), and remembered by what it came to.
//!
//! Not here: calls whose first INVITE the capture does not hold, media, and whose fault it is.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use super::book::Seen;
use crate::{
    engine::{
        dialog::{Call, Calls, Exchange, own_side},
        registration::Heard,
    },
    event::{Stamp, Toward},
    wire::sip::{Glance, Start},
};

mod across;

pub use across::{Across, Moment, across};

/// Requests of one call that are remembered while it is followed.
const REQUESTS: usize = 48;

/// Calls of a line that are followed without asking which of them are over.
const UNASKED: usize = 16;

/// Calls of a line that are followed at a time; of more, the first is told as it stood.
const MAX_OPEN: usize = 512;

/// A call that is over and of which nothing was heard for so long is not heard of again: 64 times T1 (RFC 3261 section
/// 17.1.1.2).
const QUIET: Duration = Duration::from_secs(32);

/// Characters that are kept of an address of record, or of a `Call-ID`.
const LONGEST: usize = 256;

/// Servers that are remembered of a call.
const MAX_SERVERS: usize = 8;

/// All calls of a line.
#[derive(Debug, Default)]
pub struct LineCalls {
    open: Vec<Open>,
    past: VecDeque<Told>,
    begun: u64,
}

/// What a message did to the calls of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// It began one, of this number.
    pub begun: Option<u64>,
    /// So many are no longer followed.
    pub settled: usize,
}

/// A call that is followed.
#[derive(Debug)]
struct Open {
    number: u64,
    toward: Toward,
    id: String,
    own: String,
    other: String,
    log: Calls<IpAddr>,
    last: Stamp,
    over: bool,
}

/// What is to be told of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Which way its INVITE went: toward the server if the line called.
    pub toward: Toward,
    /// Its `Call-ID`.
    pub id: String,
    /// The line's address of record in it.
    pub own: String,
    /// Who was called, or who called.
    pub other: String,
    /// The servers of its INVITEs, in their order.
    pub tried: Vec<IpAddr>,
    /// The one that carried its first sign of life, else the last that was tried.
    pub server: IpAddr,
    /// Its first INVITE.
    pub begun: Stamp,
    /// The first 18x or 2xx that got through.
    pub rang: Option<Stamp>,
    /// The first 2xx that got through.
    pub answered: Option<Stamp>,
    /// The caller's ACK of that.
    pub acknowledged: Option<Stamp>,
    /// What it came to.
    pub fate: CallFate,
    /// What was asked within it and answered, in the order of the answers.
    pub signs: Vec<Sign>,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFate {
    /// Nothing of these was seen.
    Open {
        /// It was given up as one too many, and what came behind is not known.
        unfollowed: bool,
    },
    /// A BYE ended it.
    HungUp {
        /// The line's own.
        by_phone: bool,
        /// Its first sending.
        at: Stamp,
        /// It got through.
        passed: bool,
        /// The final answer that got through.
        code: Option<u16>,
    },
    /// It was not picked up, and that was the last word.
    Refused {
        /// Status code.
        code: u16,
        /// When.
        at: Stamp,
    },
    /// The caller gave it up before it was picked up.
    Cancelled {
        /// When.
        at: Stamp,
    },
}

/// A request within a call that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// The method.
    pub method: Method,
    /// The first sending of the request.
    pub asked: Stamp,
    /// Its final answer.
    pub answered: Stamp,
    /// The code of that.
    pub code: u16,
}

/// Methods of requests within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Bye,
    Info,
    Invite,
    Options,
    Refer,
    Update,
}

impl Method {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "BYE" => Self::Bye,
            "INFO" => Self::Info,
            "INVITE" => Self::Invite,
            "OPTIONS" => Self::Options,
            "REFER" => Self::Refer,
            "UPDATE" => Self::Update,
            _ => return None,
        })
    }

    /// As it stands in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bye => "BYE",
            Self::Info => "INFO",
            Self::Invite => "INVITE",
            Self::Options => "OPTIONS",
            Self::Refer => "REFER",
            Self::Update => "UPDATE",
        }
    }
}

impl LineCalls {
    /// Takes in a message of the line.
    pub(super) fn take(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) -> Took {
        let mut took = Took::default();
        if let Some(known) = self.open.iter_mut().rfind(|open| open.id == message.call_id) {
            known.take(message, toward, server, seen);
        } else if begins(message) {
            let mut open = Open::new(self.begun, message, toward);
            if open.take(message, toward, server, seen) {
                took = Took { begun: Some(self.begun), settled: self.make_room(seen.fix.when.at) };
                self.open.push(open);
                self.begun += 1;
            }
        }
        took
    }

    /// What is to be told, in the order in which they began.
    pub fn all(&self) -> Vec<Told> {
        let open = self.open.iter().filter_map(|open| open.told(false));
        let mut all: Vec<Told> = self.past.iter().cloned().chain(open).collect();
        all.sort_by(|one, other| (one.begun, &one.id).cmp(&(other.begun, &other.id)));
        all
    }

    /// No longer follows the call of this number; how many are remembered for that.
    pub fn settle(&mut self, number: u64) -> usize {
        let before = self.past.len();
        let given_up = self.open.extract_if(.., |open| open.number == number);
        self.past.extend(given_up.filter_map(|open| open.told(!open.over)));
        self.past.len() - before
    }

    /// Forgets the one that has been over for longest.
    pub fn forget(&mut self) {
        self.past.pop_front();
    }

    /// Settles what is over; returns how many.
    fn make_room(&mut self, now: Stamp) -> usize {
        if self.open.len() < UNASKED {
            return 0;
        }
        let before = self.past.len();
        let done = self.open.extract_if(.., |open| open.over && now.since(open.last) > QUIET);
        self.past.extend(done.filter_map(|open| open.told(false)));
        if self.open.len() >= MAX_OPEN {
            let first = self.open.remove(0);
            self.past.extend(first.told(!first.over));
        }
        self.past.len() - before
    }
}

/// An INVITE outside of any dialog.
fn begins(message: &Glance<'_>) -> bool {
    message.method == "INVITE" && matches!(message.start, Start::Request { .. }) && message.to_tag.is_none()
}

impl Open {
    fn new(number: u64, message: &Glance<'_>, toward: Toward) -> Self {
        let own = own_side(message, toward);
        let other = if toward == Toward::Server { &message.to } else { &message.from };
        Self {
            number,
            toward,
            id: message.call_id.to_owned(),
            own: cut(own),
            other: cut(other),
            log: Calls::of_one(super::line::user_of(own), REQUESTS),
            last: Stamp::ZERO,
            over: false,
        }
    }

    /// Takes in a message of this `Call-ID`; whether it is of this call.
    fn take(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) -> bool {
        if self.log.requests() >= REQUESTS {
            self.log.thin();
        }
        let server = Some(server);
        let heard = Heard { toward, transport: seen.transport, fate: seen.fate, message, server: &server };
        if self.log.take(&heard, seen.fix).is_none() {
            return false;
        }
        self.last = self.last.max(seen.fix.when.at);
        self.over = self.call().is_some_and(|call| !matches!(fate(&call, false), CallFate::Open { .. }));
        true
    }

    fn call(&self) -> Option<Call<'_, IpAddr>> {
        self.log.last(self.toward, Stamp::ZERO)
    }

    /// What is to be told of it; `unfollowed`: what comes behind is not taken in any more.
    fn told(&self, unfollowed: bool) -> Option<Told> {
        let call = self.call()?;
        let mut tried: Vec<IpAddr> = Vec::new();
        for server in call.invites.iter().filter_map(|it| it.server) {
            if !tried.contains(&server) && tried.len() < MAX_SERVERS {
                tried.push(server);
            }
        }
        let rang = call.rang();
        let last = call.invites.last().and_then(|it| it.server);
        let mut signs: Vec<Sign> = call.asked_within().filter_map(sign).collect();
        signs.sort_by_key(|sign| sign.answered);
        Some(Told {
            toward: self.toward,
            id: cut(&self.id),
            own: self.own.clone(),
            other: self.other.clone(),
            server: rang.and_then(|(_, server)| server.copied()).or(last)?,
            tried,
            begun: call.begun()?.when.at,
            rang: rang.map(|(answer, _)| answer.fix.when.at),
            answered: call.answered().map(|answer| answer.fix.when.at),
            acknowledged: call.acknowledged().map(|fix| fix.when.at),
            fate: fate(&call, unfollowed),
            signs,
        })
    }
}

fn fate(call: &Call<'_, IpAddr>, unfollowed: bool) -> CallFate {
    if let Some(end) = call.hung_up() {
        let code = end.confirmed.or_else(|| end.by.answered()).map(|answer| answer.code);
        let by_phone = end.by.toward == Toward::Server;
        return CallFate::HungUp { by_phone, at: end.fix.when.at, passed: end.passed, code };
    }
    if call.answered().is_some() {
        return CallFate::Open { unfollowed };
    }
    match (call.cancelled(), call.refused()) {
        (Some(end), _) => CallFate::Cancelled { at: end.fix.when.at },
        (None, Some((answer, _))) => CallFate::Refused { code: answer.code, at: answer.fix.when.at },
        (None, None) => CallFate::Open { unfollowed },
    }
}

fn sign(asked: &Exchange<IpAddr>) -> Option<Sign> {
    let (sent, answer) = (asked.sent.as_ref()?, asked.answered()?);
    let method = Method::of(&asked.method)?;
    Some(Sign { method, asked: sent.first.when.at, answered: answer.fix.when.at, code: answer.code })
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
