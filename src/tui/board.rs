//! What the live display knows: the present state of every line, folded from records.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::narrator::{Narrator, Told};
use crate::{
    config::{Plan, Role},
    event::{
        Action, BindingEvent, Derived, Event, LineId, Observed, OutageId, OutageSpec, PhoneName, Record, ServerName,
        Stamp,
    },
    verdict::Verdict,
};

/// Events that are kept to be shown; the oldest go first.
const EVENTS: usize = 200;

/// The state that is drawn.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the bench.
    pub bench: String,
    /// Every line under test, in the order of the plan.
    pub lines: Vec<LineState>,
    /// The step that runs.
    pub step: Option<StepState>,
    /// The steps that run, by the phones that take them; those of all phones by none.
    courses: BTreeMap<Vec<PhoneName>, StepState>,
    /// Outages in force.
    pub outages: BTreeMap<OutageId, OutageState>,
    /// Frames or bytes of evidence that were lost.
    pub lost: u64,
    /// Somebody asked for the end.
    pub stopping: bool,
    /// The latest events, oldest first.
    pub events: VecDeque<Told>,
    ordered: BTreeMap<OutageId, OutageSpec>,
    narrator: Narrator,
    plan: Option<Box<Plan>>,
}

/// One line of a phone.
#[derive(Debug, Clone)]
pub struct LineState {
    /// Which.
    pub id: LineId,
    /// Where it is registered.
    pub place: Place,
    /// Since when.
    pub since: Stamp,
    /// When each binding ends unless it is refreshed.
    pub expiry: BTreeMap<ServerName, Stamp>,
    /// When the last frame of its phone was seen.
    pub alive: Option<Stamp>,
    /// What its case came to, with the code of what is wrong.
    pub verdict: Option<(Verdict, Option<String>)>,
}

/// Where a line is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing was seen of it yet.
    Unsure,
    /// Nowhere: no live binding is left at the server that last confirmed it.
    Nowhere,
    /// At a server.
    At(ServerName, Role),
    /// Nobody can read where: its phone speaks TLS with these servers.
    Connected(Vec<ServerName>),
}

/// The step that runs.
#[derive(Debug, Clone)]
pub struct StepState {
    /// Its index, from 0.
    pub step: usize,
    /// How many there are.
    pub of: usize,
    /// For people.
    pub title: String,
    /// When it began.
    pub began: Stamp,
}

/// An outage in force.
#[derive(Debug, Clone)]
pub struct OutageState {
    /// What was ordered; none if that was not seen.
    pub spec: Option<OutageSpec>,
    /// When it took force.
    pub began: Stamp,
    /// When it ends by itself.
    pub limit: Option<Stamp>,
    /// What goes dark with it.
    pub dark: Vec<String>,
}

impl Board {
    /// What is run, once that is known.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// How many phones are under test.
    pub fn phones(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.phones.len())
    }

    /// Takes one more record. Returns what it tells, if that is worth a line; it is then the last of the events.
    pub fn apply(&mut self, record: &Record) -> Option<&Told> {
        let told = self.narrator.tell(record);
        let telling = told.is_some();
        if self.events.len() == EVENTS && telling {
            self.events.pop_front();
        }
        self.events.extend(told);
        self.fold(record);
        self.events.back().filter(|_| telling)
    }

    fn fold(&mut self, record: &Record) {
        match &record.event {
            Event::Observed(observed) => self.observed(record.when.at, observed),
            Event::Derived(derived) => self.derived(record.when.at, derived),
            Event::Action(Action::BeginOutage { outage, spec }) => {
                self.ordered.insert(*outage, spec.as_ref().clone());
            }
            Event::Action(_) => {}
        }
    }

    /// How many cases are decided.
    pub fn decided(&self) -> usize {
        self.lines.iter().filter(|line| line.verdict.is_some()).count()
    }

    fn observed(&mut self, at: Stamp, observed: &Observed) {
        match observed {
            Observed::RunStarted { plan } => self.begin(plan),
            Observed::OutageBegan { outage } => {
                let spec = self.ordered.get(outage).cloned();
                let limit = spec.as_ref().map(|spec| at + spec.limit);
                let known = self.plan.as_ref().zip(spec.as_ref());
                let dark = known.map_or_else(Vec::new, |(plan, spec)| plan.bench.dark_in(spec));
                self.outages.insert(*outage, OutageState { spec, began: at, limit, dark });
            }
            Observed::OutageEnded { outage, .. } => {
                self.outages.remove(outage);
            }
            Observed::SignOfLife { phone } => self.alive(phone, at),
            Observed::Sip(fact) if fact.toward == crate::event::Toward::Server => self.alive(&fact.phone, at),
            Observed::Encrypted(fact) if fact.toward == crate::event::Toward::Server => self.alive(&fact.phone, at),
            Observed::EvidenceLost { count, .. } => self.lost += count,
            Observed::StopRequested { .. } => self.stopping = true,
            _ => {}
        }
    }

    fn begin(&mut self, plan: &Plan) {
        self.scenario.clone_from(&plan.scenario.name);
        self.bench.clone_from(&plan.bench.name);
        let phones = plan.phones.iter().filter_map(|name| plan.phone(name));
        let lines = phones.flat_map(|phone| {
            phone.lines.iter().map(|line| LineState {
                id: LineId { phone: phone.name.clone(), extension: line.extension.clone() },
                place: Place::Unsure,
                since: Stamp::ZERO,
                expiry: BTreeMap::new(),
                alive: None,
                verdict: None,
            })
        });
        self.lines = lines.collect();
        self.plan = Some(Box::new(plan.clone()));
    }

    fn derived(&mut self, at: Stamp, derived: &Derived) {
        match derived {
            Derived::ScenarioStarted { scenario, .. } => {
                self.scenario.clone_from(scenario);
                self.courses.clear();
                self.lines.iter_mut().for_each(|line| line.verdict = None);
            }
            Derived::StepStarted { step, of, title, phones } => {
                if phones.is_empty() {
                    self.courses.clear();
                }
                let state = StepState { step: *step, of: *of, title: title.clone(), began: at };
                self.courses.insert(phones.clone(), state);
                // Where phones go at their own pace, the last of them is told of.
                self.step = self.courses.values().min_by_key(|state| (state.step, state.began)).cloned();
            }
            Derived::Binding(change) => {
                let Some(line) = self.line(&change.line) else { return };
                match change.change {
                    BindingEvent::Created { granted_s } | BindingEvent::Refreshed { granted_s } => {
                        let end = at + Duration::from_secs(granted_s.into());
                        line.expiry.insert(change.server.clone(), end);
                    }
                    BindingEvent::Expired | BindingEvent::Removed => {
                        line.expiry.remove(&change.server);
                        if matches!(&line.place, Place::At(server, _) if *server == change.server) {
                            (line.place, line.since) = (Place::Nowhere, at);
                        }
                    }
                }
            }
            Derived::Home { line: id, server } => {
                let place = match server {
                    Some(server) => Place::At(server.clone(), role(self.plan.as_deref(), id, server)),
                    None => Place::Nowhere,
                };
                let Some(line) = self.line(id) else { return };
                if line.place != place {
                    (line.place, line.since) = (place, at);
                }
            }
            Derived::Connected { line: id, servers } => {
                let place = if servers.is_empty() { Place::Unsure } else { Place::Connected(servers.clone()) };
                let Some(line) = self.line(id).filter(|line| !matches!(line.place, Place::At(..))) else { return };
                if line.place != place {
                    (line.place, line.since) = (place, at);
                }
            }
            Derived::CaseDecided(case) => {
                let id = LineId { phone: case.id.phone.clone(), extension: case.id.line.clone() };
                if let Some(line) = self.line(&id) {
                    line.verdict = Some((case.verdict, case.code.clone()));
                }
            }
            _ => {}
        }
    }

    fn alive(&mut self, phone: &PhoneName, at: Stamp) {
        for line in self.lines.iter_mut().filter(|line| line.id.phone == *phone) {
            line.alive = line.alive.max(Some(at));
        }
    }

    fn line(&mut self, id: &LineId) -> Option<&mut LineState> {
        self.lines.iter_mut().find(|line| line.id == *id)
    }
}

/// What the server is to the line, by the plan.
fn role(plan: Option<&Plan>, line: &LineId, server: &ServerName) -> Role {
    let declared = plan.and_then(|plan| {
        let phone = plan.phone(&line.phone)?;
        phone.lines.iter().find(|declared| declared.extension == line.extension)
    });
    declared.map_or(Role::Other, |declared| declared.role_of(server))
}

/// `b (backup)`.
pub(super) fn server_label(plan: Option<&Plan>, line: &LineId, server: &ServerName) -> String {
    format!("{server} ({})", role(plan, line, server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn until(ms: u64) -> Board {
        let mut board = Board::default();
        for record in sample::mixed_run().iter().filter(|record| record.seen <= Stamp::from_millis(ms)) {
            board.apply(record);
        }
        board
    }

    #[test]
    fn a_line_moves_to_the_backup_and_home_again() {
        let place = |ms| until(ms).lines[0].place.clone();
        assert_eq!(place(100), Place::Unsure);
        assert_eq!(place(7_000), Place::At("a".into(), Role::Primary));
        assert_eq!(place(20_000), Place::At("b".into(), Role::Backup));
        assert_eq!(place(50_000), Place::At("a".into(), Role::Primary));
    }

    #[test]
    fn a_line_whose_binding_ran_out_is_registered_nowhere_since_then() {
        // The late phone loses the primary's binding before the backup has one.
        let board = until(21_000);
        assert_eq!(board.lines[4].place, Place::Nowhere);
        assert_eq!(board.lines[4].since, Stamp::from_millis(19_920));
    }

    #[test]
    fn an_expired_binding_elsewhere_does_not_move_a_line() {
        let board = until(19_000);
        assert_eq!(board.lines[0].place, Place::At("b".into(), Role::Backup));
        assert_eq!(board.lines[0].expiry.len(), 1, "the primary's binding expired");
    }

    #[test]
    fn a_line_that_nobody_can_read_is_where_it_is_connected_and_a_registration_counts_more() {
        let mut board = Board::default();
        let begin = sample::mixed_run().remove(0);
        let tell = |derived| Record { event: Event::Derived(derived), ..begin.clone() };
        board.apply(&begin);
        let line = board.lines[0].id.clone();
        let connected = |servers: &[&str]| {
            let servers = servers.iter().map(|name| ServerName::from(*name)).collect();
            Derived::Connected { line: line.clone(), servers }
        };
        let mut place = |derived| {
            board.apply(&tell(derived));
            board.lines[0].place.clone()
        };
        assert_eq!(place(connected(&["a", "b"])), Place::Connected(vec!["a".into(), "b".into()]));
        assert_eq!(place(connected(&[])), Place::Unsure);
        let home = Derived::Home { line: line.clone(), server: Some("a".into()) };
        assert_eq!(place(home), Place::At("a".into(), Role::Primary));
        assert_eq!(place(connected(&["b"])), Place::At("a".into(), Role::Primary));
    }

    #[test]
    fn an_outage_is_in_force_until_it_ends_and_knows_when_it_would_by_itself() {
        assert!(until(7_990).outages.is_empty());
        let outage = until(9_000).outages.remove(&OutageId(1)).unwrap();
        assert_eq!(outage.limit, Some(Stamp::from_millis(8_000 + 1_200_000)));
        assert!(until(33_000).outages.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_newest_events_stay() {
        let mut board = Board::default();
        let record = sample::mixed_run().remove(0);
        for seq in 0..1000 {
            board.apply(&Record { seen: Stamp(seq), when: crate::event::When::exactly(Stamp(seq)), ..record.clone() });
        }
        assert_eq!((board.events.len(), board.events.back().unwrap().at), (EVENTS, Stamp(999)));
    }
}
