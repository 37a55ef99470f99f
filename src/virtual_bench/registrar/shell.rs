//! A simulated registrar as a process: UDP and TCP sockets on its address.

use std::{path::Path, process::ExitCode};

/// Runs the registrar until it is killed. The file holds a [`RegistrarSpec`](super::RegistrarSpec) as JSON.
pub fn main(spec_path: &Path) -> ExitCode {
    let _ = spec_path;
    ExitCode::from(1)
}
