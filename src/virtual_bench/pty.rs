//! A serial port of a simulated device: a PTY behind a symbolic link, so that it has a name known beforehand.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    pty::openpty,
    sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr},
    unistd::{read, ttyname, write},
};
use tokio::io::unix::AsyncFd;

use super::process::ProcessError;

/// The device's end of a serial line.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    /// Kept open: otherwise reading fails as soon as the rig closes its end.
    slave: OwnedFd,
    link: PathBuf,
}

impl Pty {
    /// Opens a PTY in raw mode and points `link` at it, in place of what was there.
    ///
    /// # Errors
    /// If the system has no PTY left, or the link's directory can not be written.
    pub fn open(link: &Path) -> Result<Self, ProcessError> {
        let open = || -> io::Result<(AsyncFd<OwnedFd>, OwnedFd)> {
            let pty = openpty(None, None)?;
            // An untouched PTY would send the device's own output back to it.
            let mut settings = tcgetattr(&pty.slave)?;
            cfmakeraw(&mut settings);
            tcsetattr(&pty.slave, SetArg::TCSANOW, &settings)?;
            let flags = OFlag::from_bits_truncate(fcntl(&pty.master, FcntlArg::F_GETFL)?);
            fcntl(&pty.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
            let beside = link.with_extension("new");
            let _ = std::fs::remove_file(&beside);
            std::os::unix::fs::symlink(ttyname(&pty.slave)?, &beside)?;
            std::fs::rename(&beside, link)?;
            // SAFETY: an `OwnedFd` always names the same open descriptor until it is dropped.
            let master = unsafe { AsyncFd::register(pty.master) }?;
            Ok((master, pty.slave))
        };
        let (master, slave) =
            open().map_err(ProcessError::in_the_way_of(format!("open a PTY as `{}`", link.display())))?;
        Ok(Self { master, slave, link: link.to_owned() })
    }

    /// What was typed.
    ///
    /// # Errors
    /// If the PTY is broken.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 1024];
        loop {
            let mut ready = self.master.readable().await?;
            if let Ok(result) = ready.try_io(|master| Ok(read(master.get_ref(), &mut bytes)?)) {
                bytes.truncate(result?);
                return Ok(bytes);
            }
        }
    }

    /// Writes without waiting. If nobody reads, what is oldest is lost, as on a line where nobody listens.
    pub fn write(&self, mut bytes: &[u8]) {
        let mut flushed = false;
        while !bytes.is_empty() {
            match write(self.master.get_ref().as_fd(), bytes) {
                Ok(written) => bytes = &bytes[written.min(bytes.len())..],
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) if !flushed => {
                    flushed = true;
                    if tcflush(&self.slave, FlushArg::TCIFLUSH).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

impl Drop for Pty {
    /// Takes the link away if it is still ours.
    fn drop(&mut self) {
        let ours = ttyname(&self.slave).ok();
        if ours.is_some() && std::fs::read_link(&self.link).ok() == ours {
            let _ = std::fs::remove_file(&self.link);
        }
    }
}
