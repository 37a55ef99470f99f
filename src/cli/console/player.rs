//! A recording, played back: the records of a journal at the times at which they were taken.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::News;
use crate::{
    cli::{error::UserError, exit::Exit},
    driver::clock::RunClock,
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
    /// When it was looked at last, by the clock of whoever looks.
    looked: Option<Stamp>,
    /// What is to be done with the console when it is looked at next.
    wished: Option<Wished>,
    /// Where it is to stand, and could not be brought at once.
    goal: Option<Stamp>,
}

/// After so many records it is looked whether it is time for something else.
const BATCH: usize = 64;

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
            looked: None,
            wished: None,
            goal: None,
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

    /// Goes on for as long as has passed since it was looked at before, and looks for no longer than until that time. A journal that
    /// can not be read any further ends there, and says so.
    pub(super) fn play(&mut self, clock: &RunClock, until: Stamp, console: &mut Console) -> News {
        self.go_on(clock, until, console).unwrap_or_else(|error| {
            console.broken = Some(error.to_string());
            (self.playing, self.goal, self.next) = (false, None, None);
            self.records = Box::new(std::iter::empty());
            console.source = self.source();
            News { changed: true, more: false }
        })
    }

    fn go_on(&mut self, clock: &RunClock, until: Stamp, console: &mut Console) -> Result<News, JournalError> {
        let now = clock.now();
        let passed = now.since(self.looked.replace(now).unwrap_or(now));
        let mut is_time = || clock.now() >= until;
        let changed = match (self.wished.take(), self.goal) {
            (Some(Wished::Seek(to)), _) => {
                self.seek(to, &mut is_time, console)?;
                true
            }
            (Some(Wished::Step), _) => {
                self.goal = None;
                self.now = self.next.as_ref().map_or(self.end, |record| record.seen);
                if let Some(record) = self.take()? {
                    console.apply(&record);
                }
                true
            }
            (None, Some(goal)) => self.go(goal, &mut is_time, console)?,
            (None, None) if self.playing => {
                let on = passed.mul_f64(self.speed);
                let to = (self.now + on).min(self.end);
                let applied = self.go(to, &mut is_time, console)?;
                self.playing = self.now < self.end;
                applied || !self.playing
            }
            (None, None) => false,
        };
        console.source = self.source();
        Ok(News { changed, more: self.goal.is_some() })
    }

    pub(super) fn wish(&mut self, wish: Wish, console: &mut Console) {
        match wish {
            Wish::Play if self.now >= self.end => {
                self.playing = true;
                self.wished = Some(Wished::Seek(Stamp::ZERO));
            }
            // On its way to where it was sent, it is held where it is.
            Wish::Play if self.goal.take().is_some() => self.playing = false,
            Wish::Play => self.playing = !self.playing,
            Wish::Step => {
                self.playing = false;
                self.wished = Some(Wished::Step);
            }
            Wish::Rewind => self.wished = Some(Wished::Seek(Stamp::ZERO)),
            Wish::Seek(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                // From where it is about to stand, if it is on its way.
                let from = self.goal.unwrap_or(self.now);
                let to = if seconds < 0 { Stamp(from.0.saturating_sub(by.as_nanos() as u64)) } else { from + by };
                self.wished = Some(Wished::Seek(to.min(self.end)));
            }
            Wish::Speed(factor) => self.speed = (self.speed * factor).clamp(SPEEDS.0, SPEEDS.1),
            Wish::Leave
            | Wish::Redraw
            | Wish::Suspend
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
    fn seek(
        &mut self,
        to: Stamp,
        is_time: &mut impl FnMut() -> bool,
        console: &mut Console,
    ) -> Result<(), JournalError> {
        if to < self.now {
            self.records = Box::new(JournalReader::open(&self.journal)?);
            self.next = self.records.next().transpose()?;
            self.now = Stamp::ZERO;
            *console = console.afresh();
        }
        self.go(to, is_time, console).map(drop)
    }

    /// Goes on to there; if it is time for something else, so far as it came, and the rest is done later.
    fn go(
        &mut self,
        to: Stamp,
        is_time: &mut impl FnMut() -> bool,
        console: &mut Console,
    ) -> Result<bool, JournalError> {
        let mut applied = 0;
        self.goal = None;
        while self.next.as_ref().is_some_and(|record| record.seen <= to) {
            if let Some(record) = self.take()? {
                self.now = record.seen;
                console.apply(&record);
                applied += 1;
            }
            if applied % BATCH == 0 && is_time() {
                self.goal = Some(to);
                return Ok(true);
            }
        }
        self.now = to;
        Ok(applied > 0)
    }

    fn take(&mut self) -> Result<Option<Record>, JournalError> {
        let next = self.records.next().transpose()?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}
