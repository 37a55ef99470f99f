//! One run of a night: `siprig run` in a process of its own, which ends with the night however that ends.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::Child,
    sync::watch,
    task::JoinHandle,
};

use super::begun;
use crate::{
    cli::{error::UserError, exit::Exit, state},
    driver::clock::RunClock,
    nightly::{
        PlannedRun,
        ledger::{End, Ending},
        plan::{RunId, Surroundings},
        state::Next,
    },
    report::{self, Summary},
    verdict::{Case, Verdict},
};

/// How much of what it says is kept.
const MOST: u64 = 16 << 20;
/// The longest document that is taken from it.
const LONGEST: u64 = 256 << 20;
/// How long its last words are waited for when it is gone itself: somebody of its may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is to be run, and where.
pub(super) struct Order<'a> {
    pub(super) run: &'a PlannedRun,
    pub(super) attempt: u32,
    pub(super) next: &'a Next,
    pub(super) surroundings: &'a Surroundings,
    /// The directory of the night.
    pub(super) night: &'a Path,
    /// How long it may wait for the bench.
    pub(super) wait: Duration,
}

/// The run's process.
pub(super) struct Running {
    process: Child,
    announcement: PathBuf,
    log: PathBuf,
    said: watch::Receiver<String>,
    document: JoinHandle<Vec<u8>>,
    words: JoinHandle<()>,
}

/// What a run came to.
pub(super) struct Came {
    pub(super) end: End,
    /// Name of its directory within that of the night.
    pub(super) directory: Option<String>,
    pub(super) cases: Vec<Case>,
}

impl Running {
    /// Begins it.
    ///
    /// # Errors
    /// If there can be no such process, or what it says can not be kept.
    pub(super) fn begin(order: &Order<'_>) -> Result<Self, UserError> {
        let announcement = announcement(order.night, &order.run.id, order.attempt);
        let _ = std::fs::remove_file(&announcement);
        let log = order.night.join(format!("{}-{}.log", order.run.id, order.attempt));
        let kept = File::create(&log).map_err(|error| {
            let message = format!("cannot write {}: {error}", log.display());
            UserError::new(Exit::Rig, message, "is there room on its disk?")
        })?;
        let scenarios = order.run.scenarios.iter().filter(|scenario| order.next.scenarios.contains(&scenario.name));
        let words = std::iter::once("run").chain(scenarios.map(|scenario| scenario.named.as_str()));
        let mut command = begun::command(words, &order.next.phones, order.surroundings);
        command.arg("--report-dir").arg(order.night).arg("--announce").arg(&announcement);
        command.args(["--of-night", "--wait", &humantime::format_duration(order.wait).to_string()]);
        if order.surroundings.allow_link_down {
            command.arg("--allow-link-down");
        }
        command.stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| state::unexpected("begin a run", &error))?;
        let (last, said) = watch::channel(String::new());
        let words = tokio::spawn(keep(process.stderr.take(), kept, last));
        let document = tokio::spawn(take(process.stdout.take()));
        Ok(Self { process, announcement, log, said, document, words })
    }

    /// Waits until it is gone. Safe to cancel.
    pub(super) async fn gone(&mut self) -> Option<ExitStatus> {
        self.process.wait().await.ok()
    }

    /// Whether it has the bench, and a directory of its own.
    pub(super) fn has_begun(&self) -> bool {
        self.announcement.exists()
    }

    /// The directory of its own, once it has one.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        announced(&self.announcement)
    }

    /// The last line that it said.
    pub(super) fn said(&self) -> String {
        self.said.borrow().clone()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.process.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// What it came to, once it is gone. `hung` says that it was ended for its time.
    pub(super) async fn came_to(mut self, status: Option<ExitStatus>, hung: bool, clock: &RunClock) -> Came {
        let limit = clock.now() + LAST_WORDS;
        let document = tokio::select! {
            document = &mut self.document => document.unwrap_or_default(),
            () = clock.wait(Some(limit)) => Vec::new(),
        };
        tokio::select! {
            _ = &mut self.words => {}
            () = clock.wait(Some(limit)) => {}
        }
        self.document.abort();
        self.words.abort();
        let announced = announced(&self.announcement);
        let told: Option<Summary> = serde_json::from_slice(&document).ok();
        let exit = status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
        let (run, error, cases) =
            told.map_or((None, None, Vec::new()), |summary| (summary.run, summary.error, summary.cases));
        let cases = match &announced {
            Some(directory) if run.is_none() => kept(directory),
            _ => cases,
        };
        let end = match (exit, &run) {
            _ if hung => Ending::Hung,
            (Some(_), Some(_)) if announced.as_deref().is_some_and(lacks_reports) => Ending::Unkept,
            (Some(code), Some(_)) => telling(code, &cases),
            (None, Some(_)) => Ending::Told,
            (Some(code), None) => ending_of(code),
            (None, None) => Ending::Crashed,
        };
        let by_signal = || {
            use std::os::unix::process::ExitStatusExt;
            let signal = status.and_then(|status| status.signal()).and_then(|number| Signal::try_from(number).ok());
            signal.map(|signal| format!("{signal} ended it"))
        };
        let said = Some(self.said.borrow().trim().to_owned()).filter(|said| !said.is_empty());
        let why = match end {
            Ending::Told => None,
            Ending::Unkept => complaint(&self.log).or(said),
            _ => error.or_else(by_signal).or(said),
        };
        let directory = announced.as_deref().and_then(name);
        Came { end: End { end, exit, why }, directory, cases }
    }
}

/// What the run left behind that was in flight when its night was cut off: the name of its directory, and what it had decided. The
/// reports that it could not write any more are written.
pub(super) fn left_behind(night: &Path, run: &RunId, attempt: u32) -> (Option<String>, Vec<Case>) {
    let announcement = announcement(night, run, attempt);
    let directory = announced(&announcement);
    if let Some(directory) = directory.as_deref().filter(|directory| !directory.join("summary.json").exists()) {
        // A journal that can not be read is no reason not to go on with the night; what it decided is not counted then.
        let _ = report::write_all(directory, Exit::Unexpected.code());
    }
    directory.map_or((None, Vec::new()), |directory| (name(&directory), kept(&directory)))
}

/// Forgets where a run said that its directory is, once that is in the ledger.
pub(super) fn forget(night: &Path, run: &RunId, attempt: u32) {
    let _ = std::fs::remove_file(announcement(night, run, attempt));
}

/// Where a run says which directory is its own: no other run of the night does so there.
fn announcement(night: &Path, run: &RunId, attempt: u32) -> PathBuf {
    night.join(format!("{run}-{attempt}.at"))
}

/// The directory that a run announced, if it is there.
fn announced(announcement: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(std::fs::read_to_string(announcement).ok()?);
    path.is_dir().then_some(path)
}

fn name(directory: &Path) -> Option<String> {
    directory.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// What a run had decided that could not tell of it any more, as far as its journal goes.
fn kept(directory: &Path) -> Vec<Case> {
    let Ok(story) = report::load(directory) else { return Vec::new() };
    let mut cases = Summary::of(&story, directory, Exit::Unexpected.code()).cases;
    cases.retain(|case| case.verdict != Verdict::NotRun);
    cases
}

/// Whether a run that is over left less behind than a run leaves: nobody could look its verdicts up.
fn lacks_reports(directory: &Path) -> bool {
    ["summary.json", "junit.xml", "report.html"].iter().any(|file| !directory.join(file).is_file())
}

/// What it means that a run told of these cases and came to this code. That the rig failed, though no case says so, is what becomes
/// of a run whose journal or reports could not be written.
fn telling(code: u8, cases: &[Case]) -> Ending {
    let says_so = cases.iter().any(|case| case.verdict == Verdict::RigError);
    let journal = cases.iter().any(|case| case.code.as_deref() == Some("journal-lost"));
    if journal || code == Exit::Rig.code() && !says_so { Ending::Unkept } else { Ending::Told }
}

/// The last error that a run told of: a remedy, or where a report is, may stand behind it.
fn complaint(log: &Path) -> Option<String> {
    let said = std::fs::read(log).ok()?;
    let said = String::from_utf8_lossy(&said);
    let mut errors = said.lines().filter_map(|line| line.strip_prefix("rig ").unwrap_or(line).strip_prefix("error: "));
    errors.next_back().map(str::to_owned)
}

/// What it means that a run told of no cases and came to this code.
fn ending_of(code: u8) -> Ending {
    match code {
        code if code == Exit::Busy.code() => Ending::Busy,
        code if code == Exit::Config.code() || code == Exit::Usage.code() => Ending::File,
        code if code == Exit::Rig.code() => Ending::Rig,
        _ => Ending::Crashed,
    }
}

/// Keeps what is said, and hands the last line on.
async fn keep(pipe: Option<impl AsyncRead + Send + Unpin>, mut log: File, last: watch::Sender<String>) {
    let Some(pipe) = pipe else { return };
    let (mut lines, mut kept) = (BufReader::new(pipe), 0);
    loop {
        let mut line = Vec::new();
        // What can not be read was not said. A line without an end is cut.
        match (&mut lines).take(MOST).read_until(b'\n', &mut line).await {
            Ok(length) if length > 0 => {}
            _ => return,
        }
        if kept < MOST {
            kept += line.len() as u64;
            let _ = log.write_all(&line);
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        last.send_replace(line);
    }
}

/// Takes the document.
async fn take(pipe: Option<impl AsyncRead + Send + Unpin>) -> Vec<u8> {
    let mut document = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(LONGEST).read_to_end(&mut document).await;
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_says_the_rig_failed_while_no_case_does_could_not_keep_its_evidence() {
        let cases = [Case::sample(Verdict::Pass), Case::sample(Verdict::Fail)];
        assert_eq!(telling(Exit::Rig.code(), &cases), Ending::Unkept);
        assert_eq!(telling(Exit::Success.code(), &cases), Ending::Told);
        let rig_error = Case::sample(Verdict::RigError);
        assert_eq!(telling(Exit::Rig.code(), &[Case::sample(Verdict::Pass), rig_error.clone()]), Ending::Told);
        let lost = Case { code: Some("journal-lost".to_owned()), ..rig_error };
        assert_eq!(
            telling(Exit::Failed.code(), &[Case::sample(Verdict::Pass), Case::sample(Verdict::Fail), lost]),
            Ending::Unkept
        );
    }

    #[test]
    fn a_run_without_one_of_its_reports_lacks_them_whatever_its_exit_code() {
        let run = tempfile::tempdir().unwrap();
        for file in ["summary.json", "junit.xml", "report.html"] {
            assert!(lacks_reports(run.path()), "without {file}");
            std::fs::write(run.path().join(file), "").unwrap();
        }
        assert!(!lacks_reports(run.path()));
        std::fs::remove_file(run.path().join("junit.xml")).unwrap();
        std::fs::create_dir(run.path().join("junit.xml")).unwrap();
        assert!(lacks_reports(run.path()), "a directory is no report");
    }

    /// A night whose run in flight has written so much of a journal of two phones.
    fn night(records: impl FnOnce(&mut Vec<crate::event::Record>)) -> tempfile::TempDir {
        use crate::{
            journal::{JournalWriter, RunDir},
            report::sample,
        };
        let night = tempfile::tempdir().unwrap();
        let run = RunDir::create(night.path(), "failover", 0, false).unwrap();
        let mut journal = JournalWriter::create(&run).unwrap();
        let mut told = sample::mixed_run();
        records(&mut told);
        told.iter().for_each(|record| journal.append(record).unwrap());
        std::fs::write(announcement(night.path(), &RunId("1.1.failover".to_owned()), 1), run.path().to_str().unwrap())
            .unwrap();
        night
    }

    #[test]
    fn what_a_run_had_decided_is_found_in_its_journal_and_nothing_else() {
        let is_verdict = |record: &crate::event::Record| {
            matches!(&record.event, crate::event::Event::Derived(crate::event::Derived::CaseDecided(_)))
        };
        let whole = night(|_| {});
        let (directory, all) = left_behind(whole.path(), &RunId("1.1.failover".to_owned()), 1);
        assert_eq!((directory.as_deref(), all.len()), (Some("1970-01-01T000000Z-failover"), 5));
        let cut = night(|records| {
            let second = records.iter().enumerate().filter(|(_, record)| is_verdict(record)).nth(1).unwrap().0;
            records.truncate(second + 1);
        });
        assert_eq!(left_behind(cut.path(), &RunId("1.1.failover".to_owned()), 1).1, all[..2]);
        std::fs::remove_dir_all(cut.path().join("1970-01-01T000000Z-failover")).unwrap();
        assert_eq!(
            left_behind(cut.path(), &RunId("1.1.failover".to_owned()), 1),
            (None, Vec::new()),
            "a directory that is not there is not told"
        );
        assert_eq!(
            left_behind(tempfile::tempdir().unwrap().path(), &RunId("1.1.failover".to_owned()), 1),
            (None, Vec::new())
        );
    }

    #[test]
    fn what_a_run_complained_of_last_is_told_and_not_its_remedy() {
        let log = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(complaint(log.path()), None);
        std::fs::write(log.path(), "error: first\nrig error: the disk is full\nreport: report.html\n").unwrap();
        assert_eq!(complaint(log.path()).as_deref(), Some("the disk is full"));
    }
}
