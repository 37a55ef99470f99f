//! The helper's clocks: the wall clock, which the kernel stamps frames with, and the monotonic one, for leases and limits.

use std::{io, time::Duration};

use nix::time::{ClockId, clock_gettime};

/// Does it and says when: the middle of the time it took on the wall clock, and half of it.
pub fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<(i64, u64)> {
    let before = wall_ns();
    work()?;
    let half = (wall_ns() - before).max(0) / 2;
    Ok((before + half, half.unsigned_abs() + 1))
}

/// The wall clock, in nanoseconds since the Unix epoch.
pub fn wall_ns() -> i64 {
    nanos(read_clock(ClockId::CLOCK_REALTIME))
}

/// The monotonic clock.
pub fn monotonic() -> Duration {
    read_clock(ClockId::CLOCK_MONOTONIC)
}

fn read_clock(clock: ClockId) -> Duration {
    // Neither clock can fail on Linux: both ids are always valid (clock_gettime(2)).
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// A span in nanoseconds.
pub fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
