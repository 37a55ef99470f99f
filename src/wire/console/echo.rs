//! Tells lines that repeat what we typed from lines that the phone says of its own.

use std::{collections::VecDeque, time::Duration};

use crate::event::Stamp;

/// After this time nothing counts as an echo any more.
const WINDOW: Duration = Duration::from_millis(500);

/// Typed lines whose echo has not come.
#[derive(Debug, Clone, Default)]
pub(super) struct EchoQueue {
    typed: VecDeque<Typed>,
}

#[derive(Debug, Clone)]
struct Typed {
    text: String,
    /// What stood on the line when we began to type: the prompt.
    prompt: String,
    at: Stamp,
}

impl EchoQueue {
    /// Remembers that `text` was typed behind `prompt`.
    pub(super) fn typed(&mut self, text: &str, prompt: &str, at: Stamp) {
        let text = text.trim().to_owned();
        if !text.is_empty() {
            self.typed.push_back(Typed { text, prompt: prompt.to_owned(), at });
        }
    }

    /// Whether a line repeats what was typed, alone or behind the prompt that stood there. Nothing looser will do: an
    /// echo is hidden from judgement, and a phone's own line must not be.
    pub(super) fn claims(&mut self, line: &str, at: Stamp) -> bool {
        self.typed.retain(|typed| at.since(typed.at) <= WINDOW);
        let line = line.trim();
        let repeats = |typed: &Typed| match line.strip_suffix(typed.text.as_str()) {
            Some(before) => before.is_empty() || before.trim() == typed.prompt.trim(),
            None => false,
        };
        match self.typed.iter().position(repeats) {
            Some(index) => {
                // A phone echoes in order: what was typed before and did not come back will not come any more.
                self.typed.drain(..=index);
                true
            }
            None => false,
        }
    }
}
