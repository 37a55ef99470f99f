//! The host's end of KP1: stop-and-wait with resends, without I/O and without a clock of its own.

use std::{collections::VecDeque, time::Duration};

use super::{BoardFrame, Event, HostFrame, MAX_LINE, Refusal, Verb};
use crate::event::Stamp;

/// How long after a frame has left the host waits for its answer.
const ANSWER_TIME: Duration = Duration::from_millis(25);

/// Time of one byte at 115 200 bit/s, 8N1: a frame leaves the port no faster than this.
const BYTE_TIME: Duration = Duration::from_nanos(86_806);

/// How often a frame is sent before the board counts as gone. With 5 faults per 1000 bytes both ways about one in three
/// frames of 40 bytes is lost; twelve losses in a row then happen once in 500 000 frames.
const MAX_TRIES: u32 = 12;

/// Frames that may wait for their turn; below 256, so that their sequence numbers stay distinct.
const QUEUE_LIMIT: usize = 64;

/// One frame is under way at a time; the others wait in order.
///
/// Call [`Host::send`]; then, whenever something happened: write what [`Host::poll_transmit`] gives, call
/// [`Host::handle_line`] for each line that comes in, and [`Host::handle_deadline`] when the time of
/// [`Host::poll_deadline`] has come.
#[derive(Debug)]
pub struct Host {
    next_seq: u8,
    queue: VecDeque<HostFrame>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    seq: u8,
    line: String,
    tries: u32,
    /// None: it waits to be written.
    answer_due: Option<Stamp>,
}

/// What became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// The board answered the frame of that number.
    Answered {
        /// As [`Host::send`] returned it.
        seq: u8,
        /// Its text, or why not.
        result: Result<String, Refusal>,
        /// How often the frame was sent.
        tries: u32,
    },
    /// The board never answered the frame of that number; later ones are still tried.
    GaveUp {
        /// As [`Host::send`] returned it.
        seq: u8,
        /// How often the frame was sent.
        tries: u32,
    },
    /// The board reports something by itself.
    Reported {
        /// Its clock, in milliseconds.
        ms: u32,
        /// What happened.
        event: Event,
    },
}

/// Why a frame is not even queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Too many wait already.
    #[error("{QUEUE_LIMIT} orders to the keypad board are waiting already; let it answer first")]
    Full,
    /// The line would be longer than a board reads.
    #[error("the order to the keypad board is longer than {MAX_LINE} bytes; split the key sequence")]
    Long,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host that has not spoken yet. The first order after each opening of the port must be [`Verb::Hello`].
    pub fn new() -> Self {
        Self { next_seq: 0, queue: VecDeque::new(), under_way: None }
    }

    /// Queues an order for a unit (from 1). Returns its sequence number, which comes back with the answer.
    ///
    /// # Errors
    /// If too much is waiting, or the order is too long.
    pub fn send(&mut self, unit: u8, verb: Verb) -> Result<u8, HostError> {
        if self.queue.len() >= QUEUE_LIMIT {
            return Err(HostError::Full);
        }
        let seq = self.next_seq;
        let frame = HostFrame { seq, unit, verb };
        if frame.line().len() > MAX_LINE {
            return Err(HostError::Long);
        }
        self.next_seq = seq.wrapping_add(1);
        self.queue.push_back(frame);
        Ok(seq)
    }

    /// Forgets everything that waits or is under way: the port was closed. Sequence numbers go on, so that a late answer
    /// meets nobody.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.under_way = None;
    }

    /// Forgets what waits for its turn; what is under way is still answered or given up.
    pub fn drop_waiting(&mut self) {
        self.queue.clear();
    }

    /// True if nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_none()
    }

    /// Bytes to write now, if there are any.
    pub fn poll_transmit(&mut self, now: Stamp) -> Option<Vec<u8>> {
        if self.under_way.is_none() {
            let frame = self.queue.pop_front()?;
            self.under_way = Some(UnderWay { seq: frame.seq, line: frame.line(), tries: 0, answer_due: None });
        }
        let current = self.under_way.as_mut().filter(|current| current.answer_due.is_none())?;
        let mut bytes = Vec::with_capacity(current.line.len() + 1);
        // What noise left in the board's buffer must not become the beginning of this frame.
        bytes.push(b'\n');
        bytes.extend_from_slice(current.line.as_bytes());
        current.tries += 1;
        let on_the_line = BYTE_TIME * u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        current.answer_due = Some(now + on_the_line + ANSWER_TIME);
        Some(bytes)
    }

    /// When to call [`Host::handle_deadline`].
    pub fn poll_deadline(&self) -> Option<Stamp> {
        self.under_way.as_ref()?.answer_due
    }

    /// The time of [`Host::poll_deadline`] has come: the frame is sent again, or given up. Does nothing before.
    pub fn handle_deadline(&mut self, now: Stamp) -> Option<HostEvent> {
        let current = self.under_way.as_mut()?;
        if current.answer_due.is_none_or(|due| now < due) {
            return None;
        }
        if current.tries < MAX_TRIES {
            current.answer_due = None;
            return None;
        }
        let gave_up = HostEvent::GaveUp { seq: current.seq, tries: current.tries };
        self.under_way = None;
        Some(gave_up)
    }

    /// A line came in, with or without its line ending. Bad frames, and answers that nobody waits for, pass in silence.
    pub fn handle_line(&mut self, line: &[u8]) -> Option<HostEvent> {
        match BoardFrame::parse(line).ok()? {
            BoardFrame::Event { ms, event } => Some(HostEvent::Reported { ms, event }),
            BoardFrame::Reply { seq, result } => {
                let current = self.under_way.take_if(|current| current.seq == seq && current.tries > 0)?;
                Some(HostEvent::Answered { seq, result, tries: current.tries })
            }
        }
    }
}
