//! Which lines and events are shown.

use super::super::{
    board::{LineState, Place},
    narrator::Told,
};
use crate::config::Role;

/// Words that must all fit: `p7`, `1001`, `reg:none`, `!reg:primary`, `late`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// As typed.
    pub text: String,
}

/// The same, ready to be held against many.
#[derive(Debug)]
pub struct Ready {
    /// In small letters; and whether what has it is left out.
    words: Vec<(String, bool)>,
}

impl Filter {
    /// Takes it apart.
    pub fn ready(&self) -> Ready {
        let words = self.text.split_whitespace().map(str::to_lowercase);
        let words = words.map(|word| match word.strip_prefix('!') {
            Some(rest) => (rest.to_owned(), true),
            None => (word, false),
        });
        Ready { words: words.filter(|(word, _)| !word.is_empty()).collect() }
    }
}

impl Ready {
    /// Whether a line fits.
    pub fn takes(&self, line: &LineState) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let place = match &line.place {
            Place::Unsure => "unsure",
            Place::Nowhere => "none",
            Place::At(_, Role::Primary) => "primary",
            Place::At(_, Role::Backup) => "backup",
            Place::At(_, Role::Other) => "other",
            Place::Connected(_) => "tls",
        };
        let result =
            line.verdict.as_ref().map(|(verdict, code)| format!("{verdict} {}", code.as_deref().unwrap_or("")));
        let texts = [line.id.to_string(), place.to_owned(), result.unwrap_or_default()].map(|text| text.to_lowercase());
        let fits = |word: &str| match word.strip_prefix("reg:") {
            Some(state) => place.starts_with(state),
            None => texts.iter().any(|text| text.contains(word)),
        };
        self.all(fits, |_| true)
    }

    /// Whether an event fits.
    pub fn takes_event(&self, told: &Told) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let text = told.text.to_lowercase();
        // Of where a line is registered an event tells nothing, with an exclamation mark or without.
        self.all(|word| text.contains(word), |word| !word.starts_with("reg:"))
    }

    /// Whether all words fit that say something.
    fn all(&self, fits: impl Fn(&str) -> bool, says: impl Fn(&str) -> bool) -> bool {
        self.words.iter().filter(|(word, _)| says(word)).all(|(word, left_out)| fits(word) != *left_out)
    }
}
