//! Switches interfaces on and off, by one request to the kernel that waits for nothing else (rtnetlink(7)).

use std::io;

use rtnetlink::{
    LinkUnspec,
    packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload},
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
    sys::{Socket, protocols::NETLINK_ROUTE},
};

/// A connection to the kernel for nothing else.
#[derive(Debug)]
pub struct LinkSwitch {
    socket: Socket,
    sequence: u32,
}

impl LinkSwitch {
    /// Opens it.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket, sequence: 1 })
    }

    /// Switches an interface on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn on(&mut self, index: u32) -> io::Result<()> {
        self.change(LinkUnspec::new_with_index(index).up().build())
    }

    /// Switches an interface off.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn off(&mut self, index: u32) -> io::Result<()> {
        self.change(LinkUnspec::new_with_index(index).down().build())
    }

    fn change(&mut self, link: LinkMessage) -> io::Result<()> {
        let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        // The kernel has done it, or not, when this returns, and has answered.
        self.socket.send(&bytes, 0)?;
        let sent = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).map_err(io::Error::other)?;
            // An answer that nobody waited for is of a request before.
            if answer.header.sequence_number != sent {
                continue;
            }
            let NetlinkPayload::Error(error) = answer.payload else { continue };
            return error.code.map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(-i32::from(code))));
        }
    }
}
