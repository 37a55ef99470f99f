//! The helper process and the socket to it.

use std::{
    ffi::OsString,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    process::Stdio,
};

use nix::{
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair},
    unistd::setsid,
};
use tokio::{
    io::unix::AsyncFd,
    process::{Child, Command},
};

use super::NetworkError;
use crate::bridge::protocol::{MESSAGE_MAX, Notice, Order};

/// What is run as the helper. Its standard input is the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Default for Program {
    /// This very program: `siprig internal bridge-helper 0`.
    fn default() -> Self {
        Self::at("/proc/self/exe")
    }
}

impl Program {
    /// The `siprig` executable at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: ["internal", "bridge-helper", "0"].map(OsString::from).to_vec() }
    }
}

/// A helper process that is spoken to. Killed when dropped.
#[derive(Debug)]
pub(super) struct HelperLink {
    child: Child,
    socket: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
}

impl HelperLink {
    /// Starts the helper. It gets the socket and nothing else of ours, and no signal of our terminal.
    pub fn spawn(program: &Program) -> Result<Self, NetworkError> {
        let failed = |error: io::Error| NetworkError::Helper(format!("could not be started: {error}"));
        let flags = SockFlag::SOCK_CLOEXEC;
        let (near, far) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(|error| failed(error.into()))?;
        nix::fcntl::fcntl(&near, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
            .map_err(|error| failed(error.into()))?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .stdin(Stdio::from(far))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // A session of its own: no signal of our terminal, and where the kernel shares processors out among sessions
        // (sched(7), autogroup) a share that is not divided among all that runs in ours.
        // SAFETY: setsid(2) may be called between fork and exec.
        unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
        let child = command.spawn().map_err(failed)?;
        // SAFETY: an `OwnedFd` is one descriptor, open for as long as it lives, and `AsyncFd` holds it.
        let socket = unsafe { AsyncFd::register(near) }.map_err(|error| failed(error.into()))?;
        Ok(Self { child, socket, buffer: vec![0; MESSAGE_MAX] })
    }

    /// Its process id, while it lives.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends an order.
    pub async fn send(&self, order: &Order) -> Result<(), NetworkError> {
        let bytes = postcard::to_stdvec(order).map_err(|_| NetworkError::Helper("was given a strange order".into()))?;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = self
            .socket
            .async_io(tokio::io::Interest::WRITABLE, |socket| Ok(send(socket.as_raw_fd(), &bytes, flags)?))
            .await;
        sent.map(|_| ()).map_err(|error| NetworkError::Helper(format!("does not listen: {error}")))
    }

    /// Waits for the next notice; none: the helper has ended. Safe to cancel.
    pub async fn receive(&mut self) -> Result<Option<Notice>, NetworkError> {
        let Self { socket, buffer, .. } = self;
        let received = socket
            .async_io(tokio::io::Interest::READABLE, |socket| {
                Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?)
            })
            .await;
        let len = match received {
            Ok(0) => return Ok(None),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(NetworkError::Helper(format!("can not be heard: {error}"))),
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        postcard::from_bytes(bytes).map(Some).map_err(|_| NetworkError::Helper("speaks another version".to_owned()))
    }

    /// Waits until the process is gone.
    pub async fn ended(&mut self) {
        // It can not fail for a child that nobody else waits for.
        let _ = self.child.wait().await;
    }
}
