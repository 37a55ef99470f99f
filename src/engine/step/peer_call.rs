//! A peer on the servers' side calls the phones, by a command for each.

use std::{collections::BTreeMap, time::Duration};

use super::call::{finish_others, in_another_call};
use crate::{
    engine::{
        Outbox,
        case::{CaseRun, Finding},
        pairs::{self, Part},
        registration::Fix,
        subjects::Subjects,
    },
    event::{Observed, PeerCall, ServerName, Stamp, When},
    verdict::CaseId,
};

/// How long the rig may take to begin a command.
const PATIENCE: Duration = Duration::from_secs(3);

/// The step.
#[derive(Debug)]
pub struct PeerCalling {
    /// The cases whose calls are awaited, by the number of the order.
    open: BTreeMap<u32, CaseId>,
    until: Stamp,
}

impl PeerCalling {
    /// Orders the calls. Who can not do its part is skipped, or passes over, before anybody calls it.
    pub fn begin(optional: bool, subjects: &mut Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Self {
        let mut step = Self { open: BTreeMap::new(), until: now + PATIENCE };
        let pairs = pairs::of(subjects);
        finish_others(&pairs, subjects);
        let since = Fix { seq: fix.seq, when: When::exactly(now) };
        for pair in pairs {
            let Some(id) = pair.callee.clone().filter(|id| subjects.case(id).is_some_and(CaseRun::running)) else {
                continue;
            };
            if in_another_call(&pair, subjects) {
                continue;
            }
            if let Err(lack) = pairs::fit(subjects, &pair) {
                if optional {
                    subjects.finish_case_step(&id, &format!("passed over: {}", lack.reason), &[]);
                } else {
                    subjects.decide_case(&id, lack);
                }
                continue;
            }
            let Some(call) = call_to(&id, subjects) else { continue };
            if let Some((case, _)) = subjects.case_and_detectors(&id) {
                case.part = Some(Part { since });
            }
            let sequence = subjects.next_sequence();
            subjects.peer_calls.order(sequence, call, out);
            step.open.insert(sequence, id);
        }
        step
    }

    /// Hears that commands were begun.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects) {
        let (Observed::PeerCalls { sequence, .. } | Observed::PeerCalled { sequence, .. }) = observed else { return };
        if let Some(id) = self.open.remove(sequence) {
            subjects.finish_case_step(&id, "the peer calls", &[fix.seq]);
        }
    }

    /// Gives up what is overdue.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        if now >= self.until {
            let reason = "the rig did not begin the command of a peer; please report this";
            for id in std::mem::take(&mut self.open).into_values() {
                subjects.decide_case(&id, Finding::rig("peer-silent", reason));
            }
        }
    }

    /// When it is overdue.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        (!self.open.is_empty()).then_some((self.until, "the command of a peer"))
    }
}

/// The call to a line: through the server of the peer, or else the primary of the line, or its backup while that is stopped.
fn call_to(id: &CaseId, subjects: &Subjects) -> Option<PeerCall> {
    let plan = subjects.plan();
    let peer = plan.bench.peer_for(plan.scenario.peer?)?;
    let case = subjects.case(id)?;
    let primary = &case.primary;
    let standing = case.backup.as_ref().filter(|_| case.is_stopped(primary)).unwrap_or(primary);
    let server: ServerName = peer.server.as_ref().unwrap_or(standing).clone();
    let (phone, extension) = (id.phone.clone(), id.line.clone());
    Some(PeerCall { peer: peer.name.clone(), phone, extension, server })
}
