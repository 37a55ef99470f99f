//! Steps of scenarios that are written in code.

use std::time::Duration;

use crate::{
    config::{OutagePlan, Role, Step, StepKind},
    event::{Move, OutageMode},
};

/// Waits for a move of every line.
pub fn expect(of: Move) -> Step {
    Step::of(&of.to_string(), StepKind::Expect { of })
}

/// Servers go away whole, at once and for everybody, for twenty minutes at most.
pub fn plan(servers: Vec<Role>, mode: OutageMode) -> OutagePlan {
    OutagePlan::of(servers, mode, Duration::from_secs(1200))
}
