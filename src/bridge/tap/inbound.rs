//! The receiving half of a tap: frames in hand, with what the kernel tells of each.

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use super::{BATCH, FRAME_MAX};

/// A VLAN tag in a frame.
const TAG_LEN: usize = 4;
/// Where the tag goes: behind the two addresses.
const TAG_AT: usize = 12;
/// Room for a frame and, ahead of it, for the tag that the kernel took out of it. Frames lie an odd number of cache lines apart,
/// so that their headers do not compete for the same ones.
const STRIDE: usize = (TAG_LEN + FRAME_MAX).next_multiple_of(64) | 64;
/// Room for what the kernel tells of a frame: its stamp and its tag, each behind a header.
const CONTROL: usize = 128;

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

/// Frames in hand. Of the memory only the pages that frames have filled are ever resident.
pub struct Inbound {
    frames: Box<[u8]>,
    messages: [Message; BATCH],
    /// Those from here on are still to be looked at.
    next: usize,
    ready: usize,
    /// Nothing waited behind them when they were taken.
    complete: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Message {
    len: usize,
    unix_ns: Option<i64>,
    tag: Option<[u8; TAG_LEN]>,
    outgoing: bool,
    checksum_open: bool,
}

impl Default for Inbound {
    fn default() -> Self {
        let frames = vec![0; BATCH * STRIDE].into_boxed_slice();
        Self { frames, messages: [Message::default(); BATCH], next: 0, ready: 0, complete: true }
    }
}

impl Inbound {
    /// Whether no frame is in hand.
    pub fn is_empty(&self) -> bool {
        self.next == self.ready
    }

    /// The stamp of the next frame in hand; one without a stamp is older than all others.
    pub fn next_ns(&self) -> Option<i64> {
        let next = self.messages.get(self.next..self.ready)?.first()?;
        Some(next.unix_ns.unwrap_or(i64::MIN))
    }

    /// Until when no frame is missing of those that the socket saw, if it was last asked at `asked_ns`.
    pub fn complete_until(&self, asked_ns: i64) -> i64 {
        let last = self.messages.get(self.next..self.ready).and_then(<[_]>::last).filter(|_| !self.complete);
        last.map_or(asked_ns, |last| last.unix_ns.unwrap_or(i64::MIN).min(asked_ns))
    }

    /// The next frame in hand.
    pub fn next(&mut self) -> Option<Received<'_>> {
        if self.is_empty() {
            return None;
        }
        let place = self.next;
        self.next += 1;
        let Message { len, unix_ns, tag, outgoing, checksum_open } = *self.messages.get(place)?;
        let room = self.frames.get_mut(place * STRIDE..(place + 1) * STRIDE)?;
        let kept = TAG_LEN + len.min(FRAME_MAX);
        let (from, original_len) = match tag.filter(|_| kept >= TAG_LEN + TAG_AT) {
            Some(tag) => {
                room.copy_within(TAG_LEN..TAG_LEN + TAG_AT, 0);
                room.get_mut(TAG_AT..TAG_AT + TAG_LEN)?.copy_from_slice(&tag);
                (0, len + TAG_LEN)
            }
            None => (TAG_LEN, len),
        };
        Some(Received { bytes: room.get_mut(from..kept)?, unix_ns, outgoing, original_len, checksum_open })
    }

    /// Takes what waits at a socket, at most [`BATCH`] frames, unless some are in hand. How many are.
    ///
    /// # Errors
    /// What the kernel says, but for nothing being there.
    pub fn fill(&mut self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        if !self.is_empty() {
            self.complete = false;
            return Ok(self.ready - self.next);
        }
        (self.next, self.ready, self.complete) = (0, 0, true);
        let mut controls = [const { Control(mem::MaybeUninit::uninit()) }; BATCH];
        // SAFETY: zero is a valid value of all of them. Each pointer in `headers` is to memory that outlives the call, of the length
        // beside it, and no two of them overlap.
        let (count, headers, addresses) = unsafe {
            let mut addresses: [libc::sockaddr_ll; BATCH] = mem::zeroed();
            let mut parts: [libc::iovec; BATCH] = mem::zeroed();
            let mut headers: [libc::mmsghdr; BATCH] = mem::zeroed();
            let rooms = self.frames.chunks_exact_mut(STRIDE);
            for ((((header, room), part), address), control) in
                headers.iter_mut().zip(rooms).zip(&mut parts).zip(&mut addresses).zip(&mut controls)
            {
                let Some(room) = room.get_mut(TAG_LEN..TAG_LEN + FRAME_MAX) else { continue };
                *part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
                let header = &mut header.msg_hdr;
                header.msg_name = ptr::from_mut(address).cast();
                header.msg_namelen = size_of_val(address) as libc::socklen_t;
                header.msg_iov = part;
                header.msg_iovlen = 1;
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = CONTROL as _;
            }
            let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
            let count = libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), BATCH as _, flags as _, ptr::null_mut());
            (count, headers, addresses)
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(0) } else { Err(error) };
        };
        for ((message, header), address) in self.messages.iter_mut().zip(&headers).zip(&addresses).take(count) {
            // SAFETY: the kernel has filled this header, and its control messages are still there.
            *message = unsafe { Message::read(header) };
            message.outgoing = address.sll_pkttype == libc::PACKET_OUTGOING;
        }
        (self.ready, self.complete) = (count, count < BATCH);
        Ok(count)
    }
}

/// Room for control messages, aligned as their headers need it.
#[repr(align(8))]
struct Control(mem::MaybeUninit<[u8; CONTROL]>);

impl Message {
    /// What the kernel tells of a frame.
    ///
    /// # Safety
    /// The header must have been filled by the kernel, and what it points to must still be there.
    unsafe fn read(header: &libc::mmsghdr) -> Self {
        let mut message = Self { len: header.msg_len as usize, ..Self::default() };
        let header = &raw const header.msg_hdr;
        // SAFETY: the CMSG macros walk only what the kernel wrote, and data is copied out unaligned.
        unsafe {
            let mut item = libc::CMSG_FIRSTHDR(header);
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
                item = libc::CMSG_NXTHDR(header, item);
            }
        }
        message
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
