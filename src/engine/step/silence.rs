//! Waits for as long as a line takes to register, and for a sign of life of its phone: a line whose registrar is off
//! registers nowhere, and must be seen to live.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{
        Outbox, blind,
        bound::{self, Window},
        case::Finding,
        judge,
        registration::Fix,
        run::GRACE,
        subjects::Subjects,
    },
    event::Stamp,
    verdict::{Blame, CaseId},
};

/// How long a phone may take to answer when it is asked for a sign of life.
const LIFE_PATIENCE: Duration = Duration::from_secs(2);

/// The step.
#[derive(Debug)]
pub struct Silence {
    begun: Fix,
    waits: BTreeMap<CaseId, Wait>,
}

#[derive(Debug)]
struct Wait {
    window: Window,
    /// When the window is over, and late reports are in.
    until: Stamp,
    asked_for_life: bool,
}

impl Silence {
    /// From now on.
    pub fn begin(subjects: &mut Subjects, fix: Fix) -> Self {
        let wait = |timers| {
            let window = bound::baseline(timers);
            let until = fix.when.at + window.length + GRACE;
            Wait { window, until, asked_for_life: false }
        };
        Self { begun: fix, waits: subjects.running().map(|case| (case.id.clone(), wait(&case.timers))).collect() }
    }

    /// Takes each case as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects, out: &mut Outbox) {
        for (id, wait) in &mut self.waits {
            let Some(case) = subjects.case(id).filter(|case| case.running() && !case.step_done) else { continue };
            let stranger = case.track.strangers().next().map(|(address, asked)| (address.to_string(), asked));
            let asked = case.track.attempts().next().map(|attempt| (attempt.server.to_string(), attempt.first));
            if let Some((server, asked)) = asked.or(stranger) {
                let reason = format!("the line's registrar is off, and the phone sends a REGISTER to {server}");
                let finding = Finding::fail(Blame::Phone, "registers-nevertheless", reason);
                subjects.decide_case(id, finding.shown_by([asked.seq]));
                continue;
            }
            let Some(watch) = subjects.watch(&id.phone) else { continue };
            if let Some(finding) = blind::unsure_of_silence(watch, self.begun) {
                subjects.decide_case(id, finding);
                continue;
            }
            if now < wait.until {
                continue;
            }
            if watch.alive_since(self.begun.when.at) {
                let seconds = wait.window.length.as_secs_f64();
                let note = format!("sent no REGISTER in {seconds:.1} s ({}), and lives", wait.window.derivation);
                subjects.finish_case_step(id, &note, &[self.begun.seq]);
            } else if !wait.asked_for_life {
                wait.asked_for_life = true;
                subjects.ask_status(&id.phone, out);
            } else if now >= wait.until + LIFE_PATIENCE
                && let Some(dead) = judge::dead(watch, self.begun)
            {
                subjects.decide_case(id, dead);
            }
        }
    }

    /// The first time at which a case must be looked at again.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        let waiting = |id: &CaseId| subjects.case(id).is_some_and(|case| case.running() && !case.step_done);
        let waits = self.waits.iter().filter(|(id, _)| waiting(id));
        let due = waits.map(|(_, wait)| if wait.asked_for_life { wait.until + LIFE_PATIENCE } else { wait.until });
        due.min().map(|at| (at, "the end of a silence"))
    }
}
