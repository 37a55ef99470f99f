//! The longest window that a move can have by a phone's timers, before anything is known of its registrations: what a
//! plan promises.

use std::time::Duration;

use super::{
    FailbackHabit, Timers, Window, after_rejection, baseline, boot, failback, failover, hold, log_off, log_on,
    of_dying, recovery, rejection, renewal, revival, stranded,
};
use crate::{
    config::{Model, StepKind},
    event::Move,
};

/// The longest window of a move, of a lifetime that is granted as it is asked for. `keeps_both` phones never leave their
/// backup; `reboots` says that keys or pushes before a log-on make the phone boot; `turned_away`, that a return follows a
/// rejection.
pub fn at_worst(of: Move, timers: &Timers, habit: Habit) -> Window {
    let granted = timers.expires.value;
    match of {
        Move::Baseline => baseline(timers),
        Move::Renewal => renewal(timers, granted),
        Move::Failover => of_dying(habit.dying, failover(timers, granted, granted)),
        Move::Failback if habit.keeps_both => revival(timers),
        Move::Failback if habit.turned_away => after_rejection(timers, None),
        Move::Failback => failback(timers, habit.failback, granted, granted, false),
        Move::Stranded => of_dying(habit.dying, stranded(timers, granted, granted)),
        Move::Recovery => recovery(timers, true),
        Move::Rejection => rejection(timers, granted, granted),
        Move::Hold => hold(timers, granted),
        Move::LogOn | Move::Admission if habit.reboots => boot(timers, true),
        Move::LogOn | Move::Admission => log_on(timers, true),
        Move::LogOff => log_off(timers, granted),
    }
}

/// What a window depends on beside the timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habit {
    /// What makes the phone return.
    pub failback: FailbackHabit,
    /// It keeps both registrations by design.
    pub keeps_both: bool,
    /// It was turned away before.
    pub turned_away: bool,
    /// It was told to boot before.
    pub reboots: bool,
    /// The server is gone so long after its outage began.
    pub dying: Duration,
}

/// What the steps of a scenario up to one mean for the windows from there on, whatever the phone.
#[derive(Debug, Clone, Copy, Default)]
pub struct StepsBefore {
    turned_away: bool,
    reboots: bool,
    dying: Duration,
}

impl StepsBefore {
    /// Takes the next step.
    pub fn take(&mut self, step: &StepKind) {
        match step {
            StepKind::Outage(outage) => self.dying = outage.away_after().unwrap_or_default(),
            StepKind::Push { .. } | StepKind::Restart => self.reboots = true,
            StepKind::Keys { reboots, .. } | StepKind::Press { reboots, .. } => self.reboots = *reboots,
            StepKind::Dial { .. } => self.reboots = false,
            StepKind::Expect { of } => self.turned_away |= *of == Move::Rejection,
            _ => {}
        }
    }

    /// What they make of a phone of that model; none: nothing is known of it.
    pub fn habit(self, model: Option<&Model>) -> Habit {
        let Self { turned_away, reboots, dying } = self;
        Habit {
            failback: model.map_or(FailbackHabit::Renewal, |model| model.failback),
            keeps_both: model.is_some_and(|model| model.keeps_both),
            turned_away,
            reboots,
            dying,
        }
    }
}
