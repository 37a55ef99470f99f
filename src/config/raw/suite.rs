//! Suites, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use super::Text;

/// A suite file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Suite {
    pub(in crate::config) name: Text,
    pub(in crate::config) description: Text,
    pub(in crate::config) time_limit: Text,
    #[serde(default)]
    pub(in crate::config) gate_flaky: bool,
    pub(in crate::config) preflight: Option<bool>,
    #[serde(default)]
    pub(in crate::config) never_retry: bool,
    pub(in crate::config) confirm_new: Option<bool>,
    pub(in crate::config) controls: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(in crate::config) expected_firmware: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) entry: Vec<Spanned<Entry>>,
    #[serde(default)]
    pub(in crate::config) known_issue: Vec<Spanned<KnownIssue>>,
    pub(in crate::config) notify: Option<Spanned<Notify>>,
}

/// Scenarios on phones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Entry {
    pub(in crate::config) scenarios: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) phones: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(in crate::config) chain: bool,
    pub(in crate::config) repeat: Option<Spanned<i64>>,
    pub(in crate::config) priority: Option<Spanned<i64>>,
    #[serde(default)]
    pub(in crate::config) tags: Vec<Spanned<String>>,
    pub(in crate::config) time_limit: Text,
    pub(in crate::config) retry: Option<Spanned<i64>>,
}

/// Who is told what a night came to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Notify {
    pub(in crate::config) command: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) limit: Text,
    pub(in crate::config) when: Text,
}

/// A failure that is known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct KnownIssue {
    pub(in crate::config) scenario: Text,
    pub(in crate::config) phone: Text,
    pub(in crate::config) code: Text,
    pub(in crate::config) reason: Text,
    pub(in crate::config) expires: Option<Spanned<Datetime>>,
}
