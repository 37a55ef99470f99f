//! The story of a run: its records folded into what a reader wants to know, and nothing rendered yet.
//!
//! The fold only collects what the engine concluded; it judges nothing itself. The one thing it adds is an entry for
//! every planned case that was never decided, so that a torn journal can not look like a short and happy run.

pub mod trouble;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use super::prompts::Prompt;
use crate::{
    config::{Line, Phone, Plan, Role, Scenario},
    event::{
        BindingEvent, Derived, Event, LineId, LinkPlace, Move, Observed, OutageEnd, OutageId, OutageSpec, OutageTally,
        PhoneName, Record, ServerName, Stamp, Toward, When,
    },
    verdict::{Blame, Case, CaseId, Measurement, Verdict},
};

/// Everything that reports show.
#[derive(Debug, Clone, Default)]
pub struct RunStory {
    /// What the run was about; none if its first record is missing.
    pub plan: Option<Box<Plan>>,
    /// The verdicts, in the order of the plan; call [`RunStory::cases`] to have the undecided ones too.
    decided: Vec<Case>,
    /// When each case was decided.
    decided_at: BTreeMap<CaseId, Stamp>,
    /// What was measured for cases that were not (yet) decided.
    measured: BTreeMap<CaseId, Vec<Measurement>>,
    /// Registrations of each line over time, in order of their beginning.
    pub bindings: BTreeMap<LineId, Vec<Binding>>,
    /// Outages that phones did without, in order of their turns.
    pub skipped: Vec<Skipped>,
    /// Outages, in order of their number.
    pub outages: BTreeMap<OutageId, Outage>,
    /// Where servers were seen to answer from, in the order in which they showed it.
    pub places: BTreeMap<ServerName, Vec<(IpAddr, LinkPlace)>>,
    /// Where the frames of phones behind routers came from.
    pub routers: BTreeMap<PhoneName, Vec<LinkPlace>>,
    /// Windows computed for the moves, in order of computation.
    pub deadlines: Vec<Deadline>,
    /// What the always-on detectors saw.
    pub findings: Vec<Finding>,
    /// Steps that a case finished or left.
    pub steps: Vec<StepNote>,
    /// Key presses with their effect.
    pub keys: Vec<KeyNote>,
    /// What operators were asked to do, in order.
    pub prompts: Vec<Prompt>,
    /// Lost evidence, failed drivers and ports, clock steps: what makes the rig's word weaker.
    pub troubles: Vec<Trouble>,
    /// Who asked for an early end.
    pub stopped_by: Option<String>,
    /// Why the journal could not be written to its end, which it can not tell itself.
    pub journal_lost: Option<String>,
    /// The engine said that it is through.
    pub ended: bool,
    /// Time of the last record.
    pub last: Stamp,
    /// Number of the last record.
    pub last_seq: u64,
}

/// An outage that phones did without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What would have begun, and for whom.
    pub spec: OutageSpec,
    /// What it needs.
    pub needs: String,
    /// When its turn was.
    pub at: Stamp,
}

impl RunStory {
    /// What the outages need that phones did without, each said once.
    pub fn needs(&self) -> Vec<&str> {
        let mut needs: Vec<&str> = self.skipped.iter().map(|skipped| skipped.needs.as_str()).collect();
        needs.dedup();
        needs
    }
}

impl Skipped {
    /// Whether it would have taken the primary of a line away.
    pub fn concerns(&self, line: &LineId, story: &RunStory) -> bool {
        self.spec.phones.contains(&line.phone) && story.role(line, &self.spec.server) == Role::Primary
    }
}

/// The time in which one server held one live binding for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The server.
    pub server: ServerName,
    /// From the 2xx that created it, with its error.
    pub from: When,
    /// Until it expired or was removed; none: it lived to the end of the run.
    pub until: Option<When>,
    /// Times at which it was refreshed.
    pub refreshes: Vec<Stamp>,
    /// What ended it; none: nothing, or it is unread.
    pub ended_by: Option<&'static str>,
    /// Numbers of the records that show it.
    pub evidence: Vec<u64>,
    /// Nothing of it was read: for this time the line's phone spoke with the server in an encrypted connection.
    pub unread: bool,
}

/// An outage as ordered and as it happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outage {
    /// What was ordered.
    pub spec: Option<OutageSpec>,
    /// When it took force: *t0*.
    pub began: Option<When>,
    /// When it ended.
    pub ended: Option<When>,
    /// Why it ended.
    pub why: Option<OutageEnd>,
    /// What it did, per phone.
    pub tally: BTreeMap<PhoneName, OutageTally>,
    /// When the first frame that it dropped came in, per phone and direction, and the last: none, if it did not end or the run is
    /// of a siprig that did not tell.
    pub bites: BTreeMap<(PhoneName, Toward), (When, Option<When>)>,
    /// Number of the record of its beginning.
    pub seq: u64,
}

impl Outage {
    /// Takes what is observed of it.
    pub fn take(&mut self, record: &Record, observed: &Observed) {
        match observed {
            Observed::OutageBegan { .. } => (self.began, self.seq) = (Some(record.when), record.seq),
            Observed::FirstBite { phone, toward, .. } => {
                self.bites.insert((phone.clone(), *toward), (record.when, None));
            }
            Observed::LastBite { phone, toward, .. } => {
                if let Some((_, last)) = self.bites.get_mut(&(phone.clone(), *toward)) {
                    *last = Some(record.when);
                }
            }
            Observed::OutageEnded { why, tally, .. } => {
                (self.ended, self.why) = (Some(record.when), Some(*why));
                self.tally.clone_from(tally);
            }
            _ => {}
        }
    }
}

/// A computed window.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline {
    /// The case.
    pub case: CaseId,
    /// Which move.
    pub of: Move,
    /// Its length in milliseconds.
    pub window_ms: f64,
    /// The sum, written out.
    pub derivation: String,
    /// Timers in it that are assumed.
    pub assumed: Vec<String>,
    /// When it was computed.
    pub at: Stamp,
}

/// What a detector saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line.
    pub line: LineId,
    /// A stable word.
    pub code: String,
    /// For people.
    pub note: String,
    /// When.
    pub at: Stamp,
    /// Numbers of the records that show it.
    pub evidence: Vec<u64>,
}

/// What a step came to for a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepNote {
    /// Index of the step, from 0.
    pub step: usize,
    /// The case.
    pub case: CaseId,
    /// Whether what it expects was seen.
    pub ok: bool,
    /// What was seen.
    pub note: String,
    /// When.
    pub at: Stamp,
    /// Numbers of the records that show it.
    pub evidence: Vec<u64>,
}

/// A key press and its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNote {
    /// The phone.
    pub phone: PhoneName,
    /// The key.
    pub key: String,
    /// Number of the record that shows its effect; none: unconfirmed.
    pub by: Option<u64>,
    /// When.
    pub at: Stamp,
}

/// Something that makes the rig's word weaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// When.
    pub at: Stamp,
    /// For people.
    pub note: String,
    /// Number of its record.
    pub seq: u64,
}

impl RunStory {
    /// Folds records, in the order of the journal.
    pub fn from_records<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut story = Self::default();
        for record in records {
            story.apply(record);
        }
        story
    }

    /// Takes one more record.
    pub fn apply(&mut self, record: &Record) {
        self.last = self.last.max(record.seen).max(record.when.at);
        self.last_seq = record.seq;
        match &record.event {
            Event::Observed(observed) => self.observed(record, observed),
            Event::Derived(derived) => self.derived(record, derived),
            Event::Action(crate::event::Action::BeginOutage { outage, spec }) => {
                self.outages.entry(*outage).or_default().spec = Some(spec.as_ref().clone());
            }
            Event::Action(_) => {}
        }
    }

    /// The name of the run; `unknown` if the journal does not say.
    pub fn run(&self) -> &str {
        self.plan.as_ref().map_or("unknown", |plan| &plan.run)
    }

    /// Every case: the decided ones in the order of their decision, put into the order of the plan, and a `not-run`
    /// for each planned one without a verdict.
    pub fn cases(&self) -> Vec<Case> {
        let decided: HashMap<&CaseId, &Case> = self.decided.iter().map(|case| (&case.id, case)).collect();
        let planned = self.planned();
        let known: HashSet<&CaseId> = planned.iter().collect();
        let unplanned = self.decided.iter().filter(|case| !known.contains(&case.id)).cloned();
        let of = |id: &CaseId| decided.get(id).map_or_else(|| self.undecided(id.clone()), |case| (*case).clone());
        planned.iter().map(of).chain(unplanned).collect()
    }

    /// When a case was decided.
    pub fn decided_at(&self, case: &CaseId) -> Option<Stamp> {
        self.decided_at.get(case).copied()
    }

    /// The windows computed for a case, the latest of each move, in the order of the moves.
    pub fn deadlines_of(&self, case: &CaseId) -> Vec<&Deadline> {
        let mut latest = BTreeMap::new();
        for deadline in self.deadlines.iter().filter(|deadline| deadline.case == *case) {
            latest.insert(deadline.of, deadline);
        }
        latest.into_values().collect()
    }

    /// What a server is to a line.
    pub fn role(&self, line: &LineId, server: &ServerName) -> Role {
        let declared = self.plan.as_ref().and_then(|plan| {
            let phone = plan.phone(&line.phone)?;
            phone.lines.iter().find(|declared| declared.extension == line.extension)
        });
        declared.map_or(Role::Other, |declared| declared.role_of(server))
    }

    fn planned(&self) -> Vec<CaseId> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let lines = plan.phones.iter().filter_map(|name| plan.phone(name));
        let lines: Vec<_> = lines.flat_map(|phone| phone.lines.iter().map(move |line| (phone, line))).collect();
        let of = |scenario: &Scenario| {
            let case = |(phone, line): &(&Phone, &Line)| CaseId {
                scenario: scenario.name.clone(),
                phone: phone.name.clone(),
                line: line.extension.clone(),
            };
            lines.iter().map(case).collect::<Vec<_>>()
        };
        plan.scenarios().flat_map(of).collect()
    }

    fn undecided(&self, id: CaseId) -> Case {
        let (verdict, blame, code, reason) = match (&self.journal_lost, &self.stopped_by) {
            (Some(why), _) => (Verdict::RigError, Blame::Rig, "journal-lost", why.clone()),
            (None, Some(by)) => {
                let reason = format!("the run was ended by {by} before this case was decided");
                (Verdict::NotRun, Blame::Unknown, "interrupted", reason)
            }
            (None, None) => {
                let reason = "the journal ends before this case was decided".to_owned();
                (Verdict::NotRun, Blame::Unknown, "no-verdict", reason)
            }
        };
        Case {
            verdict,
            blame: Some(blame),
            code: Some(code.to_owned()),
            reason: Some(reason),
            expected: true,
            attempts: 0,
            evidence: Vec::new(),
            measurements: self.measured.get(&id).cloned().unwrap_or_default(),
            id,
        }
    }

    fn observed(&mut self, record: &Record, observed: &Observed) {
        if let Some(note) = trouble::of(observed, |outage| self.outages.get(&outage)?.spec.as_ref()) {
            self.troubles.push(Trouble { at: record.when.at, note, seq: record.seq });
        }
        match observed {
            Observed::RunStarted { plan } => self.plan = Some(plan.clone()),
            Observed::ServerSeen { server, address, place } => {
                self.places.entry(server.clone()).or_default().push((*address, place.clone()));
            }
            Observed::RouterSeen { phone, place, taken: false, .. } => {
                self.routers.entry(phone.clone()).or_default().push(place.clone());
            }
            Observed::StopRequested { by } => {
                self.stopped_by.get_or_insert_with(|| by.clone());
            }
            Observed::OutageBegan { outage }
            | Observed::FirstBite { outage, .. }
            | Observed::LastBite { outage, .. }
            | Observed::OutageEnded { outage, .. } => self.outages.entry(*outage).or_default().take(record, observed),
            _ => {}
        }
    }

    fn derived(&mut self, record: &Record, derived: &Derived) {
        let at = record.when.at;
        match derived {
            Derived::Binding(change) => {
                let bindings = self.bindings.entry(change.line.clone()).or_default();
                let open = bindings.iter_mut().rfind(|b| b.server == change.server && b.until.is_none() && !b.unread);
                match (&change.change, open) {
                    (BindingEvent::Refreshed { .. }, Some(binding)) => {
                        binding.refreshes.push(at);
                        binding.evidence.extend(&change.evidence);
                    }
                    // A second contact at the same server prolongs the bar, it does not start another.
                    (BindingEvent::Created { .. }, Some(binding)) => binding.evidence.extend(&change.evidence),
                    (BindingEvent::Created { .. } | BindingEvent::Refreshed { .. }, None) => bindings.push(Binding {
                        server: change.server.clone(),
                        from: record.when,
                        until: None,
                        refreshes: Vec::new(),
                        ended_by: None,
                        evidence: change.evidence.clone(),
                        unread: false,
                    }),
                    (BindingEvent::Expired | BindingEvent::Removed, Some(binding)) => {
                        binding.until = Some(record.when);
                        let expired = change.change == BindingEvent::Expired;
                        binding.ended_by = Some(if expired { "expired" } else { "removed" });
                        binding.evidence.extend(&change.evidence);
                    }
                    (BindingEvent::Expired | BindingEvent::Removed, None) => {}
                }
            }
            Derived::DeadlineComputed { case, of, window_ms, derivation, assumed } => self.deadlines.push(Deadline {
                case: case.clone(),
                of: *of,
                window_ms: *window_ms,
                derivation: derivation.clone(),
                assumed: assumed.clone(),
                at,
            }),
            Derived::Measured { case, measurement } => {
                self.measured.entry(case.clone()).or_default().push(measurement.clone());
            }
            Derived::Detected { line, code, note, evidence } => self.findings.push(Finding {
                line: line.clone(),
                code: code.clone(),
                note: note.clone(),
                at,
                evidence: evidence.clone(),
            }),
            Derived::StepEnded { step, case, ok, note, evidence } => self.steps.push(StepNote {
                step: *step,
                case: case.clone(),
                ok: *ok,
                note: note.clone(),
                at,
                evidence: evidence.clone(),
            }),
            Derived::OutageSkipped { spec, needs } => {
                self.skipped.push(Skipped { spec: (**spec).clone(), needs: needs.clone(), at });
            }
            Derived::KeyConfirmed { phone, key, by } => {
                self.keys.push(KeyNote { phone: phone.clone(), key: key.to_string(), by: *by, at });
            }
            Derived::OperatorAsked { .. } | Derived::PromptEnded { .. } => self.prompted(at, derived),
            Derived::CaseDecided(case) => {
                self.decided_at.insert(case.id.clone(), at);
                self.decided.push((**case).clone());
            }
            Derived::RunEnded => self.ended = true,
            Derived::Connected { line, servers } => self.connected(record, line, servers),
            Derived::ScenarioStarted { .. }
            | Derived::StepStarted { .. }
            | Derived::HandAnswered { .. }
            | Derived::ReplyRefused { .. }
            | Derived::OutageAnswered { .. }
            | Derived::Home { .. } => {}
        }
    }

    fn connected(&mut self, record: &Record, line: &LineId, servers: &[ServerName]) {
        let bindings = self.bindings.entry(line.clone()).or_default();
        let mut new: Vec<&ServerName> = servers.iter().collect();
        for open in bindings.iter_mut().filter(|binding| binding.unread && binding.until.is_none()) {
            match new.iter().position(|server| **server == open.server) {
                Some(known) => drop(new.remove(known)),
                None => open.until = Some(record.when),
            }
        }
        bindings.extend(new.into_iter().map(|server| Binding {
            server: server.clone(),
            from: record.when,
            until: None,
            refreshes: Vec::new(),
            ended_by: None,
            evidence: Vec::new(),
            unread: true,
        }));
    }
}
