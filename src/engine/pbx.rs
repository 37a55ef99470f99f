//! Settings of the PBX that were ordered to be changed: which may be other than they were, and whether they can be set back.

use std::{collections::BTreeMap, time::Duration};

use super::{Outbox, case::Finding, subjects::Subjects};
use crate::{
    event::{Action, PbxFlaw, PbxName},
    verdict::{Blame, Verdict},
};

/// The settings that are, or may be, other than before the run.
#[derive(Debug, Default)]
pub struct Changes {
    open: BTreeMap<PbxName, Change>,
}

#[derive(Debug, Default)]
struct Change {
    /// It was ordered to be set back, by this number.
    restoring: Option<u32>,
    /// That was tried in vain: it is left changed.
    stuck: bool,
}

impl Changes {
    /// A setting is about to be changed.
    pub fn ordered(&mut self, setting: &PbxName) {
        self.open.entry(setting.clone()).or_default();
    }

    /// Something came of an order.
    pub fn settled(&mut self, setting: &PbxName, sequence: Option<u32>, was: Option<&String>, flaw: Option<&PbxFlaw>) {
        match (was, self.open.get_mut(setting)) {
            (None, _) => drop(self.open.remove(setting)),
            (Some(_), Some(change)) => {
                change.stuck |= flaw.is_some() && sequence.is_some() && change.restoring == sequence;
            }
            (Some(_), None) => {}
        }
    }

    /// Whether something is to be waited for until it is set back.
    pub fn are_open(&self) -> bool {
        self.open.values().any(|change| !change.stuck)
    }

    /// Whether something is left changed, so that nothing that comes after it would show anything.
    pub fn are_stuck(&self) -> bool {
        self.open.values().any(|change| change.stuck)
    }
}

/// Orders everything to be set back that may be changed and was not ordered so yet. By the number of the order, what it is about.
pub fn restore_all(subjects: &mut Subjects, out: &mut Outbox) -> BTreeMap<u32, PbxName> {
    let waits = subjects.pbx.open.iter().filter(|(_, change)| change.restoring.is_none());
    let waits: Vec<PbxName> = waits.map(|(setting, _)| setting.clone()).collect();
    let mut ordered = BTreeMap::new();
    for setting in waits {
        let sequence = subjects.next_sequence();
        if let Some(change) = subjects.pbx.open.get_mut(&setting) {
            change.restoring = Some(sequence);
        }
        out.order(Action::RestorePbx { setting: setting.clone(), sequence });
        ordered.insert(sequence, setting);
    }
    ordered
}

/// How much longer than an order itself its commands may take: one that reads, one that sets, and then for as long as the
/// limit one that reads again.
pub fn patience<'a>(subjects: &Subjects, settings: impl IntoIterator<Item = &'a PbxName>) -> Duration {
    let limits = settings.into_iter().filter_map(|it| subjects.plan().bench.pbx.get(it)).map(|setting| setting.limit);
    4 * limits.max().unwrap_or_default()
}

/// The same of everything that may be changed, where an order may have to wait for the one before it.
pub fn return_patience(subjects: &Subjects) -> Duration {
    2 * patience(subjects, subjects.pbx.open.keys())
}

/// A setting is not as it was ordered: no phone's fault.
pub fn flawed(flaw: &PbxFlaw, by: u64) -> Finding {
    rig(flaw.fault.code(), flaw.reason.clone(), by)
}

/// It could not be set back.
pub fn not_restored(setting: &PbxName, flaw: &PbxFlaw, by: u64) -> Finding {
    rig("pbx-not-restored", format!("pbx.{setting} was not set back: {}", flaw.reason), by)
}

/// No honest verdict is possible, for what the bench file says or the PBX does.
fn rig(code: &'static str, reason: String, by: u64) -> Finding {
    Finding { verdict: Verdict::RigError, ..Finding::fail(Blame::Configuration, code, reason) }.shown_by([by])
}
