//! A suite: what a night runs, and which failures of it are known. A TOML file in `rig/suites/`.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::event::PhoneName;

/// A checked suite: its scenarios were read, and no case of it is planned twice but by `repeat` or in another entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Its name, which is also that of its file.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Nothing is begun later than this; none: the night takes what it takes.
    #[serde(default, with = "super::duration::option", skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Duration>,
    /// A case that passes only when it is tried again makes the night fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gate_flaky: bool,
    /// Phones are looked at before anything is run.
    #[serde(default)]
    pub preflight: bool,
    /// Nothing is tried again: what a bench shows that has to be trusted is what it shows at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_retry: bool,
    /// A failure that was not there in the last night is seen once more before it is called new.
    #[serde(default)]
    pub confirm_new: bool,
    /// Phones whose firmware is known to be good: what they fail as well is blamed on no phone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<PhoneName>,
    /// By the name of a model, what the name of its firmware has in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expected_firmware: BTreeMap<String, String>,
    /// What is run, in this order.
    pub entries: Vec<Entry>,
    /// Failures that are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_issues: Vec<KnownIssue>,
    /// Who is told what a night came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
}

/// A command that is handed the message of a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Program and arguments.
    pub command: Vec<String>,
    /// How long it may take.
    #[serde(with = "super::duration")]
    pub limit: Duration,
    /// Of which nights it is told.
    pub when: Occasion,
}

/// Of which nights somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Of each.
    Always,
    /// Where something fails that did not, something does not that did, or the exit code is another than that of the last one.
    Changed,
    /// Of those whose exit code is not 0.
    Failed,
}

/// Scenarios on phones. Each scenario is a run of its own, on all of the phones, unless they are a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Scenarios by name or path, as `siprig run` takes them.
    pub scenarios: Vec<String>,
    /// The phones, in the order of the bench; none: all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<PhoneName>,
    /// Its scenarios are one run, one after the other, in which what is known of a line at the end of one holds for the next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chain: bool,
    /// How often all of it is run, one round after the other.
    pub repeat: u32,
    /// What is dropped when time is short: the highest number first, 1 last.
    pub priority: u8,
    /// Words by which entries are chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The longest that a run may take before it is ended; none: by what is computed for it.
    #[serde(default, with = "super::duration::option", skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Duration>,
    /// How often a run is tried again on the phones that did not pass.
    pub retry: u32,
}

/// A failure that is known, and excused until a certain day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIssue {
    /// Name of the scenario.
    pub scenario: String,
    /// The phone; none: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneName>,
    /// The code that the failure has, as `never-failed-back`. Nothing else is excused.
    pub code: String,
    /// Why it is not mended yet, for people.
    pub reason: String,
    /// The last day on which it is excused.
    pub expires: Day,
}

/// A day, as `2026-12-31`. Days are compared by their text, whose order is theirs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(String);

impl Day {
    /// The day of that name in the calendar; none: there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let date =
            jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        date.ok().map(|date| Self(date.to_string()))
    }

    /// The day in UTC of a time since the Unix epoch.
    pub fn of_unix_ns(unix_ns: i64) -> Self {
        let time = jiff::Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default();
        Self(time.strftime("%Y-%m-%d").to_string())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KnownIssue {
    /// Whether it is about this scenario on this phone.
    pub fn is_about(&self, scenario: &str, phone: &PhoneName) -> bool {
        self.scenario == scenario && self.phone.as_ref().is_none_or(|only| only == phone)
    }
}

impl fmt::Display for KnownIssue {
    /// What it excuses: `failover on p3, never-failed-back`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phone = self.phone.as_ref().map_or("every phone", |phone| &phone.0);
        write!(f, "{} on {phone}, {}", self.scenario, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar_in_its_order() {
        let day = |year, month, day| Day::new(year, month, day).unwrap();
        assert!(day(2026, 9, 30) < day(2026, 10, 1) && day(2026, 12, 31) < day(2027, 1, 1));
        assert_eq!(Day::of_unix_ns(1_795_644_903_000_000_000), day(2026, 11, 25));
        assert_eq!(Day::new(2026, 2, 29), None);
    }
}
