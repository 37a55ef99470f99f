//! Which frames of a phone the controller wants to see: SIP with anybody, on any port, and what tells why SIP fails. Nothing
//! of what people say; and of what a phone loads which file it asks a TFTP server for, and nothing of the file.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use super::{protocol::ServerKey, rules::ports_of};
use crate::{
    event::{Toward, Transport},
    wire::{
        download,
        frame::{self, Body, Content, Frame, Packet, TcpSegment},
        recent::Recent,
        signalling::{Ends, Pair, SIP_PORTS, Undelivered, begins_sip_stream, begins_tls_stream, is_sip_datagram},
        tftp,
    },
};

/// Connections at other ports than SIP's that are remembered.
const MOST: usize = 1024;

/// A connection that nobody can look into, at a port that nobody declared, is taken for a download once it has carried so many
/// bytes: a registration that is renewed each minute takes days for as many.
const MAX_BLIND: usize = 8 << 20;

const UDP_HEADER: usize = 8;

/// What is known of it.
#[derive(Debug)]
pub struct Interest {
    sip_ports: BTreeSet<u16>,
    servers: BTreeSet<IpAddr>,
    /// Connections at other ports that have shown that they are SIP or may be.
    connections: Recent<Pair, Spoken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Sip,
    /// TLS with a server of the bench; so many bytes of it.
    Tls(usize),
}

impl Interest {
    /// In the servers of a bench, and at SIP's own ports in all others: a phone may register with a server that nobody named.
    pub fn new(servers: &[ServerKey]) -> Self {
        let named = servers.iter().flat_map(|server| server.sip_ports.iter().copied());
        Self {
            sip_ports: named.chain(SIP_PORTS).collect(),
            servers: servers.iter().flat_map(|server| server.addresses.iter().copied()).collect(),
            connections: Recent::new(MOST),
        }
    }

    /// Whether a frame of a declared phone is of interest.
    pub fn wants(&mut self, frame: &Frame<'_>, toward: Toward) -> bool {
        let packet = match &frame.content {
            Content::Arp { .. } => return true,
            Content::Other { .. } => return false,
            Content::Ip(packet) => packet,
        };
        if let Some((source, destination)) = ports_of(packet)
            && (self.sip_ports.contains(&source) || self.sip_ports.contains(&destination))
        {
            return true;
        }
        let server = match toward {
            Toward::Server => packet.destination,
            Toward::Phone => packet.source,
        };
        match &packet.body {
            Body::Udp { destination_port: tftp::PORT, payload, .. } if toward == Toward::Server => {
                tftp::asked_file(payload).is_some() || is_sip_datagram(payload, false)
            }
            Body::Udp { payload, .. } => is_sip_datagram(payload, false),
            Body::Tcp(segment) => {
                let loads = toward == Toward::Server && download::asked_file(segment.payload).is_some();
                self.wants_segment(packet, segment, server) || loads
            }
            Body::Icmp { kind, payload, .. } => {
                Undelivered::read(packet.source, *kind, payload).is_some_and(|about| self.wants_error(&about))
            }
            Body::Fragment { protocol: frame::UDP, offset: 0, payload, .. }
                if payload.get(UDP_HEADER..).is_some_and(|payload| is_sip_datagram(payload, false)) =>
            {
                true
            }
            Body::Fragment { .. } => self.servers.contains(&server),
            Body::Other { .. } => false,
        }
    }

    /// Errors about other packets quote what is said or loaded.
    fn wants_error(&self, about: &Undelivered<'_>) -> bool {
        let Undelivered { ends, transport, bytes } = *about;
        let ports = [ends.source.port(), ends.destination.port()];
        ports.iter().any(|port| self.sip_ports.contains(port))
            || match transport {
                // Cut somewhere, as a stream is.
                Transport::Udp => bytes.get(UDP_HEADER..).is_some_and(begins_sip_stream),
                Transport::Tcp => self.connections.get(&Pair::of(ends).0).is_some(),
            }
    }

    fn wants_segment(&mut self, packet: &Packet<'_>, segment: &TcpSegment<'_>, server: IpAddr) -> bool {
        let (pair, _) = Pair::of(Ends {
            source: SocketAddr::new(packet.source, segment.source_port),
            destination: SocketAddr::new(packet.destination, segment.destination_port),
        });
        if segment.syn {
            // Another connection between the same ports.
            self.connections.remove(&pair);
        }
        let payload = segment.payload;
        match self.connections.touch(&pair) {
            Some(Spoken::Sip) => return true,
            Some(Spoken::Tls(carried)) => {
                *carried = carried.saturating_add(payload.len());
                return *carried <= MAX_BLIND;
            }
            None => {}
        }
        let spoken = if begins_sip_stream(payload) {
            Spoken::Sip
        } else if self.servers.contains(&server) && begins_tls_stream(payload) {
            Spoken::Tls(payload.len())
        } else {
            return false;
        };
        // Of the one that it may push out, no more is shipped until it shows again what it is.
        let _ = self.connections.insert(pair, spoken);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Mac,
        wire::frame::{Envelope, port_unreachable},
    };

    const PHONE: Mac = Mac([0, 8, 0x5d, 0x77, 0, 1]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 3]);
    const ASK: &[u8] = b"REGISTER sip:b SIP/2.0\r\nCall-ID: 1\r\n\r\n";
    const HELLO: &[u8] = &[22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3, 0, 0];
    const RTP: &[u8] = &[0x80; 172];

    #[test]
    fn datagrams_are_wanted_at_sip_ports_and_elsewhere_if_they_are_sip() {
        for (server, port, payload, wanted) in [
            (3, 5060, &b"\r\n\r\n"[..], true),
            (9, 5061, b"x", true),
            (3, 5070, b"x", true),
            (9, 7000, ASK, true),
            (9, 7000, b"<135>Jan 1 00:00:00 6731i REGISTER sip:b SIP/2.0\r\n", false),
            (3, 30_000, RTP, false),
            (3, 53, b"\x12\x34\x01\0", false),
        ] {
            let frame = Envelope::new(PHONE, SERVER, None).udp(at(11, 40_000), at(server, port), payload);
            assert_eq!(wants(&mut interest(), &frame), wanted, "{port} {payload:?}");
            let error = port_unreachable(&frame).unwrap();
            assert_eq!(
                interest().wants(&Frame::parse(&error).unwrap(), Toward::Phone),
                wanted,
                "and an error about it"
            );
        }
    }

    #[test]
    fn of_what_a_phone_loads_the_request_is_wanted_and_nothing_of_the_file() {
        let mut interest = interest();
        let asked = &b"\0\x01aastra.cfg\0octet\0"[..];
        for (port, payload, wanted) in [
            (69, asked, true),
            (69, &b"\0\x02aastra.cfg\0octet\0"[..], false),
            (69, b"\0\x04\0\x01", false),
            (49_152, asked, false),
            (49_152, b"\0\x04\0\x01", false),
        ] {
            let frame = Envelope::new(PHONE, SERVER, None).udp(at(11, 40_000), at(9, port), payload);
            assert_eq!(wants(&mut interest, &frame), wanted, "{port} {payload:?}");
        }
        let block = [b"\0\x03\0\x01", &b"sip password: 4711\n".repeat(20)[..]].concat();
        let frame = Envelope::new(SERVER, PHONE, None).udp(at(9, 69), at(11, 40_000), &block);
        assert!(!interest.wants(&Frame::parse(&frame).unwrap(), Toward::Phone));
    }

    #[test]
    fn a_connection_is_wanted_from_where_it_shows_what_it_is() {
        let mut interest = interest();
        for (port, payload, wanted) in [
            (7000, &b"GET / HTTP/1.1\r\n"[..], false),
            (7000, b"", false),
            (7000, ASK, true),
            (7000, b"anything", true),
            (7000, b"", true),
            (7001, b"anything", false),
            (443, HELLO, true),
            (443, RTP, true),
            (444, RTP, false),
        ] {
            assert_eq!(wants(&mut interest, &tcp(3, port, false, payload)), wanted, "{port} {payload:?}");
        }
        assert!(!wants(&mut interest, &tcp(9, 443, false, HELLO)), "TLS with anybody else");
        assert!(!wants(&mut interest, &tcp(3, 443, true, b"")), "another connection");
        assert!(!wants(&mut interest, &tcp(3, 443, false, RTP)));
    }

    #[test]
    fn a_download_is_not_wanted_for_ever() {
        let mut interest = interest();
        assert!(wants(&mut interest, &tcp(3, 443, false, HELLO)));
        let block = [0x5A; 1400];
        let shipped = (0..10_000).filter(|_| wants(&mut interest, &tcp(3, 443, false, &block))).count();
        assert_eq!(shipped, (MAX_BLIND - HELLO.len()) / block.len());
        assert!(wants(&mut interest, &tcp(3, 5061, false, &block)), "where SIP is declared anything is");
    }

    #[test]
    fn connections_that_are_remembered_are_so_many() {
        let mut interest = interest();
        for port in 0..5000 {
            assert!(wants(&mut interest, &tcp(3, 10_000 + port, false, ASK)));
        }
        assert_eq!(interest.connections.len(), MOST);
        assert!(wants(&mut interest, &tcp(3, 14_999, false, b"x")));
        assert!(!wants(&mut interest, &tcp(3, 10_000, false, b"x")));
    }

    fn wants(interest: &mut Interest, frame: &[u8]) -> bool {
        interest.wants(&Frame::parse(frame).unwrap(), Toward::Server)
    }

    fn interest() -> Interest {
        let server =
            ServerKey { addresses: vec![at(3, 0).ip()], sip_ports: vec![5070], gateway: None, names: Vec::new() };
        Interest::new(&[server])
    }

    fn tcp(server: u8, port: u16, syn: bool, payload: &[u8]) -> Vec<u8> {
        let segment = TcpSegment {
            source_port: 40_000,
            destination_port: port,
            sequence: 1,
            ack: None,
            syn,
            fin: false,
            rst: false,
            payload,
        };
        Envelope::new(PHONE, SERVER, None).tcp(at(11, 0).ip(), at(server, 0).ip(), &segment, None)
    }

    fn at(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 77, 0, last], port))
    }
}
