//! The recording of a console: a log of every byte that the phone sent, and an index of what happened when.
//!
//! The log holds the phone's bytes and nothing else, but for masked secrets, which keep their length. The index is JSON
//! Lines, an entry for each read, each line typed, and each opening and loss of the port; what we typed is there only. The
//! two together replay both directions with their times.
//!
//! Not here: who writes them (`driver::serial`), and how bytes become lines (`wire::console`).

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::run_dir::{console_index, console_log};
use crate::event::{PhoneName, Stamp};

pub mod follow;

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Nanoseconds since the run began: when the bytes were read, or the typing of them began.
    pub at: Stamp,
    /// What happened.
    pub what: What,
    /// Offset in the log: of the first byte that came, or the place where something else happened.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// What was typed, line ending included, secrets masked; in runs before recordings could be replayed without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The same in hexadecimal, where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// For how long the port was away, in nanoseconds, where it was opened again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_ns: Option<u64>,
}

/// What an entry of the index tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Bytes came.
    In,
    /// We typed something.
    Out,
    /// The port was opened.
    Opened,
    /// The port was lost.
    Lost,
}

/// A piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// When.
    pub at: Stamp,
    /// What.
    pub what: What,
    /// The bytes that came or were typed.
    pub bytes: Vec<u8>,
    /// For how long the port was away, in nanoseconds, where it was opened again.
    pub away_ns: Option<u64>,
}

/// Why a recording can not be read.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// There is none.
    #[error("cannot open {path}: {source}; does the phone have a console in this run?")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended in the middle of a read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index is not what we write.
    #[error("{path}, line {line}: {reason}; was the file changed?")]
    Index {
        /// The index.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a recording from its beginning, a passage at a time.
#[derive(Debug)]
pub struct Recording {
    index: BufReader<File>,
    index_path: PathBuf,
    log: BufReader<File>,
    log_path: PathBuf,
    line: usize,
    offset: u64,
    ended: bool,
    torn: bool,
}

impl Recording {
    /// Opens the recording of a phone's console.
    ///
    /// # Errors
    /// [`RecordingError::Open`].
    pub fn open(run_dir: &Path, phone: &PhoneName) -> Result<Self, RecordingError> {
        let open =
            |path: &Path| File::open(path).map_err(|source| RecordingError::Open { path: path.to_owned(), source });
        let (index_path, log_path) = (run_dir.join(console_index(phone)), run_dir.join(console_log(phone)));
        Ok(Self {
            index: BufReader::new(open(&index_path)?),
            log: BufReader::new(open(&log_path)?),
            index_path,
            log_path,
            line: 0,
            offset: 0,
            ended: false,
            torn: false,
        })
    }

    /// Whether the writer was killed: the last entry is torn, or bytes of which the index tells are not in the log.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    fn next_passage(&mut self) -> Result<Option<Passage>, RecordingError> {
        let mut text = Vec::new();
        self.index
            .read_until(b'\n', &mut text)
            .map_err(|source| RecordingError::Read { path: self.index_path.clone(), source })?;
        if text.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if text.last() != Some(&b'\n') {
            self.torn = true;
            return Ok(None);
        }
        let entry: Entry = serde_json::from_slice(&text).map_err(|error| self.wrong(error.to_string()))?;
        if entry.offset != self.offset {
            return Err(self.wrong(format!("it tells of byte {} where {} is due", entry.offset, self.offset)));
        }
        let bytes = match entry.what {
            What::In => self.read(entry.len)?,
            What::Out => self.typed(&entry)?,
            What::Opened | What::Lost => Vec::new(),
        };
        Ok(Some(Passage { at: entry.at, what: entry.what, bytes, away_ns: entry.away_ns }))
    }

    fn read(&mut self, len: u64) -> Result<Vec<u8>, RecordingError> {
        let mut bytes = Vec::new();
        let count = self
            .log
            .by_ref()
            .take(len)
            .read_to_end(&mut bytes)
            .map_err(|source| RecordingError::Read { path: self.log_path.clone(), source })?;
        self.offset += len;
        self.torn |= (count as u64) < len;
        Ok(bytes)
    }

    fn typed(&self, entry: &Entry) -> Result<Vec<u8>, RecordingError> {
        match (&entry.text, &entry.hex) {
            (Some(text), _) => Ok(text.clone().into_bytes()),
            (None, Some(hex)) => from_hex(hex).ok_or_else(|| self.wrong("its bytes are not hexadecimal".to_owned())),
            (None, None) => Err(self.wrong("it does not say what was typed".to_owned())),
        }
    }

    fn wrong(&self, reason: String) -> RecordingError {
        RecordingError::Index { path: self.index_path.clone(), line: self.line, reason }
    }
}

impl Iterator for Recording {
    type Item = Result<Passage, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_passage().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(index: &str, log: &[u8]) -> (tempfile::TempDir, Recording) {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        std::fs::write(folder.path().join(console_index(&phone)), index).unwrap();
        std::fs::write(folder.path().join(console_log(&phone)), log).unwrap();
        let recording = Recording::open(folder.path(), &phone).unwrap();
        (folder, recording)
    }

    #[test]
    fn both_directions_come_back_with_their_times() {
        let index = concat!(
            r#"{"at":1,"what":"opened","offset":0,"len":0}"#,
            "\n",
            r#"{"at":2,"what":"in","offset":0,"len":3}"#,
            "\n",
            r#"{"at":3,"what":"out","offset":3,"len":2,"hex":"00ff"}"#,
            "\n",
            r#"{"at":4,"what":"out","offset":3,"len":3,"text":"ls\r"}"#,
            "\n",
            r#"{"at":5,"what":"in","offset":3,"len":1}"#,
            "\n",
        );
        let (_folder, mut recording) = recording(index, b"a\xff\0b");
        let found: Vec<_> = recording.by_ref().map(|it| it.map(|it| (it.at.0, it.what, it.bytes)).unwrap()).collect();
        let expected = [
            (1, What::Opened, vec![]),
            (2, What::In, b"a\xff\0".to_vec()),
            (3, What::Out, vec![0, 255]),
            (4, What::Out, b"ls\r".to_vec()),
            (5, What::In, b"b".to_vec()),
        ];
        assert_eq!(found, expected);
        assert!(!recording.is_torn());
    }

    #[test]
    fn what_a_killed_writer_left_is_read_as_far_as_it_goes() {
        let whole = "{\"at\":2,\"what\":\"in\",\"offset\":0,\"len\":3}\n";
        for (index, log, bytes) in [(format!("{whole}{{\"at\":3,"), &b"abc"[..], 3), (whole.to_owned(), b"ab", 2)] {
            let (_folder, mut recording) = recording(&index, log);
            let found: Vec<_> = recording.by_ref().map(|it| it.unwrap().bytes.len()).collect();
            assert_eq!((found, recording.is_torn()), (vec![bytes], true));
        }
    }

    #[test]
    fn an_index_that_does_not_fit_is_refused_with_its_line() {
        let gap =
            "{\"at\":2,\"what\":\"in\",\"offset\":0,\"len\":1}\n{\"at\":2,\"what\":\"in\",\"offset\":5,\"len\":1}\n";
        for (index, line) in [(gap, "line 2"), ("nonsense\n", "line 1"), (&gap.replace("in", "out"), "line 1")] {
            let (_folder, recording) = recording(index, b"abc");
            let error = recording.last().unwrap().unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
