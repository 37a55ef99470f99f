//! Speech: what session descriptions promise of it, and what of it crossed the bridge.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{PhoneName, Stamp, Toward};

/// The first audio stream of a session description, as the side that wrote it wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AudioLine {
    /// Where it is heard; none: a name, or none was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port of that; 0: the stream is refused.
    pub port: u16,
    /// Who writes it wants to speak.
    pub sends: bool,
    /// Who writes it wants to hear.
    pub receives: bool,
    /// It offers comfort noise (RFC 3389), which stands for silence: nothing need be sent in a pause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pauses: bool,
}

impl AudioLine {
    /// Where it is heard, if anywhere: an unspecified address is a hold of the old kind (RFC 3264 section 8.4).
    pub fn place(&self) -> Option<SocketAddr> {
        let address = self.address.filter(|address| !address.is_unspecified() && self.port != 0)?;
        Some(SocketAddr::new(address, self.port))
    }
}

/// What one direction of a stream of RTP has come to, as the bridge counts it. Told each second in which something of it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Speech {
    /// The phone.
    pub phone: PhoneName,
    /// Its end.
    pub own: SocketAddr,
    /// The other.
    pub other: SocketAddr,
    /// Which way it goes.
    pub toward: Toward,
    /// Packets that passed, since the stream was first seen.
    pub packets: u64,
    /// Packets that an outage took, since then: these are in no other number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// When the first passed.
    pub first: Stamp,
    /// When the last passed.
    pub last: Stamp,
    /// The longest time between two of those that passed, of which the second did since the last report; in nanoseconds.
    pub gap_ns: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
