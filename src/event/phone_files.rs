//! The phones' own files: why one could not be written.

use serde::{Deserialize, Serialize};

/// Why a phone's file is not as it was ordered. Nothing of what the file holds is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFlaw {
    /// What kind of fault it is.
    pub fault: FileFault,
    /// For people, with what to look at.
    pub reason: String,
}

/// What can go wrong with a phone's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFault {
    /// It could not be read or written, or the command that is to put it failed.
    Failed,
    /// What is served is not the base set: somebody else has changed it, and it was left as it is.
    Differs,
    /// The base set has the phone's file in a form in which nothing can be set.
    Unfit,
}

impl FileFault {
    /// The code of the cases that it spoils.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Failed => "file-not-written",
            Self::Differs => "file-differs",
            Self::Unfit => "file-unfit",
        }
    }
}
