//! ICMP errors that come back for a phone's datagrams, through the error queue of its socket (`ip(7)`, `IP_RECVERR`).

use std::{
    io::IoSliceMut,
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd,
};

use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use tokio::net::UdpSocket;

/// Asks the kernel to keep the errors. Where it can not, there are none, as with any other phone.
pub fn ask_for(udp: &UdpSocket) {
    let _ = match udp.local_addr() {
        Ok(SocketAddr::V6(_)) => setsockopt(udp, sockopt::Ipv6RecvErr, &true),
        _ => setsockopt(udp, sockopt::Ipv4RecvErr, &true),
    };
}

/// Whom the datagram was for that an error came back for; none when there is no further error.
pub fn next(udp: &UdpSocket) -> Option<SocketAddr> {
    let mut payload = [0; 1];
    let mut parts = [IoSliceMut::new(&mut payload)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(udp.as_raw_fd(), &mut parts, None, flags).ok()?;
    let address = message.address?;
    address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4(SocketAddrV4::from(*v4)))
        .or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6(SocketAddrV6::from(*v6))))
}
