//! The key of the pseudonyms.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

/// Bytes of a key.
pub const LENGTH: usize = 32;

/// What the pseudonyms depend on. Whoever has it can undo them.
#[derive(Clone)]
pub struct Key(pub(super) [u8; LENGTH]);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits and nothing else")]
pub struct NoKey;

impl Key {
    /// A key of these bytes, which should be random.
    pub const fn of(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// As it is read again.
    pub fn to_text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl FromStr for Key {
    type Err = NoKey;

    /// Reads what [`to_text`](Self::to_text) gives, in any case.
    fn from_str(text: &str) -> Result<Self, NoKey> {
        let mut key = [0; LENGTH];
        if text.len() != 2 * LENGTH {
            return Err(NoKey);
        }
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let mut digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
            let value = digits.try_fold(0, |value, digit| Some(16 * value + digit?));
            *byte = value.and_then(|value| u8::try_from(value).ok()).ok_or(NoKey)?;
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_is_not_shown_otherwise() {
        let key = Key::of(std::array::from_fn(|index| 7 * index as u8));
        assert_eq!(key.to_text().parse::<Key>().unwrap().0, key.0);
        assert_eq!(key.to_text().to_uppercase().parse::<Key>().unwrap().0, key.0);
        assert_eq!(format!("{key:?}"), "Key { .. }");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let digits = "0aF9".repeat(16);
        assert!(digits.parse::<Key>().is_ok());
        for text in
            ["", &digits[1..], &format!("{digits}0"), &format!("{}g", &digits[1..]), &format!("+{}", &digits[1..])]
        {
            assert_eq!(text.parse::<Key>().err(), Some(NoKey), "{text}");
        }
    }
}
