//! Calls that a partner on the servers' side makes by a command.

use serde::{Deserialize, Serialize};

use super::{PeerName, PhoneName, ServerName};

/// Who calls whom, and through whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCall {
    /// Who calls.
    pub peer: PeerName,
    /// The phone that is to ring.
    pub phone: PhoneName,
    /// The extension that is called.
    pub extension: String,
    /// The server that is asked to connect.
    pub server: ServerName,
}
