//! Randomness from a seed, so that a simulated device says the same thing in every run. Not for secrets.

/// `SplitMix64`: small, fast, and good enough for tags and branches.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence that the seed decides.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of the sequence.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Sixteen hexadecimal digits.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}
