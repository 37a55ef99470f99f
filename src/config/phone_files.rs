//! Where the phones' own files are: what they are meant to be, and where a server serves them from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The two folders. Their files are called as phones ask for them: `aastra.cfg`, `<model>.cfg`, `<MAC>.cfg`
/// ([`Naming`](super::provisioning::Naming)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneFiles {
    /// The base set: what the files are meant to be.
    pub base: PathBuf,
    /// Where the phones' server serves them from.
    pub folder: PathBuf,
}
