//! What is known before a scenario begins: which phones and lines can not take it, or are not where it begins.

use super::Subjects;
use crate::{
    config::{StartState, Step, StepKind},
    engine::{case::Finding, hook, registration::Fix},
    verdict::Verdict,
};

impl Subjects {
    /// Skips the cases of phones that lack a part for any step that is not optional, before anything is done to them:
    /// in the middle of a scenario they would be left as they are then.
    pub fn skip_unfit(&mut self) {
        if self.plan.scenario.watch {
            return;
        }
        if let Some((need, lacks)) = self.plan.bench.lacks_need(&self.plan.scenario) {
            return self.decide_all(|| Finding::skipped(need.code(), lacks.clone()));
        }
        let steps: Vec<Step> = self.plan.scenario.all_steps().filter(|step| !step.optional).cloned().collect();
        let silent = steps.iter().any(|step| step.kind == StepKind::Silence);
        for case in self.running().filter(|case| case.registers == silent) {
            case.decide(if silent {
                Finding::skipped("registrar-on", "the scenario is about lines whose registrar is off")
            } else {
                Finding::skipped("registrar-off", "the line's registrar is off: it registers nowhere")
            });
        }
        for phone in self.phones_running() {
            let lacks = steps.iter().find_map(|step| match &step.kind {
                kind @ (StepKind::Keys { .. } | StepKind::Press { .. } | StepKind::Dial { .. }) => {
                    self.keys_for(&phone, kind).err().or_else(|| self.confirmation_for(&phone, step.confirm).err())
                }
                StepKind::Display { .. } => self.display_for(&phone).err(),
                StepKind::Outage(plan) if plan.is_hook() => hook::lacking(self, &phone, plan),
                kind @ (StepKind::Push { .. } | StepKind::Restart) => self.order_for(&phone, kind).err(),
                _ => None,
            });
            if let Some(lacks) = lacks {
                self.decide(&phone, || lacks.clone());
            }
        }
    }

    /// Leaves the cases of lines that are known not to be in the start state that the scenario begins in.
    pub fn skip_unready(&mut self, fix: Fix) {
        if self.plan.scenario.start != StartState::LoggedOff {
            return;
        }
        for case in self.running() {
            if let Some(home) = case.track.home().cloned() {
                let reason = format!("the scenario begins with nobody logged on, and server {home} holds a binding");
                let finding = Finding::unclear("start-state", reason).shown_by([fix.seq]);
                case.decide(Finding { verdict: Verdict::NotRun, ..finding });
            }
        }
    }
}
