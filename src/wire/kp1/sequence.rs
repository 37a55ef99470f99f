//! Key sequences: what `S`, `D` and `U` say about keys.

use std::{fmt, str::FromStr};

use super::{BadFrame, number};

/// A place in the key matrix, counted from 0; printed as `row.column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Row.
    pub row: u8,
    /// Column.
    pub column: u8,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.row, self.column)
    }
}

impl FromStr for Key {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        text.split_once('.')
            .and_then(|(row, column)| Some(Self { row: number(row, 0, 255)?, column: number(column, 0, 255)? }))
            .ok_or(BadFrame::Meaning("a key is written row.column"))
    }
}

/// Keys that go down together, at least one; printed as `3.0+3.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chord(Vec<Key>);

impl Chord {
    /// One key.
    pub fn single(key: Key) -> Self {
        Self(vec![key])
    }

    /// Several keys; none if there is none, or one twice.
    pub fn of(keys: Vec<Key>) -> Option<Self> {
        let unique = keys.iter().enumerate().all(|(index, key)| !keys[..index].contains(key));
        (!keys.is_empty() && unique).then_some(Self(keys))
    }

    /// The keys, as written.
    pub fn keys(&self) -> &[Key] {
        &self.0
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            write!(f, "{}{key}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

impl FromStr for Chord {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let keys = text.split('+').map(str::parse).collect::<Result<_, _>>()?;
        Self::of(keys).ok_or(BadFrame::Meaning("a chord names no key twice"))
    }
}

/// What a board plays: `hold,gap items…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// How long a tap holds its keys, in milliseconds, unless it says otherwise; 1 to 60 000.
    pub hold_ms: u16,
    /// Pause after each tap, in milliseconds; at most 60 000.
    pub gap_ms: u16,
    /// What is done, in order; at least one item.
    pub items: Vec<Item>,
}

/// One item of a [`Sequence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `1.1`, `2.0:1500`, `3.0+3.2:200`: keys down, hold, keys up, gap.
    Tap {
        /// The keys.
        keys: Chord,
        /// Its own hold in milliseconds, 1 to 60 000.
        hold_ms: Option<u16>,
    },
    /// `~400`: a pause in milliseconds, at most 60 000.
    Pause {
        /// How long.
        ms: u16,
    },
    /// `+0.0`: keys down, and on to the next item at once.
    Press(Chord),
    /// `-0.0`: keys up, and on to the next item at once.
    Release(Chord),
}

impl Sequence {
    /// Hold and gap that phones take for a finger's, in milliseconds.
    pub const DEFAULT_MS: u16 = 80;

    /// How long the board plays it, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.items
            .iter()
            .map(|item| match item {
                Item::Tap { hold_ms, .. } => u64::from(hold_ms.unwrap_or(self.hold_ms)) + u64::from(self.gap_ms),
                Item::Pause { ms } => u64::from(*ms),
                Item::Press(_) | Item::Release(_) => 0,
            })
            .sum()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.hold_ms, self.gap_ms)?;
        self.items.iter().try_for_each(|item| write!(f, " {item}"))
    }
}

impl FromStr for Sequence {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let mut words = text.split(' ');
        let (hold_ms, gap_ms) = words
            .next()
            .and_then(|times| times.split_once(','))
            .and_then(|(hold, gap)| Some((number(hold, 1, 60_000)?, number(gap, 0, 60_000)?)))
            .ok_or(BadFrame::Meaning("a sequence begins with hold,gap"))?;
        let items = words.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Err(BadFrame::Meaning("a sequence has at least one item"));
        }
        Ok(Self { hold_ms, gap_ms, items })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tap { keys, hold_ms: None } => write!(f, "{keys}"),
            Self::Tap { keys, hold_ms: Some(ms) } => write!(f, "{keys}:{ms}"),
            Self::Pause { ms } => write!(f, "~{ms}"),
            Self::Press(keys) => write!(f, "+{keys}"),
            Self::Release(keys) => write!(f, "-{keys}"),
        }
    }
}

impl FromStr for Item {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let wrong = BadFrame::Meaning("time of an item");
        if let Some(ms) = text.strip_prefix('~') {
            Ok(Self::Pause { ms: number(ms, 0, 60_000).ok_or(wrong)? })
        } else if let Some(keys) = text.strip_prefix('+') {
            Ok(Self::Press(keys.parse()?))
        } else if let Some(keys) = text.strip_prefix('-') {
            Ok(Self::Release(keys.parse()?))
        } else if let Some((keys, ms)) = text.split_once(':') {
            Ok(Self::Tap { keys: keys.parse()?, hold_ms: Some(number(ms, 1, 60_000).ok_or(wrong)?) })
        } else {
            Ok(Self::Tap { keys: text.parse()?, hold_ms: None })
        }
    }
}
