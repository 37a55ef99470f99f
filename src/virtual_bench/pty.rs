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

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read};

    use super::Pty;

    fn on_a_runtime(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn nobody_reading_costs_the_oldest_bytes_and_never_blocks() {
        on_a_runtime(async {
            let directory = tempfile::tempdir().unwrap();
            let link = directory.path().join("console");
            let pty = Pty::open(&link).unwrap();
            for number in 0..20_000 {
                pty.write(format!("line {number}\r\n").as_bytes());
            }
            pty.write(b"\0");
            let mut rig = File::open(&link).unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while seen.last() != Some(&0) {
                let length = rig.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..length]);
            }
            assert!(seen.len() < 100_000 && seen.ends_with(b"line 19999\r\n\0"), "{} bytes", seen.len());
        });
    }

    #[test]
    fn bytes_pass_unchanged_and_the_port_can_be_opened_again() {
        on_a_runtime(async {
            let directory = tempfile::tempdir().unwrap();
            let link = directory.path().join("console");
            std::os::unix::fs::symlink("/nowhere", &link).unwrap();
            let pty = Pty::open(&link).unwrap();
            let all: Vec<u8> = (0..=255).collect();
            for _ in 0..2 {
                std::fs::write(&link, &all).unwrap();
                let mut read = Vec::new();
                while read.len() < all.len() {
                    read.extend(pty.read().await.unwrap());
                }
                assert_eq!(read, all);
            }
            drop(pty);
            assert!(link.symlink_metadata().is_err(), "the link goes with the port");
        });
    }
}
