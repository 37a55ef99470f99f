//! PID 1 of a virtual bench: furnishes the namespaces, starts the lab, runs the controller, and takes everything with
//! it when it ends, because the kernel kills whatever is left in a PID namespace whose first process is gone.
//!
//! Not here: how the namespaces came about (`launcher`), what the lab consists of (`supervisor`).

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, Write},
    os::{
        fd::{AsFd, FromRawFd, OwnedFd, RawFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            net::UnixStream,
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, setsid},
};
use serde::{Deserialize, Serialize};

use super::{
    namespace,
    supervisor::{self, Ready},
};

/// What PID 1 is told: JSON in a memory file that it inherits, so that nothing of it shows in a list of processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// For the lab.
    pub lab: supervisor::Order,
    /// An empty directory, which the bench's private files cover.
    pub directory: PathBuf,
    /// Arguments of the controller, as bytes; none: there is no controller, the bench just waits.
    pub controller: Option<Vec<Vec<u8>>>,
}

/// What it reports to the launcher, one line of JSON each. What the launcher sends are signals, one byte each, meant
/// for the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The bench is there.
    Ready(Ready),
    /// The kernel refused what it must not refuse.
    Refused {
        /// What was asked for.
        what: String,
        /// The answer.
        errno: i32,
    },
    /// Something else went wrong.
    Failed(String),
}

/// How long the controller has to end after the lab died, before it is killed. With its death, everything is gone.
const GRACE_MS: u16 = 1000;

/// Runs as PID 1. `args`: the numbers of two inherited descriptors, that of the order and that of the launcher's socket.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let Some((mut order, launcher)) = inherited(args) else { return ExitCode::from(2) };
    // The launcher may have died before this took force; then its end of the socket is closed.
    if namespace::die_with_parent().is_err() || hung_up(&launcher) {
        return ExitCode::FAILURE;
    }
    let mut launcher = launcher;
    match run(&mut order, &mut launcher) {
        Ok(code) => ExitCode::from(code),
        Err(report) => {
            let _ = tell(&mut launcher, &report);
            ExitCode::FAILURE
        }
    }
}

fn run(order: &mut File, launcher: &mut UnixStream) -> Result<u8, Report> {
    let order = read_order(order).map_err(failed("read its order"))?;
    furnish(&order.directory)?;
    let signals = SigSet::from(Signal::SIGCHLD);
    signals.thread_block().map_err(failed("block signals"))?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(failed("listen to signals"))?;

    let (lab, ready) = match start_lab(&order, launcher)? {
        Start::Ready(lab, ready) => (lab, ready),
        Start::Ended(code) => return Ok(code),
    };
    let bench = ready.bench.clone();
    tell(launcher, &Report::Ready(ready)).map_err(failed("reach its launcher"))?;
    let controller = match &order.controller {
        Some(arguments) => Some(start_controller(arguments, &bench).map_err(failed("start the controller"))?),
        None => None,
    };
    Ok(Warden { signals, launcher, lab, controller, patience: None }.watch())
}

fn inherited(args: &[OsString]) -> Option<(File, UnixStream)> {
    let [order, launcher] = args else { return None };
    let take = |number: &OsStr| {
        let number: RawFd = number.to_str()?.parse().ok().filter(|number| *number > 2)?;
        Errno::result(
            // SAFETY: asks for flags and changes nothing, whatever the number.
            unsafe { libc::fcntl(number, libc::F_GETFD) },
        )
        .ok()?;
        // SAFETY: it is open, and the launcher passed it to nobody but this function.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        namespace::set_inheritable(&fd, false).ok()?;
        Some(fd)
    };
    Some((take(order)?.into(), take(launcher)?.into()))
}

fn read_order(order: &mut File) -> io::Result<Order> {
    let mut text = Vec::new();
    order.rewind()?;
    order.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Makes the namespaces habitable: mounts that nobody else sees, a directory that vanishes with them, a loopback.
fn furnish(directory: &Path) -> Result<(), Report> {
    let none = None::<&str>;
    let refused =
        |what: &'static str| move |errno: Errno| Report::Refused { what: what.to_owned(), errno: errno as i32 };
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(refused("private mounts"))?;
    let harmless = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("siprig"), directory, Some("tmpfs"), harmless, Some("mode=0700,size=64m"))
        .map_err(refused("temporary file system"))?;
    // These show the right processes and interfaces; a container that masks parts of its own refuses them, and the
    // bench gets by without.
    let _ = mount(Some("proc"), "/proc", Some("proc"), harmless, none);
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), harmless, none);
    namespace::loopback_up().map_err(failed("bring the loopback interface up"))
}

fn start_lab(order: &Order, launcher: &mut UnixStream) -> Result<Start, Report> {
    let json = serde_json::to_vec(&order.lab).map_err(failed("hand the order on"))?;
    supervisor::write_private(&order.directory.join(supervisor::ORDER), &json).map_err(failed("hand the order on"))?;
    let log_path = order.directory.join("lab.log");
    let log = supervisor::private(&log_path).map_err(failed("open the lab's log"))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("siprig");
    command.args([OsStr::new("internal"), OsStr::new("lab"), order.directory.as_os_str()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        // A session of its own keeps the terminal's signals from phones and servers.
        command.pre_exec(|| setsid().map(drop).map_err(Into::into));
        command.pre_exec(namespace::unblock_signals);
    }
    let mut lab = command.spawn().map_err(failed("start the lab"))?;
    let Some(stdout) = lab.stdout.take() else { return Err(Report::Failed("the lab has no output".to_owned())) };
    match first_word(stdout, launcher) {
        Word::Ready(ready) => Ok(Start::Ready(lab, ready)),
        Word::Signal(number) => Ok(Start::Ended(by_signal(number.into()))),
        Word::None => {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            let last = log.lines().last().unwrap_or("the lab ended without a word");
            Err(Report::Failed(last.to_owned()))
        }
    }
}

/// How the start went.
enum Start {
    Ready(Child, Ready),
    /// A signal ended it, with this exit code.
    Ended(u8),
}

/// What came first.
enum Word {
    /// The lab's word.
    Ready(Ready),
    /// A signal, as there is no controller yet to take it.
    Signal(u8),
    /// Lab or launcher ended without a word.
    None,
}

fn first_word(stdout: ChildStdout, launcher: &mut UnixStream) -> Word {
    let mut ways = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN), PollFd::new(launcher.as_fd(), PollFlags::POLLIN)];
    while poll(&mut ways, PollTimeout::NONE) == Err(Errno::EINTR) {}
    if ways[1].any() == Some(true) {
        let mut byte = [0];
        return if launcher.read_exact(&mut byte).is_ok() { Word::Signal(byte[0]) } else { Word::None };
    }
    let mut line = String::new();
    if BufReader::new(stdout).read_line(&mut line).is_err() {
        return Word::None;
    }
    serde_json::from_str(&line).map_or(Word::None, Word::Ready)
}

fn start_controller(arguments: &[Vec<u8>], bench: &Path) -> io::Result<Child> {
    let arguments: Vec<_> = arguments.iter().map(|bytes| OsString::from_vec(bytes.clone())).collect();
    let mut command = Command::new("/proc/self/exe");
    command.arg0("siprig");
    command.args(with_bench(&arguments, bench));
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(namespace::unblock_signals);
    }
    command.spawn()
}

/// The arguments with `--bench FILE`, before any `--` and instead of any bench that they name.
fn with_bench(arguments: &[OsString], bench: &Path) -> Vec<OsString> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (options, rest) = arguments.split_at(end);
    let mut result = Vec::with_capacity(arguments.len() + 2);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if option == "--bench" {
            options.next();
        } else if !option.as_bytes().starts_with(b"--bench=") {
            result.push(option.clone());
        }
    }
    result.extend([OsString::from("--bench"), bench.as_os_str().to_owned()]);
    result.extend_from_slice(rest);
    result
}

/// PID 1 at work: waits for whatever ends first.
struct Warden<'a> {
    signals: SignalFd,
    launcher: &'a mut UnixStream,
    lab: Child,
    controller: Option<Child>,
    /// Set once the lab is dead: nothing is waited for longer than this, in milliseconds.
    patience: Option<u16>,
}

impl Warden<'_> {
    /// Returns the exit code of the bench.
    fn watch(mut self) -> u8 {
        loop {
            let mut ways = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.launcher.as_fd(), PollFlags::POLLIN),
            ];
            let timeout = self.patience.map_or(PollTimeout::NONE, PollTimeout::from);
            match poll(&mut ways, timeout) {
                Ok(0) => return LAB_DIED,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return LAB_DIED,
            }
            let [child_ended, spoken_to] = ways.map(|way| way.any().unwrap_or(false));
            if child_ended {
                while let Ok(Some(_)) = self.signals.read_signal() {}
                if let Some(code) = self.reap() {
                    return code;
                }
            }
            if spoken_to && let Some(code) = self.obey() {
                return code;
            }
        }
    }

    /// Takes in all children that ended, strangers included. Some: that was the end.
    fn reap(&mut self) -> Option<u8> {
        loop {
            let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, u8::try_from(code).unwrap_or(u8::MAX)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, by_signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(_) => return None,
                Ok(_) => continue,
            };
            if self.controller.as_ref().is_some_and(|controller| is(controller, pid)) {
                return Some(code);
            }
            if is(&self.lab, pid) {
                let Some(controller) = &self.controller else { return Some(LAB_DIED) };
                let _ = kill(pid_of(controller), Signal::SIGTERM);
                self.patience = Some(GRACE_MS);
            }
        }
    }

    /// Takes the launcher's bytes. Some: that was the end.
    fn obey(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.launcher.read(&mut byte) {
            Ok(1) => {}
            // Without a launcher nobody waits for the result.
            _ => return Some(LAB_DIED),
        }
        let [number] = byte;
        let Some(controller) = &self.controller else { return Some(by_signal(number.into())) };
        if let Ok(signal) = Signal::try_from(i32::from(number)) {
            let _ = kill(pid_of(controller), signal);
        }
        None
    }
}

/// Exit code for a bench that broke: 3, a fault of the rig.
const LAB_DIED: u8 = 3;

fn by_signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}

fn is(child: &Child, pid: Pid) -> bool {
    pid_of(child) == pid
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn hung_up(socket: &UnixStream) -> bool {
    let mut ways = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    let polled = poll(&mut ways, PollTimeout::ZERO);
    polled.is_err() || ways[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

fn tell(launcher: &mut UnixStream, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    launcher.write_all(&line)
}

fn failed<E: ToString>(action: &'static str) -> impl FnOnce(E) -> Report {
    move |error| Report::Failed(format!("cannot {action}: {}", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        let all = with_bench(&arguments, Path::new("/b.toml"));
        all.iter().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_bench_file_takes_the_place_of_a_named_bench_and_stays_before_a_double_dash() {
        assert_eq!(inserted(&["run", "failover"]), "run failover --bench /b.toml");
        assert_eq!(inserted(&["run", "--bench", "virtual", "x"]), "run x --bench /b.toml");
        assert_eq!(inserted(&["run", "--bench=virtual", "--", "--bench", "y"]), "run --bench /b.toml -- --bench y");
    }
}
