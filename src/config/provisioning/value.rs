//! Values, of which some are secret, and hosts.

use std::{fmt, net::IpAddr};

use crate::wire::redact;

/// The text of a value. What is secret shows neither in its `Debug` form nor in messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    text: String,
    secret: bool,
}

impl Value {
    /// A value of the parameter of that name (in normal form), which decides whether it is secret.
    pub(super) fn new(name: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), secret: is_secret(name) }
    }

    /// A value that is secret whatever its parameter is called.
    pub fn secret(text: impl Into<String>) -> Self {
        Self { text: text.into(), secret: true }
    }

    /// The value itself, for those who must use it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The value for people: `(hidden)` if it is secret, without passwords that stand in URIs otherwise.
    pub fn shown(&self) -> String {
        if self.secret {
            return "(hidden)".to_owned();
        }
        let text = redact::text(&self.text).into_owned();
        match (text.find("://"), text.find('@')) {
            (Some(scheme), Some(at)) if scheme + 3 < at => format!("{}(hidden){}", &text[..scheme + 3], &text[at..]),
            _ => text,
        }
    }

    /// It must not be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown(), f)
    }
}

/// Whether a parameter of that name holds a secret. Misspelt names must not betray one: a word that resembles one of
/// these is enough.
pub fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 7] = ["password", "passwd", "passcode", "pin", "secret", "psk", "passphrase"];
    let resembles = |word: &str, secret: &str| {
        secret.len() > 4 && word.len().abs_diff(secret.len()) <= 2 && strsim::osa_distance(word, secret) <= 2
    };
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| WORDS.iter().any(|secret| word == *secret || resembles(word, secret)))
}

/// A host as a setting names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Host {
    /// `0.0.0.0`, or nothing: there is none.
    #[default]
    Off,
    /// An address.
    Address(IpAddr),
    /// A name that the phone asks DNS for, in lower case.
    Name(String),
}

impl Host {
    /// Reads an address or a name of letters, digits, `-`, `_` and dots; none if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if text.is_empty() {
            return Some(Self::Off);
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(if address.is_unspecified() { Self::Off } else { Self::Address(address) });
        }
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        // Digits and dots alone are an address with a typing error.
        let name = text.strip_suffix('.').unwrap_or(text);
        let fits = name.len() <= 253 && name.split('.').all(label) && name.contains(|c: char| c.is_ascii_alphabetic());
        fits.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// There is none.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("0.0.0.0"),
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}
