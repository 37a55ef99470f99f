//! Which line comes first, what its last column tells, which phones are marked, and which line one goes to by its number.

use super::{Console, key::Key};
use crate::{
    event::Stamp,
    tui::{
        board::{LineState, Place},
        draw::dullness,
    },
};

/// What the lines are in the order of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Of the plan: the numbers that they keep.
    #[default]
    Plan,
    /// Trouble first.
    Trouble,
    /// Those that moved last first.
    Moved,
    /// Those whose registration ends first.
    Expiry,
    /// Those that were not heard for the longest time first.
    Silence,
}

/// What the last column of the lines tells. A wide terminal has room for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastColumn {
    /// What became of the line, or why it is to be looked at.
    #[default]
    Result,
    /// What its phone's display shows.
    Display,
    /// Which of its phone's lamps burn.
    Lamps,
}

impl LastColumn {
    /// The next one.
    pub const fn next(self) -> Self {
        match self {
            Self::Result => Self::Display,
            Self::Display => Self::Lamps,
            Self::Lamps => Self::Result,
        }
    }

    /// What stands over it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Result => "RESULT",
            Self::Display => "DISPLAY",
            Self::Lamps => "LAMPS",
        }
    }
}

impl Order {
    /// The next one.
    pub const fn next(self) -> Self {
        match self {
            Self::Plan => Self::Trouble,
            Self::Trouble => Self::Moved,
            Self::Moved => Self::Expiry,
            Self::Expiry => Self::Silence,
            Self::Silence => Self::Plan,
        }
    }

    /// In words; none: as ever.
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Plan => None,
            Self::Trouble => Some("trouble first"),
            Self::Moved => Some("moved last first"),
            Self::Expiry => Some("ending first"),
            Self::Silence => Some("longest silent first"),
        }
    }

    /// Puts lines into this order; those that are alike stay in that of their numbers.
    pub fn sort(self, shown: &mut [usize], lines: &[LineState]) {
        let line = |index: &usize| lines.get(*index);
        match self {
            Self::Plan => {}
            Self::Trouble => shown.sort_by_key(|index| line(index).map(dullness)),
            Self::Moved => shown.sort_by_key(|index| std::cmp::Reverse(line(index).map(|line| line.since))),
            Self::Expiry => shown.sort_by_key(|index| line(index).map(ends)),
            Self::Silence => shown.sort_by_key(|index| line(index).map(|line| line.alive.unwrap_or(Stamp::ZERO))),
        }
    }
}

/// When its registration ends; of one that has none, last.
fn ends(line: &LineState) -> Stamp {
    let end = match &line.place {
        Place::At(server, _) => line.expiry.get(server).copied(),
        _ => None,
    };
    end.unwrap_or(Stamp(u64::MAX))
}

impl Console {
    /// Marks the phone of the selected line, or takes the mark from it.
    pub(super) fn mark(&mut self) {
        let Some(phone) = self.phone().cloned() else { return };
        if !self.view.marked.remove(&phone) {
            self.view.marked.insert(phone);
        }
    }

    /// Takes a key of the number that one goes to.
    pub(super) fn type_number(&mut self, key: Key) {
        let Some(text) = &mut self.view.number else { return };
        match key {
            Key::Char(digit @ '0'..='9') if text.len() < 6 => text.push(digit),
            Key::Backspace => drop(text.pop()),
            Key::Esc => self.view.number = None,
            Key::Enter => {
                let number = std::mem::take(text);
                self.view.number = None;
                self.go_to(&number);
            }
            _ => {}
        }
    }

    /// Selects the line of that number, whatever the order and the filter are.
    fn go_to(&mut self, number: &str) {
        let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match at.and_then(|at| self.board.lines.get(at)) {
            Some(line) => {
                self.view.line = Some(line.id.clone());
                if !self.view.filter.ready().takes(line) {
                    self.view.filter.text.clear();
                }
            }
            None => self.view.note = Some(format!("there are lines 1 to {}", self.board.lines.len())),
        }
    }
}
