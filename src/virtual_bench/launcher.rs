//! Runs a command inside a virtual bench of its own.

use std::ffi::OsString;

use super::Description;

/// Why no virtual bench came about.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The kernel lets this user make no namespaces.
    #[error("this kernel lets you make no {what}: {cause}; run it as root: `{as_root}`")]
    Forbidden {
        /// Which kind of namespace or mount.
        what: String,
        /// What the kernel said.
        cause: std::io::Error,
        /// The command to run instead.
        as_root: String,
    },
    /// The bench did not come up.
    #[error("the virtual bench did not come up: {0}")]
    Failed(String),
}

impl LaunchError {
    /// The exit code: 3, a fault of the rig.
    pub fn exit_code(&self) -> u8 {
        3
    }
}

/// Brings the bench up, runs `siprig INNER… --bench FILE` in it, and returns that command's exit code (128 + n if a
/// signal ended it). A `--bench` among `inner` is replaced; arguments after `--` stay behind it.
///
/// To be called before any thread exists, because a process with threads can't enter a user namespace. Standard
/// streams, the working directory and the terminal are the command's own.
///
/// # Errors
/// If the kernel forbids it, or if the bench does not come up.
pub fn launch(description: &Description, inner: &[OsString]) -> Result<u8, LaunchError> {
    let _ = (description, inner);
    Err(LaunchError::Failed("it is not built yet".to_owned()))
}

/// Brings the bench up alone, prints its bench file and the command that enters it, and waits for a signal.
///
/// # Errors
/// As [`launch`].
pub fn standalone(description: &Description) -> Result<u8, LaunchError> {
    let _ = description;
    Err(LaunchError::Failed("it is not built yet".to_owned()))
}
