//! How many licences a PBX has left, as a bench file has it.

use serde::Deserialize;
use toml::Spanned;

use super::{Text, Words};

/// The command and its answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Licences {
    pub(in crate::config) command: Option<Words>,
    pub(in crate::config) pattern: Text,
    pub(in crate::config) needed: Option<Spanned<i64>>,
    pub(in crate::config) limit: Text,
}
