//! What is known of keys beyond their places: what they are called in XML, and what kind they are.

use serde::{Deserialize, Serialize};

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyGroup {
    /// `0` to `9`, `star`, `pound`.
    Keypad,
    /// Takes a line, and shows its state.
    Line,
    /// Can be given a meaning; has a lamp and a printed label.
    Programmable,
    /// Below the display, which shows its label.
    Soft,
    /// Beside the upper part of the display, which shows its label.
    TopSoft,
    /// Moves through menus.
    Navigation,
    /// Louder, softer.
    Volume,
    /// Does what is printed on it.
    Function,
}

impl KeyGroup {
    /// All of them with their words in model files.
    pub const WORDS: [(&str, Self); 8] = [
        ("keypad", Self::Keypad),
        ("line", Self::Line),
        ("programmable", Self::Programmable),
        ("soft", Self::Soft),
        ("top-soft", Self::TopSoft),
        ("navigation", Self::Navigation),
        ("volume", Self::Volume),
        ("function", Self::Function),
    ];

    /// The group of a key by its name, for keys of which the model does not say it.
    pub fn of_name(key: &str) -> Self {
        match split(key) {
            ("", Some(digit)) if digit <= 9 => Self::Keypad,
            ("star" | "pound", None) => Self::Keypad,
            ("line", Some(_)) => Self::Line,
            ("prgkey", Some(_)) => Self::Programmable,
            ("softkey", Some(_)) => Self::Soft,
            ("topsoftkey", Some(_)) => Self::TopSoft,
            ("navup" | "navdown" | "navleft" | "navright", None) => Self::Navigation,
            ("volup" | "voldown", None) => Self::Volume,
            _ => Self::Function,
        }
    }
}

/// A rule by which keys are named in an XML interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum XmlNames {
    /// `Key:…` URIs of the Aastra XML interface (manualsdir.com/manuals/253368, page 679; the hard keys by an open
    /// client, XiVO's aastrasipnotify.cpp).
    Aastra,
}

impl XmlNames {
    /// The name of a key; none if the interface has no such key, which the phone would silently pass over.
    pub fn of(self, key: &str) -> Option<String> {
        let Self::Aastra = self;
        let name = match split(key) {
            ("", Some(digit)) if digit <= 9 => format!("KeyPad{digit}"),
            ("line", Some(number)) => format!("Line{number}"),
            ("prgkey", Some(number)) => format!("PrgKey{number}"),
            ("softkey", Some(number)) => format!("SoftKey{number}"),
            ("topsoftkey", Some(number)) => format!("TopSoftKey{number}"),
            (word, None) => word_name(word)?.to_owned(),
            _ => return None,
        };
        Some(format!("Key:{name}"))
    }
}

/// Requests that press keys: paths on the phone's web interface, with `{key}` in the place of a key's name there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUrl {
    /// Presses a key.
    pub press: String,
    /// Holds one, `{ms}` milliseconds; none: keys can not be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// What must be set on the phone so that it takes such requests, for whoever is turned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

/// Names of keys that have no number.
fn word_name(key: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 24] = [
        ("star", "KeyPadStar"),
        ("pound", "KeyPadPound"),
        ("volup", "VolUp"),
        ("voldown", "VolDwn"),
        ("navup", "NavUp"),
        ("navdown", "NavDown"),
        ("navleft", "NavLeft"),
        ("navright", "NavRight"),
        ("xfer", "Xfer"),
        ("conf", "Conf"),
        ("hold", "Hold"),
        ("redial", "Redial"),
        ("goodbye", "Goodbye"),
        ("speaker", "Speaker"),
        ("headset", "Headset"),
        ("mute", "Mute"),
        ("options", "Options"),
        ("save", "Save"),
        ("delete", "Delete"),
        ("callers", "Callers"),
        ("directory", "Directory"),
        ("services", "Services"),
        ("intercom", "Intercom"),
        ("voicemail", "Voicemail"),
    ];
    WORDS.iter().find(|(word, _)| *word == key).map(|(_, name)| *name)
}

/// `prgkey7` → `prgkey`, 7.
fn split(key: &str) -> (&str, Option<u16>) {
    let word = key.trim_end_matches(|c: char| c.is_ascii_digit());
    (word, key[word.len()..].parse().ok())
}

/// How many keys can be given a meaning in the phone's configuration files. Soft keys may be more than there are keys to
/// press: the display pages through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assignable {
    /// `prgkeyN`.
    pub programmable: u8,
    /// `softkeyN`.
    pub soft: u8,
    /// `topsoftkeyN`.
    pub top_soft: u8,
    /// Expansion modules that can be attached, `expmodN`.
    pub expansion_modules: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_and_grouped_by_rule() {
        for (key, xml, group) in [
            ("1", Some("Key:KeyPad1"), KeyGroup::Keypad),
            ("star", Some("Key:KeyPadStar"), KeyGroup::Keypad),
            ("line4", Some("Key:Line4"), KeyGroup::Line),
            ("prgkey8", Some("Key:PrgKey8"), KeyGroup::Programmable),
            ("softkey20", Some("Key:SoftKey20"), KeyGroup::Soft),
            ("topsoftkey2", Some("Key:TopSoftKey2"), KeyGroup::TopSoft),
            ("voldown", Some("Key:VolDwn"), KeyGroup::Volume),
            ("navup", Some("Key:NavUp"), KeyGroup::Navigation),
            ("goodbye", Some("Key:Goodbye"), KeyGroup::Function),
            ("hook", None, KeyGroup::Function),
            ("10", None, KeyGroup::Function),
            ("", None, KeyGroup::Function),
        ] {
            assert_eq!((XmlNames::Aastra.of(key).as_deref(), KeyGroup::of_name(key)), (xml, group), "{key}");
        }
    }
}
