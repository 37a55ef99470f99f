//! The controller's end of the bridge: starts the helper process, gives it orders, and turns what it ships into records.
//!
//! Not here: anything that touches an interface ([`bridge`](crate::bridge) does), and what a SIP message means.

use std::path::Path;

use tokio::sync::mpsc;

use super::{Report, clock::RunClock};
use crate::{
    config::{Network, Plan},
    event::{OutageId, OutageSpec, PhoneName, ServerName},
};

/// Why the network can not be worked with. Every one of them is a fault of the rig (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The bench names no interfaces.
    #[error("the bench has no [network] section; name its `phone-side` and `server-side` interfaces")]
    NoNetwork,
    /// An interface is not there.
    #[error("there is no interface `{interface}`; {remedy}")]
    MissingInterface {
        /// Its name.
        interface: String,
        /// What to do about it.
        remedy: String,
    },
    /// The kernel does not let us.
    #[error("no permission to {operation}; {remedy}")]
    Permission {
        /// What was tried.
        operation: String,
        /// What to do about it.
        remedy: String,
    },
    /// An interface, or the kernel, does not fit.
    #[error("can not {operation}: {reason}; {remedy}")]
    Unfit {
        /// What was tried.
        operation: String,
        /// What is wrong.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The helper process is gone or speaks nonsense.
    #[error("the bridge helper {0}; the kernel forwards everything again")]
    Helper(String),
    /// The capture can not be written.
    #[error("can not write {file}: {source}; make room or choose another --report-dir")]
    Capture {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The bridge between the two interfaces of a bench, while a run lasts.
#[derive(Debug)]
pub struct NetworkDriver {
    _private: (),
}

impl NetworkDriver {
    /// Joins the two interfaces of the plan's bench and watches them; `capture.pcapng` is written in `run_dir`.
    /// [`BridgeReady`](crate::event::Observed::BridgeReady) is among the reports when this returns.
    ///
    /// # Errors
    /// If an interface is missing or unfit, the kernel forbids it, or the capture can not be created.
    pub async fn start(
        plan: &Plan,
        _clock: &RunClock,
        _run_dir: &Path,
        _reports: mpsc::Sender<Report>,
    ) -> Result<Self, NetworkError> {
        if plan.bench.network.is_none() {
            return Err(NetworkError::NoNetwork);
        }
        Err(NetworkError::Helper("is not built yet".to_owned()))
    }

    /// Orders an outage. [`OutageBegan`](crate::event::Observed::OutageBegan) reports when it took force.
    ///
    /// # Errors
    /// If the helper is gone, or the outage names a phone or server that the bench does not have.
    pub fn begin_outage(&mut self, _outage: OutageId, _spec: &OutageSpec) -> Result<(), NetworkError> {
        Err(NetworkError::Helper("is not built yet".to_owned()))
    }

    /// Orders the end of an outage. [`OutageEnded`](crate::event::Observed::OutageEnded) reports when it ended.
    ///
    /// # Errors
    /// If the helper is gone.
    pub fn end_outage(&mut self, _outage: OutageId) -> Result<(), NetworkError> {
        Err(NetworkError::Helper("is not built yet".to_owned()))
    }

    /// Sends a canary through every path of `phones` × `server`, both ways. Each comes back as
    /// [`Canary`](crate::event::Observed::Canary).
    ///
    /// # Errors
    /// If the helper is gone, or a phone or the server is not in the bench.
    pub fn send_canaries(
        &mut self,
        _outage: Option<OutageId>,
        _server: &ServerName,
        _phones: &[PhoneName],
    ) -> Result<(), NetworkError> {
        Err(NetworkError::Helper("is not built yet".to_owned()))
    }

    /// Lifts every outage, waits for the helper's end and finishes the capture. The bridge itself stays.
    ///
    /// # Errors
    /// If the capture can not be finished.
    pub async fn close(self) -> Result<(), NetworkError> {
        Ok(())
    }
}

/// One thing that was looked at before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// It is as it must be.
    pub ok: bool,
    /// What was looked at, and what was found.
    pub what: String,
    /// What to do about it; none if it is in order.
    pub remedy: Option<String>,
}

/// Looks at everything the bridge needs, without changing anything.
pub fn preflight(_network: &Network) -> Vec<Finding> {
    vec![Finding {
        ok: false,
        what: "the network was not looked at".to_owned(),
        remedy: Some("use a build that can".to_owned()),
    }]
}
