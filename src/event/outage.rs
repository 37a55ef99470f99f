//! Outages: what is ordered, what it does, how it ends.

use std::time::Duration;

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
    /// It ends by itself after this time, whatever happens to the controller.
    #[serde(with = "crate::config::duration")]
    pub limit: Duration,
}

/// What an outage does to the frames under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageMode {
    /// They vanish, both ways, without a word.
    Drop,
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
