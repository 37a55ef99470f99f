//! Runs a command inside a virtual bench of its own.
//!
//! The launcher moves itself into new namespaces, starts PID 1 in them (`init`) and waits. Whoever of the two is
//! killed takes the other along, and PID 1 takes everything: processes, namespaces, links, temporary files.
//!
//! Signals that a terminal sends go to the whole process group and so reach the controller without help; only those
//! that somebody sent to the launcher itself are handed on.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, MetadataExt},
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Instant,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::geteuid,
};

use super::{
    Description,
    init::{Order, Report},
    namespace::{self, Privilege, Refusal},
    supervisor::{self, Ready},
};
use crate::config;

/// Environment variable that names the directory of locks and sockets.
const STATE: &str = "SIPRIG_STATE";
/// And the one that names the directory of what is noted about interfaces: these vanish with the bench, and so must that.
const NETWORK_STATE: &str = "SIPRIG_NETWORK_STATE";

/// Why no virtual bench came about.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The kernel lets this user make no namespaces.
    #[error("the virtual bench needs a {what}, which this system refuses ({cause}); {advice}")]
    Forbidden {
        /// Which kind of namespace or mount.
        what: String,
        /// What the kernel said.
        cause: String,
        /// What to do instead: the command as root, or another place to run it.
        advice: String,
    },
    /// The model of the phones can't be read.
    #[error(transparent)]
    Model(#[from] config::diagnostic::Diagnostics),
    /// The directory for locks, sockets and the bench can't be used.
    #[error("cannot use {} for the virtual bench: {cause}; set {STATE} to a directory of your own", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The bench did not come up.
    #[error("the virtual bench did not come up: {0}")]
    Failed(String),
}

impl LaunchError {
    /// The exit code: 78 for a file that is wrong, else 3, a fault of the rig.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Model(_) => 78,
            Self::Forbidden { .. } | Self::State { .. } | Self::Failed(_) => 3,
        }
    }
}

/// Brings the bench up, runs `siprig INNER… --bench FILE` in it, and returns that command's exit code (128 + n if a
/// signal ended it). A `--bench` among `inner` is replaced; arguments after `--` stay behind it. `rig` is the directory
/// in which phone models are looked for first.
///
/// To be called before any thread exists, because a process with threads can't enter a user namespace. Standard
/// streams, the working directory and the terminal are the command's own.
///
/// # Errors
/// If the kernel forbids it, or if the bench does not come up.
pub fn launch(description: &Description, rig: &Path, inner: &[OsString]) -> Result<u8, LaunchError> {
    let controller = inner.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    Launch::begin(description, rig, Some(controller))?.attend(|_, _| Ok(()))
}

/// Brings the bench up alone, prints its bench file and the command that enters it, and waits for a signal.
///
/// # Errors
/// As [`launch`].
pub fn standalone(description: &Description, rig: &Path) -> Result<u8, LaunchError> {
    Launch::begin(description, rig, None)?.attend(Launch::introduce)
}

/// A bench on its way, seen from outside.
struct Launch {
    begun: Instant,
    isolated: Instant,
    program: PathBuf,
    is_root: bool,
    privilege: Privilege,
    directory: PathBuf,
    has_controller: bool,
    /// The controller is there, in the process group of the terminal.
    controller_listens: bool,
    signals: SignalFd,
    socket: UnixStream,
    init: Child,
}

impl Launch {
    fn begin(description: &Description, rig: &Path, controller: Option<Vec<Vec<u8>>>) -> Result<Self, LaunchError> {
        let begun = now();
        let keys = config::load::model(&description.lab.model, rig)?.keys;
        let state = state_directory()?;
        let directory = private_directory(state.join("virtual"))?;
        let has_controller = controller.is_some();
        let lab = supervisor::Order { description: description.clone(), keys };
        let order = Order { lab, directory: directory.clone(), controller };
        let order = memory_file(&order).map_err(failed("hand the order on"))?;
        let (socket, far) = UnixStream::pair().map_err(failed("make a socket"))?;
        let signals = catch_signals().map_err(failed("listen to signals"))?;
        // Inside, everybody is root, and `/proc` does not know this process.
        let program = std::env::current_exe().map_err(failed("find this program's own file"))?;
        let is_root = geteuid().is_root();
        let privilege = namespace::isolate().map_err(|Refusal { what, errno }| forbidden(what, errno, is_root))?;
        let isolated = now();
        let init = start_init(&order, &far, &state, &directory).map_err(failed("start the bench's first process"))?;
        Ok(Self {
            begun,
            isolated,
            program,
            is_root,
            privilege,
            directory,
            has_controller,
            controller_listens: false,
            signals,
            socket,
            init,
        })
    }

    /// Waits until the bench ends, hands signals on, and returns its exit code. `ready` is called when it is there.
    fn attend(mut self, ready: impl Fn(&Self, &Ready) -> io::Result<()>) -> Result<u8, LaunchError> {
        let mut reports = Vec::new();
        loop {
            let mut ways = [self.signals.as_fd(), self.socket.as_fd()].map(|way| PollFd::new(way, PollFlags::POLLIN));
            match poll(&mut ways, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(failed("wait for the bench")(error)),
            }
            let [signalled, spoken_to] = ways.map(|way| way.any().unwrap_or(false));
            if spoken_to {
                let ended = self.read(&mut reports).map_err(failed("hear of the bench"))?;
                while let Some(report) = next_report(&mut reports)? {
                    match report {
                        Report::Ready(bench) => {
                            self.controller_listens = self.has_controller;
                            ready(&self, &bench).map_err(failed("say where the bench is"))?;
                        }
                        Report::Refused { what, errno } => {
                            return Err(forbidden(&what, Errno::from_raw(errno), self.is_root));
                        }
                        Report::Failed(why) => return Err(LaunchError::Failed(why)),
                    }
                }
                if ended {
                    let status = self.init.wait().map_err(failed("wait for the bench"))?;
                    let by_signal = || status.signal().and_then(|number| u8::try_from(128 + number).ok());
                    return Ok(status.code().and_then(|code| u8::try_from(code).ok()).or_else(by_signal).unwrap_or(1));
                }
            }
            if signalled {
                self.hand_signals_on();
            }
        }
    }

    /// Reads what PID 1 has to say. True: it has said all, because it is gone.
    fn read(&mut self, reports: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => Ok(true),
            Ok(length) => {
                reports.extend_from_slice(&buffer[..length]);
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn hand_signals_on(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            // From a terminal (SI_KERNEL) the controller has it already; from kill(2) and its kin the code is 0 or less.
            let personal = signal.ssi_code <= 0;
            if personal || !self.controller_listens {
                let number = u8::try_from(signal.ssi_signo).unwrap_or_default();
                // If nobody is there to take it, the end of the bench is being told already.
                let _ = self.socket.write_all(&[number]);
            }
        }
    }

    /// Tells a person where the bench is and how to get in.
    fn introduce(&self, ready: &Ready) -> io::Result<()> {
        let user = match self.privilege {
            Privilege::Root => "",
            Privilege::OwnUserNamespace => "--user --preserve-credentials ",
        };
        let state = self.directory.parent().unwrap_or(&self.directory);
        let millis = |from: Instant, to: Instant| (to - from).as_millis();
        let mut out = io::stdout().lock();
        writeln!(out, "bench file (inside): {}", ready.bench.display())?;
        writeln!(
            out,
            "to enter: nsenter --target {} {user}--net --mount --pid --wdns=\"$PWD\" -- env {STATE}={} {NETWORK_STATE}={} {} run --bench {}",
            self.init.id(),
            quoted(state),
            quoted(&self.directory),
            quoted(&self.program),
            quoted(&ready.bench),
        )?;
        writeln!(
            out,
            "up in {} ms: namespaces {} ms, links {} ms, phones and servers {} ms; Ctrl-C ends it",
            millis(self.begun, now()),
            millis(self.begun, self.isolated),
            ready.links_ms,
            ready.processes_ms,
        )?;
        out.flush()
    }
}

fn start_init(order: &File, launcher: &UnixStream, state: &Path, directory: &Path) -> io::Result<Child> {
    let inherited = [order.as_raw_fd(), launcher.as_raw_fd()];
    let mut command = Command::new("/proc/self/exe");
    command.arg0("siprig");
    command
        .args(["internal", "init"])
        .args(inherited.map(|fd| fd.to_string()))
        .env(STATE, state)
        .env(NETWORK_STATE, directory);
    // SAFETY: between fork and exec only system calls are made, on descriptors that are open in the parent until
    // `spawn` returns.
    unsafe {
        command.pre_exec(move || {
            inherited.into_iter().try_for_each(|fd| namespace::set_inheritable(BorrowedFd::borrow_raw(fd), true))?;
            namespace::unblock_signals()
        });
    }
    command.spawn()
}

/// The signals that a person or a service manager ends a command with, and those that mean something to this one.
fn catch_signals() -> nix::Result<SignalFd> {
    let caught: SigSet =
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2]
            .into_iter()
            .collect();
    caught.thread_block()?;
    SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

fn memory_file(order: &Order) -> io::Result<File> {
    let mut file = File::from(memfd_create("siprig-bench", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&serde_json::to_vec(order)?)?;
    Ok(file)
}

fn next_report(reports: &mut Vec<u8>) -> Result<Option<Report>, LaunchError> {
    let Some(end) = memchr::memchr(b'\n', reports) else { return Ok(None) };
    let line: Vec<u8> = reports.drain(..=end).collect();
    serde_json::from_slice(&line).map(Some).map_err(failed("understand the bench"))
}

/// Where locks and sockets are; the bench's private files go below it. Inside the bench the same directory is used,
/// although its user has another number there.
fn state_directory() -> Result<PathBuf, LaunchError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    private_directory(
        set(STATE)
            .or_else(|| set("XDG_RUNTIME_DIR").map(|runtime| runtime.join("siprig")))
            .unwrap_or_else(|| std::env::temp_dir().join(format!("siprig-{}", geteuid()))),
    )
}

/// Makes a directory that nobody else can use, or makes sure that it is one.
fn private_directory(path: PathBuf) -> Result<PathBuf, LaunchError> {
    let unusable = |cause: &dyn ToString| LaunchError::State { path: path.clone(), cause: cause.to_string() };
    let path = std::path::absolute(&path).map_err(|error| unusable(&error))?;
    if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(&path) {
        return Err(unusable(&error));
    }
    // In a directory that all may write to, somebody else can have been there first.
    let found = fs::symlink_metadata(&path).map_err(|error| unusable(&error))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(unusable(&"it belongs to somebody else"));
    }
    Ok(path)
}

fn forbidden(what: &str, errno: Errno, is_root: bool) -> LaunchError {
    let advice = if is_root {
        "run it outside of this container, or give the container the right to make namespaces".to_owned()
    } else {
        let words: Vec<_> = std::env::args_os().map(|word| quoted(Path::new(&word))).collect();
        format!("run it as root: sudo {}", words.join(" "))
    };
    LaunchError::Forbidden { what: what.to_owned(), cause: errno.desc().to_owned(), advice }
}

/// A word as a shell takes it.
fn quoted(word: &Path) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn failed<E: ToString>(action: &'static str) -> impl Fn(E) -> LaunchError {
    move |error| LaunchError::Failed(format!("cannot {action}: {}", error.to_string()))
}

#[expect(clippy::disallowed_methods, reason = "how long the bench takes to come up is measured")]
fn now() -> Instant {
    Instant::now()
}
