//! The outages of a run.

use std::collections::BTreeSet;

use super::Subjects;
use crate::{
    config::{OutagePlan, Role},
    engine::{case::CaseRun, cut::Cut, hook::Hooked, registration::Fix},
    event::{Blocking, Move, OutageId, OutageSpec, PhoneName, ServerName, Stamp},
};

/// An outage that was ordered.
#[derive(Debug)]
pub struct OutageRun {
    /// What was ordered.
    pub spec: OutageSpec,
    /// What an operator wished for, if it is his.
    pub wish: Option<Blocking>,
    /// What its server is to its phones: to the first line of each that has it.
    pub role: Role,
    /// Where its server is stopped by a command: what is known of that.
    pub hooked: Option<Hooked>,
    /// It took force.
    pub began: Option<Fix>,
    /// The phones of which it has hit a frame, as far as that is known, and those of which was told that it has not.
    pub looked_at: BTreeSet<PhoneName>,
    /// All its paths are open again.
    pub ended: bool,
    /// Word of that.
    pub over: Option<Fix>,
}

impl OutageRun {
    /// Whether an operator has made it: no step is judged by it.
    pub const fn by_hand(&self) -> bool {
        self.spec.by.is_some()
    }
}

impl Subjects {
    /// Notes that an outage is ordered and gives it its number.
    pub fn next_outage(&mut self, spec: OutageSpec, role: Role) -> OutageId {
        let outage = OutageId(self.outages.len() as u32 + 1);
        let hooked = Hooked::of(&spec.mode);
        let looked_at = BTreeSet::new();
        let run = OutageRun { spec, wish: None, role, hooked, began: None, looked_at, ended: false, over: None };
        self.outages.insert(outage, run);
        outage
    }

    /// The scenario's outages that were ordered and have not ended, of the phones that are looked at.
    pub fn outages_open(&self) -> impl Iterator<Item = OutageId> {
        let concerned = |run: &OutageRun| run.spec.phones.iter().any(|phone| self.in_focus(phone));
        let open = self.outages.iter().filter(move |(_, run)| !run.ended && !run.by_hand() && concerned(run));
        open.map(|(id, _)| *id)
    }

    /// Those that operators have made, of all phones.
    pub fn by_hand_open(&self) -> impl Iterator<Item = OutageId> {
        self.outages.iter().filter(|(_, run)| !run.ended && run.by_hand()).map(|(id, _)| *id)
    }

    /// The servers that an outage of this run takes from a phone.
    pub fn taken_from<'a>(
        &self,
        phone: &'a PhoneName,
        plan: &OutagePlan,
    ) -> impl Iterator<Item = ServerName> + use<'a> {
        let aims = plan.aims(self.plan.phones.iter().filter_map(|name| self.plan.phone(name)));
        aims.into_iter().filter(move |aim| aim.phones.contains(phone)).map(|aim| aim.server)
    }

    /// When the last outage for its phone began, if it has left the line its home.
    pub fn keeps_home(&self, case: &CaseRun) -> Option<Stamp> {
        let of_phone = self.outages.values().filter(|run| !run.by_hand() && run.spec.phones.contains(&case.at));
        let last = of_phone.filter_map(|run| run.began).map(|began| began.when.at).max()?;
        // What was over when it began, and has brought the line home, is history. Outages that one step orders begin a moment
        // apart.
        let history = |cut: &Cut| {
            cut.began.when.at < last
                && cut.lifted.is_some_and(|lifted| lifted.when.at < last)
                && case.moved(Move::Failback).is_some()
        };
        case.last_cut().is_none_or(history).then_some(last)
    }
}
