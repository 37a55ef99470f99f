//! Serial consoles: one task each that reads from the opening of the port to its end, whatever else happens.
//!
//! Not here: how bytes become lines and what lines mean ([`wire::console`](crate::wire::console)).

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{Report, clock::RunClock, discretion::Discretion, outbox::Outbox};
use crate::{
    config::{ConsolePort, Dialect},
    event::{Observed, PhoneName, PortKind, RawRef, RigPart, Stamp, When},
    journal::run_dir::console_log,
    wire::{
        console::{CompiledDialect, DialectError, Line, LineAssembler},
        redact::{self, DigitMask},
    },
};

mod port;
mod raw_log;

pub use port::{Port, PortError};
use raw_log::{RawLog, What};

/// How long a byte may wait in an adapter before it can be read: FTDI's latency timer is 16 ms unless set (application
/// note AN232B-04), and the scheduler adds its share.
const READ_ERROR: Duration = Duration::from_millis(17);

/// How often a lost port is tried again.
pub(super) const REOPEN_EVERY: Duration = Duration::from_millis(250);

/// After something was typed, every line is reported for this long: it may be the answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A port that takes no byte for this long will not take the rest either.
const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes typed at once, so that a phone's own buffer is not overrun.
const BURST: usize = 8;

/// Line ending for phones whose dialect is not known.
const LINE_ENDING: &str = "\r";

/// Why a console can not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Its port can not be had.
    #[error("console of {phone}: {source}")]
    Port {
        /// The phone.
        phone: PhoneName,
        /// What is wrong.
        source: PortError,
    },
    /// The model's patterns can not be used.
    #[error("console of {phone}: {source}")]
    Dialect {
        /// The phone.
        phone: PhoneName,
        /// What is wrong.
        source: DialectError,
    },
    /// The raw log can not be written.
    #[error("cannot create the console log of {phone} in {run_dir}: {source}")]
    Log {
        /// The phone.
        phone: PhoneName,
        /// The run's directory.
        run_dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a console needs to know.
#[derive(Debug, Clone)]
pub struct ConsoleSetup<'a> {
    /// Whose console it is.
    pub phone: &'a PhoneName,
    /// Where it is.
    pub port: &'a ConsolePort,
    /// How the phone speaks, if its model knows.
    pub dialect: Option<&'a Dialect>,
    /// Where the raw log goes.
    pub run_dir: &'a Path,
    /// Secrets are not masked.
    pub keep_secrets: bool,
    /// Digits are hidden while this holds.
    pub discretion: Discretion,
}

/// What is to be typed.
#[derive(Debug)]
enum Typed {
    /// A line, which the dialect ends.
    Line(String),
    /// Nothing but this. Of a secret no record tells.
    Exactly { text: String, secret: bool },
}

/// Types on a console as long as that is open.
#[derive(Debug, Clone)]
pub struct Typist(mpsc::UnboundedSender<Typed>);

impl Typist {
    /// Types a text as it is, without a line ending. Never waits.
    pub fn type_exactly(&self, text: String, secret: bool) {
        // A task that is gone has reported why.
        let _ = self.0.send(Typed::Exactly { text, secret });
    }
}

/// An open console.
#[derive(Debug)]
pub struct Console {
    commands: mpsc::UnboundedSender<Typed>,
    task: JoinHandle<()>,
}

impl Console {
    /// Opens a console and begins to read it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port can not be had, the dialect can not be used or the log can not be created.
    pub fn open(
        setup: ConsoleSetup<'_>,
        clock: &RunClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, ConsoleError> {
        let ConsoleSetup { phone, port: ConsolePort { port: path, baud }, dialect, run_dir, keep_secrets, discretion } =
            setup;
        let phone = phone.clone();
        let port = Port::open(path, *baud).map_err(|source| ConsoleError::Port { phone: phone.clone(), source })?;
        let line_ending = dialect.map_or(LINE_ENDING, |dialect| &dialect.line_ending).to_owned();
        let dialect = dialect
            .map(CompiledDialect::new)
            .transpose()
            .map_err(|source| ConsoleError::Dialect { phone: phone.clone(), source })?;
        let log = RawLog::create(run_dir, &phone, keep_secrets).map_err(|source| ConsoleError::Log {
            phone: phone.clone(),
            run_dir: run_dir.to_owned(),
            source,
        })?;
        let (commands, orders) = mpsc::unbounded_channel();
        let reader = Reader {
            path: path.clone(),
            baud: *baud,
            clock: clock.clone(),
            dialect,
            line_ending,
            keep_secrets,
            discretion,
            digits: DigitMask::default(),
            log: Some(log),
            lines: LineAssembler::new(),
            last_settled: None,
            answers_until: None,
            typing: Typing::default(),
            orders,
            outbox: Outbox::new(reports),
            phone,
        };
        Ok(Self { commands, task: tokio::spawn(reader.run(port)) })
    }

    /// Types a line; its line ending is the dialect's. Never waits.
    pub fn type_line(&self, text: String) {
        // A task that is gone has reported why.
        let _ = self.commands.send(Typed::Line(text));
    }

    /// Somebody else who may type on it. The console closes when all of them are gone.
    pub fn typist(&self) -> Typist {
        Typist(self.commands.clone())
    }

    /// Stops reading, and finishes the raw log.
    pub async fn close(self) {
        drop(self.commands);
        let _ = self.task.await;
    }
}

/// Bytes to be typed.
#[derive(Debug, Default)]
struct Typing {
    bytes: VecDeque<u8>,
    /// Not before this time.
    next: Stamp,
    /// When a byte was last taken, or the first one began to wait.
    progress: Stamp,
}

/// Why a port is not read any more.
enum Ended {
    /// We want no more of it.
    Closed,
    /// It is gone.
    Lost(io::Error),
}

struct Reader {
    phone: PhoneName,
    path: PathBuf,
    baud: u32,
    clock: RunClock,
    dialect: Option<CompiledDialect>,
    line_ending: String,
    keep_secrets: bool,
    discretion: Discretion,
    digits: DigitMask,
    /// None after it could not be written.
    log: Option<RawLog>,
    lines: LineAssembler,
    /// Place and text of the prompt that was reported last.
    last_settled: Option<(u64, String)>,
    answers_until: Option<Stamp>,
    typing: Typing,
    orders: mpsc::UnboundedReceiver<Typed>,
    outbox: Outbox,
}

impl Reader {
    async fn run(mut self, port: Port) {
        let mut current = Some(port);
        while let Some(port) = current {
            self.opened();
            current = match self.serve(&port).await {
                Ended::Closed => None,
                Ended::Lost(reason) => {
                    // A reader of a port that hung up would be woken for ever.
                    drop(port);
                    self.lost(&reason);
                    self.reopen().await
                }
            };
        }
        self.log(RawLog::finish);
        self.outbox.finish();
    }

    async fn serve(&mut self, port: &Port) -> Ended {
        let mut buffer = [0; 4096];
        loop {
            let due = [self.lines.deadline(), self.typing.gives_up()].into_iter().flatten().min();
            tokio::select! {
                read = port.read(&mut buffer) => match read {
                    Ok(count) => self.received(&mut buffer[..count]),
                    Err(reason) => return Ended::Lost(reason),
                },
                order = self.orders.recv() => match order {
                    Some(typed) => self.begin_typing(&typed),
                    None => return Ended::Closed,
                },
                wrote = self.typing.write_some(port, &self.clock) => match wrote {
                    Ok(count) => self.typing.written(count, self.baud, self.clock.now()),
                    Err(reason) => return Ended::Lost(reason),
                },
                () = self.outbox.deliver() => {}
                () = self.clock.wait(due) => self.passed(self.clock.now()),
            }
        }
    }

    /// Waits for the port to come back; none if it is not wanted any more.
    async fn reopen(&mut self) -> Option<Port> {
        let mut next = self.clock.now();
        loop {
            next = next + REOPEN_EVERY;
            loop {
                tokio::select! {
                    order = self.orders.recv() => {
                        order?;
                        self.failed(RigPart::Console, "cannot type on it: its port is gone; plug it in again".to_owned());
                    }
                    () = self.outbox.deliver() => {}
                    () = self.clock.wait(Some(next)) => break,
                }
            }
            if let Ok(port) = Port::open(&self.path, self.baud) {
                return Some(port);
            }
        }
    }

    fn received(&mut self, bytes: &mut [u8]) {
        let now = self.clock.now();
        self.digits.pass(bytes, self.discretion.holds(now) && !self.keep_secrets);
        let bytes = &*bytes;
        self.log(|log| log.received(bytes, now));
        let mut lines = Vec::new();
        self.lines.feed(bytes, now, &mut lines);
        for line in lines {
            self.consider(line);
        }
    }

    /// A deadline has come: a prompt is complete, or the port takes no more.
    fn passed(&mut self, now: Stamp) {
        if let Some(prompt) = self.lines.settle(now) {
            self.consider(prompt);
        }
        if self.typing.gives_up().is_some_and(|limit| now >= limit) {
            self.typing.bytes.clear();
            let reason = format!("took nothing of what was typed for {WRITE_PATIENCE:?}; is the phone running?");
            self.failed(RigPart::Console, reason);
        }
    }

    /// Reports a line if it means something or may be an answer; everything else is in the raw log.
    fn consider(&mut self, line: Line) {
        let text = if self.keep_secrets { line.text } else { redact::text(&line.text).into_owned() };
        let place = (line.offset, text);
        if self.last_settled.as_ref() == Some(&place) {
            return;
        }
        let (offset, text) = place;
        let means = self.dialect.as_ref().is_some_and(|dialect| dialect.meaning(&text).is_some());
        let answers = self.answers_until.is_some_and(|until| line.last <= until);
        if line.unfinished {
            self.last_settled = Some((offset, text.clone()));
        }
        if means || answers {
            let raw = RawRef { file: console_log(&self.phone), offset, len: line.len };
            let observed = Observed::ConsoleLine { phone: self.phone.clone(), text, raw, echo: line.echo };
            self.outbox.push(read_at(line.last), observed);
        }
    }

    fn begin_typing(&mut self, typed: &Typed) {
        let now = self.clock.now();
        let (text, ending, secret) = match typed {
            Typed::Line(text) => (text, self.line_ending.clone(), false),
            Typed::Exactly { text, secret } => (text, String::new(), *secret && !self.keep_secrets),
        };
        let told = if secret { "x".repeat(text.chars().count()) } else { text.clone() };
        self.log(|log| log.typed(&told, now));
        self.lines.typed(text, now);
        self.answers_until = Some(now + ANSWER_TIME);
        if self.typing.bytes.is_empty() {
            self.typing.progress = now;
        }
        self.typing.bytes.extend(text.bytes().chain(ending.bytes()));
    }

    fn opened(&mut self) {
        let now = self.clock.now();
        self.log(|log| log.port(What::Opened, now));
        let observed = Observed::PortOpened { phone: self.phone.clone(), port: PortKind::Console };
        self.outbox.push(When::exactly(now), observed);
    }

    fn lost(&mut self, reason: &io::Error) {
        let now = self.clock.now();
        if let Some(line) = self.lines.interrupt() {
            self.consider(line);
        }
        self.log(|log| log.port(What::Lost, now));
        self.typing.bytes.clear();
        let reason = format!("{}: {reason}", self.path.display());
        let observed = Observed::PortLost { phone: self.phone.clone(), port: PortKind::Console, reason };
        self.outbox.push(read_at(now), observed);
    }

    /// Writes to the raw log. The first failure is reported; the console is read on without a log.
    fn log(&mut self, write: impl FnOnce(&mut RawLog) -> io::Result<()>) {
        let Some(log) = &mut self.log else { return };
        if let Err(error) = write(log) {
            self.log = None;
            let file = console_log(&self.phone);
            self.failed(
                RigPart::Disk,
                format!("cannot write {file}: {error}; make room or choose another --report-dir"),
            );
        }
    }

    fn failed(&mut self, part: RigPart, reason: String) {
        let observed = Observed::DriverFailed { part, phone: Some(self.phone.clone()), reason };
        self.outbox.push(When::exactly(self.clock.now()), observed);
    }
}

impl Typing {
    /// Types the next few bytes when it is time for them; waits for ever if there are none. Safe to cancel.
    async fn write_some(&self, port: &Port, clock: &RunClock) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return std::future::pending().await;
        }
        clock.wait(Some(self.next)).await;
        let burst: Vec<u8> = self.bytes.iter().take(BURST).copied().collect();
        port.write(&burst).await
    }

    /// These bytes are on their way; the next must wait until the line has carried them (ten bits a byte).
    fn written(&mut self, count: usize, baud: u32, now: Stamp) {
        self.bytes.drain(..count.min(self.bytes.len()));
        let bits = 10_000_000_000 * count as u64;
        self.next = now + Duration::from_nanos(bits / u64::from(baud.max(1)));
        self.progress = now;
    }

    fn gives_up(&self) -> Option<Stamp> {
        (!self.bytes.is_empty()).then(|| self.progress + WRITE_PATIENCE)
    }
}

/// The time of something that was just read.
fn read_at(at: Stamp) -> When {
    When { at, error_ns: u64::try_from(READ_ERROR.as_nanos()).unwrap_or(u64::MAX) }
}
