//! Outages: those in force, and of those before as many as there is room for.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    event::{Observed, OutageId, OutageSpec, PhoneName, Record},
    report::story::Outage,
};

/// So many are kept that each was for all phones; of those that are for a few each, the more.
const KEPT: usize = 8;
/// There is room for so many phones' at least.
const LEAST: usize = 64;

/// By their number.
#[derive(Debug, Clone, Default)]
pub struct Outages {
    all: BTreeMap<OutageId, Outage>,
    /// Those that are over, and for how many phones they were, in the order in which they ended.
    over: VecDeque<(OutageId, usize)>,
    /// For how many phones they were, together.
    weight: usize,
}

impl Outages {
    /// One was ordered.
    pub fn order(&mut self, outage: OutageId, spec: &OutageSpec) {
        self.all.entry(outage).or_default().spec = Some(spec.clone());
    }

    /// What was ordered.
    pub fn spec(&self, outage: OutageId) -> Option<&OutageSpec> {
        self.all.get(&outage)?.spec.as_ref()
    }

    /// That of a number, if it is still known.
    pub fn get(&self, outage: &OutageId) -> Option<&Outage> {
        self.all.get(outage)
    }

    /// All that are known, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OutageId, &Outage)> {
        self.all.iter().map(|(id, outage)| (*id, outage))
    }

    /// All that are known.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Outage> {
        self.all.values()
    }

    /// All that are known and were for a phone.
    pub fn of<'o>(&'o self, phone: Option<&'o PhoneName>) -> impl Iterator<Item = (OutageId, &'o Outage)> {
        let meant = move |spec: &OutageSpec| phone.is_some_and(|phone| spec.phones.contains(phone));
        let of_phone = move |(_, outage): &(OutageId, &Outage)| outage.spec.as_ref().is_none_or(meant);
        self.all.iter().map(|(id, outage)| (*id, outage)).filter(of_phone)
    }

    /// Takes what is observed in a run of so many phones.
    pub fn observed(&mut self, record: &Record, observed: &Observed, phones: usize) {
        match observed {
            // One that was not ordered is told of by its beginning alone.
            Observed::OutageBegan { outage } => self.all.entry(*outage).or_default().take(record, observed),
            Observed::FirstBite { outage, .. } | Observed::LastBite { outage, .. } => {
                if let Some(known) = self.all.get_mut(outage) {
                    known.take(record, observed);
                }
            }
            Observed::OutageEnded { outage, .. } => {
                if let Some(known) = self.all.get_mut(outage) {
                    let again = known.ended.is_some();
                    known.take(record, observed);
                    if !again {
                        let weight = known.spec.as_ref().map_or(1, |spec| spec.phones.len().max(1));
                        self.over.push_back((*outage, weight));
                        self.weight += weight;
                        self.forget(KEPT * phones.max(LEAST / KEPT));
                    }
                }
            }
            Observed::OutageDeclined { outage, .. } => drop(self.all.remove(outage)),
            _ => {}
        }
    }

    fn forget(&mut self, room: usize) {
        while self.weight > room && self.over.len() > 1 {
            let Some((oldest, weight)) = self.over.pop_front() else { return };
            self.all.remove(&oldest);
            self.weight -= weight;
        }
    }
}
