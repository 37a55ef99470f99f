//! Calls that peers on the servers' side were ordered to make.

use std::collections::BTreeMap;

use super::{Outbox, case::Finding, registration::Fix, subjects::Subjects};
use crate::{
    config::Party,
    event::{Action, HookOutcome, Observed, PeerCall, PeerName, PhoneName},
    verdict::{Blame, Verdict},
};

/// The last call to each phone.
#[derive(Debug, Default)]
pub struct PeerCalls {
    calls: BTreeMap<PhoneName, CallOfPeer>,
}

/// A call, and what came of its command.
#[derive(Debug)]
pub struct CallOfPeer {
    /// Number of the order.
    pub sequence: u32,
    /// Who calls whom.
    pub call: PeerCall,
    /// The command was begun.
    pub begun: Option<Fix>,
    /// It has ended.
    pub ended: Option<(Fix, HookOutcome)>,
    /// That was ordered.
    told_to_end: bool,
}

impl PeerCalls {
    /// A call is ordered.
    pub fn order(&mut self, sequence: u32, call: PeerCall, out: &mut Outbox) {
        out.order(Action::CallFromPeer { sequence, call: Box::new(call.clone()) });
        let phone = call.phone.clone();
        // The one before it is over for whoever judges; its command may not know.
        self.end(&phone, false, out);
        self.calls.insert(phone, CallOfPeer { sequence, call, begun: None, ended: None, told_to_end: false });
    }

    /// The last call to a phone.
    pub fn of(&self, phone: &PhoneName) -> Option<&CallOfPeer> {
        self.calls.get(phone)
    }

    /// Hears what became of commands.
    pub fn observe(&mut self, observed: &Observed, fix: Fix) {
        match observed {
            Observed::PeerCalls { sequence, call } => {
                let call = self.calls.get_mut(&call.phone).filter(|it| it.sequence == *sequence);
                call.into_iter().for_each(|it| it.begun = Some(fix));
            }
            Observed::PeerCalled { sequence, phone, outcome, .. } => {
                let call = self.calls.get_mut(phone).filter(|it| it.sequence == *sequence);
                call.into_iter().for_each(|it| it.ended = Some((fix, outcome.clone())));
            }
            _ => {}
        }
    }

    /// Has the call to a phone ended; patiently where the phone is in it, and hangs up.
    pub fn end(&mut self, phone: &PhoneName, patiently: bool, out: &mut Outbox) {
        if let Some(it) = self.calls.get_mut(phone).filter(|it| it.ended.is_none() && !it.told_to_end) {
            it.told_to_end = true;
            out.order(Action::EndPeerCall { sequence: it.sequence, patiently });
        }
    }
}

/// The process by which a peer answers calls has ended: nobody can be judged who is to call it.
pub fn gone(subjects: &mut Subjects, peer: &PeerName, outcome: &HookOutcome, fix: Fix) {
    let plan = subjects.plan();
    if plan.scenario.peer != Some(Party::Callees)
        || plan.bench.peer_for(Party::Callees).is_none_or(|it| it.name != *peer)
    {
        return;
    }
    let how = outcome.error.as_deref().unwrap_or("has ended");
    let wrote = if outcome.output.is_empty() { "" } else { ": " };
    let reason = format!("the process by which peer {peer} answers calls {how}{wrote}{}", outcome.output);
    let finding = Finding { verdict: Verdict::RigError, ..Finding::fail(Blame::Configuration, "peer-gone", reason) };
    subjects.decide_all(|| finding.clone().shown_by([fix.seq]));
}
