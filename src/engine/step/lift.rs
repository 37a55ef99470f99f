//! Gives servers back: to all phones at once, or to one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::outage::PATIENCE;
use crate::{
    config::{Role, Turns},
    engine::{Outbox, case::Finding, hook, subjects::Subjects},
    event::{Action, Observed, OutageId, PhoneName, Stamp},
};

/// The step that gives servers back.
#[derive(Debug)]
pub struct Lifting {
    turns: Vec<Turn>,
}

/// What ends at a time.
#[derive(Debug)]
struct Turn {
    at: Stamp,
    /// Whose turn it is; none: everybody's.
    phone: Option<PhoneName>,
    outages: BTreeSet<OutageId>,
    /// Of those, what has not ended.
    open: BTreeSet<OutageId>,
    ordered: bool,
    /// How long it may take.
    patience: Duration,
    /// It is told what came of it.
    over: bool,
}

impl Lifting {
    /// Lifts the scenario's outages of servers in this role, or all of them: at once, or as the phones have their turns.
    pub fn begin(
        role: Option<Role>,
        turns: Option<&Turns>,
        subjects: &mut Subjects,
        now: Stamp,
        out: &mut Outbox,
    ) -> Self {
        let open = open(role, subjects);
        let turns = match turns {
            None => {
                let patience = PATIENCE + hook::return_patience(subjects, &open);
                vec![Turn { patience, ..Turn::at(now, None, open) }]
            }
            Some(turns) => {
                let apart = by_phone(open, subjects);
                let turn = |(after, (phone, outages)): (Duration, _)| Turn::at(now + after, Some(phone), outages);
                turns.of(apart).into_iter().map(turn).collect()
            }
        };
        let mut lifting = Self { turns };
        lifting.order_due(now, out);
        lifting
    }

    /// Lifts all that is in force, also what operators have made.
    pub fn everything(subjects: &Subjects, now: Stamp, out: &mut Outbox) -> Self {
        let open = lift_all(subjects, out);
        let patience = PATIENCE + hook::return_patience(subjects, &open);
        Self { turns: vec![Turn { patience, ordered: true, ..Turn::at(now, None, open) }] }
    }

    /// Whether the end of an outage was ordered by this step.
    pub fn ordered(&self, outage: OutageId) -> bool {
        self.turns.iter().any(|turn| turn.ordered && turn.outages.contains(&outage))
    }

    /// Hears that an outage has ended, or does not begin.
    pub fn observe(&mut self, observed: &Observed) {
        if let Observed::OutageEnded { outage, .. } | Observed::OutageDeclined { outage, .. } = observed {
            self.turns.iter_mut().for_each(|turn| _ = turn.open.remove(outage));
        }
    }

    /// Gives back whose turn has come, and ends for each phone when its outages have ended.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects, out: &mut Outbox) {
        self.order_due(now, out);
        let of = self.turns.len();
        for (number, turn) in (1..).zip(&mut self.turns).filter(|(_, turn)| turn.ordered && !turn.over) {
            let unconfirmed = || Finding::rig("lift-unconfirmed", "the bridge did not confirm the end of the outage");
            turn.over = turn.open.is_empty() || now >= turn.given_up();
            match (&turn.phone, turn.open.is_empty()) {
                (_, false) if !turn.over => {}
                (None, true) => {
                    for phone in subjects.phones_running() {
                        subjects.finish_step(&phone, "every path is open again", &[]);
                    }
                }
                (None, false) => subjects.decide_all(unconfirmed),
                (Some(phone), true) => {
                    subjects.finish_step(phone, &format!("its paths are open again, number {number} of {of}"), &[]);
                }
                (Some(phone), false) => subjects.decide(phone, unconfirmed),
            }
        }
        if self.turns.iter().all(|turn| turn.over) {
            for phone in subjects.phones_running() {
                subjects.finish_step(&phone, "nothing was taken from it", &[]);
            }
        }
    }

    /// The next turn, and the patience for the bridge.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        let next = self.turns.iter().filter(|turn| !turn.over).map(|turn| match turn.ordered {
            false => (turn.at, "the turn of a phone to come back"),
            true => (turn.given_up(), "word that the outage has ended"),
        });
        next.min()
    }

    fn order_due(&mut self, now: Stamp, out: &mut Outbox) {
        for turn in self.turns.iter_mut().filter(|turn| !turn.ordered && turn.at <= now) {
            turn.ordered = true;
            order_end(&turn.open, out);
        }
    }
}

impl Turn {
    fn at(at: Stamp, phone: Option<PhoneName>, outages: BTreeSet<OutageId>) -> Self {
        Self { at, phone, open: outages.clone(), outages, ordered: false, patience: PATIENCE, over: false }
    }

    fn given_up(&self) -> Stamp {
        self.at + self.patience
    }
}

/// Orders the end of every outage that was ordered and says which they are.
pub fn lift_all(subjects: &Subjects, out: &mut Outbox) -> BTreeSet<OutageId> {
    let mut open = open(None, subjects);
    open.extend(subjects.by_hand_open());
    order_end(&open, out);
    open
}

/// The scenario's outages in force of servers in this role; without one, all of them.
fn open(role: Option<Role>, subjects: &Subjects) -> BTreeSet<OutageId> {
    let Some(role) = role else { return subjects.outages_open().collect() };
    let meant = |outage: &OutageId| {
        let run = subjects.outages.get(outage);
        run.is_some_and(|run| run.role == role && run.spec.phones.iter().any(|phone| subjects.in_focus(phone)))
    };
    subjects.outages_open().filter(meant).collect()
}

/// The same by phone, in the order of the run.
fn by_phone(open: BTreeSet<OutageId>, subjects: &Subjects) -> Vec<(PhoneName, BTreeSet<OutageId>)> {
    let mut apart: BTreeMap<usize, (PhoneName, BTreeSet<OutageId>)> = BTreeMap::new();
    for outage in open {
        let phone = subjects.outages.get(&outage).and_then(|run| run.spec.phones.first());
        let place = phone.and_then(|phone| subjects.plan().phones.iter().position(|it| it == phone));
        if let Some((place, phone)) = place.zip(phone) {
            apart.entry(place).or_insert_with(|| (phone.clone(), BTreeSet::new())).1.insert(outage);
        }
    }
    apart.into_values().collect()
}

fn order_end(open: &BTreeSet<OutageId>, out: &mut Outbox) {
    for outage in open {
        out.order(Action::EndOutage { outage: *outage });
    }
}
