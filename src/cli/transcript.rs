//! What a console said and what was typed there, as text that does a terminal no harm.

use crate::{
    event::Stamp,
    journal::console::{Passage, What, to_hex},
    look::{harmless, span},
    wire::console::{Line, LineAssembler},
};

/// A recording as text, a line at a time.
#[derive(Debug, Default)]
pub(super) struct Text {
    lines: LineAssembler,
}

impl Text {
    /// What is to be shown of a passage.
    pub(super) fn of(&mut self, passage: &Passage) -> String {
        let (at, mut shown) = (passage.at, Vec::new());
        // A prompt that was silent for long enough was one.
        let mut text = self.lines.settle(at).map_or_else(String::new, |line| told(&line));
        match passage.what {
            What::In => self.lines.feed(&passage.bytes, at, &mut shown),
            What::Out => {
                let typed = String::from_utf8_lossy(&passage.bytes);
                self.lines.typed(&typed, at);
                text.push_str(&format!("{} > {}\n", time(at), harmless(typed.trim_end_matches(['\r', '\n']))));
            }
            What::Opened => {
                let away = passage.away_ns.map(|away| format!(" again after {}", span(away as f64 / 1e6)));
                text.push_str(&format!("{} - the port is open{}\n", time(at), away.unwrap_or_default()));
            }
            What::Lost => {
                shown.extend(self.lines.interrupt());
                text.extend(shown.drain(..).map(|line| told(&line)));
                text.push_str(&format!("{} - the port is lost\n", time(at)));
            }
        }
        text.extend(shown.iter().map(told));
        text
    }

    /// What is left at the end.
    pub(super) fn end(&mut self) -> String {
        self.lines.interrupt().map_or_else(String::new, |line| told(&line))
    }
}

fn told(line: &Line) -> String {
    let mark = if line.echo { '=' } else { ' ' };
    let rest = if line.unfinished { "..." } else { "" };
    format!("{} {mark} {}{rest}\n", time(line.first), harmless(&line.text))
}

/// A passage in hexadecimal, 16 bytes a row.
pub(super) fn hex(passage: &Passage) -> String {
    let mark = match passage.what {
        What::In => '<',
        What::Out => '>',
        What::Opened | What::Lost => return format!("{} - {:?}\n", time(passage.at), passage.what).to_lowercase(),
    };
    let mut text = String::new();
    for row in passage.bytes.chunks(16) {
        let shown: String =
            row.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
        text.push_str(&format!("{} {mark} {:32}  {shown}\n", time(passage.at), to_hex(row)));
    }
    text
}

/// Seconds since the run began.
fn time(at: Stamp) -> String {
    format!("{:12.6}", at.0 as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(millis: u64, what: What, bytes: &[u8]) -> Passage {
        let away_ns = (what == What::Opened && millis > 0).then_some(1_500_000_000);
        Passage { at: Stamp::from_millis(millis), what, bytes: bytes.to_vec(), away_ns }
    }

    fn course() -> Vec<Passage> {
        vec![
            passage(0, What::Opened, b""),
            passage(1, What::In, b"\x1b[1mready\x1b[0m\r\n> "),
            passage(500, What::Out, b"status\r"),
            passage(501, What::In, b"status\r\nfine \x07\xc2\x9b\r\n"),
            passage(900, What::In, b"half a li"),
            passage(910, What::Lost, b""),
            passage(2410, What::Opened, b""),
            passage(2500, What::In, b"> "),
        ]
    }

    #[test]
    fn a_recording_reads_as_one_would_have_seen_it_and_does_a_terminal_no_harm() {
        let mut text = Text::default();
        let shown: String = course().iter().map(|it| text.of(it)).collect::<String>() + &text.end();
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn hexadecimal_shows_every_byte_of_both_directions() {
        let shown: String = course().iter().map(hex).collect();
        insta::assert_snapshot!(shown);
    }
}
