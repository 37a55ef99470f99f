//! KP1, the line protocol of key matrix boards: frames of host and board, read and printed. `docs/kp1.md` specifies it.
//!
//! Not here: the host's stop-and-wait machine ([`host`]), what the keys of a phone are called (phone models), ports.

use std::{fmt, str::FromStr};

pub mod host;
mod identity;
mod sequence;

pub use host::{Host, HostError, HostEvent};
pub use identity::{Identity, Misfit};
pub use sequence::{Chord, Item, Key, Sequence};

/// Longest line of either end, in bytes, without its LF. Longer ones are bad frames.
pub const MAX_LINE: usize = 512;

/// What a host sends: `@<seq> <unit> <verb> args*<crc>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFrame {
    /// Sequence number: a repeated one is answered from the board's memory, not executed again.
    pub seq: u8,
    /// Which phone of the board, from 1.
    pub unit: u8,
    /// What to do.
    pub verb: Verb,
}

/// What a board is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// `HELLO nonce`: all keys up, sequence numbers forgotten. Answered by an [`Identity`].
    Hello {
        /// Comes back in the answer, which tells it from one to an earlier greeting.
        nonce: u32,
    },
    /// `D 1.2+0.7`: these keys go down and stay down.
    Down(Chord),
    /// `U 1.2`, or `U *` for all of the unit: keys go up.
    Up(Option<Chord>),
    /// `X`: the running sequence ends, all keys go up.
    Abort,
    /// `S hold,gap items…`: plays keys with the board's own timing. Answered when accepted; [`Event::Done`] when played.
    Play(Sequence),
    /// `W ms`: all keys go up when no valid frame comes for this long; 0 turns it off.
    DeadMan {
        /// In milliseconds, at most 60 000.
        ms: u16,
    },
    /// `P`: answers `idle`, or `playing` and the sequence number of what is being played.
    Ping,
    /// `R`: answers the keys that are down, as a chord, or `-`.
    ReadBack,
    /// `B count,us`: every press and release from now on bounces; count 0 turns it off.
    Bounce {
        /// Extra openings of the contact at each edge, at most 20.
        count: u8,
        /// Time between them in microseconds.
        us: u16,
    },
}

/// What a board sends: an answer or an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardFrame {
    /// `=<seq> OK text*<crc>` or `=<seq> ERR code text*<crc>`.
    Reply {
        /// Of the frame that it answers.
        seq: u8,
        /// What came of it.
        result: Result<String, Refusal>,
    },
    /// `!<ms> …*<crc>`.
    Event {
        /// The board's clock: milliseconds since it started, modulo 2³².
        ms: u32,
        /// What happened.
        event: Event,
    },
}

/// Why a board does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the keypad board refuses: {code} {text}")]
pub struct Refusal {
    /// A stable word: `hello`, `verb`, `args`, `unit`, `key`, `busy`, `long`.
    pub code: String,
    /// For people.
    pub text: String,
}

impl Refusal {
    /// The code of a board that was not greeted since it started: it knows nothing of what was ordered before.
    pub const HELLO: &str = "hello";
}

/// What a board reports by itself. Events are not repeated: who needs certainty asks with [`Verb::Ping`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `DN 1.2`: a key of this unit went down.
    Down {
        /// Which phone of the board.
        unit: u8,
        /// The key.
        key: Key,
    },
    /// `UP 1.2`: it went up.
    Up {
        /// Which phone of the board.
        unit: u8,
        /// The key.
        key: Key,
    },
    /// `DONE <seq>`: the sequence of that frame was played to its end.
    Done {
        /// Of the frame that ordered it.
        seq: u8,
    },
    /// `RELEASED watchdog`: the dead-man let all keys go.
    Released,
}

/// A line that is no frame. Both ends pass over it in silence: the retry of the host repairs it, and an answer to noise
/// would only make more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Nothing at all: the LF that a host sends ahead of a retry.
    #[error("a blank line")]
    Blank,
    /// No `*` with four hexadecimal digits at its end, or longer than [`MAX_LINE`].
    #[error("no frame")]
    Shape,
    /// The check sum differs.
    #[error("wrong check sum")]
    Checksum,
    /// The check sum is right, what it covers is not understood. A board answers such a frame with `ERR`.
    #[error("not understood: {0}")]
    Meaning(&'static str),
}

/// CRC-16/IBM-3740, often called CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, not reflected, no final
/// inversion. Its value for `123456789` is 0x29B1.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc: u16, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// A frame's line: what the check sum covers, `*`, the check sum, LF.
fn seal(content: &str) -> String {
    format!("{content}*{:04X}\n", crc16(content.as_bytes()))
}

/// What the check sum of a line covers, if it is right. A trailing CR or LF is passed over.
fn unseal(line: &[u8]) -> Result<&str, BadFrame> {
    let line = line.trim_ascii_end();
    if line.is_empty() {
        return Err(BadFrame::Blank);
    }
    if line.len() > MAX_LINE {
        return Err(BadFrame::Shape);
    }
    let line = str::from_utf8(line).map_err(|_| BadFrame::Shape)?;
    let (content, sum) = line.rsplit_once('*').ok_or(BadFrame::Shape)?;
    if sum.len() != 4 || !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(BadFrame::Shape);
    }
    let sum = u16::from_str_radix(sum, 16).map_err(|_| BadFrame::Shape)?;
    if sum == crc16(content.as_bytes()) { Ok(content) } else { Err(BadFrame::Checksum) }
}

impl HostFrame {
    /// The line to send, with its LF.
    pub fn line(&self) -> String {
        seal(&format!("@{:02X} {} {}", self.seq, self.unit, self.verb))
    }

    /// Reads a line, with or without its line ending.
    ///
    /// # Errors
    /// If it is no frame of a host. [`BadFrame::Meaning`] deserves an answer: [`HostFrame::sequence_number`] says to what.
    pub fn parse(line: &[u8]) -> Result<Self, BadFrame> {
        let content = unseal(line)?;
        let rest = content.strip_prefix('@').ok_or(BadFrame::Meaning("a host's frame begins with @"))?;
        let mut words = rest.splitn(3, ' ');
        let seq = words.next().and_then(hex_byte).ok_or(BadFrame::Meaning("sequence number"))?;
        let unit = words.next().and_then(|unit| number(unit, 1, 255)).ok_or(BadFrame::Meaning("unit"))?;
        let verb = words.next().unwrap_or_default().parse()?;
        Ok(Self { seq, unit, verb })
    }

    /// The sequence number of a line whose check sum is right, even where the rest is not understood.
    pub fn sequence_number(line: &[u8]) -> Option<u8> {
        unseal(line).ok()?.strip_prefix('@')?.split(' ').next().and_then(hex_byte)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello { nonce } => write!(f, "HELLO {nonce:08X}"),
            Self::Down(keys) => write!(f, "D {keys}"),
            Self::Up(Some(keys)) => write!(f, "U {keys}"),
            Self::Up(None) => f.write_str("U *"),
            Self::Abort => f.write_str("X"),
            Self::Play(sequence) => write!(f, "S {sequence}"),
            Self::DeadMan { ms } => write!(f, "W {ms}"),
            Self::Ping => f.write_str("P"),
            Self::ReadBack => f.write_str("R"),
            Self::Bounce { count, us } => write!(f, "B {count},{us}"),
        }
    }
}

impl FromStr for Verb {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let (word, args) = text.split_once(' ').unwrap_or((text, ""));
        match (word, args) {
            ("HELLO", nonce) => hex_word(nonce).map(|nonce| Self::Hello { nonce }).ok_or(BadFrame::Meaning("nonce")),
            ("D", keys) => Ok(Self::Down(keys.parse()?)),
            ("U", "*") => Ok(Self::Up(None)),
            ("U", keys) => Ok(Self::Up(Some(keys.parse()?))),
            ("X", "") => Ok(Self::Abort),
            ("S", sequence) => Ok(Self::Play(sequence.parse()?)),
            ("W", ms) => number(ms, 0, 60_000).map(|ms| Self::DeadMan { ms }).ok_or(BadFrame::Meaning("time")),
            ("P", "") => Ok(Self::Ping),
            ("R", "") => Ok(Self::ReadBack),
            ("B", args) => args
                .split_once(',')
                .and_then(|(count, us)| Some(Self::Bounce { count: number(count, 0, 20)?, us: number(us, 0, 65_535)? }))
                .ok_or(BadFrame::Meaning("bounce")),
            _ => Err(BadFrame::Meaning("verb")),
        }
    }
}

impl BoardFrame {
    /// The line to send, with its LF. Line breaks in texts become spaces.
    pub fn line(&self) -> String {
        let content = match self {
            Self::Reply { seq, result: Ok(text) } if text.is_empty() => format!("={seq:02X} OK"),
            Self::Reply { seq, result: Ok(text) } => format!("={seq:02X} OK {text}"),
            Self::Reply { seq, result: Err(Refusal { code, text }) } => format!("={seq:02X} ERR {code} {text}"),
            Self::Event { ms, event } => format!("!{ms} {event}"),
        };
        seal(content.replace(['\r', '\n'], " ").trim_end())
    }

    /// Reads a line, with or without its line ending.
    ///
    /// # Errors
    /// If it is no frame of a board.
    pub fn parse(line: &[u8]) -> Result<Self, BadFrame> {
        let content = unseal(line)?;
        if let Some(rest) = content.strip_prefix('=') {
            let (seq, rest) = rest.split_once(' ').ok_or(BadFrame::Meaning("reply"))?;
            let seq = hex_byte(seq).ok_or(BadFrame::Meaning("sequence number"))?;
            let result = match rest.split_once(' ').unwrap_or((rest, "")) {
                ("OK", text) => Ok(text.to_owned()),
                ("ERR", text) => {
                    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
                    Err(Refusal { code: code.to_owned(), text: text.to_owned() })
                }
                _ => return Err(BadFrame::Meaning("reply")),
            };
            Ok(Self::Reply { seq, result })
        } else if let Some(rest) = content.strip_prefix('!') {
            let (ms, event) = rest.split_once(' ').ok_or(BadFrame::Meaning("event"))?;
            let ms = number(ms, 0, u32::MAX).ok_or(BadFrame::Meaning("time"))?;
            Ok(Self::Event { ms, event: event.parse()? })
        } else {
            Err(BadFrame::Meaning("a board's frame begins with = or !"))
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { unit, key } => write!(f, "DN {unit} {key}"),
            Self::Up { unit, key } => write!(f, "UP {unit} {key}"),
            Self::Done { seq } => write!(f, "DONE {seq:02X}"),
            Self::Released => f.write_str("RELEASED watchdog"),
        }
    }
}

impl FromStr for Event {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        let wrong = BadFrame::Meaning("event");
        let (word, args) = text.split_once(' ').ok_or(wrong)?;
        let place = || {
            let (unit, key) = args.split_once(' ').ok_or(wrong)?;
            Ok((number(unit, 1, 255).ok_or(wrong)?, key.parse()?))
        };
        match (word, args) {
            ("DN", _) => place().map(|(unit, key)| Self::Down { unit, key }),
            ("UP", _) => place().map(|(unit, key)| Self::Up { unit, key }),
            ("DONE", seq) => hex_byte(seq).map(|seq| Self::Done { seq }).ok_or(wrong),
            ("RELEASED", "watchdog") => Ok(Self::Released),
            _ => Err(wrong),
        }
    }
}

/// Two hexadecimal digits.
fn hex_byte(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(text, 16).ok())
        .flatten()
}

/// Eight hexadecimal digits.
fn hex_word(text: &str) -> Option<u32> {
    (text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

/// A decimal number without sign, within limits.
fn number<T: TryFrom<u32> + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value = T::try_from(text.parse().ok()?).ok()?;
    (value >= least && value <= most).then_some(value)
}

#[cfg(test)]
mod tests;
