//! What a scenario has typed: keys by name, digits of the key pad, and placeholders for what differs from line to line.
//!
//! `{extension}` is written out by the engine. `{pin}` stays what it is in every record: only the keypad's driver knows
//! the digits. The same holds of what an operator presses and types in confidence, each time by a number of its own.

use serde::{Deserialize, Serialize};

use super::StepKind;
use crate::event::{KeyName, Move, Stroke};

/// Whether each press must be seen to have an effect. What has none is on record as unconfirmed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Where the phone's model and console can tell: then it must.
    #[default]
    WhereTold,
    /// Everywhere: a phone that can not tell is skipped.
    Required,
    /// Nowhere: the step goes on without.
    Optional,
}

impl Confirm {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether what a step expects follows from keys that were pressed before it.
pub const fn follows(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Expect { of: Move::LogOn | Move::LogOff | Move::Admission }
            | StepKind::ExpectCall { .. }
            | StepKind::ExpectIdle
            | StepKind::Display { .. }
            | StepKind::Alive
    )
}

/// Stands for the PIN of the line, a secret.
pub const PIN: &str = "{pin}";

/// Stands for the extension of the line.
pub const EXTENSION: &str = "{extension}";

/// Stands for the name of the phone, in what a person is asked to do.
pub const PHONE: &str = "{phone}";

/// What stands for a digit, or a line, that an operator gave in confidence; `number` tells them apart.
pub fn whispered(number: u32) -> String {
    format!("{{secret-{number}}}")
}

/// The number of such a text; none: it says what it is.
pub fn whisper_of(text: &str) -> Option<u32> {
    text.strip_prefix("{secret-")?.strip_suffix('}')?.parse().ok()
}

/// The number of a stroke that stands for an operator's digit.
pub fn whispered_digit(stroke: &Stroke) -> Option<u32> {
    whisper_of(&stroke.plain()?.0)
}

/// Whether this is a digit of the key pad, which may be one of a PIN.
pub fn is_digit(key: &KeyName) -> bool {
    matches!(key.0.as_bytes(), [b'0'..=b'9'])
}

/// The key of the key pad for a character that can be dialled.
fn key_of(character: char) -> Option<KeyName> {
    match character {
        '0'..='9' => Some(KeyName(character.to_string())),
        '*' => Some("star".into()),
        '#' => Some("pound".into()),
        _ => None,
    }
}

/// The keys that dial a number, placeholders among them as they are.
///
/// # Errors
/// The first piece of the number that no key pad has.
pub fn keys_of(number: &str) -> Result<Vec<Stroke>, String> {
    let mut keys = Vec::new();
    let mut rest = number;
    while let Some(character) = rest.chars().next() {
        if let Some(placeholder) = [PIN, EXTENSION].into_iter().find(|placeholder| rest.starts_with(placeholder)) {
            keys.push(Stroke::key(placeholder));
            rest = &rest[placeholder.len()..];
        } else {
            keys.push(Stroke::key(key_of(character).ok_or_else(|| {
                let end = rest.find('}').filter(|_| character == '{').map_or(character.len_utf8(), |end| end + 1);
                rest[..end].to_owned()
            })?));
            rest = &rest[character.len_utf8()..];
        }
    }
    Ok(keys)
}

/// The same keys with the extension written out; none if a key pad has not all of its characters.
pub fn with_extension(keys: &[Stroke], extension: &str) -> Option<Vec<Stroke>> {
    replaced(keys, EXTENSION, Some(extension))
}

/// The keys to be pressed, the digits of the PIN in the place of its placeholder; none if there is none to put there.
pub fn with_pin(keys: &[Stroke], pin: Option<&str>) -> Option<Vec<Stroke>> {
    replaced(keys, PIN, pin)
}

fn replaced(keys: &[Stroke], placeholder: &str, by: Option<&str>) -> Option<Vec<Stroke>> {
    let mut written = Vec::new();
    for key in keys {
        if stands_for(key, placeholder) {
            let digits: Option<Vec<KeyName>> = by?.chars().map(key_of).collect();
            written.extend(digits?.into_iter().map(Stroke::from));
        } else {
            written.push(key.clone());
        }
    }
    Some(written)
}

fn stands_for(stroke: &Stroke, placeholder: &str) -> bool {
    stroke.plain().is_some_and(|key| key.0 == placeholder)
}

/// Whether this is the name of something that differs from line to line.
pub fn is_placeholder(key: &KeyName) -> bool {
    key.0 == PIN || key.0 == EXTENSION
}

/// Whether this is the placeholder of the PIN.
pub fn is_pin(stroke: &Stroke) -> bool {
    stands_for(stroke, PIN)
}

/// Whether no record may tell which keys are pressed.
pub fn is_secret(stroke: &Stroke) -> bool {
    is_pin(stroke) || whispered_digit(stroke).is_some()
}

/// A key for messages, in which no digit of a PIN may stand: its own name if it was ordered by that.
pub fn sayable_key(ordered: &[Stroke], key: &KeyName) -> KeyName {
    if ordered.iter().any(|stroke| stroke.keys().contains(key)) { key.clone() } else { PIN.into() }
}

/// The same of a stroke.
pub fn sayable(ordered: &[Stroke], stroke: &Stroke) -> String {
    if ordered.contains(stroke) { stroke.to_string() } else { PIN.to_owned() }
}

/// Whether a number that a phone was seen to dial is this one. A PIN in it may be masked or not.
pub fn dialled(seen: &str, number: &str, extension: &str) -> bool {
    let number = number.replace(EXTENSION, extension);
    let Some((before, after)) = number.split_once(PIN) else { return seen == number };
    let middle = seen.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    middle.is_some_and(|middle| !middle.is_empty() && middle.chars().all(|it| it.is_ascii_digit() || it == 'x'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[Stroke]) -> String {
        keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_code_becomes_keys_and_its_pin_stays_a_placeholder() {
        let keys = keys_of("*11*{pin}*{extension}#").unwrap();
        assert_eq!(names(&keys), "star 1 1 star {pin} star {extension} pound");
        let keys = with_extension(&keys, "1001").unwrap();
        assert_eq!(names(&keys), "star 1 1 star {pin} star 1 0 0 1 pound");
        assert_eq!(names(&with_pin(&keys, Some("4711")).unwrap()), "star 1 1 star 4 7 1 1 star 1 0 0 1 pound");
        assert_eq!(with_pin(&keys, None), None);
    }

    #[test]
    fn what_no_key_pad_has_is_named() {
        assert_eq!(keys_of("*11*{pim}#"), Err("{pim}".to_owned()));
        assert_eq!(keys_of("12+"), Err("+".to_owned()));
        assert_eq!(with_extension(&["{extension}".into()], "reception"), None);
    }

    #[test]
    fn a_number_on_the_wire_is_known_by_all_but_its_pin() {
        let code = "*11*{pin}*{extension}#";
        assert!(dialled("*11*xxxx*1001#", code, "1001"));
        assert!(dialled("*11*4711*1001#", code, "1001"));
        for other in ["*11*xxxx*1002#", "*11**1001#", "*11*a*1001#", "#11#"] {
            assert!(!dialled(other, code, "1001"), "{other}");
        }
        assert!(dialled("#11#", "#11#", "1001"));
    }
}
