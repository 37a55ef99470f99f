//! Takes a server away, and proves by canaries that the outage bites; gives it back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    config::{ModePlan, OutagePlan, Role},
    engine::{
        Outbox,
        case::{CaseRun, Finding},
        judge, pairs,
        registration::Fix,
        subjects::Subjects,
    },
    event::{Action, Move, Observed, OutageId, OutageMode, OutageSpec, PhoneName, ServerName, Spoof, Stamp, Toward},
    verdict::CaseId,
};

/// How long the bridge may take for an order.
const PATIENCE: Duration = Duration::from_secs(3);

/// A path that a canary takes.
type Path = (PhoneName, ServerName, Toward);

/// The step that takes a server away.
#[derive(Debug)]
pub struct Cutting {
    plan: OutagePlan,
    /// The servers that go, and for which phones.
    targets: BTreeMap<ServerName, Vec<PhoneName>>,
    outages: BTreeMap<ServerName, OutageId>,
    stage: Stage,
    until: Stamp,
}

/// What the step waits for.
#[derive(Debug)]
enum Stage {
    /// Control canaries, which must pass.
    Control { open: BTreeSet<Path> },
    /// Word that these outages are in force.
    Commit { open: BTreeSet<OutageId> },
    /// Canaries of the outage, which must not pass.
    Proof { open: BTreeSet<Path> },
    /// Nothing.
    Done,
}

impl Cutting {
    /// Sends the control canaries.
    pub fn begin(plan: &OutagePlan, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let party = plan.party;
        let mut targets: BTreeMap<ServerName, Vec<PhoneName>> = BTreeMap::new();
        let phones = subjects.phones_running();
        let meant: Vec<PhoneName> =
            phones.into_iter().filter(|phone| party.is_none_or(|party| pairs::is_of(subjects, phone, party))).collect();
        for case in subjects.running().filter(|case| meant.contains(&case.id.phone)) {
            for server in plan.servers.iter().filter_map(|role| case.server_in(*role)) {
                let phones = targets.entry(server.clone()).or_default();
                if !phones.contains(&case.id.phone) {
                    phones.push(case.id.phone.clone());
                }
            }
        }
        let open = send_canaries(None, &targets, out);
        Self {
            plan: plan.clone(),
            targets,
            outages: BTreeMap::new(),
            stage: Stage::Control { open },
            until: now + PATIENCE,
        }
    }

    /// Hears canaries and commits.
    pub fn observe(&mut self, observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        match (&mut self.stage, observed) {
            (Stage::Control { open }, Observed::Canary { outage: None, phone, server, toward, passed }) => {
                open.remove(&(phone.clone(), server.clone(), *toward));
                if *passed {
                    subjects.add_evidence(phone, Some(fix.seq));
                } else {
                    let way = way(phone, server, *toward);
                    let reason = format!("before any outage a canary {way} did not come through; check the cabling");
                    subjects.decide(phone, || Finding::rig("path-blocked", reason.clone()).shown_by([fix.seq]));
                }
            }
            (Stage::Commit { open }, Observed::OutageBegan { outage }) => {
                open.remove(outage);
                if open.is_empty() {
                    self.stage = Stage::Proof { open: send_canaries(Some(&self.outages), &self.targets, out) };
                    self.until = fix.when.at + PATIENCE;
                }
            }
            (Stage::Proof { open }, Observed::Canary { outage: Some(_), phone, server, toward, passed }) => {
                open.remove(&(phone.clone(), server.clone(), *toward));
                if *passed {
                    let way = way(phone, server, *toward);
                    let reason = format!("the outage leaks: a canary {way} came through");
                    subjects.decide(phone, || Finding::rig("leak", reason.clone()).shown_by([fix.seq]));
                } else {
                    subjects.add_evidence(phone, Some(fix.seq));
                }
            }
            _ => {}
        }
    }

    /// From the control to the cut, from the cut to its proof, from there to the end.
    pub fn advance(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        let late = now >= self.until;
        match &self.stage {
            Stage::Control { open } if open.is_empty() || late => {
                lose(open, subjects, "a control canary");
                self.cut(now, fix, subjects, out);
            }
            Stage::Commit { .. } if late => {
                let reason = "the bridge did not confirm the outage";
                subjects.decide_all(|| Finding::rig("outage-unconfirmed", reason));
                self.stage = Stage::Done;
            }
            Stage::Proof { open } if open.is_empty() || late => {
                lose(open, subjects, "a canary of the outage");
                for phone in subjects.phones_running() {
                    subjects.finish_step(&phone, "the outage is in force; canaries were dropped both ways", &[]);
                }
                self.stage = Stage::Done;
            }
            _ => {}
        }
    }

    /// The patience for what is awaited.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        match self.stage {
            Stage::Control { .. } | Stage::Proof { .. } => Some((self.until, "canaries")),
            Stage::Commit { .. } => Some((self.until, "word that the outage is in force")),
            Stage::Done => None,
        }
    }

    fn cut(&mut self, now: Stamp, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
        // A line that has left its primary on its own is not a subject of this outage; one that an outage before drove
        // away, and of which nobody asked yet whether it came home, is; so is one where nobody is logged on.
        let away = |case: &&CaseRun| {
            let driven = case.last_cut().is_some() && case.moved(Move::Failback).is_none();
            let concerned = case.running() && self.targets.contains_key(&case.primary);
            let nobody = case.moved(Move::LogOff).is_some();
            concerned && !driven && !nobody && case.track.home() != Some(&case.primary)
        };
        let found: Vec<(CaseId, Finding)> = subjects
            .cases()
            .iter()
            .filter(away)
            .filter_map(|case| {
                let phone = subjects.watch(&case.id.phone)?;
                Some((case.id.clone(), judge::not_at_primary(case, phone, fix)))
            })
            .collect();
        found.into_iter().for_each(|(id, finding)| subjects.decide_case(&id, finding));
        let running = subjects.phones_running();
        self.targets.values_mut().for_each(|phones| phones.retain(|phone| running.contains(phone)));
        self.targets.retain(|_, phones| !phones.is_empty());
        for (server, phones) in &self.targets {
            let outage = subjects.next_outage(server.clone(), phones);
            let spec = OutageSpec {
                mode: mode_for(self.plan.mode, phones, subjects),
                toward: self.plan.toward,
                server: server.clone(),
                scope: self.plan.scope,
                phones: phones.clone(),
                limit: self.plan.limit,
            };
            out.order(Action::BeginOutage { outage, spec });
            self.outages.insert(server.clone(), outage);
        }
        if self.outages.is_empty() {
            subjects.decide_all(|| Finding::rig("nothing-to-cut", "no line has a server in the role that goes away"));
            self.stage = Stage::Done;
        } else {
            self.stage = Stage::Commit { open: self.outages.values().copied().collect() };
            self.until = now + PATIENCE;
        }
    }
}

/// The step that gives servers back.
#[derive(Debug)]
pub struct Lifting {
    open: BTreeSet<OutageId>,
    until: Stamp,
}

impl Lifting {
    /// Lifts the outages of servers in this role, or every outage in force.
    pub fn begin(role: Option<Role>, subjects: &mut Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let open = match role {
            None => lift_all(subjects, out),
            Some(role) => {
                let servers: BTreeSet<ServerName> =
                    subjects.running().filter_map(|case| case.server_in(role).cloned()).collect();
                let open = subjects.outages_open().filter(|outage| {
                    subjects.outages.get(outage).is_some_and(|outage| servers.contains(&outage.server))
                });
                order_end(open.collect(), out)
            }
        };
        Self { open, until: now + PATIENCE }
    }

    /// Hears that an outage has ended.
    pub fn observe(&mut self, observed: &Observed) {
        if let Observed::OutageEnded { outage, .. } = observed {
            self.open.remove(outage);
        }
    }

    /// Ends when every outage has.
    pub fn advance(&self, now: Stamp, subjects: &mut Subjects) {
        if self.open.is_empty() {
            for phone in subjects.phones_running() {
                subjects.finish_step(&phone, "every path is open again", &[]);
            }
        } else if now >= self.until {
            subjects
                .decide_all(|| Finding::rig("lift-unconfirmed", "the bridge did not confirm the end of the outage"));
        }
    }

    /// The patience for the bridge.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        (!self.open.is_empty()).then_some((self.until, "word that the outage has ended"))
    }
}

/// Orders the end of every outage that was ordered and says which they are.
pub fn lift_all(subjects: &Subjects, out: &mut Outbox) -> BTreeSet<OutageId> {
    order_end(subjects.outages_open().collect(), out)
}

fn order_end(open: BTreeSet<OutageId>, out: &mut Outbox) -> BTreeSet<OutageId> {
    for outage in &open {
        out.order(Action::EndOutage { outage: *outage });
    }
    open
}

/// Sends canaries through every path; with the outages that they shall prove, or as a control.
fn send_canaries(
    outages: Option<&BTreeMap<ServerName, OutageId>>,
    targets: &BTreeMap<ServerName, Vec<PhoneName>>,
    out: &mut Outbox,
) -> BTreeSet<Path> {
    let mut open = BTreeSet::new();
    for (server, phones) in targets {
        let outage = outages.and_then(|outages| outages.get(server)).copied();
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

/// What happens to the frames of these phones: a redirection leads to the server that their lines have in that role.
fn mode_for(plan: ModePlan, phones: &[PhoneName], subjects: &Subjects) -> OutageMode {
    match plan {
        ModePlan::Drop => OutageMode::Drop,
        ModePlan::Refuse => OutageMode::Refuse,
        ModePlan::Answer { code, retry_after_s, redirect } => {
            let mut concerned = subjects.cases().iter().filter(|case| phones.contains(&case.id.phone));
            let redirect = redirect.and_then(|role| concerned.find_map(|case| case.server_in(role).cloned()));
            OutageMode::Answer(Spoof { code, retry_after_s, redirect })
        }
    }
}

fn way(phone: &PhoneName, server: &ServerName, toward: Toward) -> String {
    match toward {
        Toward::Server => format!("from {phone} to server {server}"),
        Toward::Phone => format!("from server {server} to {phone}"),
    }
}
