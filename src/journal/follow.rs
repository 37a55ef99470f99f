//! A journal that is still being written, read by somebody else: what is there now, and later the rest.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Header, JournalError, SCHEMA};
use crate::event::Record;

/// The longest end of a journal in which its last record is looked for.
const TAIL: u64 = 8 << 20;

/// Reads a journal as it grows. A line that has no end yet is waited for.
#[derive(Debug)]
pub struct Follower {
    input: BufReader<File>,
    path: PathBuf,
    line: Vec<u8>,
    /// Lines that were read.
    number: u64,
    /// Bytes that were read.
    read: u64,
}

impl Follower {
    /// Opens the journal at `path`.
    ///
    /// # Errors
    /// [`JournalError::Open`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        let input = BufReader::with_capacity(1 << 16, file);
        Ok(Self { input, path: path.to_owned(), line: Vec::new(), number: 0, read: 0 })
    }

    /// The next record, if all of it is there.
    ///
    /// # Errors
    /// [`JournalError::Read`], [`JournalError::Schema`] if it is of another version or none, and [`JournalError::Malformed`].
    pub fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            let failed = |source| JournalError::Read { path: self.path.clone(), line: self.number + 1, source };
            self.read += self.input.read_until(b'\n', &mut self.line).map_err(failed)? as u64;
            if self.line.last() != Some(&b'\n') {
                return Ok(None);
            }
            let line = std::mem::take(&mut self.line);
            self.number += 1;
            if self.number > 1 {
                let malformed = |source| JournalError::Malformed { path: self.path.clone(), line: self.number, source };
                return serde_json::from_slice(&line).map(Some).map_err(malformed);
            }
            let found = match serde_json::from_slice::<Header>(&line) {
                Ok(header) if header.schema == SCHEMA => continue,
                Ok(header) => header.schema,
                Err(_) => "its first line is no header".to_owned(),
            };
            return Err(JournalError::Schema { path: self.path.clone(), found });
        }
    }

    /// Bytes that are there and were not read yet.
    pub fn behind(&self) -> u64 {
        let length = self.input.get_ref().metadata().map_or(self.read, |about| about.len());
        length.saturating_sub(self.read)
    }
}

/// The last record of a journal that is not being written, without reading all of it; none if there is no whole one.
///
/// # Errors
/// [`JournalError::Open`] and [`JournalError::Read`].
pub fn last_record(path: &Path) -> Result<Option<Record>, JournalError> {
    last_with(path, b"", TAIL)
}

/// The last record whose line has this in it, in so many bytes of the end of a journal; none if there is no whole one.
///
/// # Errors
/// As [`last_record`].
pub fn last_with(path: &Path, mark: &[u8], tail: u64) -> Result<Option<Record>, JournalError> {
    let mut file = File::open(path).map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
    let failed = |source| JournalError::Read { path: path.to_owned(), line: 0, source };
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    file.seek(SeekFrom::Start(length.saturating_sub(tail))).map_err(failed)?;
    let mut end = Vec::new();
    file.take(tail).read_to_end(&mut end).map_err(failed)?;
    let mut lines = end.split(|byte| *byte == b'\n').rev();
    // What follows the last line end is torn, or nothing.
    lines.next();
    let mark = memchr::memmem::Finder::new(mark);
    let mut marked = lines.filter(|line| mark.find(line).is_some());
    Ok(marked.find_map(|line| serde_json::from_slice(line).ok()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{
        event::{Event, Observed, Stamp, When},
        journal::{JournalWriter, RunDir},
    };

    fn record(seq: u64) -> Record {
        let observed = Observed::StopRequested { by: "somebody".to_owned() };
        Record { seq, seen: Stamp(seq), when: When::exactly(Stamp(seq)), event: Event::Observed(observed) }
    }

    #[test]
    fn what_is_appended_is_read_when_all_of_it_is_there() {
        let reports = tempfile::tempdir().unwrap();
        let run = RunDir::create(reports.path(), "failover", 0, false).unwrap();
        let mut journal = JournalWriter::create(&run).unwrap();
        let mut follower = Follower::open(&run.journal()).unwrap();
        assert_eq!(follower.next_record().unwrap(), None);
        journal.append(&record(1)).unwrap();
        journal.append(&record(2)).unwrap();
        assert!(follower.behind() > 0);
        assert_eq!(follower.next_record().unwrap(), Some(record(1)));
        assert_eq!(follower.next_record().unwrap(), Some(record(2)));
        assert_eq!((follower.next_record().unwrap(), follower.behind()), (None, 0));
        let line = serde_json::to_vec(&record(3)).unwrap();
        let mut raw = std::fs::OpenOptions::new().append(true).open(run.journal()).unwrap();
        raw.write_all(&line[..20]).unwrap();
        assert_eq!(follower.next_record().unwrap(), None);
        assert_eq!(last_record(&run.journal()).unwrap(), Some(record(2)), "the last line is torn");
        raw.write_all(&line[20..]).unwrap();
        raw.write_all(b"\n").unwrap();
        assert_eq!(follower.next_record().unwrap(), Some(record(3)));
        assert_eq!(last_record(&run.journal()).unwrap(), Some(record(3)));
        let with = |mark: &[u8], tail| last_with(&run.journal(), mark, tail).unwrap().map(|record| record.seq);
        assert_eq!((with(b"\"seq\":2", TAIL), with(b"\"seq\":9", TAIL)), (Some(2), None));
        assert_eq!(with(b"\"seq\":1", line.len() as u64 + 10), None, "it lies ahead of the end");
    }
}
