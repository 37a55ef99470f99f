//! A recording, played back: the records of a journal at the times at which they were taken.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cli::{error::UserError, exit::Exit},
    event::{Record, Stamp},
    journal::{JournalError, JournalReader, RunDir, follow},
    tui::console::{Console, Source, Wish},
};

/// Slowest and fastest.
const SPEEDS: (f64, f64) = (0.125, 1024.0);

/// The recording, and where it is.
pub(super) struct Player {
    journal: PathBuf,
    records: Box<dyn Iterator<Item = Result<Record, JournalError>>>,
    next: Option<Record>,
    now: Stamp,
    end: Stamp,
    playing: bool,
    speed: f64,
    /// What is to be done with the console when it is looked at next.
    wished: Option<Wished>,
}

#[derive(Debug, Clone, Copy)]
enum Wished {
    Seek(Stamp),
    Step,
}

impl Player {
    /// Opens the recording of a run, at its beginning.
    ///
    /// # Errors
    /// If it can not be read, or has no records.
    pub(super) fn open(run_dir: &RunDir) -> Result<Self, UserError> {
        let journal = run_dir.journal();
        let last = follow::last_record(&journal)?.ok_or_else(|| {
            UserError::new(Exit::Usage, format!("{} has no records", journal.display()), "choose another run")
        })?;
        let mut player = Self {
            records: Box::new(JournalReader::open(&journal)?),
            journal,
            next: None,
            now: Stamp::ZERO,
            end: last.seen,
            playing: true,
            speed: 1.0,
            wished: None,
        };
        player.next = player.records.next().transpose()?;
        Ok(player)
    }

    pub(super) const fn now(&self) -> Stamp {
        self.now
    }

    /// Where the recording is.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.journal.parent()
    }

    pub(super) const fn plays(&self) -> bool {
        self.playing
    }

    pub(super) const fn source(&self) -> Source {
        Source::Replay { playing: self.playing, speed: self.speed, end: self.end }
    }

    /// Goes on for as long as has passed. True if something looks different now.
    ///
    /// # Errors
    /// If the journal can not be read.
    pub(super) fn play(&mut self, passed: Duration, console: &mut Console) -> Result<bool, UserError> {
        let changed = match self.wished.take() {
            Some(Wished::Seek(to)) => {
                self.seek(to, console)?;
                true
            }
            Some(Wished::Step) => {
                self.now = self.next.as_ref().map_or(self.end, |record| record.seen);
                if let Some(record) = self.take()? {
                    console.apply(&record);
                }
                true
            }
            None if self.playing => {
                let on = passed.mul_f64(self.speed);
                let to = (self.now + on).min(self.end);
                let applied = self.go(to, console)?;
                self.playing = self.now < self.end;
                applied || !self.playing
            }
            None => false,
        };
        console.source = self.source();
        Ok(changed)
    }

    pub(super) fn wish(&mut self, wish: Wish, console: &mut Console) {
        match wish {
            Wish::Play if self.now >= self.end => {
                self.playing = true;
                self.wished = Some(Wished::Seek(Stamp::ZERO));
            }
            Wish::Play => self.playing = !self.playing,
            Wish::Step => {
                self.playing = false;
                self.wished = Some(Wished::Step);
            }
            Wish::Rewind => self.wished = Some(Wished::Seek(Stamp::ZERO)),
            Wish::Seek(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                let to =
                    if seconds < 0 { Stamp(self.now.0.saturating_sub(by.as_nanos() as u64)) } else { self.now + by };
                self.wished = Some(Wished::Seek(to.min(self.end)));
            }
            Wish::Speed(factor) => self.speed = (self.speed * factor).clamp(SPEEDS.0, SPEEDS.1),
            Wish::Leave
            | Wish::Stop
            | Wish::Restore
            | Wish::Take
            | Wish::TakeOver
            | Wish::Control { .. }
            | Wish::Give
            | Wish::Block(_)
            | Wish::Lift(_)
            | Wish::Press { .. }
            | Wish::Answer { .. }
            | Wish::Type { .. } => {}
        }
        console.source = self.source();
    }

    /// Shows it as it stood then: from its beginning, if that is before what is shown.
    fn seek(&mut self, to: Stamp, console: &mut Console) -> Result<(), UserError> {
        if to < self.now {
            self.records = Box::new(JournalReader::open(&self.journal)?);
            self.next = self.records.next().transpose()?;
            *console = console.afresh();
        }
        self.go(to, console).map(drop)
    }

    fn go(&mut self, to: Stamp, console: &mut Console) -> Result<bool, UserError> {
        let mut applied = false;
        while self.next.as_ref().is_some_and(|record| record.seen <= to) {
            if let Some(record) = self.take()? {
                console.apply(&record);
                applied = true;
            }
        }
        self.now = to;
        Ok(applied)
    }

    fn take(&mut self) -> Result<Option<Record>, UserError> {
        let next = self.records.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}
