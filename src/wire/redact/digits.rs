//! Hides every digit of a console's bytes: what a console shows while a PIN is typed, whatever form it has.
//!
//! Lengths stay, and so do control sequences (ECMA-48 section 5.4), which a terminal must still understand.

use super::MASK;

const ESC: u8 = 0x1b;

/// Follows the bytes of one console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitMask(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl DigitMask {
    /// Takes the next bytes, and overwrites the digits in their text with `x` if they are to be hidden.
    pub fn pass(&mut self, bytes: &mut [u8], hide: bool) {
        if !hide && self.0 == State::Text && memchr::memchr(ESC, bytes).is_none() {
            return;
        }
        for byte in bytes {
            self.0 = match (self.0, *byte) {
                (_, ESC) => State::Escape,
                (State::Escape, b'[') => State::Sequence,
                // Parameters and intermediates; any other byte ends the sequence.
                (State::Sequence, 0x20..=0x3f) => State::Sequence,
                (State::Text, b'0'..=b'9') if hide => {
                    *byte = MASK;
                    State::Text
                }
                _ => State::Text,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(pieces: &[&str]) -> String {
        let mut mask = DigitMask::default();
        let mut all = Vec::new();
        for piece in pieces {
            let mut bytes = piece.as_bytes().to_vec();
            mask.pass(&mut bytes, true);
            all.extend(bytes);
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn digits_are_hidden_and_nothing_else_is() {
        assert_eq!(hidden(&["[   12.34] key: press 4\r\n"]), "[   xx.xx] key: press x\r\n");
        assert_eq!(hidden(&["key: press star\r\n"]), "key: press star\r\n");
    }

    #[test]
    fn control_sequences_stay_whole_wherever_a_read_cuts_them() {
        let text = "7\x1b[1;31mkey 4\x1b[0m9";
        for cut in 0..text.len() {
            assert_eq!(hidden(&[&text[..cut], &text[cut..]]), "x\x1b[1;31mkey x\x1b[0mx", "cut at {cut}");
        }
    }

    #[test]
    fn what_need_not_be_hidden_passes() {
        let mut bytes = b"1001 registered".to_vec();
        DigitMask::default().pass(&mut bytes, false);
        assert_eq!(bytes, b"1001 registered");
    }
}
