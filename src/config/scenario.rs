//! A scenario: an ordered list of steps. A TOML file in `rig/scenarios/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bench::Role;
use crate::event::{Move, OutageMode, OutageScope};

/// A checked scenario: every outage is lifted by a later step or by the teardown, moves come in a possible order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, which is also that of its file.
    pub name: String,
    /// What it tries, in a sentence.
    pub title: String,
    /// The sentence of the source document that it proves or refutes.
    pub proves: Option<String>,
    /// Its steps. All cases finish one before any begins the next.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// For people: `take the primary away`.
    pub title: String,
    /// What is done or expected.
    #[serde(flatten)]
    pub kind: StepKind,
    /// A phone that lacks the part (console, keypad, menu) passes over the step; otherwise its case is skipped.
    pub optional: bool,
}

/// What a step does or expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepKind {
    /// Each line makes this move within its computed deadline.
    Expect {
        /// Which move.
        of: Move,
    },
    /// Each line has the subscription of its message lamp at the server where it is registered.
    MessageLamp,
    /// Each phone's keys bring up a menu; each press is confirmed by its effect.
    Keys {
        /// Name of a key sequence of the model.
        menu: String,
    },
    /// Servers go away for the phones under test.
    Outage {
        /// What happens to the frames.
        mode: OutageMode,
        /// Which servers.
        servers: Vec<Role>,
        /// How much of it.
        scope: OutageScope,
        /// It ends by itself after this time.
        #[serde(with = "super::duration")]
        limit: Duration,
    },
    /// Outages in force end.
    Lift {
        /// Of the servers in this role; none: all of them.
        server: Option<Role>,
    },
    /// Nothing happens for a while.
    Wait {
        /// For how long.
        #[serde(rename = "for", with = "super::duration")]
        span: Duration,
    },
}
