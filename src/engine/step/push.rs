//! Tells every phone something by its XML interface and waits for its answer. A phone that is to boot, and takes no pushes, is
//! told by its keys.
//!
//! An answer says that the phone took the order; that it booted is for the `log-on` after it to show.

use std::collections::BTreeMap;

use super::keys::{FATE_PATIENCE, Keys, PUSH_PATIENCE};
use crate::{
    config::StepKind,
    engine::{
        Outbox,
        case::Finding,
        judge,
        registration::Fix,
        subjects::{Subjects, Telling},
    },
    event::{Action, Observed, PhoneName, PushCommand, Stamp},
};

/// The step.
#[derive(Debug)]
pub struct Push {
    told: BTreeMap<PhoneName, Stage>,
    /// Of the phones that are told by their keys.
    keys: Keys,
    /// What does not arrive is not held against anybody: a phone that is to boot may be booting.
    patient: bool,
}

/// What one phone is waited for.
#[derive(Debug)]
enum Stage {
    /// Its answer to this push.
    Answer { sequence: u32, until: Stamp },
    /// Word of its ports: whether the push failed, or all of the phone is gone.
    Broken { error: String, by: u64, until: Stamp },
}

impl Push {
    /// Tells all phones at once; those that lack what it takes pass over, or leave their cases as skipped.
    pub fn begin(
        kind: &StepKind,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        let (mut told, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for phone in subjects.phones_running() {
            match subjects.order_for(&phone, kind) {
                Ok(Telling::Push(command)) => {
                    told.insert(phone.clone(), push(&phone, command, subjects, now, fix, out));
                }
                Ok(Telling::Keys(sequence)) => drop(keys.insert(phone, sequence)),
                Err(lacks) => subjects.lack(&phone, optional, &lacks),
            }
        }
        Self { told, keys: Keys::press(keys, true, subjects, now, fix, out), patient: false }
    }

    /// Restarts all phones that can be restarted now. What comes of it is for the boot to show.
    pub fn restart_patiently(subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Self {
        Self { patient: true, ..Self::begin(&StepKind::Restart, false, subjects, now, fix, out) }
    }

    /// Hears what a phone answered, or that it did not.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects) {
        self.keys.observe(observed, fix);
        let Observed::Pushed { phone, sequence, error, .. } = observed else { return };
        let Some(stage) = self.told.get_mut(phone) else { return };
        if !matches!(stage, Stage::Answer { sequence: mine, .. } if mine == sequence) {
            return;
        }
        match error {
            Some(error) => {
                *stage = Stage::Broken { error: error.clone(), by: fix.seq, until: fix.when.at + FATE_PATIENCE };
            }
            None => {
                self.told.remove(phone);
                subjects.finish_step(phone, "the phone took it", &[fix.seq]);
            }
        }
    }

    /// Gives up what is overdue, and plays the keys of the others.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        self.keys.advance(now, fix, subjects, out);
        self.told.retain(|phone, stage| {
            let finding = match stage {
                Stage::Answer { until, .. } if now >= *until => {
                    Some(Finding::rig("push-silent", "the rig did not say what became of a push; please report this"))
                }
                Stage::Broken { error, by, until } if now >= *until => subjects.watch(phone).map(|watch| {
                    judge::port_lost(watch, "push-failed", format!("what was pushed did not arrive: {error}"), *by)
                }),
                Stage::Answer { .. } | Stage::Broken { .. } => None,
            };
            match &finding {
                Some(finding) if self.patient && matches!(stage, Stage::Broken { .. }) => {
                    subjects.finish_step(phone, &finding.reason, &finding.evidence);
                }
                Some(finding) => subjects.decide(phone, || finding.clone()),
                None => {}
            }
            finding.is_none()
        });
    }

    /// Whether keys of a phone are being pressed.
    pub fn presses(&self, phone: &PhoneName) -> bool {
        self.keys.presses(phone)
    }

    /// The first patience that runs out.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        let told = self.told.values().map(|stage| match stage {
            Stage::Answer { until, .. } => (*until, "a phone's answer to a push"),
            Stage::Broken { until, .. } => (*until, "the fate of a phone's ports"),
        });
        told.chain(self.keys.deadline()).min()
    }
}

fn push(
    phone: &PhoneName,
    command: PushCommand,
    subjects: &mut Subjects,
    now: Stamp,
    fix: Fix,
    out: &mut Outbox,
) -> Stage {
    let sequence = subjects.next_sequence();
    subjects.order_given(phone, now, fix, true);
    out.order(Action::Push { phone: phone.clone(), sequence, command });
    Stage::Answer { sequence, until: now + PUSH_PATIENCE }
}
