//! Hearing what passes on both sides of the rig, without taking part in it.
//!
//! Not here: what is heard.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use tokio::io::unix::AsyncFd;

use crate::{
    bridge::{
        listen::{self, Ears, Standing},
        protocol::Refusal,
    },
    config::Network,
};

/// Frames that are taken from a side before anything else gets a turn.
const BURST: usize = 256;

/// A frame that came in.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Where: 0 toward the phones, 1 toward the servers.
    pub side: u32,
    /// When, in nanoseconds since the Unix epoch, by the kernel.
    pub unix_ns: i64,
    /// Its length on the wire in bytes.
    pub original_len: usize,
    /// The frame, its VLAN tags in place.
    pub bytes: &'a [u8],
}

/// Both sides, while they are listened to.
#[derive(Debug)]
pub struct Listener {
    ears: Ears,
    ready: [AsyncFd<OwnedFd>; 2],
}

impl Listener {
    /// Opens both sides, and joins them first if that is wanted. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// As [`listen::open`].
    pub async fn open(network: &Network, join: bool) -> Result<Self, Refusal> {
        let ears = listen::open(network, join).await?;
        let failed = |error: io::Error| Refusal::from_io("listen", &error);
        let [phone, server] = &ears.taps;
        let ready = |fd: io::Result<OwnedFd>| {
            // SAFETY: an `OwnedFd` is one descriptor, open for as long as it lives, and `AsyncFd` holds it.
            unsafe { AsyncFd::register(fd.map_err(failed)?) }.map_err(|error| failed(error.into()))
        };
        let ready = [ready(phone.as_fd().try_clone_to_owned())?, ready(server.as_fd().try_clone_to_owned())?];
        Ok(Self { ears, ready })
    }

    /// How the two interfaces are.
    pub fn standing(&self) -> &Standing {
        &self.ears.standing
    }

    /// Waits for frames and hands on a burst of those that came in; those that leave came in on the other side. Safe to
    /// cancel.
    ///
    /// # Errors
    /// If an interface went down, once each time: its name, and what the system says.
    pub async fn next(&mut self, mut take: impl FnMut(Heard<'_>)) -> Result<(), (String, io::Error)> {
        let [phone, server] = &mut self.ready;
        let (side, guard) = tokio::select! {
            guard = phone.readable_mut() => (0, guard),
            guard = server.readable_mut() => (1, guard),
        };
        let tap = &mut self.ears.taps[side as usize];
        let failed = |tap: &crate::bridge::tap::Tap, error| (tap.interface().to_owned(), error);
        let mut guard = guard.map_err(|error| failed(tap, error))?;
        for _ in 0..BURST {
            match tap.receive() {
                Ok(Some(received)) if received.outgoing => {}
                Ok(Some(received)) => {
                    // Stamps are on before anything is received.
                    let Some(unix_ns) = received.unix_ns else { continue };
                    take(Heard { side, unix_ns, original_len: received.original_len, bytes: received.bytes });
                }
                Ok(None) => {
                    guard.clear_ready();
                    break;
                }
                Err(error) => return Err(failed(tap, error)),
            }
        }
        Ok(())
    }

    /// Frames that the kernel dropped since the last call because they were not taken in time.
    pub fn lost(&self) -> u64 {
        self.ears.taps.iter().map(crate::bridge::tap::Tap::lost).sum()
    }
}
