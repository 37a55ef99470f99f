//! The journal: an append-only file of records, one JSON document a line.
//!
//! The first line is a [`Header`] that names the schema; every further line is a [`Record`]. A record is written with
//! one `write(2)`, so that a killed run leaves at most its last line torn; a reader passes over that line and says so.
//!
//! Not here: what the records mean (`engine`), and who writes them in which order (`session`).

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::Record;

pub mod console;
pub mod follow;
pub mod run_dir;

pub use run_dir::{RunDir, RunDirError};

/// The schema that this version writes, and the only one that it reads.
pub const SCHEMA: &str = "siprig.journal/1";

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of siprig that wrote it.
    pub version: String,
}

impl Header {
    fn ours() -> Self {
        Self { schema: SCHEMA.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// What can be wrong with a journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It could not be created, as when it exists or the disk is full.
    #[error("cannot create the journal {path}: {source}")]
    Create {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be opened.
    #[error("cannot open the journal {path}: {source}; is this the directory of a run?")]
    Open {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record could not be appended: the run must end, as nothing after this can be proven.
    #[error("cannot append record {seq} to the journal {path}: {source}; free some space on that disk and run again")]
    Append {
        /// The journal.
        path: PathBuf,
        /// Number of the record.
        seq: u64,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be read on.
    #[error("cannot read line {line} of the journal {path}: {source}")]
    Read {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Its first line is no header of a known schema.
    #[error("{path} is not a journal of the schema {SCHEMA}: {found}; use the version of siprig that wrote it")]
    Schema {
        /// The journal.
        path: PathBuf,
        /// What its first line says instead.
        found: String,
    },
    /// A complete line is no record.
    #[error(
        "line {line} of the journal {path} is not a record: {source}; restore the file from a copy, or cut it off there"
    )]
    Malformed {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// Appends records to a new journal.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    path: PathBuf,
    line: Vec<u8>,
}

impl JournalWriter {
    /// Creates the journal of a run and writes its header.
    ///
    /// # Errors
    /// [`JournalError::Create`] if it exists, or cannot be created or written.
    pub fn create(dir: &RunDir) -> Result<Self, JournalError> {
        let path = dir.journal();
        let failed = |source| JournalError::Create { path: path.clone(), source };
        let mut line = serde_json::to_vec(&Header::ours()).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        let mut file = dir.create_file(&path).map_err(failed)?;
        // Nobody clears away what is being written. A file system that knows no locks can not tell, and has one who looks.
        let _ = file.try_lock();
        file.write_all(&line).map_err(failed)?;
        Ok(Self { file, path, line })
    }

    /// Appends one record, in one `write(2)` unless the kernel takes only a part of it.
    ///
    /// # Errors
    /// [`JournalError::Append`], after which the file may end in a torn line.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, record).map_err(io::Error::from).and_then(|()| {
            self.line.push(b'\n');
            self.file.write_all(&self.line)
        });
        written.map_err(|source| JournalError::Append { path: self.path.clone(), seq: record.seq, source })
    }
}

/// Reads records one by one. After the last, [`JournalReader::torn`] tells whether the file ends in a torn line.
#[derive(Debug)]
pub struct JournalReader<R> {
    input: R,
    path: PathBuf,
    header: Header,
    line: Vec<u8>,
    number: u64,
    torn: bool,
    done: bool,
}

impl JournalReader<BufReader<File>> {
    /// Opens the journal at `path`.
    ///
    /// # Errors
    /// [`JournalError::Open`], [`JournalError::Read`], and [`JournalError::Schema`] if it is of another version or none.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        Self::new(BufReader::with_capacity(1 << 16, file), path)
    }
}

impl<R: BufRead> JournalReader<R> {
    /// Reads a journal from `input`; `path` is for error messages.
    ///
    /// # Errors
    /// [`JournalError::Read`] and [`JournalError::Schema`].
    pub fn new(mut input: R, path: &Path) -> Result<Self, JournalError> {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).map_err(|source| JournalError::Read {
            path: path.to_owned(),
            line: 1,
            source,
        })?;
        let header = serde_json::from_slice::<Header>(&line)
            .map_err(|_| if line.is_empty() { "it is empty" } else { "its first line is no header" }.to_owned())
            .and_then(|header| if header.schema == SCHEMA { Ok(header) } else { Err(header.schema) })
            .map_err(|found| JournalError::Schema { path: path.to_owned(), found })?;
        let torn = line.last() != Some(&b'\n');
        Ok(Self { input, path: path.to_owned(), header, line, number: 1, torn, done: false })
    }

    /// The first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the last line was passed over because it has no end: the run was killed, or the disk was full. Known
    /// once the iterator is exhausted.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// The line of the last record, as written, without its line ending.
    pub fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    fn read_record(&mut self) -> Result<Option<Record>, JournalError> {
        self.line.clear();
        self.number += 1;
        let read = self.input.read_until(b'\n', &mut self.line);
        let length =
            read.map_err(|source| JournalError::Read { path: self.path.clone(), line: self.number, source })?;
        if length == 0 {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            self.torn = true;
            return Ok(None);
        }
        serde_json::from_slice(&self.line).map(Some).map_err(|source| JournalError::Malformed {
            path: self.path.clone(),
            line: self.number,
            source,
        })
    }
}

impl<R: BufRead> Iterator for JournalReader<R> {
    type Item = Result<Record, JournalError>;

    /// The next record; nothing follows an error.
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.read_record().transpose();
        self.done = !matches!(record, Some(Ok(_)));
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Observed, Stamp, When};

    fn record(seq: u64) -> Record {
        let observed = Observed::StopRequested { by: format!("SIGINT {seq}") };
        Record { seq, seen: Stamp(seq), when: When::exactly(Stamp(seq)), event: Event::Observed(observed) }
    }

    /// The bytes of a journal of three records.
    fn written() -> Vec<u8> {
        let reports = tempfile::tempdir().unwrap();
        let run = RunDir::create(reports.path(), "failover", 0, false).unwrap();
        let mut journal = JournalWriter::create(&run).unwrap();
        (1..=3).for_each(|seq| journal.append(&record(seq)).unwrap());
        std::fs::read(run.journal()).unwrap()
    }

    #[test]
    fn what_was_appended_is_read_back_and_a_torn_end_is_passed_over_and_told() {
        let whole = written();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for end in last..=whole.len() {
            let mut reader = JournalReader::new(&whole[..end], Path::new("journal")).unwrap();
            let records: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
            let (count, torn) = if end == whole.len() { (3, false) } else { (2, end > last) };
            assert_eq!(records, (1..=count).map(record).collect::<Vec<_>>(), "cut at {end} of {}", whole.len());
            assert_eq!(reader.torn(), torn, "cut at {end} of {}", whole.len());
        }
    }

    #[test]
    fn a_line_in_the_middle_that_is_no_record_is_an_error_with_its_number_and_nothing_follows_it() {
        let mut bytes = written();
        let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        bytes.insert(second, b'\n');
        let mut reader = JournalReader::new(bytes.as_slice(), Path::new("journal")).unwrap();
        let error = reader.next().unwrap().unwrap_err();
        assert!(matches!(error, JournalError::Malformed { line: 2, .. }), "{error}");
        assert!(reader.next().is_none());
    }

    #[test]
    fn what_is_no_journal_is_refused_with_the_reason() {
        for (bytes, reason) in [(&b""[..], "it is empty"), (b"{}\n", "no header"), (b"hello\n", "no header")] {
            let error = JournalReader::new(bytes, Path::new("journal")).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
