//! What is to be typed on a console, at the pace that the line and the phone can take.

use std::{collections::VecDeque, io, time::Duration};

use super::transport::Transport;
use crate::{driver::clock::RunClock, event::Stamp};

/// A port that takes no byte for this long will not take the rest either.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// A phone that is never silent is typed to after this time.
const QUIET_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes typed at once, so that a phone's own buffer is not overrun.
const BURST: usize = 8;

/// How fast a phone is typed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Bit rate of the line: the next bytes wait until it has carried those before (ten bits a byte).
    pub(super) baud: u32,
    /// Bytes are typed one at a time, each so long after the last.
    pub(super) byte_gap: Option<Duration>,
    /// A line is begun when the phone has been silent for so long.
    pub(super) quiet: Option<Duration>,
}

/// Bytes that are typed in one go.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Vec<u8>,
    written: usize,
    ordered: Stamp,
    /// All of it is a secret.
    hidden: bool,
}

/// What begins to be typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// Its bytes, line ending included.
    pub(super) bytes: Vec<u8>,
    /// All of it is a secret.
    pub(super) hidden: bool,
}

/// Pieces in the order in which they are typed.
#[derive(Debug)]
pub(super) struct Typing {
    pace: Pace,
    pieces: VecDeque<Piece>,
    /// Not before this time.
    next: Stamp,
    /// When a byte was last taken, or the first one began to wait.
    progress: Stamp,
}

impl Typing {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, pieces: VecDeque::new(), next: Stamp::ZERO, progress: Stamp::ZERO }
    }

    /// Puts bytes in line.
    pub(super) fn order(&mut self, bytes: Vec<u8>, hidden: bool, now: Stamp) {
        if bytes.is_empty() {
            return;
        }
        if self.pieces.is_empty() {
            self.progress = now;
        }
        self.pieces.push_back(Piece { bytes, written: 0, ordered: now, hidden });
    }

    /// Types the next few bytes when it is time for them; waits for ever if there are none. `heard`: when the phone last
    /// said something. Safe to cancel.
    pub(super) async fn write_some(&self, port: &Transport, clock: &RunClock, heard: Stamp) -> io::Result<usize> {
        let (Some(due), Some(piece)) = (self.due(heard), self.pieces.front()) else {
            return std::future::pending().await;
        };
        clock.wait(Some(due)).await;
        let rest = piece.bytes.get(piece.written..).unwrap_or_default();
        let burst = if self.pace.byte_gap.is_some() { 1 } else { BURST };
        port.write(rest.get(..burst.min(rest.len())).unwrap_or_default()).await
    }

    /// These bytes are on their way. What began with them is given out.
    pub(super) fn written(&mut self, count: usize, now: Stamp) -> Option<Begun> {
        let bits = 10_000_000_000 * count as u64;
        let carried = Duration::from_nanos(bits / u64::from(self.pace.baud.max(1)));
        self.next = now + self.pace.byte_gap.map_or(carried, |gap| gap.max(carried));
        self.progress = now;
        let piece = self.pieces.front_mut()?;
        let begun = (piece.written == 0).then(|| Begun { bytes: piece.bytes.clone(), hidden: piece.hidden });
        piece.written += count;
        if piece.written >= piece.bytes.len() {
            self.pieces.pop_front();
            // The next one has its own time to wait for silence.
            if let Some(next) = self.pieces.front_mut() {
                next.ordered = now;
            }
        }
        begun
    }

    /// Forgets what was not typed.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// When a port that takes nothing is given up. Waiting for silence is no fault of the port's.
    pub(super) fn gives_up(&self, heard: Stamp) -> Option<Stamp> {
        Some(self.progress.max(self.due(heard)?) + WRITE_PATIENCE)
    }

    fn due(&self, heard: Stamp) -> Option<Stamp> {
        let piece = self.pieces.front()?;
        let quiet = self.pace.quiet.filter(|_| piece.written == 0);
        Some(quiet.map_or(self.next, |quiet| self.next.max((heard + quiet).min(piece.ordered + QUIET_PATIENCE))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Stamp = Stamp::from_millis;

    fn typing(byte_gap: Option<u64>, quiet: Option<u64>) -> Typing {
        let millis = |it: Option<u64>| it.map(Duration::from_millis);
        Typing::new(Pace { baud: 10_000, byte_gap: millis(byte_gap), quiet: millis(quiet) })
    }

    #[test]
    fn bytes_follow_no_faster_than_the_line_or_the_model_allows() {
        for (gap, next) in [(None, 8), (Some(20), 20), (Some(2), 8)] {
            let mut typing = typing(gap, None);
            typing.order(b"0123456789".to_vec(), false, AT(0));
            assert_eq!(typing.written(8, AT(0)), Some(Begun { bytes: b"0123456789".to_vec(), hidden: false }));
            assert_eq!(typing.due(AT(0)), Some(AT(next)));
            assert_eq!(typing.written(2, AT(100)), None, "it began before");
            assert_eq!(typing.due(AT(0)), None);
        }
    }

    #[test]
    fn each_line_waits_for_silence_but_not_for_ever() {
        let mut typing = typing(None, Some(50));
        typing.order(b"a\r".to_vec(), false, AT(1000));
        typing.order(b"b\r".to_vec(), false, AT(1000));
        assert_eq!(typing.due(AT(990)), Some(AT(1040)));
        assert_eq!(typing.due(AT(60_000)), Some(AT(3000)), "the phone talks on and on");
        assert_eq!(typing.gives_up(AT(990)), Some(AT(3040)));
        typing.written(2, AT(1040));
        assert_eq!(typing.due(AT(1060)), Some(AT(1110)));
    }
}
