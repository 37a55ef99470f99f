//! Who a board is, and whether it is one that can be spoken to.

use std::{fmt, str::FromStr};

use super::{BadFrame, Chord, hex_word, number};

/// The version of the protocol that is spoken here.
pub const VERSION: u8 = 1;

/// Who a board is: the text of its answer to [`Verb::Hello`](super::Verb::Hello).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The nonce of the greeting.
    pub nonce: u32,
    /// Version of this protocol: 1.
    pub version: u8,
    /// Serial number of the board; no spaces.
    pub serial: String,
    /// Rows of each unit's matrix.
    pub rows: u8,
    /// Columns of each unit's matrix.
    pub columns: u8,
    /// How many phones it serves.
    pub units: u8,
    /// Most items in one sequence.
    pub max_items: u16,
}

/// Why the answer to a greeting does not open the conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It answers another greeting, that was still on the line.
    #[error("the keypad board answered another greeting than ours; is somebody else speaking to it?")]
    Nonce,
    /// It speaks another version.
    #[error("the keypad board speaks KP{0}, this siprig speaks KP{VERSION}; bring both to the same version")]
    Version(u8),
    /// It is no answer to a greeting at all.
    #[error("the keypad board's answer to a greeting is not understood; does it speak KP1 (docs/kp1.md)?")]
    Nonsense,
}

impl Identity {
    /// The board behind an answer to the greeting with this nonce.
    ///
    /// # Errors
    /// If it answers something else, or speaks another version.
    pub fn greeted(text: &str, nonce: u32) -> Result<Self, Misfit> {
        let identity: Self = text.parse().map_err(|_| Misfit::Nonsense)?;
        if identity.nonce != nonce {
            Err(Misfit::Nonce)
        } else if identity.version == VERSION {
            Ok(identity)
        } else {
            Err(Misfit::Version(identity.version))
        }
    }

    /// Whether all keys of a chord are within the matrix of each unit.
    pub fn reaches(&self, keys: &Chord) -> bool {
        keys.keys().iter().all(|key| key.row < self.rows && key.column < self.columns)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nonce, version, serial, rows, columns, units, max_items } = self;
        write!(f, "{nonce:08X} KP{version} {serial} {rows} {columns} {units} {max_items}")
    }
}

impl FromStr for Identity {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let read = || {
            let words: Vec<&str> = text.split(' ').collect();
            let [nonce, version, serial, rows, columns, units, max_items] = words.as_slice() else { return None };
            Some(Self {
                nonce: hex_word(nonce)?,
                version: number(version.strip_prefix("KP")?, 1, 255)?,
                serial: (*serial).to_owned(),
                rows: number(rows, 1, 255)?,
                columns: number(columns, 1, 255)?,
                units: number(units, 1, 255)?,
                max_items: number(max_items, 1, 65_535)?,
            })
        };
        read().ok_or(BadFrame::Meaning("identity"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_our_own_greeting_opens_the_conversation() {
        let text = "0000BEEF KP1 E6614 8 8 2 64";
        assert_eq!(Identity::greeted(text, 0xBEEF).map(|identity| identity.units), Ok(2));
        assert_eq!(Identity::greeted(text, 0xBEE), Err(Misfit::Nonce));
        assert_eq!(Identity::greeted("0000BEEF KP2 E6614 8 8 2 64", 0xBEEF), Err(Misfit::Version(2)));
        assert_eq!(Identity::greeted("idle", 0xBEEF), Err(Misfit::Nonsense));
    }

    #[test]
    fn a_key_outside_the_matrix_is_known_beforehand() {
        let identity = Identity::greeted("00000000 KP1 X 4 8 1 64", 0).unwrap();
        assert!(identity.reaches(&"3.7+0.0".parse().unwrap()));
        assert!(!identity.reaches(&"4.0".parse().unwrap()) && !identity.reaches(&"0.0+0.8".parse().unwrap()));
    }
}
