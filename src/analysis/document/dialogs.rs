//! Calls, message waiting and refusals in the document.

use std::net::IpAddr;

use serde::Serialize;

use super::ms;
use crate::{
    analysis::{
        Settings,
        calls::{self, CallFate, Moment, Told},
        clock::Clock,
        line::Line,
        moves,
        outage::Outages,
        refusals::{self, Refusals},
        waiting::{self, SubscriptionEnd},
    },
    config::Role,
    event::{Stamp, Toward},
};

/// A call of the line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// `out`: the line called; `in`: it was called.
    pub direction: Direction,
    /// The caller's address of record.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// `Call-ID`.
    pub call_id: String,
    /// The server that carried its first sign of life; if there was none, the last that was tried.
    pub server: IpAddr,
    /// Its role; null: nobody has named one.
    pub role: Option<Role>,
    /// The servers that its INVITEs went to or came from, in their order.
    pub tried: Vec<IpAddr>,
    /// The first INVITE.
    pub from_ms: f64,
    /// From there to the first 18x or 2xx that got through; null: none did.
    pub post_dial_delay_ms: Option<f64>,
    /// The first 2xx that got through.
    pub answered_ms: Option<f64>,
    /// The caller's ACK of that.
    pub acknowledged_ms: Option<f64>,
    /// When it ended; null: no end was seen.
    pub until_ms: Option<f64>,
    /// What it came to.
    pub state: CallState,
    /// The code of its refusal.
    pub code: Option<u16>,
    /// Who hung up or gave it up; null: nobody did.
    pub ended_by: Option<Party>,
    /// The final answer to the BYE; null: there is no BYE, or no answer to it got through.
    pub bye_code: Option<u16>,
    /// What happened to its line or its server while it stood.
    pub across: Vec<Across>,
}

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the line.
    Out,
    /// To the line.
    In,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallState {
    /// It was picked up, and no end of it was seen in the capture, all of which could be read.
    Up,
    /// It was picked up, and a BYE ended it.
    Ended,
    /// It was not picked up.
    Refused,
    /// The caller gave it up before it was picked up.
    Cancelled,
    /// No final answer but challenges got through.
    Unanswered,
    /// How it ended, if it did, is not known: something could not be read since it was picked up, or it was one too many.
    Unknown,
}

/// One of the two ends of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The phone of this line.
    Phone,
    /// Whoever is on the server's side of it.
    OtherEnd,
}

/// What a call stood through, or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Across {
    /// `failover`, `failback`: of its line, by the 2xx that makes it. `outage`: of its server, when it began.
    pub what: &'static str,
    /// When.
    pub at_ms: f64,
    /// Whether it survived; null: nothing shows it.
    pub survived: Option<bool>,
    /// The request whose answer shows that.
    pub shown_by: Option<&'static str>,
    /// The code of that answer.
    pub code: Option<u16>,
    /// When that came.
    pub shown_ms: Option<f64>,
}

/// A subscription to message waiting that a server granted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscription {
    /// The server's address.
    pub server: IpAddr,
    /// Its role; null: nobody has named one.
    pub role: Option<Role>,
    /// When the 2xx that began it came in.
    pub from_ms: f64,
    /// When it ended; null: the capture ended first.
    pub until_ms: Option<f64>,
    /// By what.
    pub ended_by: SubscriptionEndedBy,
    /// The lifetime last granted, in seconds.
    pub expires_s: u64,
    /// How often it was prolonged.
    pub refreshes: u32,
    /// NOTIFYs that came of it.
    pub notifies: u32,
    /// When the first of them came.
    pub notified_ms: Option<f64>,
    /// Whether messages wait, by the last of them that tells.
    pub waiting: Option<bool>,
}

/// What ended a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubscriptionEndedBy {
    /// Its time ran out.
    Expired,
    /// The phone ended it.
    Removed,
    /// The server ended it, or answered that it knows of none.
    Terminated,
    /// It seems to have run out, but something could not be read, or there were too many.
    Unknown,
    /// The end of the capture.
    CaptureEnd,
}

/// What a line was told of messages that wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageWaiting {
    /// Whether messages wait, by the last NOTIFY; null: it does not tell, or none came.
    pub waiting: Option<bool>,
    /// Where that came from.
    pub server: Option<IpAddr>,
    /// When it came.
    pub at_ms: Option<f64>,
    /// NOTIFYs that came.
    pub notifies: u64,
    /// Of these those that belong to no SUBSCRIBE of the line in the capture.
    pub unsolicited: u64,
    /// Of these those that the phone refused.
    pub refused: u64,
    /// SUBSCRIBEs that were refused, by server and code.
    pub refusals: Vec<Refusal>,
}

/// Refusals by one server with one code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// The server's address.
    pub server: IpAddr,
    /// Its role; null: nobody has named one.
    pub role: Option<Role>,
    /// Status code.
    pub code: u16,
    /// siprig's bridge said it in the server's name.
    pub by_bridge: bool,
    /// How many.
    pub count: u64,
    /// The first.
    pub first_ms: f64,
    /// The last.
    pub last_ms: f64,
    /// For how long the last one that says so asked the line to stay away, in seconds.
    pub retry_after_s: Option<u32>,
    /// Where the last one that says so sent the line.
    pub redirected_to: Option<String>,
}

/// The calls of a line.
pub fn calls(line: &Line, settings: &Settings, outages: &Outages, clock: &Clock) -> Vec<(String, Call)> {
    let told = line.calls.all();
    if told.is_empty() {
        return Vec::new();
    }
    let moments = moves::moments(line);
    let entry = |told: Told| {
        let mut moments = moments.clone();
        moments.extend(began(told.server, line, settings, outages, clock));
        moments.sort_by_key(|moment| moment.at);
        (told.own.clone(), call(&told, line, settings, &moments, clock))
    };
    told.into_iter().map(entry).collect()
}

/// When outages of a server began.
fn began(
    server: IpAddr,
    line: &Line,
    settings: &Settings,
    outages: &Outages,
    clock: &Clock,
) -> impl Iterator<Item = Moment> {
    let away = outages.of(server, line.address, settings, clock).into_iter();
    away.map(|away| Moment { what: "outage", at: away.began.when.at })
}

fn call(told: &Told, line: &Line, settings: &Settings, moments: &[Moment], clock: &Clock) -> Call {
    let rang = told.rang.filter(|rang| !clock.went_back(told.begun, *rang));
    let out = told.toward == Toward::Server;
    let (caller, callee) = if out { (&told.own, &told.other) } else { (&told.other, &told.own) };
    let party = |by_phone: bool| if by_phone { Party::Phone } else { Party::OtherEnd };
    let unread = |since: Stamp| told.tried.iter().any(|server| line.is_doubted(*server, since));
    let (state, until, ended_by) = match (told.fate, told.answered) {
        (CallFate::HungUp { by_phone, at, .. }, _) => (CallState::Ended, Some(at), Some(party(by_phone))),
        (CallFate::Refused { at, .. }, _) => (CallState::Refused, Some(at), None),
        (CallFate::Cancelled { at }, _) => (CallState::Cancelled, Some(at), Some(party(out))),
        (CallFate::Open { unfollowed: true }, _) => (CallState::Unknown, None, None),
        (CallFate::Open { .. }, Some(answered)) if unread(answered) => (CallState::Unknown, None, None),
        (CallFate::Open { .. }, Some(_)) => (CallState::Up, None, None),
        (CallFate::Open { .. }, None) => (CallState::Unanswered, None, None),
    };
    let (code, bye_code) = match told.fate {
        CallFate::Refused { code, .. } => (Some(code), None),
        CallFate::HungUp { code, .. } => (None, code),
        CallFate::Cancelled { .. } | CallFate::Open { .. } => (None, None),
    };
    Call {
        direction: if out { Direction::Out } else { Direction::In },
        caller: caller.clone(),
        callee: callee.clone(),
        call_id: told.id.clone(),
        server: told.server,
        role: settings.role(told.server),
        tried: told.tried.clone(),
        from_ms: ms(told.begun),
        post_dial_delay_ms: rang.map(|rang| crate::engine::measure::millis(rang.since(told.begun))),
        answered_ms: told.answered.map(ms),
        acknowledged_ms: told.acknowledged.map(ms),
        until_ms: until.map(ms),
        state,
        code,
        ended_by,
        bye_code,
        across: calls::across(told, moments).into_iter().map(across).collect(),
    }
}

fn across(it: calls::Across) -> Across {
    Across {
        what: it.moment.what,
        at_ms: ms(it.moment.at),
        survived: it.survived,
        shown_by: it.shown_by.map(|sign| sign.method.name()),
        code: it.shown_by.map(|sign| sign.code),
        shown_ms: it.shown_by.map(|sign| ms(sign.answered)),
    }
}

/// The subscriptions of a line, each with the address of record that it is of.
pub fn subscriptions(line: &Line, settings: &Settings) -> Vec<(String, Subscription)> {
    let entry = |it: &waiting::Subscription| Subscription {
        server: it.server,
        role: settings.role(it.server),
        from_ms: ms(it.from),
        until_ms: it.ended.map(|_| ms(it.until)),
        ended_by: match it.ended {
            None => SubscriptionEndedBy::CaptureEnd,
            Some(SubscriptionEnd::Expired) => SubscriptionEndedBy::Expired,
            Some(SubscriptionEnd::Unknown) => SubscriptionEndedBy::Unknown,
            Some(SubscriptionEnd::Removed) => SubscriptionEndedBy::Removed,
            Some(SubscriptionEnd::Terminated) => SubscriptionEndedBy::Terminated,
        },
        expires_s: it.granted.as_secs(),
        refreshes: it.refreshes,
        notifies: it.notices,
        notified_ms: it.notified.map(ms),
        waiting: it.waiting,
    };
    line.waiting.all().into_iter().map(|it| (it.own.clone(), entry(it))).collect()
}

/// What a line was told of messages that wait; none: nothing about that was seen.
pub fn message_waiting(line: &Line, settings: &Settings) -> Option<MessageWaiting> {
    let it = &line.waiting;
    it.is_used().then(|| MessageWaiting {
        waiting: it.last.as_ref().and_then(|last| last.waiting),
        server: it.last.as_ref().map(|last| last.server),
        at_ms: it.last.as_ref().map(|last| ms(last.fix.when.at)),
        notifies: it.notices,
        unsolicited: it.unsolicited,
        refused: it.refused,
        refusals: refusals(&it.turned_away, settings),
    })
}

/// Refusals, by server and code.
pub fn refusals(all: &Refusals, settings: &Settings) -> Vec<Refusal> {
    let entry = |(kind, it): (&refusals::Kind, &refusals::Refused)| Refusal {
        server: kind.server,
        role: settings.role(kind.server),
        code: kind.code,
        by_bridge: kind.by_bridge,
        count: it.count,
        first_ms: ms(it.first),
        last_ms: ms(it.last),
        retry_after_s: it.retry_after,
        redirected_to: it.redirected_to.clone(),
    };
    all.kinds().map(entry).collect()
}
