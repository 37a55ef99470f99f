//! When which server was away, as far as somebody tells: the user, or siprig's own comments in the capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::settings::{GivenOutage, Settings};
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
    /// The addresses whose frames it took: a server may have several.
    servers: BTreeSet<IpAddr>,
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
        let told = self.told.entry(outage).or_default();
        told.server_name = Some(server.to_owned());
        told.began = Some(Fix { seq: 0, when: When { at, error_ns } });
    }

    /// A comment says that an outage ended.
    pub fn ended(&mut self, outage: OutageId, at: Stamp, error_ns: u64) {
        self.told.entry(outage).or_default().ended = Some(Fix { seq: 0, when: When { at, error_ns } });
    }

    /// A frame to or from a server was taken by an outage.
    pub fn is_of(&mut self, outage: OutageId, server: IpAddr) {
        self.told.entry(outage).or_default().servers.insert(server);
    }

    /// When a server was away, in order.
    pub fn of(&self, server: IpAddr, settings: &Settings, first_ns: i64) -> Vec<Away> {
        let mut all: Vec<Away> = Vec::new();
        if settings.role(server) == Some(Role::Primary) {
            let fix = |moment: super::Moment| Fix { seq: 0, when: When::exactly(moment.stamp(first_ns)) };
            all.extend(self.given.iter().map(|it| Away { began: fix(it.from), lifted: it.to.map(fix) }));
        }
        // What the user says of the primary counts more than what the file does.
        if all.is_empty() {
            let name = settings.servers.get(&server).and_then(|server| server.name.as_deref());
            let is_named = |told: &String| name == Some(told) || *told == server.to_string();
            let concerned =
                |told: &&Told| told.servers.contains(&server) || told.server_name.as_ref().is_some_and(is_named);
            let told = self.told.values().filter(concerned);
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
