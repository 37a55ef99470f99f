//! What each kind of step does and waits for.
//!
//! A step is begun once, hears what is observed, and is advanced after each observation; it works on all cases at once
//! and ends when none has anything left to do in it.

use super::{Outbox, blind, registration::Fix, subjects::Subjects};
use crate::{
    config::{CallAct, Party, Step, StepKind},
    event::{Observed, PhoneName, ServerName, Stamp},
};

mod alive;
mod ask;
mod call;
mod call_wait;
mod configure;
mod display;
mod expect;
pub mod fetch;
mod idle;
mod keys;
mod lamp;
pub mod lift;
mod moment;
mod outage;
pub mod pbx;
mod peer_call;
pub mod push;
pub mod reaction;
mod silence;
mod wait;

pub use lift::lift_all;

/// A step in progress.
#[derive(Debug)]
pub enum StepRun {
    /// Waits for a move.
    Expect(expect::Expect),
    /// Waits for the message lamp's subscription.
    Lamp(lamp::LampWait),
    /// Waits for a sign of life.
    Alive(alive::Alive),
    /// Waits in vain for a REGISTER.
    Silence(silence::Silence),
    /// Waits for what lines do about an outage.
    Reaction(reaction::Reaction),
    /// Waits for what becomes of calls.
    CallWait(call_wait::CallWait),
    /// Waits until nobody is in a call.
    Idle(idle::IdleWait),
    /// Plays keys.
    Keys(keys::Keys),
    /// Tells phones something by their XML interface.
    Push(push::Push),
    /// Waits for a text on the display.
    Display(display::Display),
    /// Waits for a person.
    Ask(ask::Ask),
    /// Takes a server away.
    Outage(outage::Cutting),
    /// Gives it back.
    Lift(lift::Lifting),
    /// Has settings of the PBX changed, or set back.
    Pbx(pbx::Setting),
    /// Has phones' files written.
    Configure(configure::Configure),
    /// Waits until phones fetch them.
    Fetch(fetch::FetchWait),
    /// Has a peer call phones.
    PeerCalling(peer_call::PeerCalling),
    /// Lets time pass.
    Wait(wait::Waiting),
    /// Waits for the phones on other courses, which only the run knows.
    Meet,
}

impl StepRun {
    /// Begins a step.
    pub fn begin(step: &Step, subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Self {
        let (kind, optional) = (&step.kind, step.optional);
        blind::leave(kind, subjects);
        match kind {
            StepKind::Expect { of } => Self::Expect(expect::Expect::begin(*of, subjects, fix, out)),
            StepKind::Keys { .. } | StepKind::Press { .. } | StepKind::Dial { .. } => {
                Self::Keys(keys::Keys::begin(kind, step.confirm, optional, subjects, now, fix, out))
            }
            StepKind::Push { .. } | StepKind::Restart => {
                Self::Push(push::Push::begin(kind, optional, subjects, now, fix, out))
            }
            StepKind::Display { text } => Self::Display(display::Display::begin(text, optional, subjects, now)),
            StepKind::Ask { text, limit } => Self::Ask(ask::Ask::begin(text, *limit, optional, subjects, now, out)),
            StepKind::Alive => Self::Alive(alive::Alive::begin(subjects, now, fix, out)),
            StepKind::Silence => Self::Silence(silence::Silence::begin(subjects, fix)),
            StepKind::Reaction => Self::Reaction(reaction::Reaction::begin(subjects)),
            StepKind::MessageLamp => Self::Lamp(lamp::LampWait::begin(subjects, fix)),
            StepKind::Call { act: CallAct::Dial } if subjects.plan().scenario.peer == Some(Party::Callers) => {
                Self::PeerCalling(peer_call::PeerCalling::begin(optional, subjects, now, fix, out))
            }
            StepKind::Call { act } => Self::Keys(call::begin(*act, optional, subjects, now, fix, out)),
            StepKind::ExpectCall { of } => Self::CallWait(call_wait::CallWait::begin(*of, subjects, now)),
            StepKind::ExpectIdle => Self::Idle(idle::IdleWait::begin(subjects, now)),
            StepKind::Outage(plan) => Self::Outage(outage::Cutting::begin(plan, optional, subjects, now, fix, out)),
            StepKind::Lift { server, turns } => {
                Self::Lift(lift::Lifting::begin(*server, turns.as_ref(), subjects, now, out))
            }
            StepKind::Pbx { setting, state } => {
                Self::Pbx(pbx::Setting::change(setting, state, optional, subjects, now, out))
            }
            StepKind::Configure { settings } => {
                Self::Configure(configure::Configure::begin(settings, optional, subjects, now, out))
            }
            StepKind::Fetch => Self::Fetch(fetch::FetchWait::begin(subjects, now)),
            StepKind::Wait { span } => Self::Wait(wait::Waiting { until: now + *span }),
            StepKind::Meet => Self::Meet,
        }
    }

    /// Hears an observation.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match self {
            Self::Expect(_)
            | Self::Alive(_)
            | Self::Silence(_)
            | Self::Reaction(_)
            | Self::Lamp(_)
            | Self::CallWait(_)
            | Self::Idle(_)
            | Self::Display(_)
            | Self::Fetch(_)
            | Self::Wait(_)
            | Self::Meet => {}
            Self::Keys(step) => step.observe(observed, fix),
            Self::Push(step) => step.observe(observed, fix, subjects),
            Self::Outage(step) => step.observe(observed, fix, subjects, out),
            Self::Lift(step) => step.observe(observed),
            Self::Pbx(step) => step.observe(observed, fix, subjects),
            Self::Configure(step) => step.observe(observed, fix, subjects),
            Self::Ask(step) => step.observe(observed, fix, subjects, out),
            Self::PeerCalling(step) => step.observe(observed, fix, subjects),
        }
    }

    /// Goes as far as it can at this time.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match self {
            Self::Expect(step) => step.advance(now, fix, subjects, out),
            Self::Alive(step) => step.advance(now, subjects, out),
            Self::Silence(step) => step.advance(now, subjects, out),
            Self::Reaction(step) => step.advance(now, subjects),
            Self::Lamp(step) => step.advance(now, subjects),
            Self::CallWait(step) => step.advance(now, subjects),
            Self::Idle(step) => step.advance(now, subjects),
            Self::Keys(step) => step.advance(now, fix, subjects, out),
            Self::Push(step) => step.advance(now, fix, subjects, out),
            Self::Display(step) => step.advance(now, fix, subjects),
            Self::Ask(step) => step.advance(now, fix, subjects, out),
            Self::Outage(step) => step.advance(now, fix, subjects, out),
            Self::Lift(step) => step.advance(now, subjects, out),
            Self::Pbx(step) => step.advance(now, subjects),
            Self::Configure(step) => step.advance(now, subjects),
            Self::Fetch(step) => step.advance(now, subjects, out),
            Self::PeerCalling(step) => step.advance(now, subjects),
            Self::Wait(step) => step.advance(now, subjects),
            Self::Meet => {}
        }
    }

    /// Whether it asks this of a person at present.
    pub fn asks(&self, prompt: u32) -> bool {
        matches!(self, Self::Ask(step) if step.is_open(prompt))
    }

    /// Takes back what it asks, if nobody needs it any more.
    pub fn withdraw(&mut self, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        if let Self::Ask(step) = self {
            step.withdraw(fix, subjects, out);
        }
    }

    /// Whether it is in the middle of pressing keys of a phone.
    pub fn presses(&self, phone: &PhoneName) -> bool {
        match self {
            Self::Keys(step) => step.presses(phone),
            Self::Push(step) => step.presses(phone),
            _ => false,
        }
    }

    /// Whether it is just about to take this server from one of these phones.
    pub fn tries(&self, server: &ServerName, phones: &[PhoneName]) -> bool {
        matches!(self, Self::Outage(step) if step.tries(server, phones))
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        match self {
            Self::Expect(step) => step.deadline(subjects),
            Self::Alive(step) => Some(step.deadline()),
            Self::Silence(step) => step.deadline(subjects),
            Self::Reaction(step) => step.deadline(subjects),
            Self::Lamp(step) => step.deadline(),
            Self::CallWait(step) => step.deadline(subjects),
            Self::Idle(step) => step.deadline(),
            Self::Keys(step) => step.deadline(),
            Self::Push(step) => step.deadline(),
            Self::Display(step) => Some(step.deadline()),
            Self::Ask(step) => step.deadline(),
            Self::Outage(step) => step.deadline(subjects),
            Self::Lift(step) => step.deadline(),
            Self::Pbx(step) => step.deadline(),
            Self::Configure(step) => step.deadline(),
            Self::Fetch(step) => step.deadline(),
            Self::PeerCalling(step) => step.deadline(),
            Self::Wait(step) => Some((step.until, "the end of a pause")),
            Self::Meet => None,
        }
    }
}
