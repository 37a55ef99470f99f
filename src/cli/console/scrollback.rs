//! What the console of a phone says, read from its recording as that grows, or as far as a recording was played back.
//!
//! The recording is what everybody may read of it: secrets in it are masked, a line at a time, so that a line is shown when it has ended.

use std::path::Path;

use super::News;
use crate::{
    event::{PhoneName, Stamp},
    journal::console::{Passage, RecordingError, What, follow::Follower},
    tui::console::{Said, Serial, Speaker},
    wire::console::{Line, LineAssembler},
};

/// A console that is looked at.
pub(super) struct Scrollback {
    follower: Follower,
    lines: LineAssembler,
    next: Option<Passage>,
}

impl Scrollback {
    /// That of a phone. `whole`: from its beginning, however long it is.
    ///
    /// # Errors
    /// If there is no recording.
    pub(super) fn open(run_dir: &Path, phone: &PhoneName, whole: bool) -> Result<Self, RecordingError> {
        let follower = Follower::open(run_dir, phone, whole)?;
        Ok(Self { follower, lines: LineAssembler::new(), next: None })
    }

    /// Takes what was said until then; if it is time for something else, only so much of it as was taken by then.
    ///
    /// # Errors
    /// If the recording can not be read.
    pub(super) fn read(
        &mut self,
        until: Stamp,
        mut is_time: impl FnMut() -> bool,
        serial: &mut Serial,
    ) -> Result<News, RecordingError> {
        let mut news = News { changed: false, more: false };
        loop {
            if self.next.is_none() {
                self.next = self.follower.next_passage()?;
            }
            let Some(passage) = self.next.take_if(|passage| passage.at <= until) else { break };
            self.hear(&passage, serial);
            news.changed = true;
            if is_time() {
                news.more = true;
                break;
            }
        }
        serial.tail = self.lines.tail().map(|line| said(&line));
        Ok(news)
    }

    fn hear(&mut self, passage: &Passage, serial: &mut Serial) {
        let at = passage.at;
        match passage.what {
            What::In => {
                let mut lines = Vec::new();
                self.lines.feed(&passage.bytes, at, &mut lines);
                lines.iter().for_each(|line| serial.line(said(line)));
                serial.bytes(at, Speaker::Phone, &passage.bytes);
            }
            What::Out => {
                let typed = String::from_utf8_lossy(&passage.bytes);
                self.lines.typed(&typed, at);
                let text = typed.trim_end_matches(['\r', '\n']).to_owned();
                serial.line(Said { at, text, by: Speaker::Rig });
                serial.bytes(at, Speaker::Rig, &passage.bytes);
            }
            What::Opened => {
                let away = passage.away_ns.map(|ns| format!(" again after {:.1} s", ns as f64 / 1e9));
                serial.port(at, &format!("the port is open{}", away.unwrap_or_default()));
            }
            What::Lost => {
                if let Some(line) = self.lines.interrupt() {
                    serial.line(said(&line));
                }
                serial.port(at, "the port is lost");
            }
        }
    }
}

fn said(line: &Line) -> Said {
    let by = if line.echo { Speaker::Echo } else { Speaker::Phone };
    // It may have begun with a prompt, long before.
    Said { at: line.last, text: line.text.clone(), by }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::console::Reading;

    fn heard(passages: &[(u64, What, &[u8])]) -> Serial {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        let (mut index, mut log) = (String::new(), Vec::new());
        for (ms, what, bytes) in passages {
            let what_name = serde_json::to_string(what).unwrap();
            let text = match what {
                What::Out => format!(",\"text\":{}", serde_json::to_string(&String::from_utf8_lossy(bytes)).unwrap()),
                _ => String::new(),
            };
            let (offset, len) = (log.len(), bytes.len());
            index.push_str(&format!(
                "{{\"at\":{},\"what\":{what_name},\"offset\":{offset},\"len\":{len}{text}}}\n",
                ms * 1_000_000
            ));
            if *what == What::In {
                log.extend_from_slice(bytes);
            }
        }
        std::fs::write(folder.path().join(crate::journal::run_dir::console_index(&phone)), index).unwrap();
        std::fs::write(folder.path().join(crate::journal::run_dir::console_log(&phone)), log).unwrap();
        let mut serial = Serial::of(phone.clone());
        let mut scrollback = Scrollback::open(folder.path(), &phone, true).unwrap();
        assert!(scrollback.read(Stamp::from_millis(2), || false, &mut serial).unwrap().changed);
        let early = serial.scroll(Reading::Lines).rows.len();
        // However little time there is, it goes on.
        while scrollback.read(Stamp::from_millis(1000), || true, &mut serial).unwrap().more {}
        assert!(serial.scroll(Reading::Lines).rows.len() > early, "what comes later is not shown earlier");
        serial
    }

    #[test]
    fn lines_are_as_one_would_have_seen_them_and_nothing_in_them_does_harm() {
        let serial = heard(&[
            (0, What::Opened, b""),
            (1, What::In, b"12%\r13%\r14%\r\nabx\x08c\r\n\x1b[2J\x1b[31mred\x1b[0m\x07\xc2\x9b\r\n> "),
            (2, What::Out, b"status\r"),
            (3, What::In, b"status\r\nhalf"),
            (4, What::Lost, b""),
            (5, What::In, b"> "),
        ]);
        let rows = &serial.scroll(Reading::Lines).rows;
        let lines: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(lines[..3], ["the port is open", "14%", "abc"]);
        assert!(lines[3].starts_with("red") && !lines[3].contains(['\x1b', '\x07', '\u{9b}']), "{lines:?}");
        assert_eq!(lines[4..], ["status", "> status", "half", "the port is lost"]);
        assert_eq!((rows[4].by, rows[5].by, rows[7].by), (Speaker::Rig, Speaker::Echo, Speaker::Port));
        assert_eq!(serial.tail.unwrap().text, "> ");
    }
}
