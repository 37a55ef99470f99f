//! Has a setting of the PBX changed, and goes on when it reads so; and before the teardown has all of them set back.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{Outbox, case::Finding, pbx, registration::Fix, subjects::Subjects},
    event::{Action, Observed, PbxName, Stamp},
};

/// How long the rig may take for an order beside its commands.
const PATIENCE: Duration = Duration::from_secs(3);

/// The step.
#[derive(Debug)]
pub struct Setting {
    /// What is waited for, by the number of the order.
    open: BTreeMap<u32, PbxName>,
    /// The state that was ordered; none: all are set back.
    state: Option<String>,
    until: Stamp,
}

impl Setting {
    /// Orders a setting to be changed, if the bench knows how.
    pub fn change(
        name: &PbxName,
        state: &str,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        out: &mut Outbox,
    ) -> Self {
        let mut step = Self { open: BTreeMap::new(), state: Some(state.to_owned()), until: now };
        if let Some(lacks) = subjects.plan().bench.lacks_state(name, state) {
            for phone in subjects.phones_running() {
                subjects.lack(&phone, optional, &Finding::skipped("no-pbx", lacks.clone()));
            }
        } else if !subjects.phones_running().is_empty() {
            let sequence = subjects.next_sequence();
            subjects.pbx.ordered(name);
            out.order(Action::SetPbx { setting: name.clone(), sequence, state: state.to_owned() });
            step.open.insert(sequence, name.clone());
            step.until = now + PATIENCE + pbx::patience(subjects, [name]);
        }
        step
    }

    /// Orders everything to be set back that is changed; none: nothing is.
    pub fn restore(subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Option<Self> {
        let open = pbx::restore_all(subjects, out);
        let until = now + PATIENCE + pbx::return_patience(subjects);
        (!open.is_empty()).then_some(Self { open, state: None, until })
    }

    /// Hears what came of it.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects) {
        let Observed::PbxSettled { setting, sequence: Some(sequence), was, flaw } = observed else { return };
        if self.open.remove(sequence).is_none() {
            return;
        }
        match (flaw, &self.state) {
            (Some(flaw), Some(_)) => subjects.decide_all(|| pbx::flawed(flaw, fix.seq)),
            (Some(flaw), None) => subjects.decide_all(|| pbx::not_restored(setting, flaw, fix.seq)),
            (None, Some(state)) => {
                let was = was.as_ref().map_or_else(|| "as it was".to_owned(), |was| format!("and was {was}"));
                self.finish(&format!("pbx.{setting} reads as {state}, {was}"), &[fix.seq], subjects);
            }
            (None, None) if self.open.is_empty() => {
                self.finish("the settings of the PBX are as they were", &[fix.seq], subjects);
            }
            (None, None) => {}
        }
    }

    /// Gives up what is overdue.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        if now >= self.until && !self.open.is_empty() {
            self.open.clear();
            let reason = "the rig did not say what became of a setting of the PBX; please report this";
            subjects.decide_all(|| Finding::rig("pbx-silent", reason));
        }
    }

    /// When it is overdue.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        (!self.open.is_empty()).then_some((self.until, "the commands of a setting of the PBX"))
    }

    fn finish(&self, note: &str, evidence: &[u64], subjects: &mut Subjects) {
        for phone in subjects.phones_running() {
            subjects.finish_step(&phone, note, evidence);
        }
    }
}
