//! Progress as plain lines, for pipes and logs: no escape codes, and never silent for more than a minute.

use std::{
    collections::VecDeque,
    io::{self, Write},
    time::Duration,
};

use super::{board::Board, feed::Feed};
use crate::{
    event::{Record, Stamp},
    look::Look,
};

/// After so much silence a line says that the run goes on.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How often the time is looked at; the heartbeat may come this much later.
const TICK: Duration = Duration::from_millis(500);
/// Lines that wait for a reader who does not read; beyond it the oldest go.
const WAITING: usize = 10_000;

/// Turns records into lines: one for each step, move and result.
#[derive(Debug)]
pub struct PlainProgress {
    board: Board,
    look: Look,
    /// When the last line was made.
    last: Stamp,
    lines: VecDeque<String>,
    dropped: u64,
}

impl PlainProgress {
    /// Nothing told yet. Of `look` only the use of glyphs counts.
    pub fn new(look: Look) -> Self {
        Self { board: Board::default(), look, last: Stamp::ZERO, lines: VecDeque::new(), dropped: 0 }
    }

    /// Takes one more record.
    pub fn record(&mut self, record: &Record) {
        let Some(now) = self.board.apply(record) else { return };
        let mark = match now.verdict {
            Some(verdict) => self.look.symbol(verdict),
            None if now.alarming => "!",
            None => " ",
        };
        let line = format!("{:>9} {mark} {}", now.at.to_string(), now.text);
        self.push(record.seen, line);
    }

    /// Tells the time: makes a heartbeat if no line was made for a minute.
    pub fn tick(&mut self, now: Stamp) {
        if now.since(self.last) >= HEARTBEAT {
            let step = self.board.step.as_ref().map_or_else(
                || "starting".to_owned(),
                |step| format!("step {}/{}: {}", step.step + 1, step.of, step.title),
            );
            let (decided, all) = (self.board.decided(), self.board.lines.len());
            let line = format!("{:>9}   still running, {decided} of {all} decided; {step}", now.to_string());
            self.push(now, crate::look::harmless(&line));
        }
    }

    /// The lines made since the last call, each with its line ending.
    pub fn take(&mut self) -> String {
        let mut text = String::new();
        if self.dropped > 0 {
            text = format!("          ! {} lines were not written: nobody read them\n", self.dropped);
            self.dropped = 0;
        }
        for line in self.lines.drain(..) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn push(&mut self, at: Stamp, line: String) {
        if self.lines.len() == WAITING {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.last = self.last.max(at);
        self.lines.push_back(line);
    }
}

/// Writes the lines of a [`PlainProgress`] from a thread of its own.
#[derive(Debug)]
pub struct PlainDisplay {
    feed: Feed<PlainProgress>,
}

impl PlainDisplay {
    /// Starts writing to `out`; `now` tells the time since the run began.
    ///
    /// # Errors
    /// If its thread can not be started.
    pub fn start(
        mut out: impl Write + Send + 'static,
        look: Look,
        now: impl Fn() -> Stamp + Send + 'static,
    ) -> io::Result<Self> {
        let take = move |progress: &mut PlainProgress| {
            progress.tick(now());
            progress.take()
        };
        let feed = Feed::start(PlainProgress::new(look), TICK, take, move |text: String, _| {
            out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
        })?;
        Ok(Self { feed })
    }

    /// Takes one more record. Never waits for the reader.
    pub fn record(&mut self, record: &Record) {
        self.feed.change(|progress| progress.record(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn lines(records: &[Record], look: Look) -> String {
        let mut progress = PlainProgress::new(look);
        for record in records {
            progress.record(record);
        }
        progress.take()
    }

    #[test]
    fn a_run_reads_as_lines() {
        insta::assert_snapshot!(lines(&sample::mixed_run(), Look { colour: false, unicode: true }));
    }

    #[test]
    fn no_escape_code_is_ever_written_not_even_one_from_a_phone() {
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", "\x1b[31mred\r\nforged line");
        let text = lines(&records, Look { colour: true, unicode: true });
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }

    #[test]
    fn a_silent_run_gives_a_sign_each_minute_and_a_busy_one_does_not() {
        let mut progress = PlainProgress::new(Look::PLAIN);
        for record in sample::clean_run().iter().filter(|record| record.seen < Stamp::from_millis(9_000)) {
            progress.record(record);
        }
        progress.take();
        let mut beats = Vec::new();
        for second in 9..600 {
            progress.tick(Stamp::from_millis(second * 1000));
            let text = progress.take();
            if !text.is_empty() {
                assert!(text.contains("still running, 0 of 4 decided; step 3/5"), "{text}");
                beats.push(second);
            }
        }
        assert_eq!(beats.len(), 9, "{beats:?}");
        assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == 60), "{beats:?}");
    }

    #[test]
    fn a_reader_who_does_not_read_costs_bounded_memory_and_is_told() {
        let mut progress = PlainProgress::new(Look::PLAIN);
        for minute in 0..12_000_u64 {
            progress.tick(Stamp::from_millis((minute + 1) * 60_000));
        }
        let text = progress.take();
        assert!(text.starts_with("          ! 2000 lines were not written"), "{}", &text[..80]);
        assert_eq!(text.lines().count(), 10_001);
    }
}
