//! A run that goes on: its journal as it grows, and its ear for operators.

use std::{fs::File, os::fd::AsRawFd, path::PathBuf, process::ExitCode};

use tokio::net::UnixStream;

use super::own::Own;
use crate::{
    cli::{
        args::WhichRun,
        error::UserError,
        exit::Exit,
        operator::{Said, Wished},
        runs,
    },
    driver::clock::RunClock,
    event::Stamp,
    journal::{RunDir, follow::Follower},
    tui::console::{Console, Going, Source, Wish},
};

/// Records that are taken at a look, so that keys are heard meanwhile.
const MOST: usize = 20_000;

/// A run that goes on, or did.
pub(super) struct Attached {
    journal: Option<Follower>,
    ear: Option<UnixStream>,
    state: Going,
    /// The run is this console's own.
    own: Option<Own>,
    by: String,
}

impl Attached {
    /// The run of that name, or the latest that goes on.
    ///
    /// # Errors
    /// If there is none, or it does not go on.
    pub(super) async fn find(which: &WhichRun) -> Result<Self, UserError> {
        let candidates = if which.run == "latest" { runs::all(&which.report_dir)? } else { vec![runs::find(which)?] };
        for run_dir in candidates.iter().rev() {
            if let Some(ear) = ear(run_dir).await {
                let journal = Some(Follower::open(&run_dir.journal())?);
                return Ok(Self { journal, ear: Some(ear), state: Going::On, own: None, by: name() });
            }
        }
        let message = match which.run.as_str() {
            "latest" => format!("no run goes on in {}", which.report_dir.display()),
            run => format!("the run `{run}` does not go on"),
        };
        Err(UserError::new(Exit::Usage, message, "play one back with `siprig console --replay latest`"))
    }

    /// A run that was just begun by this console.
    pub(super) fn of(own: Own) -> Self {
        Self { journal: None, ear: None, state: Going::On, own: Some(own), by: name() }
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

    /// Takes what is new. True if something looks different now.
    ///
    /// # Errors
    /// If the journal can not be read.
    pub(super) async fn look(&mut self, console: &mut Console) -> Result<bool, UserError> {
        if self.journal.is_none()
            && let Some(run_dir) = self.own.as_ref().and_then(Own::run_dir)
        {
            // It is there a moment before its journal is.
            self.journal = Follower::open(&run_dir.journal()).ok();
            self.ear = ear(&run_dir).await;
        }
        let mut changed = false;
        if let Some(journal) = &mut self.journal {
            for _ in 0..MOST {
                let Some(record) = journal.next_record()? else { break };
                console.apply(&record);
                changed = true;
            }
        }
        let over = self.is_over();
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
        Ok(changed)
    }

    /// Our own run has ended before it began: there is nothing to show, and what it said is to be told.
    pub(super) fn is_stillborn(&mut self) -> bool {
        self.journal.is_none() && self.own.as_mut().is_some_and(Own::has_ended)
    }

    /// Whether whoever had the run is gone.
    fn is_over(&mut self) -> bool {
        let mut nothing = [0; 64];
        let heard = self.ear.as_ref().map(|ear| ear.try_read(&mut nothing));
        let deaf = match heard {
            None => false,
            Some(Ok(0)) => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => error.kind() != std::io::ErrorKind::WouldBlock,
        };
        deaf || self.own.as_mut().is_some_and(Own::has_ended)
    }

    pub(super) fn wish(&mut self, wish: Wish) {
        let wished = match wish {
            Wish::Stop => Wished::Stop,
            Wish::Restore => Wished::Restore,
            _ => return,
        };
        let said = serde_json::to_string(&Said { by: self.by.clone(), wish: wished }).unwrap_or_default() + "\n";
        // A line is less than any buffer of a socket; a run that does not hear is told by what is shown.
        if let Some(ear) = &self.ear {
            let _ = ear.try_write(said.as_bytes());
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

/// Its ear, if it has one.
async fn ear(run_dir: &RunDir) -> Option<UnixStream> {
    let folder = File::open(run_dir.path()).ok()?;
    let socket = run_dir.operator_socket();
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(socket.file_name()?);
    UnixStream::connect(path).await.ok()
}

/// Who sits here.
fn name() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "operator".to_owned())
}
