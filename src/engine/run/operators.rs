//! What operators wish of a run, and when it can not be.

use super::{Run, Stage, pressing};
use crate::{
    engine::{Outbox, by_hand, case::Finding, clearing::Clearing, registration::Fix, step::lift_all},
    event::{Derived, Observed, PhoneName, ServerName, Stamp},
    verdict::Verdict,
};

impl Run {
    /// Does what an operator wishes of the network, if this is no time at which nothing can be taken away.
    pub fn lend_network(&mut self, observed: &Observed, fix: Fix, out: &mut Outbox) {
        let Observed::OutageAsked { by, wish } = observed else { return };
        let refused = match (self.unlent(), self.stage) {
            (Some(reason), _) => Some(reason),
            (None, Stage::Trial) => None,
            (None, Stage::Settling) => Some("phones are being set back to where they begin"),
            (None, Stage::Clearing | Stage::Teardown) => {
                Some("the start state is being restored, for which phones need their network")
            }
        };
        let steps = || self.courses.iter().filter_map(|course| course.current.as_ref());
        let tried = |server: &ServerName, phones: &[PhoneName]| steps().any(|step| step.tries(server, phones));
        by_hand::asked((by, wish), refused, tried, &mut self.subjects, fix, out);
    }

    /// Why nobody can lay hands on anything now.
    fn unlent(&self) -> Option<&'static str> {
        if self.subjects.observing().is_none() {
            Some("the run has not begun yet")
        } else if self.stop.is_some() || self.ending.is_some() {
            Some("the run is ending")
        } else {
            None
        }
    }

    /// Says why an answer does not count, if nothing is asked that it could be to.
    pub(super) fn refuse(&self, observed: &Observed, fix: Fix, out: &mut Outbox) {
        let Observed::ReplyGiven { by, prompt, .. } = observed else { return };
        let mut steps = self.courses.iter().filter_map(|course| course.current.as_ref());
        if !steps.any(|step| step.asks(*prompt)) {
            let over = self.subjects.prompts.get(prompt).cloned();
            let reason = over.unwrap_or_else(|| "the run has asked nothing of that number".to_owned());
            out.conclude(fix.when, Derived::ReplyRefused { by: by.clone(), prompt: *prompt, reason });
        }
    }

    /// Does what an operator wants done to a phone, if this is no time at which nothing can be done to it.
    pub fn lend_hand(&mut self, observed: &Observed, now: Stamp, fix: Fix, out: &mut Outbox) {
        let Observed::HandAsked { by, phone, hand } = observed else { return };
        let pressing = || pressing(&self.courses, self.clearing.as_ref().and_then(Clearing::current), phone);
        let busy = "the scenario presses keys of this phone just now; do it again when it has";
        let refused = self.unlent().or_else(|| pressing().then_some(busy));
        self.hands.asked((by, phone, hand), refused, &mut self.subjects, now, fix, out);
    }

    /// Gives every phone its network back. What was being tried of those that did not have it is disturbed, and nobody's fault.
    pub(super) fn restored(&mut self, by: &str, fix: Fix, out: &mut Outbox) {
        let reason = format!("{by} gave the network back in the middle of this case");
        for outage in lift_all(&self.subjects, out) {
            let run = self.subjects.outages.get(&outage).filter(|run| !run.by_hand());
            for phone in run.map(|run| run.spec.phones.clone()).unwrap_or_default() {
                self.subjects.decide(&phone, || Finding {
                    verdict: Verdict::NotRun,
                    ..Finding::unclear("disturbed", reason.clone()).shown_by([fix.seq])
                });
            }
        }
    }
}
