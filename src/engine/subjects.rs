//! All that a run is about: its cases, its phones, its outages. Steps work on this.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Outbox,
    case::{CaseRun, Finding, Ordered},
    detect::Detectors,
    gaps::Gaps,
    judge,
    leases::{self, Usurped},
    pbx::Changes,
    peer::PeerCalls,
    phone::{Belief, PhoneWatch},
    phone_files::Rewritten,
    registration::{Fix, LineTrack},
    seat::{self, Seat, Visitors},
    speech::Speeches,
};
use crate::{
    config::{Bench, DocumentedLimit, Keypad, Phone, Plan, Scenario, StepKind, keying},
    event::{Action, LineId, OutageId, PhoneName, PortKind, PushCommand, ServerName, Stamp, Stroke, When},
    verdict::CaseId,
};

mod fitness;
mod outages;
mod presses;
mod words;

pub use outages::OutageRun;

/// The cases of a run and everything they touch.
#[derive(Debug)]
pub struct Subjects {
    plan: Plan,
    cases: Vec<CaseRun>,
    watches: BTreeMap<PhoneName, PhoneWatch>,
    detectors: BTreeMap<CaseId, Detectors>,
    pub(super) outages: BTreeMap<OutageId, OutageRun>,
    pub(super) observing: Option<Fix>,
    pub(super) losses: Vec<Fix>,
    pub(super) gaps: Gaps,
    pub(super) steps_ended: Vec<StepEnd>,
    last_sequence: u32,
    /// The phones that are looked at; none: all.
    focus: Option<BTreeSet<PhoneName>>,
    /// Settings of the PBX that are changed.
    pub(super) pbx: Changes,
    /// The phones that are set otherwise than their base set.
    pub(super) files: Rewritten,
    /// Prompts that are over, each with how it ended.
    pub(super) prompts: BTreeMap<u32, String>,
    /// Calls that peers make.
    pub(super) peer_calls: PeerCalls,
    /// What is said in calls.
    pub(super) speech: Speeches,
    /// What the phones need that do without the last outage and what follows from it.
    pub(super) without: BTreeMap<PhoneName, String>,
    /// What extensions ask for from phones that they are not looked at.
    pub(super) visitors: Visitors,
    /// Phones whose addresses others have.
    pub(super) usurped: Usurped,
}

/// A case has finished the step in progress.
#[derive(Debug)]
pub struct StepEnd {
    /// Which case.
    pub case: CaseId,
    /// For people.
    pub note: String,
    /// The records that show it.
    pub evidence: Vec<u64>,
}

/// How a phone is told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// By its XML interface.
    Push(PushCommand),
    /// By its keys.
    Keys(Vec<Stroke>),
}

impl Subjects {
    /// The cases of a plan: its scenario on every line of its phones.
    pub fn new(plan: &Plan) -> Self {
        let mut cases = Vec::new();
        let mut watches = BTreeMap::new();
        let mut detectors = BTreeMap::new();
        for phone in plan.phones.iter().filter_map(|name| plan.phone(name)) {
            let model = plan.model_of(phone);
            watches.insert(phone.name.clone(), PhoneWatch::new(phone, model));
            for line in &phone.lines {
                let id = CaseId {
                    scenario: plan.scenario.name.clone(),
                    phone: phone.name.clone(),
                    line: line.extension.clone(),
                };
                detectors.insert(id.clone(), Detectors::default());
                let mut track = LineTrack::new(LineId { phone: phone.name.clone(), extension: line.extension.clone() });
                if model.is_some_and(|model| model.keeps_both) {
                    track = track.anchored(line.primary.clone());
                }
                cases.push(CaseRun::new(id, line, phone.timers.clone(), model, track));
            }
        }
        Self {
            plan: plan.clone(),
            cases,
            watches,
            detectors,
            outages: BTreeMap::new(),
            observing: None,
            losses: Vec::new(),
            gaps: Gaps::default(),
            steps_ended: Vec::new(),
            last_sequence: 0,
            focus: None,
            pbx: Changes::default(),
            files: Rewritten::unsettled(&plan.unsettled),
            prompts: BTreeMap::new(),
            peer_calls: PeerCalls::default(),
            speech: Speeches::default(),
            without: BTreeMap::new(),
            visitors: Visitors::default(),
            usurped: Usurped::default(),
        }
    }

    /// From now on, what is asked of running cases is asked of those of these phones alone; none: of all.
    pub fn focus(&mut self, phones: Option<BTreeSet<PhoneName>>) {
        self.focus = phones;
    }

    /// Whether a phone is among those that are looked at.
    pub fn in_focus(&self, phone: &PhoneName) -> bool {
        self.focus.as_ref().is_none_or(|focus| focus.contains(phone))
    }

    /// Goes on to another scenario: new cases, of lines and phones about which all is kept that is known. A line that is
    /// at its primary has begun there.
    pub fn go_on(&mut self, scenario: Scenario, fix: Fix) {
        self.plan.scenario = scenario;
        self.without.clear();
        let plan = &self.plan;
        let mut cases = Vec::new();
        for old in std::mem::take(&mut self.cases) {
            let declared = plan.phone(&old.id.phone).and_then(|phone| {
                let line = phone.lines.iter().find(|line| line.extension == old.id.line)?;
                Some((phone, line))
            });
            let Some((phone, line)) = declared else { continue };
            let id = CaseId { scenario: plan.scenario.name.clone(), ..old.id };
            let mut case = CaseRun::new(id, line, phone.timers.clone(), plan.model_of(phone), old.track);
            (case.calls, case.lamp, case.naming) = (old.calls, old.lamp, old.naming.carried());
            if let Some(Seat::MovedTo(..)) = old.seat.as_ref().filter(|_| old.at != case.id.phone) {
                seat::sit(&mut case, plan, old.at);
                case.seat = old.seat;
            }
            case.follow_on(fix);
            cases.push(case);
        }
        self.detectors = cases.iter().map(|case| (case.id.clone(), Detectors::default())).collect();
        self.cases = cases;
        self.observing = Some(fix);
        self.steps_ended.clear();
    }

    /// The plan of the run; its scenario is the one in progress.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The record from which on the wire is watched.
    pub fn observing(&self) -> Option<Fix> {
        self.observing
    }

    /// Every case.
    pub fn cases(&self) -> &[CaseRun] {
        &self.cases
    }

    /// Every case, to be changed.
    pub fn cases_mut(&mut self) -> &mut [CaseRun] {
        &mut self.cases
    }

    /// The cases that are not decided, of the phones that are looked at.
    pub fn running(&mut self) -> impl Iterator<Item = &mut CaseRun> {
        let focus = self.focus.as_ref();
        let looked_at = move |case: &CaseRun| focus.is_none_or(|focus| focus.contains(&case.id.phone));
        self.cases.iter_mut().filter(move |case| case.running() && looked_at(case))
    }

    /// The phones that have a case that is not decided, in order of the plan.
    pub fn phones_running(&self) -> Vec<PhoneName> {
        let mut phones: Vec<PhoneName> = Vec::new();
        for case in self.cases.iter().filter(|case| case.running() && self.in_focus(&case.id.phone)) {
            for phone in [&case.id.phone, &case.at] {
                if self.in_focus(phone) && !phones.contains(phone) {
                    phones.push(phone.clone());
                }
            }
        }
        // In the order of the plan, whoever sits where.
        phones.sort_by_key(|phone| self.plan.phones.iter().position(|it| it == phone));
        phones
    }

    /// The phone where a case's line is looked at.
    pub fn seat_of<'a>(&'a self, id: &'a CaseId) -> &'a PhoneName {
        self.case(id).map_or(&id.phone, |case| &case.at)
    }

    /// A case by its name.
    pub fn case(&self, id: &CaseId) -> Option<&CaseRun> {
        self.cases.iter().find(|case| case.id == *id)
    }

    /// A case with its detectors, to be changed.
    pub fn case_and_detectors(&mut self, id: &CaseId) -> Option<(&mut CaseRun, &mut Detectors)> {
        let case = self.cases.iter_mut().find(|case| case.id == *id)?;
        Some((case, self.detectors.get_mut(id)?))
    }

    /// The same with the bench that it is on.
    pub fn case_detectors_and_bench(&mut self, id: &CaseId) -> Option<(&mut CaseRun, &mut Detectors, &Bench)> {
        let case = self.cases.iter_mut().find(|case| case.id == *id)?;
        Some((case, self.detectors.get_mut(id)?, &self.plan.bench))
    }

    fn case_mut(&mut self, id: &CaseId) -> Option<&mut CaseRun> {
        self.cases.iter_mut().find(|case| case.id == *id)
    }

    /// What is known of a phone.
    pub fn watch(&self, phone: &PhoneName) -> Option<&PhoneWatch> {
        self.watches.get(phone)
    }

    /// What is known of a phone, to be changed.
    pub fn watch_mut(&mut self, phone: &PhoneName) -> Option<&mut PhoneWatch> {
        self.watches.get_mut(phone)
    }

    /// Decides every running case of a phone.
    pub fn decide(&mut self, phone: &PhoneName, finding: impl Fn() -> Finding) {
        self.running().filter(|case| case.is_of(phone)).for_each(|case| case.decide(finding()));
    }

    /// Decides every running case.
    pub fn decide_all(&mut self, finding: impl Fn() -> Finding) {
        self.running().for_each(|case| case.decide(finding()));
    }

    /// Decides one case.
    pub fn decide_case(&mut self, id: &CaseId, finding: Finding) {
        if let Some(case) = self.case_mut(id) {
            case.decide(finding);
        }
    }

    /// The running cases of a phone have finished the step.
    pub fn finish_step(&mut self, phone: &PhoneName, note: &str, evidence: &[u64]) {
        let ids: Vec<CaseId> =
            self.running().filter(|case| case.id.phone == *phone).map(|case| case.id.clone()).collect();
        for id in ids {
            self.finish_case_step(&id, note, evidence);
        }
    }

    /// A phone lacks what a step takes: it passes over an optional one, and leaves its cases at any other.
    pub fn lack(&mut self, phone: &PhoneName, optional: bool, lacks: &Finding) {
        if optional {
            self.finish_step(phone, &format!("passed over: {}", lacks.reason), &[]);
        } else {
            self.decide(phone, || lacks.clone());
        }
    }

    /// One case has finished the step.
    pub fn finish_case_step(&mut self, id: &CaseId, note: &str, evidence: &[u64]) {
        let Some(case) = self.case_mut(id).filter(|case| case.running() && !case.step_done) else { return };
        case.step_done = true;
        case.evidence.extend(evidence);
        self.steps_ended.push(StepEnd { case: id.clone(), note: note.to_owned(), evidence: evidence.to_vec() });
    }

    /// Weighs what the step in progress came to against the limit that a document admits of it. Cases that were told of
    /// before left an earlier step.
    pub fn weigh(&mut self, limit: &DocumentedLimit, told: &BTreeSet<CaseId>) {
        let mut shown = Vec::new();
        let focus = self.focus.as_ref();
        let looked_at = |case: &&mut CaseRun| focus.is_none_or(|focus| focus.contains(&case.id.phone));
        for case in self.cases.iter_mut().filter(looked_at).filter(|case| !told.contains(&case.id)) {
            if case.weigh(limit)
                && let Some((finding, _)) = &case.limit_shown
            {
                let note = format!("the documented limit shows: {}", finding.reason);
                shown.push((case.id.clone(), note, finding.evidence.clone()));
            }
        }
        for (id, note, evidence) in shown {
            self.finish_case_step(&id, &note, &evidence);
        }
    }

    /// A record that the cases of a phone rest on.
    pub fn add_evidence(&mut self, phone: &PhoneName, seq: Option<u64>) {
        self.running().filter(|case| case.is_of(phone)).for_each(|case| case.evidence.extend(seq));
    }

    /// A record that one case rests on.
    pub fn add_case_evidence(&mut self, id: &CaseId, seq: u64) {
        if let Some(case) = self.case_mut(id) {
            case.evidence.insert(seq);
        }
    }

    /// The number of the next key sequence.
    pub fn next_sequence(&mut self) -> u32 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// A key sequence of the phone's model.
    pub fn menu(&self, phone: &PhoneName, menu: &str) -> Option<Vec<Stroke>> {
        let phone = self.plan.phone(phone)?;
        self.plan.model_of(phone)?.menus.get(menu).cloned()
    }

    /// The keys that a step plays on a phone, or what the phone lacks for it. Codes act on the first line of a phone:
    /// the cases of others are none of theirs.
    pub fn keys_for(&mut self, name: &PhoneName, kind: &StepKind) -> Result<Vec<Stroke>, Finding> {
        let no_keypad = || Finding::skipped("no-keypad", "the phone has no keypad or no such menu");
        if !self.watch(name).is_some_and(|watch| watch.keypad) {
            return Err(no_keypad());
        }
        let by_address = |phone: &Phone| matches!(phone.keypad, Some(Keypad::Xml | Keypad::Url { .. }));
        if let Some(finding) =
            self.plan.phone(name).filter(|it| by_address(it)).and_then(|_| leases::in_the_way(self, name))
        {
            return Err(finding);
        }
        let Some(keys) = kind.pressed() else {
            let StepKind::Keys { menu, .. } = kind else { return Err(no_keypad()) };
            return self.menu(name, menu).filter(|keys| !keys.is_empty()).ok_or_else(no_keypad);
        };
        let line = self.plan.phone(name).and_then(|phone| phone.lines.first()).ok_or_else(no_keypad)?;
        if kind.types_pin() && line.pin_file.is_none() {
            let reason = format!("no PIN is known of line {}; give it a `pin-file`", line.extension);
            return Err(Finding::skipped("no-pin", reason));
        }
        let first = line.extension.clone();
        let keys = keying::with_extension(&keys, &first).ok_or_else(|| {
            Finding::skipped("not-dialable", format!("extension {first} can not be typed on a key pad"))
        })?;
        for case in self.running().filter(|case| case.id.phone == *name && case.id.line != first) {
            let reason = format!("keys log on and off at line {first} of this phone, its first");
            case.decide(Finding::skipped("not-first-line", reason));
        }
        Ok(keys)
    }

    /// How a step that tells phones something tells it to this one, or what the phone lacks for it.
    pub fn order_for(&mut self, name: &PhoneName, kind: &StepKind) -> Result<Telling, Finding> {
        let pushed_to = self.plan.phone(name).is_some_and(|phone| phone.push.is_some());
        if let Some(finding) = leases::in_the_way(self, name).filter(|_| pushed_to) {
            return Err(finding);
        }
        match kind {
            StepKind::Push { command } if pushed_to => Ok(Telling::Push(*command)),
            StepKind::Restart if pushed_to => Ok(Telling::Push(PushCommand::Reset)),
            StepKind::Restart => {
                let keys = StepKind::Keys { menu: StepKind::RESTART.to_owned(), reboots: true };
                self.keys_for(name, &keys).map(Telling::Keys).map_err(|_| {
                    let reason = "the phone takes no pushes, and it has no keypad or no menu `restart`";
                    Finding::skipped("no-restart", reason)
                })
            }
            _ => {
                Err(Finding::skipped("no-push", "the phone takes no pushes; if it does, add `push` to it in the bench"))
            }
        }
    }

    /// What a phone lacks to say what is on its display, if anything.
    pub fn display_for(&self, phone: &PhoneName) -> Result<(), Finding> {
        let tells = self.dialect(phone).is_some_and(|dialect| dialect.display.is_some());
        tells.then_some(()).ok_or_else(|| Finding::skipped("no-console", "no console tells what the display shows"))
    }

    /// The last key of a step goes down on a phone, or something is pushed to it.
    pub fn order_given(&mut self, phone: &PhoneName, now: Stamp, fix: Fix, reboots: bool) {
        let at = Fix { seq: fix.seq, when: When::exactly(now) };
        if let Some(watch) = self.watch_mut(phone) {
            watch.dialled = None;
            watch.boot_ordered = reboots;
            if reboots {
                watch.fetches.boots();
            }
        }
        self.running()
            .filter(|case| case.id.phone == *phone)
            .for_each(|case| case.orders.push(Ordered { at, reboots, booted: None }));
    }

    /// The call to this number that a phone made, if it was its last.
    pub fn dialled(&self, phone: &PhoneName, number: &str) -> Option<Fix> {
        let extension = &self.plan.phone(phone)?.lines.first()?.extension;
        let (seen, fix) = self.watch(phone)?.dialled.as_ref()?;
        keying::dialled(seen, number, extension).then_some(*fix)
    }

    /// How long a phone waits for an answer.
    pub fn transaction(&self, phone: &PhoneName) -> Duration {
        self.plan.phone(phone).map_or(Duration::ZERO, |phone| phone.timers.transaction.value)
    }

    /// Whether the phone's console shows what is on the display.
    pub fn shows_menu(&self, phone: &PhoneName) -> bool {
        self.dialect(phone).is_some_and(|dialect| dialect.status_shown.is_some())
    }

    /// Whether the phone's console shows which accounts the display shows as registered, and where.
    pub fn shows_accounts(&self, phone: &PhoneName) -> bool {
        self.dialect(phone).is_some_and(|dialect| dialect.shown_account.is_some())
    }

    /// Whether the phone's console says where a line is registered.
    pub fn states_registration(&self, phone: &PhoneName) -> bool {
        self.dialect(phone).is_some_and(|dialect| dialect.registered.is_some())
    }

    /// Whether the phone's console says which settings were made on the phone itself.
    pub fn tells_settings(&self, phone: &PhoneName) -> bool {
        self.dialect(phone).is_some_and(|dialect| dialect.local_settings.is_some())
    }

    fn dialect(&self, phone: &PhoneName) -> Option<&crate::config::Dialect> {
        let phone = self.plan.phone(phone).filter(|phone| phone.console.is_some())?;
        self.plan.model_of(phone)?.console.as_ref()
    }

    /// Asks a phone's console for the registration status; false if it can not be asked.
    pub fn ask_status(&self, phone: &PhoneName, out: &mut Outbox) -> bool {
        let Some(watch) = self.watches.get(phone).filter(|watch| watch.console_usable()) else { return false };
        let Some(command) = &watch.status_command else { return false };
        out.order(Action::Type { phone: phone.clone(), text: command.clone() });
        true
    }

    /// What it means for a phone that its console is gone, if it is.
    pub fn console_lost(&self, phone: &PhoneName) -> Option<Finding> {
        let watch = self.watches.get(phone)?;
        let (lost, why) = watch.lost.get(&PortKind::Console)?;
        Some(judge::port_lost(watch, "console-lost", format!("the console was lost: {why}"), lost.seq))
    }

    /// What the phone's console last said of the line.
    pub fn belief(&self, id: &CaseId) -> Option<Belief> {
        self.watches.get(self.seat_of(id))?.beliefs.get(&id.line).cloned()
    }

    /// The server of the bench that has this address.
    pub fn server_at(&self, address: &str) -> Option<ServerName> {
        Some(self.plan.bench.server_at(address.parse().ok()?)?.name.clone())
    }

    /// The server of the bench that a console's statement means.
    pub fn server_named_by(&self, belief: &Belief) -> Option<ServerName> {
        let address = belief.address()?;
        Some(self.plan.bench.server_at(address)?.name.clone())
    }

    /// A server for people: name and addresses.
    pub fn describe_server(&self, server: &ServerName) -> String {
        let known = self.plan.bench.server(server);
        let addresses =
            known.map(|known| known.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        format!("server {server} ({})", addresses.unwrap_or_default())
    }
}
