//! What a phone's bytes become before they reach a terminal.

use crate::look::is_harmful;

/// An escape sequence longer than this is none.
const MAX_SEQUENCE: usize = 32;

const ESC: u8 = 0x1b;

/// Lets text through, and of what moves a cursor only what stays on its line: CR, backspace, tab, and the erasing of the
/// rest of the line, which is written anew. Colours are left out. Everything else is spelt out as `\u{1b}`, `\xff`.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// A character or an escape sequence that is not complete.
    held: Vec<u8>,
    /// Put before each line; asked for when the line's first byte is there.
    at_start: bool,
    begun: bool,
}

impl Screen {
    /// What is to be written for these bytes. `time`: what stands before a line that begins now.
    pub(super) fn show(&mut self, bytes: &[u8], time: Option<&str>) -> String {
        let mut shown = String::new();
        if !self.begun {
            (self.begun, self.at_start) = (true, true);
        }
        for &byte in bytes {
            self.held.push(byte);
            if let Some(text) = self.complete() {
                self.held.clear();
                self.write(&text, time, &mut shown);
            }
        }
        shown
    }

    fn write(&mut self, text: &str, time: Option<&str>, shown: &mut String) {
        for c in text.chars() {
            if self.at_start && c != '\n' && c != '\r' {
                shown.extend(time);
                self.at_start = false;
            }
            if c == '\n' {
                // A terminal in raw mode would go on in the column where it is.
                shown.push('\r');
                self.at_start = true;
            }
            shown.push(c);
        }
    }

    /// What the bytes that are held stand for; none: more must come.
    fn complete(&self) -> Option<String> {
        let held = self.held.as_slice();
        match held {
            [ESC] => None,
            [ESC, b'[', rest @ ..] => match rest.split_last() {
                Some((b'm', parameters)) if parameters.iter().all(|it| matches!(it, b'0'..=b'9' | b';' | b':')) => {
                    Some(String::new())
                }
                Some((b'K', [] | [b'0'])) => Some("\u{1b}[K".to_owned()),
                // Readline brackets what is pasted; that is the phone's affair.
                Some((b'h' | b'l', b"?2004")) => Some(String::new()),
                Some((0x20..=0x3f, _)) | None if held.len() < MAX_SEQUENCE => None,
                _ => Some(spelt(held)),
            },
            [ESC, ..] => Some(spelt(held)),
            [b'\r' | b'\n' | b'\t' | 0x08] => Some(char::from(held[0]).to_string()),
            _ => match std::str::from_utf8(held) {
                Ok(_) => Some(spelt(held)),
                Err(error) if error.error_len().is_none() => None,
                Err(_) => Some(spelt(held)),
            },
        }
    }
}

/// Text as it is, and what is none, or could do harm, by its number.
fn spelt(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' | '\n' | '\t' | '\u{8}' => text.push(c),
                c if is_harmful(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        Screen::default().show(bytes, None)
    }

    #[test]
    fn text_and_what_stays_on_its_line_passes_and_all_else_is_spelt_out() {
        for (bytes, expected) in [
            (&b"plain\r\n"[..], "plain\r\r\n"),
            (b"\x1b[1;31mred\x1b[0m", "red"),
            (b"12%\r13%\x1b[K", "12%\r13%\u{1b}[K"),
            (b"a\x08 \x08", "a\u{8} \u{8}"),
            (b"\x1b]0;you are root\x07", "\\u{1b}]0;you are root\\u{7}"),
            (b"\x1b[2J", "\\u{1b}[2J"),
            (b"\x1b[6n", "\\u{1b}[6n"),
            (b"\x1bP+q\x1b\\", "\\u{1b}P+q\\u{1b}\\"),
            (b"\xff\xc3\xa4", "\\xff\u{e4}"),
            (b"\xc2\x9b2J", "\\u{9b}2J"),
            (b"\xe2\x80\xae", "\\u{202e}"),
            (b"\x1b[?2004hok\x1b[?2004l", "ok"),
        ] {
            assert_eq!(shown(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_time_stands_before_each_line_when_it_begins() {
        let mut screen = Screen::default();
        assert_eq!(screen.show(b"one\r\n", Some("1 ")), "1 one\r\r\n");
        assert_eq!(screen.show(b"tw", Some("2 ")), "2 tw");
        assert_eq!(screen.show(b"o\r\n\r\nthree", Some("3 ")), "o\r\r\n\r\r\n3 three");
    }

    proptest! {
        #[test]
        fn no_bytes_bring_a_terminal_out_of_its_line_and_cuts_make_no_difference(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(ESC), Just(b'['), Just(b'm')], 0..200),
            cut in 0_usize..200,
        ) {
            let whole = shown(&bytes);
            let rest = whole.replace("\u{1b}[K", "");
            let harm = rest.chars().find(|c| is_harmful(*c) && !['\r', '\n', '\t', '\u{8}'].contains(c));
            prop_assert_eq!(harm, None);
            let mut screen = Screen::default();
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(screen.show(first, None) + &screen.show(second, None), whole);
        }
    }
}
