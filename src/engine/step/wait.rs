//! Lets time pass.

use crate::{engine::subjects::Subjects, event::Stamp};

/// The step.
#[derive(Debug)]
pub struct Waiting {
    /// Its end.
    pub until: Stamp,
}

impl Waiting {
    /// Ends when its time is over.
    pub fn advance(&self, now: Stamp, subjects: &mut Subjects) {
        if now >= self.until {
            for phone in subjects.phones_running() {
                subjects.finish_step(&phone, "the pause is over", &[]);
            }
        }
    }
}
