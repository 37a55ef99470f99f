//! A simulated phone as a process: sockets on its address, its console and its keypad board on PTYs.
//!
//! It expects to be in the right network namespace already.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

use super::PhoneSpec;

/// What a phone process is started with: JSON in a file that only its owner may read, as it holds passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhoneProcess {
    /// The phone.
    pub phone: PhoneSpec,
    /// Its interface, whose carrier is its link; none: it has a link at once.
    #[serde(default)]
    pub interface: Option<String>,
    /// Where the symbolic link to its console's PTY goes.
    pub console: PathBuf,
    /// Where the symbolic link to its keypad board's PTY goes.
    pub keypad: PathBuf,
}

/// Runs the phone until it is killed.
pub fn main(spec_path: &Path) -> ExitCode {
    let _ = spec_path;
    ExitCode::from(1)
}
