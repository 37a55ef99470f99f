//! A simulated registrar (RFC 3261 section 10.3) with digest authentication. Sans-IO, like the simulated phone.
//!
//! Not here: sockets ([`shell`]), proxying, calls.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::Duration,
};

pub mod shell;
pub mod spec;

pub use spec::{DigestAlgorithm, RegistrarDefect, RegistrarSpec};

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
    /// The time asked for by [`Registrar::poll_deadline`] has come.
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

/// A live binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Contact's URI as registered.
    pub contact: String,
    /// When it ends, on the scale of `now`.
    pub expires_at: Duration,
    /// Where the request came from.
    pub source: SocketAddr,
    /// `Call-ID` of the request that made or refreshed it.
    pub call_id: String,
    /// `CSeq` number of that request.
    pub cseq: u32,
}

/// A simulated registrar.
#[derive(Debug)]
pub struct Registrar {
    spec: RegistrarSpec,
    bindings: BTreeMap<String, Vec<Binding>>,
    outputs: VecDeque<RegistrarOutput>,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(spec: RegistrarSpec) -> Self {
        Self { spec, bindings: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// What it is.
    pub fn spec(&self) -> &RegistrarSpec {
        &self.spec
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: RegistrarInput) {
        let _ = (now, input);
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<RegistrarOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`RegistrarInput::Timeout`]: the end of the binding that ends first.
    pub fn poll_deadline(&self) -> Option<Duration> {
        self.bindings.values().flatten().map(|binding| binding.expires_at).min()
    }

    /// Bindings by extension. Those that ended since the last input are still among them.
    pub fn bindings(&self) -> &BTreeMap<String, Vec<Binding>> {
        &self.bindings
    }
}

/// Runs a simulated registrar as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
