//! The phones' own files, written as the base set has them with settings on top, and written back.
//!
//! What was written is written back: when that is ordered, when the run ends or fails, and when the controller panics. A controller
//! that is killed leaves a note ([`notes`](super::hook::notes)), which the next one finds. A file that is served otherwise than the
//! base set has it is somebody's, and stays as it is. One thread does all of it, as a file server may take long.

mod place;

use std::{collections::BTreeMap, sync::mpsc};

use super::{
    Report,
    clock::RunClock,
    hook::{
        keeper::{Keeper, offer},
        notes::{Notes, Rewritten},
    },
    secrets::Secrets,
};
use crate::{
    config::{PhoneFiles, Plan, Scenario, Served, StepKind},
    event::{FileFault, FileFlaw, Observed, PhoneName, When},
};

pub use place::Place;

/// By name, what is on top of the base set.
type Settings = BTreeMap<String, String>;

/// Why phones' files can not be written.
#[derive(Debug, thiserror::Error)]
pub enum PhoneFilesError {
    /// The base set is not there.
    #[error("cannot read {}, where the phones' files are as they are meant to be: {source}; look at [provisioning] of the bench file", path.display())]
    Base {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no such program.
    #[error("there is no program `{program}` to put phones' files in place with; look at `put` of the bench file")]
    NoProgram {
        /// Its name.
        program: String,
    },
    /// The system has no thread for it.
    #[error("cannot write phones' files: {0}")]
    Thread(std::io::Error),
}

/// Writes the files, and writes them back.
#[derive(Debug, Default)]
pub struct Writer {
    keeper: Option<Keeper<Order>>,
}

impl Writer {
    /// Makes ready, if a scenario of the plan writes any, or a run before this one did, and the bench says where they are.
    /// Nothing is written.
    ///
    /// # Errors
    /// If the base set or a program is not there.
    pub fn start(
        plan: &Plan,
        notes: Option<&Notes<Rewritten>>,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, PhoneFilesError> {
        let writes =
            |scenario: &Scenario| scenario.all_steps().any(|step| matches!(step.kind, StepKind::Configure { .. }));
        let wanted = plan.scenarios().any(writes) || !plan.unsettled.is_empty();
        let Some(files) = plan.bench.provisioning.as_ref().filter(|_| wanted) else { return Ok(Self::default()) };
        let place = Place::new(files.clone(), Secrets::of(plan), clock.clone());
        place.ready()?;
        let names = plan.bench.phones.iter().filter_map(|phone| Some((phone.name.clone(), phone.settings_file()?)));
        let work = Work {
            names: names.collect(),
            place,
            notes: notes.cloned(),
            written: BTreeMap::new(),
            clock: clock.clone(),
            reports: reports.clone(),
        };
        let keeper = Keeper::start("phone-files".to_owned(), move |orders| work.serve(orders));
        Ok(Self { keeper: Some(keeper.map_err(PhoneFilesError::Thread)?) })
    }

    /// Has a phone's file written. [`Observed::PhoneFileWritten`] reports what came of it. False: the bench does not say where.
    pub fn write(&self, phone: &PhoneName, sequence: u32, settings: Settings) -> bool {
        self.order(Order::Write { phone: phone.clone(), sequence, settings })
    }

    /// Nothing is left to be undone for a phone. False: the bench does not say where its file is.
    pub fn settle(&self, phone: &PhoneName) -> bool {
        self.order(Order::Settle { phone: phone.clone() })
    }

    fn order(&self, order: Order) -> bool {
        self.keeper.as_ref().map(|keeper| keeper.order(order)).is_some()
    }

    /// Writes everything back that is other than it was, and waits for that.
    pub async fn close(self) {
        // A thread that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Write { phone: PhoneName, sequence: u32, settings: Settings },
    Settle { phone: PhoneName },
}

/// What the thread works with.
struct Work {
    /// The phones' own files, as they ask for them.
    names: BTreeMap<PhoneName, String>,
    place: Place,
    notes: Option<Notes<Rewritten>>,
    /// What is on top of the base set, where anything is; behind that, what may be in its place where writing has failed.
    written: BTreeMap<PhoneName, Vec<Settings>>,
    clock: RunClock,
    reports: tokio::sync::mpsc::Sender<Report>,
}

impl Work {
    fn serve(mut self, orders: &mpsc::Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Write { phone, sequence, settings } => self.write(&phone, Some(sequence), settings),
                Order::Settle { phone } if !self.written.contains_key(&phone) => {
                    // A note that stays has the next run restart the phone, which does no harm.
                    let _ = self.notes.as_ref().map(|notes| notes.remove(&phone));
                }
                Order::Settle { .. } => {}
            }
        }
        let left: Vec<PhoneName> = self.written.keys().cloned().collect();
        left.iter().for_each(|phone| self.write(phone, None, Settings::new()));
    }

    fn write(&mut self, phone: &PhoneName, sequence: Option<u32>, settings: Settings) {
        let Some(name) = self.names.get(phone).cloned() else { return };
        let flaw = self.try_to_write(phone, &name, &settings).err();
        let settings = self.written.get(phone).and_then(|all| all.first()).cloned().unwrap_or_default();
        let observed = Observed::PhoneFileWritten { phone: phone.clone(), sequence, file: name, settings, flaw };
        offer(&self.reports, Report { when: When::exactly(self.clock.now()), observed });
    }

    /// Notes what is to be written before it is, and that it was written back after.
    fn try_to_write(&mut self, phone: &PhoneName, name: &str, settings: &Settings) -> Result<(), FileFlaw> {
        let before = self.written.get(phone).cloned().unwrap_or_default();
        self.place.can_hold(name, settings)?;
        if !settings.is_empty() {
            self.note(phone, name, (settings, &before), false)?;
        }
        let written = self.place.put(name, &before, settings);
        match (&written, settings.is_empty()) {
            (Ok(()), true) => {
                self.written.remove(phone);
                // One that stays as it was has the next run write the base set again, which does no harm.
                let _ = self.note(phone, name, (settings, &before), true);
            }
            (Ok(()), false) => drop(self.written.insert(phone.clone(), vec![settings.clone()])),
            (Err(flaw), false) if before.is_empty() && flaw.fault == FileFault::Differs => {
                let _ = self.notes.as_ref().map(|notes| notes.remove(phone));
            }
            // It may be half done: it is written back at the end, whichever of them it is then.
            (Err(flaw), false) if flaw.fault == FileFault::Failed => {
                let all = std::iter::once(settings.clone()).chain(before).collect();
                self.written.insert(phone.clone(), all);
            }
            (Err(_), _) => {}
        }
        written
    }

    fn note(
        &self,
        phone: &PhoneName,
        name: &str,
        (settings, before): (&Settings, &[Settings]),
        back: bool,
    ) -> Result<(), FileFlaw> {
        let Some(notes) = &self.notes else { return Ok(()) };
        let left = Rewritten {
            since_unix_s: self.clock.unix_ns(self.clock.now()) / 1_000_000_000,
            file: name.to_owned(),
            settings: settings.clone(),
            before: before.to_vec(),
            files: self.place.files().clone(),
            back,
        };
        notes.add(phone, left).map_err(|error| {
            let reason = format!("{name} was not written, since nobody would know of it after a crash: {error}");
            FileFlaw { fault: FileFault::Failed, reason }
        })
    }
}

/// Where they are served from, for people.
pub fn shown(files: &PhoneFiles) -> String {
    match &files.served {
        Served::Folder(folder) => folder.display().to_string(),
        Served::Put(put) => format!("`{}`", put.command.join(" ")),
    }
}

#[cfg(test)]
mod tests;
