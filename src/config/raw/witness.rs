//! Further witnesses, as they are written.

use serde::Deserialize;
use toml::Spanned;

use super::Text;

/// The status page of a model.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct StatusPage {
    pub(in crate::config) path: Text,
    pub(in crate::config) account: Text,
    pub(in crate::config) extension: Text,
    pub(in crate::config) status: Text,
    pub(in crate::config) registered: Text,
    pub(in crate::config) backup: Text,
    pub(in crate::config) on_backup: Text,
    pub(in crate::config) server: Text,
}

/// The status page of a phone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct WatchedPage {
    pub(in crate::config) port: Option<Spanned<i64>>,
    pub(in crate::config) user: Text,
    pub(in crate::config) password_file: Text,
    pub(in crate::config) every: Text,
}

/// The list of a server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct ServerWitness {
    pub(in crate::config) command: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) http: Text,
    pub(in crate::config) pattern: Text,
    pub(in crate::config) every: Text,
    pub(in crate::config) limit: Text,
}

/// Where phones send their syslog, or call when something happens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct Listener {
    pub(in crate::config) address: Text,
    pub(in crate::config) port: Option<Spanned<i64>>,
}

/// How the syslog of a model speaks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::config) struct SyslogDialect {
    pub(in crate::config) registered: Text,
    pub(in crate::config) unregistered: Text,
}
