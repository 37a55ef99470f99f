//! What keys of the terminal are at present: orders to the console, or something for a phone.

use super::keyboard::PAGE;

/// Who gets what is typed. The status line always names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The console.
    #[default]
    Normal,
    /// The keys of the selected phone.
    Keys,
    /// The console of the selected phone, a line at a time.
    Serial,
    /// Nobody's: another has taken the keyboard.
    Lost,
    /// How the selected server is to be blocked.
    Block,
}

impl Mode {
    /// Whether keys are orders to the console beside what they are for a phone: not where a line is typed, or was.
    pub const fn keeps_commands(self) -> bool {
        !matches!(self, Self::Serial | Self::Lost)
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Keys => "KEYS",
            Self::Serial => "SERIAL",
            Self::Lost => "LOST",
            Self::Block => "BLOCK",
        }
    }
}

/// How a phone's keys are pressed. Leaving the mode forgets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressing {
    /// The first key that has a letter now.
    pub first: usize,
    /// The next key is held for long.
    pub hold: bool,
    /// Which digits are pressed may be on record: they are none of a PIN.
    pub recorded: bool,
}

impl Pressing {
    /// Other keys get the letters.
    pub const fn page(&mut self, on: bool, keys: usize) {
        let next = if on { self.first + PAGE } else { self.first.saturating_sub(PAGE) };
        if next < keys {
            self.first = next;
        }
    }
}
