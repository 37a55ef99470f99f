//! Phones looked at: `siprig check --preflight` in a process of its own.

use std::{path::Path, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::begun;
use crate::{
    cli::{error::UserError, state},
    driver::{clock::RunClock, signals::Signals},
    event::PhoneName,
    nightly::{parking::Found, plan::Surroundings},
};

/// The longest that a look may take: it promises a minute, and a virtual bench has to be brought up for it.
const LIMIT: Duration = Duration::from_secs(150);
/// How long it may take to end in good order.
const GOOD_ORDER: Duration = Duration::from_secs(10);
/// After how long a look that could not be made is tried again.
const AGAIN: Duration = Duration::from_secs(20);
/// The longest document that is taken from it.
const LONGEST: u64 = 64 << 20;

/// What it tells.
#[derive(Debug, Deserialize)]
struct Document {
    error: Option<String>,
    #[serde(default)]
    findings: Vec<Found>,
}

/// What came of a look.
pub(super) enum Looked {
    /// This was found.
    Found(Vec<Found>),
    /// It could not be made, and why.
    Failed(String),
    /// This signal has ended it, and the night.
    Stopped(&'static str),
}

/// What is to be looked at.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) phones: &'a [PhoneName],
    /// Where the disk has to have room.
    pub(super) report_dir: &'a Path,
}

/// Looks at phones of a bench, once more if that can not be made.
///
/// # Errors
/// If there can be no such process.
pub(super) async fn look(look: Look<'_>, signals: &mut Signals, clock: &RunClock) -> Result<Looked, UserError> {
    let looked = once(look, signals, clock).await?;
    let Looked::Failed(_) = looked else { return Ok(looked) };
    // Somebody may have had the bench, or is just about to give it back.
    let again = clock.now() + AGAIN;
    tokio::select! {
        by = signals.next() => return Ok(Looked::Stopped(by)),
        () = clock.wait(Some(again)) => {}
    }
    once(look, signals, clock).await
}

async fn once(look: Look<'_>, signals: &mut Signals, clock: &RunClock) -> Result<Looked, UserError> {
    let mut command = begun::command(["check", "--preflight"], look.phones, look.surroundings);
    command.arg("--report-dir").arg(look.report_dir).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| state::unexpected("look at the phones", &error))?;
    let end = |child: &tokio::process::Child| {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        // It may be gone by itself meanwhile.
        let _ = id.map(|id| kill(Pid::from_raw(id), Signal::SIGTERM));
    };
    let (mut document, output) = (Vec::new(), child.stdout.take());
    let mut read = Box::pin(async {
        match output {
            Some(output) => output.take(LONGEST).read_to_end(&mut document).await.map(drop),
            None => Ok(()),
        }
    });
    let (mut stopped, mut late) = (None, false);
    let mut due = clock.now() + LIMIT;
    loop {
        tokio::select! {
            _ = &mut read => break,
            by = signals.next() => {
                stopped = Some(by);
                end(&child);
                due = clock.now() + GOOD_ORDER;
            }
            () = clock.wait(Some(due)) => {
                if late || stopped.is_some() {
                    break;
                }
                late = true;
                end(&child);
                due = clock.now() + GOOD_ORDER;
            }
        }
    }
    drop(read);
    if let Some(by) = stopped {
        return Ok(Looked::Stopped(by));
    }
    if late {
        return Ok(Looked::Failed("it took too long".to_owned()));
    }
    Ok(match serde_json::from_slice(&document) {
        Ok(Document { error: None, findings }) => Looked::Found(findings),
        Ok(Document { error: Some(error), .. }) => Looked::Failed(error),
        Err(_) => Looked::Failed("it told nothing".to_owned()),
    })
}
