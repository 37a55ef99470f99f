//! Requests as they came in, and the answers to them.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::RegistrarOutput;
use crate::wire::sip::{self, Message, Via, address, build_response};

/// Over what a message came in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A datagram, from or to that address.
    Datagram(SocketAddr),
    /// The connection with that number.
    Connection(u32),
}

impl Way {
    /// The output that sends bytes there.
    pub const fn send(self, bytes: Vec<u8>) -> RegistrarOutput {
        match self {
            Self::Datagram(to) => RegistrarOutput::SendDatagram { to, bytes },
            Self::Connection(conn) => RegistrarOutput::TcpSend { conn, bytes },
        }
    }

    /// The transport's name in a `Via`.
    pub const fn transport(self) -> &'static str {
        match self {
            Self::Datagram(_) => "UDP",
            Self::Connection(_) => "TCP",
        }
    }
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub message: &'a Message,
    pub method: &'a str,
    pub uri: &'a str,
    pub from: SocketAddr,
    pub way: Way,
}

impl Asked<'_> {
    /// User part of a header's address, if it has one.
    pub fn user_in(self, header: &str) -> Option<String> {
        Some(sip::address_of_record(self.message.header(header)?)?.0)
    }

    /// `tag` of `To`: the request is inside a dialog.
    pub fn dialog_tag(self) -> Option<String> {
        self.message.header("To").and_then(address::tag)
    }

    /// Where a request to the sender's `Contact` goes: over its connection, else to the address in it.
    pub fn way_back(self) -> Option<(Way, String)> {
        let contact = address::uri(self.message.header("Contact")?).to_owned();
        let way = match self.way {
            Way::Connection(_) => self.way,
            Way::Datagram(_) => Way::Datagram(address::place(&contact)?),
        };
        Some((way, contact))
    }
}

/// An answer in the making.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub code: u16,
    pub headers: Vec<(&'static str, String)>,
    /// Type and content.
    pub body: Option<(&'static str, String)>,
}

impl Answer {
    pub const fn bare(code: u16) -> Self {
        Self { code, headers: Vec::new(), body: None }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The tag of our answers to a request: the same for every repeat of it, so that none has to be remembered, and for the
/// ACK of a failure (RFC 3261 section 8.2.7).
pub fn local_tag(secret: u64, message: &Message) -> String {
    let mut hash = Sha256::new().chain_update(secret.to_be_bytes());
    for part in [message.header("Call-ID"), message.header("From"), message.via_branch()] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    hex(&hash.finalize()[..8])
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer's bytes; none if the request lacks what an answer repeats. `tag` is for a `To` that has none; a 100 gets
/// none.
pub fn print(asked: &Asked<'_>, answer: &Answer, tag: &str, server: &str) -> Option<Vec<u8>> {
    let request = asked.message;
    let vias: Vec<&str> = request.headers("Via").collect();
    let (top, below) = vias.split_first()?;
    let top = Via::parse(top)?.received_from(asked.from);
    let mut to = request.header("To")?.to_owned();
    if answer.code > 100 && asked.dialog_tag().is_none() {
        to.push_str(&format!(";tag={tag}"));
    }
    let mut headers = vec![("Via", top.as_str())];
    headers.extend(below.iter().map(|via| ("Via", *via)));
    headers.extend([
        ("From", request.header("From")?),
        ("To", &to),
        ("Call-ID", request.header("Call-ID")?),
        ("CSeq", request.header("CSeq")?),
    ]);
    headers.extend(answer.headers.iter().map(|(name, value)| (*name, value.as_str())));
    headers.push(("Server", server));
    let (kind, body) = answer.body.as_ref().map_or((None, ""), |(kind, body)| (Some(*kind), body.as_str()));
    headers.extend(kind.map(|kind| ("Content-Type", kind)));
    build_response(answer.code, sip::reason(answer.code), &headers, body.as_bytes()).ok()
}
