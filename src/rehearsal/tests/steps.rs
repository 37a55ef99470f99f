//! Steps of scenarios that are written in code.

use std::time::Duration;

use crate::{
    config::{Failure, ModePlan, Moment, OutagePlan, Role, Step, StepKind},
    event::{Move, OutageMode, OutageScope},
};

/// Waits for a move of every line.
pub fn expect(of: Move) -> Step {
    Step::of(&of.to_string(), StepKind::Expect { of })
}

/// Servers go away whole, at once and for everybody, for twenty minutes at most.
pub fn plan(servers: Vec<Role>, mode: OutageMode) -> OutagePlan {
    OutagePlan {
        mode: ModePlan::Plain(mode),
        toward: None,
        servers,
        scope: OutageScope::Host,
        only: None,
        party: None,
        at: Moment::Now,
        failure: Failure::Cut,
        limit: Duration::from_secs(1200),
    }
}
