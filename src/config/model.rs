//! A phone model: what is known of a phone type. Data, one short TOML file per type in `rig/models/`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::event::KeyName;

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
    /// How its console speaks; none: the type has no known console.
    pub console: Option<Dialect>,
    /// Its keys: name to matrix position `row.column` of a KP1 board.
    pub keys: BTreeMap<KeyName, String>,
    /// Key sequences by what they bring up: `registration-status`.
    pub menus: BTreeMap<String, Vec<KeyName>>,
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

/// How a console speaks. Every pattern is a regular expression over one line without control sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dialect {
    /// Line ending that the phone expects.
    pub line_ending: String,
    /// Matches the prompt, which comes without a line ending.
    pub prompt: Option<String>,
    /// Command that prints the registration status.
    pub status_command: Option<String>,
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
    /// Lines that mean that the phone rebooted or crashed.
    pub fatal: Vec<String>,
}
