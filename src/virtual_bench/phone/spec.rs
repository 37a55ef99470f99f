//! What a simulated phone is told before power-on: accounts, timers, keys, and the defects it is to have.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::PhoneDefect;
use crate::{
    config::{Mac, RenewalLead},
    event::KeyName,
    virtual_bench::description::optional_duration,
};

/// A simulated phone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhoneSpec {
    /// Its name, for log lines.
    pub name: String,
    /// Maker and type, as `Aastra 6731i`: what it calls itself.
    #[serde(default = "product")]
    pub product: String,
    /// Its MAC address, shown in the `User-Agent`.
    pub mac: Mac,
    /// Its IP address.
    pub address: IpAddr,
    /// Its SIP port.
    #[serde(default = "sip_port")]
    pub port: u16,
    /// Its keys, as in the model file: name to matrix position `row.column`.
    pub keys: BTreeMap<KeyName, String>,
    /// Its accounts, in the order of its lines.
    #[serde(default)]
    pub lines: Vec<LineSpec>,
    /// Its configuration files. What they set counts more than the fields here.
    #[serde(default)]
    pub provisioning: Provisioning,
    /// What was set on the phone itself, as its `local.cfg` would hold it.
    #[serde(default)]
    pub local: String,
    /// The TFTP server from which it loads these at each boot; none: it has them.
    #[serde(default)]
    pub tftp: Option<IpAddr>,
    /// What it speaks SIP over.
    #[serde(default)]
    pub transport: Transport,
    /// Its timers, before they are clamped to the ranges of the manual.
    #[serde(default)]
    pub timers: PhoneTimers,
    /// What it does where the manual is silent.
    #[serde(default)]
    pub habits: Habits,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<PhoneDefect>,
    /// Seed of everything random about it: tags, branches, Call-IDs, client nonces.
    #[serde(default)]
    pub seed: u64,
    /// From link-up to the first REGISTER.
    #[serde(default = "boot_time", with = "crate::config::duration")]
    pub boot: Duration,
}

/// The configuration files that a phone loads at each boot, as text.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Provisioning {
    /// `aastra.cfg`.
    pub global: String,
    /// `<model>.cfg`.
    pub model: String,
    /// `<MAC>.cfg`.
    pub phone: String,
}

impl std::fmt::Debug for Provisioning {
    /// Leaves the text out, which may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provisioning").finish_non_exhaustive()
    }
}

/// A SIP account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LineSpec {
    /// User part of its address of record.
    pub extension: String,
    /// Domain of its address of record.
    pub domain: String,
    /// User name for digest authentication.
    pub auth_user: String,
    /// Password for digest authentication.
    pub password: String,
    /// `sip registrar ip` and port.
    pub primary: SocketAddr,
    /// `sip backup registrar ip` and port.
    pub backup: Option<SocketAddr>,
}

impl std::fmt::Debug for LineSpec {
    /// Leaves the password out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineSpec")
            .field("extension", &self.extension)
            .field("domain", &self.domain)
            .field("primary", &self.primary)
            .field("backup", &self.backup)
            .finish_non_exhaustive()
    }
}

/// What SIP is carried by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// One connection for each line and server.
    Tcp,
    /// The same, in what looks like TLS from outside (see [`veil`](crate::virtual_bench::veil)).
    Tls,
}

/// The timers of the 6700i, under their names in its configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PhoneTimers {
    /// `sip registration period`: 0 to 2147483647 s. What 0 means is not documented; here it is an hour.
    #[serde(with = "crate::config::duration")]
    pub expires: Duration,
    /// `sip transaction timer`: 4 s to 64 s.
    #[serde(with = "crate::config::duration")]
    pub transaction: Duration,
    /// `sip registration renewal timer`: from 0 to below the period.
    pub renewal_lead: RenewalLead,
    /// `sip T1 timer`: first retransmission interval on UDP.
    #[serde(with = "crate::config::duration")]
    pub t1: Duration,
    /// `sip T2 timer`: longest retransmission interval on UDP.
    #[serde(with = "crate::config::duration")]
    pub t2: Duration,
    /// `sip registration timeout retry timer`: at least 30 s.
    #[serde(with = "crate::config::duration")]
    pub retry_timeout: Duration,
    /// `sip registration retry timer`: 30 s to 1800 s.
    #[serde(with = "crate::config::duration")]
    pub retry_rejected: Duration,
}

impl Default for PhoneTimers {
    fn default() -> Self {
        Self {
            expires: Duration::from_secs(3600),
            transaction: Duration::from_secs(4),
            renewal_lead: RenewalLead::Span(Duration::from_secs(15)),
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            retry_timeout: Duration::from_secs(120),
            retry_rejected: Duration::from_secs(1800),
        }
    }
}

/// What the manual leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Habits {
    /// A 403 counts as a dead server at once; otherwise it is a rejection like any other.
    pub moves_on_403: bool,
    /// A 503 counts as a dead server at once (RFC 3263 section 4.3); otherwise it is a rejection like any other.
    pub moves_on_503: bool,
    /// An ICMP error counts as a dead server at once; otherwise the transaction timer decides. Over UDP.
    pub moves_on_icmp: bool,
    /// What was sent over a connection that is refused, reset or closed is left to the transaction timer; otherwise that
    /// counts as a dead server at once.
    pub waits_out_refusal: bool,
    /// After returning to the primary it removes its binding at the backup; otherwise that is left to lapse.
    pub removes_backup_binding: bool,
    /// A redirection (3xx) of a REGISTER is followed, whatever server it names; otherwise it is a rejection like any other.
    /// The next renewal asks the primary again.
    pub follows_redirect: bool,
    /// On the backup it registers at the primary as well at this interval, and stays there if that is answered; none: it
    /// waits for its next renewal.
    #[serde(with = "optional_duration")]
    pub probe: Option<Duration>,
    /// `sip outbound support: 1`: it renews where it is registered, and asks the primary in the background at the pauses
    /// of RFC 5626 section 4.5.
    pub outbound: bool,
}

impl Habits {
    /// Whether an answer with that status code counts as none, where there is another server to ask.
    pub const fn moves_on(self, code: u16) -> bool {
        matches!((code, self), (403, Self { moves_on_403: true, .. }) | (503, Self { moves_on_503: true, .. }))
    }
}

fn product() -> String {
    "Aastra 6731i".to_owned()
}

const fn sip_port() -> u16 {
    5060
}

const fn boot_time() -> Duration {
    Duration::from_millis(50)
}
