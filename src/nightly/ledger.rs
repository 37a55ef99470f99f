//! The ledger of a night: an append-only file of entries, one JSON document a line, each on the disk before anything goes on.
//!
//! The first line names the schema. A line is written with one `write(2)` and synchronized, so that a night that is killed, or
//! loses its power, leaves at most its last line torn. A reader passes over that line; whoever goes on cuts it off.
//!
//! Not here: what entries mean ([`state`](super::state)).

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::{
    poll::{PollTimeout, poll},
    sys::{stat::futimens, time::TimeSpec},
};
use serde::{Deserialize, Serialize};

use super::{
    lean::Lean,
    parking::Found,
    plan::{NightPlan, RunId},
};
use crate::{event::PhoneName, verdict::Case};

/// Name of the file in the directory of a night.
pub const FILE: &str = "night.jsonl";

/// Whoever looks whether somebody has a ledger has it for a moment himself: so often it is tried again, and so many milliseconds later.
const LOOKERS: u8 = 20;
const MOMENT_MS: u8 = 5;

/// The schema that this version writes, and the only one that it reads.
pub const SCHEMA: &str = "siprig.ledger/2";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    schema: String,
    version: String,
}

/// One fact of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the wall clock, in nanoseconds since the Unix epoch.
    pub at_unix_ns: i64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happens in a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The night begins.
    Planned {
        /// What is to be run.
        plan: Box<NightPlan>,
    },
    /// Somebody goes on with it.
    Resumed,
    /// Files are other ones than when the night began.
    Changed {
        /// Which.
        files: Vec<PathBuf>,
    },
    /// Phones were looked at.
    Preflight {
        /// Which.
        phones: Vec<PhoneName>,
        /// What was found.
        found: Vec<Found>,
        /// Why they could not be looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// A run begins.
    Began {
        /// Which.
        run: RunId,
        /// Its number among the attempts at this run, from 1.
        attempt: u32,
        /// The phones that take part.
        phones: Vec<PhoneName>,
        /// Names of the scenarios of the run that are run, in their order.
        scenarios: Vec<String>,
    },
    /// A scenario of a chain is over, and its run goes on.
    Decided {
        /// Of which run.
        run: RunId,
        /// Which attempt.
        attempt: u32,
        /// How long the scenario took, in milliseconds.
        took_ms: u64,
        /// What its cases came to.
        cases: Vec<Case>,
    },
    /// A run came to its end.
    Ended {
        /// Which.
        run: RunId,
        /// Which attempt.
        attempt: u32,
        /// How.
        #[serde(flatten)]
        end: End,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// Its directory, within that of the night; none: it did not come so far.
        directory: Option<String>,
        /// What it told of its cases.
        cases: Vec<Case>,
    },
    /// A run was cut off: its night was stopped or killed.
    Interrupted {
        /// Which.
        run: RunId,
        /// Which attempt.
        attempt: u32,
        /// By what: `SIGTERM`, or that the night was killed.
        by: String,
        /// Its directory, within that of the night; none: it did not come so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        directory: Option<String>,
        /// What it had decided by then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cases: Vec<Case>,
    },
    /// Runs were not begun, or not tried again.
    Left {
        /// Which.
        runs: Vec<RunId>,
        /// Why.
        why: String,
    },
    /// The night is over.
    Closed {
        /// The exit code.
        exit: u8,
        /// The signal that ended it early.
        stopped_by: Option<String>,
    },
    /// Somebody was told what it came to, or was to be.
    Message(Handed),
}

/// What became of the message of a night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// How long its command took, in milliseconds.
    pub took_ms: u64,
    /// Why it was not taken; none: it was.
    pub why: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// In which way.
    pub end: Ending,
    /// Its exit code; none: a signal ended it.
    pub exit: Option<u8>,
    /// What was told of it, where it told of no cases, or could not keep them.
    pub why: Option<String>,
}

/// Ways in which a run can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It told what became of its cases.
    Told,
    /// It told that as well, and could not keep what it rests on.
    Unkept,
    /// It found the bench in somebody's hands.
    Busy,
    /// A file was wrong.
    File,
    /// The rig did not let it begin.
    Rig,
    /// It ended in a way in which no run ends.
    Crashed,
    /// It took longer than it may, and was ended.
    Hung,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Told => "told",
            Self::Unkept => "unkept",
            Self::Busy => "busy",
            Self::File => "file",
            Self::Rig => "rig",
            Self::Crashed => "crashed",
            Self::Hung => "hung",
        })
    }
}

/// What can be wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It can not be read or written.
    #[error("cannot {what} the ledger {}: {source}; is its disk full, or is this not the directory of a night?", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The ledger.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else appends to it.
    #[error("somebody else goes on with the night of {}; look with `fuser` who has that file open", path.display())]
    Held {
        /// The ledger.
        path: PathBuf,
    },
    /// Its first line is no header of a known schema.
    #[error("{} is not a ledger of the schema {SCHEMA}; use the version of siprig that wrote it", path.display())]
    Schema {
        /// The ledger.
        path: PathBuf,
    },
    /// A complete line is no entry.
    #[error("line {line} of the ledger {} is not an entry: {source}; restore the file from a copy, or cut it off there", path.display())]
    Malformed {
        /// The ledger.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// Appends entries. It is locked while this lives, whatever else those who go on with a night agree about.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    path: PathBuf,
}

impl Ledger {
    /// Begins the ledger of a night in its directory.
    ///
    /// # Errors
    /// If there is one, or it can not be written.
    pub fn create(directory: &Path) -> Result<Self, LedgerError> {
        let path = directory.join(FILE);
        let failed = |source| LedgerError::File { what: "begin", path: path.clone(), source };
        let header = Header { schema: SCHEMA.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let file = OpenOptions::new().append(true).create_new(true).mode(0o644).open(&path).map_err(failed)?;
        hold(&file, &path)?;
        let mut ledger = Self { file, path: path.clone() };
        ledger.line(&header).map_err(failed)?;
        // The name of the file is to outlive a power cut as well.
        File::open(directory).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(ledger)
    }

    /// Goes on with the ledger of a night, and tells what stands in it. A torn last line is cut off.
    ///
    /// # Errors
    /// If it can not be read or written, is none, or is somebody else's.
    pub fn resume(directory: &Path) -> Result<(Self, Vec<Entry>), LedgerError> {
        let path = directory.join(FILE);
        let failed = |source| LedgerError::File { what: "go on with", path: path.clone(), source };
        let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
        hold(&file, &path)?;
        let (entries, whole) = read(&path)?;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok((Self { file, path }, entries))
    }

    /// Appends an entry. It is on the disk afterwards.
    ///
    /// # Errors
    /// If it can not be written; the file may end in a torn line then.
    pub fn append(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        self.line(entry).map_err(|source| LedgerError::File { what: "append to", path: self.path.clone(), source })
    }

    /// Gives a sign of life: the file is as if it had been written to just now.
    pub fn sign(&self) {
        // Who looks for it misses it, and nothing else does.
        let _ = futimens(&self.file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

fn hold(file: &File, path: &Path) -> Result<(), LedgerError> {
    for _ in 0..LOOKERS {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // Waiting that is cut short is only tried again earlier.
            Err(TryLockError::WouldBlock) => drop(poll(&mut [], PollTimeout::from(MOMENT_MS))),
            Err(TryLockError::Error(source)) => {
                return Err(LedgerError::File { what: "lock", path: path.to_owned(), source });
            }
        }
    }
    Err(LedgerError::Held { path: path.to_owned() })
}

/// Whether somebody goes on with the night of a directory, by the lock on its ledger: it is gone with the process that had it, whatever
/// ended that.
///
/// # Errors
/// If there is no ledger, or it can not be looked at.
pub fn is_held(directory: &Path) -> Result<bool, LedgerError> {
    let path = directory.join(FILE);
    let failed = |source| LedgerError::File { what: "look at", path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false).map_err(failed),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The entries of a ledger. A torn last line is passed over.
///
/// # Errors
/// If it can not be read, or is none.
pub fn entries(directory: &Path) -> Result<Vec<Entry>, LedgerError> {
    read(&directory.join(FILE)).map(|(entries, _)| entries)
}

/// The entries without what was measured in them and the records that they rest on, which is most of a ledger: for who is in a hurry.
///
/// # Errors
/// As [`entries`].
pub fn glance(directory: &Path) -> Result<Vec<Entry>, LedgerError> {
    let path = directory.join(FILE);
    let bytes =
        std::fs::read(&path).map_err(|source| LedgerError::File { what: "read", path: path.clone(), source })?;
    let mut lean = Lean::of(&["measurements", "evidence"]);
    parse(&bytes, &path, |line| serde_json::from_slice(lean.line(line))).map(|(entries, _)| entries)
}

/// The entries, and how many bytes of the file are whole lines.
fn read(path: &Path) -> Result<(Vec<Entry>, u64), LedgerError> {
    let bytes =
        std::fs::read(path).map_err(|source| LedgerError::File { what: "read", path: path.to_owned(), source })?;
    parse(&bytes, path, |line| serde_json::from_slice(line))
}

fn parse(
    bytes: &[u8],
    path: &Path,
    mut entry: impl FnMut(&[u8]) -> serde_json::Result<Entry>,
) -> Result<(Vec<Entry>, u64), LedgerError> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let header = lines.next().and_then(|line| serde_json::from_slice::<Header>(line).ok().map(|header| (header, line)));
    let Some((_, first)) = header.filter(|(header, _)| header.schema == SCHEMA) else {
        return Err(LedgerError::Schema { path: path.to_owned() });
    };
    let (mut entries, mut whole) = (Vec::new(), first.len());
    for (number, line) in (2..).zip(lines) {
        let entry =
            entry(line).map_err(|source| LedgerError::Malformed { path: path.to_owned(), line: number, source })?;
        entries.push(entry);
        whole += line.len();
    }
    Ok((entries, whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::state::sample;

    #[test]
    fn what_was_appended_is_read_back_and_whoever_goes_on_after_a_torn_line_loses_that_line_alone() {
        let entries = sample::night();
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path()).unwrap();
        entries.iter().for_each(|entry| ledger.append(entry).unwrap());
        assert_eq!(super::entries(folder.path()).unwrap(), entries);
        drop(ledger);

        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for end in [last, last + 1, whole.len() - 1] {
            std::fs::write(&path, &whole[..end]).unwrap();
            let (mut ledger, read) = Ledger::resume(folder.path()).unwrap();
            assert_eq!(read, entries[..entries.len() - 1], "cut at {end}");
            ledger.append(&entries[entries.len() - 1]).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {end}");
        }
    }

    #[test]
    fn two_never_go_on_with_one_night() {
        let folder = tempfile::tempdir().unwrap();
        let first = Ledger::create(folder.path()).unwrap();
        assert!(matches!(Ledger::resume(folder.path()), Err(LedgerError::Held { .. })));
        drop(first);
        let second = Ledger::resume(folder.path()).unwrap();
        assert!(matches!(Ledger::resume(folder.path()), Err(LedgerError::Held { .. })));
        drop(second);
        Ledger::resume(folder.path()).unwrap();
    }

    #[test]
    fn who_looks_sees_whether_somebody_goes_on_and_keeps_nobody_from_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(is_held(folder.path()), Err(LedgerError::File { what: "look at", .. })));
        let first = Ledger::create(folder.path()).unwrap();
        assert!(is_held(folder.path()).unwrap());
        drop(first);
        assert!(!is_held(folder.path()).unwrap());
        // Another one looks just now.
        let look = File::open(folder.path().join(FILE)).unwrap();
        look.try_lock_shared().unwrap();
        let (taken, taker) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let folder = folder.path();
            scope.spawn(move || taken.send(Ledger::resume(folder).is_ok()));
            poll(&mut [], PollTimeout::from(MOMENT_MS)).unwrap();
            drop(look);
            assert!(taker.recv().unwrap(), "a look is not taken for a night");
        });
    }

    #[test]
    fn a_glance_tells_everything_but_what_was_measured_and_shown() {
        let mut entries = sample::night();
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path()).unwrap();
        for entry in &mut entries {
            if let Event::Ended { cases, .. } = &mut entry.event {
                for case in cases {
                    case.reason = Some(r#"it said "evidence":[1], \ and "measurements":["#.to_owned());
                    case.measurements = vec![crate::verdict::Measurement {
                        name: "gap ]".to_owned(),
                        at_ms: Some(1.5),
                        from_server: None,
                        to_server: None,
                        value: None,
                        unit: "ms".to_owned(),
                        error: None,
                        min: None,
                        max: None,
                        why_null: Some("a \"[\" in it".to_owned()),
                    }];
                }
            }
            ledger.append(entry).unwrap();
        }
        assert_eq!(super::entries(folder.path()).unwrap(), entries);
        for entry in &mut entries {
            if let Event::Ended { cases, .. } = &mut entry.event {
                cases.iter_mut().for_each(|case| (case.measurements, case.evidence) = (Vec::new(), Vec::new()));
            }
        }
        assert_eq!(glance(folder.path()).unwrap(), entries);
    }

    #[test]
    fn a_ledger_is_never_begun_twice_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Ledger::create(folder.path()).unwrap();
        assert!(matches!(Ledger::create(folder.path()), Err(LedgerError::File { what: "begin", .. })));
        let path = folder.path().join(FILE);
        for text in ["", "{}\n", r#"{"schema":"siprig.ledger/2","version":"9"}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(entries(folder.path()), Err(LedgerError::Schema { .. })), "{text}");
        }
        let broken = format!("{{\"schema\":\"{SCHEMA}\",\"version\":\"1\"}}\n{{}}\n");
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(entries(folder.path()), Err(LedgerError::Malformed { line: 2, .. })));
    }
}
