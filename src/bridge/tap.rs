//! A tap on one side of the bridge: an `AF_PACKET` socket (packet(7)) that sees each frame once as it comes in, before the
//! bridge does, and once as it leaves. What is sent goes through the same socket, so that a tap never sees our own frames.
//!
//! `pnet` opens the channel. Its own receiver loses VLAN tags, cuts long frames and knows neither kernel time nor losses, and
//! both its halves make two system calls for each frame; hence the own [`DataLinkReceiver`] and [`DataLinkSender`], which take
//! and send many frames in one.

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{getsockopt, sockopt},
};
use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender, NetworkInterface};

mod filter;
mod inbound;
mod outbound;
#[cfg(test)]
mod tests;

use super::protocol::Refusal;
use inbound::Inbound;
use outbound::Outbound;

pub use filter::Wanted;
pub use inbound::Received;
pub use outbound::Unsendable;

/// Longest frame, in bytes: the largest IP packet (an offload can make one), Ethernet header, two VLAN tags.
const FRAME_MAX: usize = 65_535 + 14 + 8;
/// Frames that one system call takes or sends at most.
pub const BATCH: usize = 64;
/// Receive buffer asked for, in bytes. The default of about 200 KiB loses frames when other work takes the processor.
const RECEIVE_BUFFER: libc::c_int = 8 << 20;

/// `pnet` binds through descriptors from here on, above all that is opened in passing.
const BINDERS: RawFd = 100;

/// One side's socket.
pub struct Tap {
    fd: OwnedFd,
    interface: String,
    inbound: Inbound,
    outbound: Outbound,
    binder: RawFd,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("interface", &self.interface).finish_non_exhaustive()
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Tap {
    /// Opens the tap of an interface that is a port of a bridge.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open(interface: &str, index: u32) -> Result<Self, Refusal> {
        // A port of a bridge is promiscuous already.
        Self::open_as(interface, index, false, None)
    }

    /// The same, for what is wanted alone, as far as the kernel can tell.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open_for(wanted: &Wanted<'_>, interface: &str, index: u32) -> Result<Self, Refusal> {
        Self::open_as(interface, index, false, Some(wanted))
    }

    /// From now on lets this be seen alone, as far as the kernel can tell.
    ///
    /// # Errors
    /// If the kernel refuses; then what was seen is seen.
    pub fn want(&self, wanted: &Wanted<'_>) -> io::Result<()> {
        filter::attach(self.as_fd(), wanted)
    }

    /// Opens the tap of any interface: until it is closed, frames for others are heard there, too.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open_for_all(interface: &str, index: u32) -> Result<Self, Refusal> {
        Self::open_as(interface, index, true, None)
    }

    fn open_as(interface: &str, index: u32, promiscuous: bool, wanted: Option<&Wanted<'_>>) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::from_io(format!("watch interface `{interface}`"), &error);
        let fd = packet_socket().map_err(failed)?;
        prepare(&fd).map_err(failed)?;
        if let Some(wanted) = wanted {
            filter::attach(fd.as_fd(), wanted).map_err(failed)?;
        }
        let binder = bind(&fd, interface, index, promiscuous, BINDERS).map_err(failed)?;
        let interface = interface.to_owned();
        Ok(Self { fd, interface, inbound: Inbound::default(), outbound: Outbound::default(), binder })
    }

    /// Taps the interface that has the same name and another number by now, through the same descriptors.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn reopen(&mut self, index: u32) -> io::Result<()> {
        self.binder = bind(&self.fd, &self.interface, index, false, self.binder)?;
        Ok(())
    }

    /// The number of the descriptor through which [`reopen`](Self::reopen) binds, and nothing else needs to.
    pub fn binder(&self) -> RawFd {
        self.binder
    }

    /// Name of its interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Forgets the complaint of a socket that was opened while its interface was down.
    pub fn clear_error(&self) {
        // Asking for the error clears it; the answer is known.
        let _ = getsockopt(&self.fd, sockopt::SocketError);
    }

    /// Sends a frame out of this side, past the bridge and ahead of what is queued.
    ///
    /// # Errors
    /// If the interface is down, or the frame is longer than it can carry.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        outbound::send_one(self.fd.as_fd(), frame)
    }

    /// Keeps a frame until [`flush`](Self::flush), which sends what was kept in this order. True if that is due now.
    pub fn queue(&mut self, frame: &[u8]) -> bool {
        self.outbound.queue(frame)
    }

    /// Sends what is queued, past the bridge.
    ///
    /// # Errors
    /// The first frame that can not be sent, which is not queued any more; those behind it are, until the next call.
    pub fn flush(&mut self) -> Result<(), Unsendable> {
        self.outbound.flush(self.fd.as_fd())
    }

    /// Forgets what is queued; how many frames.
    pub fn clear(&mut self) -> usize {
        self.outbound.clear()
    }

    /// Takes as many of the frames that wait as one system call can, unless some are in hand; how many are then.
    ///
    /// # Errors
    /// If the interface went down (once each time), or is gone.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.inbound.fill(self.fd.as_fd())
    }

    /// When the next frame of those in hand was seen, in nanoseconds of `CLOCK_REALTIME`.
    pub fn next_ns(&self) -> Option<i64> {
        self.inbound.next_ns()
    }

    /// Until when all that was seen is in hand or was: `asked_ns`, before which [`fill`](Self::fill) was called last, unless
    /// more may wait behind what is in hand.
    pub fn complete_until(&self, asked_ns: i64) -> i64 {
        self.inbound.complete_until(asked_ns)
    }

    /// The next frame of those in hand.
    pub fn next_in_hand(&mut self) -> Option<Received<'_>> {
        self.inbound.next()
    }

    /// Takes the next frame, if one waits.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn receive(&mut self) -> io::Result<Option<Received<'_>>> {
        self.fill()?;
        Ok(self.next_in_hand())
    }

    /// Frames that the kernel dropped since the last call because the receive buffer was full.
    pub fn lost(&self) -> u64 {
        let mut statistics: libc::tpacket_stats = unsafe { mem::zeroed() };
        let mut len = size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the buffer is as long as `len` says, and lives across the call.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut len,
            )
        };
        if result == 0 { u64::from(statistics.tp_drops) } else { 0 }
    }
}

impl DataLinkReceiver for Tap {
    /// Waits for the next frame.
    fn next(&mut self) -> io::Result<&[u8]> {
        if self.inbound.is_empty() {
            poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
        }
        match self.receive()? {
            Some(received) => Ok(received.bytes),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl DataLinkSender for Tap {
    /// Queues frames that are made in place.
    fn build_and_send(
        &mut self,
        num_packets: usize,
        packet_size: usize,
        func: &mut dyn FnMut(&mut [u8]),
    ) -> Option<io::Result<()>> {
        let mut frame = vec![0; packet_size];
        for _ in 0..num_packets {
            func(&mut frame);
            if let Err(error) = DataLinkSender::send_to(self, &frame, None)? {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    /// Queues a frame, and sends the queue if it is full.
    fn send_to(&mut self, packet: &[u8], _: Option<NetworkInterface>) -> Option<io::Result<()>> {
        let full = self.queue(packet);
        Some(if full { self.flush().map_err(|refused| refused.error) } else { Ok(()) })
    }
}

/// Has `pnet` open its channel on a socket, which binds it to an interface, through a copy of its descriptor: the first that is
/// free from `from` on, which is free again then.
fn bind(fd: &OwnedFd, interface: &str, index: u32, promiscuous: bool, from: RawFd) -> io::Result<RawFd> {
    let place = NetworkInterface {
        name: interface.to_owned(),
        description: String::new(),
        index,
        mac: None,
        ips: Vec::new(),
        flags: 0,
    };
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(from))?;
    // pnet owns the descriptor from here on, also if it fails.
    let config = Config { socket_fd: Some(copy), promiscuous, ..Config::default() };
    match datalink::channel(&place, config)? {
        Channel::Ethernet(..) => Ok(copy),
        _ => Err(io::Error::other("pnet opened no Ethernet channel")),
    }
}

/// A socket that receives nothing until it is bound.
fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: a plain call; the descriptor that it returns is nobody else's.
    unsafe {
        match libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Kernel stamps, VLAN tags, room for bursts. Set before the socket is bound, so that every frame has them.
fn prepare(fd: &OwnedFd) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    set_option(fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
    // The first is for root of the whole machine only; the second is limited by net.core.rmem_max.
    set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER)
        .or_else(|_| set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER))?;
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a `c_int`, as long as the length says, and lives across the call.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), size_of_val(&value) as libc::socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
