//! Outages: what is ordered, what it does, how it ends.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{PhoneName, ServerName};

/// A network fault, as ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSpec {
    /// What happens to the frames.
    pub mode: OutageMode,
    /// The server that goes away.
    pub server: ServerName,
    /// How much of it.
    pub scope: OutageScope,
    /// For whom.
    pub phones: Vec<PhoneName>,
    /// Only frames that go this way are taken, and the others pass; none: both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toward: Option<Toward>,
    /// It ends by itself after this time, whatever happens to the controller.
    #[serde(with = "crate::config::duration")]
    pub limit: Duration,
}

/// What an outage does to the frames under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageMode {
    /// They vanish without a word, as where a cable was cut or a host lost its power.
    Drop,
    /// They vanish, and the phone is told so at once, as where the host runs and the service does not: an ICMP error
    /// "port unreachable" (RFC 1122 section 3.2.2.1) for a datagram, a reset (RFC 9293 section 3.5.2) for a TCP segment.
    Refuse,
    /// They vanish, and SIP requests of the phone are answered in the server's name.
    Answer(Spoof),
}

/// The answer that the bridge gives to a phone's SIP requests in a server's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoof {
    /// Status code: 300 to 699.
    pub code: u16,
    /// `Retry-After`, in seconds (RFC 3261 section 20.33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// The server that a 3xx names in its `Contact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<ServerName>,
}

impl fmt::Display for OutageMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Refuse => f.write_str("refuse"),
            Self::Answer(spoof) => {
                write!(f, "answer {}", spoof.code)?;
                if let Some(server) = &spoof.redirect {
                    write!(f, " to {server}")?;
                }
                spoof.retry_after_s.map_or(Ok(()), |seconds| write!(f, ", retry after {seconds} s"))
            }
        }
    }
}

/// How much of a server an outage takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageScope {
    /// Everything to and from its addresses.
    Host,
    /// Its SIP ports only.
    Sip,
}

/// Why an outage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageEnd {
    /// As ordered.
    Lifted,
    /// Its time limit came.
    Limit,
    /// The bridge helper failed; the kernel forwards everything.
    HelperLost,
    /// The bridge helper did not get to renew it in time, and the kernel let it go.
    Lapsed,
}

/// What an outage did to one phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutageTally {
    /// Frames from the phone that were dropped.
    pub dropped_to_server: u64,
    /// Frames to the phone that were dropped.
    pub dropped_to_phone: u64,
    /// Frames under the outage that were seen beyond the bridge.
    pub leaked: u64,
}

/// Direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toward {
    /// From a phone to a server.
    Server,
    /// From a server to a phone.
    Phone,
}
