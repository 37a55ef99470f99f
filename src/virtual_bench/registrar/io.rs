//! What goes into a simulated server and what comes out of it.

use std::net::SocketAddr;

/// What happens to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarInput {
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Somebody opened a connection to the SIP port.
    TcpAccepted {
        /// A number that no other connection has had.
        conn: u32,
        /// Who.
        from: SocketAddr,
    },
    /// Somebody opened a connection to the XML application.
    HttpAccepted {
        /// A number that no other connection has had, of either kind.
        conn: u32,
        /// Who.
        from: SocketAddr,
    },
    /// Bytes arrived on a connection of either kind.
    TcpData {
        /// Its number.
        conn: u32,
        /// Any part of the stream.
        bytes: Vec<u8>,
    },
    /// A connection ended.
    TcpClosed {
        /// Its number.
        conn: u32,
    },
    /// The time asked for by [`Registrar::poll_deadline`](super::Registrar::poll_deadline) has come.
    Timeout,
}

/// What a server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarOutput {
    /// It sends a datagram.
    SendDatagram {
        /// To whom.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// It writes to a connection.
    TcpSend {
        /// Its number.
        conn: u32,
        /// Bytes of the stream.
        bytes: Vec<u8>,
    },
    /// It ends a connection, once what it wrote is out. No `TcpClosed` is to follow.
    TcpClose {
        /// Its number.
        conn: u32,
    },
}
