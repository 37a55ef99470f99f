//! The helper's end of the socket: sends without ever waiting for the controller.
//!
//! What does not fit into the socket waits in a ring of limited size. When that is full, frames are lost, counted and
//! reported; notices about outages are few and always kept.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::sys::socket::{MsgFlags, recv, send};

use super::protocol::{MESSAGE_MAX, Notice, Order, SeenFrame};
use crate::event::Loss;

/// Bytes of frames that may wait.
const RING: usize = 8 << 20;

/// Both directions of the conversation with the controller.
#[derive(Debug)]
pub struct Outbox {
    socket: OwnedFd,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    lost: u64,
    buffer: Vec<u8>,
}

impl AsFd for Outbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Outbox {
    /// Speaks through one end of a `SOCK_SEQPACKET` pair.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, waiting: VecDeque::new(), waiting_bytes: 0, lost: 0, buffer: vec![0; MESSAGE_MAX] }
    }

    /// Waits for the next order, or looks for one. `Ok(None)`: the controller is gone.
    ///
    /// # Errors
    /// `WouldBlock` if `wait` is false and none is there; anything else if the conversation is broken.
    pub fn receive(&mut self, wait: bool) -> io::Result<Option<Order>> {
        let flags = if wait { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        let len = recv(self.socket.as_raw_fd(), &mut self.buffer, flags)?;
        let Some(bytes) = self.buffer.get(..len).filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
        postcard::from_bytes(bytes).map(Some).map_err(io::Error::other)
    }

    /// Sends a notice, or keeps it until there is room.
    pub fn send(&mut self, notice: &Notice) {
        let droppable = matches!(notice, Notice::Frame(_) | Notice::SignOfLife { .. });
        if droppable && self.waiting_bytes >= RING {
            self.lost += 1;
            return;
        }
        let Ok(bytes) = postcard::to_stdvec(notice) else { return };
        self.waiting_bytes += bytes.len();
        self.waiting.push_back(bytes);
        self.flush();
    }

    /// Reports a frame, if it is to be reported.
    pub fn send_seen(&mut self, seen: Option<SeenFrame>) {
        if let Some(seen) = seen {
            self.send(&Notice::Frame(seen));
        }
    }

    /// Sends what waits, as far as there is room.
    pub fn flush(&mut self) {
        while let Some(bytes) = self.waiting.front() {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::ENOBUFS | nix::errno::Errno::EINTR) => return,
                // Sent, or never to be sent: a controller that is gone shows at the next receive.
                Ok(_) | Err(_) => {
                    self.waiting_bytes -= bytes.len();
                    self.waiting.pop_front();
                }
            }
        }
        if self.lost > 0 {
            let count = std::mem::take(&mut self.lost);
            self.send(&Notice::Lost { how: Loss::RingFull, count });
        }
    }

    /// Whether anything waits for room.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::*;
    use crate::bridge::protocol::FrameKind;
    use crate::event::{Fate, OutageEnd, OutageId, Toward};

    #[test]
    fn a_controller_that_does_not_read_costs_frames_that_are_counted_and_no_notice() {
        let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
        let mut outbox = Outbox::new(near);
        let frame = Notice::Frame(SeenFrame {
            toward: Toward::Server,
            unix_ns: 1,
            fate: Fate::Passed,
            kind: FrameKind::Traffic,
            late: None,
            original_len: 60_000,
            bytes: vec![0; 60_000],
        });
        let sent = 200;
        for _ in 0..sent {
            outbox.send(&frame);
        }
        let end =
            Notice::Ended { outage: OutageId(1), why: OutageEnd::Lifted, unix_ns: 2, error_ns: 0, tally: Vec::new() };
        outbox.send(&end);
        let (mut frames, mut lost, mut ended) = (0, 0, false);
        let mut buffer = vec![0; MESSAGE_MAX];
        loop {
            outbox.flush();
            let Ok(len) = recv(far.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) else { break };
            match postcard::from_bytes::<Notice>(&buffer[..len]).unwrap() {
                Notice::Frame(_) => frames += 1,
                Notice::Lost { how: Loss::RingFull, count } => lost += count,
                other => ended |= other == end,
            }
        }
        assert!(lost > 0, "the ring has a limit");
        assert_eq!(frames + lost, sent);
        assert!(ended, "the end of the outage was not lost");
    }
}
