//! Parts of the rig that can fail, and evidence that can be lost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A port of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortKind {
    /// The serial console.
    Console,
    /// The keypad board.
    Keypad,
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Console => "console",
            Self::Keypad => "keypad",
        })
    }
}

/// A part of the rig that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RigPart {
    /// A serial console.
    Console,
    /// A keypad.
    Keypad,
    /// The bridge helper.
    Bridge,
    /// A file of the run directory.
    Disk,
}

/// What a failure of the bridge ends with if its helper is gone: nothing is seen any more. After other failures it goes on.
pub const HELPER_GONE: &str = "the kernel forwards everything again";

/// How evidence was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The kernel dropped frames before the tap read them (`PACKET_STATISTICS`).
    KernelDrop,
    /// A frame was longer than the tap's buffer.
    Truncated,
    /// The ring between helper and controller was full.
    RingFull,
}

/// How an interface stops to carry frames; the worse, the later in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkLoss {
    /// The cable is out, or the other end is off.
    Carrier,
    /// Somebody has switched it off.
    SwitchedOff,
    /// It is gone, or no port of the bridge any more.
    Removed,
}

/// What happened to the interface: `lost its carrier`.
impl fmt::Display for LinkLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Carrier => "lost its carrier",
            Self::SwitchedOff => "was switched off",
            Self::Removed => "was removed",
        })
    }
}
