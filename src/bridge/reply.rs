//! What is said to a phone whose frame an outage took. Pure. At most one frame for each that was taken, but for a TCP
//! segment that holds several requests: a phone hears no more than it asks for. Nothing is put together here: a request
//! in fragments has no answer.

use std::net::{IpAddr, SocketAddr};

use super::{
    canary,
    connections::{Connections, Made},
    protocol::Treatment,
    rules::Rule,
};
use crate::{
    config::Mac,
    event::Toward,
    wire::frame::{self, Body, Content, Envelope, Frame, Packet, TcpSegment},
};

/// Protocol number of UDP (IANA).
const UDP: u8 = 17;

/// A frame that an outage took.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// What it is.
    pub frame: &'a Frame<'a>,
    /// All of it, its check sums in place, as it may be quoted.
    pub bytes: &'a [u8],
    /// Where it went.
    pub toward: Toward,
    /// When it came in, on the wall clock.
    pub at_ns: i64,
}

/// What is said to whoever sent the frame that the rule took, and to whom it was to go.
pub fn to(rule: &Rule, treatment: &Treatment, taken: &Taken<'_>, connections: &mut Connections) -> Vec<Made> {
    let Taken { frame, bytes, toward, at_ns } = *taken;
    let Content::Ip(packet) = &frame.content else { return Vec::new() };
    if frame.destination.is_none_or(is_group) || !is_host(packet.source) || is_canary(packet) {
        return Vec::new();
    }
    let made = |toward, bytes| Made { outage: rule.outage, toward, bytes };
    if let (Treatment::Reset, Body::Tcp(segment)) = (treatment, &packet.body) {
        let back = refusal(packet, segment, bytes).map(|bytes| made(toward.back(), bytes));
        return back.into_iter().chain(hang_up(packet, segment, bytes).map(|bytes| made(toward, bytes))).collect();
    }
    // The others are for phones.
    if toward == Toward::Phone {
        return Vec::new();
    }
    let one = match (treatment, &packet.body) {
        (Treatment::Unreachable(what), body) if !matches!(body, Body::Icmp { .. }) && begins(body) => {
            frame::unreachable(bytes, frame::Unreached::from(*what))
        }
        (Treatment::Refuse, Body::Udp { .. } | Body::Fragment { protocol: UDP, offset: 0, .. }) => {
            frame::port_unreachable(bytes)
        }
        (Treatment::Refuse, Body::Tcp(segment)) => refusal(packet, segment, bytes),
        (Treatment::Answer(stand_in), Body::Udp { source_port, destination_port, payload }) => {
            let phone = SocketAddr::new(packet.source, *source_port);
            let server = SocketAddr::new(packet.destination, *destination_port);
            let answer = rule.sip_ports.contains(destination_port).then(|| stand_in.answer(payload, phone)).flatten();
            answer.and_then(|answer| Some(Envelope::of(bytes)?.back().udp(server, phone, &answer)))
        }
        (Treatment::Answer(stand_in), Body::Tcp(segment)) if rule.sip_ports.contains(&segment.destination_port) => {
            return connections.take((rule.outage, stand_in), (frame, bytes), (packet, segment), at_ns);
        }
        _ => None,
    };
    one.map(|bytes| made(Toward::Phone, bytes)).into_iter().collect()
}

/// Whether it is the beginning of a datagram: of other fragments nobody is told (RFC 1122 section 3.2.2).
fn begins(body: &Body<'_>) -> bool {
    !matches!(body, Body::Fragment { offset, .. } if *offset > 0)
}

/// The reset that goes on to the other end in place of a segment which belongs to a connection: its sequence number is the
/// one that is expected there.
fn hang_up(packet: &Packet<'_>, segment: &TcpSegment<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let reset = TcpSegment { ack: None, fin: false, rst: true, payload: b"", ..*segment };
    let envelope = Envelope::of(bytes).filter(|_| !segment.rst && !segment.syn)?;
    Some(envelope.tcp(packet.source, packet.destination, &reset, None))
}

/// The reset with which a host answers a segment for which there is no connection (RFC 9293 section 3.5.2). Never an answer
/// to a reset.
fn refusal(packet: &Packet<'_>, segment: &TcpSegment<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    // A segment is shorter than 2³².
    let length = segment.payload.len() as u32 + u32::from(segment.syn) + u32::from(segment.fin);
    let (sequence, ack) = match segment.ack {
        Some(ack) => (ack, None),
        None => (0, Some(segment.sequence.wrapping_add(length))),
    };
    let reset = TcpSegment {
        source_port: segment.destination_port,
        destination_port: segment.source_port,
        sequence,
        ack,
        syn: false,
        fin: false,
        rst: true,
        payload: b"",
    };
    let envelope = Envelope::of(bytes).filter(|_| !segment.rst)?.back();
    Some(envelope.tcp(packet.destination, packet.source, &reset, None))
}

/// What was sent to many is answered by nobody (RFC 1122 section 3.2.2).
fn is_group(mac: Mac) -> bool {
    mac.0[0] & 1 != 0
}

/// Whether one host has this address (RFC 1122 section 3.2.2).
fn is_host(address: IpAddr) -> bool {
    let everybody = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback() || everybody)
}

fn is_canary(packet: &Packet<'_>) -> bool {
    matches!(packet.body, Body::Udp { payload, .. } if canary::nonce_of(payload).is_some())
}

#[cfg(test)]
mod tests;
