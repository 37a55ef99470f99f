//! A night: the runs of a suite, one after the other, and what they came to altogether.
//!
//! A night is told by its ledger, an append-only file with an entry for each run that begins, ends or is cut off; all else is a
//! fold of it. So whoever goes on after a power cut knows what is done, what was in flight and what is left.
//!
//! | part | what it holds |
//! |---|---|
//! | [`plan`] | a suite and a bench in, runs in their order out |
//! | [`ledger`] | the file |
//! | [`state`] | the fold: which run is where, what is next |
//! | [`attempt`] | what became of an attempt at a run |
//! | [`reach`] | how far an attempt came with its scenarios |
//! | [`outcome`] | what a case came to, of all attempts |
//! | [`before`] | what cases came to in the nights before |
//! | [`standing`] | where a night is, for whoever asks from outside |
//! | [`parking`] | phones that the night goes on without |
//! | [`finding`] | what failed on several phones at once, and what controls fail as well |
//! | [`budget`] | what is left out when time is short |
//! | [`history`] | how long runs took before |
//! | [`summary`], [`junit`] | documents of the whole night |
//! | [`message`] | what is told to whoever is told of a night |
//! | [`annotations`] | the same in the words of build servers |
//! | [`metrics`] | the same as numbers, for who watches over machines |
//!
//! Not here: how a run is begun and ended (the command line does that, each in a process of its own), and any clock.

pub mod annotations;
pub mod attempt;
pub mod before;
pub mod budget;
pub mod finding;
pub mod history;
pub mod junit;
mod lean;
pub mod ledger;
pub mod message;
pub mod metrics;
pub mod outcome;
pub mod parking;
pub mod plan;
pub mod reach;
pub mod standing;
pub mod state;
pub mod summary;

pub use before::Before;
pub use ledger::{Entry, Event, Ledger, LedgerError};
pub use message::Message;
pub use plan::{Estimate, NightPlan, PlannedRun, RunId};
pub use standing::Standing;
pub use state::{Night, Status};
pub use summary::NightSummary;
