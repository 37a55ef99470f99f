//! What the rig writes about packets into their comments, and reads there again.
//!
//! One note is one line:
//!
//! ```text
//! siprig: outage 1 of a began 1790000000.123456789 ±0.000000123
//! siprig: outage 1 of a ended 1790000060.000000001 ±0.000000123
//! siprig: dropped by outage 1
//! siprig: made by the bridge for outage 1
//! siprig: doubled by outage 1
//! siprig: late by 0.300000000 for outage 1
//! siprig: canary
//! siprig: leak: it left although an outage was in force
//! siprig: stray: of no outage, and it did not come out
//! ```
//!
//! Times are seconds since the Unix epoch, with their error. A frame carries the notes about itself, and those of outages
//! that began or ended since the frame before it; the stamp in the note counts, not the place. A file that goes on from
//! another one says first which outages are in force.

use std::{fmt, str::FromStr};

use crate::event::{OutageId, ServerName};

/// What every note begins with. Captures of the first builds lack it, and have two notes in one line.
const MARK: &str = "siprig: ";
const DROPPED: &str = "dropped by outage ";
const INJECTED: &str = "made by the bridge for outage ";
const DOUBLED: &str = "doubled by outage ";
const LATE: &str = "late by ";
const FOR: &str = " for outage ";
const CANARY: &str = "canary";
const LEAK: &str = "leak: it left although an outage was in force";
const STRAY: &str = "stray: of no outage, and it did not come out";

/// A note in a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An outage took force.
    OutageBegan {
        /// Which.
        outage: OutageId,
        /// Of which server; a name without line feeds.
        server: ServerName,
        /// When, in nanoseconds since the Unix epoch.
        unix_ns: i64,
        /// How far off that may be.
        error_ns: u64,
    },
    /// An outage was lifted.
    OutageEnded {
        /// Which.
        outage: OutageId,
        /// Of which server; a name without line feeds.
        server: ServerName,
        /// When, in nanoseconds since the Unix epoch.
        unix_ns: i64,
        /// How far off that may be.
        error_ns: u64,
    },
    /// An outage took the frame.
    Dropped {
        /// Which.
        outage: OutageId,
    },
    /// The frame was made by the bridge, in the name of a server that an outage takes away.
    Injected {
        /// Which.
        outage: OutageId,
    },
    /// The frame was sent once more by an outage that does such things.
    Doubled {
        /// Which.
        outage: OutageId,
    },
    /// An outage held the frame back. Its stamp says when it went on, if it went to a phone, and else when it came in.
    Late {
        /// Which.
        outage: OutageId,
        /// For so many nanoseconds.
        by_ns: u64,
    },
    /// The frame is one of ours, sent to prove what passes.
    Canary,
    /// The frame left although an outage was in force.
    Leak,
    /// The frame is of a device that no outage is about, and did not come out of the bridge.
    Stray,
}

/// A line that is no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a note of siprig's")]
pub struct Foreign;

impl Note {
    /// The notes in a comment; what else it says is passed over.
    pub fn all(comment: &str) -> impl Iterator<Item = Self> + '_ {
        comment.lines().flat_map(|line| line.split("; ")).filter_map(|line| line.parse().ok())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        let mut limit = |outage: &OutageId, server, verb, unix_ns, error_ns| {
            let (at, error) = (Seconds(unix_ns), Seconds(i128::from(error_ns)));
            write!(f, "outage {} of {server} {verb} {at} ±{error}", outage.0)
        };
        match self {
            Self::OutageBegan { outage, server, unix_ns, error_ns } => {
                limit(outage, server, "began", i128::from(*unix_ns), *error_ns)
            }
            Self::OutageEnded { outage, server, unix_ns, error_ns } => {
                limit(outage, server, "ended", i128::from(*unix_ns), *error_ns)
            }
            Self::Dropped { outage } => write!(f, "{DROPPED}{}", outage.0),
            Self::Injected { outage } => write!(f, "{INJECTED}{}", outage.0),
            Self::Doubled { outage } => write!(f, "{DOUBLED}{}", outage.0),
            Self::Late { outage, by_ns } => write!(f, "{LATE}{}{FOR}{}", Seconds(i128::from(*by_ns)), outage.0),
            Self::Canary => f.write_str(CANARY),
            Self::Leak => f.write_str(LEAK),
            Self::Stray => f.write_str(STRAY),
        }
    }
}

impl FromStr for Note {
    type Err = Foreign;

    fn from_str(line: &str) -> Result<Self, Foreign> {
        let text = line.strip_prefix(MARK).unwrap_or(line);
        match text {
            CANARY => return Ok(Self::Canary),
            LEAK => return Ok(Self::Leak),
            STRAY => return Ok(Self::Stray),
            _ => {}
        }
        if let Some(number) = text.strip_prefix(DROPPED) {
            return Ok(Self::Dropped { outage: outage(number)? });
        }
        if let Some(number) = text.strip_prefix(INJECTED) {
            return Ok(Self::Injected { outage: outage(number)? });
        }
        if let Some(number) = text.strip_prefix(DOUBLED) {
            return Ok(Self::Doubled { outage: outage(number)? });
        }
        if let Some((by, number)) = text.strip_prefix(LATE).and_then(|rest| rest.split_once(FOR)) {
            let by_ns = nanoseconds(by).and_then(|ns| u64::try_from(ns).ok()).ok_or(Foreign)?;
            return Ok(Self::Late { outage: outage(number)?, by_ns });
        }
        let rest = text.strip_prefix("outage ").ok_or(Foreign)?;
        let (number, rest) = rest.split_once(" of ").ok_or(Foreign)?;
        let (rest, error) = rest.rsplit_once(" ±").ok_or(Foreign)?;
        let (rest, at) = rest.rsplit_once(' ').ok_or(Foreign)?;
        let (server, verb) = rest.rsplit_once(' ').ok_or(Foreign)?;
        let (outage, server) = (outage(number)?, ServerName::from(server));
        let unix_ns = nanoseconds(at).and_then(|ns| i64::try_from(ns).ok()).ok_or(Foreign)?;
        let error_ns = nanoseconds(error).and_then(|ns| u64::try_from(ns).ok()).ok_or(Foreign)?;
        match verb {
            "began" => Ok(Self::OutageBegan { outage, server, unix_ns, error_ns }),
            "ended" => Ok(Self::OutageEnded { outage, server, unix_ns, error_ns }),
            _ => Err(Foreign),
        }
    }
}

fn outage(number: &str) -> Result<OutageId, Foreign> {
    number.parse().map(OutageId).map_err(|_| Foreign)
}

/// Nanoseconds, written as seconds with nine decimals.
struct Seconds(i128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// The other way round; none unless there are nine decimals.
fn nanoseconds(text: &str) -> Option<i128> {
    let (seconds, decimals) = text.split_once('.')?;
    let (sign, seconds) = match seconds.strip_prefix('-') {
        Some(seconds) => (-1, seconds),
        None => (1, seconds),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() != 9 || !digits(decimals) || !digits(seconds) {
        return None;
    }
    let (seconds, decimals): (u64, u64) = (seconds.parse().ok()?, decimals.parse().ok()?);
    Some(sign * (i128::from(seconds) * 1_000_000_000 + i128::from(decimals)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn notes_look_as_they_are_documented() {
        let (outage, server) = (OutageId(1), ServerName::from("a"));
        let (unix_ns, error_ns) = (1_790_000_000_123_456_789, 123);
        let began = Note::OutageBegan { outage, server: server.clone(), unix_ns, error_ns };
        assert_eq!(began.to_string(), "siprig: outage 1 of a began 1790000000.123456789 ±0.000000123");
        let ended = Note::OutageEnded { outage, server, unix_ns: -1, error_ns: u64::MAX };
        assert_eq!(ended.to_string(), "siprig: outage 1 of a ended -0.000000001 ±18446744073.709551615");
        let documented = include_str!("note.rs").lines().filter_map(|line| line.strip_prefix("//! siprig: "));
        let documented: Vec<_> = documented.map(|line| format!("siprig: {line}")).collect();
        assert_eq!(documented.len(), 9);
        for line in documented {
            assert_eq!(line.parse::<Note>().map(|note| note.to_string()), Ok(line));
        }
    }

    #[test]
    fn a_comment_may_hold_several_notes_and_words_of_others() {
        let comment = "siprig: canary\nJim: this one is odd\nsiprig: dropped by outage 7";
        let notes: Vec<_> = Note::all(comment).collect();
        assert_eq!(notes, [Note::Canary, Note::Dropped { outage: OutageId(7) }]);
    }

    #[test]
    fn captures_of_the_first_builds_are_read() {
        let notes: Vec<_> = Note::all("canary; dropped by outage 2").collect();
        assert_eq!(notes, [Note::Canary, Note::Dropped { outage: OutageId(2) }]);
    }

    #[test]
    fn what_only_resembles_a_note_is_none() {
        for line in [
            "",
            "siprig: ",
            "siprig: canary?",
            "siprig: dropped by outage",
            "siprig: dropped by outage -1",
            "siprig: outage 1 of a began",
            "siprig: outage 1 of a began 1790000000 ±0.000000001",
            "siprig: outage 1 of a began 1790000000.1 ±0.000000001",
            "siprig: outage 1 of a began 1790000000.123456789 ±-0.000000001",
            "siprig: outage 1 of a began 99999999999999.123456789 ±0.000000001",
            "siprig: outage 1 of a paused 1790000000.123456789 ±0.000000001",
            "siprig: outage x of a began 1790000000.123456789 ±0.000000001",
        ] {
            assert_eq!(line.parse::<Note>(), Err(Foreign), "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_note_is_read_as_it_was_written(
            number: u32,
            name in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}( of| began)?",
            unix_ns: i64,
            error_ns: u64,
        ) {
            let (outage, server) = (OutageId(number), ServerName::from(name.as_str()));
            for note in [
                Note::OutageBegan { outage, server: server.clone(), unix_ns, error_ns },
                Note::OutageEnded { outage, server: server.clone(), unix_ns, error_ns },
                Note::Dropped { outage },
                Note::Injected { outage },
                Note::Doubled { outage },
                Note::Late { outage, by_ns: error_ns },
                Note::Canary,
                Note::Leak,
                Note::Stray,
            ] {
                prop_assert_eq!(note.to_string().parse(), Ok(note));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(siprig: )?(outage [0-9a]{1,12}( of .{0,9})?)?.{0,40}") {
            let _ = text.parse::<Note>();
            let _ = Note::all(&text).count();
        }
    }
}
