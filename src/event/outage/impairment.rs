//! A bad path: frames are lost, late, out of order, doubled, or too many.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize, de};

use crate::config::duration;

/// How bad a path is, each way. What is zero or none is as it was. All of it is always written: the bridge's protocol has no
/// names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Impairment {
    /// Of the frames so many are lost.
    pub loss: Share,
    /// So many one after the other, on average: 1 or more. With 1 each is lost for itself.
    pub burst: u16,
    /// All are late by this.
    #[serde(with = "duration")]
    pub delay: Duration,
    /// And by up to this much more, each by another time. Their order stays.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// The delay grows from nothing to all of it within this time.
    #[serde(with = "duration")]
    pub ramp: Duration,
    /// So many are held back until others have overtaken them.
    pub reorder: Share,
    /// So many arrive twice.
    pub duplicate: Share,
    /// The path carries so many bits a second, of frames without preamble and check sum.
    pub rate_bps: Option<u64>,
    /// Where chance begins: the same frames meet the same fate with it.
    pub seed: u64,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            loss: Share::NONE,
            burst: 1,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            ramp: Duration::ZERO,
            reorder: Share::NONE,
            duplicate: Share::NONE,
            rate_bps: None,
            seed: 1,
        }
    }
}

impl Impairment {
    /// Whether the path is as good as ever.
    pub fn is_nothing(&self) -> bool {
        *self == Self { seed: self.seed, ..Self::default() }
    }

    /// Whether so much can be lost in such bursts: at least one frame arrives between two of them, unless all are lost.
    pub fn has_room_between_bursts(&self) -> bool {
        let (loss, whole) = (u64::from(self.loss.millionths()), u64::from(Share::WHOLE));
        self.burst <= 1 || loss == whole || loss <= u64::from(self.burst) * (whole - loss)
    }
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late = (!self.delay.is_zero()).then(|| format!("{} late", duration::show(self.delay)));
        let ramp = (!self.ramp.is_zero()).then(|| format!("more and more within {}", duration::show(self.ramp)));
        let jitter = (!self.jitter.is_zero()).then(|| format!("up to {} more", duration::show(self.jitter)));
        let some = |share: Share, what: &str| (!share.is_none()).then(|| format!("{share} {what}"));
        let bursts = if self.burst > 1 { format!(" in bursts of {}", self.burst) } else { String::new() };
        let rate = self.rate_bps.map(|rate| format!("{rate} bit/s"));
        let loss = some(self.loss, &format!("lost{bursts}"));
        let words = [loss, late, ramp, jitter, some(self.reorder, "out of order"), some(self.duplicate, "twice"), rate];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// A share of frames, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share(u32);

impl Share {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(Self::WHOLE);
    /// The millionths of a whole.
    pub const WHOLE: u32 = 1_000_000;

    /// So many in a hundred; more than a hundred are a hundred.
    pub const fn percent(percent: u32) -> Self {
        if percent < 100 { Self(percent * 10_000) } else { Self::ALL }
    }

    /// In millionths: 0 to [`WHOLE`](Self::WHOLE).
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Whether it is none at all.
    pub const fn is_none(&self) -> bool {
        self.0 == 0
    }
}

/// What is said of a share that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no share of frames: write it as `5%` or `0.5%`, from 0% to 100%, with up to four digits behind the point"
)]
pub struct NotAShare(String);

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let wrong = || NotAShare(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !digits(whole) || !digits(part) {
            return Err(wrong());
        }
        let millionths: u32 = format!("{whole}{part:0<4}").parse().map_err(|_| wrong())?;
        (millionths <= Self::WHOLE).then_some(Self(millionths)).ok_or_else(wrong)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        let part = format!("{part:04}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{part}%"),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_share_is_read_as_it_is_written(millionths in 0..=Share::WHOLE) {
            let share = Share(millionths);
            prop_assert_eq!(share.to_string().parse::<Share>(), Ok(share));
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "%", "5", "101%", "-1%", "1.23456%", "1e1%", ".5%", "٣%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!("100%".parse(), Ok(Share::ALL));
        assert_eq!("0.05 %".parse(), Ok(Share(500)));
    }

    #[test]
    fn it_says_what_it_does_and_nothing_else() {
        let bad = Impairment {
            loss: Share::percent(20),
            burst: 5,
            delay: Duration::from_millis(300),
            ..Impairment::default()
        };
        assert_eq!(bad.to_string(), "20% lost in bursts of 5, 300ms late");
        let twice = Impairment { duplicate: Share::percent(1), rate_bps: Some(64_000), ..Impairment::default() };
        assert_eq!(twice.to_string(), "1% twice, 64000 bit/s");
    }
}
