//! A recording that is still being written, read by somebody else: what is there now, and later the rest.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{Entry, Passage, RecordingError, What, from_hex};
use crate::{
    event::PhoneName,
    journal::run_dir::{console_index, console_log},
};

/// Of an index that is longer than this, so much of its end is read.
const TAIL: u64 = 4 << 20;

/// Bytes that are read at once.
const MOST: u64 = 1 << 16;

/// Reads a recording as it grows. What is not whole yet is waited for: an entry without its end, and bytes of a line that has not
/// ended, which the writer holds back because a secret in it can be masked only as a whole.
#[derive(Debug)]
pub struct Follower {
    index: BufReader<File>,
    index_path: PathBuf,
    log: File,
    log_path: PathBuf,
    line: Vec<u8>,
    number: usize,
    /// The entry whose bytes are not there yet.
    waiting: Option<Entry>,
}

impl Follower {
    /// Opens the recording of a phone's console, at its beginning, or so far before its end as anybody looks back.
    ///
    /// # Errors
    /// [`RecordingError::Open`].
    pub fn open(run_dir: &Path, phone: &PhoneName, whole: bool) -> Result<Self, RecordingError> {
        let open =
            |path: &Path| File::open(path).map_err(|source| RecordingError::Open { path: path.to_owned(), source });
        let (index_path, log_path) = (run_dir.join(console_index(phone)), run_dir.join(console_log(phone)));
        let mut index = BufReader::new(open(&index_path)?);
        let length = index.get_ref().metadata().map_or(0, |about| about.len());
        if !whole && length > TAIL {
            let failed = |source| RecordingError::Read { path: index_path.clone(), source };
            index.seek(SeekFrom::Start(length - TAIL)).map_err(failed)?;
            // It is in the middle of an entry.
            index.read_until(b'\n', &mut Vec::new()).map_err(failed)?;
        }
        let log = open(&log_path)?;
        Ok(Self { index, index_path, log, log_path, line: Vec::new(), number: 0, waiting: None })
    }

    /// The next passage, as far as it is there.
    ///
    /// # Errors
    /// [`RecordingError::Read`] and [`RecordingError::Index`].
    pub fn next_passage(&mut self) -> Result<Option<Passage>, RecordingError> {
        let Some(entry) = self.next_entry()? else { return Ok(None) };
        let bytes = match entry.what {
            What::In => {
                let bytes = self.read(&entry)?;
                let (count, at) = (bytes.len() as u64, entry.at);
                if count < entry.len {
                    // The rest is waited for.
                    let (offset, len) = (entry.offset + count, entry.len - count);
                    self.waiting = Some(Entry { offset, len, ..entry });
                    let some = Passage { at, what: What::In, bytes, away_ns: None };
                    return Ok(Some(some).filter(|some| !some.bytes.is_empty()));
                }
                bytes
            }
            What::Out => match (&entry.text, &entry.hex) {
                (Some(text), _) => text.clone().into_bytes(),
                (None, hex) => hex.as_deref().and_then(from_hex).unwrap_or_default(),
            },
            What::Opened | What::Lost => Vec::new(),
        };
        Ok(Some(Passage { at: entry.at, what: entry.what, bytes, away_ns: entry.away_ns }))
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        if let Some(entry) = self.waiting.take() {
            return Ok(Some(entry));
        }
        let failed = |source| RecordingError::Read { path: self.index_path.clone(), source };
        self.index.read_until(b'\n', &mut self.line).map_err(failed)?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        serde_json::from_slice(&line).map(Some).map_err(|error| RecordingError::Index {
            path: self.index_path.clone(),
            line: self.number,
            reason: error.to_string(),
        })
    }

    /// The bytes of an entry that are there.
    fn read(&self, entry: &Entry) -> Result<Vec<u8>, RecordingError> {
        let failed = |source| RecordingError::Read { path: self.log_path.clone(), source };
        let there = self.log.metadata().map_err(failed)?.len();
        let count = entry.len.min(there.saturating_sub(entry.offset)).min(MOST);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        self.log.read_exact_at(&mut bytes, entry.offset).map_err(failed)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write};

    use super::*;

    #[test]
    fn what_is_written_later_is_read_later_and_what_is_not_whole_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        let append = |name: String, bytes: &[u8]| {
            let file = OpenOptions::new().create(true).append(true).open(folder.path().join(name));
            file.unwrap().write_all(bytes).unwrap();
        };
        let (index, log) = (
            |bytes: &[u8]| append(console_index(&phone), bytes),
            |bytes: &[u8]| {
                append(console_log(&phone), bytes);
            },
        );
        index(b"{\"at\":1,\"what\":\"opened\",\"offset\":0,\"len\":0}\n{\"at\":2,\"what\":\"in\",\"off");
        log(b"");
        let mut follower = Follower::open(folder.path(), &phone, true).unwrap();
        let mut next = || follower.next_passage().unwrap().map(|passage| (passage.at.0, passage.bytes));
        assert_eq!((next(), next()), (Some((1, vec![])), None));
        index(b"set\":0,\"len\":5}\n{\"at\":3,\"what\":\"out\",\"offset\":5,\"len\":1,\"text\":\"x\"}\n");
        assert_eq!(next(), None, "its bytes are held back");
        log(b"ok\n");
        assert_eq!((next(), next()), (Some((2, b"ok\n".to_vec())), None), "the prompt behind that is held back");
        log(b"> \n");
        assert_eq!((next(), next(), next()), (Some((2, b"> ".to_vec())), Some((3, b"x".to_vec())), None));
    }

    #[test]
    fn of_a_long_recording_the_end_is_read_and_no_bytes_can_ask_for_more_memory_than_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        let entry = |at: usize| format!("{{\"at\":{at},\"what\":\"lost\",\"offset\":0,\"len\":0}}\n");
        let mut index: String = (0..120_000).map(entry).collect();
        index.push_str("{\"at\":7,\"what\":\"in\",\"offset\":0,\"len\":18446744073709551615}\n");
        std::fs::write(folder.path().join(console_index(&phone)), &index).unwrap();
        std::fs::write(folder.path().join(console_log(&phone)), "abc").unwrap();
        let first = |whole| {
            let mut follower = Follower::open(folder.path(), &phone, whole).unwrap();
            let first = follower.next_passage().unwrap().unwrap().at.0;
            while follower.next_passage().unwrap().is_some() {}
            first
        };
        assert_eq!(first(true), 0);
        assert!((1..120_000).contains(&first(false)));
    }
}
