//! Settings of the PBX, as a bench file has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::Text;

/// Program and arguments.
pub(in crate::config) type Words = Spanned<Vec<Spanned<String>>>;

/// A setting.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Pbx {
    pub(in crate::config) set: Option<Spanned<BTreeMap<Spanned<String>, Words>>>,
    pub(in crate::config) read: Option<Spanned<PbxRead>>,
    pub(in crate::config) limit: Text,
}

/// How it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct PbxRead {
    pub(in crate::config) command: Option<Words>,
    pub(in crate::config) pattern: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
}
