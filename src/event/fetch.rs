//! What phones load.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Fate, PhoneName, RawRef, ServerName};

/// A phone asked a server for a file, as it does for its settings when it boots: a TFTP read request (RFC 1350), or a request for a
/// settings file by HTTP (RFC 9112). Whether it got the file this does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Which phone.
    pub phone: PhoneName,
    /// Whom it asked.
    pub address: IpAddr,
    /// The server of the bench that has this address; none: it is another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerName>,
    /// The name that it asked for, with its folder.
    pub file: String,
    /// Whether the request arrived.
    pub fate: Fate,
    /// Where the frame lies in the capture.
    pub raw: RawRef,
}
