//! The lamps of a simulated phone: for messages, one for each line, and those of programmable keys.

use std::{collections::BTreeMap, fmt};

use super::call::CallState;
use crate::wire::aastra_xml::Led;

/// How a lamp burns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lamp {
    /// Not at all.
    #[default]
    Off,
    /// Steadily.
    On,
    /// Slowly flashing.
    Slow,
    /// Fast flashing.
    Fast,
}

impl fmt::Display for Lamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Slow => "slow",
            Self::Fast => "fast",
        })
    }
}

impl From<bool> for Lamp {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

impl From<Led> for Lamp {
    fn from(led: Led) -> Self {
        match led {
            Led::On => Self::On,
            Led::Off => Self::Off,
            Led::SlowFlash => Self::Slow,
            Led::FastFlash => Self::Fast,
        }
    }
}

impl From<Option<CallState>> for Lamp {
    /// A line's lamp.
    fn from(call: Option<CallState>) -> Self {
        match call {
            None => Self::Off,
            Some(CallState::Calling | CallState::RingsThere | CallState::Up) => Self::On,
            Some(CallState::RingsHere) => Self::Fast,
            Some(CallState::Held) => Self::Slow,
        }
    }
}

/// All lamps by name.
#[derive(Debug, Default)]
pub struct Lamps(BTreeMap<String, Lamp>);

impl Lamps {
    /// Sets one; says whether that changed it.
    pub fn set(&mut self, name: &str, lamp: Lamp) -> bool {
        let place = self.0.entry(name.to_owned()).or_default();
        std::mem::replace(place, lamp) != lamp
    }

    /// All of them, that for messages first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Lamp)> {
        let message = self.0.get("message").copied().unwrap_or_default();
        let others = self.0.iter().filter(|(name, _)| *name != "message");
        std::iter::once(("message", message)).chain(others.map(|(name, lamp)| (name.as_str(), *lamp)))
    }
}
