//! `siprig phone console`: a console in its own right, or a look at one that somebody else has.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    super::{
        bench::{self, Opened},
        error::UserError,
        exit::Exit,
        lock::{self, Holder, LockError},
        state,
        transcript::{Text, hex},
    },
    args::ConsoleArgs,
    keyboard,
    screen::Screen,
    terminal::Terminal,
};
use crate::{
    config::{ConsolePort, Dialect, load},
    driver::{
        DriverError, Report,
        clock::RunClock,
        discretion::Discretion,
        serial::{
            Console, ConsoleSetup, Spoken,
            share::{Share, Told, Watch},
        },
        signals::Signals,
    },
    event::{Observed, PhoneName, Stamp},
    journal::console::{Passage, What},
    look::harmless,
};

/// After the end of what a program types, the phone is listened to until it is silent for this long.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Who types.
const NAME: &str = "siprig phone console";

/// What is known of the phone.
struct Subject {
    bench: String,
    phone: PhoneName,
    /// None: the bench is virtual, and its consoles are for those inside.
    console: Option<ConsolePort>,
    dialect: Option<Dialect>,
}

/// Runs it until somebody leaves.
///
/// # Errors
/// If there is no such console, or nobody may use it.
pub(super) fn main(args: &ConsoleArgs) -> Result<ExitCode, UserError> {
    let subject = subject(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| unexpected("start the runtime", &error))?;
    let exit = runtime.block_on(use_it(args, &subject));
    // The thread that reads the keyboard may wait for ever.
    runtime.shutdown_background();
    exit.map(ExitCode::from)
}

fn subject(args: &ConsoleArgs) -> Result<Subject, UserError> {
    let rig = bench::rig();
    let unknown = |known: &mut dyn Iterator<Item = String>| {
        let message = format!("the bench has no phone `{}`", harmless(&args.phone));
        UserError::new(Exit::Usage, message, format!("it has {}", known.collect::<Vec<_>>().join(", ")))
    };
    let phone = PhoneName::from(args.phone.as_str());
    match bench::open(&args.bench, &[])? {
        Opened::Virtual(description) => {
            let document = bench::preview(&description, &rig)?;
            let (bench, _) = load::checked_bench(&document, &rig)?;
            if !description.phone_names().any(|known| known == phone.0) {
                return Err(unknown(&mut description.phone_names().map(|name| name.to_string())));
            }
            Ok(Subject { bench: bench.name, phone, console: None, dialect: None })
        }
        Opened::Real(document) => {
            let (bench, models) = load::checked_bench(&document, &rig)?;
            let Some(found) = bench.phones.iter().find(|known| known.name == phone) else {
                return Err(unknown(&mut bench.phones.iter().map(|known| known.name.to_string())));
            };
            let Some(console) = found.console.clone() else {
                let message = format!("the bench file names no console of {phone}");
                let help = "add `console = { port = \"/dev/serial/by-id/usb-…\" }` to the phone";
                return Err(UserError::new(Exit::Usage, message, help));
            };
            let dialect = models.get(&found.model).and_then(|model| model.console.clone());
            Ok(Subject { bench: bench.name, phone, console: Some(console), dialect })
        }
    }
}

async fn use_it(args: &ConsoleArgs, subject: &Subject) -> Result<Exit, UserError> {
    let state = state::directory()?;
    let signals = Signals::listen().map_err(|error| unexpected("listen for signals", &error))?;
    let log = args.log.as_deref().map(log).transpose()?;
    let watched = |held: Option<LockError>| watch(args, subject, &state, held);
    let Some(port) = subject.console.as_ref().filter(|_| !args.watch) else {
        let watch = watched(None).await?;
        return Attached::new(args, None, "\r", log)?.run(watch, signals, subject).await;
    };
    let needed: Vec<_> = lock::console_lock(&port.port).into_iter().collect();
    let myself = Holder::myself(&format!("{NAME} {}", subject.phone));
    let _lock = match lock::acquire(&state, &needed, &myself, None, |_| {}) {
        Ok(lock) => lock,
        Err(held @ LockError::Held { .. }) if args.send.is_none() => {
            let watch = watched(Some(held)).await?;
            return Attached::new(args, None, "\r", log)?.run(watch, signals, subject).await;
        }
        Err(error) => return Err(error.into()),
    };
    let sent = args.send.as_deref().map(read).transpose()?;
    // The configuration was checked: its patterns compile.
    let spoken = subject.dialect.as_ref().and_then(|dialect| Spoken::new(dialect).ok());
    let clock = RunClock::start();
    let (reports, mut faults) = mpsc::channel::<Report>(64);
    let setup = ConsoleSetup {
        phone: &subject.phone,
        port,
        dialect: spoken.as_ref(),
        run_dir: None,
        keep_secrets: true,
        discretion: Discretion::default(),
    };
    let console = Console::open(setup, &clock, reports).await.map_err(|error| {
        let error = DriverError::from(error);
        UserError::because(if error.is_busy() { Exit::Busy } else { Exit::Rig }, &error)
    })?;
    // That others can not look on is no reason not to look.
    let _share = Share::open(&state, &subject.bench, &subject.phone, &console, NAME);
    let watch = Watch::own(&console);
    console.type_bytes(sent.unwrap_or_default());
    let ending = subject.dialect.as_ref().map_or("\r", |dialect| &dialect.line_ending);
    let mut attached = Attached::new(args, Some(console), ending, log)?;
    attached.terminal.say(&format!("{} at {}; Ctrl-] leaves", subject.phone, port.port));
    let exit = attached.attend(watch, signals, Some(&mut faults)).await;
    let Attached { terminal, console, .. } = attached;
    drop(terminal);
    if let Some(console) = console {
        console.close().await;
    }
    exit
}

/// A look at what somebody else has.
async fn watch(
    args: &ConsoleArgs,
    subject: &Subject,
    state: &Path,
    held: Option<LockError>,
) -> Result<Watch, UserError> {
    let watch = Watch::join(state, &subject.bench, &subject.phone).await.map_err(|error| {
        let message = format!("cannot watch the console of {}: {error}", subject.phone);
        UserError::new(Exit::Rig, message, "end what is in use and not needed")
    })?;
    watch.ok_or_else(|| match held {
        Some(held) => held.into(),
        None if args.watch => {
            let message = format!("nobody uses the console of {} now", subject.phone);
            UserError::new(Exit::Rig, message, "leave out --watch to use it yourself")
        }
        None => {
            let message = format!("{} is on a virtual bench, and nobody uses its console now", subject.phone);
            let help = "watch it while `siprig run` is on that bench, or bring the bench up with `siprig virtual`";
            UserError::new(Exit::Rig, message, help)
        }
    })
}

/// A terminal at a console.
struct Attached<'a> {
    args: &'a ConsoleArgs,
    terminal: Terminal,
    /// None: somebody else types.
    console: Option<Console>,
    line_ending: String,
    screen: Screen,
    log: Option<(File, Text)>,
    /// Times of the log begin here.
    began: Option<i64>,
    told_to_watch: bool,
}

impl<'a> Attached<'a> {
    fn new(
        args: &'a ConsoleArgs,
        console: Option<Console>,
        line_ending: &str,
        log: Option<File>,
    ) -> Result<Self, UserError> {
        Ok(Self {
            args,
            terminal: Terminal::take(args.raw).map_err(|error| unexpected("set the terminal", &error))?,
            console,
            line_ending: line_ending.to_owned(),
            screen: Screen::default(),
            log: log.map(|file| (file, Text::default())),
            began: None,
            told_to_watch: false,
        })
    }

    async fn run(mut self, watch: Watch, signals: Signals, subject: &Subject) -> Result<Exit, UserError> {
        let typist = harmless(&watch.typist);
        self.terminal.say(&format!("watching {}; {typist} types; Ctrl-] leaves", subject.phone));
        self.attend(watch, signals, None).await
    }

    /// Until somebody leaves, or there is nothing left to attend to.
    async fn attend(
        &mut self,
        mut watch: Watch,
        mut signals: Signals,
        mut faults: Option<&mut mpsc::Receiver<Report>>,
    ) -> Result<Exit, UserError> {
        let clock = RunClock::start();
        let mut keys = keyboard::listen();
        let mut leave_at = None;
        let mut typing = true;
        loop {
            tokio::select! {
                told = watch.next() => match told {
                    Ok(Some(told)) => {
                        leave_at = leave_at.map(|_| clock.now() + LAST_WORD);
                        if let Err(error) = self.show(told) {
                            return left(&error);
                        }
                    }
                    Ok(None) => {
                        self.terminal.say("whoever had this console has ended");
                        break;
                    }
                    Err(error) => return Err(unexpected("hear the console", &error)),
                },
                typed = keys.recv(), if typing => match typed {
                    Some(typed) => if self.type_keys(&typed) { break },
                    // A terminal whose keyboard ends has hung up; SIGHUP may be on its way.
                    None if self.terminal.has_keyboard() => return Ok(Exit::Hangup),
                    None => {
                        typing = false;
                        // One who watches without a keyboard does so until the end.
                        leave_at = self.console.is_some().then(|| clock.now() + LAST_WORD);
                    }
                },
                Some(report) = next(&mut faults) => {
                    if let Observed::DriverFailed { reason, .. } = report.observed {
                        self.terminal.say(&harmless(&reason));
                    }
                }
                name = signals.next() => return Ok(Exit::of_signal(name)),
                () = clock.wait(leave_at) => break,
            }
        }
        if let Some((file, text)) = &mut self.log {
            file.write_all(text.end().as_bytes()).map_err(|error| unexpected("write the log", &error))?;
        }
        Ok(Exit::Success)
    }

    /// Types, and tells whether that was the leave key.
    fn type_keys(&mut self, keys: &[u8]) -> bool {
        if !self.terminal.has_keyboard() {
            match &self.console {
                Some(console) => console.type_bytes(keys.to_vec()),
                None => self.only_watching(),
            }
            return false;
        }
        let (bytes, leaves) = keyboard::typed(keys, &self.line_ending);
        match &self.console {
            Some(console) => console.type_bytes(bytes),
            None if !bytes.is_empty() => self.only_watching(),
            None => {}
        }
        leaves
    }

    fn only_watching(&mut self) {
        if !self.told_to_watch {
            self.terminal.say("you only watch: somebody else types here; Ctrl-] leaves");
        }
        self.told_to_watch = true;
    }

    fn show(&mut self, told: Told) -> io::Result<()> {
        let (at, what, bytes) = match told {
            Told::Came(at, bytes) => (at, What::In, bytes),
            Told::Typed(at, bytes) => (at, What::Out, bytes.unwrap_or_else(|| b"(a secret)".to_vec())),
            Told::Opened(at) => (at, What::Opened, Vec::new()),
            Told::Lost(at) => (at, What::Lost, Vec::new()),
            Told::Missed(count) => {
                self.terminal.say(&format!("{count} pieces of what was said came too fast for this terminal"));
                return Ok(());
            }
            Told::Welcome { .. } => return Ok(()),
        };
        let began = *self.began.get_or_insert(at);
        let passage = Passage { at: Stamp(u64::try_from(at - began).unwrap_or(0)), what, bytes, away_ns: None };
        if let Some((file, text)) = &mut self.log {
            file.write_all(text.of(&passage).as_bytes())?;
        }
        if self.args.hex {
            return self.terminal.write(hex(&passage).replace('\n', "\r\n").as_bytes());
        }
        match passage.what {
            What::In if self.args.raw => self.terminal.write(&passage.bytes),
            What::In => {
                let time = self.args.times.then(|| time_of_day(at));
                self.terminal.write(self.screen.show(&passage.bytes, time.as_deref()).as_bytes())
            }
            What::Out => Ok(()),
            What::Lost => {
                self.terminal.say("the port is lost; it is opened again as soon as it is there");
                Ok(())
            }
            What::Opened => {
                self.terminal.say("the port is open");
                Ok(())
            }
        }
    }
}

async fn next(faults: &mut Option<&mut mpsc::Receiver<Report>>) -> Option<Report> {
    match faults {
        Some(faults) => faults.recv().await,
        None => std::future::pending().await,
    }
}

fn log(path: &Path) -> Result<File, UserError> {
    OpenOptions::new().append(true).create_new(true).open(path).map_err(|error| {
        let message = format!("cannot create the log {}: {error}", path.display());
        UserError::new(Exit::Usage, message, "name a file that is not there yet")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, UserError> {
    fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        UserError::new(Exit::Usage, message, "name a file that is to be typed")
    })
}

/// What it comes to that the terminal can not be written.
fn left(error: &io::Error) -> Result<Exit, UserError> {
    match error.kind() {
        // A reader who has seen enough (`| head`).
        io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        _ => Err(unexpected("write to the terminal or the log", error)),
    }
}

fn time_of_day(unix_ns: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default();
    time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%H:%M:%S.%3f ").to_string()
}

fn unexpected(what: &str, error: &io::Error) -> UserError {
    UserError::new(Exit::Unexpected, format!("cannot {what}: {error}"), "is this machine out of memory or processes?")
}
