//! `--set KEY=VALUE`: changes to a bench file from the command line, made before it is checked.

use std::{fmt, str::FromStr};

/// One override, as `timers.expires=10m` or `phone.p1.timers.transaction=8s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The path of keys; entries of array tables go by their name.
    pub key: String,
    /// A TOML value, or text without quotes.
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(Self { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err(format!("`{text}` is not KEY=VALUE; write it as `timers.expires=10m`")),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}
