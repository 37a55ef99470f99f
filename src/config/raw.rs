//! Files as they are written: every key optional, every unknown key refused, every value with its place.
//!
//! Missing keys are optional here so that the checks can name all of them at once. Not here: what values mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

mod licences;
mod lift;
mod pbx;
mod peer;
mod suite;
mod witness;

pub(super) use licences::Licences;
pub(super) use lift::{InTurn, Lift};
pub(super) use pbx::{Pbx, Words};
pub(super) use peer::Peer;
pub(super) use suite::{Entry as SuiteEntry, KnownIssue, Notify, Suite};
pub(super) use witness::{Listener, ServerWitness, StatusPage, SyslogDialect, WatchedPage};

pub(super) type Text = Option<Spanned<String>>;

/// A bench file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Bench {
    pub(super) kind: Text,
    pub(super) bench: Option<Spanned<Head>>,
    pub(super) network: Option<Spanned<Network>>,
    pub(super) syslog: Option<Spanned<Listener>>,
    pub(super) action_uri: Option<Spanned<Listener>>,
    #[serde(default)]
    pub(super) server: Vec<Spanned<Server>>,
    #[serde(default)]
    pub(super) phone: Vec<Spanned<Phone>>,
    #[serde(default)]
    pub(super) pbx: BTreeMap<Spanned<String>, Spanned<Pbx>>,
    pub(super) provisioning: Option<Spanned<Provisioning>>,
    pub(super) licences: Option<Spanned<Licences>>,
    #[serde(default)]
    pub(super) peer: Vec<Spanned<Peer>>,
    #[serde(default)]
    pub(super) timers: TimerOverrides,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Head {
    pub(super) name: Text,
    pub(super) kind: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Network {
    pub(super) phone_side: Text,
    pub(super) server_side: Text,
    pub(super) bridge: Text,
    pub(super) probe_address: Text,
    pub(super) probe_interface: Text,
    pub(super) vlan: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) protected: Vec<Spanned<String>>,
    pub(super) capture_size: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Server {
    pub(super) name: Text,
    pub(super) role: Text,
    #[serde(default)]
    pub(super) addresses: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) services: BTreeMap<String, Vec<Spanned<i64>>>,
    #[serde(default)]
    pub(super) names: Vec<Spanned<String>>,
    pub(super) gateway: Text,
    pub(super) hook: Option<Spanned<Hook>>,
    pub(super) witness: Option<Spanned<ServerWitness>>,
}

/// Where the phones' own files are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Provisioning {
    pub(super) base: Text,
    pub(super) folder: Text,
    pub(super) put: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) limit: Text,
}

/// Commands of a server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Hook {
    pub(super) stop: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) start: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) limit: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Phone {
    pub(super) name: Text,
    pub(super) model: Text,
    pub(super) mac: Text,
    pub(super) routed: Option<Spanned<bool>>,
    pub(super) address: Text,
    #[serde(default)]
    pub(super) addresses: Vec<Spanned<String>>,
    pub(super) extension: Text,
    pub(super) primary: Text,
    pub(super) backup: Text,
    pub(super) domain: Text,
    pub(super) auth_user: Text,
    pub(super) password_file: Text,
    pub(super) pin_file: Text,
    #[serde(default)]
    pub(super) line: Vec<Spanned<Line>>,
    pub(super) console: Option<Spanned<Console>>,
    pub(super) keypad: Option<Spanned<Keypad>>,
    pub(super) push: Option<Spanned<Push>>,
    pub(super) status_page: Option<Spanned<WatchedPage>>,
    #[serde(default)]
    pub(super) timers: TimerOverrides,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Line {
    pub(super) extension: Text,
    pub(super) registers: Option<bool>,
    pub(super) primary: Text,
    pub(super) backup: Text,
    pub(super) proxy: Text,
    pub(super) backup_proxy: Text,
    pub(super) domain: Text,
    pub(super) auth_user: Text,
    pub(super) password_file: Text,
    pub(super) pin_file: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Console {
    pub(super) port: Text,
    pub(super) baud: Option<Spanned<i64>>,
    pub(super) user: Text,
    pub(super) password_file: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Keypad {
    pub(super) kind: Text,
    pub(super) port: Option<Spanned<KeypadPort>>,
    pub(super) unit: Option<Spanned<i64>>,
    pub(super) user: Text,
    pub(super) password_file: Text,
}

/// A serial port, or a TCP port of the phone.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected the path of a serial port, or the number of a TCP port")]
pub(super) enum KeypadPort {
    Serial(String),
    Tcp(i64),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Push {
    pub(super) port: Option<Spanned<i64>>,
}

/// Timers of a bench file: plain values.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TimerOverrides {
    pub(super) expires: Text,
    pub(super) transaction: Text,
    pub(super) renewal_lead: Text,
    pub(super) retry_timeout: Text,
    pub(super) retry_rejected: Text,
}

/// A model file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Model {
    pub(super) name: Text,
    pub(super) title: Text,
    pub(super) extends: Text,
    pub(super) failback: Option<Spanned<Failback>>,
    pub(super) keeps_both: Option<Spanned<bool>>,
    pub(super) registration: Text,
    pub(super) keep_alive: Option<Spanned<ModelTimer>>,
    #[serde(default)]
    pub(super) timers: ModelTimers,
    pub(super) console: Option<Spanned<Dialect>>,
    pub(super) status_page: Option<Spanned<StatusPage>>,
    pub(super) syslog: Option<Spanned<SyslogDialect>>,
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) unwired: Vec<Spanned<String>>,
    pub(super) xml_names: Text,
    #[serde(default)]
    pub(super) xml_keys: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) key_url: Option<Spanned<KeyUrl>>,
    #[serde(default)]
    pub(super) url_keys: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) typed_keys: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) key_codes: BTreeMap<Spanned<String>, Spanned<i64>>,
    pub(super) confirmed_by: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) pressing: Pressing,
    #[serde(default)]
    pub(super) groups: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    pub(super) assignable: Option<Assignable>,
    #[serde(default)]
    pub(super) menus: BTreeMap<String, Spanned<Vec<Spanned<String>>>>,
}

/// Requests that press keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct KeyUrl {
    pub(super) press: Text,
    pub(super) hold: Text,
    pub(super) allow: Text,
}

/// How keys want to be pressed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Pressing {
    pub(super) hold: Text,
    pub(super) gap: Text,
    pub(super) long: Text,
}

/// How many keys can be given a meaning.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Assignable {
    pub(super) programmable: Option<Spanned<i64>>,
    pub(super) soft: Option<Spanned<i64>>,
    pub(super) top_soft: Option<Spanned<i64>>,
    pub(super) expansion_modules: Option<Spanned<i64>>,
}

/// What makes a phone on the backup try the primary again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Failback {
    Renewal,
    Poll(Spanned<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ModelTimers {
    pub(super) expires: Option<Spanned<ModelTimer>>,
    pub(super) transaction: Option<Spanned<ModelTimer>>,
    pub(super) renewal_lead: Option<Spanned<ModelTimer>>,
    pub(super) retry_timeout: Option<Spanned<ModelTimer>>,
    pub(super) retry_rejected: Option<Spanned<ModelTimer>>,
}

/// Timers of a model: a value and how it is known.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ModelTimer {
    pub(super) value: Text,
    pub(super) source: Text,
}

/// The console section of a model file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Dialect {
    pub(super) line_ending: Text,
    pub(super) prompt: Text,
    pub(super) status_command: Text,
    pub(super) identity_command: Text,
    pub(super) mac: Text,
    pub(super) firmware: Text,
    pub(super) registered: Text,
    pub(super) unregistered: Text,
    pub(super) gave_up: Text,
    pub(super) key: Text,
    pub(super) status_shown: Text,
    pub(super) shown_account: Text,
    pub(super) display: Text,
    pub(super) lamp: Text,
    pub(super) local_settings: Text,
    pub(super) booting: Text,
    pub(super) ready: Text,
    pub(super) fatal: Option<Vec<Spanned<String>>>,
    pub(super) byte_gap: Text,
    pub(super) quiet_before_typing: Text,
    pub(super) login: Option<Spanned<Login>>,
    #[serde(default)]
    pub(super) commands: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) says: BTreeMap<String, Spanned<String>>,
}

/// How a console asks who is there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Login {
    pub(super) user_prompt: Text,
    pub(super) password_prompt: Text,
    pub(super) user: Text,
}

/// A scenario file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Scenario {
    pub(super) name: Text,
    pub(super) title: Text,
    pub(super) proves: Text,
    pub(super) tried_on: Text,
    pub(super) pace: Text,
    pub(super) start: Text,
    pub(super) caller: Text,
    pub(super) callee: Text,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) load: bool,
    pub(super) watch: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) limit: Vec<Spanned<Limit>>,
    #[serde(default)]
    pub(super) step: Vec<Spanned<Step>>,
    #[serde(default)]
    pub(super) teardown: Vec<Spanned<Step>>,
    pub(super) teardown_limit: Text,
}

/// The most that a measurement may be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limit {
    pub(super) measurement: Text,
    pub(super) at_most: Option<Spanned<Most>>,
    pub(super) blame: Text,
}

/// A count, or a time.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a count, or a time as \"10m\"")]
pub(super) enum Most {
    Count(i64),
    Time(String),
}

/// Phones that take a step: a side of each pair, or those of a model.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected \"callers\", \"callees\", or `{ model = \"…\" }`")]
pub(super) enum Only {
    Party(String),
    Model { model: String },
}

/// A limit that a document admits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DocumentedLimit {
    pub(super) code: Text,
    pub(super) says: Text,
}

/// A step: exactly one of `expect`, `keys`, `press`, `dial`, `push`, `restart`, `configure`, `display`, `call`, `pbx`,
/// `outage`, `lift`, `wait` and `repeat`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Step {
    pub(super) title: Text,
    pub(super) optional: Option<bool>,
    pub(super) expect: Text,
    pub(super) keys: Text,
    pub(super) press: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) reboots: Option<Spanned<bool>>,
    pub(super) confirm: Text,
    pub(super) dial: Text,
    pub(super) push: Text,
    pub(super) restart: Option<Spanned<bool>>,
    pub(super) configure: Option<Spanned<BTreeMap<Spanned<String>, Spanned<SettingValue>>>>,
    pub(super) display: Text,
    pub(super) ask: Text,
    pub(super) limit: Text,
    pub(super) documented_limit: Option<Spanned<DocumentedLimit>>,
    pub(super) call: Text,
    pub(super) pbx: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
    pub(super) outage: Option<Spanned<Outage>>,
    pub(super) lift: Option<Spanned<Lift>>,
    pub(super) wait: Text,
    pub(super) meet: Option<Spanned<bool>>,
    pub(super) only: Option<Spanned<Only>>,
    pub(super) repeat: Option<Spanned<i64>>,
    /// What is repeated.
    #[serde(default)]
    pub(super) step: Vec<Spanned<Step>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Outage {
    pub(super) mode: Text,
    pub(super) server: Text,
    pub(super) shared: Option<Spanned<bool>>,
    pub(super) scope: Text,
    pub(super) address: Text,
    pub(super) ports: Option<Spanned<Vec<Spanned<i64>>>>,
    pub(super) transport: Text,
    pub(super) only: Option<Spanned<Messages>>,
    pub(super) phones: Text,
    pub(super) one_way: Text,
    pub(super) at: Text,
    pub(super) code: Option<Spanned<i64>>,
    pub(super) retry_after: Text,
    pub(super) redirect: Text,
    pub(super) loss: Text,
    pub(super) burst: Option<Spanned<i64>>,
    pub(super) delay: Text,
    pub(super) jitter: Text,
    pub(super) reorder: Text,
    pub(super) duplicate: Text,
    pub(super) rate: Option<Spanned<i64>>,
    pub(super) seed: Option<Spanned<i64>>,
    pub(super) away: Text,
    pub(super) back: Text,
    pub(super) over: Text,
    pub(super) refuse: Text,
    pub(super) silent: Text,
    pub(super) starting: Text,
    pub(super) side: Text,
    pub(super) failure: Text,
    pub(super) limit: Text,
}

/// A value as people write it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a whole number")]
pub(super) enum SettingValue {
    Number(i64),
    Text(String),
}

/// SIP messages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Messages {
    pub(super) method: Text,
    pub(super) status: Option<Spanned<i64>>,
    pub(super) nth: Option<Spanned<i64>>,
    pub(super) refresh: Option<bool>,
    pub(super) call_id: Text,
}
