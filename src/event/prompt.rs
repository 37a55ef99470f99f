//! What a person is asked to do in the middle of a run, and how that ends.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an operator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is done.
    Done,
    /// It will not be done: the cases that need it are skipped.
    Skip,
}

/// How a prompt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptEnd {
    /// An operator answered, the first who did.
    Replied {
        /// Who.
        by: String,
        /// What.
        reply: Reply,
        /// How long after he was asked, in nanoseconds.
        after_ns: u64,
    },
    /// Nobody did in time.
    Unanswered,
    /// No operator was there to be asked.
    Unattended,
    /// No case needs it any more.
    Withdrawn,
}

impl PromptEnd {
    /// Whether what was asked was done, or need not be.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Replied { reply: Reply::Done, .. } | Self::Withdrawn)
    }
}

impl fmt::Display for PromptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replied { by, reply, after_ns } => {
                let did = if *reply == Reply::Done { "done" } else { "skipped" };
                write!(f, "{did} by {by} after {:.1} s", *after_ns as f64 / 1e9)
            }
            Self::Unanswered => f.write_str("nobody answered in time"),
            Self::Unattended => f.write_str("no operator is attached"),
            Self::Withdrawn => f.write_str("not needed any more"),
        }
    }
}
