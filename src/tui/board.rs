//! What the live display knows: the present state of every line, folded from records.

use crate::event::Record;

/// The state that is drawn.
#[derive(Debug, Clone, Default)]
pub struct Board {}

impl Board {
    /// Takes one more record.
    pub fn apply(&mut self, record: &Record) {
        let _ = record;
    }
}
