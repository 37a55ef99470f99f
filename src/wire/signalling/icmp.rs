//! ICMP errors, and the packets that they are about.

use std::net::{IpAddr, SocketAddr};

use super::Ends;
use crate::{
    event::Transport,
    wire::frame::{self, Quote},
};

/// Four bytes behind type, code and check sum, whose meaning depends on the type (RFC 792, RFC 4443).
const UNUSED: usize = 4;

/// What an ICMP message says of a UDP datagram or TCP segment that was not delivered; none if it is no such error, or quotes
/// too little. `payload` begins behind its check sum.
pub fn undelivered(by: IpAddr, kind: u8, payload: &[u8]) -> Option<(Ends, Transport)> {
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
    Some((Ends { source, destination }, transport))
}
