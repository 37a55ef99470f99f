//! When which server was away, as far as somebody tells: the user, or siprig's own comments in the capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    clock::Clock,
    settings::{GivenOutage, Settings},
};
use crate::{
    config::Role,
    engine::registration::Fix,
    event::{OutageId, Stamp, When},
};

/// A time in which a server was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub began: Fix,
    /// Until when; none: to the end of the capture.
    pub lifted: Option<Fix>,
}

/// Outages that are remembered, and addresses of each: more than a run has.
const MAX_OUTAGES: usize = 4096;
/// See [`MAX_OUTAGES`].
const MAX_ENDS: usize = 4096;

/// All that is known of outages.
#[derive(Debug, Default)]
pub struct Outages {
    given: Vec<GivenOutage>,
    /// From comments.
    told: BTreeMap<OutageId, Told>,
}

#[derive(Debug, Default)]
struct Told {
    server_name: Option<String>,
    /// The addresses whose frames it took, from and to: those of the server, which may have several, and of phones.
    ends: BTreeSet<IpAddr>,
    began: Option<Fix>,
    ended: Option<Fix>,
}

impl Outages {
    /// Those that were given.
    pub fn new(settings: &Settings) -> Self {
        Self { given: settings.outages.clone(), told: BTreeMap::new() }
    }

    /// A comment says that an outage took force.
    pub fn began(&mut self, outage: OutageId, server: &str, at: Stamp, error_ns: u64) {
        let Some(told) = self.told(outage) else { return };
        told.server_name = Some(server.to_owned());
        told.began = Some(Fix { seq: 0, when: When { at, error_ns } });
    }

    /// A comment says that an outage ended.
    pub fn ended(&mut self, outage: OutageId, at: Stamp, error_ns: u64) {
        if let Some(told) = self.told(outage) {
            told.ended = Some(Fix { seq: 0, when: When { at, error_ns } });
        }
    }

    /// A frame from or to an address was taken by an outage.
    pub fn is_of(&mut self, outage: OutageId, end: IpAddr) {
        if let Some(told) = self.told(outage).filter(|told| told.ends.len() < MAX_ENDS) {
            told.ends.insert(end);
        }
    }

    fn told(&mut self, outage: OutageId) -> Option<&mut Told> {
        let room = self.told.len() < MAX_OUTAGES || self.told.contains_key(&outage);
        room.then(|| self.told.entry(outage).or_default())
    }

    /// When a server was away for a phone, in order. Phones that go at their own pace have outages of their own: if any
    /// took frames of this one, those are its.
    ///
    /// What was given counts up to where the clock went back for the first time: which time is meant behind that is anyone's
    /// guess.
    pub fn of(&self, server: IpAddr, phone: IpAddr, settings: &Settings, clock: &Clock) -> Vec<Away> {
        let mut all: Vec<Away> = Vec::new();
        if settings.role(server) == Some(Role::Primary) {
            let first_ns = clock.first_ns().unwrap_or(0);
            let fix = |moment: super::Moment| Fix { seq: 0, when: When::exactly(moment.stamp(first_ns)) };
            let clear = |fix: &Fix| clock.is_first_part(fix.when.at);
            let given = self.given.iter().map(|it| (fix(it.from), it.to.map(fix)));
            let given = given.filter(|(began, _)| clear(began));
            all.extend(given.map(|(began, lifted)| Away { began, lifted: lifted.filter(clear) }));
        }
        // What the user says of the primary counts more than what the file does.
        if all.is_empty() {
            let name = settings.servers.get(&server).and_then(|server| server.name.as_deref());
            let is_named = |told: &String| name == Some(told) || *told == server.to_string();
            let concerned =
                |told: &&Told| told.ends.contains(&server) || told.server_name.as_ref().is_some_and(is_named);
            let told: Vec<&Told> = self.told.values().filter(concerned).collect();
            let own = told.iter().any(|told| told.ends.contains(&phone));
            let told = told.into_iter().filter(|told| !own || told.ends.contains(&phone));
            all.extend(told.filter_map(|told| Some(Away { began: told.began?, lifted: told.ended })));
        }
        all.sort_by_key(|away| away.began.when.at);
        all
    }

    /// How many there are that no server is known of.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.told.is_empty()
    }
}
