//! A serial port as tokio sees it: opened and set by `serialport`, read and written without ever blocking.

use std::{
    fs,
    io::{self, ErrorKind},
    os::{
        fd::{AsRawFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::stat::{major, minor},
    unistd,
};
use serialport::{DataBits, FlowControl, Parity, StopBits, TTYPort};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

use crate::config::PortAddress;

/// Why a serial port can not be had.
#[derive(Debug, Error)]
pub enum PortError {
    /// There is nothing at that path.
    #[error("there is no serial port {path}; plug the adapter in, or name another port in the bench file")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else has it.
    #[error("the serial port {path} is held by {holder}; close that first")]
    Busy {
        /// The path.
        path: PathBuf,
        /// Who holds it, as well as that can be found out.
        holder: String,
    },
    /// The user may not open it.
    #[error(
        "no permission to open the serial port {path}; join the group `{group}` (sudo usermod -aG {group} $USER) and log in again"
    )]
    Forbidden {
        /// The path.
        path: PathBuf,
        /// The group that may.
        group: String,
    },
    /// No USB adapter is what the bench file says.
    #[error("no USB adapter is `{address}`; plugged in: {there}; plug it in, or name another in the bench file")]
    NoAdapter {
        /// What it says.
        address: PortAddress,
        /// What is plugged in.
        there: String,
    },
    /// Several USB adapters are.
    #[error("several USB adapters are `{address}`: {candidates}; name one so that no other fits")]
    Ambiguous {
        /// What it says.
        address: PortAddress,
        /// Those that are.
        candidates: String,
    },
    /// The server of a remote line can not be used.
    #[error("cannot connect to the serial line {address}: {reason}; does its server run, and may this machine use it?")]
    Unreachable {
        /// Where it is.
        address: PortAddress,
        /// Why.
        reason: String,
    },
    /// Anything else.
    #[error("cannot open the serial port {path} at {baud} bit/s: {reason}; is it a serial port at all?")]
    Unfit {
        /// The path.
        path: PathBuf,
        /// The bit rate asked for.
        baud: u32,
        /// What the system said.
        reason: String,
    },
}

/// An open serial port: 8N1, raw, locked against others by `flock(2)`. Never cloned and never drained: dropping a clone
/// would give the lock away, and `tcdrain(3)` blocks.
#[derive(Debug)]
pub struct Port {
    tty: AsyncFd<TTYPort>,
}

impl Port {
    /// Opens the port at `path`, which may be a symbolic link. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If it is missing, busy or forbidden, or is no serial port.
    pub fn open(path: &Path, baud: u32) -> Result<Self, PortError> {
        let unfit = |reason: String| PortError::Unfit { path: path.to_owned(), baud, reason };
        let pseudo = is_pseudo_terminal(path);
        let settings = serialport::new(path.to_string_lossy(), baud)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .exclusive(!pseudo);
        let tty = TTYPort::open(&settings).map_err(|error| refine(&error, path, baud))?;
        // serialport leaves the port blocking, and its timeout guards only the wait before a write.
        fcntl(borrow(&tty), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| unfit(errno.to_string()))?;
        if pseudo {
            lock(&tty).map_err(|_| busy(path))?;
        }
        // SAFETY: a `TTYPort` owns its descriptor, names the same one for as long as it lives, and closes it when dropped.
        let tty = unsafe { AsyncFd::register(tty) }.map_err(|error| unfit(error.to_string()))?;
        Ok(Self { tty })
    }

    /// Reads at least one byte. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone: the port must then be dropped, since it would be ready for ever.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.tty.readable().await?;
            match ready.try_io(|tty| Ok(unistd::read(borrow(tty.get_ref()), buffer)?)) {
                Ok(Ok(0)) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the other end hung up")),
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(Ok(count)) if count < buffer.len() => {
                    // That was all (epoll(7), question 9): no second call is needed to learn it.
                    ready.clear_ready();
                    return Ok(count);
                }
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    /// Writes as much as the port takes at once, at least one byte. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.tty.writable().await?;
            match ready.try_io(|tty| Ok(unistd::write(borrow(tty.get_ref()), bytes)?)) {
                Ok(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }
}

/// Whether this is the lower side of a pseudo-terminal: majors 136 to 143 (devices.txt of the kernel's documentation).
///
/// Such a port gets a lock, but never the exclusive mode (TIOCEXCL, ioctl_tty(2)): the kernel ends that when the last
/// process closes the terminal, and whoever emulates a phone keeps his side open for good. After a controller that was
/// killed nobody but root could ever open it again.
fn is_pseudo_terminal(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| (136..=143).contains(&major(file.rdev())))
}

/// Makes the shared lock that serialport takes on a port which others may open an exclusive one.
fn lock(tty: &TTYPort) -> nix::Result<()> {
    // SAFETY: the descriptor is open.
    Errno::result(unsafe { libc::flock(tty.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }).map(drop)
}

fn borrow(tty: &TTYPort) -> BorrowedFd<'_> {
    // SAFETY: the descriptor belongs to `tty`, which stays open at least as long as it is borrowed.
    unsafe { BorrowedFd::borrow_raw(tty.as_raw_fd()) }
}

fn refine(error: &serialport::Error, path: &Path, baud: u32) -> PortError {
    let path = path.to_owned();
    match error.kind() {
        serialport::ErrorKind::Io(ErrorKind::NotFound) => PortError::Missing { path },
        serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => {
            let group = fs::metadata(&path).ok().and_then(|file| group_name(file.gid()));
            PortError::Forbidden { group: group.unwrap_or_else(|| "dialout".to_owned()), path }
        }
        // Both EBUSY (somebody's TIOCEXCL) and a lock that is taken come as this.
        serialport::ErrorKind::NoDevice => busy(&path),
        _ => PortError::Unfit { path, baud, reason: error.to_string() },
    }
}

fn busy(path: &Path) -> PortError {
    let holder = holder_of(path).unwrap_or_else(|| "another process".to_owned());
    PortError::Busy { path: path.to_owned(), holder }
}

fn group_name(gid: u32) -> Option<String> {
    let group = unistd::Group::from_gid(gid.into()).ok()??;
    // Joining root's group is no remedy.
    (gid != 0).then_some(group.name)
}

/// The process that holds the lock on a device: by `/proc/locks`, which also tells of other users' processes, else by
/// the open files of those processes that we may look into.
fn holder_of(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    let place = format!("{:02x}:{:02x}:{}", major(file.dev()), minor(file.dev()), file.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut fields = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let locker = fields.find_map(|fields| match fields.as_slice() {
        [_, "FLOCK", _, _, pid, at, ..] if *at == place => pid.parse::<u32>().ok(),
        _ => None,
    });
    let pid = locker.or_else(|| opener_of(path))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(format!("`{}` (process {pid})", name.trim()))
}

fn opener_of(path: &Path) -> Option<u32> {
    let device = fs::canonicalize(path).ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target == device)
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::{ioctl_read_bad, libc::c_int, pty};

    use super::*;

    ioctl_read_bad!(exclusive_mode, libc::TIOCGEXCL, c_int);

    fn is_exclusive(terminal: &impl AsRawFd) -> bool {
        let mut mode = 0;
        // SAFETY: the request writes one integer, and the descriptor is open.
        unsafe { exclusive_mode(terminal.as_raw_fd(), &mut mode) }.unwrap();
        mode != 0
    }

    #[tokio::test]
    async fn a_killed_controller_shuts_nobody_out_of_a_pseudo_terminal_that_its_phone_holds() {
        let pty = pty::openpty(None, None).unwrap();
        let path = unistd::ttyname(pty.slave.as_fd()).unwrap();
        let port = Port::open(&path, 115_200).unwrap();
        assert!(!is_exclusive(&pty.slave));
        let busy = Port::open(&path, 115_200).unwrap_err();
        assert!(matches!(busy, PortError::Busy { .. }), "its lock holds: {busy}");
        // serialport wants a terminal for itself before it asks for the lock.
        assert!(!is_exclusive(&pty.slave), "whoever was refused leaves nothing either");
        drop(port);
        Port::open(&path, 115_200).unwrap();
    }
}
