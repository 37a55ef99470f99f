//! What goes into a simulated registrar and what comes out of it.

use std::net::SocketAddr;

/// What happens to a registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrarInput {
    /// A datagram arrived.
    Datagram {
        /// Who sent it.
        from: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Somebody opened a connection.
    TcpAccepted {
        /// A number that no other connection has had.
        conn: u32,
        /// Who.
        from: SocketAddr,
    },
    /// Bytes arrived on a connection.
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

/// What a registrar does.
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
    /// It ends a connection that sends no SIP. No `TcpClosed` is to follow.
    TcpClose {
        /// Its number.
        conn: u32,
    },
}
