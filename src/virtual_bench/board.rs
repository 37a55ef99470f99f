//! A simulated keypad board: speaks KP1 on a serial line and closes contacts of key matrices. Sans-IO.
//!
//! Not here: the protocol's syntax (`wire::kp1`), what a key does (`phone`).

use std::{collections::VecDeque, time::Duration};

/// What happens to a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardInput {
    /// Bytes arrived on the serial line.
    Bytes(Vec<u8>),
    /// The time asked for by [`Board::poll_deadline`] has come.
    Timeout,
}

/// What a board does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardOutput {
    /// It writes to the serial line.
    Bytes(Vec<u8>),
    /// It closes a contact.
    KeyDown {
        /// Which phone, from 1.
        unit: u8,
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
    /// It opens a contact.
    KeyUp {
        /// Which phone, from 1.
        unit: u8,
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
}

/// A simulated board.
#[derive(Debug)]
pub struct Board {
    units: u8,
    outputs: VecDeque<BoardOutput>,
}

impl Board {
    /// A board for this many phones, at least one; every matrix has 8 rows and 8 columns.
    pub fn new(units: u8) -> Self {
        Self { units: units.max(1), outputs: VecDeque::new() }
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: BoardInput) {
        let _ = (now, input, self.units);
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<BoardOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`BoardInput::Timeout`].
    pub fn poll_deadline(&self) -> Option<Duration> {
        None
    }
}
