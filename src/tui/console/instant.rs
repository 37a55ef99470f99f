//! The same instant on another screen: from an event to the message that it is about, from a message to what the phone's console said
//! then, and from there to what was told of it.

use super::{Console, action::Screen, ladder::Rung};
use crate::{
    event::Stamp,
    tui::console::serial::{Reading, Scroll},
};

impl Console {
    /// Goes on to the next screen that has instants, to the one that is selected here.
    pub(super) fn same_instant(&mut self) {
        match self.view.screen {
            Screen::Log => self.event_to_message(),
            Screen::Sip => self.message_to_console(),
            Screen::Serial => self.console_to_event(),
            Screen::Network => self.network_to_event(),
            _ => {}
        }
    }

    /// From the selected event to the last message of its phone until then, or else to the first after it.
    fn event_to_message(&mut self) {
        let (at, phone) = match self.event() {
            Ok(entry) => (entry.told.at, entry.phone.clone()),
            Err(why) => {
                self.view.note = Some(why.to_owned());
                return;
            }
        };
        if let Some(line) = self.board.lines.iter().find(|line| Some(&line.id.phone) == phone.as_ref())
            && self.phone() != Some(&line.id.phone)
        {
            self.view.line = Some(line.id.clone());
        }
        let until = self.rungs().take_while(|rung| rung.at <= at).last();
        let chosen = until.or_else(|| self.rungs().next()).map(|rung| rung.seq);
        self.show(Screen::Sip);
        self.view.rung = chosen;
        if chosen.is_none() {
            self.view.note = Some("no message of this phone was seen".to_owned());
        }
    }

    /// From the selected message to the last line of the phone's console until then.
    fn message_to_console(&mut self) {
        let at = self.chosen_rung().ok().map(|rung| rung.at);
        self.show(Screen::Serial);
        // What stands on a terminal has no times.
        if self.view.serial.reading == Reading::Terminal {
            self.read_as(Reading::Lines);
        }
        // Its recording is yet to be read.
        (self.view.serial.row, self.view.serial.instant) = (None, at);
    }

    /// From the selected line of a console to the last event until then.
    fn console_to_event(&mut self) {
        if let Some(at) = self.serial_instant() {
            self.go_to_event_until(at);
        }
    }

    /// The selected message, or else the last.
    ///
    /// # Errors
    /// That there is none.
    pub(super) fn chosen_rung(&self) -> Result<&Rung, &'static str> {
        let chosen = self.rungs().find(|rung| Some(rung.seq) == self.view.rung).or_else(|| self.rungs().next_back());
        chosen.ok_or("no message of this phone was seen")
    }

    /// When the selected line of the console was said.
    pub(super) fn serial_instant(&self) -> Option<Stamp> {
        let scroll = self.serial.as_ref().map(|serial| serial.scroll(self.view.serial.reading))?;
        scroll.at(self.serial_row().or_else(|| scroll.last())?)
    }

    /// Goes to the last event until then.
    pub(super) fn go_to_event_until(&mut self, at: Stamp) {
        let until = self.log.iter().take_while(|entry| entry.told.at <= at).count();
        self.show(Screen::Log);
        self.view.event = Some(self.log_before + until.saturating_sub(1));
    }

    /// The number of the last row of the console that is shown; none: the last that there is.
    pub(super) fn serial_row(&self) -> Option<usize> {
        let view = &self.view.serial;
        let of_instant = |at| self.serial.as_ref().and_then(|serial| serial.scroll(view.reading).until(at));
        view.row.or_else(|| view.instant.and_then(of_instant))
    }
}

impl Scroll {
    /// When a row was said.
    fn at(&self, number: usize) -> Option<Stamp> {
        self.rows.get(number.checked_sub(self.before)?).map(|row| row.at)
    }

    /// The number of the last row that was said until then; the first, if all were later.
    fn until(&self, at: Stamp) -> Option<usize> {
        let until = self.numbered().take_while(|(_, row)| row.at <= at).last();
        until.or_else(|| self.numbered().next()).map(|(number, _)| number)
    }
}
