//! The directory of one run: its name, its permissions and the well-known names in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use thiserror::Error;

use crate::event::PhoneName;

/// The directory into which a run writes all that it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
    private: bool,
}

/// Why there is no run directory.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// It could not be created.
    #[error("cannot create the run directory {path}: {source}; choose another place with --report-dir")]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such run.
    #[error("{path} is not the directory of a run: it holds no journal.jsonl")]
    NotARun {
        /// The directory.
        path: PathBuf,
    },
}

impl RunDir {
    /// Creates `<report-dir>/<time>-<scenario>`, as `2026-11-23T221503Z-failover`. If that name is taken, a number
    /// makes it unique; nothing that exists is ever written to. With `keep_secrets` only the user may read it.
    ///
    /// # Errors
    /// [`RunDirError::Create`].
    pub fn create(
        report_dir: &Path,
        scenario: &str,
        epoch_unix_ns: i64,
        keep_secrets: bool,
    ) -> Result<Self, RunDirError> {
        let failed = |path: &Path, source| RunDirError::Create { path: path.to_owned(), source };
        fs::create_dir_all(report_dir).map_err(|source| failed(report_dir, source))?;
        let time = Timestamp::from_nanosecond(epoch_unix_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
        let stem = format!("{}-{}", time.strftime("%Y-%m-%dT%H%M%SZ"), file_name_of(scenario));
        for attempt in 1_u32.. {
            let name = if attempt == 1 { stem.clone() } else { format!("{stem}-{attempt}") };
            let path = report_dir.join(name);
            match DirBuilder::new().mode(if keep_secrets { 0o700 } else { 0o755 }).create(&path) {
                Ok(()) => return Ok(Self { path, private: keep_secrets }),
                Err(source) if source.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {}
                Err(source) => return Err(failed(&path, source)),
            }
        }
        Err(failed(&report_dir.join(stem), io::ErrorKind::AlreadyExists.into()))
    }

    /// The directory of a run that was.
    ///
    /// # Errors
    /// [`RunDirError::NotARun`] if it holds no journal.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let dir = Self { path: path.to_owned(), private: false };
        if dir.journal().is_file() { Ok(dir) } else { Err(RunDirError::NotARun { path: path.to_owned() }) }
    }

    /// Removes the directory of a run that did not take place. What can not be removed stays.
    pub fn discard(&self) {
        // The reason why there was no run is being told; that a directory is left over is not worth another word.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, which is also the run's.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// The socket at which the run hears operators, while it goes on.
    pub fn operator_socket(&self) -> PathBuf {
        self.path.join("operator.sock")
    }

    /// The verdicts, as `run --json` prints them.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The verdicts for continuous integration.
    pub fn junit(&self) -> PathBuf {
        self.path.join("junit.xml")
    }

    /// The report for people.
    pub fn html(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Creates a new file of this run that nobody else may write, and nobody else may read if secrets are kept.
    ///
    /// # Errors
    /// Those of `open(2)`; `AlreadyExists` if there is such a file.
    pub fn create_file(&self, path: &Path) -> io::Result<File> {
        create_file(path, self.private)
    }
}

/// Creates a new file with mode 0600 if it is `private`, else 0644.
///
/// # Errors
/// Those of `open(2)`; `AlreadyExists` if there is such a file.
pub fn create_file(path: &Path, private: bool) -> io::Result<File> {
    let mode = if private { 0o600 } else { 0o644 };
    OpenOptions::new().append(true).create_new(true).mode(mode).open(path)
}

/// Name of the file that holds the captured frames of a run; they go on in further ones, numbered from 1.
pub fn capture_file(number: u32) -> String {
    if number > 1 { format!("capture-{number}.pcapng") } else { "capture.pcapng".to_owned() }
}

/// Name of the file that holds what a phone said by syslog.
pub fn syslog_log(phone: &PhoneName) -> String {
    format!("syslog-{phone}.log")
}

/// Name of the file that holds the raw bytes of a phone's console.
pub fn console_log(phone: &PhoneName) -> String {
    format!("console-{}.log", file_name_of(&phone.0))
}

/// Name of the file that says when which bytes of [`console_log`] came, and which of them we typed.
pub fn console_index(phone: &PhoneName) -> String {
    format!("console-{}.idx", file_name_of(&phone.0))
}

/// A name as a part of a file name: what could leave the directory or confuse a shell becomes `%` and its bytes in
/// hexadecimal, so that different names stay different.
pub(crate) fn file_name_of(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            b'.' if !safe.is_empty() => safe.push('.'),
            _ => safe.push_str(&format!("%{byte:02x}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NIGHT: i64 = 1_795_644_903_000_000_000;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn two_runs_in_the_same_second_get_different_directories() {
        let reports = tempfile::tempdir().unwrap();
        let first = RunDir::create(reports.path(), "failover", NIGHT, false).unwrap();
        let second = RunDir::create(reports.path(), "failover", NIGHT, false).unwrap();
        assert_eq!(first.name(), "2026-11-25T221503Z-failover");
        assert_eq!(second.name(), "2026-11-25T221503Z-failover-2");
    }

    #[test]
    fn a_name_can_not_leave_the_directory_and_different_names_stay_different() {
        let name = console_log(&PhoneName::from("../../etc/p 1"));
        assert_eq!(name, "console-%2e.%2f..%2fetc%2fp%201.log");
        assert_ne!(console_log(&"p 1".into()), console_log(&"p_1".into()));
    }

    #[test]
    fn kept_secrets_are_for_the_user_alone() {
        let reports = tempfile::tempdir().unwrap();
        let run = RunDir::create(reports.path(), "failover", NIGHT, true).unwrap();
        run.create_file(&run.journal()).unwrap();
        assert_eq!((mode(run.path()), mode(&run.journal())), (0o700, 0o600));
    }

    #[test]
    fn a_file_of_a_run_is_never_overwritten() {
        let reports = tempfile::tempdir().unwrap();
        let run = RunDir::create(reports.path(), "failover", NIGHT, false).unwrap();
        run.create_file(&run.summary()).unwrap();
        let again = run.create_file(&run.summary()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
