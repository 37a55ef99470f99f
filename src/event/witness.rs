//! Further witnesses of where lines are registered, beside the wire and the console.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LineId, ServerName};

/// Who says where a line is registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The status page of the phone's web interface, which is looked at again and again.
    StatusPage,
    /// What the phone says by syslog, unasked.
    Syslog,
    /// What the phone calls when its registration changes (action URIs).
    ActionUri,
    /// A server's own list of who is registered there, which is asked for again and again.
    Server(ServerName),
}

impl Witness {
    /// The server whose list it is; none: it is the phone's own word.
    pub fn server(&self) -> Option<&ServerName> {
        match self {
            Self::Server(server) => Some(server),
            Self::StatusPage | Self::Syslog | Self::ActionUri => None,
        }
    }
}

/// As of a phone that was named before: `its status page`, `the list of server b`.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StatusPage => f.pad("its status page"),
            Self::Syslog => f.pad("its syslog"),
            Self::ActionUri => f.pad("its action URIs"),
            Self::Server(server) => f.pad(&format!("the list of server {server}")),
        }
    }
}

/// Where a line is registered, as far as a witness tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// At its primary server.
    Primary,
    /// At its backup server.
    Backup,
    /// At this address, as written.
    At(String),
    /// Registered; of a server, there, and of a phone, nobody knows where.
    Registered,
    /// Registered nowhere; of a server, not there.
    Nowhere,
    /// It says nothing of the line any more.
    Unknown,
}

/// What is said to people: `registered at its backup`.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary => f.pad("registered at its primary"),
            Self::Backup => f.pad("registered at its backup"),
            Self::At(server) => f.pad(&format!("registered at {server}")),
            Self::Registered => f.pad("registered"),
            Self::Nowhere => f.pad("not registered"),
            Self::Unknown => f.pad("nothing"),
        }
    }
}

/// A witness says where a line is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Who says it.
    pub witness: Witness,
    /// The line.
    pub line: LineId,
    /// Where it is.
    pub standing: Standing,
    /// The words themselves, harmless and at most some hundred characters; empty: it says so by silence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quote: String,
    /// When that was by the witness's own clock, if it says so: in milliseconds since the Unix epoch. Nothing is judged by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated_ms: Option<i64>,
}
