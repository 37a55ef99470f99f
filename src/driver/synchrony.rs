//! Whether the rig's own clock is kept in step with others, as the kernel knows it. Nothing is set.

use std::time::Duration;

use nix::libc;

/// The bit of `status` that says that it is not (`STA_UNSYNC` of adjtimex(2)).
const UNSYNCHRONISED: libc::c_int = 0x40;
/// What the call returns where it is not (`TIME_ERROR`).
const ERROR: libc::c_int = 5;

/// What the kernel knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synchrony {
    /// Somebody keeps it in step.
    pub synchronized: bool,
    /// By how much it is off, as whoever does that estimates.
    pub estimated: Duration,
    /// By how much it may be off at most.
    pub most: Duration,
}

/// Asks the kernel; none: it does not tell.
pub fn ask() -> Option<Synchrony> {
    // SAFETY: all zeros are a valid `timex`: it holds numbers alone.
    let mut told: libc::timex = unsafe { std::mem::zeroed() };
    // `modes` is zero: nothing is set.
    // SAFETY: the pointer is to a `timex` of ours.
    let state = unsafe { libc::adjtimex(&raw mut told) };
    let microseconds = |count| Some(Duration::from_micros(u64::try_from(count).ok()?));
    (state >= 0).then_some(())?;
    Some(Synchrony {
        synchronized: state != ERROR && told.status & UNSYNCHRONISED == 0,
        estimated: microseconds(told.esterror)?,
        most: microseconds(told.maxerror)?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_tells_and_nothing_is_set() {
        let Some(told) = super::ask() else { return };
        assert!(!told.synchronized || told.most >= told.estimated, "{told:?}");
    }
}
