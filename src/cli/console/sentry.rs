//! Signals, taken where nothing can be in the way: a terminal whose other end has stopped to read, as over a network that is gone, holds
//! whoever writes to it for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use super::terminal;
use crate::{
    cli::exit::Exit,
    driver::{clock::RunClock, signals::Signals},
};

/// How long a signal may be waited with before the process ends without its terminal. A run of its own ends in good order by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hears signals for the console.
pub(super) struct Sentry {
    heard: mpsc::Receiver<&'static str>,
    taken: Arc<AtomicBool>,
}

impl Sentry {
    /// Posts it. Must be called within a runtime that has a thread to spare.
    ///
    /// # Errors
    /// If the signals can not be taken over.
    pub(super) fn post() -> std::io::Result<Self> {
        let mut signals = Signals::listen()?;
        let (tell, heard) = mpsc::channel(8);
        let taken = Arc::new(AtomicBool::new(false));
        let answered = taken.clone();
        tokio::spawn(async move {
            let clock = RunClock::start();
            loop {
                let name = signals.next().await;
                let _ = tell.try_send(name);
                clock.wait(Some(clock.now() + PATIENCE)).await;
                if !answered.load(Ordering::SeqCst) {
                    terminal::abandon();
                    std::process::exit(i32::from(Exit::of_signal(name).code()));
                }
            }
        });
        Ok(Self { heard, taken })
    }

    /// The name of the next signal, as `SIGINT`. Safe to cancel.
    pub(super) async fn next(&mut self) -> &'static str {
        let name = self.heard.recv().await.unwrap_or("SIGTERM");
        self.taken.store(true, Ordering::SeqCst);
        name
    }
}
