//! The key matrix: contacts that bounce, become keys.

use std::{collections::BTreeMap, time::Duration};

use crate::event::KeyName;

/// Edges of a contact that follow its last one this closely are bounces.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// How often a key repeats that is stuck.
const STUCK: Duration = Duration::from_millis(500);

/// The matrix.
#[derive(Debug, Default)]
pub struct Keypad {
    /// When each contact was last seen to move.
    edges: BTreeMap<(u8, u8), Duration>,
    /// A key that is stuck, and when it repeats.
    stuck: Option<(String, Duration)>,
}

impl Keypad {
    /// The key behind a contact that moved; none if it bounced, or nothing is behind it.
    pub fn moved(&mut self, now: Duration, (row, col): (u8, u8), keys: &BTreeMap<KeyName, String>) -> Option<String> {
        let place = format!("{row}.{col}");
        let (name, _) = keys.iter().find(|(_, at)| **at == place)?;
        if self.edges.get(&(row, col)).is_some_and(|edge| now.saturating_sub(*edge) < DEBOUNCE) {
            return None;
        }
        self.edges.insert((row, col), now);
        Some(name.0.clone())
    }

    /// A key got stuck; another one frees it.
    pub fn stick(&mut self, key: &str, now: Duration) {
        self.stuck = Some((key.to_owned(), now + STUCK));
    }

    /// When a stuck key repeats.
    pub fn next_due(&self) -> Option<Duration> {
        self.stuck.as_ref().map(|(_, at)| *at)
    }

    /// The stuck key, if it is time that it repeats.
    pub fn run(&mut self, now: Duration) -> Option<String> {
        let (key, at) = self.stuck.as_mut().filter(|(_, at)| *at <= now)?;
        *at = now + STUCK;
        Some(key.clone())
    }
}
