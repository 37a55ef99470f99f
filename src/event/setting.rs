//! Settings of interfaces that the bridge can not work with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A setting of an interface that was changed, and stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// The interface.
    pub interface: String,
    /// What was changed.
    pub setting: Offload,
    /// Whether it was on before; now it is the opposite.
    pub was_on: bool,
}

impl fmt::Display for SettingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.interface, self.setting, if self.was_on { "off" } else { "on" })
    }
}

/// What an interface does to received frames on its own account, in the words of ethtool(8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offload {
    /// The kernel glues frames together (GRO).
    GenericReceiveOffload,
    /// The device does (LRO).
    LargeReceiveOffload,
}

impl fmt::Display for Offload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GenericReceiveOffload => "generic-receive-offload",
            Self::LargeReceiveOffload => "large-receive-offload",
        })
    }
}
