//! What the live display knows: the present state of every line, folded from records.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    known::Known,
    narrator::{Narrator, Told},
};
use crate::{
    config::Plan,
    event::{Action, BindingEvent, Derived, Event, LineId, Observed, OutageId, OutageSpec, PhoneName, Record, Stamp},
};

mod line;
mod sight;
mod steps;

pub use line::{LineState, Place};
use sight::Sight;
pub use steps::StepState;
use steps::Steps;

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
    steps: Steps,
    /// Outages in force.
    pub outages: BTreeMap<OutageId, OutageState>,
    /// When each prompt that is open ends by itself.
    pub asked: BTreeMap<u32, Stamp>,
    /// Who alone may lay hands on phones, and since when; none: whoever wants to.
    pub keyboard: Option<(String, Stamp)>,
    /// Frames or bytes of evidence that were lost.
    pub lost: u64,
    /// Somebody asked for the end, and it is yet to come.
    pub stopping: bool,
    /// It has come to its end.
    pub ended: bool,
    /// The latest events, oldest first.
    pub events: VecDeque<Told>,
    /// Outages that were ordered, until they begin.
    ordered: BTreeMap<OutageId, OutageSpec>,
    narrator: Narrator,
    decided: usize,
    sight: Sight,
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
        self.known().map(|known| &***known)
    }

    /// The same, with where each line stands in it.
    pub(super) const fn known(&self) -> Option<&Arc<Known>> {
        self.narrator.known()
    }

    /// How many phones are under test.
    pub fn phones(&self) -> usize {
        self.plan().map_or(0, |plan| plan.phones.len())
    }

    /// Since when nothing is told of what the phones do, and why, as far as records say that.
    pub fn blind(&self) -> Option<(Stamp, String)> {
        self.sight.blind()
    }

    /// Where a line stands among the lines.
    pub fn place(&self, line: &LineId) -> Option<usize> {
        self.known()?.line(line)
    }

    /// The lines of a phone.
    pub fn lines_of(&self, phone: &PhoneName) -> &[LineState] {
        let lines = self.known().map_or(0..0, |known| known.lines_of(phone));
        self.lines.get(lines).unwrap_or_default()
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
    pub const fn decided(&self) -> usize {
        self.decided
    }

    fn observed(&mut self, at: Stamp, observed: &Observed) {
        if self.sight.take(at, observed) {
            // Until it is confirmed again, or is somewhere else.
            self.lines.iter_mut().for_each(|line| line.doubtful = true);
        }
        match observed {
            Observed::RunStarted { plan } => self.begin(plan),
            Observed::OutageBegan { outage } => {
                let spec = self.ordered.remove(outage);
                let limit = spec.as_ref().map(|spec| at + spec.limit);
                let known = self.plan().zip(spec.as_ref());
                let dark = known.map_or_else(Vec::new, |(plan, spec)| plan.bench.dark_in(spec));
                self.outages.insert(*outage, OutageState { spec, began: at, limit, dark });
            }
            Observed::OutageEnded { outage, .. } | Observed::OutageDeclined { outage, .. } => {
                self.ordered.remove(outage);
                self.outages.remove(outage);
            }
            Observed::SignOfLife { phone } => self.alive(phone, at),
            Observed::Sip(fact) if fact.toward == crate::event::Toward::Server => self.alive(&fact.phone, at),
            Observed::Encrypted(fact) if fact.toward == crate::event::Toward::Server => self.alive(&fact.phone, at),
            Observed::EvidenceLost { count, .. } => self.lost += count,
            Observed::KeyboardHeld { by } => self.keyboard = by.clone().map(|by| (by, at)),
            Observed::StopRequested { .. } => self.stopping = true,
            _ => {}
        }
    }

    fn begin(&mut self, plan: &Plan) {
        self.scenario.clone_from(&plan.scenario.name);
        self.bench.clone_from(&plan.bench.name);
        let Some(known) = self.known().map(Arc::clone) else { return };
        let phones = plan.phones.iter().filter_map(|name| known.phone(name));
        let lines = phones.flat_map(|phone| {
            let id = |extension: &String| LineId { phone: phone.name.clone(), extension: extension.clone() };
            phone.lines.iter().map(move |line| LineState::unseen(id(&line.extension)))
        });
        self.lines = lines.collect();
        self.decided = 0;
    }

    fn derived(&mut self, at: Stamp, derived: &Derived) {
        match derived {
            Derived::ScenarioStarted { scenario, .. } => {
                self.scenario.clone_from(scenario);
                self.steps.clear();
                self.lines.iter_mut().for_each(|line| line.verdict = None);
                self.decided = 0;
            }
            Derived::StepStarted { step, of, title, phones } => {
                self.steps.begin(phones, StepState { step: *step, of: *of, title: title.clone(), began: at });
                self.step = self.steps.last().cloned();
            }
            Derived::Binding(change) => {
                let Some(known) = self.known().map(Arc::clone) else { return };
                let timers = known.phone(&change.line.phone).map(|phone| &phone.timers);
                let Some(line) = self.line(&change.line) else { return };
                match change.change {
                    BindingEvent::Created { granted_s } | BindingEvent::Refreshed { granted_s } => {
                        let granted = Duration::from_secs(granted_s.into());
                        line.confirm(granted, timers, at);
                        let end = at + granted;
                        match line.expiry.get_mut(&change.server) {
                            Some(known) => *known = end,
                            None => drop(line.expiry.insert(change.server.clone(), end)),
                        }
                    }
                    BindingEvent::Expired | BindingEvent::Removed => {
                        line.expiry.remove(&change.server);
                        if matches!(&line.place, Place::At(server, _) if *server == change.server) {
                            line.moved(Place::Nowhere, at);
                            line.lost(timers);
                        }
                    }
                }
            }
            Derived::Home { line: id, server } => {
                let place = server.as_ref().map_or(Some(Place::Nowhere), |server| {
                    Some(Place::At(server.clone(), self.known()?.role(id, server)))
                });
                if let Some((line, place)) = self.line(id).zip(place) {
                    line.doubtful &= place == Place::Nowhere;
                    line.moved(place, at);
                }
            }
            Derived::Connected { line: id, servers } => {
                let place = if servers.is_empty() { Place::Unsure } else { Place::Connected(servers.clone()) };
                if let Some(line) = self.line(id).filter(|line| !matches!(line.place, Place::At(..))) {
                    line.doubtful = false;
                    line.moved(place, at);
                }
            }
            Derived::OperatorAsked { prompt, limit_ns, .. } => {
                self.asked.insert(*prompt, at + Duration::from_nanos(*limit_ns));
            }
            Derived::PromptEnded { prompt, .. } => drop(self.asked.remove(prompt)),
            Derived::RunEnded => {
                self.asked.clear();
                (self.stopping, self.ended) = (false, true);
            }
            Derived::CaseDecided(case) => {
                let id = LineId { phone: case.id.phone.clone(), extension: case.id.line.clone() };
                if let Some(line) = self.line(&id) {
                    let before = line.verdict.replace((case.verdict, case.code.clone()));
                    self.decided += usize::from(before.is_none());
                }
            }
            _ => {}
        }
    }

    fn alive(&mut self, phone: &PhoneName, at: Stamp) {
        let lines = self.known().map_or(0..0, |known| known.lines_of(phone));
        for line in self.lines.get_mut(lines).unwrap_or_default() {
            line.alive = line.alive.max(Some(at));
        }
    }

    fn line(&mut self, id: &LineId) -> Option<&mut LineState> {
        let at = self.place(id)?;
        self.lines.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Role, event::ServerName, report::sample};

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
