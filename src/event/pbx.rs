//! Settings of the PBX: what commands did about them, and what came of that.

use serde::{Deserialize, Serialize};

use super::PbxName;

/// What a command is to do about a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PbxAct {
    /// It reads the setting.
    Read,
    /// It sets it to this state.
    Set(String),
}

impl PbxAct {
    /// For people: `set pbx.distribution to on`.
    pub fn of(&self, setting: &PbxName) -> String {
        match self {
            Self::Read => format!("read pbx.{setting}"),
            Self::Set(state) => format!("set pbx.{setting} to {state}"),
        }
    }
}

/// Why a setting is not known to be as it was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PbxFlaw {
    /// What kind of fault it is.
    pub fault: PbxFault,
    /// For people, with the key of the bench file to look at.
    pub reason: String,
}

/// What can go wrong with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PbxFault {
    /// A command failed, did not end, or was not run.
    Failed,
    /// What it reads as is none of its states, or several.
    Unread,
    /// It reads as another state than the one that it was set to.
    Unchanged,
}

impl PbxFault {
    /// The code of the cases that it spoils.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Failed => "pbx-failed",
            Self::Unread => "pbx-unread",
            Self::Unchanged => "pbx-unchanged",
        }
    }
}
