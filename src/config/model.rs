//! A phone model: what is known of a phone type. Data, one short TOML file per type in `rig/models/`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    bench::Keypad,
    witness::{StatusPage, SyslogDialect},
};
use crate::event::{KeyName, Stroke};

mod keys;
mod pressing;

pub use keys::{Assignable, KeyGroup, KeyUrl, XmlNames};
pub use pressing::{Pressing, Sign};

/// A checked phone model: its patterns compile, its menus use keys that it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its name, as phones refer to it: `aastra-6731i`.
    pub name: String,
    /// Maker and type, for people: `Aastra 6731i`.
    pub title: String,
    /// Its timers, before the bench file's overrides.
    pub timers: Timers,
    /// What makes it try the primary again while it is on the backup.
    pub failback: FailbackHabit,
    /// It keeps its registration at the backup alive after returning, by design.
    pub keeps_both: bool,
    /// How often it sends something to the server that it is registered at, to keep a path open; none: it does not, or
    /// nobody knows.
    #[serde(default)]
    pub keep_alive: Option<Timer<Duration>>,
    /// How its console speaks; none: the type has no known console.
    pub console: Option<Dialect>,
    /// The page of its web interface that tells of its accounts; none: it has none, or nobody knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_page: Option<StatusPage>,
    /// How its syslog speaks of registrations; none: it sends none, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<SyslogDialect>,
    /// Its keys: name to matrix position `row.column` of a KP1 board.
    pub keys: BTreeMap<KeyName, String>,
    /// Its keys that no board can be wired to, as those on a touch screen.
    #[serde(default)]
    pub unwired: BTreeSet<KeyName>,
    /// The rule by which its keys are named in its XML interface; none: it has no such interface.
    #[serde(default)]
    pub xml_names: Option<XmlNames>,
    /// Names of its keys in the XML interface, those of the rule included: `Key:PrgKey1`.
    #[serde(default)]
    pub xml_keys: BTreeMap<KeyName, String>,
    /// How its keys are pressed by requests to its web interface; none: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_url: Option<KeyUrl>,
    /// What its keys are called in such a request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub url_keys: BTreeMap<KeyName, String>,
    /// What is typed on its console in the place of keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub typed_keys: BTreeMap<KeyName, String>,
    /// Its keys' numbers in Linux input events (`KEY_*` of linux/input-event-codes.h).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub key_codes: BTreeMap<KeyName, u16>,
    /// What shows that a key has arrived, any of these; empty: the key itself, where the console tells of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed_by: Vec<Sign>,
    /// How its keys want to be pressed.
    #[serde(default, skip_serializing_if = "Pressing::is_usual")]
    pub pressing: Pressing,
    /// What kind of key each one is.
    #[serde(default)]
    pub groups: BTreeMap<KeyName, KeyGroup>,
    /// How many keys can be given a meaning in its configuration files.
    #[serde(default)]
    pub assignable: Assignable,
    /// Key sequences by what they bring up: `registration-status`.
    pub menus: BTreeMap<String, Vec<Stroke>>,
}

impl Model {
    /// A phone of which nothing is known, which is what a model that extends nothing starts from. Its timers are those
    /// that RFC 3261 implies.
    pub fn unknown() -> Self {
        const fn assumed<T>(value: T) -> Timer<T> {
            Timer { value, source: Source::Assumed }
        }
        Self {
            name: String::new(),
            title: String::new(),
            timers: Timers {
                // RFC 3261 section 10.2.1.1: an hour, where the registrar chooses.
                expires: assumed(Duration::from_secs(3600)),
                // RFC 3261 section 17.1.2.2: timer F, 64 × T1.
                transaction: assumed(Duration::from_secs(32)),
                renewal_lead: assumed(RenewalLead::Percent(10.0)),
                retry_timeout: assumed(Duration::from_secs(120)),
                retry_rejected: assumed(Duration::from_secs(1800)),
            },
            failback: FailbackHabit::Renewal,
            keeps_both: false,
            keep_alive: None,
            console: None,
            status_page: None,
            syslog: None,
            keys: BTreeMap::new(),
            unwired: BTreeSet::new(),
            xml_names: None,
            xml_keys: BTreeMap::new(),
            key_url: None,
            url_keys: BTreeMap::new(),
            typed_keys: BTreeMap::new(),
            key_codes: BTreeMap::new(),
            confirmed_by: Vec::new(),
            pressing: Pressing::default(),
            groups: BTreeMap::new(),
            assignable: Assignable::default(),
            menus: BTreeMap::new(),
        }
    }

    /// How it registers, in a word.
    pub fn registration(&self) -> RegistrationHabit {
        match self.failback {
            _ if self.keeps_both => RegistrationHabit::Concurrent,
            FailbackHabit::Poll(_) => RegistrationHabit::KeepAlive,
            FailbackHabit::Renewal => RegistrationHabit::Serial,
        }
    }

    /// What shows that a key has arrived.
    pub fn signs(&self) -> Vec<Sign> {
        if self.confirmed_by.is_empty() { vec![Sign::Key] } else { self.confirmed_by.clone() }
    }

    /// All its keys, each once, by whatever they can be pressed.
    pub fn all_keys(&self) -> BTreeSet<KeyName> {
        let named = self.url_keys.keys().chain(self.typed_keys.keys()).chain(self.key_codes.keys());
        self.keys.keys().chain(&self.unwired).chain(named).cloned().collect()
    }

    /// Whether that keypad can press this key.
    pub fn can_press(&self, keypad: &Keypad, key: &KeyName) -> bool {
        match keypad {
            Keypad::Kp1 { .. } => self.keys.contains_key(key),
            Keypad::Xml => self.xml_keys.contains_key(key),
            Keypad::Url { .. } => self.url_keys.contains_key(key),
            Keypad::Console => self.typed_keys.contains_key(key),
            Keypad::Evdev { .. } => self.key_codes.contains_key(key),
        }
    }

    /// Whether that keypad can do what a stroke asks for beside its keys: to hold them, or several of them at once.
    pub fn can_hold(&self, keypad: &Keypad, stroke: &Stroke) -> bool {
        match keypad {
            Keypad::Kp1 { .. } | Keypad::Evdev { .. } => true,
            Keypad::Xml | Keypad::Console => !stroke.is_special(),
            Keypad::Url { .. } => {
                let holds = self.key_url.as_ref().is_some_and(|url| url.hold.is_some());
                !stroke.is_special() || (holds && stroke.keys().len() == 1)
            }
        }
    }
}

/// How a phone with several servers registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationHabit {
    /// At one server; each renewal tries the primary first.
    Serial,
    /// At all servers at once.
    Concurrent,
    /// At one server, and it watches the primary while it is elsewhere.
    KeepAlive,
}

/// The timers that decide when a phone moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timers {
    /// Lifetime asked for; what the server grants is read from the wire.
    pub expires: Timer<Duration>,
    /// How long a request may go unanswered before the server counts as dead.
    pub transaction: Timer<Duration>,
    /// How long before expiry the phone renews.
    pub renewal_lead: Timer<RenewalLead>,
    /// Pause after both servers timed out.
    pub retry_timeout: Timer<Duration>,
    /// Pause after a rejection.
    pub retry_rejected: Timer<Duration>,
}

/// A timer's value and where it is from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timer<T> {
    /// The value.
    pub value: T,
    /// Where it is from.
    pub source: Source,
}

/// Where a timer's value is from. An assumed one is said beside every verdict that rests on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The bench file or `--set`.
    Configured,
    /// A manual, by the model file.
    Manual,
    /// A measurement, by the model file.
    Measured,
    /// Nobody knows.
    Assumed,
}

/// How long before expiry a phone renews.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewalLead {
    /// A fixed time before expiry.
    Span(#[serde(with = "super::duration")] Duration),
    /// A share of the granted lifetime, in percent: 10 means at 90 % of it.
    Percent(f64),
}

impl RenewalLead {
    /// The lead for a granted lifetime.
    pub fn of(self, granted: Duration) -> Duration {
        match self {
            Self::Span(span) => span.min(granted),
            Self::Percent(percent) => granted.mul_f64((percent / 100.0).clamp(0.0, 1.0)),
        }
    }
}

/// What makes a phone on the backup try the primary again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailbackHabit {
    /// Every renewal tries the primary first.
    Renewal,
    /// It polls the primary at this interval.
    Poll(#[serde(with = "super::duration")] Duration),
}

/// How a console asks who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginDialogue {
    /// Matches the prompt for a name.
    pub user_prompt: String,
    /// Matches the prompt for its password; none: there is none.
    pub password_prompt: Option<String>,
    /// The name that is given unless the bench file says another.
    pub user: Option<String>,
}

/// How a console speaks. Every pattern is a regular expression over one line without control sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dialect {
    /// Line ending that the phone expects.
    pub line_ending: String,
    /// Matches the prompt, which comes without a line ending.
    pub prompt: Option<String>,
    /// Command that prints the registration status.
    pub status_command: Option<String>,
    /// Command that prints who the phone is: what [`mac`](Self::mac) and [`firmware`](Self::firmware) read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_command: Option<String>,
    /// In a line, its MAC address: group `mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// In a line, its firmware: group `firmware`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// A line that says where an account is registered: groups `extension` and `server` (an address).
    pub registered: Option<String>,
    /// A line that says that an account is registered nowhere: group `extension`.
    pub unregistered: Option<String>,
    /// A line that says that the phone gives a server up: groups `extension` and `server`.
    pub gave_up: Option<String>,
    /// A line that shows that a key arrived: group `key` (a name of the model's key table).
    pub key: Option<String>,
    /// A line that shows that the registration status is on the display.
    pub status_shown: Option<String>,
    /// Within such a line, each account that it shows as registered: groups `extension` and `server` (an address).
    #[serde(default)]
    pub shown_account: Option<String>,
    /// A line that tells of a change of the display; group `text`: what it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// A line that tells of a lamp; groups `name` and `state`, if there are any: which, and how it burns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lamp: Option<String>,
    /// A line that tells of the settings that were made on the phone itself; group `count`: `none`, or how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_settings: Option<String>,
    /// A line that a phone writes while it comes up and takes no keys yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booting: Option<String>,
    /// A line that says that it has come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// Lines that mean that the phone rebooted or crashed.
    pub fatal: Vec<String>,
    /// Bytes are typed one at a time, each so long after the last; none: as fast as the line carries them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::duration::option")]
    pub byte_gap: Option<Duration>,
    /// A line is begun to be typed when the phone has been silent for so long; none: at once.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::duration::option")]
    pub quiet_before_typing: Option<Duration>,
    /// How it asks who is there; none: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginDialogue>,
    /// What is typed to have it do something, by what that is: `dial` = `/dial {number}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, String>,
    /// What it says when something happens, by what that is: patterns for whoever waits for `call-established`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<String, String>,
}
