//! The addresses that phones on the link have: those of the bench, and those that they use on the wire. Such a phone is its MAC
//! address; what else it is called may change at any time.

use std::{collections::BTreeMap, net::IpAddr};

use super::protocol::{PhoneIndex, PhoneKey};
use crate::wire::frame::{Content, Frame};

/// Addresses of all phones that are remembered. One that floods the bench with more is known by none of those.
const MOST: usize = 4096;

/// Who has which address.
#[derive(Debug)]
pub struct Addresses {
    phones: BTreeMap<IpAddr, Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    phone: PhoneIndex,
    /// It was seen on the wire.
    seen: bool,
}

impl Addresses {
    /// Those of the bench.
    pub fn new(phones: &[PhoneKey]) -> Self {
        let fixed = (0..).zip(phones).filter_map(|(phone, key)| match key {
            PhoneKey::OnLink { address, .. } => Some(((*address)?, Known { phone, seen: false })),
            PhoneKey::Routed { .. } => None,
        });
        Self { phones: fixed.collect() }
    }

    /// The phone that has an address.
    pub fn phone(&self, address: IpAddr) -> Option<PhoneIndex> {
        self.phones.get(&address).map(|known| known.phone)
    }

    /// All addresses of a phone.
    pub fn of(&self, phone: PhoneIndex) -> impl Iterator<Item = IpAddr> {
        self.phones.iter().filter(move |(_, known)| known.phone == phone).map(|(address, _)| *address)
    }

    /// Learns from a frame that a phone has sent. The address, if it is the first time that the phone shows that it has it.
    pub fn learn(&mut self, phone: PhoneIndex, frame: &Frame<'_>) -> Option<IpAddr> {
        let address = match &frame.content {
            Content::Arp { sender_ip, .. } => IpAddr::V4(*sender_ip),
            Content::Ip(packet) => packet.source,
            Content::Other { .. } => return None,
        };
        let known = Known { phone, seen: true };
        let nobody = address.is_unspecified() || address.is_multicast() || address.is_loopback();
        if nobody || self.phones.get(&address) == Some(&known) {
            return None;
        }
        if self.phones.len() >= MOST && !self.phones.contains_key(&address) {
            return None;
        }
        self.phones.insert(address, known);
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{config::Mac, wire::frame::Vlans};

    fn arp(sender_ip: [u8; 4]) -> Frame<'static> {
        let sender_mac = Mac([2, 0, 0, 0, 0, 1]);
        let content = Content::Arp {
            operation: 1,
            sender_mac,
            sender_ip: Ipv4Addr::from(sender_ip),
            target_ip: Ipv4Addr::new(10, 77, 0, 2),
        };
        Frame { source: Some(sender_mac), destination: None, vlans: Vlans::default(), content }
    }

    #[test]
    fn an_address_is_told_once_by_whoever_shows_that_he_has_it() {
        let fixed = IpAddr::from([10, 77, 0, 11]);
        let mut addresses = Addresses::new(&[PhoneKey::OnLink { mac: Mac([2, 0, 0, 0, 0, 1]), address: Some(fixed) }]);
        assert_eq!(addresses.learn(0, &arp([0, 0, 0, 0])), None, "a probe says nothing");
        assert_eq!(addresses.learn(0, &arp([10, 77, 0, 11])), Some(fixed));
        assert_eq!(addresses.learn(0, &arp([10, 77, 0, 11])), None);
        let leased = IpAddr::from([10, 77, 0, 99]);
        assert_eq!(addresses.learn(0, &arp([10, 77, 0, 99])), Some(leased));
        assert_eq!(addresses.of(0).collect::<Vec<_>>(), [fixed, leased]);
        assert_eq!(addresses.learn(1, &arp([10, 77, 0, 99])), Some(leased), "leases change hands");
        assert_eq!((addresses.phone(leased), addresses.of(0).count()), (Some(1), 1));
    }
}
