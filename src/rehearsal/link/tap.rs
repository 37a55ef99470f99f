//! What siprig would see of the way between phones and servers: signs of life, beginnings of connections, SIP.

use std::{net::SocketAddr, time::Duration};

use super::{CLIENT, Crossing, FRAME_ERROR_NS, Rehearsal};
use crate::{
    event::{Door, Fate, Knock, Observed, PhoneName, RawRef, SipFact, TlsFact, TlsStep, Toward, Transport, When},
    journal::run_dir::capture_file,
    wire::{
        redact, sip,
        stream::Framed,
        tls::{self, End},
    },
};

/// A sign of life is reported at most this often.
const LIFE_EVERY: Duration = Duration::from_secs(1);

/// Bytes of the frame of a knock: those of a SYN without options.
const KNOCK_LENGTH: u64 = 54;

impl Rehearsal {
    pub(super) fn show_life(&mut self, crossing: &Crossing) {
        if self.is_hidden(crossing.toward) {
            return;
        }
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

    /// The tap sees a segment; `again`, if it saw it dropped before.
    #[expect(clippy::too_many_arguments, reason = "both ends, the way between them, and what became of it")]
    pub(super) fn see_segment(
        &mut self,
        phone: &PhoneName,
        server: SocketAddr,
        toward: Toward,
        conn: u32,
        fate: Fate,
        bytes: &[u8],
        again: bool,
    ) {
        if self.is_hidden(toward) {
            return;
        }
        let ends = self.link.connections.get(&(phone.clone(), conn)).map(|it| (it.local, it.server));
        // The tap reads SIP alone.
        let Some((local, _)) = ends.filter(|(_, server)| !self.is_application(*server)) else { return };
        let connection = self.link.connections.get_mut(&(phone.clone(), conn));
        if let Some(connection) = connection.filter(|it| it.tls.is_some() || tls::looks_like_hello(bytes)) {
            // What is sent again is heard once, as it was the first time.
            if again {
                return;
            }
            let (records, steps) = connection.tls.get_or_insert_default();
            let end = if toward == Toward::Server { End::Low } else { End::High };
            let at = i64::try_from(self.now.0).unwrap_or(i64::MAX);
            let mut seen = Vec::new();
            records.take(end, bytes, &mut |event| seen.extend(steps.take(event, toward, at)));
            return seen.into_iter().for_each(|step| self.see_step(phone, server, local, toward, fate, step));
        }
        let framed = self.link.direction(phone, conn, toward).map(|direction| direction.seen.push(bytes));
        for framed in framed.unwrap_or_default() {
            if let Framed::Message(message) = framed {
                self.see(phone, server, local, toward, Transport::Tcp, fate, &message);
            }
        }
    }

    fn see_step(
        &mut self,
        phone: &PhoneName,
        server_addr: SocketAddr,
        phone_addr: SocketAddr,
        toward: Toward,
        fate: Fate,
        step: TlsStep,
    ) {
        let Some(server) = self.plan.bench.server_at(server_addr.ip()).map(|server| server.name.clone()) else {
            return;
        };
        let phone = phone.clone();
        let raw = RawRef { file: capture_file(1), offset: self.link.captured, len: KNOCK_LENGTH };
        self.link.captured += raw.len;
        let fact = TlsFact { phone, server, server_addr, phone_addr, toward, step, fate, raw };
        self.report(When { at: self.now, error_ns: FRAME_ERROR_NS }, Observed::Encrypted(Box::new(fact)));
    }

    /// The tap sees the end of a connection.
    pub(super) fn see_end(&mut self, phone: &PhoneName, conn: u32, toward: Toward, fate: Fate) {
        if self.is_hidden(toward) {
            return;
        }
        let connection = self.link.connections.get(&(phone.clone(), conn)).filter(|it| it.tls.is_some());
        if let Some((server, local)) = connection.map(|it| (it.server, it.local)) {
            self.see_step(phone, server, local, toward, fate, TlsStep::Ended);
        }
    }

    /// The tap sees the beginning of a connection, or what a server says to it.
    pub(super) fn knock(&mut self, phone: &PhoneName, server: SocketAddr, knock: Knock, fate: Fate) {
        self.knock_at(Door::Tcp, phone, server, knock, fate);
    }

    /// The tap sees somebody knock at a door, or what a server says to it.
    pub(super) fn knock_at(&mut self, door: Door, phone: &PhoneName, server: SocketAddr, knock: Knock, fate: Fate) {
        let toward = if knock == Knock::Asked { Toward::Server } else { Toward::Phone };
        if self.is_application(server) || self.is_hidden(toward) {
            return;
        }
        let address = Some(server.ip());
        let Some(server) = self.plan.bench.server_at(server.ip()).map(|server| server.name.clone()) else { return };
        let raw = RawRef { file: capture_file(1), offset: self.link.captured, len: KNOCK_LENGTH };
        self.link.captured += raw.len;
        let observed = Observed::Knock { phone: phone.clone(), server, address, door, knock, fate, raw };
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
        if self.is_hidden(toward) {
            return;
        }
        if transport == Transport::Udp && phone_addr.port() == CLIENT {
            return self.see_loading(phone, server_addr, toward, fate, bytes);
        }
        let mut bytes = bytes.to_vec();
        redact::sip_in_place(&mut bytes);
        let offset = self.link.captured(bytes.len());
        let raw = RawRef { file: capture_file(1), offset, len: bytes.len() as u64 };
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
