//! Which fragments are worth the memory: those of datagrams that may be signalling.

use std::net::SocketAddr;

use super::{Ends, Link, Sighting, sniff};
use crate::{
    event::{Fate, Transport},
    wire::{
        fragments::{Fragment, Identity},
        frame::{self, Body, Packet, behind_extensions},
    },
};

/// Extension headers that may lie in the fragmented part of an IPv6 packet (RFC 8200 section 4.5).
const EXTENSIONS: [u8; 5] = [0, 43, 51, 60, 135];

/// What has to be known again of a datagram when it is whole.
#[derive(Debug, Clone, Copy)]
pub struct Begun<T> {
    pub sighting: Sighting<T>,
    pub link: Link,
    pub ends: Ends,
    pub transport: Transport,
    /// Protocol number in the first fragment.
    pub protocol: u8,
    /// It is a datagram that looks like SIP.
    pub sip: bool,
}

/// A fragment of something that may be signalling, as far as it tells itself.
pub fn read<'a, T: Copy>(
    packet: &Packet<'a>,
    link: Link,
    sighting: &Sighting<T>,
    expected: impl Fn(Ends) -> bool,
) -> Option<Fragment<'a, Begun<T>>> {
    let Body::Fragment { protocol, identification, offset, more, payload } = packet.body else { return None };
    let v6 = packet.source.is_ipv6();
    let is_read = matches!(protocol, frame::UDP | frame::TCP) || (v6 && EXTENSIONS.contains(&protocol));
    if !is_read {
        return None;
    }
    let first = (offset == 0).then(|| {
        let (transport, payload) = behind_extensions(v6, protocol, payload)?;
        let transport = match transport {
            frame::UDP => Transport::Udp,
            frame::TCP => Transport::Tcp,
            _ => return None,
        };
        let [a, b, c, d, ..] = *payload else { return None };
        let ends = Ends {
            source: SocketAddr::new(packet.source, u16::from_be_bytes([a, b])),
            destination: SocketAddr::new(packet.destination, u16::from_be_bytes([c, d])),
        };
        let datagram = payload.get(UDP_HEADER..).filter(|_| transport == Transport::Udp);
        let sip = datagram.is_some_and(|payload| sniff::is_sip_datagram(payload, expected(ends)));
        Some(Begun { sighting: *sighting, link, ends, transport, protocol, sip })
    });
    let outage = match sighting.fate {
        Fate::Dropped(outage) => Some(outage),
        Fate::Passed | Fate::Injected(_) => None,
    };
    Some(Fragment {
        of: Identity {
            source: packet.source,
            destination: packet.destination,
            protocol: (!v6).then_some(protocol),
            identification,
        },
        offset,
        more,
        bytes: payload,
        unix_ns: sighting.unix_ns,
        outage,
        first: first.flatten(),
    })
}

const UDP_HEADER: usize = 8;
