//! One line of a phone, as its REGISTERs and their answers show it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{hosts::Few, preference::Preference};
use crate::{
    config::Mac,
    engine::registration::{Change, Fix, Heard, LineTrack},
    event::{LineId, PhoneName, Stamp, Toward, Transport},
    wire::{
        frame::Vlans,
        redact,
        sip::{Glance, Start},
    },
};

/// Attempts that are remembered.
const ATTEMPTS: usize = 64;

/// Bindings that are over and remembered.
const MEMORY: usize = 16;

/// Renewals whose lead is remembered.
const LEADS: usize = 16;

/// Characters that are kept of what a phone says of itself.
const LONGEST: usize = 128;

/// Servers of a line.
const MAX_SERVERS: usize = 16;

/// A line and what was seen of it.
#[derive(Debug)]
pub struct Line {
    /// User part of its address of record; of what is none, all of it.
    pub user: String,
    /// The phone's address.
    pub address: IpAddr,
    /// When it last asked something.
    pub last: Stamp,
    /// Who carried its first REGISTER, where the link layer tells: the phone, or a router.
    pub mac: Option<Mac>,
    /// VLANs of its first REGISTER.
    pub vlans: Vlans,
    /// Host parts of its addresses of record.
    pub domains: Few<String>,
    /// What the phone calls itself.
    pub agent: Option<String>,
    /// User name of its credentials.
    pub auth_user: Option<String>,
    /// What carried its REGISTERs.
    pub transports: BTreeSet<Transport>,
    /// Its registrations.
    pub track: LineTrack<IpAddr>,
    /// What its moves prove.
    pub preference: Preference,
    /// Servers that accepted it, in the order in which they first did.
    pub accepted: Vec<IpAddr>,
    /// Servers that it asked, in the order in which it first did.
    pub asked: Few<IpAddr>,
    /// How servers last refused it, challenges aside.
    pub refusals: BTreeMap<IpAddr, u16>,
    /// How long before expiry it renewed.
    leads: Vec<Duration>,
}

/// What surrounds a message of a line.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Which way it went, between which ends, and what became of it.
    pub heard: Heard<'a, IpAddr>,
    /// User name of its credentials.
    pub auth_user: Option<&'a str>,
    /// When.
    pub fix: Fix,
    /// How long the phone waits for an answer.
    pub patience: Duration,
}

impl Line {
    /// A line that is seen for the first time, in a REGISTER.
    pub fn new(user: &str, address: IpAddr, mac: Option<Mac>, vlans: Vlans) -> Self {
        let id = LineId { phone: PhoneName(address.to_string()), extension: user.to_owned() };
        Self {
            user: user.to_owned(),
            address,
            last: Stamp::ZERO,
            mac,
            vlans,
            domains: Few::default(),
            agent: None,
            auth_user: None,
            transports: BTreeSet::new(),
            track: LineTrack::remembering(id, ATTEMPTS, MEMORY),
            preference: Preference::default(),
            accepted: Vec::new(),
            asked: Few::default(),
            refusals: BTreeMap::new(),
            leads: Vec::new(),
        }
    }

    /// Takes in a REGISTER of the line, or an answer to one.
    pub fn take(&mut self, around: &Around<'_>) {
        let Around { heard, fix, .. } = *around;
        let (message, server) = (heard.message, *heard.server);
        if heard.toward == Toward::Server {
            self.last = self.last.max(fix.when.at);
            self.describe(message, around);
        } else {
            self.preference.heard_from(server);
            self.note_refusal(message, server);
        }
        self.track.expire(fix.when.at);
        let until = self.track.binding(&server).map(|binding| binding.until);
        for (change, fix) in self.track.take(&heard, fix, around.patience) {
            self.note(&change, fix.when.at, until);
        }
    }

    /// Whether the line was ever registered.
    pub fn was_registered(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// What a server granted it last, in whole seconds.
    pub fn granted(&self, server: IpAddr) -> Option<Duration> {
        self.track.last_granted(&server)
    }

    /// How long before expiry it renews: the middle one of those that were seen.
    pub fn lead(&self) -> Option<Duration> {
        let mut leads = self.leads.clone();
        leads.sort_unstable();
        leads.get(leads.len() / 2).copied()
    }

    fn describe(&mut self, message: &Glance<'_>, around: &Around<'_>) {
        let kept = |text: &str| redact::text(text).chars().take(LONGEST).collect::<String>();
        if let Some((_, domain)) = message.to.rsplit_once('@') {
            self.domains.add(kept(domain));
        }
        if let (None, Some(agent)) = (&self.agent, message.agent) {
            self.agent = Some(kept(agent));
        }
        if let Some(user) = around.auth_user {
            self.auth_user = Some(user.chars().take(LONGEST).collect());
        }
        self.transports.insert(around.heard.transport);
        self.asked.add(*around.heard.server);
    }

    fn note_refusal(&mut self, message: &Glance<'_>, server: IpAddr) {
        if let Start::Response { code: code @ 300.., .. } = message.start
            && !matches!(code, 401 | 407 | 423)
            && (self.refusals.len() < MAX_SERVERS || self.refusals.contains_key(&server))
        {
            self.refusals.insert(server, code);
        }
    }

    /// `until`: when the binding at that server would have run out.
    fn note(&mut self, change: &Change<IpAddr>, at: Stamp, until: Option<Stamp>) {
        let (server, created) = match change {
            Change::Created { server, .. } => (*server, true),
            Change::Refreshed { server, request } => {
                let lead = until.map(|until| until.since(request.when.at));
                self.leads.extend(lead.filter(|_| self.leads.len() < LEADS));
                (*server, false)
            }
            _ => return,
        };
        if !self.accepted.contains(&server) && self.accepted.len() < MAX_SERVERS {
            self.accepted.push(server);
        }
        self.preference.confirmed(server, created, at, &self.track);
    }
}
