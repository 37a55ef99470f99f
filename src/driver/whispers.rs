//! What operators press and type in confidence: records have a number in its place, and only whoever carries the order out is told.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many are kept; those that were refused are never asked for.
const MOST: usize = 64;

/// The secrets that were not used yet, by their numbers. Clones share them. Its `Debug` form says nothing of them.
#[derive(Clone, Default)]
pub struct Whispers(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    last: u32,
    secrets: BTreeMap<u32, String>,
}

impl fmt::Debug for Whispers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Whispers")
    }
}

impl Whispers {
    /// Keeps a secret. Returns what it is asked for by.
    pub fn tell(&self, secret: String) -> u32 {
        let mut told = self.lock();
        told.last += 1;
        let number = told.last;
        if told.secrets.len() == MOST {
            told.secrets.pop_first();
        }
        told.secrets.insert(number, secret);
        number
    }

    /// Gives a secret away, once.
    pub fn take(&self, number: u32) -> Option<String> {
        self.lock().secrets.remove(&number)
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_away_once_and_the_oldest_are_forgotten() {
        let whispers = Whispers::default();
        let first = whispers.tell("4".to_owned());
        let second = whispers.clone().tell("7".to_owned());
        assert_eq!((whispers.take(second), whispers.take(second)), (Some("7".to_owned()), None));
        for _ in 0..MOST {
            whispers.tell("1".to_owned());
        }
        assert_eq!(whispers.take(first), None);
        assert_eq!(format!("{whispers:?}"), "Whispers");
    }
}
