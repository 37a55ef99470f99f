//! ICMP errors, and the packets that they are about.

use std::net::{IpAddr, SocketAddr};

use super::Ends;
use crate::{
    event::Transport,
    wire::frame::{self, Quote},
};

/// Four bytes behind type, code and check sum, whose meaning depends on the type (RFC 792, RFC 4443).
const UNUSED: usize = 4;

/// Whether an error says that nobody can be reached there at present: not that a datagram was too long, or in pieces that did
/// not all come, or wrong.
pub fn is_refusal(by: IpAddr, kind: u8, code: u8) -> bool {
    match by {
        IpAddr::V4(_) => matches!((kind, code), (3, 0..=3 | 5..) | (11, 0)),
        IpAddr::V6(_) => matches!((kind, code), (1, _) | (3, 0)),
    }
}

/// A UDP datagram or TCP segment that an ICMP message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered<'a> {
    /// From whom to whom it went.
    pub ends: Ends,
    /// What carried it.
    pub transport: Transport,
    /// What is quoted of its UDP or TCP header and what is behind that.
    pub bytes: &'a [u8],
}

impl<'a> Undelivered<'a> {
    /// Reads it. None if the message is no error that says that a packet was not delivered, or quotes too little. `payload`
    /// begins behind its check sum.
    pub fn read(by: IpAddr, kind: u8, payload: &'a [u8]) -> Option<Self> {
        let is_error = match by {
            // Destination unreachable, time exceeded, parameter problem.
            IpAddr::V4(_) => matches!(kind, 3 | 11 | 12),
            // The same, and "packet too big", which is a code of the first in IPv4.
            IpAddr::V6(_) => matches!(kind, 1..=4),
        };
        let quote = payload.get(UNUSED..).filter(|_| is_error).and_then(Quote::parse)?;
        let transport = match quote.protocol {
            frame::UDP => Transport::Udp,
            frame::TCP => Transport::Tcp,
            _ => return None,
        };
        let source = SocketAddr::new(quote.source, quote.source_port);
        let destination = SocketAddr::new(quote.destination, quote.destination_port);
        Some(Self { ends: Ends { source, destination }, transport, bytes: quote.payload })
    }
}
