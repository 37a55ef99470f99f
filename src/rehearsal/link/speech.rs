//! What the bridge says about what an outage took: in the server's name to a phone, and to both ends of connections.

use std::net::SocketAddr;

use super::{Blocked, Crossing, Delivery, Happening, Load, Rehearsal, outage::Treatment};
use crate::{
    event::{Door, Fate, Knock, Manner, OutageId, PhoneName, Toward, Transport},
    virtual_bench::{phone::PhoneInput, registrar::RegistrarInput},
    wire::{
        sip::StandIn,
        stream::{Framed, Framer},
    },
};

/// What the system says of a connection that nobody accepts.
pub(super) const REFUSED: &str = "Connection refused";

/// What it says of one that the other end gave up.
pub(super) const RESET: &str = "Connection reset by peer";

/// What it says of one that can not be opened for an ICMP error.
const NO_ROUTE: &str = "No route to host";

/// A connection in which the bridge has answered: its ends no longer agree.
#[derive(Debug)]
pub(super) struct Spoken {
    outage: OutageId,
    framer: Framer,
    /// The server knows nothing of it.
    pub(super) ours_alone: bool,
}

impl Rehearsal {
    /// The bridge has its say about what an outage took; gives back what goes the way of all that vanishes.
    pub(super) fn speak(&mut self, id: OutageId, crossing: Crossing) -> Option<Crossing> {
        let treatment = self.outages.get(&id).and_then(|outage| outage.treatment(self.now));
        match treatment.map(|(treatment, _)| treatment.clone()) {
            Some(Treatment::Plain(Manner::Reset)) => self.reset(id, crossing),
            // The others are for phones.
            _ if crossing.toward == Toward::Phone => Some(crossing),
            Some(Treatment::Plain(Manner::Refuse)) => self.refuse(id, crossing),
            Some(Treatment::Plain(Manner::Unreachable(_))) => self.say_unreachable(id, crossing),
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
                self.turn_back(id, phone, server, phone_addr, &bytes);
                return None;
            }
            Load::Syn { conn, .. } => {
                self.knock(&phone, server, Knock::Asked, Fate::Dropped(id));
                self.hang_up(&phone, conn, Fate::Injected(id), REFUSED);
                return None;
            }
            Load::Segment { conn, bytes, .. } => {
                self.see_segment(&phone, server, toward, conn, Fate::Dropped(id), &bytes, false);
                conn
            }
            Load::Again { conn, .. } => conn,
            load => return Some(Crossing { phone, server, toward, load }),
        };
        self.hang_up(&phone, conn, Fate::Injected(id), RESET);
        None
    }

    /// The phone gets an ICMP error for everything. It ends a connection that is being opened, and no other (RFC 1122 section
    /// 4.2.3.9).
    fn say_unreachable(&mut self, id: OutageId, crossing: Crossing) -> Option<Crossing> {
        match crossing.load {
            Load::Datagram { phone_addr, bytes } => {
                self.turn_back(id, crossing.phone, crossing.server, phone_addr, &bytes);
                None
            }
            Load::Syn { conn, .. } => {
                self.knock(&crossing.phone, crossing.server, Knock::Asked, Fate::Dropped(id));
                self.hang_up(&crossing.phone, conn, Fate::Injected(id), NO_ROUTE);
                None
            }
            _ => {
                self.knock(&crossing.phone, crossing.server, Knock::Refused, Fate::Injected(id));
                Some(crossing)
            }
        }
    }

    /// A phone's datagram comes back in an ICMP error.
    fn turn_back(&mut self, id: OutageId, phone: PhoneName, server: SocketAddr, phone_addr: SocketAddr, bytes: &[u8]) {
        self.see(&phone, server, phone_addr, Toward::Server, Transport::Udp, Fate::Dropped(id), bytes);
        self.knock_at(Door::Udp, &phone, server, Knock::Refused, Fate::Injected(id));
        if !self.link.loses() {
            let at = self.now + self.link.leg();
            self.schedule(at, Happening::ToPhone(phone, PhoneInput::Unreachable { to: server }));
        }
    }

    /// Both ends of a connection hear that it is over, but for one that has ended it itself.
    fn reset(&mut self, id: OutageId, crossing: Crossing) -> Option<Crossing> {
        if matches!(crossing.load, Load::Syn { .. }) {
            return self.refuse(id, crossing);
        }
        let Some(conn) = crossing.load.conn() else { return Some(crossing) };
        let Crossing { phone, server, toward, load } = crossing;
        let connection = self.link.connections.get(&(phone.clone(), conn))?;
        let known = connection.spoken.as_ref().is_none_or(|spoken| !spoken.ours_alone);
        let number = connection.number;
        if let Load::Segment { bytes, .. } = &load {
            self.see_segment(&phone, server, toward, conn, Fate::Dropped(id), bytes, false);
        }
        let ended_by = matches!(load, Load::End { .. }).then_some(toward);
        if known && ended_by != Some(Toward::Phone) {
            self.end_at_server(server, number);
        }
        if ended_by == Some(Toward::Server) {
            self.see_end(&phone, conn, toward, Fate::Dropped(id));
            self.link.connections.remove(&(phone.clone(), conn));
            self.knock(&phone, server, Knock::Refused, Fate::Injected(id));
        } else {
            self.hang_up(&phone, conn, Fate::Injected(id), RESET);
        }
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
            Load::Segment { conn, bytes, .. } => {
                self.see_segment(&phone, server, toward, conn, Fate::Dropped(id), &bytes, false);
                self.answer_in(id, stand_in, &phone, conn, &bytes);
            }
            // What another outage took was seen then.
            Load::Again { conn, .. } => {
                let blocked = self.link.direction(&phone, conn, toward).map(|it| std::mem::take(&mut it.blocked));
                for Blocked { bytes, .. } in blocked.unwrap_or_default() {
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
            // They go to phones.
            Load::Opened { .. } | Load::TurnedAway => {}
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
    pub(in crate::rehearsal) fn reset_spoken(&mut self, id: OutageId) {
        let orphans = self.outages.get_mut(&id).map(|outage| std::mem::take(&mut outage.orphans));
        for (server, number) in orphans.unwrap_or_default() {
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
    pub(super) fn hang_up(&mut self, phone: &PhoneName, conn: u32, fate: Fate, why: &str) {
        self.see_end(phone, conn, Toward::Phone, fate);
        let Some(connection) = self.link.connections.remove(&(phone.clone(), conn)) else { return };
        self.knock(phone, connection.server, Knock::Refused, fate);
        let at = (self.now + self.link.leg()).max(connection.to_phone.arrived);
        let error = Some(why.to_owned());
        self.schedule(at, Happening::ToPhone(phone.clone(), PhoneInput::TcpClosed { conn, error }));
    }
}
