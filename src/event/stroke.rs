//! Strokes: what is done to a phone's keys at a time, as scenarios, orders and people write it.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::KeyName;

/// Longest hold and pause: what a board can time (`docs/kp1.md`).
pub const LONGEST: Duration = Duration::from_secs(60);

/// Most keys that go down together.
pub const MOST_KEYS: usize = 8;

/// One or several keys that go down and up together, or a pause.
///
/// | written | |
/// |---|---|
/// | `options` | a key |
/// | `volup+mute` | a chord: all of them at once |
/// | `goodbye:1500ms`, `goodbye:1.5s` | held that long |
/// | `goodbye:long` | held as long as the model's long press |
/// | `~400ms` | nothing for that long |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stroke {
    /// Keys go down together, and up after the hold.
    Press {
        /// The keys, none twice.
        keys: Vec<KeyName>,
        /// How long they stay down.
        hold: Hold,
    },
    /// Nothing is pressed for a while.
    Pause(Duration),
}

/// How long keys are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hold {
    /// As long as the phone's model says of a press.
    #[default]
    Usual,
    /// As long as it says of a long press.
    Long,
    /// This long.
    For(Duration),
}

/// Why a text is no stroke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrokeError {
    /// A name is missing, or has signs that no name has.
    #[error("`{0}` can not be the name of a key")]
    Name(String),
    /// A chord names a key twice.
    #[error("`{0}` stands twice in one chord")]
    Twice(String),
    /// A chord of more keys than fingers press.
    #[error("a chord of more than {MOST_KEYS} keys")]
    Many,
    /// A time is missing, has no unit, or is out of range.
    #[error("`{0}` is no time from 1ms to 60s")]
    Time(String),
}

impl Stroke {
    /// A key, pressed as usual.
    pub fn key(name: impl Into<KeyName>) -> Self {
        Self::Press { keys: vec![name.into()], hold: Hold::Usual }
    }

    /// The keys that go down; none in a pause.
    pub fn keys(&self) -> &[KeyName] {
        match self {
            Self::Press { keys, .. } => keys,
            Self::Pause(_) => &[],
        }
    }

    /// The key of a stroke that is no more than that.
    pub fn plain(&self) -> Option<&KeyName> {
        match self {
            Self::Press { keys, hold: Hold::Usual } if keys.len() == 1 => keys.first(),
            _ => None,
        }
    }

    /// Whether keys are pressed otherwise than one by one and as usual, which not everything that presses keys can do.
    pub fn is_special(&self) -> bool {
        matches!(self, Self::Press { .. }) && self.plain().is_none()
    }
}

impl From<KeyName> for Stroke {
    fn from(name: KeyName) -> Self {
        Self::key(name)
    }
}

impl From<&str> for Stroke {
    /// A key of this name, whatever it is.
    fn from(name: &str) -> Self {
        Self::key(name)
    }
}

impl fmt::Display for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause(span) => write!(f, "~{}ms", span.as_millis()),
            Self::Press { keys, hold } => {
                let mut text = keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>().join("+");
                match hold {
                    Hold::Usual => {}
                    Hold::Long => text += ":long",
                    Hold::For(span) => text += &format!(":{}ms", span.as_millis()),
                }
                f.pad(&text)
            }
        }
    }
}

impl FromStr for Stroke {
    type Err = StrokeError;

    fn from_str(text: &str) -> Result<Self, StrokeError> {
        if let Some(span) = text.strip_prefix('~') {
            return time(span).map(Self::Pause).ok_or_else(|| StrokeError::Time(span.to_owned()));
        }
        let (names, hold) = match text.split_once(':') {
            None => (text, Hold::Usual),
            Some((names, "long")) => (names, Hold::Long),
            Some((names, span)) => (names, Hold::For(time(span).ok_or_else(|| StrokeError::Time(span.to_owned()))?)),
        };
        let mut keys = Vec::new();
        for name in names.split('+') {
            let key = KeyName(name.to_owned());
            if !is_name(name) {
                return Err(StrokeError::Name(name.to_owned()));
            }
            if keys.contains(&key) {
                return Err(StrokeError::Twice(name.to_owned()));
            }
            keys.push(key);
        }
        if keys.len() > MOST_KEYS { Err(StrokeError::Many) } else { Ok(Self::Press { keys, hold }) }
    }
}

impl Serialize for Stroke {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stroke {
    /// What is no stroke is the name of a key: so it was written before there were others.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or_else(|_| Self::key(text.as_str())))
    }
}

/// Whether a key can have that name in strokes: lower-case letters, digits, `-` and `_`; or a placeholder in braces.
pub fn is_name(name: &str) -> bool {
    let inner = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    !inner.is_empty()
        && inner.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_'))
}

/// `400ms`, `2s`, `1.5s`: whole milliseconds, 1 ms to [`LONGEST`].
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_u64),
        None => (text.strip_suffix('s')?, 1000),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    let dotted = number.contains('.');
    if whole.is_empty()
        || !digits(whole)
        || !digits(part)
        || (dotted && (part.is_empty() || unit == 1))
        || part.len() > 3
    {
        return None;
    }
    let part = if part.is_empty() { 0 } else { format!("{part:0<3}").parse().ok()? };
    let span = Duration::from_millis(whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)?);
    (Duration::from_millis(1)..=LONGEST).contains(&span).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_read_as_they_are_written_and_printed_so_that_they_can_be_read() {
        let press = |keys: &[&str], hold| Stroke::Press { keys: keys.iter().map(|key| (*key).into()).collect(), hold };
        let ms = Duration::from_millis;
        for (text, stroke) in [
            ("options", press(&["options"], Hold::Usual)),
            ("7", press(&["7"], Hold::Usual)),
            ("{pin}", press(&["{pin}"], Hold::Usual)),
            ("volup+mute", press(&["volup", "mute"], Hold::Usual)),
            ("goodbye:1.5s", press(&["goodbye"], Hold::For(ms(1500)))),
            ("goodbye:1500ms", press(&["goodbye"], Hold::For(ms(1500)))),
            ("star+pound:0.05s", press(&["star", "pound"], Hold::For(ms(50)))),
            ("goodbye:long", press(&["goodbye"], Hold::Long)),
            ("~400ms", Stroke::Pause(ms(400))),
            ("~60s", Stroke::Pause(LONGEST)),
        ] {
            let read: Stroke = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read, stroke);
            assert_eq!(read.to_string().parse(), Ok(stroke.clone()));
            let json = serde_json::to_string(&stroke).unwrap();
            assert_eq!(serde_json::from_str::<Stroke>(&json).unwrap(), stroke, "{json}");
        }
    }

    #[test]
    fn what_is_no_stroke_is_said_and_in_an_old_journal_it_is_a_key() {
        for (text, why) in [
            ("", StrokeError::Name(String::new())),
            ("a++b", StrokeError::Name(String::new())),
            ("Options", StrokeError::Name("Options".into())),
            ("a+a", StrokeError::Twice("a".into())),
            ("a+b+c+d+e+f+g+h+i", StrokeError::Many),
            ("a:", StrokeError::Time(String::new())),
            ("a:5", StrokeError::Time("5".into())),
            ("a:61s", StrokeError::Time("61s".into())),
            ("a:1.ss", StrokeError::Time("1.ss".into())),
            ("~0ms", StrokeError::Time("0ms".into())),
            ("~1.2345s", StrokeError::Time("1.2345s".into())),
            ("~.5s", StrokeError::Time(".5s".into())),
            ("~99999999999999999999s", StrokeError::Time("99999999999999999999s".into())),
        ] {
            assert_eq!(text.parse::<Stroke>(), Err(why), "{text}");
        }
        assert_eq!(serde_json::from_str::<Stroke>("\"Vol+\"").unwrap(), Stroke::key("Vol+"));
    }
}
