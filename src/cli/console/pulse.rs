//! Asks a run whether it is alive. One that hangs leaves its journal as it is, and so does one in which nothing happens.

use std::time::Duration;

use tokio::net::UnixStream;

use crate::{
    cli::operator::{Answered, Said, Wished},
    event::Stamp,
    tui::console::{Console, Pulse},
};

/// How often it is asked.
const ASK: Duration = Duration::from_millis(500);

/// A connection to the run for nothing else, so that one that does not know the question does not hang up on its operator.
pub(super) struct Asking {
    ear: Option<UnixStream>,
    /// When it was asked last; none: never yet.
    asked: Option<Stamp>,
    /// It has not answered since.
    waits: bool,
    /// It has answered once.
    answers: bool,
    heard: Vec<u8>,
}

impl Asking {
    /// Over that connection, if there is one.
    pub(super) const fn over(ear: Option<UnixStream>) -> Self {
        Self { ear, asked: None, waits: false, answers: false, heard: Vec::new() }
    }

    /// Asks if it is time, and tells what was answered. `now` is the time of the run.
    pub(super) fn ask(&mut self, now: Stamp, console: &mut Console) {
        let Some(ear) = &self.ear else { return };
        let mut answer = [0; 512];
        match ear.try_read(&mut answer) {
            Ok(0) => {
                // Of another version, or gone: that is told by others.
                if !self.answers {
                    console.pulse = None;
                }
                self.ear = None;
                return;
            }
            Ok(count) => self.heard.extend_from_slice(answer.get(..count).unwrap_or_default()),
            Err(_) => {}
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            if let Ok(Answered { pulse: Some(pulse), .. }) = serde_json::from_slice(&line) {
                (self.answers, self.waits) = (true, false);
                let ago = |ms: u64| Stamp(now.0.saturating_sub(ms.saturating_mul(1_000_000)));
                console.pulse = Some(Pulse { run: ago(pulse.round_ms), tap: pulse.tap_ms.map(ago) });
            }
        }
        if !self.waits && self.asked.is_none_or(|asked| now.since(asked) >= ASK) {
            // Until it has said something, it was alive when it let us in.
            console.pulse.get_or_insert(Pulse { run: now, tap: None });
            let said = Said { by: String::new(), wish: Wished::Pulse };
            let line = serde_json::to_string(&said).unwrap_or_default() + "\n";
            if ear.try_write(line.as_bytes()).is_ok() {
                (self.asked, self.waits) = (Some(now), true);
            }
        }
    }
}
