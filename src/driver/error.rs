//! Why a run can not begin.

use std::path::PathBuf;

use thiserror::Error;

use super::{
    discretion::PinError,
    hook::HookError,
    network::NetworkError,
    pbx::PbxError,
    peer::PeerError,
    phone_files::PhoneFilesError,
    serial::{ConsoleError, PortError},
    witness::WitnessError,
};
use crate::event::PhoneName;

/// Why a run can not begin. Nothing was touched, or all of it was given back.
#[derive(Debug, Error)]
pub enum DriverError {
    /// A console can not be read.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// A keypad board can not be had.
    #[error("keypad of {phone}: {source}")]
    Keypad {
        /// A phone that it serves.
        phone: PhoneName,
        /// What is wrong.
        source: PortError,
    },
    /// The PIN of a line can not be had.
    #[error("line {line}: {source}")]
    Pin {
        /// Its extension.
        line: String,
        /// What is wrong.
        source: PinError,
    },
    /// The password of a web interface can not be had.
    #[error("{of}: cannot read the password in {}: {source}; correct `password-file`", path.display())]
    Password {
        /// Whose: `keypad of p1`.
        of: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The interfaces can not be had.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A server can not be stopped.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A setting of the PBX can not be changed.
    #[error(transparent)]
    Pbx(#[from] PbxError),
    /// Phones' files can not be written.
    #[error(transparent)]
    PhoneFiles(#[from] PhoneFilesError),
    /// A call partner can not take part.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A further witness can not be heard.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The process can not listen for signals, so it could not be stopped without harm.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

impl DriverError {
    /// Whether somebody else holds what is needed (exit code 75); otherwise it is a fault of the rig (exit code 3).
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Console(ConsoleError::Port { source: PortError::Busy { .. }, .. })
                | Self::Keypad { source: PortError::Busy { .. }, .. }
        ) || matches!(self, Self::Network(error) if error.is_busy())
            || matches!(self, Self::Witness(WitnessError::Bind { source, .. }) if source.kind() == std::io::ErrorKind::AddrInUse)
    }
}
