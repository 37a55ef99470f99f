//! What is noted of servers that a command is about to stop, until they are started again: whoever comes after a siprig that was
//! killed knows by it what to start.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{config::Hook, event::ServerName};

/// The version of the file.
const SCHEMA: &str = "siprig.stopped/1";

/// The file of a bench.
#[derive(Debug, Clone)]
pub struct Notes {
    path: PathBuf,
    /// Servers are stopped side by side.
    writing: Arc<Mutex<()>>,
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

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    schema: String,
    servers: BTreeMap<ServerName, Left>,
}

impl Notes {
    /// Those in this file, which need not be there.
    pub fn at(path: PathBuf) -> Self {
        Self { path, writing: Arc::default() }
    }

    /// The servers that may be stopped.
    ///
    /// # Errors
    /// If the file can not be read, or is none of ours.
    pub fn read(&self) -> io::Result<BTreeMap<ServerName, Left>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.named(&error)),
        };
        let book: Book = serde_json::from_slice(&text).map_err(|error| self.named(&error))?;
        if book.schema == SCHEMA { Ok(book.servers) } else { Err(self.named(&"it has another version")) }
    }

    /// Notes that a server is about to be stopped.
    ///
    /// # Errors
    /// If the file can not be read or written: then nobody would know.
    pub fn add(&self, server: &ServerName, left: Left) -> io::Result<()> {
        self.change(|servers| drop(servers.insert(server.clone(), left)))
    }

    /// Notes that a server was started again.
    ///
    /// # Errors
    /// If the file can not be read or written.
    pub fn remove(&self, server: &ServerName) -> io::Result<()> {
        self.change(|servers| drop(servers.remove(server)))
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<ServerName, Left>)) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut servers = self.read()?;
        change(&mut servers);
        let written = if servers.is_empty() { self.erase() } else { self.write(servers) };
        written.map_err(|error| self.named(&error))
    }

    fn erase(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Beside it first, so that it is always whole.
    fn write(&self, servers: BTreeMap<ServerName, Left>) -> io::Result<()> {
        let text = serde_json::to_vec(&Book { schema: SCHEMA.to_owned(), servers })?;
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }

    fn named(&self, error: &dyn std::fmt::Display) -> io::Error {
        io::Error::other(format!("{}, where stopped servers are noted: {error}", self.path.display()))
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
        assert!(error.to_string().contains("stopped.json"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    }
}
