//! What the engine concludes of a line: changes of its bindings, and its moves.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LineId, ServerName};

/// A change of a binding that a server holds for a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingChange {
    /// The line.
    pub line: LineId,
    /// The server that holds or held it.
    pub server: ServerName,
    /// The bound contact.
    pub contact: String,
    /// What changed.
    pub change: BindingEvent,
    /// The records that show it.
    pub evidence: Vec<u64>,
}

/// What happened to a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingEvent {
    /// A 2xx created it.
    Created {
        /// Granted lifetime in seconds.
        granted_s: u32,
    },
    /// A 2xx prolonged it.
    Refreshed {
        /// Granted lifetime in seconds.
        granted_s: u32,
    },
    /// Its time ran out without a refresh.
    Expired,
    /// The phone removed it.
    Removed,
}

/// A move of a line between servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    /// Registering at the primary in the first place.
    Baseline,
    /// Being confirmed at the primary again, with nothing the matter.
    Renewal,
    /// From the primary to the backup.
    Failover,
    /// From the backup to the primary; of a line that never left it: being confirmed there again.
    Failback,
    /// To nowhere: both servers are away, and the line has asked both in vain.
    Stranded,
    /// From nowhere to the first server that is back.
    Recovery,
    /// Registering because somebody logged on, or because a phone was set back: at the first server that is there.
    LogOn,
    /// From wherever it was to nowhere: somebody logged off.
    LogOff,
    /// To nowhere yet: the line asked its primary, and was turned away in its name.
    Rejection,
    /// Being confirmed at the backup again while the primary is away, without having been lost there.
    Hold,
    /// Registering at any server of the bench, because somebody logged on.
    Admission,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Baseline => "baseline",
            Self::Renewal => "renewal",
            Self::Failover => "failover",
            Self::Failback => "failback",
            Self::Stranded => "stranded",
            Self::Recovery => "recovery",
            Self::LogOn => "log-on",
            Self::LogOff => "log-off",
            Self::Rejection => "rejection",
            Self::Hold => "hold",
            Self::Admission => "admission",
        })
    }
}
