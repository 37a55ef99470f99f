//! Client transactions (RFC 3261 section 17.1): when a request is repeated, when it is given up, and how the failure
//! of an INVITE is acknowledged. The phone's transaction timer stands in for timers B and F.
//!
//! Not here: the ACK of a 2xx, which is a matter of the call (`call`); server transactions (`answers`).

use std::{net::SocketAddr, time::Duration};

use super::{Transport, context::Context};

/// How long the final answer of a failed INVITE may come again over UDP: timer D.
const TIMER_D: Duration = Duration::from_secs(32);

/// What a transaction wants when its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The request goes out once more.
    Repeat,
    /// It is over: nobody answered.
    GaveUp,
    /// It has been over for long enough.
    Gone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing came back yet.
    Trying,
    /// A provisional answer came.
    Proceeding,
    /// An INVITE failed, and this ACK was sent.
    Failed(Vec<u8>),
}

/// A request under way.
#[derive(Debug)]
pub struct Transaction {
    /// `branch` of its `Via`.
    pub branch: String,
    /// `CSeq` number and method.
    pub cseq: String,
    /// Next hop.
    pub to: SocketAddr,
    /// The request.
    pub bytes: Vec<u8>,
    /// It left the phone; otherwise it waits for a connection.
    pub sent: bool,
    invite: bool,
    state: State,
    repeat: Option<(Duration, Duration)>,
    ends: Option<Duration>,
}

impl Transaction {
    /// A request to be sent now. Without `gives_up` it goes on for ever.
    pub fn new(
        (branch, cseq): (String, String),
        to: SocketAddr,
        bytes: Vec<u8>,
        gives_up: bool,
        context: &Context<'_>,
    ) -> Self {
        let t1 = context.timers.t1;
        let ends = gives_up.then_some(context.now + context.timers.transaction);
        let mut transaction = Self {
            invite: cseq.ends_with(" INVITE"),
            branch,
            cseq,
            to,
            bytes,
            sent: false,
            state: State::Trying,
            repeat: None,
            ends,
        };
        if context.transport == Transport::Udp {
            transaction.repeat_after(t1, context.now);
        }
        transaction
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.ends.into_iter().chain(self.repeat.map(|(at, _)| at)).min()
    }

    /// Runs what is due.
    pub fn run(&mut self, context: &Context<'_>) -> Due {
        let now = context.now;
        if self.ends.is_some_and(|ends| ends <= now) {
            return if matches!(self.state, State::Failed(_)) { Due::Gone } else { Due::GaveUp };
        }
        let Some((_, interval)) = self.repeat.filter(|(at, _)| *at <= now) else { return Due::Nothing };
        // Timer A doubles without end; timer E stops at T2, and begins there once somebody is at work.
        let t2 = context.timers.t2;
        let interval = match (self.invite, &self.state) {
            (true, _) => 2 * interval,
            (false, State::Proceeding) => t2,
            (false, _) => (2 * interval).min(t2),
        };
        self.repeat_after(interval, now);
        Due::Repeat
    }

    /// A provisional answer came. An INVITE may now take as long as it takes, as somebody's telephone is ringing.
    pub fn proceed(&mut self) {
        if self.state == State::Trying {
            self.state = State::Proceeding;
            if self.invite {
                (self.repeat, self.ends) = (None, None);
            }
        }
    }

    /// It was cancelled: it has that long for its final answer (RFC 3261 section 9.1).
    pub fn end_within(&mut self, span: Duration, context: &Context<'_>) {
        self.ends = Some(context.now + span);
    }

    /// An INVITE failed, and `ack` goes out; it does so again whenever the answer comes again.
    pub fn fail(&mut self, ack: Vec<u8>, context: &Context<'_>) {
        self.state = State::Failed(ack);
        self.repeat = None;
        let lingers = if context.transport == Transport::Udp { TIMER_D } else { Duration::ZERO };
        self.ends = Some(context.now + lingers);
    }

    /// The ACK of a failed INVITE.
    pub fn ack(&self) -> Option<&[u8]> {
        match &self.state {
            State::Failed(ack) => Some(ack),
            State::Trying | State::Proceeding => None,
        }
    }

    fn repeat_after(&mut self, interval: Duration, now: Duration) {
        let in_time = |(at, _): &(Duration, Duration)| self.ends.is_none_or(|ends| *at < ends);
        self.repeat = Some((now + interval, interval)).filter(in_time);
    }
}
