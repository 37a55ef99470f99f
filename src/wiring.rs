//! How a lab is wired, and what of that breaks it on its first day: what the machine tells of its own interfaces, and what frames
//! tell that come in on the two sides of the rig.
//!
//! | part | what it does |
//! |---|---|
//! | [`machine`] | what is known of the two interfaces and of the bridge, and what is wrong with them |
//! | [`firewall`] | what of this machine may drop what passes the bridge |
//! | [`ear`] | takes in what was heard on both sides |
//! | [`sides`] | where phones, servers and DHCP came in, and in which VLAN |
//! | [`trees`] | spanning tree: who speaks it where |
//! | [`copies`] | frames that came in on both sides |
//!
//! Pure: facts and frames in, findings out. A finding says what is so, and where something is to be done, by which command, or
//! where the drawing is. What can not be known is said to be unknown, and why. Not here: where facts and frames come from.

use crate::event::LinkSide;

mod copies;
mod ear;
pub mod firewall;
pub mod machine;
mod sides;
mod trees;

pub use ear::{Circumstances, Ear};

/// Where the drawings are.
const DRAWINGS: &str = "docs/first-day.md, Wiring";
/// Where it is said what switches need.
const SWITCHES: &str = "docs/first-day.md, On the switches";
/// Where a bridge is described that is there without siprig.
const PERMANENT: &str = "docs/first-day.md, When the machine is off";

/// Names that are told in one finding.
const NAMES_TOLD: usize = 8;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What came of it.
    pub verdict: Verdict,
    /// What was looked at, and what was found.
    pub what: String,
    /// What to do about it; of what is unknown, why.
    pub remedy: Option<String>,
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it must be.
    Ok,
    /// It breaks a lab.
    Problem,
    /// It can not be known.
    Unknown,
}

impl Finding {
    fn ok(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, what: what.into(), remedy: None }
    }

    fn problem(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn unknown(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, what: what.into(), remedy: Some(why.into()) }
    }
}

/// The sides in the order in which they are told.
const SIDES: [LinkSide; 2] = [LinkSide::Phone, LinkSide::Server];

/// The place of a side among [`SIDES`].
const fn place(side: LinkSide) -> usize {
    match side {
        LinkSide::Phone => 0,
        LinkSide::Server => 1,
    }
}

/// `p1, p2 and p3`, the rest counted where there are many.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let told: Vec<&str> = names.iter().take(NAMES_TOLD).map(AsRef::as_ref).collect();
    match (names.len().saturating_sub(NAMES_TOLD), told.split_last()) {
        (0, Some((last, []))) => (*last).to_owned(),
        (0, Some((last, others))) => format!("{} and {last}", others.join(", ")),
        (0, None) => String::new(),
        (more, _) => format!("{} and {more} more", told.join(", ")),
    }
}

/// `1 frame`, `2 frames`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
