//! What was learnt, put together: which device each part of a phone belongs to, and what is swapped.

use std::{collections::BTreeMap, fmt};

use super::{Cabling, watched::Watched};
use crate::event::{PhoneName, PortKind};

/// A part of a phone, as the bench file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its MAC address.
    Mac,
    /// Its IP address.
    Address,
    /// The extension of its first line.
    Extension,
    /// Its console.
    Console,
    /// Its keypad.
    Keypad,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mac => "MAC address",
            Self::Address => "address",
            Self::Extension => "extension",
            Self::Console => "console",
            Self::Keypad => "keypad",
        })
    }
}

/// Something that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// These parts of a phone belong to one device.
    Together {
        /// The phone.
        phone: PhoneName,
        /// Its parts that were proven, at least two.
        parts: Vec<Part>,
    },
    /// A part belongs to another phone.
    Swapped {
        /// Where the bench file has it.
        phone: PhoneName,
        /// Which part.
        part: Part,
        /// Whose it is; none: of a device that the bench file does not name.
        of: Option<PhoneName>,
        /// What shows it.
        shown_by: String,
    },
    /// Nothing could be found out about a part.
    Unproven {
        /// The phone.
        phone: PhoneName,
        /// Which part.
        part: Part,
        /// What the matter is, in a word for programs: `console-silent`.
        code: &'static str,
        /// Why, and what to do about it.
        why: String,
        /// That is something wrong with the rig, and not just something that is not there.
        fault: bool,
    },
}

/// A device: the phone that has its MAC address in the bench file, or one that the bench file does not name.
type Device = Option<PhoneName>;

/// What was learnt of a part: the device that it belongs to, and by what.
struct Link {
    part: Part,
    device: Device,
    shown_by: String,
}

impl Cabling {
    /// What was found out, phone by phone.
    pub fn findings(&self) -> Vec<Finding> {
        let links: Vec<Vec<Link>> = self.phones.iter().map(|watched| self.links(watched)).collect();
        // What no frame shows at all is what the bench file says it is.
        let framed = |link: &Link| matches!(link.part, Part::Mac | Part::Address | Part::Extension);
        let device = |(links, watched): (&Vec<Link>, &Watched)| match links.iter().any(framed) {
            true => majority(links),
            false => Some(watched.phone.name.clone()),
        };
        let devices: Vec<Device> = links.iter().zip(&self.phones).map(device).collect();
        // Whose a device is, when it is said which phone a part belongs to.
        let owner = |device: &Device| {
            let at = devices.iter().position(|known| known == device && device.is_some());
            at.map(|at| self.phones[at].phone.name.clone()).or_else(|| device.clone())
        };
        let mut findings = Vec::new();
        for ((watched, links), device) in self.phones.iter().zip(&links).zip(&devices) {
            let phone = watched.phone.name.clone();
            let (mine, others): (Vec<&Link>, Vec<&Link>) = links.iter().partition(|link| link.device == *device);
            if mine.len() > 1 {
                let parts = mine.iter().map(|link| link.part).collect();
                findings.push(Finding::Together { phone: phone.clone(), parts });
            }
            findings.extend(others.into_iter().map(|link| Finding::Swapped {
                phone: phone.clone(),
                part: link.part,
                of: owner(&link.device),
                shown_by: link.shown_by.clone(),
            }));
            findings.extend(self.unproven(watched, links));
        }
        findings
    }

    /// What is known of the parts of a phone.
    fn links(&self, watched: &Watched) -> Vec<Link> {
        let mut links = Vec::new();
        let name = &watched.phone.name;
        if !watched.registers.is_empty() {
            let said: Vec<_> = watched.registers.iter().map(|(line, from)| format!("{line} from {from}")).collect();
            let shown_by = format!("{} registers {}", watched.phone.identity, said.join(", "));
            links.push(Link { part: Part::Mac, device: Some(name.clone()), shown_by });
        }
        if let Some(address) = watched.phone.address
            && let Some(other) = self.phones.iter().find(|it| it.registers.iter().any(|(_, from)| *from == address))
        {
            let shown_by = format!("{} has {address}", other.phone.identity);
            links.push(Link { part: Part::Address, device: Some(other.phone.name.clone()), shown_by });
        }
        if let Some(line) = watched.phone.lines.first()
            && let Some(other) = self.registrant(&line.extension)
        {
            let shown_by = format!("{} registers {}", other.phone.identity, line.extension);
            links.push(Link { part: Part::Extension, device: Some(other.phone.name.clone()), shown_by });
        }
        links.extend(self.console(watched).map(|(device, shown_by)| Link { part: Part::Console, device, shown_by }));
        links.extend(self.keypad(watched).map(|(device, shown_by)| Link { part: Part::Keypad, device, shown_by }));
        links
    }

    /// The device that registers an extension.
    fn registrant(&self, extension: &str) -> Option<&Watched> {
        self.phones.iter().find(|it| it.registers.iter().any(|(line, _)| line == extension))
    }

    /// The device that a console belongs to: the one whose MAC address it tells, else the one that registers what it tells of.
    fn console(&self, watched: &Watched) -> Option<(Device, String)> {
        if let Some(mac) = watched.mac {
            let device = self.macs.get(&mac).cloned();
            // Phones behind a router may have MAC addresses that the bench file does not name.
            if device.is_some() || self.phones.iter().all(|it| it.phone.mac().is_some()) {
                return Some((device, format!("it tells of MAC address {mac}")));
            }
        }
        let told: Vec<_> = watched.told.iter().map(String::as_str).collect();
        if told.is_empty() {
            return None;
        }
        let registers = told.iter().find_map(|extension| self.registrant(extension));
        let device = registers.map(|device| &device.phone.name);
        // Of a phone that is not looked at, the bench file's word is all there is.
        let device = device.or_else(|| told.iter().find_map(|extension| self.elsewhere.get(*extension)));
        Some((device.cloned(), format!("it tells of extension {}", told.join(", "))))
    }

    /// The device that a keypad belongs to: the one whose console shows its key, or that booted when it was told to.
    fn keypad(&self, watched: &Watched) -> Option<(Device, String)> {
        let consoles = watched.shown_on.iter().flatten();
        let known = |console: &PhoneName| {
            let it = self.phones.iter().find(|it| it.phone.name == *console)?;
            self.console(it).map(|(device, _)| (device, format!("its key shows on the console of {console}")))
        };
        let shown = consoles.filter_map(known).next();
        shown.or_else(|| {
            let booted = watched.booted.clone()?;
            let booting = &self.phones.iter().find(|it| it.phone.name == booted)?.phone.identity;
            Some((Some(booted), format!("{booting} registers anew when it restarts its phone")))
        })
    }

    fn unproven(&self, watched: &Watched, links: &[Link]) -> Vec<Finding> {
        let phone = &watched.phone;
        let proven = |part| links.iter().any(|link| link.part == part);
        let mut findings = Vec::new();
        let mut tell = |part, code, why: String, fault| {
            // What does not answer now is said, whatever it has said before.
            if !proven(part) || DEAD.contains(&code) {
                findings.push(Finding::Unproven { phone: phone.name.clone(), part, code, why, fault });
            }
        };
        if watched.registers_at_all() {
            let why = format!(
                "no REGISTER came from {}; is the phone on and on this side? Else listen longer (--listen), or make it boot \
                 (--restart)",
                phone.identity
            );
            tell(Part::Mac, MAC, why, true);
            if let Some(line) = phone.lines.first().filter(|line| line.registers) {
                let why = format!("nobody registers {}; see the MAC address", line.extension);
                tell(Part::Extension, "extension-unproven", why, true);
            }
        } else {
            tell(Part::Mac, MAC, "its lines do not register".to_owned(), false);
        }
        if let Some(address) = phone.address {
            let why = format!("no phone registers from {address}; see the MAC address");
            tell(Part::Address, "address-unproven", why, true);
        }
        if phone.console.is_some() {
            let lost = watched.lost.get(&PortKind::Console);
            let (code, why, fault) = match (lost, watched.heard, &watched.dialect) {
                (Some(lost), ..) => ("console-lost", lost.clone(), true),
                (None, _, None) => (CONSOLE, "its model does not know what its console says".to_owned(), false),
                (None, false, _) => {
                    ("console-silent", "nothing is heard on it; are cable and bit rate right?".to_owned(), true)
                }
                (None, true, _) => {
                    (CONSOLE, "it tells of no extension; is somebody logged on at the phone?".to_owned(), true)
                }
            };
            tell(Part::Console, code, why, fault);
        }
        if phone.keypad.is_some() {
            let (code, why, fault) = Self::mute(watched);
            tell(Part::Keypad, code, why, fault);
        }
        findings
    }

    /// Why nothing is known of a keypad.
    fn mute(watched: &Watched) -> (&'static str, String, bool) {
        if let Some(lost) = watched.lost.get(&PortKind::Keypad) {
            return ("keypad-lost", lost.clone(), true);
        }
        if let Some(error) = &watched.unpressed {
            return ("keypad-silent", error.clone(), true);
        }
        let listens = watched.dialect.is_some() && watched.phone.console.is_some();
        match (&watched.key, &watched.shown_on) {
            (None, _) => (KEYPAD, "its model has no key that could be pressed without harm".to_owned(), false),
            (Some(key), Some(shown)) if shown.is_empty() && listens => {
                let why = format!("`{key}` was pressed, and no console shows it; check its wires, and the phone's");
                ("keypad-mute", why, true)
            }
            (Some(_), Some(shown)) if !shown.is_empty() => {
                let on: Vec<_> = shown.iter().map(|console| console.0.as_str()).collect();
                let why = format!("its key shows on the console of {}, of which nothing is known", on.join(", "));
                (KEYPAD, why, true)
            }
            _ => {
                let why = "no console of it tells of keys; with --restart, the wire shows which phone it makes boot";
                (KEYPAD, why.to_owned(), false)
            }
        }
    }
}

/// What of a port that answers no more.
const DEAD: [&str; 4] = ["console-lost", "console-silent", "keypad-lost", "keypad-silent"];
const MAC: &str = "mac-unproven";
const CONSOLE: &str = "console-unproven";
const KEYPAD: &str = "keypad-unproven";

/// The device that most parts belong to; of equals, that of the MAC address, which the wire itself shows.
fn majority(links: &[Link]) -> Device {
    let mut counts: BTreeMap<&Device, usize> = BTreeMap::new();
    for link in links {
        *counts.entry(&link.device).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    let mut first = links.iter().filter(|link| counts.get(&link.device) == Some(&most));
    first.next().and_then(|link| link.device.clone())
}
