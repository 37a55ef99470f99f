//! Signals of a night outside of its runs, in which they are heard.

use nix::sys::signal::{SigHandler, Signal, signal};

use crate::cli::{error::UserError, state};

/// Where a night is may be asked before its first run and after its last, and must not end it.
///
/// # Errors
/// If that can not be set.
pub(super) fn keep_questions_from_killing() -> Result<(), UserError> {
    // SAFETY: it is a disposition, and no handler that could run.
    unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) }
        .map(drop)
        .map_err(|error| state::unexpected("set what signals do", &error.into()))
}

/// What ends a night does so at once, now that those who heard of it are gone.
pub(super) fn let_them_end_it() {
    for it in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: as above. One that can not be set is not one of these.
        let _ = unsafe { signal(it, SigHandler::SigDfl) };
    }
}
