//! The shape of a message: what its head is made of, whatever it says.
//!
//! rsip is given heads that are tidy and keeps every value as a text, so that all it has to say of one follows from its
//! kind and from the names of its headers. Messages of a shape are equal in these.

use std::collections::HashSet;

use super::{
    head::{Field, Head},
    name::Name,
    start::Start,
};

/// Shapes that are remembered. A bench has some dozens; whoever sends more is read with rsip each time.
const MOST_SHAPES: usize = 2048;

/// Longest shape that is remembered, in bytes.
const LONGEST_SHAPE: usize = 1024;

/// The shapes that were seen. Holds at most [`MOST_SHAPES`] times [`LONGEST_SHAPE`] bytes.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    known: HashSet<Box<[u8]>>,
    /// The shape at hand.
    shape: Vec<u8>,
}

impl Shapes {
    /// Takes a head in hand; true if one of its shape was [kept](Self::keep).
    pub fn knows(&mut self, start: &Start<'_>, head: &Head<'_>) -> bool {
        self.shape.clear();
        match start {
            Start::Request { method, .. } => self.push_text(0, method),
            Start::Response { code, .. } => {
                self.shape.push(1);
                self.shape.extend(code.to_be_bytes());
            }
        }
        for field in &head.fields {
            self.push_field(field);
        }
        self.known.contains(&*self.shape)
    }

    /// Keeps the shape that was taken in hand last.
    pub fn keep(&mut self) {
        if self.known.len() < MOST_SHAPES && self.shape.len() <= LONGEST_SHAPE {
            self.known.insert(self.shape.as_slice().into());
        }
    }

    /// Names that are read here by their number, others as written; and whether there is a value.
    fn push_field(&mut self, field: &Field<'_>) {
        let empty = u8::from(field.value.is_empty());
        match field.name {
            Name::Other => self.push_text(2 + empty, field.long_name),
            name => self.shape.extend([4 + empty, name as u8]),
        }
    }

    fn push_text(&mut self, kind: u8, text: &str) {
        self.shape.push(kind);
        self.shape.extend(text.as_bytes());
        // Ends the text: no name and no method holds it.
        self.shape.push(0);
    }
}
