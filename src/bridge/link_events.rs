//! What the kernel tells of interfaces without being asked (rtnetlink(7), group `RTNLGRP_LINK`).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use rtnetlink::{
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        link::{LinkAttribute, LinkFlags, LinkMessage},
    },
    sys::{Socket, protocols::NETLINK_ROUTE},
};

use super::carriers::Told;

/// `RTNLGRP_LINK` of `linux/rtnetlink.h`.
const LINKS: u32 = 1;

/// Listens.
#[derive(Debug)]
pub struct LinkEvents {
    socket: Socket,
}

impl AsFd for LinkEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the socket lives, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(self.socket.as_raw_fd()) }
    }
}

impl LinkEvents {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the kernel forbids it.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        socket.add_membership(LINKS)?;
        Ok(Self { socket })
    }

    /// What was told since the last call, in order. What was lost because nobody listened for long is not made up for: the last
    /// word on each interface comes again with its next change.
    pub fn told(&self) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            match self.socket.recv_from_full() {
                Ok((bytes, _)) => all.extend(read(&bytes)),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(_) => return all,
            }
        }
    }
}

fn read(bytes: &[u8]) -> Vec<Told> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => all.extend(of(&link, false)),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => all.extend(of(&link, true)),
            _ => {}
        }
        let length = usize::try_from(message.header.length).unwrap_or(rest.len()).next_multiple_of(4);
        rest = rest.get(length.max(4)..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
    }
    all
}

/// What a message says of an interface; none if it is about it as a port: it is "gone" then when it leaves its bridge.
pub fn of(message: &LinkMessage, removed: bool) -> Option<Told> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let mut told = Told {
        index: message.header.index,
        name: String::new(),
        removed,
        up: message.header.flags.contains(LinkFlags::Up),
        running: message.header.flags.contains(LinkFlags::Up | LinkFlags::Running),
        controller: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => told.name.clone_from(name),
            LinkAttribute::Controller(index) => told.controller = Some(*index),
            _ => {}
        }
    }
    Some(told)
}
