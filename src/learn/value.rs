//! What was measured, how often and how exactly; or why it was not.

use std::time::Duration;

use crate::{config::RenewalLead, engine::registration::Fix};

/// A timer or habit as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// The run shows it.
    Measured(Measured<T>),
    /// The run does not, for this reason.
    Unknown(String),
}

/// What a run shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured<T> {
    /// The value; of several the one in the middle.
    pub value: T,
    /// How often it was seen.
    pub times: usize,
    /// From the least to the most that was seen, where it is a time.
    pub spread: Option<(Duration, Duration)>,
    /// How far each of them may be off.
    pub error: Duration,
    /// Numbers of the records that show it.
    pub evidence: Vec<u64>,
    /// What else is to be said; empty: nothing.
    pub note: String,
}

/// One time that was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) value: Duration,
    pub(super) error: Duration,
    pub(super) evidence: Vec<u64>,
}

impl Sample {
    /// The time from one record to another.
    pub(super) fn between(from: Fix, to: Fix) -> Self {
        Self {
            value: to.when.at.since(from.when.at),
            error: Duration::from_nanos(from.when.error_ns + to.when.error_ns),
            evidence: vec![from.seq, to.seq],
        }
    }
}

impl<T> Known<T> {
    /// Not known, and why.
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    /// What was measured, if it was.
    pub fn measured(&self) -> Option<&Measured<T>> {
        match self {
            Self::Measured(measured) => Some(measured),
            Self::Unknown(_) => None,
        }
    }

    /// Whether it was.
    pub fn is_measured(&self) -> bool {
        self.measured().is_some()
    }

    /// The same in another form.
    pub(super) fn map<U>(self, form: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Measured(Measured { value, times, spread, error, evidence, note }) => {
                Known::Measured(Measured { value: form(value), times, spread, error, evidence, note })
            }
            Self::Unknown(why) => Known::Unknown(why),
        }
    }

    /// With a remark.
    pub(super) fn noted(mut self, remark: impl Into<String>) -> Self {
        if let Self::Measured(measured) = &mut self {
            measured.note = remark.into();
        }
        self
    }
}

impl Known<Duration> {
    /// What these samples come to; without any it is not known, and why.
    pub(super) fn of(samples: &[Sample], why_not: &str) -> Self {
        let mut values: Vec<Duration> = samples.iter().map(|sample| sample.value).collect();
        values.sort_unstable();
        let (Some(least), Some(most)) = (values.first(), values.last()) else { return Self::unknown(why_not) };
        Self::Measured(Measured {
            value: to_millis(values[(values.len() - 1) / 2]),
            times: values.len(),
            spread: Some((*least, *most)),
            error: samples.iter().map(|sample| sample.error).max().unwrap_or_default(),
            evidence: samples.iter().flat_map(|sample| sample.evidence.iter().copied()).collect(),
            note: String::new(),
        })
    }
}

/// To a millisecond, which is what people write in a model file.
fn to_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from((span.as_micros() + 500) / 1000).unwrap_or(u64::MAX))
}

/// Whether two times are the same timer: within a twentieth of it, or a quarter of a second.
pub(super) fn is_same(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) <= (one.max(other) / 20).max(Duration::from_millis(250))
}

/// Whether a renewal was due so long after a confirmation.
pub(super) fn is_due(after: Duration, granted: Duration, lead: RenewalLead) -> bool {
    let lead = lead.of(granted);
    after.abs_diff(granted.saturating_sub(lead)) <= (lead / 20).max(Duration::from_millis(250))
}

/// `once`, `3 times`.
pub(super) fn often(times: usize) -> String {
    if times == 1 { "once".to_owned() } else { format!("{times} times") }
}
