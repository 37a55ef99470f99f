//! What an `ExecuteItem` can tell a phone to do: the URI language of the XML API.

use std::fmt;

use crate::event::PushCommand;

/// The `URI` of an `ExecuteItem`. Names in front of the colon are read in any case, white space behind it is optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecuteUri {
    /// Empty: nothing.
    Nothing,
    /// `Key:Line1`: as if that key were pressed. A key that the phone does not have is ignored by it.
    Key(String),
    /// `Dial:1001`.
    Dial(String),
    /// `DialLine:2:1001`.
    DialLine {
        /// From 1.
        line: u8,
        /// What is dialled.
        number: String,
    },
    /// `Led: softkey1=on`.
    Led {
        /// Whose lamp.
        key: String,
        /// What it is to show.
        led: Led,
    },
    /// `Command: Reset` and the like.
    Command(PhoneCommand),
    /// An address to fetch: `http://…` or `https://…`.
    Fetch(String),
    /// Anything else, as written: RTP streaming, and what newer firmware may know.
    Other(String),
}

/// State of a lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Led {
    /// `on`.
    On,
    /// `off`.
    Off,
    /// `slowflash`.
    SlowFlash,
    /// `fastflash`.
    FastFlash,
}

/// A command to the phone as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneCommand {
    /// `Reset`: a full boot, once the phone is idle.
    Reset,
    /// `FastReboot`.
    FastReboot,
    /// `ClearLocal`: clears the local configuration and boots.
    ClearLocal,
    /// `Lock`.
    Lock,
    /// `Unlock`.
    Unlock,
}

impl From<PushCommand> for PhoneCommand {
    fn from(command: PushCommand) -> Self {
        match command {
            PushCommand::Reset => Self::Reset,
            PushCommand::FastReboot => Self::FastReboot,
            PushCommand::ClearLocal => Self::ClearLocal,
        }
    }
}

const LEDS: [(&str, Led); 4] =
    [("on", Led::On), ("off", Led::Off), ("slowflash", Led::SlowFlash), ("fastflash", Led::FastFlash)];

const COMMANDS: [(&str, PhoneCommand); 5] = [
    ("Reset", PhoneCommand::Reset),
    ("FastReboot", PhoneCommand::FastReboot),
    ("ClearLocal", PhoneCommand::ClearLocal),
    ("Lock", PhoneCommand::Lock),
    ("Unlock", PhoneCommand::Unlock),
];

impl ExecuteUri {
    /// Reads it. Never fails: what is not understood is kept as [`Other`](Self::Other).
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        let known = text.split_once(':').and_then(|(scheme, rest)| Self::known(scheme, rest.trim(), text));
        known.unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    fn known(scheme: &str, rest: &str, whole: &str) -> Option<Self> {
        let filled = || (!rest.is_empty()).then(|| rest.to_owned());
        match scheme.trim_end().to_ascii_lowercase().as_str() {
            "key" => filled().map(Self::Key),
            "dial" => filled().map(Self::Dial),
            "dialline" => {
                let (line, number) = rest.split_once(':')?;
                let line = line.trim().parse().ok().filter(|line| *line > 0)?;
                let number = Some(number.trim()).filter(|number| !number.is_empty())?;
                Some(Self::DialLine { line, number: number.to_owned() })
            }
            "led" => {
                let (key, led) = rest.split_once('=')?;
                let key = Some(key.trim()).filter(|key| !key.is_empty())?;
                Some(Self::Led { key: key.to_owned(), led: named(&LEDS, led.trim())? })
            }
            "command" => named(&COMMANDS, rest).map(Self::Command),
            "http" | "https" if rest.starts_with("//") => Some(Self::Fetch(whole.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for ExecuteUri {
    /// As it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Key(name) => write!(f, "Key:{name}"),
            Self::Dial(number) => write!(f, "Dial:{number}"),
            Self::DialLine { line, number } => write!(f, "DialLine:{line}:{number}"),
            Self::Led { key, led } => write!(f, "Led: {key}={}", name(&LEDS, *led)),
            Self::Command(command) => write!(f, "Command: {}", name(&COMMANDS, *command)),
            Self::Fetch(text) | Self::Other(text) => f.write_str(text),
        }
    }
}

fn named<T: Copy>(all: &[(&str, T)], text: &str) -> Option<T> {
    all.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

fn name<T: Copy + PartialEq>(all: &[(&'static str, T)], wanted: T) -> &'static str {
    all.iter().find(|(_, value)| *value == wanted).map_or("", |(name, _)| name)
}
