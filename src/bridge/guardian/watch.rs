//! The process of the guardian: one loop over one socket.

use std::{
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    process::ExitCode,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        signal::{SigHandler, Signal, signal},
        socket::{MsgFlags, recv, send},
        time::TimeSpec,
    },
};

use super::{
    Answer, Word,
    switch::LinkSwitch,
    vigil::{Deed, Vigil},
};
use crate::bridge::{
    clock::{monotonic, wall_ns},
    privileges,
};

/// How often a request that the kernel refuses is made again, and how many times.
const AGAIN: Duration = Duration::from_millis(50);
const TRIES: usize = 200;
/// Signals with which people and service managers end what belongs to a terminal or a service: whoever holds the socket decides.
const DEAF_TO: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Runs the guardian on the descriptor of that number. Exit code 3: it could not do what it is for.
pub fn run(fd: &str) -> ExitCode {
    let Ok(fd) = fd.parse::<i32>() else { return ExitCode::from(2) };
    // SAFETY: the helper made this descriptor for us, and nothing else in this process uses it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    keep_nothing_else(fd);
    for it in DEAF_TO {
        // SAFETY: to ignore a signal calls nothing.
        let _ = unsafe { signal(it, SigHandler::SigIgn) };
    }
    let Ok(switch) = LinkSwitch::open() else { return ExitCode::from(3) };
    if privileges::drop(&[]).is_err() {
        return ExitCode::from(3);
    }
    say(&socket, Answer::Heard(0));
    watch(&socket, switch)
}

/// Closes what was left open by whoever started siprig: it must not stay open for as long as this process lives.
fn keep_nothing_else(fd: i32) {
    let first = libc::c_long::from(fd.max(2)) + 1;
    // SAFETY: nothing in this process has opened any of them yet. Where the call is unknown they stay open (close_range(2)).
    let _ = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_long::from(u32::MAX), 0) };
}

fn watch(socket: &OwnedFd, mut switch: LinkSwitch) -> ExitCode {
    let mut vigil = Vigil::new(monotonic());
    loop {
        wait(socket, vigil.due().map(|due| due.saturating_sub(monotonic())));
        let deed = match hear(socket, &mut vigil) {
            Heard::All => vigil.look(monotonic()),
            Heard::End => Some(vigil.left()),
        };
        match deed {
            None => {}
            Some(Deed::Go) => return ExitCode::SUCCESS,
            Some(Deed::Restore(index)) => return restore(socket, &mut switch, index),
        }
    }
}

/// Waits for a word, or until it is time to look.
fn wait(socket: &OwnedFd, patience: Option<Duration>) {
    let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    // An interrupted wait is as good as one that ended.
    let _ = ppoll(&mut ready, patience.map(TimeSpec::from_duration), None);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    All,
    End,
}

/// Takes all that was said.
fn hear(socket: &OwnedFd, vigil: &mut Vigil) -> Heard {
    let mut buffer = [0; 16];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EAGAIN) => return Heard::All,
            Err(Errno::EINTR) => {}
            Ok(0) | Err(_) => return Heard::End,
            Ok(len) => {
                // What nobody can have said is no sign of life.
                let Ok(word) = postcard::from_bytes::<Word>(buffer.get(..len).unwrap_or_default()) else { continue };
                let words = vigil.hear(word, monotonic());
                say(socket, Answer::Heard(words));
            }
        }
    }
}

fn say(socket: &OwnedFd, answer: Answer) {
    let Ok(bytes) = postcard::to_stdvec(&answer) else { return };
    // Nobody has to hear it.
    let _ = send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
}

/// Switches the interface on. One that is gone needs it no more.
fn restore(socket: &OwnedFd, switch: &mut LinkSwitch, index: u32) -> ExitCode {
    for _ in 0..TRIES {
        // It may carry frames before the kernel has answered.
        let asked_ns = wall_ns();
        match switch.on(index) {
            Ok(()) => {
                say(socket, Answer::Restored(asked_ns));
                return ExitCode::SUCCESS;
            }
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return ExitCode::SUCCESS,
            Err(_) => {
                #[expect(clippy::disallowed_methods, reason = "nothing else is left to do for this process")]
                std::thread::sleep(AGAIN);
            }
        }
    }
    ExitCode::from(3)
}
