//! A tap on one side of the bridge: an `AF_PACKET` socket (packet(7)) that sees each frame once as it comes in, before the
//! bridge does, and once as it leaves. `pnet` sends through the same socket, so that a tap never sees our own frames.
//!
//! `pnet`'s own receiver loses VLAN tags, cuts long frames and knows neither kernel time nor losses; hence the own
//! [`DataLinkReceiver`].

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{getsockopt, sockopt},
};
use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender, NetworkInterface};

use super::protocol::Refusal;

/// Longest frame, in bytes: the largest IP packet (an offload can make one), Ethernet header, two VLAN tags.
const FRAME_MAX: usize = 65_535 + 14 + 8;
/// A VLAN tag in a frame.
const TAG_LEN: usize = 4;
/// Where the tag goes: behind the two addresses.
const TAG_AT: usize = 12;
/// Receive buffer asked for, in bytes. The default of about 200 KiB loses frames when other work takes the processor.
const RECEIVE_BUFFER: libc::c_int = 8 << 20;

/// One side's socket.
pub struct Tap {
    fd: OwnedFd,
    buffer: Box<[u8]>,
    interface: String,
    sender: Box<dyn DataLinkSender>,
}

/// A frame as a tap saw it.
#[derive(Debug)]
pub struct Received<'a> {
    /// The frame, with its VLAN tags.
    pub bytes: &'a mut [u8],
    /// Kernel stamp, in nanoseconds of `CLOCK_REALTIME`; none: it was queued before stamps were on.
    pub unix_ns: Option<i64>,
    /// It leaves on this side; otherwise it came in here.
    pub outgoing: bool,
    /// Its length on the wire.
    pub original_len: usize,
    /// Its checksum was left to hardware that it never met: it has to be completed before it is sent on.
    pub checksum_open: bool,
}

impl Received<'_> {
    /// It was longer than the buffer.
    pub fn truncated(&self) -> bool {
        self.original_len > self.bytes.len()
    }
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
        Self::open_as(interface, index, false)
    }

    /// Opens the tap of any interface: until it is closed, frames for others are heard there, too.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open_for_all(interface: &str, index: u32) -> Result<Self, Refusal> {
        Self::open_as(interface, index, true)
    }

    fn open_as(interface: &str, index: u32, promiscuous: bool) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::from_io(format!("watch interface `{interface}`"), &error);
        let fd = packet_socket().map_err(failed)?;
        prepare(&fd).map_err(failed)?;
        let receiver = fd.try_clone().map_err(failed)?;
        let place = NetworkInterface {
            name: interface.to_owned(),
            description: String::new(),
            index,
            mac: None,
            ips: Vec::new(),
            flags: 0,
        };
        // pnet owns the descriptor from here on, also if it fails.
        let config = Config { socket_fd: Some(fd.into_raw_fd()), promiscuous, ..Config::default() };
        let Channel::Ethernet(sender, _) = datalink::channel(&place, config).map_err(failed)? else {
            return Err(failed(io::Error::other("pnet opened no Ethernet channel")));
        };
        let buffer = vec![0; FRAME_MAX + TAG_LEN].into_boxed_slice();
        Ok(Self { fd: receiver, buffer, interface: interface.to_owned(), sender })
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

    /// Sends a frame out of this side, past the bridge.
    ///
    /// # Errors
    /// If the interface is down, or the frame is longer than it can carry.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.sender.send_to(frame, None).unwrap_or_else(|| Err(io::Error::other("pnet did not send")))
    }

    /// Takes the next frame, if one waits.
    ///
    /// # Errors
    /// If the interface went down (once each time), or is gone.
    pub fn receive(&mut self) -> io::Result<Option<Received<'_>>> {
        let mut message = match receive_message(&self.fd, &mut self.buffer[..FRAME_MAX]) {
            Ok(message) => message,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut kept = message.len.min(FRAME_MAX);
        if let Some(tag) = message.tag
            && kept >= TAG_AT
        {
            self.buffer.copy_within(TAG_AT..kept, TAG_AT + TAG_LEN);
            self.buffer[TAG_AT..TAG_AT + TAG_LEN].copy_from_slice(&tag);
            kept += TAG_LEN;
            message.len += TAG_LEN;
        }
        Ok(Some(Received {
            bytes: &mut self.buffer[..kept],
            unix_ns: message.unix_ns,
            outgoing: message.outgoing,
            original_len: message.len,
            checksum_open: message.checksum_open,
        }))
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
        poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
        match self.receive()? {
            Some(received) => Ok(received.bytes),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
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

struct Message {
    len: usize,
    unix_ns: Option<i64>,
    tag: Option<[u8; TAG_LEN]>,
    outgoing: bool,
    checksum_open: bool,
}

/// Room for control messages, aligned as their headers need it.
#[repr(align(8))]
struct Control([u8; 256]);

fn receive_message(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<Message> {
    let mut control = Control([0; 256]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: zero is a valid value of both structures. Every pointer in `header` outlives the call, with its length; the
    // CMSG macros walk only what the kernel wrote, and data is copied out unaligned.
    unsafe {
        let mut address: libc::sockaddr_ll = mem::zeroed();
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = size_of_val(&address) as libc::socklen_t;
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len();
        let received = libc::recvmsg(fd.as_raw_fd(), &raw mut header, libc::MSG_TRUNC | libc::MSG_DONTWAIT);
        let Ok(len) = usize::try_from(received) else { return Err(io::Error::last_os_error()) };
        let outgoing = address.sll_pkttype == libc::PACKET_OUTGOING;
        let mut message = Message { len, unix_ns: None, tag: None, outgoing, checksum_open: false };
        let mut item = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(found) = item.as_ref() {
            let data = libc::CMSG_DATA(item);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let stamp: libc::timespec = data.cast::<libc::timespec>().read_unaligned();
                    message.unix_ns = Some(stamp.tv_sec * 1_000_000_000 + stamp.tv_nsec);
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    let auxiliary = data.cast::<libc::tpacket_auxdata>().read_unaligned();
                    message.tag = tag_of(&auxiliary);
                    message.checksum_open = auxiliary.tp_status & libc::TP_STATUS_CSUMNOTREADY != 0;
                }
                _ => {}
            }
            item = libc::CMSG_NXTHDR(&raw const header, item);
        }
        Ok(message)
    }
}

/// The VLAN tag that the kernel took out of the frame.
fn tag_of(auxiliary: &libc::tpacket_auxdata) -> Option<[u8; TAG_LEN]> {
    const ETHERTYPE_VLAN: u16 = 0x8100;
    if auxiliary.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let protocol = match auxiliary.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
        0 => ETHERTYPE_VLAN,
        _ => auxiliary.tp_vlan_tpid,
    };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), auxiliary.tp_vlan_tci.to_be_bytes());
    Some([a, b, c, d])
}
