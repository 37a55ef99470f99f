//! Operators of a run that goes on: a socket in its directory, at which other processes of the same user say what they wish, a line
//! each. What they wish becomes a record like any other.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::PathBuf,
    thread,
};

use nix::{sys::socket::sockopt::PeerCredentials, unistd::geteuid};
use serde::{Deserialize, Serialize};

use crate::{journal::RunDir, look::harmless, session::Operator};

/// The longest line that is heard.
const LONGEST: u64 = 1024;

/// What an operator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who says it.
    pub by: String,
    /// What is wished.
    pub wish: Wished,
}

/// What an operator may wish of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wished {
    /// That it ends in good order; said again, at once.
    Stop,
    /// That every phone has its network back, at once.
    Restore,
}

/// The socket, which goes when this is dropped.
#[derive(Debug)]
pub struct Ear {
    path: PathBuf,
}

/// Begins to listen for operators of that run.
///
/// # Errors
/// If there can be no socket.
pub fn listen(run_dir: &RunDir, operator: Operator) -> io::Result<Ear> {
    let path = run_dir.operator_socket();
    // A path of more than a hundred bytes is too long for a socket's name (unix(7)); the same place is reached by less.
    let folder = File::open(run_dir.path())?;
    let name = path.file_name().unwrap_or_default();
    let listener = UnixListener::bind(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    thread::Builder::new().name("operators".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let peer = nix::sys::socket::getsockopt(&stream, PeerCredentials);
            if !peer.is_ok_and(|peer| peer.uid() == geteuid().as_raw() || peer.uid() == 0) {
                continue;
            }
            let operator = operator.clone();
            // One who can not be heard for want of threads will try again.
            let _ = thread::Builder::new().name("operator".to_owned()).spawn(move || hear(stream, &operator));
        }
    })?;
    Ok(Ear { path })
}

fn hear(stream: impl io::Read + Write, operator: &Operator) {
    let mut input = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut input, LONGEST).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return;
        }
        // Whoever speaks otherwise is no operator.
        let Ok(said) = serde_json::from_slice::<Said>(&line) else { return };
        let by = harmless(&said.by);
        match said.wish {
            Wished::Stop => operator.stop(&by),
            Wished::Restore => operator.restore(&by),
        }
        if input.get_mut().write_all(b"{\"heard\":true}\n").is_err() {
            return;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
