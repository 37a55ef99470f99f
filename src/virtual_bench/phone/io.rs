//! What goes into a simulated phone and what comes out of it.

use std::net::SocketAddr;

/// The lowest number of a connection that others opened; those of its own are below.
pub const FIRST_ACCEPTED: u32 = 1 << 31;

/// What a phone listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// SIP over TCP, on its SIP port.
    Sip,
    /// Its web interface, on port 80.
    Http,
}

/// What happens to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneInput {
    /// Its network interface has a link. Registration begins after the boot time.
    LinkUp,
    /// A datagram arrived on its SIP port.
    Datagram {
        /// Who sent it.
        from: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// A datagram arrived on the port from which it loads a file.
    Tftp {
        /// Who sent it.
        from: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// An ICMP error came back for a datagram to this server.
    Unreachable {
        /// Whom the datagram was for.
        to: SocketAddr,
    },
    /// A connection that it asked for is open.
    TcpConnected {
        /// Its number, given in [`PhoneOutput::TcpConnect`].
        conn: u32,
    },
    /// Somebody else opened a connection to it.
    TcpAccepted {
        /// A number from [`FIRST_ACCEPTED`] on, never used again.
        conn: u32,
        /// Who.
        from: SocketAddr,
        /// What for.
        service: Service,
    },
    /// Bytes arrived on a connection.
    TcpData {
        /// Its number.
        conn: u32,
        /// Any part of the stream.
        bytes: Vec<u8>,
    },
    /// A connection ended, or could not be opened.
    TcpClosed {
        /// Its number.
        conn: u32,
        /// What the system said; none: the other end closed it in order.
        error: Option<String>,
    },
    /// Somebody typed on the serial console.
    Console(Vec<u8>),
    /// A contact of the key matrix closed.
    KeyDown {
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
    /// A contact of the key matrix opened.
    KeyUp {
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
    /// The time asked for by [`Phone::poll_deadline`](super::Phone::poll_deadline) has come. Any other input lets due timers run as well.
    Timeout,
}

/// What a phone does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneOutput {
    /// It sends a datagram from its SIP port.
    SendDatagram {
        /// To whom.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// It opens a connection. The answer is `TcpConnected` or `TcpClosed`.
    TcpConnect {
        /// The number it gives the connection; never used again.
        conn: u32,
        /// To whom.
        to: SocketAddr,
    },
    /// It writes to a connection.
    TcpSend {
        /// Its number.
        conn: u32,
        /// Bytes of the stream.
        bytes: Vec<u8>,
    },
    /// It ends a connection, which may still be opening. No `TcpClosed` is to follow.
    TcpClose {
        /// Its number.
        conn: u32,
        /// By RST, without waiting for anything.
        abort: bool,
    },
    /// It sends a message to its log server, in a datagram.
    SendLog {
        /// To whom.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// It asks a TFTP server for a file, or acknowledges a part of it: each file from a port of its own.
    SendTftp {
        /// To whom; where that is the port of TFTP servers, a new file begins.
        to: SocketAddr,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// It calls a web server, whose answer does not matter to it.
    Call {
        /// Whom.
        to: SocketAddr,
        /// The request.
        bytes: Vec<u8>,
    },
    /// It writes to its serial console.
    Console(Vec<u8>),
    /// Its serial console is gone.
    ConsoleClosed,
    /// It is there again.
    ConsoleBack,
    /// It died. There is no further output.
    Died,
}
