//! Whose settings a file holds, by its name.

use std::path::Path;

use super::Layer;
use crate::config::Mac;

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// `aastra.cfg` or `startup.cfg`.
    Global,
    /// `6731i.cfg`.
    Model(String),
    /// `00085D237429.cfg`, and whether it is spelt as phones ask for it.
    Phone(Mac, bool),
    /// `local.cfg`: what was set on a phone, exported by its web page.
    Local,
    /// `aastra.tuz`: encrypted.
    Encrypted,
    /// Anything else.
    Foreign,
}

impl Naming {
    /// Reads a name; capitals do not matter here.
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
        if ending.eq_ignore_ascii_case("tuz") {
            return Self::Encrypted;
        }
        if !ending.eq_ignore_ascii_case("cfg") {
            return Self::Foreign;
        }
        match stem.to_ascii_lowercase().as_str() {
            "aastra" | "startup" => Self::Global,
            "local" => Self::Local,
            model if is_model(model) => Self::Model(stem.to_owned()),
            _ => stem.parse::<Mac>().map_or(Self::Foreign, |mac| Self::Phone(mac, stem == spelt(mac))),
        }
    }

    /// Which layer the file is; none: no phone reads it as text.
    pub fn layer(&self) -> Option<Layer> {
        match self {
            Self::Global => Some(Layer::Global),
            Self::Model(_) => Some(Layer::Model),
            Self::Phone(..) => Some(Layer::Phone),
            Self::Local => Some(Layer::Local),
            Self::Encrypted | Self::Foreign => None,
        }
    }
}

/// Whether the folder of a provisioning server has this file for phones.
pub fn is_settings_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("cfg") || ending.eq_ignore_ascii_case("tuz"))
}

/// `6731i`, `9143i`, `6757ict`: four digits and letters.
fn is_model(stem: &str) -> bool {
    let (digits, letters) = stem.split_at(stem.find(|c: char| !c.is_ascii_digit()).unwrap_or(stem.len()));
    digits.len() == 4 && matches!(letters, "i" | "ict")
}

/// As phones spell their MAC address when they ask for their file: twelve digits, letters in capitals.
pub fn spelt(mac: Mac) -> String {
    mac.to_string().replace(':', "").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_settings_a_file_holds() {
        let mac = Mac([0x00, 0x08, 0x5d, 0x23, 0x74, 0x29]);
        for (name, expected) in [
            ("aastra.cfg", Naming::Global),
            ("Startup.CFG", Naming::Global),
            ("6731i.cfg", Naming::Model("6731i".into())),
            ("6757iCT.cfg", Naming::Model("6757iCT".into())),
            ("00085D237429.cfg", Naming::Phone(mac, true)),
            ("00085d237429.cfg", Naming::Phone(mac, false)),
            ("00-08-5D-23-74-29.cfg", Naming::Phone(mac, false)),
            ("local.cfg", Naming::Local),
            ("00085D237429.tuz", Naming::Encrypted),
            ("673i.cfg", Naming::Foreign),
            ("00085D23742.cfg", Naming::Foreign),
            ("aastra.cfg.bak", Naming::Foreign),
            ("aastra", Naming::Foreign),
        ] {
            assert_eq!(Naming::of(&Path::new("/srv/tftp").join(name)), expected, "{name}");
        }
    }
}
