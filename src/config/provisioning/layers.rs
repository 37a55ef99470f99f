//! Files in their order, and the value that counts.
//!
//! Of the server's files the later replaces the earlier, value and lock alike: global, model, phone (Aastra SIP
//! administrator guide 41-001343-02, page 2-15). What was set on the phone beats them all, unless the server's value is
//! marked `^`. The guide does not say what becomes of a local value when the server locks the parameter; here it stays.

use std::{collections::BTreeMap, fmt, path::Path};

use super::{
    syntax::{Assignment, Origin, SettingsFile, normal},
    value::Value,
};

/// Where a setting is from; later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// `aastra.cfg`, in newer firmware `startup.cfg`: for all phones.
    Global,
    /// `<model>.cfg`: for all phones of a type.
    Model,
    /// `<MAC>.cfg`: for one phone.
    Phone,
    /// What was set on the phone itself, by its menu, its web page, XML or a log-on.
    Local,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Global => "global",
            Self::Model => "model",
            Self::Phone => "phone",
            Self::Local => "local",
        })
    }
}

/// All that one phone is told, and what was set on it.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The winning assignment of each server layer, by name.
    server: BTreeMap<String, BTreeMap<Layer, Assignment>>,
    local: BTreeMap<String, Local>,
}

#[derive(Debug, Clone)]
struct Local {
    value: Value,
    /// None: it was set here, in no file.
    origin: Option<Origin>,
    /// It was set since the last restart, when `^` is applied.
    fresh: bool,
}

/// Why a setting can not be changed on the phone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The server locks it.
    #[error("`{name}` is locked in {origin}; take the `!` away there")]
    Locked {
        /// The parameter.
        name: String,
        /// Where it is locked.
        origin: Origin,
    },
    /// A file could not hold it.
    #[error("a value that has line breaks, or quotation marks where they count, can not be kept; leave them out")]
    NoLine,
}

/// The value that counts for each parameter that is set anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    settings: BTreeMap<String, Setting>,
}

/// A value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Where it is from.
    pub layer: Layer,
    /// The line that sets it; for what was set since the files were read, its place in [`Layers::local_file`].
    pub origin: Origin,
    /// It can not be changed on the phone.
    pub locked: bool,
    /// The server's value that a local one beats.
    pub beaten: Option<(Value, Origin)>,
}

impl Layers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. Layers may come in any order; of two files of one layer the later counts.
    pub fn push(&mut self, layer: Layer, file: SettingsFile) {
        for assignment in file.assignments {
            if layer == Layer::Local {
                let local = Local { value: assignment.value, origin: Some(assignment.origin), fresh: false };
                self.local.insert(assignment.name, local);
            } else {
                self.server.entry(assignment.name.clone()).or_default().insert(layer, assignment);
            }
        }
    }

    /// Changes a setting on the phone: by menu, web page, XML or log-on. It counts at once, even against `^`, which is
    /// applied at a restart.
    ///
    /// # Errors
    /// If the server locks the parameter, or no file could hold the value.
    pub fn set_local(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        let name = normal(name);
        if let Some(server) = self.server_of(&name).filter(|server| server.lock) {
            return Err(Refused::Locked { name, origin: server.origin.clone() });
        }
        let line = line(&name, value);
        let read = SettingsFile::parse("local.cfg".into(), line.as_bytes());
        let kept = matches!(read.assignments.as_slice(), [only] if only.name == name && only.value.expose() == value);
        if !kept || !read.flaws.is_empty() {
            return Err(Refused::NoLine);
        }
        let value = Value::new(&name, value);
        self.local.insert(name, Local { value, origin: None, fresh: true });
        Ok(())
    }

    /// Takes over all that was set on the phone from what it was told before.
    pub fn keep_local(&mut self, before: Self) {
        self.local = before.local;
    }

    /// Removes all that was set on the phone (`Command: ClearLocal`).
    pub fn clear_local(&mut self) {
        self.local.clear();
    }

    /// What a restart does: local values whose server value is marked `^` are gone.
    pub fn restart(&mut self) {
        let Self { server, local } = self;
        local.retain(|name, _| !server.get(name).and_then(winner).is_some_and(|server| server.overwrite));
        for kept in local.values_mut() {
            kept.fresh = false;
        }
    }

    /// What was set on the phone, as a file that [`SettingsFile::parse`] reads. It has passwords in it.
    pub fn local_file(&self) -> String {
        self.local.iter().map(|(name, local)| line(name, local.value.expose())).collect()
    }

    /// The value that counts for each parameter.
    pub fn merge(&self) -> Merged {
        let mut settings = BTreeMap::new();
        for (name, layers) in &self.server {
            let Some((layer, assignment)) = layers.last_key_value() else { continue };
            let (value, origin) = (assignment.value.clone(), assignment.origin.clone());
            let setting = Setting { value, layer: *layer, origin, locked: assignment.lock, beaten: None };
            settings.insert(name.clone(), setting);
        }
        for (position, (name, local)) in (1..).zip(&self.local) {
            let server = self.server_of(name);
            if server.is_some_and(|server| server.overwrite) && !local.fresh {
                continue;
            }
            let here = || Origin { file: Path::new("local.cfg").into(), line: position };
            let setting = Setting {
                value: local.value.clone(),
                layer: Layer::Local,
                origin: local.origin.clone().unwrap_or_else(here),
                locked: server.is_some_and(|server| server.lock),
                beaten: server.map(|server| (server.value.clone(), server.origin.clone())),
            };
            settings.insert(name.clone(), setting);
        }
        Merged { settings }
    }

    fn server_of(&self, name: &str) -> Option<&Assignment> {
        self.server.get(name).and_then(winner)
    }
}

impl Merged {
    /// The value of a parameter, named in normal form; none if nothing sets it.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(name, setting)| (name.as_str(), setting))
    }
}

fn winner(layers: &BTreeMap<Layer, Assignment>) -> Option<&Assignment> {
    layers.last_key_value().map(|(_, assignment)| assignment)
}

/// A line of a file.
fn line(name: &str, value: &str) -> String {
    let comment =
        value.char_indices().any(|(at, c)| c == '#' && (at == 0 || value[..at].ends_with(char::is_whitespace)));
    let plain = value.trim() == value && !value.starts_with('"') && !comment;
    if plain { format!("{name}: {value}\n") } else { format!("{name}: \"{value}\"\n") }
}
