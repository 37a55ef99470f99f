//! Consoles on PTYs: what is read, recorded and waited for, whatever happens to the port.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::{
    fcntl::OFlag,
    pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
    unistd::{read, ttyname, write},
};
use regex::RegexSet;
use siprig::{
    config::{ConsolePort, Dialect, PortAddress, load},
    driver::{
        Report,
        clock::RunClock,
        discretion::Discretion,
        serial::{Console, ConsoleError, ConsoleSetup, Spoken, WaitError, Waiter},
    },
    event::{Observed, PhoneName, When},
    journal::console::{Recording, What},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

mod real;
mod remote;
mod replug;

/// What a loaded machine may take for what takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Both ends of a PTY, neither of which a program that another test starts can inherit: it would never hang up then.
pub fn pty() -> (PtyMaster, File) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ptsname_r(&master).unwrap();
    let slave = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(slave).unwrap();
    (master, slave)
}

/// A phone's end of a serial line, behind a symbolic link that another phone's can replace.
pub struct Line {
    master: PtyMaster,
    _slave: File,
}

impl Line {
    pub fn plugged_in_at(link: &Path) -> Self {
        let (master, slave) = pty();
        let mut settings = tcgetattr(&slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
        let beside = link.with_extension("new");
        std::os::unix::fs::symlink(ttyname(&slave).unwrap(), &beside).unwrap();
        std::fs::rename(&beside, link).unwrap();
        Self { master, _slave: slave }
    }

    pub fn says(&self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[write(&self.master, rest).unwrap()..];
        }
    }

    pub fn hears(&self, count: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        let mut buffer = [0; 256];
        while heard.len() < count {
            let length = read(&self.master, &mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..length]);
        }
        heard
    }
}

/// A console that is being read.
struct Bench {
    folder: TempDir,
    link: PathBuf,
    line: Option<Line>,
    console: Console,
    reports: mpsc::Receiver<Report>,
}

impl Bench {
    async fn open(dialect: Option<&Dialect>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("tty");
        let line = Line::plugged_in_at(&link);
        Self::at(PortAddress::Path(link), folder, Some(line), dialect).await
    }

    async fn at(port: PortAddress, folder: TempDir, line: Option<Line>, dialect: Option<&Dialect>) -> Self {
        Self::try_at(port, folder, line, dialect).await.unwrap()
    }

    async fn try_at(
        port: PortAddress,
        folder: TempDir,
        line: Option<Line>,
        dialect: Option<&Dialect>,
    ) -> Result<Self, ConsoleError> {
        Self::with(ConsolePort::at(port, 115_200), folder, line, dialect).await
    }

    async fn with(
        port: ConsolePort,
        folder: TempDir,
        line: Option<Line>,
        dialect: Option<&Dialect>,
    ) -> Result<Self, ConsoleError> {
        let (sender, reports) = mpsc::channel(64);
        let spoken = dialect.map(|dialect| Spoken::new(dialect).unwrap());
        let setup = ConsoleSetup {
            phone: &PhoneName::from("p1"),
            port: &port,
            dialect: spoken.as_ref(),
            run_dir: Some(folder.path()),
            keep_secrets: false,
            discretion: Discretion::default(),
        };
        let console = Console::open(setup, &RunClock::start(), sender).await?;
        Ok(Self { link: folder.path().join("tty"), folder, line, console, reports })
    }

    fn says(&self, text: &str) {
        self.line.as_ref().unwrap().says(text.as_bytes());
    }

    async fn report(&mut self, wanted: fn(&Observed) -> bool) -> Observed {
        self.next(wanted).await.observed
    }

    async fn when(&mut self, wanted: fn(&Observed) -> bool) -> When {
        self.next(wanted).await.when
    }

    async fn next(&mut self, wanted: fn(&Observed) -> bool) -> Report {
        loop {
            let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await.unwrap().unwrap();
            if wanted(&report.observed) {
                return report;
            }
        }
    }

    async fn recording(self) -> Vec<(What, Vec<u8>, Option<u64>)> {
        self.console.close().await;
        let recording = Recording::open(self.folder.path(), &PhoneName::from("p1")).unwrap();
        recording.map(|it| it.unwrap()).map(|it| (it.what, it.bytes, it.away_ns)).collect()
    }
}

async fn hears(waiter: &mut Waiter, pattern: &str) -> Result<String, WaitError> {
    let patterns = RegexSet::new([pattern]).unwrap();
    waiter.expect(&patterns, PATIENCE).await.map(|found| found.line.text)
}

fn aastra() -> Dialect {
    load::model("aastra-6731i", &PathBuf::from("rig")).unwrap().console.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_steal_nothing_from_each_other_and_nothing_is_lost_between_typing_and_waiting() {
    let bench = Bench::open(None).await;
    let (mut first, mut second) = (bench.console.waiter(), bench.console.waiter());
    bench.console.type_line("status".to_owned());
    assert_eq!(bench.line.as_ref().unwrap().hears(7), b"status\r");
    // The answer is here, the next line and a prompt too, before anybody waits.
    bench.says("status\r\none\r\ntwo\r\n> ");
    assert_eq!(hears(&mut first, "one|two").await.unwrap(), "one");
    assert_eq!(hears(&mut first, "one|two").await.unwrap(), "two");
    assert_eq!(hears(&mut first, "^> $").await.unwrap(), "> ");
    assert_eq!(hears(&mut second, "two").await.unwrap(), "two");
    let mut late = bench.console.waiter();
    bench.says("status is fine\r\n");
    assert_eq!(hears(&mut second, "status").await.unwrap(), "> status is fine", "an echo is no answer");
    assert_eq!(hears(&mut late, ".").await.unwrap(), "> status is fine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_ends_every_wait_and_an_error_says_what_was_said_instead() {
    let dialect = aastra();
    let bench = Bench::open(Some(&dialect)).await;
    let mut waiter = bench.console.waiter();
    let never = RegexSet::new(["never"]).unwrap();
    bench.says("one\r\ntwo\r\n");
    assert_eq!(hears(&mut waiter, "two").await.unwrap(), "two");
    let late = waiter.expect(&never, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(late.to_string(), "the console did not say it within 50ms; it said last: `one` `two`");
    bench.says("Kernel panic - not syncing: Attempted to kill init!\r\n");
    let crash = waiter.expect(&never, PATIENCE).await.unwrap_err();
    assert!(crash.to_string().contains("Attempted to kill init"), "{crash}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_comes_back_is_read_on_and_the_gap_is_told_with_its_length() {
    let mut bench = Bench::open(Some(&aastra())).await;
    let mut waiter = bench.console.waiter();
    bench.says("before\r\nhal");
    assert_eq!(hears(&mut waiter, "before").await.unwrap(), "before");
    assert_eq!(hears(&mut waiter, "hal").await.unwrap(), "hal");
    std::fs::remove_file(&bench.link).unwrap();
    bench.line = None;
    bench.report(|it| matches!(it, Observed::PortLost { .. })).await;
    bench.line = Some(Line::plugged_in_at(&bench.link));
    let opened = bench.report(|it| matches!(it, Observed::PortOpened { .. })).await;
    let Observed::PortOpened { away_ns: Some(away), across_network: false, .. } = opened else { panic!("{opened:?}") };
    let mut waiter = bench.console.waiter();
    bench.says("f, and on\r\n");
    assert_eq!(hears(&mut waiter, ".").await.unwrap(), "f, and on", "nothing is put together across a gap");

    let recording = bench.recording().await;
    let lost = recording.iter().position(|it| it.0 == What::Lost).unwrap();
    assert_eq!(recording[lost + 1], (What::Opened, vec![], Some(away)));
    let came = |pieces: &[(What, Vec<u8>, Option<u64>)]| -> Vec<u8> {
        pieces.iter().filter(|it| it.0 == What::In).flat_map(|it| it.1.clone()).collect()
    };
    assert_eq!(came(&recording[..lost]), b"before\r\nhal");
    assert_eq!(came(&recording[lost..]), b"f, and on\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_is_recorded_in_both_directions() {
    let bench = Bench::open(None).await;
    let all: Arc<[u8]> = (0..=255).collect();
    let mut waiter = bench.console.waiter();
    bench.line.as_ref().unwrap().says(&all);
    bench.says("\nend\r\n");
    assert_eq!(hears(&mut waiter, "^end").await.unwrap(), "end");
    bench.console.type_bytes(all.to_vec());
    assert_eq!(bench.line.as_ref().unwrap().hears(256), all.to_vec());
    let recording = bench.recording().await;
    let of = |what| -> Vec<u8> { recording.iter().filter(|it| it.0 == what).flat_map(|it| it.1.clone()).collect() };
    assert_eq!(of(What::In), [&all[..], b"\nend\r\n"].concat());
    assert_eq!(of(What::Out), all.to_vec());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_there_is_answered_and_the_password_is_recorded_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("tty");
    let line = Line::plugged_in_at(&link);
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "s3cret\n").unwrap();
    let port = ConsolePort { password_file: Some(password_file), ..ConsolePort::at(PortAddress::Path(link), 115_200) };
    let dialect = load::model("linux-console", Path::new("rig")).unwrap().console.unwrap();
    let bench = Bench::with(port, folder, Some(line), Some(&dialect)).await.unwrap();
    let mut waiter = bench.console.waiter();
    let line = bench.line.as_ref().unwrap();
    line.says(b"\r\nlast login: 12:00\r\nphone login: ");
    assert_eq!(line.hears(5), b"root\r");
    line.says(b"root\r\nPassword: ");
    assert_eq!(line.hears(7), b"s3cret\r");
    line.says(b"\r\nit said s3cret!\r\nroot@phone:~# ");
    let patterns = RegexSet::new([dialect.prompt.as_deref().unwrap()]).unwrap();
    waiter.expect(&patterns, PATIENCE).await.unwrap();
    let recording = bench.recording().await;
    let typed: Vec<_> = recording.iter().filter(|it| it.0 == What::Out).map(|it| it.1.as_slice()).collect();
    assert_eq!(typed, [&b"root\r"[..], b"xxxxxxx"]);
    let came: Vec<u8> = recording.iter().filter(|it| it.0 == What::In).flat_map(|it| it.1.clone()).collect();
    let came = String::from_utf8(came).unwrap();
    assert!(came.contains("it said xxxxxx!") && !came.contains("s3cret"), "{came}");
}
