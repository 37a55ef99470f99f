//! How the ends of a link find each other: questions for link-layer addresses, and their answers (ARP, RFC 826; neighbour
//! discovery, RFC 4861).

use std::net::IpAddr;

use super::frame::{Body, Content, Frame};

/// Type of a neighbour solicitation in ICMPv6 (RFC 4861 section 4.3).
pub const SOLICITATION: u8 = 135;
/// Type of a neighbour advertisement (RFC 4861 section 4.4).
pub const ADVERTISEMENT: u8 = 136;

/// What one end asks or tells about link-layer addresses (ARP, RFC 826; neighbour discovery, RFC 4861).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// It is the answer.
    pub tells: bool,
    /// Who speaks.
    pub from: IpAddr,
    /// Whom an answer is for.
    pub to: IpAddr,
    /// Whose address is asked for; of an advertisement, whose it tells.
    pub target: IpAddr,
}

impl Question {
    /// What a frame asks or tells.
    pub fn of(frame: &Frame<'_>) -> Option<Self> {
        match &frame.content {
            Content::Arp { operation: operation @ (1 | 2), sender_ip, target_ip, .. } => Some(Self {
                tells: *operation == 2,
                from: IpAddr::V4(*sender_ip),
                to: IpAddr::V4(*target_ip),
                target: IpAddr::V4(*target_ip),
            }),
            Content::Ip(packet) => {
                let Body::Icmp { kind: kind @ (SOLICITATION | ADVERTISEMENT), payload, .. } = &packet.body else {
                    return None;
                };
                let target: [u8; 16] = payload.get(4..20)?.try_into().ok()?;
                packet.source.is_ipv6().then_some(Self {
                    tells: *kind == ADVERTISEMENT,
                    from: packet.source,
                    to: packet.destination,
                    target: IpAddr::from(target),
                })
            }
            _ => None,
        }
    }

    /// Whose address an answer tells: in ARP its sender's, in neighbour discovery its target's.
    pub fn about(&self) -> IpAddr {
        if self.target.is_ipv4() { self.from } else { self.target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Mac,
        wire::frame::{Envelope, udp_frame},
    };

    #[test]
    fn questions_for_an_address_are_known_in_both_families_and_other_frames_are_none() {
        let envelope = Envelope::new(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), Some(7));
        let [v4, v6]: [IpAddr; 2] = ["10.77.0.2".parse().unwrap(), "fd77::2".parse().unwrap()];
        let (IpAddr::V4(four), IpAddr::V6(six)) = (v4, v6) else { panic!() };
        let asked = [envelope.arp_probe(Mac([2, 0, 0, 0, 0, 1]), four, b"x"), envelope.solicitation(six, b"abcdef")];
        for (bytes, target) in asked.iter().zip([v4, v6]) {
            let question = Question::of(&Frame::parse(bytes).unwrap()).unwrap();
            assert!(!question.tells && question.target == target && question.from.is_unspecified());
        }
        let [from, to] = ["10.77.0.11:5060", "10.77.0.2:5060"].map(|at| at.parse().unwrap());
        let datagram = udp_frame(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), None, from, to, b"x");
        assert_eq!(Question::of(&Frame::parse(&datagram).unwrap()), None);
    }
}
