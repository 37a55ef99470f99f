//! What the mouse does. It is never needed: everything that is pointed at has a key.

use super::{
    Console, Wish,
    action::{Act, Screen},
    key::Key,
    mode::Mode,
};
use crate::event::{LineId, ServerName};

/// Rows that one notch of the wheel goes.
const NOTCH: usize = 3;

/// What can be pointed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The name of a screen.
    Screen(Screen),
    /// A line of a phone.
    Line(LineId),
    /// A message, by the number of its record.
    Rung(u64),
    /// A server.
    Server(ServerName),
    /// An event of the log, by its number.
    Event(usize),
    /// What a key does: a hint of the footer, or a key of the phone.
    Key(Key),
}

impl Console {
    /// Whether the mouse is the console's; otherwise it is the terminal's, to select text with.
    pub const fn has_mouse(&self) -> bool {
        !self.view.mouse_released
    }

    /// Takes a click. What is asked is answered by keys alone, and while keys go to a phone a click may only be one of them.
    pub fn click(&mut self, target: Target) -> Option<Wish> {
        if self.is_small()
            || self.view.question.is_some()
            || self.view.help.is_some()
            || self.view.filtering
            || self.view.number.is_some()
        {
            return None;
        }
        match target {
            Target::Key(key) => return self.press(key),
            _ if self.view.mode != Mode::Normal => {}
            Target::Screen(screen) => return self.act(Act::Show(screen), Key::Enter),
            Target::Line(id) if self.selected() == Some(&id) => return self.act(Act::Open, Key::Enter),
            Target::Line(id) => self.view.line = Some(id),
            Target::Rung(seq) if self.view.rung == Some(seq) => return self.act(Act::Open, Key::Enter),
            Target::Rung(seq) => self.view.rung = Some(seq),
            Target::Server(name) => self.view.server = Some(name),
            Target::Event(number) if self.view.event == Some(number) => return self.act(Act::Open, Key::Enter),
            Target::Event(number) => self.view.event = Some(number),
        }
        None
    }

    /// Takes a notch of the wheel.
    pub fn wheel(&mut self, down: bool) {
        let free = !self.is_small() && self.view.question.is_none() && self.view.help.is_none() && !self.view.filtering;
        if free && self.view.mode == Mode::Normal {
            self.go(|at, last| if down { (at + NOTCH).min(last) } else { at.saturating_sub(NOTCH) });
        }
    }
}
