//! What a bench file has the wrong way round.

use serde::{Deserialize, Serialize};

/// Cables and entries that are swapped: in each list, the bench file gives each phone what belongs to the next one, and the
/// last what belongs to the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Swapped {
    /// Console ports.
    pub consoles: Vec<String>,
    /// Keypad ports.
    pub keypads: Vec<String>,
    /// MAC addresses.
    pub macs: Vec<String>,
    /// IP addresses.
    pub addresses: Vec<String>,
    /// Lines, with all that belongs to them.
    pub extensions: Vec<String>,
}

impl Swapped {
    /// All lists by their keys.
    pub(super) fn lists(&self) -> [(&'static str, &Vec<String>); 5] {
        [
            ("consoles", &self.consoles),
            ("keypads", &self.keypads),
            ("macs", &self.macs),
            ("addresses", &self.addresses),
            ("extensions", &self.extensions),
        ]
    }

    /// The phone whose part another one is given.
    pub fn instead<'a>(list: &'a [String], phone: &'a str) -> &'a str {
        let at = list.iter().position(|name| name == phone);
        at.and_then(|at| list.iter().cycle().nth(at + 1)).map_or(phone, String::as_str)
    }
}
