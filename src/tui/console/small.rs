//! A terminal that is too small for the screens: what keys do on it. Nobody sees what else they would do, so that they give the network
//! back, and lead out of modes and questions.

use super::{Console, Going, Source, Wish, key::Key, mode::Mode, screen::SMALLEST};

impl Console {
    /// The terminal has so many columns and rows.
    pub const fn resize(&mut self, columns: u16, rows: u16) {
        self.view.size = Some((columns, rows));
    }

    /// Whether the screens have no room on it.
    pub(super) fn is_small(&self) -> bool {
        self.view.size.is_some_and(|(columns, rows)| columns < SMALLEST.0 || rows < SMALLEST.1)
    }

    /// Whether keys are characters of a text: then only Escape leads out.
    pub(super) fn takes_text(&self) -> bool {
        let view = &self.view;
        let typed = view.help.is_some() || view.filtering || view.number.is_some() || !view.mode.keeps_commands();
        typed && view.question.is_none()
    }

    /// Whether to leave would end the run, which is asked where the question can be read.
    pub(super) const fn leaving_ends_the_run(&self) -> bool {
        matches!(self.source, Source::Live { own: true, state: Going::On, .. })
    }

    /// Takes a key there.
    pub(super) fn press_on_small(&mut self, key: Key) -> Option<Wish> {
        match key {
            Key::Char('U') if !self.takes_text() => self.phase().goes_on().then_some(Wish::Restore),
            Key::Char('q') if !self.takes_text() => self.lead_out(true),
            Key::Esc => self.lead_out(false),
            _ => None,
        }
    }

    /// Out of whatever keys are for; from there, if that is wanted, out of the console.
    fn lead_out(&mut self, leave: bool) -> Option<Wish> {
        self.view.note = None;
        if self.view.question.take().is_some() || self.view.help.take().is_some() {
            return None;
        }
        if self.view.filtering {
            self.type_filter(Key::Esc);
            return None;
        }
        if self.view.number.take().is_some() {
            return None;
        }
        match self.view.mode {
            Mode::Normal => (leave && !self.leaving_ends_the_run()).then_some(Wish::Leave),
            Mode::Block => {
                self.view.mode = Mode::Normal;
                None
            }
            Mode::Keys | Mode::Serial | Mode::Lost => self.leave_mode(),
        }
    }
}
