//! What carries a console's bytes.

use std::{io, time::Duration};

use super::{
    port::{Port, PortError},
    remote::RemoteLine,
    select,
};
use crate::config::{ConsolePort, PortAddress};

/// How long a byte may wait in an adapter before it can be read: FTDI's latency timer is 16 ms unless set (application
/// note AN232B-04), and the scheduler adds its share.
const READ_ERROR: Duration = Duration::from_millis(17);

/// How late a byte may be that came through a network. Nobody can know; a network on which this does not hold, or one end
/// of which gathers bytes for longer, is none to measure times across.
const NETWORK_ERROR: Duration = Duration::from_millis(200);

/// An open console line.
#[derive(Debug)]
pub(super) enum Transport {
    /// A serial port, or a PTY that stands for one.
    Serial(Port),
    /// One that another machine holds.
    Remote(RemoteLine),
}

impl Transport {
    /// Opens the line. Must be called within a tokio runtime. Safe to cancel.
    ///
    /// # Errors
    /// If it is missing, ambiguous, busy or forbidden, or its server can not be reached.
    pub(super) async fn open(port: &ConsolePort) -> Result<Self, PortError> {
        match &port.port {
            PortAddress::Tcp(remote) | PortAddress::Rfc2217(remote) => {
                RemoteLine::connect(&port.port, remote, port.baud).await.map(Self::Remote)
            }
            local => match select::device(local)? {
                Some(path) => Port::open(&path, port.baud).map(Self::Serial),
                None => Err(PortError::NoAdapter { address: local.clone(), there: "none at all".to_owned() }),
            },
        }
    }

    /// Reads at least one byte. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone: it must then be dropped, since it would be ready for ever.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Serial(port) => port.read(buffer).await,
            Self::Remote(line) => line.read(buffer).await,
        }
    }

    /// Writes as much as is taken at once, at least one byte. Safe to cancel.
    ///
    /// # Errors
    /// If the other end is gone.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Serial(port) => port.write(bytes).await,
            Self::Remote(line) => line.write(bytes).await,
        }
    }

    /// How late a byte may have been read.
    pub(super) const fn read_error(&self) -> Duration {
        match self {
            Self::Serial(_) => READ_ERROR,
            Self::Remote(_) => NETWORK_ERROR,
        }
    }

    /// Whether its bytes come through a network, so that nobody knows how long they took.
    pub(super) const fn is_across_network(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}
