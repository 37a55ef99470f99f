//! Keys of the operator's terminal, as the action table names them.

use std::fmt;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A character, as typed: `B` is Shift and b.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// A page back.
    PageUp,
    /// A page on.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// In the table: any character from one to another.
    Between(char, char),
}

impl Key {
    /// Whether what was pressed is meant by this entry of the table.
    pub fn means(self, pressed: Self) -> bool {
        match (self, pressed) {
            (Self::Between(from, to), Self::Char(char)) => (from..=to).contains(&char),
            _ => self == pressed,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.pad("Space"),
            Self::Char(char) => f.pad(&char.to_string()),
            Self::Between(' ', '~') => f.pad("text"),
            Self::Between(from, to) => f.pad(&format!("{from}-{to}")),
            Self::Ctrl(char) => f.pad(&format!("Ctrl-{char}")),
            Self::BackTab => f.pad("Shift-Tab"),
            Self::PageUp => f.pad("PgUp"),
            Self::PageDown => f.pad("PgDn"),
            other => f.pad(&format!("{other:?}")),
        }
    }
}
