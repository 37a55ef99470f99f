//! One account of a simulated phone: its registration, its message lamp, its call, and the way they share to its
//! servers. Lines know nothing of one another.

use std::{net::SocketAddr, time::Duration};

use super::{
    PhoneDefect,
    answers::{Content, Way},
    call::{Call, CallState},
    context::Context,
    draft::{Exchange, Job},
    endpoint::{Endpoint, Identity, Reply},
    failover::Which,
    mwi::{self, Subscription},
    registration::{Registration, Status},
    settings::Account,
};
use crate::wire::sip::{Message, address_of_record};

/// What became of an account; the phone tells it on its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// A server confirmed the registration.
    Registered,
    /// It did so elsewhere than before.
    Moved,
    /// A server counts as dead.
    GaveUp {
        /// Its address.
        server: SocketAddr,
        /// How long it was given.
        after: Duration,
    },
    /// The account is registered nowhere, until the next round succeeds.
    Lost {
        /// For people.
        why: &'static str,
        /// Until the next round; none: it is going on.
        retry: Option<Duration>,
    },
    /// A server refused.
    Rejected {
        /// Its address.
        server: SocketAddr,
        /// Status code.
        code: u16,
        /// Until the next round.
        retry: Duration,
    },
    /// The phone can not go on: a defect.
    Panicked,
    /// A server holds the subscription for the message lamp, and did not before.
    Subscribed {
        /// Its address.
        server: SocketAddr,
    },
    /// A server refused that subscription.
    NotSubscribed {
        /// Status code.
        code: u16,
    },
    /// A call changed.
    Call {
        /// The other end.
        other: String,
        /// For people.
        what: String,
    },
    /// A server did not answer an INVITE.
    CallTimedOut {
        /// Its address.
        server: SocketAddr,
    },
}

/// One account.
#[derive(Debug)]
pub struct Line {
    account: Account,
    endpoint: Endpoint,
    registration: Registration,
    subscription: Subscription,
    call: Option<Call>,
    calls: u32,
}

impl Line {
    /// An account that begins its first round at `start`.
    pub fn new(account: Account, start: Duration, context: &mut Context<'_>) -> Self {
        let identity = Identity { user: account.auth_user.clone(), password: account.password.clone() };
        Self {
            endpoint: Endpoint::new(identity),
            registration: Registration::new(&account, start, context),
            subscription: Subscription::new(&account, context),
            call: None,
            calls: 0,
            account,
        }
    }

    /// What it was set to.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What the status page says.
    pub fn status(&self) -> Status {
        self.registration.status()
    }

    /// Where it is registered: address, whether that is the backup, and the lifetime granted.
    pub fn home(&self) -> Option<(SocketAddr, bool, Duration)> {
        self.registration.home()
    }

    /// Messages are waiting.
    pub fn has_messages(&self) -> bool {
        self.subscription.is_waiting()
    }

    /// Its call: the other end, and how it stands.
    pub fn call(&self) -> Option<(&str, CallState)> {
        let call = self.call.as_ref()?;
        Some((call.other(), call.state()?))
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        [self.endpoint.next_due(), self.registration.next_due(), self.subscription.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Runs what is due.
    pub fn run(&mut self, context: &mut Context<'_>) {
        let failed = self.endpoint.run(context);
        self.failed(failed, context);
        self.registration.run(&mut self.endpoint, context);
        self.subscription.run(&mut self.endpoint, context);
        self.settle(context);
    }

    /// Registers anew; says whether there is anybody to register.
    pub fn renew(&mut self, context: &mut Context<'_>) -> bool {
        self.registration.renew(context.now);
        self.registration.run(&mut self.endpoint, context);
        self.account.is_logged_on()
    }

    /// Takes in a response, wherever it came from; says whether it belongs to this account.
    pub fn response(&mut self, message: &Message, context: &mut Context<'_>) -> bool {
        let (exchange, code) = match self.endpoint.response(message, context) {
            None => return false,
            Some(Reply::Provisional(Job::Invite(number, _), code)) => {
                if let Some(call) = self.call.as_mut().filter(|call| call.number() == number) {
                    call.proceeds(code, &mut self.endpoint, context);
                }
                return true;
            }
            Some(Reply::Provisional(..)) => return true,
            Some(Reply::Final(exchange, code)) => (exchange, code),
        };
        match exchange.job {
            Job::Subscribe(turn) => {
                self.subscription.answered(exchange, turn, code, message, &mut self.endpoint, context);
            }
            Job::Invite(number, _) | Job::InCall(number) => {
                if let Some(call) = self.call.as_mut().filter(|call| call.number() == number) {
                    call.answered(exchange, code, message, &self.account, &mut self.endpoint, context);
                }
            }
            _ => self.registration.answered(exchange, code, message, &mut self.endpoint, context),
        }
        self.settle(context);
        true
    }

    /// Takes in a request for this account: the code that answers it, or none if it has been seen to.
    pub fn request(&mut self, method: &str, request: &Message, way: Way, context: &mut Context<'_>) -> Option<u16> {
        let event = request.header("Event").map(|event| event.split(';').next().unwrap_or_default().trim());
        if let ("NOTIFY", Some(mwi::EVENT)) = (method, event) {
            let known = self.subscription.notified(request, way.address(), context);
            return Some(if known { 200 } else { 481 });
        }
        let belongs = |call: &&mut Call| request.header("Call-ID") == Some(call.call_id());
        let busy = self.call.is_some();
        let answer = match self.call.as_mut().filter(belongs) {
            Some(call) => call.request(method, request, way, &self.account, context),
            None if method != "INVITE" => Some(481).filter(|_| method != "ACK"),
            None if crate::wire::sip::address::tag(request.header("To").unwrap_or_default()).is_some() => Some(481),
            None if busy || request.header("Contact").is_none() => Some(486),
            None => {
                self.calls += 1;
                self.call = Some(Call::ring(self.calls, request.clone(), way, &self.account, context));
                None
            }
        };
        self.settle(context);
        answer
    }

    /// Whether a request from outside is meant for this account: by its dialog, its user, or the number called.
    pub fn is_meant(&self, request: &Message, called: &str) -> bool {
        self.call.as_ref().is_some_and(|call| request.header("Call-ID") == Some(call.call_id()))
            || (self.account.is_logged_on() && called == self.account.user)
            || request.header("To").and_then(address_of_record).is_some_and(|(user, _)| user == self.account.user)
    }

    /// Calls somebody; says whether it could.
    pub fn dial(&mut self, target: &str, context: &mut Context<'_>) -> bool {
        if self.call.is_some() {
            return false;
        }
        self.calls += 1;
        self.call = Call::dial(self.calls, target, &self.account, &mut self.endpoint, context);
        self.call.is_some()
    }

    /// Answers a call; says whether there was one.
    pub fn pick_up(&mut self, context: &mut Context<'_>) -> bool {
        let Some(call) = self.call.as_mut().filter(|call| call.state() == Some(CallState::RingsHere)) else {
            return false;
        };
        call.pick_up(&self.account, context);
        true
    }

    /// Ends its call in whatever way fits; says whether there was one.
    pub fn hang_up(&mut self, context: &mut Context<'_>) -> bool {
        let Some(call) = self.call.as_mut().filter(|call| call.state().is_some()) else { return false };
        call.hang_up(&self.account, &mut self.endpoint, context);
        self.settle(context);
        true
    }

    /// Puts its call on hold, or takes it back.
    pub fn hold(&mut self, context: &mut Context<'_>) -> bool {
        let Some(call) = self.call.as_mut() else { return false };
        call.hold(&self.account, &mut self.endpoint, context);
        true
    }

    /// The 200 for the call with this `Call-ID` was never acknowledged.
    pub fn unconfirmed(&mut self, call_id: &str, context: &mut Context<'_>) {
        if self.call.as_ref().is_some_and(|call| call.call_id() == call_id) {
            self.hang_up(context);
        }
    }

    /// A connection is open; says whether it is this account's.
    pub fn connected(&mut self, conn: u32, context: &mut Context<'_>) -> bool {
        self.endpoint.connected(conn, context)
    }

    /// Bytes came in on a connection: who sent them and the messages in them, or none if it is not this account's.
    pub fn received(&mut self, conn: u32, bytes: &[u8]) -> Option<(SocketAddr, Vec<Vec<u8>>)> {
        self.endpoint.received(conn, bytes)
    }

    /// A connection ended. Requests under way on it have failed, unless it is the phone's habit to wait.
    pub fn closed(&mut self, conn: u32, context: &mut Context<'_>) {
        if context.habits.waits_out_refusal {
            return self.endpoint.lost(conn);
        }
        let failed = self.endpoint.closed(conn);
        self.failed(failed, context);
    }

    /// An ICMP error came back from the way to a server.
    pub fn unreachable(&mut self, to: SocketAddr, context: &mut Context<'_>) {
        let failed = self.endpoint.abandon(to, context);
        self.failed(failed, context);
    }

    /// Resets its connections: the phone is about to go down.
    pub fn abort(&mut self, context: &mut Context<'_>) {
        self.endpoint.abort(context);
    }

    /// Answers a request by a bare status code.
    pub fn say(request: &Message, way: Way, code: u16, context: &mut Context<'_>) {
        let tag = context.random.token();
        context.answer(request, way, (code, &tag), Content::default());
    }

    fn failed(&mut self, failed: Vec<Exchange>, context: &mut Context<'_>) {
        for exchange in failed {
            match exchange.job {
                Job::Subscribe(turn) => self.subscription.failed(turn, &mut self.endpoint, context),
                Job::Invite(number, _) | Job::InCall(number) => {
                    if let Some(call) = self.call.as_mut().filter(|call| call.number() == number) {
                        call.failed(&exchange, &self.account, &mut self.endpoint, context);
                    }
                }
                _ => self.registration.failed(&exchange, &mut self.endpoint, context),
            }
        }
        self.settle(context);
    }

    /// Where somebody hears what is said here.
    pub fn listener(&self) -> Option<SocketAddr> {
        self.call.as_ref().and_then(Call::listener)
    }

    /// Draws conclusions: the lamp's subscription follows the registration, calls that are over are forgotten,
    /// connections that nobody needs are closed.
    fn settle(&mut self, context: &mut Context<'_>) {
        let registered = context.events.contains(&LineEvent::Registered);
        let moved = context.events.contains(&LineEvent::Moved);
        if registered {
            self.subscription.registered(moved, context);
            self.subscription.run(&mut self.endpoint, context);
        }
        let drops = moved && context.has(PhoneDefect::DropsCallsOnMove);
        if let Some(call) = self.call.as_mut().filter(|call| drops && call.state().is_some()) {
            call.hang_up(&self.account, &mut self.endpoint, context);
        }
        let mute = context.has(PhoneDefect::SaysNothing) || moved && context.has(PhoneDefect::FallsSilentOnMove);
        if let Some(call) = self.call.as_mut().filter(|_| mute) {
            call.mute();
        }
        if let Some(call) = self.call.take_if(|call| call.is_over()) {
            self.endpoint.forget(call.call_id());
        }
        let Some((home, ..)) = self.home() else { return };
        let route = self.call.as_ref().and_then(Call::route);
        let lamp = self.subscription.home();
        let backup = self.account.registrars.get(Which::Backup);
        // On the backup the way to the primary is not needed: the next round makes it anew.
        self.endpoint.tidy(
            |server| server == home || Some(server) == route || Some(server) == lamp || Some(server) != backup,
            context,
        );
    }
}
