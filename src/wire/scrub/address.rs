//! Pseudonyms of addresses: prefix by prefix, so that the hosts of one subnet stay in one subnet, and as long in writing as
//! they were.
//!
//! What says more about how an address is used than about whose it is stays: unspecified, loopback, multicast and broadcast,
//! link-local and private prefixes, 0 and 255 at the end of an IPv4 address, the vendor's half of a MAC address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::permute::Permutations;

impl Permutations {
    /// The pseudonym of an address of either kind.
    pub fn ip(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => self.v4(address).into(),
            IpAddr::V6(address) => self.v6(address).into(),
        }
    }

    /// Each octet becomes another with as many decimal digits, by a permutation of its own for each prefix ahead of it.
    pub fn v4(&self, address: Ipv4Addr) -> Ipv4Addr {
        let octets = address.octets();
        if matches!(octets, [0 | 127 | 224.., ..] | [169, 254, ..]) {
            return address;
        }
        let mut moved = octets;
        for at in 0..4 {
            let (first, last) = match octets[at] {
                0..=9 => (0, 9),
                10..=99 => (10, 99),
                100.. => (100, 255),
            };
            let prefix = &octets[..at];
            let domain = [&b"v4"[..], prefix].concat();
            // What comes out in another role goes in once more.
            let others = |octet: &u8| Some(self.within(&domain, first, last, (*octet).into()) as u8);
            let wanted = role(prefix, octets[at]);
            if wanted != Role::Kept {
                let mut images = std::iter::successors(Some(octets[at]), others).skip(1);
                moved[at] = images.find(|octet| role(prefix, *octet) == wanted).unwrap_or(octets[at]);
            }
        }
        moved.into()
    }

    /// Each group becomes another with as many hexadecimal digits when written without leading zeros, by a permutation of its
    /// own for each prefix ahead of it; so `::` stays where it is.
    pub fn v6(&self, address: Ipv6Addr) -> Ipv6Addr {
        let groups = address.segments();
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        let mut moved = groups;
        if let [0xff02, 0, 0, 0, 0, 1, high @ 0xff00..=0xffff, low] = groups {
            // A solicited-node address has the end of a host's own (RFC 4291 section 2.7.1).
            let ([_, a], [b, c]) = (high.to_be_bytes(), low.to_be_bytes());
            let [a, b, c] = self.solicited([a, b, c]);
            (moved[6], moved[7]) = (u16::from_be_bytes([0xff, a]), u16::from_be_bytes([b, c]));
            return moved.into();
        }
        if groups[0] >= 0xff00 {
            return address;
        }
        for at in 0..8 {
            let Some((first, last)) = range(&groups[..at], groups[at]) else { continue };
            let mut domain = b"v6".to_vec();
            domain.extend(groups[..at].iter().flat_map(|group| group.to_be_bytes()));
            moved[at] = self.within(&domain, first.into(), last.into(), groups[at].into()) as u16;
        }
        moved.into()
    }

    /// The vendor's three bytes stay, the others become others. Addresses of groups stay, but for those that are made of a
    /// host's address.
    pub fn mac(&self, address: [u8; 6]) -> [u8; 6] {
        let [a, b, c, tail @ ..] = address;
        let tail = match address {
            [0, 0, 0, 0, 0, 0] => tail,
            // Of a solicited-node address (RFC 2464 section 7).
            [0x33, 0x33, 0xff, ..] => self.solicited(tail),
            _ if a & 1 == 1 => tail,
            _ => self.three(&[b'm', b'a', b'c', a, b, c], tail),
        };
        [a, b, c, tail[0], tail[1], tail[2]]
    }

    /// The last three bytes of a solicited-node address. Its last group keeps its length in writing.
    fn solicited(&self, tail: [u8; 3]) -> [u8; 3] {
        let [high, low @ ..] = tail;
        let high = self.permute(b"solicited", 256, high.into()) as u8;
        let low = u16::from_be_bytes(low);
        let low = match range(&[0xff02, 0, 0, 0, 0, 1, 0xff00], low) {
            Some((first, last)) => self.within(b"solicited", first.into(), last.into(), low.into()) as u16,
            None => low,
        };
        [high, low.to_be_bytes()[0], low.to_be_bytes()[1]]
    }

    fn three(&self, domain: &[u8], [a, b, c]: [u8; 3]) -> [u8; 3] {
        let value = u32::from_be_bytes([0, a, b, c]);
        let [_, moved @ ..] = (self.permute(domain, 1 << 24, value.into()) as u32).to_be_bytes();
        moved
    }

    /// Among the numbers from `first` to `last`.
    fn within(&self, domain: &[u8], first: u32, last: u32, value: u32) -> u32 {
        first + self.permute(domain, u128::from(last - first) + 1, u128::from(value - first)) as u32
    }
}

/// What an octet of an IPv4 address says, given those ahead of it. Octets become others of the same role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is part of a prefix that means something, or means something itself.
    Kept,
    /// Of a private network by RFC 1918 together with 172 ahead of it.
    Private,
    Ordinary,
}

fn role(prefix: &[u8], octet: u8) -> Role {
    match (prefix, octet) {
        ([], 0 | 10 | 127 | 169 | 172 | 192 | 224..) | ([169], 254) | ([192], 168) | ([_, _, _], 0 | 255) => Role::Kept,
        ([172], 16..=31) => Role::Private,
        _ => Role::Ordinary,
    }
}

/// Among which values a group of an IPv6 address is moved, given those ahead of it; none: it stays.
fn range(prefix: &[u16], group: u16) -> Option<(u16, u16)> {
    /// Of the first group: around the prefix of NAT64 (RFC 6052), global unicast, unique local (RFC 4193) by its half, and
    /// around link-local.
    const FIRST: [(u16, u16); 11] = [
        (1, 0xf),
        (0x10, 0x63),
        (0x65, 0xff),
        (0x100, 0xfff),
        (0x1000, 0x1fff),
        (0x2000, 0x3fff),
        (0x4000, 0xfbff),
        (0xfc00, 0xfcff),
        (0xfd00, 0xfdff),
        (0xfe00, 0xfe7f),
        (0xfec0, 0xfeff),
    ];
    const OTHER: [(u16, u16); 4] = [(1, 0xf), (0x10, 0xff), (0x100, 0xfff), (0x1000, 0xffff)];
    /// `ffff` ahead of an IPv4 address stays.
    const BEHIND_ZEROS: [(u16, u16); 4] = [(1, 0xf), (0x10, 0xff), (0x100, 0xfff), (0x1000, 0xfffe)];
    /// Nothing becomes `::1`.
    const LAST: [(u16, u16); 4] = [(2, 0xf), (0x10, 0xff), (0x100, 0xfff), (0x1000, 0xffff)];
    let ranges: &[(u16, u16)] = match prefix {
        [] => &FIRST,
        [0x64] => return None,
        [0, 0, 0, 0, 0] => &BEHIND_ZEROS,
        [0, 0, 0, 0, 0, 0, 0] => &LAST,
        _ => &OTHER,
    };
    ranges.iter().copied().find(|(first, last)| (first..=last).contains(&&group))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::scrub::Key;

    fn family() -> Permutations {
        Permutations::new(&Key([5; 32]))
    }

    #[test]
    fn addresses_that_mean_something_stay() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "255.255.255.255",
            "224.0.1.75",
            "239.1.2.3",
            "169.254.7.9",
            "::",
            "::1",
            "ff02::1",
            "ff05::1:3",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(family().ip(address), address);
        }
        for mac in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 1, 0x4b], [0x33, 0x33, 0, 0, 0, 1]] {
            assert_eq!(family().mac(mac), mac);
        }
    }

    #[test]
    fn prefixes_that_mean_something_stay_and_what_follows_does_not() {
        for (text, kept) in [
            ("10.77.123.211", "10."),
            ("172.20.123.211", "172."),
            ("172.120.123.211", "172."),
            ("192.168.123.211", "192.168."),
            ("fe80::208:5dff:fe23:7429", "fe80::"),
            ("fd12:3456::7429", "fd"),
            ("64:ff9b::a4d:7429", "64:ff9b::"),
            ("ff02::1:ff23:7429", "ff02::1:ff"),
        ] {
            let address = family().ip(text.parse().unwrap()).to_string();
            assert!(address.starts_with(kept) && address != text && address.len() == text.len(), "{text}: {address}");
        }
        let (sixteen, others): (Vec<_>, Vec<_>) = (10..=99)
            .map(|octet| (octet, family().v4(Ipv4Addr::new(172, octet, 1, 1)).octets()[1]))
            .partition(|(octet, _)| (16..=31).contains(octet));
        assert!(sixteen.iter().all(|(_, moved)| (16..=31).contains(moved)));
        assert!(others.iter().all(|(_, moved)| !(16..=31).contains(moved) && (10..=99).contains(moved)));
    }

    #[test]
    fn no_two_octets_behind_one_prefix_become_one() {
        let family = family();
        for (octets, at) in [([0, 0, 0, 0], 0), ([172, 0, 0, 0], 1), ([192, 0, 0, 0], 1), ([10, 77, 0, 0], 3)] {
            let images: BTreeSet<Ipv4Addr> = (0..=255)
                .map(|octet| {
                    let mut octets: [u8; 4] = octets;
                    octets[at] = octet;
                    family.v4(octets.into())
                })
                .collect();
            assert_eq!(images.len(), 256, "{octets:?} at {at}");
        }
    }

    #[test]
    fn the_multicast_of_a_host_is_moved_alike_in_both_layers() {
        let address = family().v6("ff02::1:ff23:7429".parse().unwrap()).octets();
        let mac = family().mac([0x33, 0x33, 0xff, 0x23, 0x74, 0x29]);
        assert_eq!(mac[..3], [0x33, 0x33, 0xff]);
        assert_eq!(mac[3..], address[13..]);
        assert_ne!(mac[3..], [0x23, 0x74, 0x29]);
    }

    #[test]
    fn a_mac_address_keeps_its_vendor_only() {
        let mac = family().mac([0, 8, 0x5d, 0x23, 0x74, 0x29]);
        assert_eq!(mac[..3], [0, 8, 0x5d]);
        assert_ne!(mac[3..], [0x23, 0x74, 0x29]);
        assert_ne!(family().mac([0, 8, 0x5e, 0x23, 0x74, 0x29])[3..], mac[3..], "each vendor has a permutation");
    }

    fn shared(a: &[u8], b: &[u8]) -> usize {
        a.iter().zip(b).take_while(|(a, b)| a == b).count()
    }

    proptest! {
        #[test]
        fn ipv4_prefixes_lengths_and_differences_stay(a: [u8; 4], b: [u8; 4], common in 0_usize..5) {
            let mut b = b;
            b[..common].copy_from_slice(&a[..common]);
            let images = [a, b].map(|octets| family().v4(octets.into()));
            prop_assert_eq!(shared(&images[0].octets(), &images[1].octets()), shared(&a, &b));
            for (address, image) in [a, b].map(Ipv4Addr::from).iter().zip(images) {
                let lengths = |address: &Ipv4Addr| address.octets().map(|octet| octet.to_string().len());
                prop_assert_eq!(lengths(address), lengths(&image));
            }
        }

        #[test]
        fn ipv6_prefixes_lengths_and_differences_stay(
            a in proptest::array::uniform8(group()), b in proptest::array::uniform8(group()), common in 0_usize..9,
        ) {
            let mut b = b;
            b[..common].copy_from_slice(&a[..common]);
            let shared = |a: [u16; 8], b: [u16; 8]| a.iter().zip(b).take_while(|(a, b)| **a == *b).count();
            let images = [a, b].map(|groups| family().v6(groups.into()));
            prop_assert_eq!(shared(images[0].segments(), images[1].segments()), shared(a, b));
            for (groups, image) in [a, b].iter().zip(images) {
                let lengths = |groups: &[u16; 8]| groups.map(|group| format!("{group:x}").len());
                prop_assert_eq!(lengths(groups), lengths(&image.segments()));
                // What is written with an IPv4 address at its end has that by its octets.
                if !Ipv6Addr::from(*groups).to_string().contains('.') {
                    prop_assert_eq!(Ipv6Addr::from(*groups).to_string().len(), image.to_string().len());
                }
            }
        }
    }

    fn group() -> impl Strategy<Value = u16> {
        prop_oneof![Just(0), Just(0xfe80), Just(0xff02), Just(0x64), Just(0xfd00), 0_u16..0x20, any::<u16>()]
    }
}
