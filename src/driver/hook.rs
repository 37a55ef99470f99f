//! Servers that are stopped and started by commands of the bench file, as the user who runs siprig.
//!
//! Whoever was stopped is started again: when the outage is lifted, at its limit, when the run ends or fails, and when the
//! controller panics. A controller that is killed leaves a note ([`notes`]), which the next one finds. Each server has a thread:
//! it waits for nobody but its commands, whatever becomes of the session.

use std::{
    collections::BTreeMap,
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use nix::poll::{PollTimeout, poll};

use super::{Report, clock::RunClock};
use crate::{
    config::{Hook, Plan, Server, StepKind},
    event::{HookAct, HookOutcome, Observed, OutageEnd, OutageId, ServerName, Stamp, When},
};

pub mod command;
pub mod notes;

use notes::{Left, Notes};

/// How often a report is offered to a session that has no room for it, and how long is waited in between.
const OFFERS: u32 = 300;
const PAUSE_MS: u8 = 10;

/// Why servers can not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// A program is not there.
    #[error(
        "server {server}: there is no program `{program}` to {act} it with; look at `hook.{act}` of the bench file"
    )]
    NoProgram {
        /// The server.
        server: ServerName,
        /// Which command.
        act: HookAct,
        /// Its program.
        program: String,
    },
    /// The system has no thread for it.
    #[error("cannot wait for the commands of server {server}: {source}")]
    Thread {
        /// The server.
        server: ServerName,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Stops and starts servers.
#[derive(Debug, Default)]
pub struct Hooks {
    keepers: BTreeMap<ServerName, Keeper>,
    hooked: BTreeMap<OutageId, ServerName>,
}

impl Hooks {
    /// Makes ready to stop the servers of a plan that has scenarios which do, and have commands for it. Nothing is run.
    ///
    /// # Errors
    /// If a program is not there.
    pub fn start(
        plan: &Plan,
        notes: Option<&Notes>,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, HookError> {
        let hooks = |kind: &StepKind| matches!(kind, StepKind::Outage(outage) if outage.is_hook());
        let mut all = Self::default();
        if !plan.scenarios().any(|scenario| scenario.all_steps().any(|step| hooks(&step.kind))) {
            return Ok(all);
        }
        for server in &plan.bench.servers {
            if let Some(hook) = &server.hook {
                all.keepers.insert(server.name.clone(), Keeper::start(server, hook, notes, clock, reports)?);
            }
        }
        Ok(all)
    }

    /// Stops a server. [`Observed::OutageBegan`] reports when it was stopped; if it was not, it is started again. False: it has
    /// no commands.
    pub fn begin(&mut self, outage: OutageId, server: &ServerName, limit: Duration) -> bool {
        let Some(keeper) = self.keepers.get(server) else { return false };
        self.hooked.insert(outage, server.clone());
        keeper.order(Order::Stop { outage, limit });
        true
    }

    /// Starts the server that an outage has stopped. [`Observed::OutageEnded`] reports when it was started. False: the outage is
    /// none of ours.
    pub fn end(&self, outage: OutageId) -> bool {
        let keeper = self.hooked.get(&outage).and_then(|server| self.keepers.get(server));
        keeper.map(|keeper| keeper.order(Order::Start { outage })).is_some()
    }

    /// Starts every server that is stopped, and waits for that: for each at most the limit of two of its commands.
    pub async fn close(self) {
        // A thread that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// All are started side by side.
impl Drop for Hooks {
    fn drop(&mut self) {
        self.keepers.values_mut().for_each(|keeper| drop(keeper.orders.take()));
    }
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Stop { outage: OutageId, limit: Duration },
    Start { outage: OutageId },
}

/// Who stops and starts a server. When this is dropped, the server is started if it is stopped.
#[derive(Debug)]
struct Keeper {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn start(
        server: &Server,
        hook: &Hook,
        notes: Option<&Notes>,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, HookError> {
        for (act, words) in [(HookAct::Stop, &hook.stop), (HookAct::Start, &hook.start)] {
            let program = words.first().cloned().unwrap_or_default();
            if command::find(&program).is_none() {
                return Err(HookError::NoProgram { server: server.name.clone(), act, program });
            }
        }
        let (orders, inbox) = mpsc::channel();
        let work = Work {
            server: server.name.clone(),
            hook: hook.clone(),
            notes: notes.cloned(),
            clock: clock.clone(),
            reports: reports.clone(),
            stopped: None,
        };
        let thread = std::thread::Builder::new().name(format!("hook of {}", server.name));
        let thread = thread.spawn(move || work.serve(&inbox));
        let thread = thread.map_err(|source| HookError::Thread { server: server.name.clone(), source })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        // The thread outlives this handle's sender.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the thread of a server works with.
struct Work {
    server: ServerName,
    hook: Hook,
    notes: Option<Notes>,
    clock: RunClock,
    reports: tokio::sync::mpsc::Sender<Report>,
    stopped: Option<Stopped>,
}

/// A server that is stopped, or may be.
struct Stopped {
    outage: OutageId,
    /// It is started then; none: its start command has failed, and is tried once more at the end.
    until: Option<Stamp>,
}

impl Work {
    fn serve(mut self, orders: &mpsc::Receiver<Order>) {
        loop {
            let until = self.stopped.as_ref().and_then(|stopped| stopped.until);
            let order = match until {
                Some(until) => orders.recv_timeout(self.clock.until(until)),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(Order::Stop { outage, limit }) => self.stop(outage, limit),
                Ok(Order::Start { outage }) => {
                    if self.stopped.as_ref().is_some_and(|stopped| stopped.outage == outage) {
                        self.start_again(OutageEnd::Lifted);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.start_again(OutageEnd::Limit),
                Err(RecvTimeoutError::Disconnected) => return self.start_again(OutageEnd::Lifted),
            }
        }
    }

    fn stop(&mut self, outage: OutageId, limit: Duration) {
        let begun = self.clock.now();
        let left = Left { since_unix_s: self.clock.unix_ns(begun) / 1_000_000_000, hook: self.hook.clone() };
        if let Some(Err(error)) = self.notes.as_ref().map(|notes| notes.add(&self.server, left)) {
            let error = Some(format!("was not run, since nobody would know of it after a crash: {error}"));
            return self.tell_end(outage, HookAct::Stop, HookOutcome { took_ns: 0, output: String::new(), error });
        }
        self.stopped = Some(Stopped { outage, until: Some(begun + limit) });
        let (begun, outcome) = self.run(outage, HookAct::Stop);
        let failed = outcome.error.is_some();
        let took_ns = outcome.took_ns;
        self.tell_end(outage, HookAct::Stop, outcome);
        if failed {
            // It may be stopped in part.
            self.start_again(OutageEnd::Lifted);
        } else {
            self.tell(When { at: begun, error_ns: took_ns }, Observed::OutageBegan { outage });
        }
    }

    fn start_again(&mut self, why: OutageEnd) {
        let Some(Stopped { outage, .. }) = self.stopped.take() else { return };
        let (_, outcome) = self.run(outage, HookAct::Start);
        let failed = outcome.error.is_some();
        let took_ns = outcome.took_ns;
        let now = self.clock.now();
        self.tell_end(outage, HookAct::Start, outcome);
        if failed {
            self.stopped = Some(Stopped { outage, until: None });
            return;
        }
        // A note that stays has the next run start a server that runs, which does no harm.
        let _ = self.notes.as_ref().map(|notes| notes.remove(&self.server));
        self.tell(When { at: now, error_ns: took_ns }, Observed::OutageEnded { outage, why, tally: BTreeMap::new() });
    }

    fn run(&self, outage: OutageId, act: HookAct) -> (Stamp, HookOutcome) {
        let words = match act {
            HookAct::Stop => &self.hook.stop,
            HookAct::Start => &self.hook.start,
        };
        let begun = self.clock.now();
        self.tell(When::exactly(begun), Observed::HookStarted { outage, server: self.server.clone(), act });
        (begun, command::run(words, self.hook.limit, &self.clock))
    }

    fn tell_end(&self, outage: OutageId, act: HookAct, outcome: HookOutcome) {
        let ended = Observed::HookEnded { outage, server: self.server.clone(), act, outcome };
        self.tell(When::exactly(self.clock.now()), ended);
    }

    /// Reports to the session. One that has no room for it is waited for, but not for ever: it may be gone.
    fn tell(&self, when: When, observed: Observed) {
        let mut report = Report { when, observed };
        for _ in 0..OFFERS {
            match self.reports.try_send(report) {
                Err(tokio::sync::mpsc::error::TrySendError::Full(back)) => report = back,
                Ok(()) | Err(_) => return,
            }
            // Interrupted is as good as waited.
            let _ = poll(&mut [], PollTimeout::from(PAUSE_MS));
        }
    }
}

#[cfg(test)]
mod tests;
