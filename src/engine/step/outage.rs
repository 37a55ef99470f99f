//! Takes a server away, and proves by canaries that the outage bites.

use std::{collections::BTreeSet, time::Duration};

use super::moment;
use crate::{
    config::{Aim, Moment, OutagePlan},
    engine::{
        Outbox, blind, by_hand,
        case::{CaseRun, Finding},
        hook, judge, pairs,
        registration::Fix,
        subjects::Subjects,
        without,
    },
    event::{Action, Move, Observed, OutageId, PhoneName, ServerName, Stamp, Toward},
    verdict::{Blame, CaseId},
};

/// How long the bridge may take for an order.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A path that a canary takes.
type Path = (PhoneName, ServerName, Toward);

/// The step that takes servers away: for all its phones at once, for each alone, or for each at its own moment.
#[derive(Debug)]
pub struct Cutting {
    /// Phones may do without it.
    optional: bool,
    parts: Vec<Part>,
}

/// The outage of some phones.
#[derive(Debug)]
struct Part {
    plan: OutagePlan,
    phones: Vec<PhoneName>,
    /// The servers that go, and for which phones.
    aims: Vec<Aim>,
    /// The outages of these, in the same order, once they are ordered.
    outages: Vec<OutageId>,
    stage: Stage,
    until: Stamp,
}

/// What a part of the step waits for.
#[derive(Debug)]
enum Stage {
    /// The moment at which the phone's outage is to begin.
    Moment(moment::Waiting),
    /// The end of outages that operators have made of the same servers.
    Whole { open: BTreeSet<OutageId> },
    /// Control canaries, which must pass.
    Control { open: BTreeSet<Path> },
    /// Word that these outages are in force.
    Commit { open: BTreeSet<OutageId> },
    /// Canaries of the outage, which must not pass where it takes frames, and must pass where it takes none.
    Proof { open: BTreeSet<Path> },
    /// Nothing.
    Done,
}

impl Cutting {
    /// Sends the control canaries, of each phone whose moment has come.
    pub fn begin(
        plan: &OutagePlan,
        optional: bool,
        subjects: &mut Subjects,
        now: Stamp,
        fix: Fix,
        out: &mut Outbox,
    ) -> Self {
        let phones = subjects.phones_running();
        let meant = |phone: &PhoneName| plan.party.is_none_or(|party| pairs::is_of(subjects, phone, party));
        let (meant, others): (Vec<PhoneName>, Vec<PhoneName>) = phones.into_iter().partition(meant);
        let parts = match plan.at {
            // What is lifted for each phone apart is an outage for each phone.
            Moment::Now if subjects.plan().scenario.has_turns() => {
                meant.into_iter().map(|phone| Part::now(plan, vec![phone], subjects, now, out)).collect()
            }
            Moment::Now => vec![Part::now(plan, meant, subjects, now, out)],
            Moment::BeforeRenewal | Moment::AfterRenewal => {
                meant.into_iter().map(|phone| Part::later(plan, phone, fix)).collect()
            }
        };
        for phone in others {
            subjects.finish_step(&phone, "the outage is for other phones", &[]);
        }
        Self { optional, parts }
    }

    /// Hears canaries and commits.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        if let Observed::OutageDeclined { outage, reason } = observed
            && let Some(part) = self.parts.iter_mut().find(|part| part.outages.contains(outage))
        {
            return part.decline(*outage, reason, self.optional, fix, subjects, out);
        }
        self.parts.iter_mut().for_each(|part| part.observe(observed, fix, subjects, out));
    }

    /// Whether it tries, without an outage, the paths of one of these phones to a server.
    pub fn tries(&self, server: &ServerName, phones: &[PhoneName]) -> bool {
        let before = |part: &&Part| matches!(part.stage, Stage::Whole { .. } | Stage::Control { .. });
        let mut aims = self.parts.iter().filter(before).flat_map(|part| &part.aims);
        aims.any(|aim| aim.server == *server && aim.phones.iter().any(|phone| phones.contains(phone)))
    }

    /// From the control to the cut, from the cut to its proof, from there to the end.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        self.parts.iter_mut().for_each(|part| part.advance(now, fix, subjects, out));
    }

    /// The patience for what is awaited.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        self.parts.iter().filter_map(|part| part.deadline(subjects)).min()
    }
}

impl Part {
    fn now(plan: &OutagePlan, phones: Vec<PhoneName>, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let mut part =
            Self { plan: plan.clone(), phones, aims: Vec::new(), outages: Vec::new(), stage: Stage::Done, until: now };
        part.prepare(subjects, now, out);
        part
    }

    fn later(plan: &OutagePlan, phone: PhoneName, fix: Fix) -> Self {
        let stage = Stage::Moment(moment::Waiting::begin(plan.at, &phone, fix));
        Self {
            plan: plan.clone(),
            phones: vec![phone],
            aims: Vec::new(),
            outages: Vec::new(),
            stage,
            until: fix.when.at,
        }
    }

    /// Has the paths made whole that operators have taken. Then come the control canaries.
    fn prepare(&mut self, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) {
        let running = subjects.phones_running();
        let phones = self.phones.iter().filter(|phone| running.contains(phone));
        self.aims = self.plan.aims(phones.filter_map(|phone| subjects.plan().phone(phone)));
        let in_the_way = self.aims.iter().map(|aim| by_hand::make_way(&aim.server, &aim.phones, subjects, out));
        let open: BTreeSet<OutageId> = in_the_way.flatten().collect();
        if open.is_empty() {
            return self.control(now, out);
        }
        self.stage = Stage::Whole { open };
        self.until = now + PATIENCE;
    }

    /// Sends the control canaries.
    fn control(&mut self, now: Stamp, out: &mut Outbox) {
        self.stage = Stage::Control { open: send_canaries(None, &self.aims, out) };
        self.until = now + PATIENCE;
    }

    fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match (&mut self.stage, observed) {
            (Stage::Whole { open }, Observed::OutageEnded { outage, .. } | Observed::OutageDeclined { outage, .. }) => {
                open.remove(outage);
            }
            (Stage::Control { open }, Observed::Canary { outage: None, phone, server, toward, passed }) => {
                if !open.remove(&(phone.clone(), server.clone(), *toward)) {
                    return;
                }
                if *passed {
                    subjects.add_evidence(phone, Some(fix.seq));
                } else {
                    let way = way(phone, server, *toward);
                    let reason = format!("before any outage a canary {way} did not come through; check the cabling");
                    subjects.decide(phone, || Finding::rig("path-blocked", reason.clone()).shown_by([fix.seq]));
                }
            }
            (Stage::Commit { open }, Observed::OutageBegan { outage }) => {
                let mine = open.remove(outage);
                if !mine || !open.is_empty() {
                    return;
                }
                // A server that was stopped proves it by its silence: what it says from now on is held against it.
                if self.plan.is_hook() {
                    self.stage = Stage::Proof { open: BTreeSet::new() };
                    return;
                }
                self.stage = Stage::Proof { open: send_canaries(Some(&self.outages), &self.aims, out) };
                self.until = fix.when.at + PATIENCE;
            }
            (Stage::Proof { open }, Observed::Canary { outage: Some(_), phone, server, toward, passed }) => {
                if !open.remove(&(phone.clone(), server.clone(), *toward)) {
                    return;
                }
                let taken = self.plan.takes_canaries(*toward);
                let way = way(phone, server, *toward);
                if *passed && taken {
                    let reason = format!("the outage leaks: a canary {way} came through");
                    subjects.decide(phone, || Finding::rig("leak", reason.clone()).shown_by([fix.seq]));
                } else if !*passed && !taken {
                    let reason = format!("the outage takes too much: a canary {way} did not come through");
                    subjects.decide(phone, || Finding::rig("path-blocked", reason.clone()).shown_by([fix.seq]));
                } else {
                    subjects.add_evidence(phone, Some(fix.seq));
                }
            }
            _ => {}
        }
    }

    /// One of its outages does not begin: its phones do without, and the others end.
    fn decline(
        &mut self,
        declined: OutageId,
        reason: &str,
        optional: bool,
        fix: Fix,
        subjects: &mut Subjects,
        out: &mut Outbox,
    ) {
        if let Some(run) = subjects.outages.get_mut(&declined) {
            run.ended = true;
        }
        for outage in self.outages.iter().filter(|outage| **outage != declined) {
            out.order(Action::EndOutage { outage: *outage });
        }
        let needs = format!("needs a server on the link: {reason}");
        if optional {
            without::from_now(&self.plan, &self.phones, &needs, subjects, fix, out);
        } else {
            let finding = Finding::rig("no-place", format!("the outage {needs}; choose another mode"));
            self.decide(subjects, || {
                Finding { blame: Some(Blame::Configuration), ..finding.clone() }.shown_by([fix.seq])
            });
        }
        self.stage = Stage::Done;
    }

    fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        let late = now >= self.until;
        match &self.stage {
            Stage::Moment(waiting) => match waiting.look(subjects, now) {
                moment::Look::Wait => {}
                moment::Look::Come => self.prepare(subjects, now, out),
                moment::Look::Never(id, finding) => {
                    subjects.decide_case(&id, finding);
                    let running = subjects.phones_running();
                    if !self.phones.iter().any(|phone| running.contains(phone)) {
                        self.stage = Stage::Done;
                    }
                }
            },
            Stage::Whole { open } if open.is_empty() => self.control(now, out),
            Stage::Whole { .. } if late => {
                let reason = "the bridge did not confirm the end of an outage that an operator had made";
                self.decide(subjects, || Finding::rig("lift-unconfirmed", reason));
                self.stage = Stage::Done;
            }
            Stage::Control { open } if open.is_empty() || late => {
                lose(open, subjects, "a control canary");
                self.cut(now, fix, subjects, out);
            }
            Stage::Commit { .. } if late => {
                self.decide(subjects, || Finding::rig("outage-unconfirmed", "the bridge did not confirm the outage"));
                self.stage = Stage::Done;
            }
            Stage::Proof { open } if open.is_empty() || late => {
                lose(open, subjects, "a canary of the outage");
                let taken = [Toward::Server, Toward::Phone].map(|toward| self.plan.takes_canaries(toward));
                let note = match (self.plan.toward, taken) {
                    _ if self.plan.is_hook() => "its servers are stopped: from now on they have to be silent",
                    _ if self.plan.link().is_some() => {
                        "the link is down; canaries that would leave by it were dropped, others passed"
                    }
                    (_, [false, false]) => "the outage is in force; canaries passed, as whatever it does not take",
                    (None, [true, false]) => "the outage is in force; a canary that asks for the server was dropped",
                    (None, _) => "the outage is in force; canaries were dropped both ways",
                    (Some(Toward::Server), _) => {
                        "the outage is in force; canaries to the server were dropped, others passed"
                    }
                    (Some(Toward::Phone), _) => {
                        "the outage is in force; canaries to the phone were dropped, others passed"
                    }
                };
                for phone in &self.phones {
                    subjects.finish_step(phone, note, &[]);
                }
                self.stage = Stage::Done;
            }
            _ => {}
        }
    }

    fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        match &self.stage {
            Stage::Moment(waiting) => waiting.deadline(subjects).map(|at| (at, "the moment of an outage")),
            Stage::Whole { .. } => Some((self.until, "the end of an outage that an operator has made")),
            Stage::Control { .. } | Stage::Proof { .. } => Some((self.until, "canaries")),
            Stage::Commit { .. } => Some((self.until, "word that the outage is in force")),
            Stage::Done => None,
        }
    }

    fn decide(&self, subjects: &mut Subjects, finding: impl Fn() -> Finding) {
        self.phones.iter().for_each(|phone| subjects.decide(phone, &finding));
    }

    fn cut(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        // A line that has left its primary on its own is not a subject of this outage; one that an outage before drove
        // away, and of which nobody asked yet whether it came home, is; so is one where nobody is logged on.
        let subject = |case: &&CaseRun| {
            let driven = case.last_cut().is_some() && case.moved(Move::Failback).is_none();
            let meant = self.phones.contains(&case.at);
            let concerned = case.running() && meant && self.aims.iter().any(|aim| aim.server == case.primary);
            let nobody = case.moved(Move::LogOff).is_some();
            concerned && !driven && !nobody
        };
        let found: Vec<(CaseId, Finding)> = subjects
            .cases()
            .iter()
            .filter(subject)
            .filter_map(|case| {
                let phone = subjects.watch(&case.at)?;
                let away = case.home() != Some(&case.primary);
                let found = away.then(|| judge::not_at_primary(case, phone, fix));
                Some((case.id.clone(), found.or_else(|| blind::strayed(case, phone))?))
            })
            .collect();
        found.into_iter().for_each(|(id, finding)| subjects.decide_case(&id, finding));
        let running = subjects.phones_running();
        self.aims.iter_mut().for_each(|aim| aim.phones.retain(|phone| running.contains(phone)));
        self.aims.retain(|aim| !aim.phones.is_empty());
        for Aim { server, role, phones } in &self.aims {
            // A redirection leads to the server that their lines have in that role.
            let server_in = |role| {
                let mut concerned = subjects.cases().iter().filter(|case| phones.contains(&case.at));
                concerned.find_map(|case| case.server_in(role).cloned())
            };
            let spec = self.plan.spec(server.clone(), phones.clone(), server_in);
            let outage = subjects.next_outage(spec.clone(), *role);
            out.order(Action::BeginOutage { outage, spec: Box::new(spec) });
            self.outages.push(outage);
        }
        if self.outages.is_empty() {
            self.decide(subjects, || Finding::rig("nothing-to-cut", "no line has a server in the role that goes away"));
            self.stage = Stage::Done;
        } else {
            self.stage = Stage::Commit { open: self.outages.iter().copied().collect() };
            self.until = now + PATIENCE + hook::patience(subjects, self.outages.iter().copied());
        }
    }
}

/// Sends canaries through every path; with the outages that they shall prove, or as a control.
fn send_canaries(outages: Option<&[OutageId]>, aims: &[Aim], out: &mut Outbox) -> BTreeSet<Path> {
    let mut open = BTreeSet::new();
    for (number, Aim { server, phones, .. }) in aims.iter().enumerate() {
        let outage = outages.and_then(|outages| outages.get(number)).copied();
        out.order(Action::SendCanaries { outage, server: server.clone(), phones: phones.clone() });
        for phone in phones {
            for toward in [Toward::Server, Toward::Phone] {
                open.insert((phone.clone(), server.clone(), toward));
            }
        }
    }
    open
}

/// Without its canaries an outage is not proven for a phone.
fn lose(open: &BTreeSet<Path>, subjects: &mut Subjects, what: &str) {
    for (phone, server, toward) in open {
        let reason = format!("{what} {} was not accounted for", way(phone, server, *toward));
        subjects.decide(phone, || Finding::rig("canary-lost", reason.clone()));
    }
}

fn way(phone: &PhoneName, server: &ServerName, toward: Toward) -> String {
    match toward {
        Toward::Server => format!("from {phone} to server {server}"),
        Toward::Phone => format!("from server {server} to {phone}"),
    }
}
