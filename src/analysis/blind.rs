//! Phones whose signalling is encrypted: what the wire proves of them nevertheless.
//!
//! That a connection came about, that both ends agreed on keys, and that something was said in it: a weaker claim than a
//! registration, so it has a measurement of its own, `connected-at`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::{
    Settings,
    document::{Phone, Traffic},
};
use crate::{
    config::Mac,
    engine::{measure, registration::Fix},
    wire::{
        signalling::{Ends, Link, Step},
        tls::TlsEvent,
    },
};

/// Connections that are remembered for each phone.
const MAX_CONNECTIONS: usize = 1024;

/// Phones that are remembered.
const MAX_PHONES: usize = 65_536;

/// SIP over TLS (RFC 3261 section 19.1.2).
const SIPS: u16 = 5061;

/// All blind phones.
#[derive(Debug, Default)]
pub struct Blinds {
    phones: BTreeMap<IpAddr, Blind>,
}

#[derive(Debug, Default)]
struct Blind {
    mac: Option<Mac>,
    connections: Vec<Connection>,
}

/// A TLS connection of a phone.
#[derive(Debug, Clone, Copy)]
struct Connection {
    phone: SocketAddr,
    server: SocketAddr,
    hello: Fix,
    established: Option<Fix>,
    last: Fix,
    over: bool,
}

impl Blinds {
    /// A step of a TLS connection.
    pub fn hear(&mut self, ends: Ends, event: TlsEvent<'_>, link: Link, fix: Fix, settings: &Settings) {
        if let TlsEvent::ClientHello { .. } = event {
            let (phone, server) = (ends.source, ends.destination);
            let is_sip = server.port() == SIPS || settings.sip_ports.contains(&server.port());
            if !is_sip || (!self.phones.contains_key(&phone.ip()) && self.phones.len() >= MAX_PHONES) {
                return;
            }
            let blind = self.phones.entry(phone.ip()).or_default();
            blind.mac = blind.mac.or(link.source);
            if blind.connections.len() < MAX_CONNECTIONS {
                blind.connections.push(Connection {
                    phone,
                    server,
                    hello: fix,
                    established: None,
                    last: fix,
                    over: false,
                });
            }
            return;
        }
        let Some(connection) = self.connection_of(ends) else { return };
        connection.last = fix;
        match event {
            TlsEvent::Established => {
                connection.established.get_or_insert(fix);
            }
            TlsEvent::Alert { .. } if connection.established.is_none() => connection.over = true,
            _ => {}
        }
    }

    /// A step of any TCP connection.
    pub fn connection(&mut self, ends: Ends, step: Step, fix: Fix) {
        if self.phones.is_empty() || matches!(step, Step::Asked | Step::Opened) {
            return;
        }
        if let Some(connection) = self.connection_of(ends) {
            connection.last = fix;
            connection.over = true;
        }
    }

    fn connection_of(&mut self, ends: Ends) -> Option<&mut Connection> {
        let (one, other) = (ends.source, ends.destination);
        let phone = [one.ip(), other.ip()].into_iter().find(|address| self.phones.contains_key(address))?;
        let connections = &mut self.phones.get_mut(&phone)?.connections;
        connections
            .iter_mut()
            .rev()
            .find(|it| !it.over && [(it.phone, it.server), (it.server, it.phone)].contains(&(one, other)))
    }

    /// As entries of the document.
    pub fn phones(&self, settings: &Settings) -> Vec<Phone> {
        let connected_at =
            |it: &Connection| measure::connected_at(Some(it.hello), it.established, settings.label(it.server.ip()));
        let entry = |(address, blind): (&IpAddr, &Blind)| Phone {
            aor: None,
            address: *address,
            mac: blind.mac,
            transport: Some("tls"),
            blind: true,
            agent: None,
            registrations: Vec::new(),
            refusals: Vec::new(),
            calls: Vec::new(),
            subscriptions: Vec::new(),
            message_waiting: None,
            measurements: blind.connections.iter().map(connected_at).collect(),
            traffic: Traffic { connections: blind.connections.len() as u64, ..Traffic::default() },
        };
        self.phones.iter().map(entry).collect()
    }
}
