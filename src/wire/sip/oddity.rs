//! What is odd about a message and does not prevent reading it.

/// Findings, each named once, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddities(Vec<&'static str>);

impl Oddities {
    /// Adds a finding.
    pub(super) fn note(&mut self, what: &'static str) {
        if !self.0.contains(&what) {
            self.0.push(what);
        }
    }

    /// Adds a finding if there is one.
    pub(super) fn note_if(&mut self, odd: bool, what: &'static str) {
        if odd {
            self.note(what);
        }
    }

    /// Each finding.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
