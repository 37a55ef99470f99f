//! Waiting for what a phone says: each waiter hears everything from the moment it was made, whatever others wait for.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use regex::RegexSet;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    driver::clock::RunClock,
    event::Stamp,
    wire::console::{CompiledDialect, ConsoleFact, Line},
};

/// How many lines of an error say what the phone said instead.
const LAST_LINES: usize = 5;

/// What those hear who listen to a console beside the run.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Bytes came, digits of PINs masked.
    Came(Stamp, Arc<[u8]>),
    /// Bytes were typed; none: they are secret.
    Typed(Stamp, Option<Arc<[u8]>>),
    /// A line is complete, or a prompt has settled.
    Line(Arc<Line>),
    /// The port was opened.
    Opened(Stamp),
    /// The port was lost.
    Lost(Stamp),
}

/// Waits for lines of one console. What comes between two waits is not lost, and no other waiter takes it away.
#[derive(Debug)]
pub struct Waiter {
    feed: broadcast::Receiver<Heard>,
    clock: RunClock,
    /// What ends every wait.
    fatal: Option<Arc<CompiledDialect>>,
    last: VecDeque<String>,
}

/// A line that was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Which pattern it matches, the first if it matches several.
    pub pattern: usize,
    /// The line.
    pub line: Line,
}

/// Why a wait came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// It did not come in time.
    #[error("the console did not say it within {within:?}; {}", told(last))]
    Late {
        /// How long it was waited for.
        within: Duration,
        /// What the phone said last.
        last: Vec<String>,
    },
    /// The phone crashed or rebooted.
    #[error("the phone crashed or rebooted: `{line}`")]
    Fatal {
        /// The line that says so.
        line: String,
    },
    /// The port was lost.
    #[error("the console's port was lost; {}", told(last))]
    Lost {
        /// What the phone said last.
        last: Vec<String>,
    },
    /// The waiter slept while so much was said that some of it can not be kept.
    #[error("{count} pieces of what the console said were missed")]
    Missed {
        /// How many.
        count: u64,
    },
}

fn told(last: &[String]) -> String {
    match last {
        [] => "it said nothing".to_owned(),
        lines => format!("it said last: `{}`", lines.join("` `")),
    }
}

impl Waiter {
    /// Hears what comes on `feed`. With a dialect, a line that tells of a crash ends every wait.
    pub(super) fn new(feed: broadcast::Receiver<Heard>, clock: RunClock, fatal: Option<Arc<CompiledDialect>>) -> Self {
        Self { feed, clock, fatal, last: VecDeque::new() }
    }

    /// Waits for a line, or a prompt, that matches one of the patterns. Lines before it are passed over, echoes are not
    /// looked at.
    ///
    /// # Errors
    /// If none comes within that time, or it can not come any more.
    pub async fn expect(&mut self, patterns: &RegexSet, within: Duration) -> Result<Match, WaitError> {
        let until = self.clock.now() + within;
        loop {
            let heard = tokio::select! {
                biased;
                heard = self.feed.recv() => heard,
                () = self.clock.wait(Some(until)) => return Err(WaitError::Late { within, last: self.last() }),
            };
            match heard {
                Ok(Heard::Line(line)) if !line.echo => {
                    if let Some(fatal) = &self.fatal
                        && let Some(ConsoleFact::Fatal { .. }) = fatal.meaning(&line.text)
                    {
                        return Err(WaitError::Fatal { line: line.text.clone() });
                    }
                    self.remember(&line.text);
                    if let Some(pattern) = patterns.matches(&line.text).into_iter().next() {
                        return Ok(Match { pattern, line: (*line).clone() });
                    }
                }
                Ok(Heard::Lost(_)) | Err(RecvError::Closed) => return Err(WaitError::Lost { last: self.last() }),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => return Err(WaitError::Missed { count }),
            }
            // A phone that never stops talking is no reason to wait for ever.
            if self.clock.now() >= until {
                return Err(WaitError::Late { within, last: self.last() });
            }
        }
    }

    /// Waits until the phone has said nothing for `quiet`.
    ///
    /// # Errors
    /// If it talks on until the time is over, or the port is lost.
    pub async fn settle(&mut self, quiet: Duration, within: Duration) -> Result<(), WaitError> {
        let until = self.clock.now() + within;
        loop {
            let silent = self.clock.now() + quiet;
            tokio::select! {
                biased;
                heard = self.feed.recv() => match heard {
                    Ok(Heard::Lost(_)) | Err(RecvError::Closed) => return Err(WaitError::Lost { last: self.last() }),
                    Ok(Heard::Line(line)) if !line.echo => self.remember(&line.text),
                    // What was missed was not silence.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                },
                () = self.clock.wait(Some(silent)) => return Ok(()),
            }
            if self.clock.now() >= until {
                return Err(WaitError::Late { within, last: self.last() });
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(text.to_owned());
    }

    fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}
