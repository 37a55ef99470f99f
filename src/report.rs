//! Reports of a run, made from its journal: the closing table, `summary.json`, JUnit, HTML.
//!
//! Everything here is a pure function of the records; the same journal gives the same bytes. Not here: verdicts
//! (`engine`), the live display (`tui`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

mod bystanders;
pub mod heat;
pub mod html;
pub mod junit;
mod prompts;
#[cfg(test)]
pub(crate) mod sample;
pub mod story;
pub mod summary;
pub mod table;
pub mod times;

pub use prompts::Prompt;
pub use story::{Deadline, RunStory};
pub use summary::Summary;
pub use times::Times;

use sha2::{Digest, Sha256};

use crate::journal::{JournalError, JournalReader};

/// What [`write_all`] makes.
const OWN: [&str; 3] = ["summary.json", "junit.xml", "report.html"];

/// What kept a report from being made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file of the run directory could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A report could not be written.
    #[error("cannot write {}: {source}; is the disk full, or the directory read-only?", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal can not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// JSON could not be produced.
    #[error("cannot write the summary as JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// XML could not be produced.
    #[error("cannot write the results as JUnit XML: {0}")]
    Xml(String),
    /// HTML could not be produced.
    #[error("cannot render the HTML report: {0}")]
    Html(String),
}

/// The files that [`write_all`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `summary.json`.
    pub summary: PathBuf,
    /// `junit.xml`.
    pub junit: PathBuf,
    /// `report.html`.
    pub html: PathBuf,
}

/// A file of the run directory that reports refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFile {
    /// Its path within the run directory.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Reads the journal of a run and writes all its reports beside it. Each file appears complete or not at all.
///
/// # Errors
/// If the journal can not be read or a report can not be written.
pub fn write_all(run_dir: &Path, exit: u8) -> Result<Written, ReportError> {
    let story = load(run_dir)?;
    let files = raw_files(run_dir)?;
    let written = Written {
        summary: run_dir.join("summary.json"),
        junit: run_dir.join("junit.xml"),
        html: run_dir.join("report.html"),
    };
    replace(&written.summary, &Summary::of(&story, run_dir, exit).to_json()?)?;
    replace(&written.junit, &junit::render(&story)?)?;
    replace(&written.html, &html::render(&story, exit, &files)?)?;
    Ok(written)
}

/// The story of the run in that directory. A torn last line, as a killed controller leaves behind, is passed over.
///
/// # Errors
/// If its journal can not be read.
pub fn load(run_dir: &Path) -> Result<RunStory, ReportError> {
    let mut story = RunStory::default();
    for record in JournalReader::open(&run_dir.join("journal.jsonl"))? {
        story.apply(&record?);
    }
    Ok(story)
}

/// Where the time of the run in that directory went. A torn last line is passed over.
///
/// # Errors
/// If its journal can not be read.
pub fn times(run_dir: &Path) -> Result<Times, ReportError> {
    let mut clerk = times::Clerk::default();
    for record in JournalReader::open(&run_dir.join("journal.jsonl"))? {
        clerk.apply(&record?);
    }
    Ok(clerk.end())
}

/// The raw files of a run directory with their checksums, sorted by name; the reports themselves are left out.
///
/// # Errors
/// If the directory or a file in it can not be read.
pub fn raw_files(run_dir: &Path) -> Result<Vec<RawFile>, ReportError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Read { path, source }
    };
    let mut files = Vec::new();
    let mut directories = vec![run_dir.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(unreadable(&directory))? {
            let entry = entry.map_err(unreadable(&directory))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable(&directory))?);
            let name = path.strip_prefix(run_dir).unwrap_or(&path).to_string_lossy().into_owned();
            // Only what lies in the directory itself is evidence; links, pipes and sockets are not followed.
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() && !OWN.contains(&name.as_str()) && !name.ends_with(".partial") {
                let mut digest = Sha256::new();
                let mut file = fs::File::open(&path).map_err(unreadable(&path))?;
                let bytes = io::copy(&mut file, &mut digest).map_err(unreadable(&path))?;
                let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                files.push(RawFile { name, bytes, sha256 });
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Writes beside the file and renames, so that a reader never sees half of it.
///
/// # Errors
/// If it can not be written; what was there before is there still.
pub fn replace(path: &Path, text: &str) -> Result<(), ReportError> {
    let beside = path.with_extension("partial");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|source| {
        // What is left of it is of no use, and the error is told already.
        let _ = fs::remove_file(&beside);
        ReportError::Write { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{JournalWriter, RunDir};

    fn run(records: &[crate::event::Record]) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let dir = RunDir::create(place.path(), "failover", 0, false).unwrap();
        let mut journal = JournalWriter::create(&dir).unwrap();
        for record in records {
            journal.append(record).unwrap();
        }
        let path = dir.path().to_owned();
        (place, path)
    }

    #[test]
    fn the_same_journal_gives_the_same_bytes_twice() {
        let (_place, dir) = run(&sample::mixed_run());
        fs::write(dir.join("capture.pcapng"), b"frames").unwrap();
        let bytes =
            |written: &Written| [&written.summary, &written.junit, &written.html].map(|path| fs::read(path).unwrap());
        let first = bytes(&write_all(&dir, 100).unwrap());
        let again = bytes(&write_all(&dir, 100).unwrap());
        assert_eq!(first, again);
        let summary: Summary = serde_json::from_slice(&first[0]).unwrap();
        assert_eq!((summary.exit, summary.cases.len()), (100, 5));
        let names: Vec<_> = raw_files(&dir).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["capture.pcapng", "journal.jsonl"]);
        let page = String::from_utf8(first[2].clone()).unwrap();
        assert!(
            page.contains("594cfd2607d4f09e1ce6241203e418cacfed545063792bc5eab7afaadbf0c4e0"),
            "SHA-256 of `frames`"
        );
    }

    #[test]
    fn a_torn_last_line_is_no_obstacle() {
        let (_place, dir) = run(&sample::clean_run());
        let path = dir.join("journal.jsonl");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 9]).unwrap();
        let story = load(&dir).unwrap();
        assert!(!story.ended, "the last record was torn");
        assert_eq!(story.cases().len(), 4);
    }

    #[test]
    fn a_directory_without_a_journal_is_an_error_that_names_it() {
        let place = tempfile::tempdir().unwrap();
        let error = write_all(place.path(), 0).unwrap_err().to_string();
        assert!(error.contains("journal.jsonl"), "{error}");
    }
}
