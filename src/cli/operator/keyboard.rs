//! The keyboard: of those who want to lay hands on phones, one at a time has it, until he gives it back, is gone, or another takes it
//! over. Who has it is on record, so that everybody sees it.

use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Answered, Holder};
use crate::session::Operator;

/// The keyboard of a run.
#[derive(Debug, Clone)]
pub(super) struct Keyboard {
    held: Arc<Mutex<Option<Held>>>,
    operator: Operator,
}

#[derive(Debug)]
struct Held {
    /// The number of the connection that has it.
    seat: u64,
    holder: Holder,
    /// Where he is told that he has it no more.
    voice: Option<UnixStream>,
}

impl Keyboard {
    /// Nobody has it.
    pub(super) fn new(operator: Operator) -> Self {
        Self { held: Arc::default(), operator }
    }

    /// Takes it, if nobody else has it.
    ///
    /// # Errors
    /// Who has it.
    pub(super) fn take(&self, seat: u64, by: &str, voice: &UnixStream) -> Result<(), Holder> {
        self.free_for(seat)?;
        self.have(seat, by, voice);
        Ok(())
    }

    /// Whether nobody else has it.
    ///
    /// # Errors
    /// Who has it.
    pub(super) fn free_for(&self, seat: u64) -> Result<(), Holder> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| held.seat != seat).map_or(Ok(()), |held| Err(held.holder.clone()))
    }

    /// Takes it, from whoever has it, who is told.
    pub(super) fn have(&self, seat: u64, by: &str, voice: &UnixStream) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.seat == seat) {
            return;
        }
        let holder = Holder { by: by.to_owned(), since: self.operator.now() };
        let before = held.replace(Held { seat, holder: holder.clone(), voice: voice.try_clone().ok() });
        drop(held);
        self.operator.has_keyboard(Some(by));
        if let Some(mut voice) = before.and_then(|before| before.voice) {
            let told = Answered { heard: false, held_by: Some(holder), pulse: None };
            let mut line = serde_json::to_vec(&told).unwrap_or_default();
            line.push(b'\n');
            // One who does not listen is told when he presses the next key.
            let _ = voice.write_all(&line);
        }
    }

    /// Gives it back, if that seat has it.
    pub(super) fn give(&self, seat: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.take_if(|held| held.seat == seat).is_some() {
            drop(held);
            self.operator.has_keyboard(None);
        }
    }
}
