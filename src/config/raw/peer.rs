//! Call partners on the servers' side, as a bench file has them.

use serde::Deserialize;
use toml::Spanned;

use super::{Text, Words};

/// A partner.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Peer {
    pub(in crate::config) name: Text,
    pub(in crate::config) extension: Text,
    pub(in crate::config) address: Text,
    pub(in crate::config) server: Text,
    pub(in crate::config) call: Option<Words>,
    pub(in crate::config) answer: Option<Words>,
    pub(in crate::config) hold: Option<Spanned<String>>,
}
