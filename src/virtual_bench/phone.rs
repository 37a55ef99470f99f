//! A simulated desk phone in the manner of the Aastra 6700i: registers, fails over and back, talks on a serial console,
//! has keys and a display. Sans-IO: time is an argument, so a test jumps from deadline to deadline.
//!
//! Its registration follows the maker's public guides with `sip outbound support: 0`. Its console is invented, as no
//! public description of a real one is known.
//!
//! Not here: the keypad board (`board`), sockets and PTYs ([`shell`]), the server's side (`registrar`).

use std::{collections::VecDeque, net::SocketAddr, path::Path, process::ExitCode, time::Duration};

pub mod shell;
pub mod spec;

pub use spec::{Habits, LineSpec, PhoneDefect, PhoneSpec, PhoneTimers, Transport};

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
    /// The time asked for by [`Phone::poll_deadline`] has come. Any other input lets due timers run as well.
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
    /// It writes to its serial console.
    Console(Vec<u8>),
    /// Its serial console is gone for good.
    ConsoleClosed,
    /// It died. There is no further output.
    Died,
}

/// A simulated phone.
#[derive(Debug)]
pub struct Phone {
    spec: PhoneSpec,
    outputs: VecDeque<PhoneOutput>,
}

impl Phone {
    /// A phone that has power and no link.
    pub fn new(spec: PhoneSpec) -> Self {
        Self { spec, outputs: VecDeque::new() }
    }

    /// What it is.
    pub fn spec(&self) -> &PhoneSpec {
        &self.spec
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: PhoneInput) {
        let _ = (now, input);
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<PhoneOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`PhoneInput::Timeout`], on the scale of `now`.
    pub fn poll_deadline(&self) -> Option<Duration> {
        None
    }
}

/// Runs a simulated phone as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
