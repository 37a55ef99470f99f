//! Has each phone's own file written with settings on top of the base set, or as the base set has it.
//!
//! What makes the settings count is the boot after it, for which there must be a way: no file is written for a phone that nothing
//! can restart.

use std::collections::BTreeMap;

use crate::{
    config::StepKind,
    engine::{
        Outbox,
        case::Finding,
        phone_files::{self, Settings},
        registration::Fix,
        subjects::Subjects,
    },
    event::{Observed, PhoneName, Stamp},
};

/// The step.
#[derive(Debug)]
pub struct Configure {
    /// What is waited for, by the number of the order.
    open: BTreeMap<u32, PhoneName>,
    /// The files are written back.
    back: bool,
    until: Stamp,
}

impl Configure {
    /// Orders the files of all phones to be written; those that lack what it takes pass over, or leave their cases as skipped.
    pub fn begin(settings: &Settings, optional: bool, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let mut open = BTreeMap::new();
        for phone in subjects.phones_running() {
            match lacks(&phone, subjects) {
                Some(lacks) => {
                    subjects.files.pass_over(&phone);
                    subjects.lack(&phone, optional, &lacks);
                }
                None => drop(open.insert(phone_files::order(&phone, settings, subjects, out), phone)),
            }
        }
        let until = now + phone_files::patience(subjects, open.len());
        Self { open, back: settings.is_empty(), until }
    }

    /// Hears what came of it.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects) {
        let Observed::PhoneFileWritten { sequence: Some(sequence), file, flaw, .. } = observed else { return };
        let Some(phone) = self.open.remove(sequence) else { return };
        match flaw {
            Some(flaw) if self.back => subjects.decide(&phone, || phone_files::not_restored(file, flaw, fix.seq)),
            Some(flaw) => subjects.decide(&phone, || phone_files::flawed(flaw, fix.seq)),
            None => subjects.finish_step(&phone, &format!("{file} was written"), &[fix.seq]),
        }
    }

    /// Gives up what is overdue.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        if now >= self.until {
            for phone in std::mem::take(&mut self.open).into_values() {
                let reason = "the rig did not say what became of a phone's file; please report this";
                subjects.decide(&phone, || Finding::rig("file-silent", reason));
            }
        }
    }

    /// When it is overdue.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        (!self.open.is_empty()).then_some((self.until, "the writing of phones' files"))
    }
}

/// What a phone lacks to be set otherwise, if anything.
pub fn lacks(phone: &PhoneName, subjects: &mut Subjects) -> Option<Finding> {
    let plan = subjects.plan();
    if let Some(lacks) = plan.phone(phone).and_then(|phone| plan.bench.lacks_files(phone)) {
        return Some(Finding::skipped("no-provisioning", lacks));
    }
    subjects.order_for(phone, &StepKind::Restart).err()
}
