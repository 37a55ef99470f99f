//! What siprig would see of the way between phones and servers: signs of life, beginnings of connections, SIP.

use std::{net::SocketAddr, time::Duration};

use super::{Crossing, FRAME_ERROR_NS, Rehearsal};
use crate::{
    event::{Door, Fate, Knock, Observed, PhoneName, RawRef, SipFact, Toward, Transport, When},
    wire::{redact, sip, stream::Framed},
};

/// A sign of life is reported at most this often.
const LIFE_EVERY: Duration = Duration::from_secs(1);

/// Bytes of the frame of a knock: those of a SYN without options.
const KNOCK_LENGTH: u64 = 54;

impl Rehearsal {
    pub(super) fn show_life(&mut self, crossing: &Crossing) {
        let now = self.now;
        let Some(device) = self.devices.get_mut(&crossing.phone).filter(|_| crossing.toward == Toward::Server) else {
            return;
        };
        if device.seen_alive.is_none_or(|last| now >= last + LIFE_EVERY) {
            device.seen_alive = Some(now);
            let life = Observed::SignOfLife { phone: crossing.phone.clone() };
            self.report(When { at: now, error_ns: FRAME_ERROR_NS }, life);
        }
    }

    pub(super) fn see_segment(
        &mut self,
        phone: &PhoneName,
        server: SocketAddr,
        toward: Toward,
        conn: u32,
        fate: Fate,
        bytes: &[u8],
    ) {
        let ends = self.link.connections.get(&(phone.clone(), conn)).map(|it| (it.local, it.server));
        // The tap reads SIP alone.
        let Some((local, _)) = ends.filter(|(_, server)| !self.is_application(*server)) else { return };
        let framed = self.link.direction(phone, conn, toward).map(|direction| direction.seen.push(bytes));
        for framed in framed.unwrap_or_default() {
            if let Framed::Message(message) = framed {
                self.see(phone, server, local, toward, Transport::Tcp, fate, &message);
            }
        }
    }

    /// The tap sees the beginning of a connection, or what a server says to it.
    pub(super) fn knock(&mut self, phone: &PhoneName, server: SocketAddr, knock: Knock, fate: Fate) {
        self.knock_at(Door::Tcp, phone, server, knock, fate);
    }

    /// The tap sees somebody knock at a door, or what a server says to it.
    pub(super) fn knock_at(&mut self, door: Door, phone: &PhoneName, server: SocketAddr, knock: Knock, fate: Fate) {
        if self.is_application(server) {
            return;
        }
        let Some(server) = self.plan.bench.server_at(server.ip()).map(|server| server.name.clone()) else { return };
        let raw = RawRef { file: "capture.pcapng".to_owned(), offset: self.link.captured, len: KNOCK_LENGTH };
        self.link.captured += raw.len;
        let observed = Observed::Knock { phone: phone.clone(), server, door, knock, fate, raw };
        self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, observed);
    }

    /// The tap sees a message.
    #[expect(clippy::too_many_arguments, reason = "both ends, the way between them, and what became of it")]
    pub(super) fn see(
        &mut self,
        phone: &PhoneName,
        server_addr: SocketAddr,
        phone_addr: SocketAddr,
        toward: Toward,
        transport: Transport,
        fate: Fate,
        bytes: &[u8],
    ) {
        let mut bytes = bytes.to_vec();
        redact::sip_in_place(&mut bytes);
        let raw = RawRef { file: "capture.pcapng".to_owned(), offset: self.link.captured, len: bytes.len() as u64 };
        self.link.captured += raw.len;
        let fact = SipFact {
            phone: phone.clone(),
            server: self.plan.bench.server_at(server_addr.ip()).map(|server| server.name.clone()),
            server_addr,
            phone_addr,
            toward,
            transport,
            fate,
            raw,
            message: sip::read(&bytes),
        };
        self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, Observed::Sip(Box::new(fact)));
    }
}
