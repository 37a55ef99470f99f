//! Settings of the PBX: of these servers, whether registrations are distributed. They have no commands here; what those would do is
//! done to all of them.

use std::time::Duration;

use super::{Happening, Rehearsal};
use crate::{
    event::{HookOutcome, Observed, PbxAct, PbxFault, PbxFlaw, PbxName, When},
    virtual_bench::registrar::maintenance::{DISTRIBUTION, STATES},
};

/// How long a command takes.
const TAKES: Duration = Duration::from_millis(20);

/// An order about a setting.
#[derive(Debug)]
pub(super) struct PbxOrder {
    pub(super) setting: PbxName,
    pub(super) sequence: u32,
    /// None: what it was.
    pub(super) state: Option<String>,
}

impl Rehearsal {
    pub(super) fn order_pbx(&mut self, order: PbxOrder) {
        self.schedule(self.now + 3 * TAKES, Happening::Pbx(order));
    }

    pub(super) fn change_pbx(&mut self, order: PbxOrder) {
        let PbxOrder { setting, sequence, state } = order;
        let now = self.distribution();
        if state.is_some() {
            self.ran(&setting, PbxAct::Read, now);
        }
        let before = self.changed.get(&setting).cloned();
        let wanted = state.or_else(|| before.clone()).unwrap_or_else(|| now.to_owned());
        let on = STATES.iter().find(|(word, _)| *word == wanted).map(|(_, on)| *on);
        let Some(on) = on.filter(|_| setting.0 == DISTRIBUTION) else {
            let reason = format!("these servers have no pbx.{setting} that could be {wanted}");
            return self.settled(setting, sequence, Some(PbxFlaw { fault: PbxFault::Failed, reason }));
        };
        if wanted != now {
            self.servers.values_mut().for_each(|server| server.distribute(on));
            self.ran(&setting, PbxAct::Set(wanted.clone()), "");
            self.ran(&setting, PbxAct::Read, self.distribution());
            self.changed.entry(setting.clone()).or_insert_with(|| now.to_owned());
        }
        if self.changed.get(&setting) == Some(&wanted) {
            self.changed.remove(&setting);
        }
        self.settled(setting, sequence, None);
    }

    fn distribution(&self) -> &'static str {
        let on = self.servers.values().any(crate::virtual_bench::registrar::Registrar::distribution);
        STATES.into_iter().find(|(_, state)| *state == on).map_or("", |(word, _)| word)
    }

    fn ran(&mut self, setting: &PbxName, act: PbxAct, output: &str) {
        let outcome = HookOutcome { took_ns: TAKES.as_nanos() as u64, output: output.to_owned(), error: None };
        self.report(When::exactly(self.now), Observed::PbxRan { setting: setting.clone(), act, outcome });
    }

    fn settled(&mut self, setting: PbxName, sequence: u32, flaw: Option<PbxFlaw>) {
        let was = self.changed.get(&setting).cloned();
        self.report(When::exactly(self.now), Observed::PbxSettled { setting, sequence: Some(sequence), was, flaw });
    }
}
