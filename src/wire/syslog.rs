//! Syslog messages of phones: RFC 3164 and RFC 5424, in datagrams or in a stream (RFC 6587).
//!
//! Of a header no more is believed than that it is one: whose message it is says the sender's address, and when it was is when it
//! came. Devices write headers of their own making; what can not be told apart is text.

use regex::Regex;

use crate::{config::SyslogDialect, event::Standing};

/// Longest message that is read, in bytes; the rest of it is passed over.
pub const MAX_MESSAGE: usize = 8192;

/// Longest text that is kept of one, in bytes.
const MAX_TEXT: usize = 2048;

/// Most digits of an octet count, or of a priority.
const MAX_DIGITS: usize = 5;

/// The text of a message: without its priority, of RFC 5424 without its header. On one line and harmless.
pub fn text(message: &[u8]) -> String {
    let message = &message[..message.len().min(MAX_MESSAGE)];
    let rest = after_priority(message).unwrap_or(message);
    let rest = after_header(rest).unwrap_or(rest);
    let rest = rest.strip_prefix("\u{feff}".as_bytes()).unwrap_or(rest);
    let text = String::from_utf8_lossy(rest);
    let visible: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let mut visible = visible.trim().to_owned();
    visible.truncate(visible.floor_char_boundary(MAX_TEXT));
    visible
}

/// When a message was sent by its sender's own clock, in milliseconds since the Unix epoch: of RFC 5424 alone, since others name
/// neither year nor zone.
pub fn dated_ms(message: &[u8]) -> Option<i64> {
    let rest = after_priority(message)?.strip_prefix(b"1 ")?;
    let end = rest.iter().take(64).position(|byte| *byte == b' ')?;
    let stamp: jiff::Timestamp = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some(stamp.as_millisecond())
}

/// Behind `<165>`.
fn after_priority(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(b"<")?;
    let end = rest.iter().take(MAX_DIGITS).position(|byte| *byte == b'>')?;
    (end > 0 && rest[..end].iter().all(u8::is_ascii_digit)).then(|| &rest[end + 1..])
}

/// Behind `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA ` (RFC 5424 section 6).
fn after_header(message: &[u8]) -> Option<&[u8]> {
    let mut rest = message.strip_prefix(b"1 ")?;
    for _ in 0..5 {
        let end = rest.iter().take(256).position(|byte| *byte == b' ')?;
        rest = &rest[end + 1..];
    }
    if let Some(rest) = rest.strip_prefix(b"-") {
        return Some(rest.strip_prefix(b" ").unwrap_or(rest));
    }
    // Elements in brackets, whose values are in quotes, with a backslash ahead of what would end them.
    while rest.first() == Some(&b'[') {
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.iter().position(|byte| {
            let ends = *byte == b']' && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        rest = &rest[end + 1..];
    }
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Reads what messages of a model say of where lines are.
#[derive(Debug, Clone)]
pub struct SyslogReader {
    registered: Option<Regex>,
    unregistered: Option<Regex>,
}

impl SyslogReader {
    /// Compiles the patterns of a model.
    ///
    /// # Errors
    /// If one does not compile.
    pub fn new(dialect: &SyslogDialect) -> Result<Self, regex::Error> {
        let compiled = |pattern: &Option<String>| pattern.as_deref().map(Regex::new).transpose();
        Ok(Self { registered: compiled(&dialect.registered)?, unregistered: compiled(&dialect.unregistered)? })
    }

    /// An extension and where it is, if the text of a message says so.
    pub fn read(&self, text: &str) -> Option<(String, Standing)> {
        if let Some(found) = self.registered.as_ref().and_then(|pattern| pattern.captures(text)) {
            let server = found.name("server").map(|server| Standing::At(server.as_str().to_owned()));
            return Some((found.name("extension")?.as_str().to_owned(), server.unwrap_or(Standing::Registered)));
        }
        let found = self.unregistered.as_ref()?.captures(text)?;
        Some((found.name("extension")?.as_str().to_owned(), Standing::Nowhere))
    }
}

/// A stream of messages: each behind its length, or up to the end of a line, as whoever sends them likes.
#[derive(Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
    /// The rest of a message that is too long, up to the end of its line.
    skipping: bool,
    /// The same, of one whose length is known.
    skip: usize,
}

impl Framer {
    /// Takes bytes in; the messages that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for byte in bytes {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if *byte == b'\n' && !self.counted() {
                if !std::mem::take(&mut self.skipping) {
                    messages.extend(Some(std::mem::take(&mut self.held)).filter(|it| !it.is_empty()));
                }
                continue;
            }
            if self.skipping {
                continue;
            }
            self.held.push(*byte);
            match self.length() {
                Some((head, length)) if self.held.len() == head + length => {
                    messages.push(self.held.split_off(head));
                    self.held.clear();
                }
                Some((head, length)) if length > MAX_MESSAGE && self.held.len() == head => {
                    self.held.clear();
                    self.skip = length;
                }
                None if self.held.len() > MAX_MESSAGE => {
                    messages.push(std::mem::take(&mut self.held));
                    self.skipping = true;
                }
                _ => {}
            }
        }
        messages
    }

    /// Whether what is held begins with a length.
    fn counted(&self) -> bool {
        self.length().is_some()
    }

    /// The length that a message says of itself, and how many bytes say it: `123 <…`.
    fn length(&self) -> Option<(usize, usize)> {
        let end = self.held.iter().take(MAX_DIGITS + 1).position(|byte| !byte.is_ascii_digit())?;
        let digits = str::from_utf8(&self.held[..end]).ok()?;
        let length = digits.parse().ok().filter(|length| *length > 0)?;
        (self.held.get(end) == Some(&b' ')).then_some((end + 1, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_where_it_has_a_year_and_a_zone() {
        assert_eq!(dated_ms(b"<134>1 1970-01-01T00:00:01.5Z phone sip - - - text"), Some(1500));
        assert_eq!(dated_ms(b"<134>1 1970-01-01T01:00:00+01:00 phone sip - - - text"), Some(0));
        for message in ["<134>1 - phone sip - - - text", "<134>Nov  7 06:05:04 phone sip: text", "<134>sip: text", "1 "]
        {
            assert_eq!(dated_ms(message.as_bytes()), None, "{message:?}");
        }
    }

    #[test]
    fn the_text_is_what_follows_the_header_that_can_be_told() {
        for (message, expected) in [
            ("<134>Nov 26 17:44:26 phone sip: line 1", "Nov 26 17:44:26 phone sip: line 1"),
            ("<134>sip: registered", "sip: registered"),
            ("sip: registered", "sip: registered"),
            ("<34>1 2003-10-11T22:14:15.003Z host su - ID47 - \u{feff}'su root' failed", "'su root' failed"),
            ("<165>1 - - - - - [a@1 x=\"]\\\"\" y=\"\"][b@1] text", "text"),
            ("<165>1 - - - - - -", ""),
            ("<165>1 short", "1 short"),
            ("<>x", "<>x"),
            ("<1234567>x", "<1234567>x"),
            ("<1>a\x1b[2J\r\n\0b", "a [2J   b"),
        ] {
            assert_eq!(text(message.as_bytes()), expected, "{message}");
        }
        assert_eq!(text(&[b'x'; 100_000]).len(), MAX_TEXT);
    }

    #[test]
    fn a_message_says_where_a_line_is_by_the_words_of_its_model() {
        let dialect = SyslogDialect {
            registered: Some(r"line (?P<extension>\d+) up(?: at (?P<server>\S+))?".to_owned()),
            unregistered: Some(r"line (?P<extension>\d+) down".to_owned()),
        };
        let reader = SyslogReader::new(&dialect).unwrap();
        let said = |text: &str| reader.read(text).map(|(extension, standing)| (extension, standing.to_string()));
        let expected = |standing: &str| Some(("1001".to_owned(), standing.to_owned()));
        assert_eq!(said("line 1001 up at 10.77.0.3"), expected("registered at 10.77.0.3"));
        assert_eq!(said("line 1001 up"), expected("registered"));
        assert_eq!(said("line 1001 down"), expected("not registered"));
        assert_eq!(said("line 1001 sideways"), None);
    }

    fn framed(pieces: &[&str]) -> Vec<String> {
        let mut framer = Framer::default();
        let messages = pieces.iter().flat_map(|piece| framer.push(piece.as_bytes()));
        messages.map(|message| String::from_utf8(message).unwrap()).collect()
    }

    #[test]
    fn messages_in_a_stream_end_with_their_length_or_their_line() {
        assert_eq!(framed(&["<1>a\n<2>b\r\n\n"]), ["<1>a", "<2>b\r"]);
        assert_eq!(framed(&["4 <1>a5 <2>\nb"]), ["<1>a", "<2>\nb"]);
        assert_eq!(framed(&["1", "0 <1>12", "34567<", "3>x\n"]), ["<1>1234567", "<3>x"]);
        assert_eq!(framed(&["<1>unfinished"]), [] as [&str; 0]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_is_read() {
        let long = "x".repeat(3 * MAX_MESSAGE);
        let told = framed(&[&long, "\n<1>a\n"]);
        assert_eq!((told[0].len(), told[1].as_str(), told.len()), (MAX_MESSAGE + 1, "<1>a", 2));
        assert_eq!(framed(&[&format!("{} {long}4 <1>a", long.len())]), ["<1>a"]);
    }
}
