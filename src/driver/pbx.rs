//! Settings of the PBX that are changed by commands of the bench file, as the user who runs siprig.
//!
//! What was changed is set back: when that is ordered, when the run ends or fails, and when the controller panics. A controller
//! that is killed leaves a note ([`notes`](super::hook::notes)), which the next one finds. Each setting has a thread, as servers
//! that are stopped have.

use std::{collections::BTreeMap, sync::mpsc};

use nix::poll::{PollTimeout, poll};

use super::{
    Report,
    clock::RunClock,
    hook::{
        command,
        keeper::{Keeper, offer},
        notes::{Changed, Notes},
    },
    secrets::Secrets,
};
use crate::{
    config::{PbxSetting, Plan, StepKind},
    event::{HookOutcome, Observed, PbxAct, PbxFault, PbxFlaw, PbxName, When},
};

/// Between two looks at a setting that does not read as it was set yet, in milliseconds.
const LOOK_MS: u16 = 500;

/// Why a setting can not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PbxError {
    /// A program is not there.
    #[error(
        "there is no program `{program}` to {} with; look at [pbx.{setting}] of the bench file",
        act.of(setting)
    )]
    NoProgram {
        /// The setting.
        setting: PbxName,
        /// What it is for.
        act: PbxAct,
        /// Its name.
        program: String,
    },
    /// The system has no thread for it.
    #[error("cannot wait for the commands of pbx.{setting}: {source}")]
    Thread {
        /// The setting.
        setting: PbxName,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Changes settings, and sets them back.
#[derive(Debug, Default)]
pub struct Settings {
    keepers: BTreeMap<PbxName, Keeper<Order>>,
}

impl Settings {
    /// Makes ready to change what the scenarios of a plan change, as far as its bench knows how. Nothing is run.
    ///
    /// # Errors
    /// If a program is not there.
    pub fn start(
        plan: &Plan,
        notes: Option<&Notes<Changed>>,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, PbxError> {
        let mut all = Self::default();
        for step in plan.scenarios().flat_map(|scenario| scenario.all_steps()) {
            let StepKind::Pbx { setting: name, .. } = &step.kind else { continue };
            let Some(setting) = plan.bench.pbx.get(name).filter(|_| !all.keepers.contains_key(name)) else { continue };
            let hand = Hand {
                name: name.clone(),
                setting: setting.clone(),
                secrets: Secrets::of(plan),
                clock: clock.clone(),
                reports: Some(reports.clone()),
            };
            let work = Work { hand, notes: notes.cloned(), was: None };
            all.keepers.insert(name.clone(), work.begin()?);
        }
        Ok(all)
    }

    /// Has a setting changed. [`Observed::PbxSettled`] reports what came of it. False: it has no commands.
    pub fn set(&self, name: &PbxName, sequence: u32, state: String) -> bool {
        self.keepers.get(name).map(|keeper| keeper.order(Order::Set { sequence, state })).is_some()
    }

    /// Has it set back. [`Observed::PbxSettled`] reports what came of it. False: it has no commands.
    pub fn restore(&self, name: &PbxName, sequence: u32) -> bool {
        self.keepers.get(name).map(|keeper| keeper.order(Order::Restore { sequence })).is_some()
    }

    /// Sets everything back that is changed, and waits for that.
    pub async fn close(self) {
        // A thread that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// All are set back side by side.
impl Drop for Settings {
    fn drop(&mut self) {
        self.keepers.values_mut().for_each(Keeper::dismiss);
    }
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Set { sequence: u32, state: String },
    Restore { sequence: u32 },
}

/// What the thread of a setting works with.
struct Work {
    hand: Hand,
    notes: Option<Notes<Changed>>,
    /// What it was before it was changed; none: it is so.
    was: Option<String>,
}

impl Work {
    /// Looks for its programs, and waits for orders in a thread of its own.
    fn begin(self) -> Result<Keeper<Order>, PbxError> {
        self.hand.ready()?;
        let setting = self.hand.name.clone();
        let keeper = Keeper::start(format!("pbx.{setting}"), move |orders| self.serve(orders));
        keeper.map_err(|source| PbxError::Thread { setting, source })
    }

    fn serve(mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let (sequence, flaw) = match order {
                Order::Set { sequence, state } => (sequence, self.set(&state).err()),
                Order::Restore { sequence } => (sequence, self.restore().err()),
            };
            self.tell(Some(sequence), flaw);
        }
        if self.was.is_some() {
            let flaw = self.restore().err();
            self.tell(None, flaw);
        }
    }

    /// Notes what it is before it is changed for the first time.
    fn set(&mut self, state: &str) -> Result<(), PbxFlaw> {
        if self.was.is_none() {
            let now = self.hand.read()?;
            if now == state {
                return Ok(());
            }
            let since_unix_s = self.hand.clock.unix_ns(self.hand.clock.now()) / 1_000_000_000;
            let left = Changed { since_unix_s, was: now.clone(), setting: self.hand.setting.clone() };
            if let Some(Err(error)) = self.notes.as_ref().map(|notes| notes.add(&self.hand.name, left)) {
                let reason = format!(
                    "pbx.{} was not changed, since nobody would know of it after a crash: {error}",
                    self.hand.name
                );
                return Err(PbxFlaw { fault: PbxFault::Failed, reason });
            }
            self.was = Some(now);
        }
        self.hand.set(state)?;
        if self.was.as_deref() == Some(state) {
            self.as_before();
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), PbxFlaw> {
        if let Some(was) = self.was.clone() {
            self.hand.set(&was)?;
            self.as_before();
        }
        Ok(())
    }

    fn as_before(&mut self) {
        // A note that stays has the next run set what is so already, which does no harm.
        let _ = self.notes.as_ref().map(|notes| notes.remove(&self.hand.name));
        self.was = None;
    }

    fn tell(&self, sequence: Option<u32>, flaw: Option<PbxFlaw>) {
        let settled = Observed::PbxSettled { setting: self.hand.name.clone(), sequence, was: self.was.clone(), flaw };
        self.hand.tell(settled);
    }
}

/// What runs the commands of a setting.
pub struct Hand {
    name: PbxName,
    setting: PbxSetting,
    secrets: Secrets,
    clock: RunClock,
    /// None: nobody is told of the commands.
    reports: Option<tokio::sync::mpsc::Sender<Report>>,
}

impl Hand {
    /// One that tells nobody of the commands.
    pub fn alone(name: PbxName, setting: PbxSetting, secrets: Secrets, clock: RunClock) -> Self {
        Self { name, setting, secrets, clock, reports: None }
    }

    /// Looks for its programs.
    ///
    /// # Errors
    /// If one is not there.
    pub fn ready(&self) -> Result<(), PbxError> {
        let set = self.setting.set.iter().map(|(state, words)| (PbxAct::Set(state.clone()), words));
        for (act, words) in set.chain([(PbxAct::Read, &self.setting.read)]) {
            let program = words.first().cloned().unwrap_or_default();
            if command::find(&program).is_none() {
                return Err(PbxError::NoProgram { setting: self.name.clone(), act, program });
            }
        }
        Ok(())
    }

    /// Sets the setting and reads it back, again and again until it reads so.
    ///
    /// # Errors
    /// If a command fails, or it does not read so in time.
    pub fn set(&self, state: &str) -> Result<(), PbxFlaw> {
        let act = PbxAct::Set(state.to_owned());
        let words = self.setting.set.get(state).map(Vec::as_slice).unwrap_or_default();
        let outcome = command::run(words, self.setting.limit, &self.secrets, &self.clock);
        self.ran(act, &outcome, &format!("set.{state}"))?;
        let begun = self.clock.now();
        loop {
            let flaw = match self.read() {
                Ok(now) if now == state => return Ok(()),
                Ok(other) => {
                    let (name, limit) = (&self.name, humantime::format_duration(self.setting.limit));
                    let reason = format!(
                        "pbx.{name} was set to {state}, and reads as {other} {limit} later; look at [pbx.{name}] of the bench \
                         file, and at the PBX"
                    );
                    PbxFlaw { fault: PbxFault::Unchanged, reason }
                }
                // It may be between the two.
                Err(flaw) if flaw.fault == PbxFault::Unread => flaw,
                Err(flaw) => return Err(flaw),
            };
            if self.clock.now().since(begun) >= self.setting.limit {
                return Err(flaw);
            }
            // Interrupted is as good as waited.
            let _ = poll(&mut [], PollTimeout::from(LOOK_MS));
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// If the command fails, or its answer shows no state, or several.
    pub fn read(&self) -> Result<String, PbxFlaw> {
        let (outcome, answer) = command::ask(&self.setting.read, self.setting.limit, &self.secrets, &self.clock);
        self.ran(PbxAct::Read, &outcome, "read.command")?;
        self.setting.state_in(&answer).map(str::to_owned).map_err(|how| {
            let (name, wrote) = (&self.name, wrote(&outcome));
            let reason = format!("pbx.{name} reads {how}{wrote}; look at `pbx.{name}.read.pattern` of the bench file");
            PbxFlaw { fault: PbxFault::Unread, reason }
        })
    }

    /// Tells what came of a command; an error if it failed.
    fn ran(&self, act: PbxAct, outcome: &HookOutcome, key: &str) -> Result<(), PbxFlaw> {
        let name = &self.name;
        let flaw = outcome.error.as_ref().map(|error| {
            let (what, wrote) = (act.of(name), wrote(outcome));
            let reason =
                format!("the command that is to {what} {error}{wrote}; look at `pbx.{name}.{key}` of the bench file");
            PbxFlaw { fault: PbxFault::Failed, reason }
        });
        self.tell(Observed::PbxRan { setting: name.clone(), act, outcome: outcome.clone() });
        flaw.map_or(Ok(()), Err)
    }

    fn tell(&self, observed: Observed) {
        if let Some(reports) = &self.reports {
            offer(reports, Report { when: When::exactly(self.clock.now()), observed });
        }
    }
}

/// What a command wrote, for people.
fn wrote(outcome: &HookOutcome) -> String {
    if outcome.output.is_empty() { String::new() } else { format!(" (\"{}\")", outcome.output) }
}

#[cfg(test)]
mod tests;
