//! The whole run: cases go through the steps side by side, all finish one before any begins the next.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Outbox,
    case::{CaseRun, Cut, Finding, Moved},
    detect::{self, Detection},
    measure,
    registration::{Change, Fix},
    step::{StepRun, lift_all},
    subjects::Subjects,
};
use crate::{
    config::Plan,
    event::{
        Action, BindingChange, BindingEvent, Derived, Move, Observed, OutageEnd, OutageId, PhoneName, PortKind,
        RigPart, ServerName, SipFact, Stamp, Toward,
    },
    verdict::{Case, CaseId, Verdict},
};

/// What happened may be told this much later; until then nothing is held to be absent.
pub const GRACE: Duration = Duration::from_millis(50);

/// How long the bridge may take to come up.
const BRIDGE_PATIENCE: Duration = Duration::from_secs(30);

/// How long the bridge may take to give every path back at the end.
const ENDING_PATIENCE: Duration = Duration::from_secs(3);

/// How much longer than its transaction timer a phone is taken to wait for an answer.
const ANSWER_SLACK: Duration = Duration::from_secs(1);

/// A run in progress.
#[derive(Debug)]
pub struct Run {
    subjects: Subjects,
    step: usize,
    current: Option<StepRun>,
    reported: BTreeSet<CaseId>,
    ending: Option<Ending>,
    stop: bool,
}

/// The run is over but for its outages.
#[derive(Debug)]
struct Ending {
    open: BTreeSet<OutageId>,
    until: Stamp,
    told: bool,
}

impl Run {
    /// Begins a run; its first step waits for the bridge.
    pub fn begin(plan: &Plan) -> Self {
        Self {
            subjects: Subjects::new(plan),
            step: 0,
            current: None,
            reported: BTreeSet::new(),
            ending: None,
            stop: false,
        }
    }

    /// Takes an observation into what is known.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, out: &mut Outbox) {
        let subjects = &mut self.subjects;
        match observed {
            Observed::BridgeReady { .. } => subjects.observing = Some(fix),
            Observed::PortOpened { phone, port } => {
                if let Some(watch) = subjects.watch_mut(phone) {
                    watch.lost.remove(port);
                }
            }
            Observed::PortLost { phone, port, reason } => lose_port(subjects, phone, *port, fix, reason),
            Observed::ConsoleLine { phone, text, echo, .. } => console_line(subjects, phone, text, *echo, fix, out),
            Observed::Sip(fact) => sip(subjects, fact, fix, out),
            Observed::SignOfLife { phone } => {
                if let Some(watch) = subjects.watch_mut(phone) {
                    watch.frame = Some(fix);
                }
            }
            Observed::OutageBegan { outage } => cut(subjects, *outage, fix),
            Observed::OutageEnded { outage, why, .. } => {
                lift(subjects, *outage, fix);
                let asked = matches!(self.current, Some(StepRun::Lift(_))) || self.ending.is_some();
                if *why != OutageEnd::Lifted && !asked {
                    let reason = match why {
                        OutageEnd::Limit => "the outage ended at its time limit before the scenario had lifted it",
                        OutageEnd::HelperLost | OutageEnd::Lifted => {
                            "the outage ended because the bridge helper was lost"
                        }
                    };
                    subjects.decide_all(|| Finding::rig("outage-ended", reason).shown_by([fix.seq]));
                }
                if let Some(ending) = &mut self.ending {
                    ending.open.remove(outage);
                }
            }
            Observed::FirstBite { outage, phone, toward: Toward::Server } => {
                let server = subjects.outages.get(outage).map(|outage| outage.server.clone());
                for case in subjects.running().filter(|case| case.id.phone == *phone) {
                    if Some(&case.primary) == server.as_ref()
                        && let Some(cut) = &mut case.cut
                    {
                        cut.first_bite.get_or_insert(fix);
                    }
                }
            }
            Observed::Leak { outage, phone, .. } => {
                let reason = format!("the outage leaks: frames of outage {} went through", outage.0);
                subjects.decide(phone, || Finding::rig("leak", reason.clone()).shown_by([fix.seq]));
            }
            Observed::EvidenceLost { .. } => subjects.losses.push(fix),
            Observed::DriverFailed { part, phone, reason } => {
                driver_failed(subjects, *part, phone.as_ref(), reason, fix);
            }
            Observed::StopRequested { .. } => self.stop = true,
            Observed::RunStarted { .. }
            | Observed::KeysPlayed { .. }
            | Observed::FirstBite { .. }
            | Observed::Canary { .. }
            | Observed::ClockStepped { .. }
            | Observed::DeadlineFired { .. } => {}
        }
        if let Some(step) = &mut self.current {
            step.observe(observed, fix, &mut self.subjects, out);
        }
    }

    /// Goes as far as it can at this time.
    pub fn advance(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        self.expire(now, fix, out);
        loop {
            if self.stop {
                self.subjects.decide_all(|| Finding {
                    verdict: Verdict::NotRun,
                    ..Finding::unclear("interrupted", "the run was stopped").shown_by([fix.seq])
                });
            }
            let onward = self.ending.is_none() && !self.stop && self.step_on(now, fix, out);
            self.report(now, fix, out);
            if self.ending.is_none() && self.subjects.running().next().is_none() {
                let open = lift_all(&self.subjects, out);
                self.ending = Some(Ending { open, until: now + ENDING_PATIENCE, told: false });
            }
            if !onward || self.ending.is_some() {
                break;
            }
        }
        if let Some(ending) = &mut self.ending
            && !ending.told
            && (ending.open.is_empty() || now >= ending.until)
        {
            ending.told = true;
            out.conclude(fix.when, Derived::RunEnded);
            out.order(Action::Finish);
        }
    }

    /// When it must be advanced although nothing is observed, and why.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        if let Some(ending) = &self.ending {
            return (!ending.told).then_some((ending.until, "word that every outage has ended"));
        }
        let step = match &self.current {
            Some(step) => step.deadline(&self.subjects),
            None => Some((Stamp::ZERO + BRIDGE_PATIENCE, "the bridge")),
        };
        let cases = self.subjects.cases().iter();
        let expiry =
            cases.filter_map(|case| case.track.next_expiry()).min().map(|at| (at + GRACE, "expiry of a binding"));
        [step, expiry].into_iter().flatten().min()
    }

    /// Begins, advances or ends a step; false if there is nothing to do now.
    fn step_on(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) -> bool {
        if self.subjects.observing().is_none() {
            if now >= Stamp::ZERO + BRIDGE_PATIENCE {
                self.subjects.decide_all(|| Finding::rig("bridge-lost", "the bridge did not come up"));
                return true;
            }
            return false;
        }
        let steps = &self.subjects.plan().scenario.steps;
        let Some(step) = steps.get(self.step).cloned() else {
            self.subjects.decide_all(Finding::pass);
            return true;
        };
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let of = steps.len();
                out.conclude(fix.when, Derived::StepStarted { step: self.step, of, title: step.title.clone() });
                none.insert(StepRun::begin(&step.kind, step.optional, &mut self.subjects, now, fix, out))
            }
        };
        current.advance(now, fix, &mut self.subjects, out);
        for end in self.subjects.steps_ended.drain(..) {
            let fact = Derived::StepEnded {
                step: self.step,
                case: end.case,
                ok: true,
                note: end.note,
                evidence: end.evidence,
            };
            out.conclude(fix.when, fact);
        }
        if self.subjects.running().any(|case| !case.step_done) {
            return false;
        }
        self.subjects.running().for_each(|case| case.step_done = false);
        self.current = None;
        self.step += 1;
        true
    }

    /// Tells of every case that was decided since.
    fn report(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let observing = self.subjects.observing().unwrap_or(fix);
        let lost = self.subjects.losses.iter().find(|loss| loss.when.at >= observing.when.at).copied();
        for case in self.subjects.cases() {
            let Some(finding) = case.decided.clone().filter(|_| !self.reported.contains(&case.id)) else { continue };
            self.reported.insert(case.id.clone());
            let finding = match lost {
                Some(loss) if matches!(finding.verdict, Verdict::Pass | Verdict::Fail) => Finding::rig(
                    "lost-evidence",
                    "frames were lost before they could be seen; nothing can be proven by what is absent",
                )
                .shown_by([loss.seq]),
                _ => finding,
            };
            if finding.verdict != Verdict::Pass && self.current.is_some() {
                let fact = Derived::StepEnded {
                    step: self.step,
                    case: case.id.clone(),
                    ok: false,
                    note: finding.reason.clone(),
                    evidence: finding.evidence.clone(),
                };
                out.conclude(fix.when, fact);
            }
            tell(case, finding, observing, now, fix, out);
        }
    }

    fn expire(&mut self, now: Stamp, fix: Fix, out: &mut Outbox) {
        let over = Stamp(now.0.saturating_sub(GRACE.as_nanos() as u64));
        for case in self.subjects.cases_mut() {
            let before = case.track.home().cloned();
            for change in case.track.expire(over) {
                binding_changed(case, change, fix, out);
            }
            home_changed(case, before.as_ref(), fix, out);
        }
    }
}

/// Writes a case's measurements and its verdict.
fn tell(case: &CaseRun, finding: Finding, observing: Fix, now: Stamp, fix: Fix, out: &mut Outbox) {
    let measurements = measure::all(case, observing, now);
    for measurement in &measurements {
        out.conclude(fix.when, Derived::Measured { case: case.id.clone(), measurement: measurement.clone() });
    }
    let mut evidence = case.evidence.clone();
    evidence.extend(&finding.evidence);
    let passed = finding.verdict == Verdict::Pass;
    let decided = Case {
        id: case.id.clone(),
        verdict: finding.verdict,
        blame: finding.blame,
        code: (!passed).then(|| finding.code.to_owned()),
        reason: (!passed).then_some(finding.reason),
        expected: true,
        attempts: u32::from(!matches!(finding.verdict, Verdict::NotRun | Verdict::Skipped)),
        evidence: evidence.into_iter().collect(),
        measurements,
    };
    out.conclude(fix.when, Derived::CaseDecided(Box::new(decided)));
}

fn sip(subjects: &mut Subjects, fact: &SipFact, fix: Fix, out: &mut Outbox) {
    if fact.toward == Toward::Server
        && let Some(watch) = subjects.watch_mut(&fact.phone)
    {
        watch.frame = Some(fix);
        watch.spoke = Some(fix);
    }
    let mut detected = Vec::new();
    let phone = fact.phone.clone();
    let ids: Vec<CaseId> =
        subjects.cases().iter().filter(|case| case.id.phone == phone).map(|case| case.id.clone()).collect();
    for id in ids {
        let Some((case, detectors)) = subjects.case_and_detectors(&id) else { continue };
        let before = case.track.home().cloned();
        let attempts = case.track.transactions();
        let patience = case.timers.transaction.value + ANSWER_SLACK;
        let observed = case.track.observe(fact, fix, patience);
        if case.track.transactions() != attempts {
            detected.extend(detectors.attempted(fix).map(|it| (id.clone(), it)));
        }
        // An answer that was told before its request counts from when it came.
        let (change, fix) = observed.map_or((None, fix), |(change, by)| (Some(change), by));
        if let Some(change) = change {
            match &change {
                Change::Stranger { address } => detected.push((id.clone(), detect::stranger(address, fix))),
                Change::Created { server, .. } | Change::Refreshed { server, .. } => {
                    note_move(case, server, fix);
                    if matches!(change, Change::Refreshed { .. }) {
                        detected.extend(detectors.renewed(case, server, fix).map(|it| (id.clone(), it)));
                    }
                }
                Change::Removed { .. } | Change::Expired { .. } => {}
            }
            binding_changed(case, change, fix, out);
        }
        if home_changed(case, before.as_ref(), fix, out) {
            detected.extend(detectors.moved(case, fix).map(|it| (id.clone(), it)));
        }
    }
    for (id, detection) in detected {
        tell_detection(subjects, &id, &detection, fix, out);
    }
}

/// Notes the move that a 2xx at this server completes.
fn note_move(case: &mut CaseRun, server: &ServerName, fix: Fix) {
    let of = match case.cut {
        None if *server == case.primary => Move::Baseline,
        Some(Cut { began, .. }) if case.backup.as_ref() == Some(server) && fix.when.at >= began.when.at => {
            Move::Failover
        }
        Some(Cut { lifted: Some(lifted), .. }) if *server == case.primary && fix.when.at >= lifted.when.at => {
            Move::Failback
        }
        _ => return,
    };
    if case.moves.contains_key(&of) {
        return;
    }
    let cause = case.cause(of, Fix { seq: 0, when: crate::event::When::exactly(Stamp::ZERO) });
    let since = cause.map_or(Stamp::ZERO, |cause| cause.when.at);
    let request = case
        .track
        .attempts_at(server)
        .filter_map(|attempt| attempt.passed)
        .find(|passed| passed.when.at >= since)
        .unwrap_or(fix);
    case.evidence.extend([request.seq, fix.seq]);
    case.moves.insert(of, Moved { request, done: fix });
}

fn binding_changed(case: &CaseRun, change: Change, fix: Fix, out: &mut Outbox) {
    let binding = |server: &ServerName| case.track.binding(server);
    let granted = |server: &ServerName| binding(server).map_or(0, |binding| binding.granted.as_secs() as u32);
    let (when, server, contact, event, evidence) = match change {
        Change::Created { server, request } => {
            let contact = binding(&server).map(|binding| binding.contact.clone()).unwrap_or_default();
            let event = BindingEvent::Created { granted_s: granted(&server) };
            (fix.when, server, contact, event, vec![request.seq, fix.seq])
        }
        Change::Refreshed { server, request } => {
            let contact = binding(&server).map(|binding| binding.contact.clone()).unwrap_or_default();
            let event = BindingEvent::Refreshed { granted_s: granted(&server) };
            (fix.when, server, contact, event, vec![request.seq, fix.seq])
        }
        Change::Removed { server, contact } => (fix.when, server, contact, BindingEvent::Removed, vec![fix.seq]),
        Change::Expired { server, contact, at } => {
            (crate::event::When::exactly(at), server, contact, BindingEvent::Expired, Vec::new())
        }
        Change::Stranger { .. } => return,
    };
    let line = case.track.line().clone();
    out.conclude(when, Derived::Binding(BindingChange { line, server, contact, change: event, evidence }));
}

fn home_changed(case: &mut CaseRun, before: Option<&ServerName>, fix: Fix, out: &mut Outbox) -> bool {
    let home = case.track.home().cloned();
    if home.as_ref() == before {
        return false;
    }
    case.home_changes += 1;
    out.conclude(fix.when, Derived::Home { line: case.track.line().clone(), server: home });
    true
}

fn console_line(subjects: &mut Subjects, phone: &PhoneName, text: &str, echo: bool, fix: Fix, out: &mut Outbox) {
    let Some(fatal) = subjects.watch_mut(phone).and_then(|watch| watch.console_line(text, echo, fix)) else { return };
    // A phone that boots at the beginning of the run is being switched on, not crashing.
    let ids: Vec<CaseId> = subjects
        .cases()
        .iter()
        .filter(|case| case.id.phone == *phone && case.moves.contains_key(&Move::Baseline))
        .map(|case| case.id.clone())
        .collect();
    for id in ids {
        tell_detection(subjects, &id, &detect::reboot(&fatal, fix), fix, out);
    }
}

fn tell_detection(subjects: &mut Subjects, id: &CaseId, detection: &Detection, fix: Fix, out: &mut Outbox) {
    let Some(case) = subjects.case(id) else { return };
    let fact = Derived::Detected {
        line: case.track.line().clone(),
        code: detection.code.to_owned(),
        note: detection.note.clone(),
        evidence: detection.evidence.clone(),
    };
    out.conclude(fix.when, fact);
    subjects.decide_case(id, detection.finding());
}

fn cut(subjects: &mut Subjects, outage: OutageId, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    let (server, phones) = (run.server.clone(), run.phones.clone());
    for case in subjects.running().filter(|case| case.primary == server && phones.contains(&case.id.phone)) {
        case.cut = Some(Cut { began: fix, lifted: None, first_bite: None });
        case.at_cut = case.track.binding(&server).map(|binding| (binding.clone(), binding.until.since(fix.when.at)));
        case.evidence.insert(fix.seq);
    }
}

fn lift(subjects: &mut Subjects, outage: OutageId, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    run.ended = true;
    let server = run.server.clone();
    for case in subjects.running().filter(|case| case.primary == server) {
        if let Some(cut) = &mut case.cut {
            cut.lifted = Some(fix);
        }
        case.at_lift = case
            .backup
            .as_ref()
            .and_then(|backup| case.track.binding(backup))
            .map(|binding| (binding.clone(), binding.until.since(fix.when.at)));
        case.evidence.insert(fix.seq);
        // Word of the lift may come after that of a registration that it let through.
        let primary = case.primary.clone();
        let confirmed = case
            .track
            .attempts_at(&primary)
            .filter_map(|attempt| attempt.answer)
            .find(|answer| answer.live && answer.fix.when.at >= fix.when.at);
        if let Some(answer) = confirmed {
            note_move(case, &primary, answer.fix);
        }
    }
}

fn lose_port(subjects: &mut Subjects, phone: &PhoneName, port: PortKind, fix: Fix, reason: &str) {
    if let Some(watch) = subjects.watch_mut(phone) {
        watch.lost.insert(port, (fix, reason.to_owned()));
    }
}

fn driver_failed(subjects: &mut Subjects, part: RigPart, phone: Option<&PhoneName>, reason: &str, fix: Fix) {
    let code = match (part, phone) {
        (RigPart::Console, Some(phone)) => return lose_port(subjects, phone, PortKind::Console, fix, reason),
        (RigPart::Keypad, Some(phone)) => return lose_port(subjects, phone, PortKind::Keypad, fix, reason),
        (RigPart::Console, None) => "console-lost",
        (RigPart::Keypad, None) => "keypad-lost",
        (RigPart::Bridge, _) => "bridge-lost",
        (RigPart::Disk, _) => "disk",
    };
    subjects.decide_all(|| Finding::rig(code, reason).shown_by([fix.seq]));
}
