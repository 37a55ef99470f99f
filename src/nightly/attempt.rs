//! An attempt at a run, and what became of it.

use std::{collections::BTreeMap, time::Duration};

use super::ledger::{End, Ending};
use crate::{config::Day, event::PhoneName, verdict::Case};

/// One attempt at a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Who takes part.
    pub phones: Vec<PhoneName>,
    /// Names of the scenarios that are run, in their order.
    pub scenarios: Vec<String>,
    /// It could not begin, and somebody has gone on with the night since: it counts no more.
    pub is_void: bool,
    /// What scenarios of a chain came to while the run went on.
    pub decided: Vec<Case>,
    /// How long each of them took.
    pub took: BTreeMap<String, Duration>,
    /// When it began, in nanoseconds since the Unix epoch.
    pub began_unix_ns: i64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It goes on, or was cut off without anybody noting it.
    InFlight,
    /// It was cut off.
    Interrupted {
        /// The day, in UTC.
        on: Day,
        /// By what.
        by: String,
        /// Its directory, within that of the night.
        directory: Option<String>,
        /// What it had decided.
        cases: Vec<Case>,
    },
    /// It came to its end.
    Ended {
        /// The day, in UTC, which decides what is known about its failures.
        on: Day,
        /// How.
        end: End,
        /// How long it took.
        took: Duration,
        /// Its directory, within that of the night.
        directory: Option<String>,
        /// What it told of its cases.
        cases: Vec<Case>,
    },
}

impl Fate {
    /// Whether the run never came so far that a phone could have been tried.
    pub fn could_not_begin(&self) -> bool {
        matches!(self, Self::Ended { end, cases, .. } if could_not_begin(end, cases))
    }
}

/// Whether a run never came so far that a phone could have been tried.
pub fn could_not_begin(end: &End, cases: &[Case]) -> bool {
    matches!(end.end, Ending::Busy | Ending::File | Ending::Rig) && cases.is_empty()
}
