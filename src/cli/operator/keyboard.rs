//! The keyboard: of those who want to lay hands on phones, one at a time has it, until he gives it back, is gone, or another takes it
//! over. Who has it is on record, so that everybody sees it.

use std::{
    os::{fd::AsRawFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};

use nix::sys::socket::{MsgFlags, send};

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
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(other) if other.seat != seat => Err(other.holder.clone()),
            Some(_) => Ok(()),
            None => {
                self.hand_to(&mut held, seat, by, voice);
                Ok(())
            }
        }
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
    pub(super) fn take_over(&self, seat: u64, by: &str, voice: &UnixStream) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.seat == seat) {
            return;
        }
        let before = held.take();
        let holder = self.hand_to(&mut held, seat, by, voice);
        drop(held);
        if let Some(voice) = before.and_then(|before| before.voice) {
            let told = Answered { heard: false, held_by: Some(holder), taken_over: true, pulse: None };
            let mut line = serde_json::to_vec(&told).unwrap_or_default();
            line.push(b'\n');
            // One who does not listen holds up nobody: he is told when he presses the next key.
            let _ = send(voice.as_raw_fd(), &line, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
        }
    }

    /// Records are in the order in which it changes hands, since that is told before anybody else can take it.
    fn hand_to(&self, held: &mut Option<Held>, seat: u64, by: &str, voice: &UnixStream) -> Holder {
        let holder = Holder { by: by.to_owned(), since: self.operator.now() };
        *held = Some(Held { seat, holder: holder.clone(), voice: voice.try_clone().ok() });
        self.operator.has_keyboard(Some(by));
        holder
    }

    /// Gives it back, if that seat has it.
    pub(super) fn give(&self, seat: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.take_if(|held| held.seat == seat).is_some() {
            self.operator.has_keyboard(None);
        }
    }
}
