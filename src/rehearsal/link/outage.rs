//! What an outage does on the way: which messages it takes, and what the bridge says about them in the server's name.

use std::net::SocketAddr;

use super::{Crossing, Delivery, FRAME_ERROR_NS, Happening, Load, Rehearsal};
use crate::{
    config::Server,
    event::{
        Course, Door, Fate, Knock, Manner, Observed, OutageId, OutageScope, OutageSpec, PhoneName, ServerName, Toward,
        Transport, When,
    },
    virtual_bench::{phone::PhoneInput, registrar::RegistrarInput},
    wire::{
        sip::StandIn,
        stream::{Framed, Framer},
    },
};

/// What the system says of a connection that nobody accepts.
pub(super) const REFUSED: &str = "Connection refused";

/// What it says of one that the other end gave up.
const RESET: &str = "Connection reset by peer";

/// What becomes of messages under an outage at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rehearsal) enum Treatment {
    /// Answered in the server's name.
    Answer(StandIn),
    /// Anything else.
    Plain(Manner),
}

impl Treatment {
    /// What becomes of messages, by the time since the outage began.
    ///
    /// # Errors
    /// If the bench does not have the server that an answer leads to: its name.
    pub(in crate::rehearsal) fn course(spec: &OutageSpec, servers: &[Server]) -> Result<Course<Self>, ServerName> {
        spec.mode.course().try_map(|manner| match manner {
            Manner::Answer(spoof) => StandIn::of(&spoof, servers).map(Self::Answer),
            manner => Ok(Self::Plain(manner)),
        })
    }
}

/// A connection in which the bridge has answered: its ends no longer agree.
#[derive(Debug)]
pub(super) struct Spoken {
    outage: OutageId,
    framer: Framer,
    /// The server knows nothing of it.
    ours_alone: bool,
}

impl Rehearsal {
    /// The outage that takes what goes this way between the two.
    pub(super) fn outage_over(&self, phone: &PhoneName, server: SocketAddr, toward: Toward) -> Option<OutageId> {
        let address = server;
        let server = self.plan.bench.server_at(server.ip())?;
        let over = |(id, outage): (&OutageId, &crate::rehearsal::Outage)| {
            let taken = outage.scope == OutageScope::Host || !self.is_application(address);
            let taken = taken && outage.toward.is_none_or(|only| only == toward);
            let concerned = outage.server == server.name && outage.phones.contains(phone);
            let passes = outage.treatment(self.now) == Some(&Treatment::Plain(Manner::Pass));
            (self.link.is_cut(*id) && taken && concerned && !passes).then_some(*id)
        };
        self.outages.iter().find_map(over)
    }

    pub(super) fn bite(&mut self, id: OutageId, phone: &PhoneName, toward: Toward) {
        let Some(outage) = self.outages.get_mut(&id) else { return };
        let tally = outage.tally.entry(phone.clone()).or_default();
        match toward {
            Toward::Server => tally.dropped_to_server += 1,
            Toward::Phone => tally.dropped_to_phone += 1,
        }
        if outage.bitten.insert((phone.clone(), toward)) {
            let bite = Observed::FirstBite { outage: id, phone: phone.clone(), toward };
            self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, bite);
        }
    }

    /// The bridge has its say about what an outage took from a phone; gives back what nobody is told about.
    pub(super) fn speak(&mut self, id: OutageId, crossing: Crossing) -> Option<Crossing> {
        let treatment = self.outages.get(&id).and_then(|outage| outage.treatment(self.now)).cloned();
        match treatment {
            _ if crossing.toward == Toward::Phone => Some(crossing),
            Some(Treatment::Plain(Manner::Refuse)) => self.refuse(id, crossing),
            // Only SIP is answered.
            Some(Treatment::Answer(stand_in)) if !self.is_application(crossing.server) => {
                self.stand_in(id, stand_in, crossing);
                None
            }
            _ => Some(crossing),
        }
    }

    fn refuse(&mut self, id: OutageId, crossing: Crossing) -> Option<Crossing> {
        let Crossing { phone, server, toward, load } = crossing;
        let conn = match load {
            Load::Datagram { phone_addr, bytes } => {
                self.see(&phone, server, phone_addr, toward, Transport::Udp, Fate::Dropped(id), &bytes);
                self.knock_at(Door::Udp, &phone, server, Knock::Refused, Fate::Injected(id));
                if !self.link.loses() {
                    let at = self.now + self.link.leg();
                    self.schedule(at, Happening::ToPhone(phone, PhoneInput::Unreachable { to: server }));
                }
                return None;
            }
            Load::Syn { conn, .. } => {
                self.knock(&phone, server, Knock::Asked, Fate::Dropped(id));
                self.hang_up(&phone, conn, Fate::Injected(id), REFUSED);
                return None;
            }
            Load::Segment { conn, bytes } => {
                self.see_segment(&phone, server, toward, conn, Fate::Dropped(id), &bytes, false);
                conn
            }
            Load::Again { conn, .. } => conn,
            end @ Load::End { .. } => return Some(Crossing { phone, server, toward, load: end }),
        };
        self.hang_up(&phone, conn, Fate::Injected(id), RESET);
        None
    }

    fn stand_in(&mut self, id: OutageId, stand_in: StandIn, crossing: Crossing) {
        let Crossing { phone, server, toward, load } = crossing;
        match load {
            Load::Datagram { phone_addr, bytes } => {
                self.see(&phone, server, phone_addr, toward, Transport::Udp, Fate::Dropped(id), &bytes);
                let Some(answer) = stand_in.answer(&bytes, phone_addr) else { return };
                let injected = Fate::Injected(id);
                self.see(&phone, server, phone_addr, Toward::Phone, Transport::Udp, injected, &answer);
                if !self.link.loses() {
                    self.deliver(&phone, server, Toward::Phone, Delivery::Datagram(phone_addr, answer));
                }
            }
            Load::Syn { conn, .. } => {
                self.knock(&phone, server, Knock::Asked, Fate::Dropped(id));
                self.knock(&phone, server, Knock::Opened, Fate::Injected(id));
                let at = self.now + self.link.leg();
                if let Some(connection) = self.link.connections.get_mut(&(phone.clone(), conn)) {
                    connection.spoken = Some(Spoken { outage: id, framer: Framer::default(), ours_alone: true });
                    connection.to_phone.arrived = at;
                }
                self.schedule(at, Happening::ToPhone(phone, PhoneInput::TcpConnected { conn }));
            }
            Load::Segment { conn, bytes } => {
                self.see_segment(&phone, server, toward, conn, Fate::Dropped(id), &bytes, false);
                self.answer_in(id, stand_in, &phone, conn, &bytes);
            }
            // What another outage took was seen then.
            Load::Again { conn, .. } => {
                let blocked = self.link.direction(&phone, conn, toward).map(|it| std::mem::take(&mut it.blocked));
                for (bytes, _) in blocked.unwrap_or_default() {
                    self.answer_in(id, stand_in, &phone, conn, &bytes);
                }
            }
            Load::End { conn } => {
                self.see_end(&phone, conn, toward, Fate::Dropped(id));
                let Some(connection) = self.link.connections.remove(&(phone, conn)) else { return };
                let known = connection.spoken.is_none_or(|spoken| !spoken.ours_alone);
                if let Some(outage) = self.outages.get_mut(&id).filter(|_| known) {
                    outage.orphans.push((server, connection.number));
                }
            }
        }
    }

    fn answer_in(&mut self, id: OutageId, stand_in: StandIn, phone: &PhoneName, conn: u32, bytes: &[u8]) {
        let Some(connection) = self.link.connections.get_mut(&(phone.clone(), conn)) else { return };
        let begin = || Spoken { outage: id, framer: Framer::default(), ours_alone: false };
        let spoken = connection.spoken.get_or_insert_with(begin);
        spoken.outage = id;
        let (server, local) = (connection.server, connection.local);
        for framed in spoken.framer.push(bytes) {
            let Framed::Message(request) = framed else { continue };
            let Some(answer) = stand_in.answer(&request, local) else { continue };
            self.see(phone, server, local, Toward::Phone, Transport::Tcp, Fate::Injected(id), &answer);
            self.deliver(phone, server, Toward::Phone, Delivery::Segment(conn, answer));
        }
    }

    /// Resets the connections in which the bridge has answered, when the outage is over.
    pub(in crate::rehearsal) fn reset_spoken(&mut self, id: OutageId, orphans: Vec<(SocketAddr, u32)>) {
        for (server, number) in orphans {
            self.end_at_server(server, number);
        }
        let over = |spoken: &Spoken| spoken.outage == id;
        let connections = self.link.connections.iter();
        let found: Vec<_> = connections
            .filter_map(|(key, connection)| {
                let spoken = connection.spoken.as_ref().filter(|spoken| over(spoken))?;
                Some((key.clone(), connection.server, connection.number, spoken.ours_alone))
            })
            .collect();
        for ((phone, conn), server, number, ours_alone) in found {
            self.hang_up(&phone, conn, Fate::Injected(id), RESET);
            if !ours_alone {
                self.end_at_server(server, number);
            }
        }
    }

    fn end_at_server(&mut self, server: SocketAddr, conn: u32) {
        let at = self.now + self.link.leg();
        self.schedule(at, Happening::ToServer(self.machine(server), RegistrarInput::TcpClosed { conn }));
    }

    /// A connection is over for a phone, by a reset.
    fn hang_up(&mut self, phone: &PhoneName, conn: u32, fate: Fate, why: &str) {
        self.see_end(phone, conn, Toward::Phone, fate);
        let Some(connection) = self.link.connections.remove(&(phone.clone(), conn)) else { return };
        self.knock(phone, connection.server, Knock::Refused, fate);
        let at = (self.now + self.link.leg()).max(connection.to_phone.arrived);
        let error = Some(why.to_owned());
        self.schedule(at, Happening::ToPhone(phone.clone(), PhoneInput::TcpClosed { conn, error }));
    }
}
