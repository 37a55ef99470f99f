//! A SIP message as the wire shows it: what carried it, what became of it, and what judgement needs of it.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::{AudioLine, OutageId, PhoneName, RawRef, ServerName, Toward};

/// Transport of a SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// What the bridge did with the frame that carried a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was forwarded.
    Passed,
    /// This outage dropped it.
    Dropped(OutageId),
    /// It is no frame of the server's: the bridge made it for this outage, and it went to the phone. Of what the bridge
    /// says in a phone's name there is one thing only, the reset of a connection that it answered in.
    Injected(OutageId),
}

/// A SIP message seen on the wire, with what a judgement may need of it. Secrets are already masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SipFact {
    /// The phone that sent it or that it is for.
    pub phone: PhoneName,
    /// The server by the address on the wire; none: an address that the bench does not name.
    pub server: Option<ServerName>,
    /// Address and port of the server's end.
    pub server_addr: SocketAddr,
    /// Address and port of the phone's end.
    pub phone_addr: SocketAddr,
    /// Which way it went.
    pub toward: Toward,
    /// What carried it.
    pub transport: Transport,
    /// Whether it arrived.
    pub fate: Fate,
    /// Where its (first) frame lies in the capture.
    pub raw: RawRef,
    /// The message itself.
    pub message: SipMessage,
}

/// The content of a SIP message as far as it was read; what could not be read is named, never guessed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipMessage {
    /// It was read.
    Read(Box<SipSummary>),
    /// It looks like SIP and could not be read.
    Unreadable {
        /// What is wrong with it.
        reason: String,
        /// Where, in bytes from its beginning.
        offset: usize,
    },
}

/// What tracking of registrations, calls and subscriptions needs of a SIP message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SipSummary {
    /// Request or response.
    pub start: SipStart,
    /// `Call-ID`.
    pub call_id: String,
    /// Number of `CSeq`.
    pub cseq: u32,
    /// Method of `CSeq`, as written.
    pub method: String,
    /// `branch` of the topmost `Via`; empty if it has none.
    pub branch: String,
    /// Address of record of `From`: `user@host`.
    pub from: String,
    /// `tag` of `From`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_tag: Option<String>,
    /// Address of record of `To`: `user@host`.
    pub to: String,
    /// `tag` of `To`.
    pub to_tag: Option<String>,
    /// Every `Contact`.
    pub contacts: Vec<SipContact>,
    /// `Expires`, in seconds.
    pub expires: Option<u32>,
    /// `Min-Expires`, in seconds.
    pub min_expires: Option<u32>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// `Date` of a response, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<i64>,
    /// It carries `Authorization` or `Proxy-Authorization`.
    pub authorized: bool,
    /// `User-Agent` or `Server`.
    pub agent: Option<String>,
    /// Package of `Event`, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// State of `Subscription-State`, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_state: Option<String>,
    /// Media type of `Content-Type`, without parameters, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The audio stream that it describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioLine>,
    /// The nonce that it asks to be used (401, 407), or that its credentials use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// It says that the credentials were right but for the age of their nonce (`stale=true`, RFC 7616 section 3.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale_nonce: bool,
    /// Findings that did not prevent reading: `lines that end without CR`, `surplus bytes behind the body`, ….
    pub oddities: Vec<String>,
}

/// The start line of a SIP message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipStart {
    /// A request.
    Request {
        /// As written; methods are case-sensitive (RFC 3261 section 7.1).
        method: String,
        /// The Request-URI as written.
        uri: String,
    },
    /// A response.
    Response {
        /// Status code.
        code: u16,
        /// Reason phrase as written.
        reason: String,
    },
}

/// One `Contact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipContact {
    /// The URI as written, without angle brackets; `*` for the wildcard.
    pub uri: String,
    /// Its own `expires` parameter, in seconds.
    pub expires: Option<u32>,
    /// Its `+sip.instance`, without quotes.
    pub instance: Option<String>,
    /// Its `q`, in thousandths (RFC 3261 section 25.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<u16>,
    /// Its `reg-id` (RFC 5626 section 4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reg_id: Option<u32>,
}
