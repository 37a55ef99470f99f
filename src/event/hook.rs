//! Commands that stop and start a server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which command of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookAct {
    /// It stops the server.
    Stop,
    /// It starts it.
    Start,
}

impl fmt::Display for HookAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stop => "stop",
            Self::Start => "start",
        })
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookOutcome {
    /// How long it ran, in nanoseconds.
    pub took_ns: u64,
    /// What it wrote: the end of it, control characters escaped; at most some 2000 characters.
    pub output: String,
    /// Why it did not do what it was to do; none: it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
