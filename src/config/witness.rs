//! Further witnesses of where lines are registered, beside the wire and the console: what a model knows of them, and what a
//! bench has of them.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// How often a witness is looked at unless the bench file says otherwise.
pub const EVERY: Duration = Duration::from_secs(2);

/// The page of a phone's web interface that tells of its accounts: a table, with the titles of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusPage {
    /// Where it is: `/status.html`.
    pub path: String,
    /// Title of the column that names the account.
    pub account: String,
    /// Within that, the extension: group `extension`.
    pub extension: String,
    /// Title of the column that says whether it is registered.
    pub status: String,
    /// What that says where it is.
    pub registered: String,
    /// Title of the column that says whether that is at the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// What that says where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_backup: Option<String>,
    /// Title of the column that holds the address of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// The status page of a phone, which is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedPage {
    /// The phone's web interface.
    pub at: SocketAddr,
    /// Who looks (RFC 7617, RFC 7616); none: nobody in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The time between two looks, which is also how long it may be behind.
    #[serde(with = "super::duration")]
    pub every: Duration,
}

/// A server's own list of who is registered there, which is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWitness {
    /// How.
    pub asked: Asked,
    /// What of the answer names an extension: group `extension`, and perhaps `contact`. May go over many lines.
    pub pattern: String,
    /// The time between two looks, which is also how long it may be behind.
    #[serde(with = "super::duration")]
    pub every: Duration,
    /// A command is killed after this time.
    #[serde(with = "super::duration")]
    pub limit: Duration,
}

/// How a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Program and arguments, run as they are, by no shell, with the rights of who runs siprig.
    Command(Vec<String>),
    /// An address of a web server, without names to resolve.
    Http(String),
}

/// How a phone's syslog speaks of registrations. Patterns are for the text of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyslogDialect {
    /// A message that says that an account is registered: group `extension`, and `server` (an address) where it says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<String>,
    /// A message that says that it is registered nowhere: group `extension`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unregistered: Option<String>,
}
