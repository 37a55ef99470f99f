//! Durations as people write them: `10m`, `500ms`, `1h 30m`. For `#[serde(with = "…")]`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes a duration as `1m 30s`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&show(*span))
}

/// A duration as it is written: `1m 30s`.
pub fn show(span: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(span)
}

/// Reads a duration; a bare number is refused, as its unit would be a guess.
///
/// # Errors
/// If the text is no duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| D::Error::custom(format!("`{text}` is not a duration; write it as `500ms`, `12s`, `10m`")))
}

/// The same for a duration that may be absent.
pub mod option {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    /// Writes a duration as `1m 30s`, or nothing.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a duration that is there.
    ///
    /// # Errors
    /// If the text is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
