//! What is noted ahead of something that must be undone, until it is undone: servers that a command is about to stop, settings of
//! the PBX that are about to be changed, files of phones that are about to be written. Whoever comes after a siprig that was killed knows by it what to start and to set back.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    marker::PhantomData,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    config::{Hook, PbxSetting, PhoneFiles},
    event::{PbxName, PhoneName, ServerName},
};

/// Something that must be undone.
pub trait Noted: Serialize + DeserializeOwned {
    /// What it is noted by.
    type Name: Clone + Ord + Serialize + DeserializeOwned;
    /// The version of the file.
    const SCHEMA: &'static str;
    /// All of them, as a key of the file.
    const ALL: &'static str;
    /// What the file is for, for people.
    const FILE: &'static str;
}

/// A server that may be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// When its stop command was to be run, in seconds since the Unix epoch.
    pub since_unix_s: i64,
    /// Its commands as they were then.
    pub hook: Hook,
}

impl Noted for Left {
    type Name = ServerName;
    const SCHEMA: &'static str = "siprig.stopped/1";
    const ALL: &'static str = "servers";
    const FILE: &'static str = "where stopped servers are noted";
}

/// A setting of the PBX that may be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// When it was to be changed, in seconds since the Unix epoch.
    pub since_unix_s: i64,
    /// The state that it had before.
    pub was: String,
    /// Its commands as they were then.
    pub setting: PbxSetting,
}

/// A phone's own file that may be other than the base set has it, or that the phone may still go by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewritten {
    /// When it was to be written, in seconds since the Unix epoch.
    pub since_unix_s: i64,
    /// Its name, as the phone asks for it.
    pub file: String,
    /// What was to be on top of the base set.
    pub settings: BTreeMap<String, String>,
    /// What else may be, where that did not come about.
    #[serde(default)]
    pub before: Vec<BTreeMap<String, String>>,
    /// Where it is, as that was then.
    pub files: PhoneFiles,
    /// It was written back, and the phone was not seen to fetch it since.
    pub back: bool,
}

impl Noted for Rewritten {
    type Name = PhoneName;
    const SCHEMA: &'static str = "siprig.phone-files/1";
    const ALL: &'static str = "phones";
    const FILE: &'static str = "where rewritten files of phones are noted";
}

impl Noted for Changed {
    type Name = PbxName;
    const SCHEMA: &'static str = "siprig.pbx/1";
    const ALL: &'static str = "settings";
    const FILE: &'static str = "where changed settings of the PBX are noted";
}

/// The file of a bench.
#[derive(Debug)]
pub struct Notes<L: Noted> {
    path: PathBuf,
    /// Several threads note.
    writing: Arc<Mutex<()>>,
    of: PhantomData<fn() -> L>,
}

impl<L: Noted> Clone for Notes<L> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), writing: Arc::clone(&self.writing), of: PhantomData }
    }
}

impl<L: Noted> Notes<L> {
    /// Those in this file, which need not be there.
    pub fn at(path: PathBuf) -> Self {
        Self { path, writing: Arc::default(), of: PhantomData }
    }

    /// What must be undone.
    ///
    /// # Errors
    /// If the file can not be read, or is none of ours.
    pub fn read(&self) -> io::Result<BTreeMap<L::Name, L>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.named(&error)),
        };
        let mut book: Map<String, Value> = serde_json::from_slice(&text).map_err(|error| self.named(&error))?;
        if book.get("schema").and_then(Value::as_str) != Some(L::SCHEMA) {
            return Err(self.named(&"it has another version"));
        }
        let all = book.remove(L::ALL).unwrap_or_default();
        serde_json::from_value(all).map_err(|error| self.named(&error))
    }

    /// Notes what is about to be done.
    ///
    /// # Errors
    /// If the file can not be read or written: then nobody would know.
    pub fn add(&self, name: &L::Name, left: L) -> io::Result<()> {
        self.change(|all| drop(all.insert(name.clone(), left)))
    }

    /// Notes that it was undone.
    ///
    /// # Errors
    /// If the file can not be read or written.
    pub fn remove(&self, name: &L::Name) -> io::Result<()> {
        self.change(|all| drop(all.remove(name)))
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<L::Name, L>)) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.read()?;
        change(&mut all);
        let written = if all.is_empty() { self.erase() } else { self.write(&all) };
        written.map_err(|error| self.named(&error))
    }

    fn erase(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Beside it first, so that it is always whole.
    fn write(&self, all: &BTreeMap<L::Name, L>) -> io::Result<()> {
        let schema = ("schema".to_owned(), Value::from(L::SCHEMA));
        let book: Map<String, Value> = [schema, (L::ALL.to_owned(), serde_json::to_value(all)?)].into_iter().collect();
        let text = serde_json::to_vec(&book)?;
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }

    fn named(&self, error: &dyn std::fmt::Display) -> io::Error {
        io::Error::other(format!("{}, {}: {error}", self.path.display(), L::FILE))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn left() -> Left {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Left {
            since_unix_s: 1,
            hook: Hook { stop: words("stop it"), start: words("start it"), limit: Duration::from_secs(3) },
        }
    }

    #[test]
    fn a_server_is_noted_until_it_was_started_and_then_there_is_no_file() {
        let place = tempfile::tempdir().unwrap();
        let notes = Notes::at(place.path().join("stopped.json"));
        assert_eq!(notes.read().unwrap(), BTreeMap::new());
        notes.add(&"a".into(), left()).unwrap();
        notes.add(&"b".into(), left()).unwrap();
        assert_eq!(notes.read().unwrap().len(), 2);
        notes.remove(&"a".into()).unwrap();
        assert_eq!(notes.read().unwrap(), BTreeMap::from([("b".into(), left())]));
        notes.remove(&"b".into()).unwrap();
        notes.remove(&"b".into()).unwrap();
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_named_and_not_written_over() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("stopped.json");
        fs::write(&file, "{}").unwrap();
        let error = Notes::at(file.clone()).add(&"a".into(), left()).unwrap_err();
        assert!(error.to_string().contains("stopped.json, where stopped servers are noted"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    }

    #[test]
    fn what_a_siprig_before_this_one_noted_is_read() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("stopped.json");
        let noted = r#"{"schema":"siprig.stopped/1","servers":{"a":{"since_unix_s":1,"hook":{"stop":["stop","it"],
            "start":["start","it"],"limit":"3s"}}}}"#;
        fs::write(&file, noted).unwrap();
        assert_eq!(Notes::at(file.clone()).read().unwrap(), BTreeMap::from([("a".into(), left())]));
        let error = Notes::<Changed>::at(file).read().unwrap_err();
        assert!(error.to_string().contains("another version"), "{error}");
    }
}
