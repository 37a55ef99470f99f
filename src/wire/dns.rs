//! What a question for a name looks like (RFC 1035): the short look of the privileged process, that reads no more than the
//! question and has nothing to say of what it can not read.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Port of name servers (RFC 1035 section 4.2).
pub const PORT: u16 = 53;

/// Bytes ahead of the questions (RFC 1035 section 4.1.1).
const HEADER: usize = 12;
/// The longest name, its dots and nothing else (RFC 1035 section 2.3.4, less the lengths of the first label and of the root).
const LONGEST_NAME: usize = 253;
/// The longest label (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;
/// Most labels of a name: each has one byte besides its length.
const MOST_LABELS: usize = 127;
/// Most messages that are looked at in one segment.
const MOST_MESSAGES: usize = 16;
/// Class of the internet (RFC 1035 section 3.2.4).
const INTERNET: u16 = 1;

/// A name of a host or a domain, in lower case and without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name(String);

/// Not the name of a host: letters, digits and `-` in labels of 1 to 63 characters with dots between them, at most 253 in all
/// (RFC 1123 section 2.1), and no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a host")]
pub struct NotAName;

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let fits = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // What ends in a number is an address, or a mistake (RFC 3696 section 2).
        let last = name.rsplit('.').next().unwrap_or_default();
        let numbered = last.bytes().all(|byte| byte.is_ascii_digit());
        (name.len() <= LONGEST_NAME && name.split('.').all(fits) && !numbered)
            .then(|| Self(name.to_ascii_lowercase()))
            .ok_or(NotAName)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Name {
    /// Whether an answer to this question leads to the host: its addresses (A, RFC 1035; AAAA, RFC 3596), its services (SRV,
    /// RFC 2782, as `_sip._udp.` ahead of the name), the way to those (NAPTR, RFC 3403), or everything that there is.
    fn is_asked_by(&self, asked: &Question<'_>) -> bool {
        matches!(asked.kind, 1 | 28 | 33 | 35 | 255) && asked.class == INTERNET && asked.is_about(self)
    }

    /// A question for it as a client sends it, of that type, with the id of nobody.
    pub fn question(&self, kind: u16) -> Vec<u8> {
        // A standard query with one question, that asks for recursion.
        let mut bytes = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in self.0.split('.') {
            // A label has at most 63 bytes.
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        bytes
    }
}

/// The first question of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'a> {
    /// The labels of the name.
    labels: Vec<&'a [u8]>,
    /// Type of what is asked for.
    pub kind: u16,
    /// Class of the name.
    pub class: u16,
}

impl<'a> Question<'a> {
    /// The first question of a message that is a standard query. None: it is something else, or can not be read. Nobody asks
    /// more than one at a time (RFC 9619), and nothing is compressed in the first.
    pub fn of(message: &'a [u8]) -> Option<Self> {
        let [_, _, flags, _, high, low, ..] = message else { return None };
        // An answer, or another kind of query (RFC 1035 section 4.1.1).
        if flags & 0xf8 != 0 || [*high, *low] == [0, 0] {
            return None;
        }
        let mut rest = message.get(HEADER..)?;
        let mut labels = Vec::new();
        let mut length = 0;
        loop {
            let (size, behind) = rest.split_first()?;
            let size = usize::from(*size);
            if size == 0 {
                rest = behind;
                break;
            }
            length += size + 1;
            if size > LONGEST_LABEL || length > LONGEST_NAME + 1 || labels.len() == MOST_LABELS {
                return None;
            }
            labels.push(behind.get(..size)?);
            rest = behind.get(size..)?;
        }
        let [kind_high, kind_low, class_high, class_low, ..] = rest else { return None };
        let word = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
        Some(Self { labels, kind: word(kind_high, kind_low), class: word(class_high, class_low) })
    }

    /// Whether it is about a name, or a service of it. Case does not matter (RFC 1035 section 2.3.3).
    fn is_about(&self, name: &Name) -> bool {
        let service = self.labels.iter().take_while(|label| label.starts_with(b"_")).count();
        let host = self.labels.get(service..).unwrap_or_default();
        let mut labels = name.0.split('.');
        host.iter().all(|label| labels.next().is_some_and(|own| own.as_bytes().eq_ignore_ascii_case(label)))
            && labels.next().is_none()
    }
}

/// Whether a datagram to a name server asks for one of these names.
pub fn asks(datagram: &[u8], names: &[Name]) -> bool {
    Question::of(datagram).is_some_and(|asked| names.iter().any(|name| name.is_asked_by(&asked)))
}

/// Whether the payload of a segment to a name server asks for one of these names, as far as a message begins where it does:
/// each has its length ahead of it (RFC 1035 section 4.2.2).
pub fn asks_in_stream(payload: &[u8], names: &[Name]) -> bool {
    let mut rest = payload;
    for _ in 0..MOST_MESSAGES {
        let [high, low, behind @ ..] = rest else { return false };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let message = behind.get(..length).unwrap_or(behind);
        if asks(message, names) {
            return true;
        }
        rest = behind.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// A question for a name that may have labels which no host has.
    fn question(labels: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    #[test]
    fn whatever_leads_to_the_host_asks_for_its_name_and_nothing_else_does() {
        let names = [name("sip-a.example.net"), name("pbx.example")];
        let asks = |labels: &str, kind| asks(&question(labels, kind), &names);
        for kind in [1, 28, 33, 35, 255] {
            assert!(asks("sip-a.example.net", kind));
            assert!(asks("_sip._udp.sip-a.example.net", kind));
            assert!(asks("SIP-a.eXample.NET", kind));
            assert!(asks("pbx.example", kind));
        }
        for kind in [2, 12, 15, 16, 65] {
            assert!(!asks("sip-a.example.net", kind), "{kind}");
        }
        for other in
            ["sip-b.example.net", "example.net", "a.sip-a.example.net", "sip-a.example.net.evil", "net", "_sip._udp"]
        {
            assert!(!asks(other, 1), "{other}");
        }
    }

    #[test]
    fn answers_updates_and_what_is_cut_or_compressed_are_not_read() {
        let whole = question("pbx.example", 1);
        for cut in 0..whole.len() {
            assert_eq!(Question::of(&whole[..cut]), None, "{cut}");
        }
        let changed = |place: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            bytes
        };
        assert_eq!(Question::of(&changed(2, 0x81)), None, "an answer");
        assert_eq!(Question::of(&changed(2, 0x28)), None, "an update");
        assert_eq!(Question::of(&changed(5, 0)), None, "no question");
        assert_eq!(Question::of(&changed(12, 0xc0)), None, "a pointer");
        assert!(!asks(&changed(whole.len() - 1, 3), &[name("pbx.example")]), "another class");
    }

    #[test]
    fn in_a_stream_each_message_has_its_length_ahead() {
        let names = [name("pbx.example")];
        let framed = |labels: &str| {
            let question = question(labels, 1);
            [&(question.len() as u16).to_be_bytes()[..], &question].concat()
        };
        assert!(asks_in_stream(&framed("pbx.example"), &names));
        assert!(asks_in_stream(&[framed("other.example"), framed("pbx.example")].concat(), &names));
        assert!(!asks_in_stream(&framed("other.example"), &names));
        assert!(!asks_in_stream(&framed("pbx.example")[1..], &names), "the rest of a message");
        assert!(!asks_in_stream(b"", &names) && !asks_in_stream(&[0; 64], &names));
    }

    #[test]
    fn a_question_of_ours_asks_for_its_name_also_with_more_behind_it() {
        let own = name("sip-a.example.net");
        let mut question = own.question(1);
        assert!(asks(&question, std::slice::from_ref(&own)));
        question.extend(b"whatever");
        assert!(asks(&question, &[own]));
    }

    #[test]
    fn names_are_those_of_hosts() {
        for good in ["a", "sip-a.example.net", "sip-a.example.net.", "XN--abc.example", "4a.b4"] {
            good.parse::<Name>().unwrap();
        }
        let long = format!("{}.example", "a".repeat(64));
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(62)].join(".");
        for bad in ["", ".", "a..b", "-a.b", "a-.b", "a_b.c", "a b", "10.77.0.2", "fd00::2", &long, &longest] {
            assert_eq!(bad.parse::<Name>(), Err(NotAName), "{bad}");
        }
        assert_eq!(name("PBX.Example.").to_string(), "pbx.example");
    }
}
