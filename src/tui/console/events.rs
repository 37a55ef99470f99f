//! The events of the log: which of them fit the filter, and which of those is selected.

use super::{Console, Entry};

impl Console {
    /// Events that fit the filter, with their numbers, oldest first.
    pub(super) fn events(&self) -> Vec<(usize, &Entry)> {
        let ready = self.view.filter.ready();
        let numbered = (self.log_before..).zip(&self.log);
        numbered.filter(|(_, entry)| ready.takes_event(&entry.told)).collect()
    }

    /// Where among those the selected one stands: the last that is no later than the one that is held, or else the first. Where none
    /// is held, it is the last, whatever comes.
    pub(super) fn chosen_event(&self, events: &[(usize, &Entry)]) -> Option<usize> {
        let held = self.view.event.unwrap_or(usize::MAX);
        let until = events.partition_point(|(number, _)| *number <= held);
        (!events.is_empty()).then(|| until.saturating_sub(1))
    }

    /// The selected event.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn event(&self) -> Result<&Entry, &'static str> {
        let events = self.events();
        let none = if self.log.is_empty() { "nothing was told yet" } else { "no event fits the filter" };
        let chosen = self.chosen_event(&events).and_then(|at| events.get(at));
        chosen.map(|(_, entry)| *entry).ok_or(none)
    }

    /// Shows all of it, or no more.
    pub(super) fn read_whole(&mut self) {
        match self.event().err() {
            Some(why) => self.view.note = Some(why.to_owned()),
            None => self.view.whole = !self.view.whole,
        }
    }

    /// Selects an event by its place among those that fit, and the last one's.
    pub(super) fn go_to_event(&mut self, to: impl Fn(usize, usize) -> usize) {
        let events = self.events();
        let Some(at) = self.chosen_event(&events) else { return };
        let chosen = events.get(to(at, events.len() - 1)).map(|(number, _)| *number);
        self.view.event = chosen.or(self.view.event);
    }
}
