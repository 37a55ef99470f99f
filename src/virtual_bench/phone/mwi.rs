//! The subscription for the message lamp (RFC 3842, RFC 6665) of one account: `sip explicit mwi subscription`.
//!
//! Like every request it goes to the primary first. Renewed at the same server it stays in its dialog; at the other one
//! it is a new subscription, and the old one is left to lapse.

use std::{net::SocketAddr, time::Duration};

use super::{
    PhoneDefect,
    context::Context,
    dialog::Dialog,
    draft::{Draft, Exchange, Job, ROUNDS},
    endpoint::Endpoint,
    failover::{Turn, Which},
    line::LineEvent,
    settings::Account,
};
use crate::wire::{message_summary, sip::Message};

/// Name of the event package.
pub const EVENT: &str = "message-summary";

/// A subscription that a server confirmed.
#[derive(Debug)]
struct Held {
    which: Which,
    dialog: Dialog,
    expires_at: Duration,
}

/// The subscription of one account.
#[derive(Debug)]
pub struct Subscription {
    account: Account,
    call_id: String,
    tag: String,
    held: Option<Held>,
    next: Option<(Duration, Turn)>,
    under_way: bool,
    moved: bool,
    waiting: bool,
}

impl Subscription {
    /// A subscription that nobody has asked for yet.
    pub fn new(account: &Account, context: &mut Context<'_>) -> Self {
        Self {
            account: account.clone(),
            call_id: context.random.token(),
            tag: context.random.token(),
            held: None,
            next: None,
            under_way: false,
            moved: false,
            waiting: false,
        }
    }

    /// Messages are waiting.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The server that holds it.
    pub fn home(&self) -> Option<SocketAddr> {
        self.account.proxies.get(self.held.as_ref()?.which)
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Duration> {
        let held = self.held.as_ref().map(|held| held.expires_at);
        held.into_iter().chain(self.next.map(|(at, _)| at)).min()
    }

    /// The account is registered: `moved`, at another server than before. Subscribes if that is called for.
    pub fn registered(&mut self, moved: bool, context: &Context<'_>) {
        self.moved |= moved;
        if self.has_forgotten(context) {
            (self.held, self.next) = (None, None);
        } else if self.account.mwi.is_some()
            && (moved || (self.held.is_none() && self.next.is_none() && !self.under_way))
        {
            self.next = self.account.proxies.turn(Which::Primary).map(|turn| (context.now, turn));
        }
    }

    /// Runs what is due.
    pub fn run(&mut self, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        if self.held.as_ref().is_some_and(|held| held.expires_at <= context.now) {
            self.held = None;
        }
        if let Some((_, turn)) = self.next.take_if(|(at, _)| *at <= context.now) {
            self.subscribe(turn, endpoint, context);
        }
    }

    /// A SUBSCRIBE had its final answer.
    pub fn answered(
        &mut self,
        exchange: Exchange,
        turn: Turn,
        code: u16,
        message: &Message,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) {
        match code {
            200..300 => self.accepted(&exchange, turn, message, context),
            401 | 407 => {
                if endpoint.answer_challenge(exchange, code, message, context).is_some() {
                    self.refused(code, context);
                }
            }
            423 if exchange.rounds < ROUNDS && message.summary().min_expires.is_some() => {
                let mut again = exchange.again();
                again.draft.set("Expires", message.summary().min_expires.unwrap_or_default().to_string());
                endpoint.send(again, context);
            }
            // The server has forgotten the dialog: begin anew there.
            481 if self.held.take_if(|held| held.which == turn.which).is_some() => {
                self.next = Some((context.now, turn));
                self.under_way = false;
            }
            _ if context.habits.moves_on(code) && self.account.proxies.after(turn, context).is_some() => {
                self.failed(turn, endpoint, context);
            }
            _ => self.refused(code, context),
        }
    }

    /// A server did not answer.
    pub fn failed(&mut self, turn: Turn, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        if self.held.as_ref().is_some_and(|held| held.which == turn.which) {
            self.held = None;
        }
        match self.account.proxies.after(turn, context) {
            Some(turn) => self.subscribe(turn, endpoint, context),
            None => self.rest(context.timers.retry_timeout, context),
        }
    }

    /// A NOTIFY of this package came; says whether it belongs to the subscription, or needs none.
    pub fn notified(&mut self, request: &Message, source: SocketAddr, context: &mut Context<'_>) -> bool {
        let ours = self.held.as_ref().is_some_and(|held| held.dialog.owns(request))
            || (self.under_way && request.header("Call-ID") == Some(self.call_id.as_str()));
        // Some servers tell without having been asked.
        let unasked = self.account.mwi.is_none() && self.account.knows(source);
        if !ours && !unasked {
            return false;
        }
        if let Some(waiting) = message_summary::is_waiting(request.body()) {
            self.waiting = waiting;
        }
        let state = request.header("Subscription-State").unwrap_or_default();
        if ours && state.split(';').next().is_some_and(|state| state.trim().eq_ignore_ascii_case("terminated")) {
            self.held = None;
            self.rest(context.timers.retry_timeout, context);
        }
        true
    }

    fn has_forgotten(&self, context: &Context<'_>) -> bool {
        self.moved && context.has(PhoneDefect::ForgetsSubscription)
    }

    fn subscribe(&mut self, turn: Turn, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let (Some(to), Some(period)) = (self.account.proxies.get(turn.which), self.account.mwi) else { return };
        if self.has_forgotten(context) {
            return;
        }
        self.under_way = true;
        let mut draft = match self.held.as_ref().filter(|held| held.which == turn.which) {
            Some(held) => held.dialog.draft("SUBSCRIBE", &self.account.user, context),
            None => {
                self.call_id = context.random.token();
                let record = format!("<sip:{}@{}>", self.account.user, self.account.domain(to));
                Draft {
                    method: "SUBSCRIBE",
                    uri: format!("sip:{}@{}", self.account.user, self.account.domain(to)),
                    to,
                    call_id: self.call_id.clone(),
                    headers: vec![
                        ("From", format!("{record};tag={}", self.tag)),
                        ("To", record),
                        ("Contact", format!("<{}>", context.contact(&self.account.user))),
                    ],
                    body: None,
                }
            }
        };
        draft.set("Event", EVENT.to_owned());
        draft.set("Accept", "application/simple-message-summary".to_owned());
        draft.set("Expires", period.as_secs().to_string());
        endpoint.send(Exchange::new(Job::Subscribe(turn), draft), context);
    }

    fn accepted(&mut self, exchange: &Exchange, turn: Turn, message: &Message, context: &mut Context<'_>) {
        self.under_way = false;
        let asked = self.account.mwi.unwrap_or_default();
        let granted = message.summary().expires.map_or(asked, |seconds| Duration::from_secs(u64::from(seconds)));
        let known = self.held.as_ref().map(|held| &held.dialog).filter(|dialog| dialog.has_answered(message)).cloned();
        let dialog = known.or_else(|| Dialog::of_answer(message, &exchange.draft));
        let Some(dialog) = dialog.filter(|_| !granted.is_zero()) else {
            return self.rest(context.timers.retry_timeout, context);
        };
        let before = self.held.replace(Held { which: turn.which, dialog, expires_at: context.now + granted });
        if before.is_none_or(|before| before.which != turn.which) {
            context.events.push(LineEvent::Subscribed { server: exchange.draft.to });
        }
        let lead = context.timers.renewal_lead.of(granted);
        let renew_in = if lead < granted { granted - lead } else { granted / 2 };
        let stays = turn.which == Which::Backup && context.stays_on_backup();
        let first = if stays || context.habits.outbound { turn.which } else { Which::Primary };
        self.next = self.account.proxies.turn(first).map(|turn| (context.now + renew_in, turn));
    }

    fn refused(&mut self, code: u16, context: &mut Context<'_>) {
        self.held = None;
        context.events.push(LineEvent::NotSubscribed { code });
        self.rest(context.timers.retry_rejected, context);
    }

    fn rest(&mut self, pause: Duration, context: &Context<'_>) {
        self.under_way = false;
        self.next = self.account.proxies.turn(Which::Primary).map(|turn| (context.now + pause, turn));
    }
}
