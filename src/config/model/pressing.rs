//! How the keys of a phone want to be pressed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Dialect;
use crate::event::{Hold, Stroke};

/// Times of presses, each in whole milliseconds and at most a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pressing {
    /// How long a key stays down unless it is said otherwise.
    #[serde(with = "crate::config::duration")]
    pub hold: Duration,
    /// How long no key is down before the next one.
    #[serde(with = "crate::config::duration")]
    pub gap: Duration,
    /// How long a key stays down for what the phone takes for a long press.
    #[serde(with = "crate::config::duration")]
    pub long: Duration,
}

/// What shows that a key has arrived at a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Its console tells of the key.
    Key,
    /// Its console tells of a change of the display.
    Display,
    /// Its console tells of a lamp.
    Lamp,
}

impl Sign {
    /// All of them with their words in model files.
    pub const WORDS: [(&str, Self); 3] = [("key", Self::Key), ("display", Self::Display), ("lamp", Self::Lamp)];

    /// Whether a console of that dialect tells of it.
    pub fn told_by(self, dialect: &Dialect) -> bool {
        match self {
            Self::Key => dialect.key.is_some(),
            Self::Display => dialect.display.is_some(),
            Self::Lamp => dialect.lamp.is_some(),
        }
    }
}

impl Default for Pressing {
    /// What phones take for a finger's, where their makers do not say.
    fn default() -> Self {
        Self { hold: Duration::from_millis(80), gap: Duration::from_millis(80), long: Duration::from_millis(1500) }
    }
}

impl Pressing {
    /// Whether it is what it is where a model does not say.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// How long keys stay down.
    pub fn held(&self, hold: Hold) -> Duration {
        match hold {
            Hold::Usual => self.hold,
            Hold::Long => self.long,
            Hold::For(span) => span,
        }
    }

    /// How long a stroke takes, with the gap after it.
    pub fn lasts(&self, stroke: &Stroke) -> Duration {
        match stroke {
            Stroke::Press { hold, .. } => self.held(*hold) + self.gap,
            Stroke::Pause(span) => *span,
        }
    }
}
