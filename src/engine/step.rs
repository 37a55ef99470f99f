//! What each kind of step does and waits for.
//!
//! A step is begun once, hears what is observed, and is advanced after each observation; it works on all cases at once
//! and ends when none has anything left to do in it.

use super::{Outbox, registration::Fix, subjects::Subjects};
use crate::{
    config::StepKind,
    event::{Observed, Stamp},
};

mod call;
mod call_wait;
mod display;
mod expect;
mod idle;
mod keys;
mod lamp;
mod outage;
mod wait;

pub use outage::lift_all;

/// A step in progress.
#[derive(Debug)]
pub enum StepRun {
    /// Waits for a move.
    Expect(expect::Expect),
    /// Waits for the message lamp's subscription.
    Lamp(lamp::LampWait),
    /// Waits for what becomes of calls.
    CallWait(call_wait::CallWait),
    /// Waits until nobody is in a call.
    Idle(idle::IdleWait),
    /// Plays keys.
    Keys(keys::Keys),
    /// Waits for a text on the display.
    Display(display::Display),
    /// Takes a server away.
    Outage(outage::Cutting),
    /// Gives it back.
    Lift(outage::Lifting),
    /// Lets time pass.
    Wait(wait::Waiting),
}

impl StepRun {
    /// Begins a step.
    pub fn begin(
        kind: &StepKind,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        match kind {
            StepKind::Expect { of } => Self::Expect(expect::Expect::begin(*of, subjects, fix, out)),
            StepKind::Keys { .. } | StepKind::Press { .. } | StepKind::Dial { .. } => {
                Self::Keys(keys::Keys::begin(kind, optional, subjects, now, fix, out))
            }
            StepKind::Display { text } => Self::Display(display::Display::begin(text, optional, subjects, now)),
            StepKind::MessageLamp => Self::Lamp(lamp::LampWait::begin(subjects, fix)),
            StepKind::Call { act } => Self::Keys(call::begin(*act, optional, subjects, now, fix, out)),
            StepKind::ExpectCall { of } => Self::CallWait(call_wait::CallWait::begin(*of, subjects, now)),
            StepKind::ExpectIdle => Self::Idle(idle::IdleWait::begin(subjects, now)),
            StepKind::Outage(plan) => Self::Outage(outage::Cutting::begin(plan, subjects, now, out)),
            StepKind::Lift { server } => Self::Lift(outage::Lifting::begin(*server, subjects, now, out)),
            StepKind::Wait { span } => Self::Wait(wait::Waiting { until: now + *span }),
        }
    }

    /// Hears an observation.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match self {
            Self::Expect(_) | Self::Lamp(_) | Self::CallWait(_) | Self::Idle(_) | Self::Display(_) | Self::Wait(_) => {}
            Self::Keys(step) => step.observe(observed, fix),
            Self::Outage(step) => step.observe(observed, fix, subjects, out),
            Self::Lift(step) => step.observe(observed),
        }
    }

    /// Goes as far as it can at this time.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match self {
            Self::Expect(step) => step.advance(now, fix, subjects, out),
            Self::Lamp(step) => step.advance(now, subjects),
            Self::CallWait(step) => step.advance(now, subjects),
            Self::Idle(step) => step.advance(now, subjects),
            Self::Keys(step) => step.advance(now, fix, subjects, out),
            Self::Display(step) => step.advance(now, fix, subjects),
            Self::Outage(step) => step.advance(now, fix, subjects, out),
            Self::Lift(step) => step.advance(now, subjects),
            Self::Wait(step) => step.advance(now, subjects),
        }
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        match self {
            Self::Expect(step) => step.deadline(subjects),
            Self::Lamp(step) => step.deadline(),
            Self::CallWait(step) => step.deadline(subjects),
            Self::Idle(step) => step.deadline(),
            Self::Keys(step) => step.deadline(),
            Self::Display(step) => Some(step.deadline()),
            Self::Outage(step) => step.deadline(),
            Self::Lift(step) => step.deadline(),
            Self::Wait(step) => Some((step.until, "the end of a pause")),
        }
    }
}
