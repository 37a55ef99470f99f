//! Servers that are stopped and started by commands of the bench file, as the user who runs siprig.
//!
//! Whoever was stopped is started again: when the outage is lifted, at its limit, when the run ends or fails, and when the
//! controller panics. A controller that is killed leaves a note ([`notes`]), which the next one finds. Each server has a thread:
//! it waits for nobody but its commands, whatever becomes of the session.

use std::{
    collections::BTreeMap,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use super::{Report, clock::RunClock, secrets::Secrets};
use crate::{
    config::{Hook, Plan, StepKind},
    event::{HookAct, HookOutcome, Observed, OutageEnd, OutageId, ServerName, Stamp, When},
};

pub mod command;
pub(super) mod keeper;
pub mod notes;

use keeper::{Keeper, offer};
use notes::{Left, Notes};

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
    keepers: BTreeMap<ServerName, Keeper<Order>>,
    hooked: BTreeMap<OutageId, ServerName>,
}

impl Hooks {
    /// Makes ready to stop the servers of a plan that has scenarios which do, and have commands for it. Nothing is run.
    ///
    /// # Errors
    /// If a program is not there.
    pub fn start(
        plan: &Plan,
        notes: Option<&Notes<Left>>,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, HookError> {
        let hooks = |kind: &StepKind| matches!(kind, StepKind::Outage(outage) if outage.is_hook());
        let mut all = Self::default();
        if !plan.scenarios().any(|scenario| scenario.all_steps().any(|step| hooks(&step.kind))) {
            return Ok(all);
        }
        let secrets = Secrets::of(plan);
        for server in &plan.bench.servers {
            if let Some(hook) = &server.hook {
                let work = Work {
                    server: server.name.clone(),
                    hook: hook.clone(),
                    notes: notes.cloned(),
                    clock: clock.clone(),
                    reports: reports.clone(),
                    secrets: secrets.clone(),
                    stopped: None,
                };
                all.keepers.insert(server.name.clone(), work.begin()?);
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
        self.keepers.values_mut().for_each(Keeper::dismiss);
    }
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Stop { outage: OutageId, limit: Duration },
    Start { outage: OutageId },
}

/// What the thread of a server works with.
struct Work {
    server: ServerName,
    hook: Hook,
    notes: Option<Notes<Left>>,
    clock: RunClock,
    reports: tokio::sync::mpsc::Sender<Report>,
    secrets: Secrets,
    stopped: Option<Stopped>,
}

/// A server that is stopped, or may be.
struct Stopped {
    outage: OutageId,
    /// It is started then; none: its start command has failed, and is tried once more at the end.
    until: Option<Stamp>,
}

impl Work {
    /// Looks for its programs, and waits for orders in a thread of its own.
    fn begin(self) -> Result<Keeper<Order>, HookError> {
        for (act, words) in [(HookAct::Stop, &self.hook.stop), (HookAct::Start, &self.hook.start)] {
            let program = words.first().cloned().unwrap_or_default();
            if command::find(&program).is_none() {
                return Err(HookError::NoProgram { server: self.server, act, program });
            }
        }
        let server = self.server.clone();
        let keeper = Keeper::start(format!("hook of {server}"), move |orders| self.serve(orders));
        keeper.map_err(|source| HookError::Thread { server, source })
    }

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
        let left = Left { since_unix_s: self.clock.unix_ns(self.clock.now()) / 1_000_000_000, hook: self.hook.clone() };
        if let Some(Err(error)) = self.notes.as_ref().map(|notes| notes.add(&self.server, left)) {
            let error = Some(format!("was not run, since nobody would know of it after a crash: {error}"));
            return self.tell_end(outage, HookAct::Stop, HookOutcome { took_ns: 0, output: String::new(), error });
        }
        let (begun, outcome) = self.run(outage, HookAct::Stop);
        // From when it is told to be stopped: how long the note took is not of its time.
        self.stopped = Some(Stopped { outage, until: Some(begun + limit) });
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
        (begun, command::run(words, self.hook.limit, &self.secrets, &self.clock))
    }

    fn tell_end(&self, outage: OutageId, act: HookAct, outcome: HookOutcome) {
        let ended = Observed::HookEnded { outage, server: self.server.clone(), act, outcome };
        self.tell(When::exactly(self.clock.now()), ended);
    }

    fn tell(&self, when: When, observed: Observed) {
        offer(&self.reports, Report { when, observed });
    }
}

#[cfg(test)]
mod tests;
