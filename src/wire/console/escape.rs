//! What the bytes of a terminal do to the line that is being written (ECMA-48, xterm's control sequences).

/// What one byte does, after control sequences are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is text.
    Text(u8),
    /// Line feed.
    LineFeed,
    /// Back to the first column.
    Return,
    /// Back by one character.
    Backspace,
    /// What stands at and after the cursor is erased.
    EraseToEnd,
    /// The whole line is erased.
    EraseLine,
    /// Nothing that concerns the text.
    Nothing,
}

/// A control string (window title, device control) that is longer than this is garbage.
const MAX_STRING: u16 = 1024;

/// Takes control sequences out of a stream, one byte at a time. A line feed ends every sequence, so that garbage can
/// swallow no more than the line it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum EscapeState {
    /// Plain text.
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte, as when a character set is chosen.
    Intermediate,
    /// In a control sequence; holds its only parameter, or none if it has several or strange ones.
    Sequence(Option<u16>),
    /// In a control string, and for how many bytes.
    String(u16),
    /// After ESC in a control string.
    StringEscape,
}

pub(super) const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

impl EscapeState {
    /// How many of the next bytes are text, one like the other: most of what a console says.
    pub(super) fn text_ahead(self, bytes: &[u8]) -> usize {
        let is_text = |byte: &u8| matches!(plain(*byte), Effect::Text(_));
        if self == Self::Ground { bytes.iter().take_while(|byte| is_text(byte)).count() } else { 0 }
    }

    /// It is in a control string, which is about the terminal and not about what stands on it.
    pub(super) const fn in_string(self) -> bool {
        matches!(self, Self::String(_) | Self::StringEscape)
    }

    /// Takes the next byte and tells what it does.
    pub(super) fn step(&mut self, byte: u8) -> Effect {
        match (*self, byte) {
            (_, b'\n') => self.ground(Effect::LineFeed),
            (_, CAN | SUB) => self.ground(Effect::Nothing),
            (Self::String(_), ESC) => self.enter(Self::StringEscape),
            (Self::String(_), BEL) => self.ground(Effect::Nothing),
            (Self::String(length), _) if length < MAX_STRING => self.enter(Self::String(length + 1)),
            (Self::StringEscape, b'\\') => self.ground(Effect::Nothing),
            (_, ESC) => self.enter(Self::Escape),
            (Self::Ground | Self::String(_), _) => self.ground(plain(byte)),
            (Self::Escape | Self::StringEscape, b'[') => self.enter(Self::Sequence(Some(0))),
            (Self::Escape | Self::StringEscape, b']' | b'P' | b'X' | b'^' | b'_') => self.enter(Self::String(0)),
            (Self::Escape | Self::StringEscape | Self::Intermediate, 0x20..=0x2f) => self.enter(Self::Intermediate),
            (Self::Escape | Self::StringEscape | Self::Intermediate, 0x30..=0x7e) => self.ground(Effect::Nothing),
            (Self::Sequence(parameter), b'0'..=b'9') => {
                let digit = u16::from(byte - b'0');
                self.enter(Self::Sequence(parameter.map(|value| value.saturating_mul(10).saturating_add(digit))))
            }
            (Self::Sequence(_), 0x20..=0x3f) => self.enter(Self::Sequence(None)),
            (Self::Sequence(parameter), 0x40..=0x7e) => self.ground(sequence(byte, parameter)),
            // Anything else does not belong into a sequence: that was none, and the byte speaks for itself.
            (Self::Escape | Self::StringEscape | Self::Intermediate | Self::Sequence(_), _) => self.ground(plain(byte)),
        }
    }

    fn enter(&mut self, state: Self) -> Effect {
        *self = state;
        Effect::Nothing
    }

    fn ground(&mut self, effect: Effect) -> Effect {
        *self = Self::Ground;
        effect
    }
}

fn plain(byte: u8) -> Effect {
    match byte {
        b'\r' => Effect::Return,
        0x08 => Effect::Backspace,
        b'\t' | 0x20..=0x7e | 0x80.. => Effect::Text(byte),
        _ => Effect::Nothing,
    }
}

fn sequence(last: u8, parameter: Option<u16>) -> Effect {
    match (last, parameter) {
        (b'K' | b'J', Some(0)) => Effect::EraseToEnd,
        (b'K' | b'J', Some(1 | 2)) => Effect::EraseLine,
        (b'G', Some(0 | 1)) => Effect::Return,
        _ => Effect::Nothing,
    }
}
