//! The result of an analysis as `siprig analyze --json` prints it: schema `siprig.analysis/1`.
//!
//! Times are milliseconds since the first frame, rounded to a microsecond; everything is sorted.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;

mod dialogs;

pub use dialogs::{
    Across, Call, CallState, Direction, MessageWaiting, Party, Refusal, Subscription, SubscriptionEndedBy,
};

use super::{
    book::{Book, ServerSeen},
    line::{Account, Counts, Line},
    moves,
    settings::Settings,
};
use crate::{
    config::{Mac, Role},
    engine::{
        measure::round,
        registration::{Binding, Ended},
    },
    event::{Stamp, Transport},
    verdict::Measurement,
};

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// `siprig.analysis/1`.
    pub schema: &'static str,
    /// When the first frame came in, in milliseconds since the Unix epoch.
    pub epoch_ms: f64,
    /// Frames in the capture.
    pub frames: u64,
    /// SIP messages that were read.
    pub sip_messages: u64,
    /// What looked like SIP, or lay where there is SIP, and could not be read.
    pub unreadable: u64,
    /// One entry for each line and address.
    pub phones: Vec<Phone>,
    /// Where REGISTERs went.
    pub servers: Vec<Server>,
    /// How often the clock of the capture went back. Nothing is measured across that.
    #[serde(skip_serializing_if = "is_zero")]
    pub clock_steps: u64,
    /// Lines beyond those that are followed: messages of theirs.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// How the capture ended, if not well; set by whoever read the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

/// A line at a phone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phone {
    /// Its address of record; null: its signalling is encrypted.
    pub aor: Option<String>,
    /// The phone's address.
    pub address: IpAddr,
    /// Its link address, or that of the router on the way; null: the capture has none.
    pub mac: Option<Mac>,
    /// What carried its signalling.
    pub transport: Option<&'static str>,
    /// Its signalling is encrypted.
    pub blind: bool,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Where it was registered, and when.
    pub registrations: Vec<Registration>,
    /// Who turned it away when it wanted to register.
    pub refusals: Vec<Refusal>,
    /// Its calls.
    pub calls: Vec<Call>,
    /// Its subscriptions to message waiting.
    pub subscriptions: Vec<Subscription>,
    /// What it was told of messages that wait; null: nothing about that was seen.
    pub message_waiting: Option<MessageWaiting>,
    /// Its moves.
    pub measurements: Vec<Measurement>,
    /// What it said and was told.
    pub traffic: Traffic,
}

/// The time in which a server held a live binding of a contact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Registration {
    /// The server's address.
    pub server: IpAddr,
    /// Its role; null: nobody has named one.
    pub role: Option<Role>,
    /// The contact, as the server wrote it.
    pub contact: String,
    /// When the 2xx that made the binding came in.
    pub from_ms: f64,
    /// When it ended; null: the capture ended first.
    pub until_ms: Option<f64>,
    /// By what.
    pub ended_by: EndedBy,
    /// The lifetime last granted, in seconds.
    pub expires_s: u64,
    /// How often it was prolonged.
    pub refreshes: u32,
}

/// What ended a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// Its time ran out.
    Expired,
    /// The phone removed it, or the server listed it no more.
    Removed,
    /// It seems to have run out, but something between phone and server could not be read.
    Unknown,
    /// The end of the capture.
    CaptureEnd,
}

/// Counts of what a line said and was told about registrations.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Traffic {
    /// REGISTER transactions.
    pub transactions: u64,
    /// REGISTERs that were sent again.
    pub retransmissions: u64,
    /// Answers that asked for credentials.
    pub challenges: u64,
    /// Answers that refused.
    pub refusals: u64,
    /// TCP connections on which it registered.
    pub connections: u64,
    /// The longest time from the opening of a connection to the first REGISTER on it.
    pub connect_to_register_ms: Option<f64>,
    /// ICMP errors that quote its packets.
    pub unreachable: u64,
}

/// An address that REGISTERs were sent to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Server {
    /// The address.
    pub address: IpAddr,
    /// Its name in the bench file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its role; null: nobody has named one.
    pub role: Option<Role>,
    /// REGISTERs to it.
    pub requests: u64,
    /// 2xx from it.
    pub accepted: u64,
    /// Refusals from it.
    pub refused: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Document {
    /// As text, ending in a line break.
    ///
    /// # Errors
    /// None that is known: all keys are text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

impl Book {
    pub(super) fn document(&self) -> Document {
        let first_ns = self.clock.first_ns().unwrap_or(0);
        let mut phones: Vec<Phone> = self.lines.iter().flat_map(|line| self.phones(line)).collect();
        phones.extend(self.blinds.phones(&self.settings));
        phones.sort_by(|one, other| (&one.aor, one.address).cmp(&(&other.aor, other.address)));
        let server = |(address, seen): (&IpAddr, &ServerSeen)| Server {
            address: *address,
            name: self.settings.servers.get(address).and_then(|server| server.name.clone()),
            role: self.settings.role(*address),
            requests: seen.requests,
            accepted: seen.accepted,
            refused: seen.refused,
        };
        Document {
            schema: "siprig.analysis/1",
            epoch_ms: round(first_ns as f64 / 1e6),
            frames: self.frames,
            sip_messages: self.messages,
            unreadable: self.unreadable.count,
            clock_steps: self.clock.back.0,
            phones,
            servers: self.servers.iter().map(server).collect(),
            left_out: self.lines_left_out,
            incomplete: None,
        }
    }

    /// An entry for each address of record of a line; what the line did as a whole stands in the first of them.
    fn phones(&self, line: &Line) -> Vec<Phone> {
        // Of a line with several addresses of record, what is of none of them stands in the first.
        let of = |own: &str| line.accounts.iter().position(|account| account.aor == own).unwrap_or(0);
        let mut calls: BTreeMap<usize, Vec<Call>> = BTreeMap::new();
        for (own, call) in dialogs::calls(line, &self.settings, &self.outages, &self.clock) {
            calls.entry(of(&own)).or_default().push(call);
        }
        let mut subscriptions: BTreeMap<usize, Vec<Subscription>> = BTreeMap::new();
        for (own, subscription) in dialogs::subscriptions(line, &self.settings) {
            subscriptions.entry(of(&own)).or_default().push(subscription);
        }
        let entry = |(index, account): (usize, &Account)| Phone {
            aor: Some(account.aor.clone()),
            address: line.address,
            mac: line.mac,
            transport: line.transport.map(name_of),
            blind: false,
            agent: line.agent.clone(),
            registrations: registrations(line, &account.aor, &self.settings),
            refusals: dialogs::refusals(&account.counts.refusals, &self.settings),
            calls: calls.remove(&index).unwrap_or_default(),
            subscriptions: subscriptions.remove(&index).unwrap_or_default(),
            message_waiting: (index == 0).then(|| dialogs::message_waiting(line, &self.settings)).flatten(),
            measurements: match index {
                0 => moves::measurements(line, &self.settings, &self.outages, &self.clock),
                _ => Vec::new(),
            },
            traffic: Traffic::of(&account.counts),
        };
        line.accounts.iter().enumerate().map(entry).collect()
    }
}

impl Traffic {
    fn of(counts: &Counts) -> Self {
        Self {
            transactions: counts.transactions,
            retransmissions: counts.retransmissions,
            challenges: counts.challenges,
            refusals: counts.refusals.count,
            connections: counts.connections,
            connect_to_register_ms: counts.connect_to_register.map(crate::engine::measure::millis),
            unreachable: counts.unreachable,
        }
    }
}

/// A transport's name.
pub const fn name_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

fn registrations(line: &Line, aor: &str, settings: &Settings) -> Vec<Registration> {
    let entry = |server: &IpAddr, binding: &Binding, end: Option<(Stamp, EndedBy)>| Registration {
        server: *server,
        role: settings.role(*server),
        contact: binding.contact.clone(),
        from_ms: ms(binding.created.when.at),
        until_ms: end.map(|(until, _)| ms(until)),
        ended_by: end.map_or(EndedBy::CaptureEnd, |(_, by)| by),
        expires_s: binding.granted.as_secs(),
        refreshes: binding.refreshes,
    };
    let past = line.track.served_before().filter(|(_, past)| past.binding.aor == aor).map(|(server, past)| {
        let by = match past.ended {
            Ended::Removed => EndedBy::Removed,
            Ended::Expired if line.is_uncertain(*server, past.until) => EndedBy::Unknown,
            Ended::Expired => EndedBy::Expired,
        };
        entry(server, &past.binding, Some((past.until, by)))
    });
    let live = line
        .track
        .served()
        .filter(|(_, binding)| binding.aor == aor)
        .map(|(server, binding)| entry(server, binding, None));
    let mut all: Vec<Registration> = past.chain(live).collect();
    all.sort_by(|one, other| {
        one.from_ms
            .total_cmp(&other.from_ms)
            .then_with(|| (one.server, &one.contact).cmp(&(other.server, &other.contact)))
    });
    all
}

fn ms(at: Stamp) -> f64 {
    round(at.as_millis_f64())
}
