//! The outside world. Only here does the program ask for the time or touch a device.

use crate::event::{Observed, When};

pub mod clock;
pub mod network;

/// What a driver tells the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it happened.
    pub when: When,
    /// What happened.
    pub observed: Observed,
}
