//! A run that goes on: its journal as it grows, and its ear for operators.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use tokio::net::UnixStream;

use super::{News, own::Own, pulse::Asking};
use crate::{
    cli::{
        args::WhichRun,
        error::UserError,
        exit::Exit,
        operator::{Answered, Said, Wished},
        runs,
    },
    driver::clock::RunClock,
    event::Stamp,
    journal::{RunDir, follow::Follower},
    tui::console::{Console, Going, Source, Wish},
};

/// After so many records it is looked whether it is time for something else.
const BATCH: usize = 64;

/// How often it is looked whether a run that hears nothing is still there.
const KNOCK: Duration = Duration::from_secs(1);

/// A run that goes on, or did.
pub(super) struct Attached {
    run_dir: Option<RunDir>,
    journal: Option<Follower>,
    ear: Option<UnixStream>,
    /// When it is looked next whether a run that hears nothing is still there; none: it hears.
    knocks: Option<Stamp>,
    pulse: Asking,
    state: Going,
    /// The run is this console's own.
    own: Option<Own>,
    by: String,
    /// What the run answered, as far as it is no whole line.
    answered: Vec<u8>,
}

impl Attached {
    /// The run of that name, or the latest that goes on.
    ///
    /// # Errors
    /// If there is none, or it does not go on.
    pub(super) async fn find(which: &WhichRun) -> Result<Self, UserError> {
        let candidates = if which.run == "latest" { runs::all(&which.report_dir)? } else { vec![runs::find(which)?] };
        let mut kept_out = None;
        for run_dir in candidates.iter().rev() {
            match seat(run_dir, &name()).await {
                Ok(ear) => {
                    let journal = Some(Follower::open(&run_dir.journal())?);
                    let pulse = Asking::over(self::ear(run_dir).await.ok());
                    let run_dir = Some(run_dir.clone());
                    return Ok(Self { run_dir, journal, ear: Some(ear), pulse, ..Self::nowhere(None) });
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    kept_out.get_or_insert(run_dir);
                }
                Err(_) => {}
            }
        }
        if let Some(run_dir) = kept_out {
            let message = format!("the run `{}` is another user's", run_dir.name());
            return Err(UserError::new(Exit::Rig, message, "he may join it, and root; try it with sudo"));
        }
        let message = match which.run.as_str() {
            "latest" => format!("no run goes on in {}", which.report_dir.display()),
            run => format!("the run `{run}` does not go on"),
        };
        Err(UserError::new(Exit::Usage, message, "play one back with `siprig console --replay latest`"))
    }

    /// A run that was just begun by this console.
    pub(super) fn of(own: Own) -> Self {
        Self::nowhere(Some(own))
    }

    fn nowhere(own: Option<Own>) -> Self {
        Self {
            run_dir: None,
            journal: None,
            ear: None,
            knocks: None,
            pulse: Asking::over(None),
            state: Going::On,
            own,
            by: name(),
            answered: Vec::new(),
        }
    }

    pub(super) fn source(&self) -> Source {
        let behind = self.journal.as_ref().map_or(0, Follower::behind);
        // A little is always on its way.
        let behind = if behind > 100_000 { behind } else { 0 };
        Source::Live { own: self.own.is_some(), state: self.state.clone(), behind }
    }

    /// The time of the run: by the clock while it goes on, else that of its last record.
    pub(super) fn now(&self, console: &Console, clock: &RunClock) -> Stamp {
        let (Going::On, Some(epoch)) = (&self.state, console.epoch_unix_ns()) else { return console.last() };
        let since = clock.unix_ns(clock.now()).saturating_sub(epoch);
        Stamp(u64::try_from(since).unwrap_or(0)).max(console.last())
    }

    /// Where the run is, once it is known.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.run_dir.as_ref().map(RunDir::path)
    }

    /// Takes what is new, until that time at most. Of a journal that can not be read any further it says so.
    pub(super) async fn look(&mut self, clock: &RunClock, until: Stamp, console: &mut Console) -> News {
        if self.journal.is_none()
            && console.broken.is_none()
            && let Some(run_dir) = self.own.as_ref().and_then(Own::run_dir)
        {
            // It is there a moment before its journal is.
            self.journal = Follower::open(&run_dir.journal()).ok();
            self.ear = seat(&run_dir, &self.by).await.ok();
            self.pulse = Asking::over(ear(&run_dir).await.ok());
            self.run_dir = Some(run_dir);
        }
        let (mut changed, mut more) = (false, self.journal.is_some());
        while let Some(journal) = self.journal.as_mut().filter(|_| more) {
            for _ in 0..BATCH {
                match journal.next_record() {
                    Ok(Some(record)) => console.apply(&record),
                    Ok(None) => {
                        more = false;
                        break;
                    }
                    Err(error) => {
                        console.broken = Some(error.to_string());
                        (self.journal, more, changed) = (None, false, true);
                        break;
                    }
                }
                changed = true;
            }
            if clock.now() >= until {
                break;
            }
        }
        let over = self.is_over(clock, console).await;
        changed |= self.hear(console);
        if self.state == Going::On && console.epoch_unix_ns().is_some() {
            let now = self.now(console, clock);
            self.pulse.ask(now, console);
        }
        // What it told before it was gone is shown first.
        if self.state == Going::On && !changed {
            if console.has_ended() {
                self.state = Going::Ended;
            } else if over {
                self.state = Going::Gone;
            }
            changed = self.state != Going::On;
        }
        console.source = self.source();
        News { changed, more }
    }

    /// Our own run has ended before it began: there is nothing to show, and what it said is to be told.
    pub(super) fn is_stillborn(&mut self, console: &Console) -> bool {
        self.journal.is_none() && console.broken.is_none() && self.own.as_mut().is_some_and(Own::has_ended)
    }

    /// Hears what the run answers. True if it was something to be told.
    fn hear(&mut self, console: &mut Console) -> bool {
        let mut told = false;
        while let Some(end) = self.answered.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.answered.drain(..=end).collect();
            // What a run of another version says otherwise is no answer.
            let Ok(Answered { heard: false, held_by, .. }) = serde_json::from_slice(&line) else { continue };
            match held_by {
                Some(holder) => console.is_kept_off(&holder.by, holder.since),
                None => console.tell("the run does not do that".to_owned()),
            }
            told = true;
        }
        told
    }

    /// Whether whoever had the run is gone. One that does not hear us any more may still be there.
    async fn is_over(&mut self, clock: &RunClock, console: &mut Console) -> bool {
        let mut answer = [0; 512];
        let heard = self.ear.as_ref().map(|ear| ear.try_read(&mut answer));
        if let Some(Ok(count)) = heard {
            self.answered.extend_from_slice(answer.get(..count).unwrap_or_default());
        }
        let deaf = match heard {
            None => false,
            Some(Ok(0)) => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => error.kind() != ErrorKind::WouldBlock,
        };
        if let Some(own) = &mut self.own {
            return own.has_ended();
        }
        let Some(run_dir) = self.run_dir.as_ref().filter(|_| self.state == Going::On) else { return false };
        if deaf {
            (self.ear, self.knocks) = (None, Some(Stamp::ZERO));
        }
        let Some(due) = self.knocks.filter(|due| clock.now() >= *due) else { return false };
        let gone = match ear(run_dir).await {
            Ok(_) => false,
            // It is full, or somebody else's.
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::PermissionDenied),
        };
        if !gone && due == Stamp::ZERO {
            console.tell("the run goes on, but does not hear this console: it only looks on".to_owned());
        }
        self.knocks = Some(clock.now() + KNOCK);
        gone
    }

    pub(super) fn wish(&mut self, wish: Wish, console: &mut Console) {
        let wished = match wish {
            Wish::Stop => Wished::Stop,
            Wish::Restore => Wished::Restore,
            Wish::Take => Wished::Take,
            Wish::TakeOver => Wished::TakeOver,
            Wish::Control { phone, letter } => Wished::Control { phone, letter },
            Wish::Give => Wished::Give,
            Wish::Answer { prompt, reply } => Wished::Answer { prompt, reply },
            Wish::Type { phone, line, secret } => Wished::Type { phone, line, secret },
            Wish::Block(blocking) => Wished::Block(blocking),
            Wish::Lift(outage) => Wished::Lift { outage },
            Wish::Press { phone, stroke, secret } => Wished::Press { phone, stroke, secret },
            _ => return,
        };
        let said = serde_json::to_string(&Said { by: self.by.clone(), wish: wished }).unwrap_or_default() + "\n";
        // A line is less than any buffer of a socket.
        let heard = self.ear.as_ref().and_then(|ear| ear.try_write(said.as_bytes()).ok());
        if heard != Some(said.len()) {
            console.tell("the run does not hear this console".to_owned());
        }
    }

    /// Leaves: a run of another is left to itself, one of our own is ended and its result told.
    ///
    /// # Errors
    /// If it could not begin.
    pub(super) async fn leave(self, exit: Exit) -> Result<ExitCode, UserError> {
        drop(self.ear);
        match self.own {
            Some(own) => own.end(exit).await,
            None => Ok(exit.into()),
        }
    }
}

/// Its ear, at which this console is counted as somebody who answers what the run asks.
async fn seat(run_dir: &RunDir, by: &str) -> io::Result<UnixStream> {
    let ear = ear(run_dir).await?;
    let said = Said { by: by.to_owned(), wish: Wished::Attend };
    let line = serde_json::to_string(&said)? + "\n";
    ear.writable().await?;
    ear.try_write(line.as_bytes())?;
    Ok(ear)
}

/// Its ear, if it has one.
async fn ear(run_dir: &RunDir) -> io::Result<UnixStream> {
    let folder = File::open(run_dir.path())?;
    let socket = run_dir.operator_socket();
    let name = socket.file_name().ok_or(ErrorKind::NotFound)?;
    UnixStream::connect(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name)).await
}

/// Who sits here.
fn name() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "operator".to_owned())
}
