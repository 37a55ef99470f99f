//! What a message may say once only.

use super::Oddities;

/// A value that may stand in one place only. Where it is said in different ways nobody knows which one the receiver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Said<T> {
    #[default]
    Never,
    Once(T),
    Differently,
}

/// What to call it when something is said again.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    /// In whatever words.
    pub at_all: &'static str,
    /// In others than before.
    pub differently: &'static str,
}

impl<T: PartialEq> Said<T> {
    /// Takes in one more value.
    pub fn say(&mut self, value: T, again: Again, odd: &mut Oddities) {
        match self {
            Self::Never => *self = Self::Once(value),
            Self::Once(first) if *first == value => odd.note(again.at_all),
            Self::Once(_) | Self::Differently => {
                odd.note(again.at_all);
                odd.note(again.differently);
                *self = Self::Differently;
            }
        }
    }

    /// The value, if all agree.
    pub fn agreed(self) -> Option<T> {
        match self {
            Self::Once(value) => Some(value),
            Self::Never | Self::Differently => None,
        }
    }
}
