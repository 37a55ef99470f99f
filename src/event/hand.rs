//! What operators do to phones by hand, in the middle of a run, and what becomes of it.

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
