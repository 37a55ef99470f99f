//! Keyed permutations of the numbers below a limit, and of texts taken as such numbers.
//!
//! A number is written with two digits of nearly equal bases, and these take turns in being moved by a keyed function of the
//! other: a Feistel network, as FF1 of NIST SP 800-38G is one. What comes out beyond the limit goes in once more, until it
//! does not (cycle walking), so that any limit has its permutation.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Key;

/// Limits beyond this leave no room for the two digits' sums.
const MAX_SIZE: u128 = 1 << 121;

/// Characters that are permuted together: with at most 64 choices each they stay below [`MAX_SIZE`].
const BLOCK: usize = 20;

/// Rounds as in FF1; below a million values, where ten rounds of a network that small can be told from chance, more.
const fn rounds(size: u128) -> u8 {
    if size < 1_000_000 { 32 } else { 10 }
}

/// A secret family of permutations.
#[derive(Clone)]
pub struct Permutations(Hmac<Sha256>);

/// A character that may become another: which of how many it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Less than `of`.
    pub index: u8,
    /// At least 1, at most 64.
    pub of: u8,
}

impl Permutations {
    pub fn new(key: &Key) -> Self {
        // HMAC pads a short key with zeros (RFC 2104 section 2).
        let mut block = [0; 64];
        block[..key.0.len()].copy_from_slice(&key.0);
        Self(Hmac::new(&block.into()))
    }

    /// Where `value` goes among the numbers below `size`; each `domain` has a permutation of its own. A value that is not
    /// below the size, or a size beyond 2¹²¹, stays.
    pub fn permute(&self, domain: &[u8], size: u128, value: u128) -> u128 {
        if !(2..=MAX_SIZE).contains(&size) || value >= size {
            return value;
        }
        let low = size.isqrt();
        let high = size.div_ceil(low);
        let mut family = self.0.clone();
        family.update(&size.to_be_bytes());
        // Everything behind it has a fixed length.
        family.update(domain);
        let mut walked = value;
        loop {
            walked = feistel(&family, rounds(size), high, low, walked);
            if walked < size {
                return walked;
            }
        }
    }

    /// Moves all characters of a text at once, or of a long one those of each block (of the first 65 536 blocks). The choices
    /// that each has are part of the domain, and stay.
    pub fn permute_text(&self, domain: &[u8], text: &mut [Choice]) {
        let blocks = text.len().div_ceil(BLOCK).max(1);
        for (block, choices) in (0_u16..).zip(text.chunks_mut(text.len().div_ceil(blocks).max(1))) {
            let size = choices.iter().fold(1, |size, choice| size * u128::from(choice.of.max(1)));
            let value =
                choices.iter().fold(0, |value, choice| value * u128::from(choice.of.max(1)) + u128::from(choice.index));
            let mut domain = domain.to_vec();
            domain.extend(block.to_be_bytes());
            domain.extend(choices.iter().map(|choice| choice.of));
            let mut moved = self.permute(&domain, size, value);
            for choice in choices.iter_mut().rev() {
                let of = u128::from(choice.of.max(1));
                choice.index = (moved % of) as u8;
                moved /= of;
            }
        }
    }
}

/// One pass through the network over numbers below `high * low`.
fn feistel(family: &Hmac<Sha256>, rounds: u8, high: u128, low: u128, value: u128) -> u128 {
    let (mut left, mut right) = (value / low, value % low);
    for round in 0..rounds {
        let (moved, base, by) = if round % 2 == 0 { (&mut left, high, right) } else { (&mut right, low, left) };
        let mut mac = family.clone();
        mac.update(&[round]);
        // Less than 2⁶¹ each.
        mac.update(&(by as u64).to_be_bytes());
        let tag = mac.finalize().into_bytes();
        let step = tag.iter().take(8).fold(0, |step: u128, byte| step << 8 | u128::from(*byte));
        *moved = (*moved + step) % base;
    }
    left * low + right
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn family(seed: u8) -> Permutations {
        Permutations::new(&Key([seed; 32]))
    }

    #[test]
    fn every_limit_has_a_permutation() {
        for size in (1..=30).chain([90, 100, 123, 156, 256]) {
            let images: BTreeSet<u128> = (0..size).map(|value| family(1).permute(b"x", size, value)).collect();
            assert_eq!(images, (0..size).collect(), "below {size}");
        }
    }

    #[test]
    fn key_domain_and_limit_each_make_another_permutation() {
        let images = |key: u8, domain: &[u8], size| -> Vec<u128> {
            (0..90).map(|value| family(key).permute(domain, size, value)).collect()
        };
        let base = images(1, b"x", 100);
        assert_eq!(images(1, b"x", 100), base);
        for other in [images(2, b"x", 100), images(1, b"y", 100), images(1, b"x", 101)] {
            let same = other.iter().zip(&base).filter(|(one, other)| one == other).count();
            assert!(same < 10, "{same} of 90 values go to the same place");
        }
    }

    #[test]
    fn no_place_is_favoured() {
        // Where the value 7 of 10 goes under 1000 keys: 100 to each place, with a standard deviation of 9.5.
        let mut places = [0_u32; 10];
        for key in 0..1000_u16 {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&key.to_be_bytes());
            places[Permutations::new(&Key(bytes)).permute(b"x", 10, 7) as usize] += 1;
        }
        assert!(places.iter().all(|count| (60..140).contains(count)), "{places:?}");
    }

    #[test]
    fn a_text_of_any_length_keeps_its_choices_and_has_one_image_only() {
        for len in [0, 1, 19, 20, 21, 41, 300] {
            let text: Vec<Choice> =
                (0..len).map(|at| Choice { index: (at % 7) as u8, of: 7 + (at % 58) as u8 }).collect();
            let mut moved = text.clone();
            family(1).permute_text(b"x", &mut moved);
            assert!(moved.iter().zip(&text).all(|(moved, text)| moved.of == text.of && moved.index < moved.of));
            assert_eq!(moved == text, len == 0, "{len} characters");
        }
        let images =
            (0..60).flat_map(|a| (0..3).map(move |b| [Choice { index: a, of: 60 }, Choice { index: b, of: 3 }]));
        let images: BTreeSet<Vec<u8>> = images
            .map(|mut text| {
                family(1).permute_text(b"x", &mut text);
                text.iter().map(|choice| choice.index).collect()
            })
            .collect();
        assert_eq!(images.len(), 180);
    }

    proptest! {
        #[test]
        fn large_limits_are_kept_and_different_values_stay_different(size in 2_u128..=MAX_SIZE, a: u128, b: u128) {
            let (a, b) = (a % size, b % size);
            let images = [a, b].map(|value| family(3).permute(b"x", size, value));
            prop_assert!(images.iter().all(|image| *image < size));
            prop_assert_eq!(images[0] == images[1], a == b);
        }
    }
}
