//! What `siprig analyze --json` says of a capture, as far as registrars can tell the same.

use std::{net::IpAddr, path::Path, process::Command};

use serde::Deserialize;

/// The document, schema `siprig.analysis/1`.
#[derive(Debug, Deserialize)]
pub struct Analysis {
    /// When the first frame was seen, in milliseconds since 1970; all times count from it.
    epoch_ms: f64,
    pub unreadable: u64,
    pub phones: Vec<Line>,
}

#[derive(Debug, Deserialize)]
pub struct Line {
    /// None: its signalling is encrypted.
    pub aor: Option<String>,
    pub address: IpAddr,
    pub blind: bool,
    pub registrations: Vec<Registration>,
    pub measurements: Vec<Measurement>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Registration {
    pub server: IpAddr,
    pub role: Option<String>,
    pub contact: String,
    pub from_ms: f64,
    pub until_ms: Option<f64>,
    pub ended_by: String,
    pub expires_s: f64,
    pub refreshes: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Measurement {
    pub name: String,
    pub to_server: Option<String>,
    pub at_ms: Option<f64>,
    pub value: Option<f64>,
}

impl Line {
    /// The user part of its address of record.
    pub fn user(&self) -> &str {
        let aor = self.aor.as_deref().unwrap_or_default();
        aor.split_once('@').map_or(aor, |(user, _)| user)
    }
}

impl Analysis {
    pub fn of(capture: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        let output = command.arg("analyze").arg(capture).arg("--json").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {said}", capture.display());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// A time of the document in seconds since 1970.
    pub fn unix(&self, ms: f64) -> f64 {
        (self.epoch_ms + ms) / 1e3
    }

    /// The lines of a user: phones may write another domain at each server.
    pub fn lines<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Line> {
        self.phones.iter().filter(move |line| line.user() == user)
    }
}
