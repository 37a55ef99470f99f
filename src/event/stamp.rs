//! Times, and the names that people give to things.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the run began, on the monotonic clock of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The instant at which the run began.
    pub const ZERO: Self = Self(0);

    /// The stamp that lies `millis` milliseconds after the beginning of the run.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Milliseconds since the beginning of the run.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time from `earlier` to `self`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Stamp {
    type Output = Self;

    /// Saturates at the end of time (584 years after the run began).
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Stamp {
    /// Seconds with milliseconds, as `12.345`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.saturating_add(500_000) / 1_000_000;
        write!(f, "{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// When something happened, as well as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The best estimate. May lie before records that were taken earlier.
    pub at: Stamp,
    /// The true time lies within ± this many nanoseconds of `at`.
    #[serde(default)]
    pub error_ns: u64,
}

impl When {
    /// A time that is exact on our own clock, such as a deadline that fired.
    pub const fn exactly(at: Stamp) -> Self {
        Self { at, error_ns: 0 }
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name_type! {
    /// The name of a phone in the bench file, as `p1`.
    PhoneName
}
name_type! {
    /// The name of a server in the bench file, as `a`.
    ServerName
}
name_type! {
    /// The name of a setting of the PBX in the bench file, as `distribution`.
    PbxName
}
name_type! {
    /// The name of a call partner on the servers' side in the bench file, as `desk`.
    PeerName
}
name_type! {
    /// The name of a key in the phone model's table, as `options`.
    KeyName
}
