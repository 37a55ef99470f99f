//! Serial consoles: one task each that reads from the opening of the port to its end, whatever else happens.
//!
//! Not here: how bytes become lines and what lines mean ([`wire::console`](crate::wire::console)).

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
};

use super::{Report, clock::RunClock, discretion::Discretion, outbox::Outbox};
use crate::{
    config::{ConsolePort, Dialect},
    event::{PhoneName, Stamp},
    wire::{
        console::{CompiledDialect, DialectError, LineAssembler},
        redact::DigitMask,
    },
};

mod identity;
mod port;
pub mod question;
mod raw_log;
mod reader;
mod remote;
mod select;
pub mod share;
mod transport;
mod typing;
mod waiter;

use identity::Identity;
pub use identity::IdentityError;
pub use port::{Port, PortError};
use raw_log::RawLog;
use reader::{Order, Reader};
pub use select::device;
use transport::Transport;
use typing::{Pace, Typing};
pub use waiter::{Heard, Match, WaitError, Waiter};

/// How often a lost port is tried again.
pub(super) const REOPEN_EVERY: Duration = Duration::from_millis(250);

/// Line ending for phones whose dialect is not known.
const LINE_ENDING: &str = "\r";

/// How much may be heard before one who listens beside the run has to have looked.
const FEED: usize = 128;

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
    /// Nobody can log on to it.
    #[error("console of {phone}: {source}")]
    Identity {
        /// The phone.
        phone: PhoneName,
        /// What is wrong.
        source: IdentityError,
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

/// How phones of a model speak: compiled once, and shared by all consoles that speak so.
#[derive(Debug, Clone)]
pub struct Spoken {
    dialect: Arc<Dialect>,
    compiled: Arc<CompiledDialect>,
}

impl Spoken {
    /// Compiles the patterns of a dialect.
    ///
    /// # Errors
    /// If one can not be used.
    pub fn new(dialect: &Dialect) -> Result<Self, DialectError> {
        Ok(Self { dialect: Arc::new(dialect.clone()), compiled: Arc::new(CompiledDialect::new(dialect)?) })
    }
}

/// What a console needs to know.
#[derive(Debug, Clone)]
pub struct ConsoleSetup<'a> {
    /// Whose console it is.
    pub phone: &'a PhoneName,
    /// Where it is.
    pub port: &'a ConsolePort,
    /// How the phone speaks, if its model knows.
    pub dialect: Option<&'a Spoken>,
    /// Where its recording goes; none: it is not recorded.
    pub run_dir: Option<&'a Path>,
    /// Secrets are not masked.
    pub keep_secrets: bool,
    /// Digits are hidden while this holds.
    pub discretion: Discretion,
}

/// Types on a console as long as that is open.
#[derive(Debug, Clone)]
pub struct Typist(mpsc::UnboundedSender<Order>);

impl Typist {
    /// Types a text as it is, without a line ending. Of a secret no record tells. Never waits.
    pub fn type_exactly(&self, text: String, secret: bool) {
        let order = if secret { Order::Secret } else { Order::Bytes };
        // A task that is gone has reported why.
        let _ = self.0.send(order(text.into_bytes()));
    }
}

/// An open console.
#[derive(Debug)]
pub struct Console {
    orders: mpsc::UnboundedSender<Order>,
    feed: broadcast::Sender<Heard>,
    clock: RunClock,
    dialect: Option<Arc<CompiledDialect>>,
    task: JoinHandle<()>,
}

impl Console {
    /// Opens a console and begins to read it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port can not be had, the dialect can not be used or the log can not be created.
    pub async fn open(
        setup: ConsoleSetup<'_>,
        clock: &RunClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, ConsoleError> {
        let ConsoleSetup { phone, port, dialect: spoken, run_dir, keep_secrets, discretion } = setup;
        let dialect = spoken.map(|spoken| &*spoken.dialect);
        let phone = phone.clone();
        let transport =
            Transport::open(port).await.map_err(|source| ConsoleError::Port { phone: phone.clone(), source })?;
        let line_ending = dialect.map_or(LINE_ENDING, |dialect| &dialect.line_ending).to_owned();
        let pace = Pace {
            baud: port.baud,
            byte_gap: dialect.and_then(|dialect| dialect.byte_gap),
            quiet: dialect.and_then(|dialect| dialect.quiet_before_typing),
        };
        let identity =
            Identity::of(port, dialect).map_err(|source| ConsoleError::Identity { phone: phone.clone(), source })?;
        let password = identity.as_ref().and_then(|identity| identity.password.clone()).filter(|_| !keep_secrets);
        let dialect = spoken.map(|spoken| Arc::clone(&spoken.compiled));
        let create = |run_dir: &Path| {
            RawLog::create(run_dir, &phone, keep_secrets, password.clone()).map_err(|source| ConsoleError::Log {
                phone: phone.clone(),
                run_dir: run_dir.to_owned(),
                source,
            })
        };
        let log = run_dir.map(create).transpose()?;
        let (orders, ordered) = mpsc::unbounded_channel();
        let (feed, _) = broadcast::channel(FEED);
        let reader = Reader {
            port: port.clone(),
            clock: clock.clone(),
            dialect: dialect.clone(),
            line_ending,
            identity,
            password: password.clone(),
            whispered: Vec::new(),
            keep_secrets,
            discretion,
            digits: DigitMask::default(),
            log,
            lines: LineAssembler::new(),
            last_settled: None,
            answers_until: None,
            typing: Typing::new(pace),
            orders: ordered,
            outbox: Outbox::new(reports),
            feed: feed.clone(),
            heard: Stamp::ZERO,
            lost: None,
            said: VecDeque::new(),
            read_error: transport.read_error(),
            phone,
        };
        Ok(Self { orders, feed, clock: clock.clone(), dialect, task: tokio::spawn(reader.run(transport)) })
    }

    /// Types a line; its line ending is the dialect's. Never waits.
    pub fn type_line(&self, text: String) {
        // A task that is gone has reported why.
        let _ = self.orders.send(Order::Line(text));
    }

    /// The same of a line of which no record tells, also where the phone repeats it.
    pub fn type_secret_line(&self, text: String) {
        let _ = self.orders.send(Order::SecretLine(text));
    }

    /// Types bytes as they are. Never waits.
    pub fn type_bytes(&self, bytes: Vec<u8>) {
        let _ = self.orders.send(Order::Bytes(bytes));
    }

    /// Somebody else who may type on it. The console closes when all of them are gone.
    pub fn typist(&self) -> Typist {
        Typist(self.orders.clone())
    }

    /// Hears all that happens on this console from now on.
    pub fn listen(&self) -> broadcast::Receiver<Heard> {
        self.feed.subscribe()
    }

    /// One who waits for what the phone says from now on.
    pub fn waiter(&self) -> Waiter {
        Waiter::new(self.listen(), self.clock.clone(), self.dialect.clone())
    }

    /// Stops reading, and finishes the raw log.
    pub async fn close(self) {
        drop(self.orders);
        let _ = self.task.await;
    }
}
