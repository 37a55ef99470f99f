//! A form of the XML interface (`AastraIPPhoneInputScreen`) while somebody fills it in.
//!
//! Invented: `pound` submits a field and goes on to the next, the last one sends the form; `star` deletes a character.

use crate::wire::{aastra_xml::InputScreen, http::HttpUrl};

/// Longest entry of a field.
const LONGEST: usize = 40;

/// A form being filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    screen: InputScreen,
    entries: Vec<String>,
}

impl Form {
    /// An empty form; none if it has no field.
    pub fn new(screen: InputScreen) -> Option<Self> {
        let first = screen.fields.first()?.default.clone();
        Some(Self { screen, entries: vec![first] })
    }

    /// What is shown: title, prompt, and as many marks as there are characters.
    pub fn text(&self) -> String {
        let field = self.screen.fields.get(self.entries.len().saturating_sub(1));
        let prompt = field.map_or("", |field| field.prompt.trim_end_matches(':'));
        let entered = self.entries.last().map_or(0, |entry| entry.chars().count());
        format!("{} | {prompt}: {}", self.screen.title, "#".repeat(entered))
    }

    /// A key went down; returns the address to fetch when the form is complete.
    pub fn press(&mut self, key: &str) -> Option<String> {
        let entry = self.entries.last_mut()?;
        match key {
            "star" => {
                entry.pop();
                None
            }
            "pound" => {
                if let Some(next) = self.screen.fields.get(self.entries.len()) {
                    self.entries.push(next.default.clone());
                    return None;
                }
                Some(self.address())
            }
            digit => {
                if digit.len() == 1 && entry.chars().count() < LONGEST {
                    entry.push_str(digit);
                }
                None
            }
        }
    }

    fn address(&self) -> String {
        let Some(url) = HttpUrl::parse(&self.screen.url) else { return self.screen.url.clone() };
        let fields = self.screen.fields.iter().zip(&self.entries);
        fields.fold(url, |url, (field, entry)| url.with_query(&field.parameter, entry)).to_string()
    }
}
