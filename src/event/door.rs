//! What a phone must get past before SIP, and what happens there.

use serde::{Deserialize, Serialize};

/// What a phone must get past before it can say anything in SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The link address of the server (ARP).
    Arp,
    /// A TCP connection to its SIP port.
    Tcp,
    /// Its SIP port over UDP. Whoever asks there does so in SIP, and is let in by an answer in SIP, so that of knocks there
    /// are refusals alone.
    Udp,
}

/// What happens at a [`Door`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knock {
    /// The phone asks: an ARP request, a SYN.
    Asked,
    /// The server lets it in: an ARP reply, a SYN with ACK.
    Opened,
    /// The server refuses, or somebody on the way to it does: a RST, an ICMP error.
    Refused,
}
