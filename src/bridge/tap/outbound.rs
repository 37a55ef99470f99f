//! The sending half of a tap: frames that go out together.

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use nix::poll::{PollFd, PollFlags, poll};

use super::BATCH;

/// Bytes in the queue from which on it is full. One frame may go beyond.
const FULL: usize = 256 << 10;
/// How long an interface whose queue is full is waited for, in milliseconds. A frame that it does not take by then is lost.
const PATIENCE_MS: u8 = 10;

/// A frame that could not be sent.
#[derive(Debug)]
pub struct Unsendable {
    /// All of it.
    pub frame: Vec<u8>,
    /// Why: `EMSGSIZE`, if it is longer than the interface can carry.
    pub error: io::Error,
}

/// Frames that wait to go, in their order.
#[derive(Debug, Default)]
pub struct Outbound {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// Those before this one are gone.
    next: usize,
}

impl Outbound {
    /// Adds a frame. True if the queue is full.
    pub fn queue(&mut self, frame: &[u8]) -> bool {
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
        self.ends.len() >= BATCH || self.bytes.len() >= FULL
    }

    /// Forgets what waits; how many frames.
    pub fn clear(&mut self) -> usize {
        let count = self.ends.len() - self.next;
        self.bytes.clear();
        self.ends.clear();
        self.next = 0;
        count
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// The first frame that can not be sent, which waits no longer.
    pub fn flush(&mut self, fd: BorrowedFd<'_>) -> Result<(), Unsendable> {
        while self.next < self.ends.len() {
            match self.send_some(fd) {
                Ok(count) => self.next += count,
                Err(error) => {
                    let frame = self.frame(self.next).to_vec();
                    self.next += 1;
                    return Err(Unsendable { frame, error });
                }
            }
        }
        self.clear();
        Ok(())
    }

    fn frame(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(place).and_then(|end| self.bytes.get(begin..*end)).unwrap_or_default()
    }

    /// Sends the next few, at least one; how many.
    fn send_some(&self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        let count = (self.ends.len() - self.next).min(BATCH);
        // SAFETY: zero is a valid value of both. Each pointer in `headers` is to memory that outlives the call, of the length beside
        // it; the kernel only reads frames.
        with_patience(fd, || unsafe {
            let mut parts: [libc::iovec; BATCH] = mem::zeroed();
            let mut headers: [libc::mmsghdr; BATCH] = mem::zeroed();
            for ((header, part), place) in headers.iter_mut().zip(&mut parts).zip(self.next..self.next + count) {
                let frame = self.frame(place);
                *part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
                header.msg_hdr.msg_iov = ptr::from_mut(part);
                header.msg_hdr.msg_iovlen = 1;
            }
            let flags = libc::MSG_DONTWAIT;
            libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count as _, flags as _) as isize
        })
    }
}

/// Sends one frame at once.
///
/// # Errors
/// If the interface is down, or the frame is longer than it can carry.
pub fn send_one(fd: BorrowedFd<'_>, frame: &[u8]) -> io::Result<()> {
    // SAFETY: the frame outlives the call, and is as long as is said.
    with_patience(fd, || unsafe {
        libc::send(fd.as_raw_fd(), frame.as_ptr().cast(), frame.len(), libc::MSG_DONTWAIT)
    })?;
    Ok(())
}

/// Does it, and once more after a moment if the interface can take no more just now.
fn with_patience(fd: BorrowedFd<'_>, send: impl Fn() -> isize) -> io::Result<usize> {
    let once = || usize::try_from(send()).map_err(|_| io::Error::last_os_error());
    match once() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PATIENCE_MS)?;
            once()
        }
        done => done,
    }
}
