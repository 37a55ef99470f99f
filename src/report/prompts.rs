//! What operators were asked to do, and what they answered.

use std::time::Duration;

use super::RunStory;
use crate::event::{Derived, PhoneName, PromptEnd, Stamp};

/// What an operator was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its number.
    pub number: u32,
    /// What was to be done.
    pub text: String,
    /// The phones that wait for it.
    pub phones: Vec<PhoneName>,
    /// When.
    pub at: Stamp,
    /// When it ends by itself.
    pub until: Stamp,
    /// Which of the prompts of its step it is, from 1, and how many these are.
    pub nth: (usize, usize),
    /// How it ended; none: it has not.
    pub end: Option<PromptEnd>,
}

impl Prompt {
    /// What was asked then, if anything was.
    pub fn asked(at: Stamp, derived: &Derived) -> Option<Self> {
        let Derived::OperatorAsked { prompt, text, phones, limit_ns, nth, of } = derived else { return None };
        Some(Self {
            number: *prompt,
            text: text.clone(),
            phones: phones.clone(),
            at,
            until: at + Duration::from_nanos(*limit_ns),
            nth: (*nth, *of),
            end: None,
        })
    }
}

impl RunStory {
    /// Takes that somebody is asked, and how that ended.
    pub(super) fn prompted(&mut self, at: Stamp, derived: &Derived) {
        match derived {
            Derived::OperatorAsked { .. } => self.prompts.extend(Prompt::asked(at, derived)),
            Derived::PromptEnded { prompt, end, .. } => {
                let prompts = self.prompts.iter_mut();
                prompts.filter(|it| it.number == *prompt).for_each(|it| it.end = Some(end.clone()));
            }
            _ => {}
        }
    }

    /// What was asked, and what became of it, for people.
    pub fn asked(&self) -> Vec<String> {
        let told = |prompt: &Prompt| match &prompt.end {
            Some(end) => format!("{}: {end}", prompt.text),
            None => format!("{}: the run ended before anybody answered", prompt.text),
        };
        self.prompts.iter().map(told).collect()
    }
}
