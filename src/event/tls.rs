//! A step in the life of a TLS connection between a phone and a server: of encrypted signalling it is all that the wire
//! shows.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Fate, PhoneName, RawRef, ServerName, Toward};

/// Something seen of a TLS connection of a declared phone, at a SIP port of a declared server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFact {
    /// The phone.
    pub phone: PhoneName,
    /// The server by the address on the wire.
    pub server: ServerName,
    /// Address and port of the server's end.
    pub server_addr: SocketAddr,
    /// Address and port of the phone's end.
    pub phone_addr: SocketAddr,
    /// Which way the frame went that shows it.
    pub toward: Toward,
    /// What happened.
    pub step: TlsStep,
    /// Whether it arrived.
    pub fate: Fate,
    /// Where its (first) frame lies in the capture.
    pub raw: RawRef,
}

/// What can happen to a TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsStep {
    /// One end offers it (ClientHello), or the other takes it up (ServerHello).
    Greeted,
    /// Both ends have sent encrypted bytes: as far as can be told without keys, they understand each other.
    Agreed,
    /// One end said something after that.
    Spoke,
    /// One end ended it ahead of any agreement.
    Refused {
        /// The alert that says why (RFC 8446 section 6); none: it can not be read.
        alert: Option<u8>,
    },
    /// It is over: a FIN or a RST.
    Ended,
}
