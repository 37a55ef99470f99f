//! What operators do to phones by hand, in the middle of a run, and what becomes of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Stroke;

/// What an operator wants done to a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hand {
    /// Keys are pressed. A digit that may be one of a PIN is a placeholder: no record says which it was.
    Press(Stroke),
    /// A line is typed on its console. One that is a secret is a placeholder.
    Type(String),
    /// A control character is typed on its console, without a line ending.
    Control(Control),
}

/// A control character, by the key that is pressed with Ctrl: `c` is 0x03, `[` is Escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Control(char);

impl Control {
    /// That of a key, if there is one.
    pub const fn of(key: char) -> Option<Self> {
        match key {
            'a'..='z' | '[' | '\\' | ']' => Some(Self(key)),
            _ => None,
        }
    }

    /// The byte.
    pub const fn byte(self) -> u8 {
        self.0 as u8 & 0x1f
    }
}

impl TryFrom<char> for Control {
    type Error = String;

    fn try_from(key: char) -> Result<Self, String> {
        Self::of(key).ok_or_else(|| format!("`{key}` is no control character's key"))
    }
}

impl From<Control> for char {
    fn from(control: Control) -> Self {
        control.0
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctrl-{}", self.0)
    }
}

/// What became of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was ordered.
    Obeyed {
        /// The number of the order, of keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u32>,
    },
    /// It was not.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_the_byte_of_its_key_and_nothing_else_is_one() {
        let bytes = ['c', 'd', 'z', '[', '\\', ']'].map(|key| Control::of(key).unwrap().byte());
        assert_eq!(bytes, [0x03, 0x04, 0x1a, 0x1b, 0x1c, 0x1d]);
        assert!(['C', ' ', '\r', 'ü', '1'].iter().all(|key| Control::of(*key).is_none()));
        assert!(serde_json::from_str::<Control>("\"!\"").is_err());
    }
}
