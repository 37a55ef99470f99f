//! Whether anybody is there to answer what a run asks. Whoever only asks whether the run is alive is nobody.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    event::{Derived, Event, Record},
    session::{Operator, Subscriber},
};

/// Who is there, and what is asked. Shared by all who are listened to.
#[derive(Debug, Clone, Default)]
pub(super) struct Present(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    operators: usize,
    /// Prompts that nobody has answered yet.
    open: BTreeSet<u32>,
    /// Somebody is to come, and is waited for.
    expected: bool,
}

impl State {
    /// The prompts of which it is to be said that nobody attends.
    fn unattended(&mut self) -> BTreeSet<u32> {
        if self.operators == 0 && !self.expected { std::mem::take(&mut self.open) } else { BTreeSet::new() }
    }
}

impl Present {
    /// One more is there.
    pub(super) fn come(&self) {
        self.with(|state| state.operators += 1);
    }

    /// One has left. What waits for an answer waits no more if he was the last.
    pub(super) fn leave(&self, operator: &Operator) {
        self.with(|state| state.operators = state.operators.saturating_sub(1));
        self.say(operator);
    }

    fn say(&self, operator: &Operator) {
        let unattended = self.with(State::unattended);
        for prompt in unattended {
            if !operator.nobody_attends(prompt) {
                // It is said with the next record.
                self.with(|state| state.open.insert(prompt));
            }
        }
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Says of each prompt at once if nobody is there to answer it, and when the last one has left.
#[derive(Debug)]
pub struct Attendance {
    present: Present,
    operator: Operator,
}

impl Attendance {
    /// Of those who are present; none: nobody can be heard.
    pub(super) fn of(present: Option<Present>, operator: Operator, expected: bool) -> Self {
        let expected = expected && present.is_some();
        let present = present.unwrap_or_default();
        present.with(|state| state.expected = expected);
        Self { present, operator }
    }
}

impl Subscriber for Attendance {
    fn record(&mut self, record: &Record) {
        match &record.event {
            Event::Derived(Derived::OperatorAsked { prompt, .. }) => {
                self.present.with(|state| state.open.insert(*prompt));
            }
            Event::Derived(Derived::PromptEnded { prompt, .. }) => {
                self.present.with(|state| state.open.remove(prompt));
            }
            _ => {}
        }
        self.present.say(&self.operator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_waits_while_somebody_is_there_or_expected_and_no_longer() {
        let state = |operators, expected| State { operators, open: BTreeSet::from([7]), expected };
        assert!(state(1, false).unattended().is_empty());
        assert!(state(0, true).unattended().is_empty());
        let mut alone = state(0, false);
        assert_eq!(alone.unattended(), BTreeSet::from([7]));
        assert!(alone.unattended().is_empty(), "it is said once");
    }
}
