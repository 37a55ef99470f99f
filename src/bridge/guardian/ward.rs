//! The helper's end: starts the guardian, and speaks with it.

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair},
        time::TimeSpec,
    },
    unistd::setsid,
};

use super::{Answer, BEAT, SILENCE, Word, vigil::Pulse};
use crate::bridge::clock::monotonic;

/// How long it may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to answer before an interface is switched off.
const WORD_PATIENCE: Duration = Duration::from_millis(300);

/// A guardian that is there.
#[derive(Debug)]
pub struct Guardian {
    socket: OwnedFd,
    child: Child,
    pulse: Pulse,
}

/// That a guardian is none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// It has switched the interface on ahead of that, at this time (nanoseconds of `CLOCK_REALTIME`): it heard nothing of us.
    pub restored_ns: Option<i64>,
}

impl AsFd for Guardian {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Guardian {
    /// Starts one: this very program. To be done while other programs may be started.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start() -> io::Result<Self> {
        let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["internal", "link-guardian", "0"]);
        command.stdin(Stdio::from(far)).stdout(Stdio::null()).stderr(Stdio::null());
        // No signal to our session or group is for it.
        // SAFETY: setsid(2) may be called between fork and exec.
        unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
        let child = command.spawn()?;
        drop(command);
        let mut guardian = Self { socket: first_to_close(near)?, child, pulse: Pulse::new(monotonic()) };
        guardian.say(Word::Here)?;
        guardian.until_heard(START_PATIENCE)?;
        Ok(guardian)
    }

    /// Tells it that an interface is about to be switched off. From now on it has to hear of us.
    ///
    /// # Errors
    /// If it does not say that it has heard: nothing may be switched off then.
    pub fn off(&mut self, index: u32) -> io::Result<()> {
        self.say(Word::Off(index))?;
        self.until_heard(WORD_PATIENCE)
    }

    /// Tells it that the interface is on again.
    pub fn on(&mut self) {
        // One that is gone shows at the next look.
        let _ = self.say(Word::On);
    }

    /// When it has to hear of us again.
    pub fn due(&self) -> Duration {
        self.pulse.due()
    }

    /// Whether it has not heard of us for so long that it may have switched the interface on.
    pub fn may_have_acted(&self) -> bool {
        monotonic() >= self.due() + SILENCE - 2 * BEAT
    }

    /// Says that we are here, if it is time.
    pub fn beat(&mut self) {
        if monotonic() >= self.due() {
            let _ = self.say(Word::Here);
        }
    }

    /// Takes what it has said.
    ///
    /// # Errors
    /// If it is none any more.
    pub fn hear(&mut self) -> Result<(), Loss> {
        self.take_answers()?;
        if self.pulse.is_lost(monotonic()) { Err(Loss { restored_ns: None }) } else { Ok(()) }
    }

    fn take_answers(&mut self) -> Result<(), Loss> {
        let mut restored_ns = None;
        loop {
            match self.answer() {
                Ok(Some(Answer::Heard(words))) => self.pulse.answered(words, monotonic()),
                Ok(Some(Answer::Restored(unix_ns))) => restored_ns = Some(unix_ns),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(None) | Err(_) => {
                    // What is left of it need not stay until we end.
                    let _ = self.child.try_wait();
                    return Err(Loss { restored_ns });
                }
            }
        }
        restored_ns.map_or(Ok(()), |_| Err(Loss { restored_ns }))
    }

    fn say(&mut self, word: Word) -> io::Result<()> {
        let bytes = postcard::to_stdvec(&word).map_err(io::Error::other)?;
        self.pulse.say(monotonic());
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }

    /// Waits until it has heard everything.
    fn until_heard(&mut self, patience: Duration) -> io::Result<()> {
        let until = monotonic() + patience;
        loop {
            self.take_answers().map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "it has ended"))?;
            if self.pulse.is_heard() {
                return Ok(());
            }
            let left = until.saturating_sub(monotonic());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
            }
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            // An interrupted wait is as good as one that ended.
            let _ = ppoll(&mut ready, Some(TimeSpec::from_duration(left)), None);
        }
    }

    fn answer(&self) -> io::Result<Option<Answer>> {
        let mut buffer = [0; 16];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(None),
                Ok(len) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    return postcard::from_bytes(bytes).map(Some).map_err(io::Error::other);
                }
            }
        }
    }
}

/// The same socket with a high descriptor: the kernel closes those of a process that dies from the highest down, and takes some
/// 10 ms over each packet socket.
fn first_to_close(socket: OwnedFd) -> io::Result<OwnedFd> {
    const HIGH: i32 = 201;
    let copy = fcntl(&socket, FcntlArg::F_DUPFD_CLOEXEC(HIGH))?;
    // SAFETY: the copy was made just now and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
