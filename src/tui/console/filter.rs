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

impl Filter {
    /// Whether a line fits.
    pub fn takes(&self, line: &LineState) -> bool {
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
        self.all(|word| match word.strip_prefix("reg:") {
            Some(state) => place.starts_with(state),
            None => {
                let mut texts = [line.id.to_string(), place.to_owned(), result.clone().unwrap_or_default()].into_iter();
                texts.any(|text| text.to_lowercase().contains(word))
            }
        })
    }

    /// Whether an event fits.
    pub fn takes_event(&self, told: &Told) -> bool {
        self.all(|word| word.starts_with("reg:") || told.text.to_lowercase().contains(word))
    }

    fn all(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.text.split_whitespace().all(|word| {
            let word = word.to_lowercase();
            match word.strip_prefix('!') {
                Some("") => true,
                Some(word) => !fits(word),
                None => fits(&word),
            }
        })
    }
}
