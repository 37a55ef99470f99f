//! What phones are told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a phone can be told by its XML interface (`Command:` of an `ExecuteItem`; Aastra XML guide PA-001011-03-04,
/// page 151). Each makes it boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushCommand {
    /// Boot, once it is idle.
    Reset,
    /// Boot at once, and skip the boot loader.
    FastReboot,
    /// Remove the local configuration, and boot.
    ClearLocal,
}

impl PushCommand {
    /// All of them with their words in scenario files.
    pub const WORDS: [(&str, Self); 3] =
        [("reset", Self::Reset), ("fast-reboot", Self::FastReboot), ("clear-local", Self::ClearLocal)];
}

impl fmt::Display for PushCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, command)| command == self).map_or("", |(word, _)| *word);
        f.pad(word)
    }
}
