//! The addresses that phones on the link have: those of the bench, and those that they use on the wire. Such a phone is its MAC
//! address; what else it is called may change at any time.

use std::{collections::BTreeMap, net::IpAddr};

use super::protocol::{FOLLOWING, PhoneIndex, PhoneKey};
use crate::wire::{
    frame::{Content, Frame},
    resolution::Question,
};

/// Addresses of all phones that are remembered. One that floods the bench with more is known by none of those.
const MOST: usize = 4096;

/// An address that has changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    /// The phone that has it, or had it until now.
    pub phone: PhoneIndex,
    /// The address.
    pub address: IpAddr,
    /// It has it.
    pub is_its: bool,
    /// When the frame came in that shows it.
    pub shown_ns: i64,
}

/// How late an address was followed, if that was too late: it was shown and followed at these times.
pub fn late_by(shown_ns: i64, followed_ns: i64) -> Option<u64> {
    let late = u64::try_from(followed_ns.saturating_sub(shown_ns)).ok()?;
    (u128::from(late) > FOLLOWING.as_nanos()).then_some(late)
}

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
        if is_nobody(address) || self.phones.get(&address) == Some(&known) {
            return None;
        }
        if self.phones.len() >= MOST && !self.phones.contains_key(&address) {
            return None;
        }
        self.phones.insert(address, known);
        Some(address)
    }

    /// Learns from a frame of a device that is none of the phones. The address that it tells the link to have and that was a phone's
    /// until now, and that phone.
    pub fn lose(&mut self, frame: &Frame<'_>) -> Option<(PhoneIndex, IpAddr)> {
        // A packet alone may have come through a router.
        let question = Question::of(frame)?;
        let address = if question.tells { question.about() } else { question.from };
        let known = self.phones.remove(&address)?;
        Some((known.phone, address))
    }
}

/// Whether no host has such an address for its own.
fn is_nobody(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address.is_loopback()
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

    #[test]
    fn an_address_that_another_device_tells_the_link_to_have_is_the_phone_s_no_more() {
        let fixed = IpAddr::from([10, 77, 0, 11]);
        let mut addresses = Addresses::new(&[PhoneKey::OnLink { mac: Mac([2, 0, 0, 0, 0, 1]), address: Some(fixed) }]);
        assert_eq!(addresses.lose(&arp([10, 77, 0, 99])), None);
        assert_eq!(addresses.lose(&arp([0, 0, 0, 0])), None, "who only asks whether it is free");
        assert_eq!(addresses.lose(&arp([10, 77, 0, 11])), Some((0, fixed)));
        assert_eq!((addresses.lose(&arp([10, 77, 0, 11])), addresses.phone(fixed)), (None, None));
        assert_eq!(addresses.learn(0, &arp([10, 77, 0, 11])), Some(fixed), "it may get it back");
    }

    #[test]
    fn what_is_followed_within_10_ms_is_followed_in_time() {
        const MS: i64 = 1_000_000;
        let found = [0, 10 * MS, 10 * MS + 1, 250 * MS].map(|took| late_by(MS, MS + took));
        assert_eq!(found, [None, None, Some(10_000_001), Some(250_000_000)]);
        assert_eq!(late_by(9 * MS, 0), None, "a clock that was set back");
    }
}
