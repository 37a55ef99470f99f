//! The shape of a message: what its head is made of, whatever it says.
//!
//! rsip is given heads that are tidy and keeps every value as a text, so that all it has to say of one follows from its
//! kind and from the names of its headers. Messages of a shape are equal in these.

use std::collections::BTreeSet;

use super::{head::Field, name::Name, start::Start};

/// Shapes that are remembered. A bench has some dozens; whoever sends more is read with rsip each time.
const MOST_SHAPES: usize = 2048;

/// Longest shape that is remembered, in bytes.
const LONGEST_SHAPE: usize = 1024;

/// The shapes that were seen. Holds at most [`MOST_SHAPES`] times [`LONGEST_SHAPE`] bytes.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    // Of a few shapes the right one is found sooner than a hash that nobody can foresee is made.
    known: BTreeSet<Box<[u8]>>,
    /// The shape at hand.
    shape: Vec<u8>,
}

impl Shapes {
    /// Takes in hand what begins like this.
    pub fn begin(&mut self, start: &Start<'_>) {
        self.shape.clear();
        match start {
            Start::Request { method, .. } => self.push_text(u8::MAX, method),
            Start::Response { code, .. } => self.shape.extend(code.to_be_bytes()),
        }
    }

    /// Adds a header to the shape in hand: one that is read here by its number, others by their names; and whether it has
    /// a value.
    pub fn add(&mut self, field: &Field<'_>) {
        let number = 2 * field.name as u8 + u8::from(field.value.is_empty());
        match field.name {
            Name::Other => self.push_text(number, field.long_name),
            _ => self.shape.push(number),
        }
    }

    /// Whether the shape in hand was [kept](Self::keep) before.
    pub fn known(&self) -> bool {
        self.known.contains(&*self.shape)
    }

    /// Keeps the shape in hand.
    pub fn keep(&mut self) {
        if self.known.len() < MOST_SHAPES && self.shape.len() <= LONGEST_SHAPE {
            self.known.insert(self.shape.as_slice().into());
        }
    }

    fn push_text(&mut self, kind: u8, text: &str) {
        self.shape.push(kind);
        self.shape.extend_from_slice(text.as_bytes());
        // Ends the text: no name and no method holds it.
        self.shape.push(0);
    }
}
