//! Draws a [`Board`]: a pure function from state and time to cells.

use ratatui::{buffer::Buffer, layout::Rect};

use super::board::Board;
use crate::{event::Stamp, look::Look};

/// Draws the board as of `now` into `area`.
pub fn draw(_board: &Board, _now: Stamp, _look: Look, _area: Rect, _buffer: &mut Buffer) {}
