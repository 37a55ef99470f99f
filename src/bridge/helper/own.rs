//! What the helper sends on its own account: canaries, and what it says in a server's name.

use std::net::IpAddr;

use super::Helper;
use crate::{
    bridge::{
        canary::{self, Canary},
        clock::{monotonic, wall_ns},
        connections::Made,
        protocol::{FrameKind, Notice, PhoneIndex, SeenFrame, ServerIndex},
        rules::{Decision, Rule},
        sight::{fate_of, report, send_off},
        strangers::Stray,
        waiting::Late,
    },
    event::{Fate, OutageId, Toward},
    wire::frame::{self, Content, Frame},
};

/// A canary that has not come out after this time was dropped.
const CANARY_PATIENCE_NS: i64 = 100_000_000;

impl Helper {
    /// Sends what we say in a server's name, past the bridge, and reports it. Our own sending is not seen by the tap: it is
    /// no leak.
    pub(super) fn send_made(&mut self) {
        for Made { outage, toward, mut bytes } in std::mem::take(&mut self.made) {
            let sender = Frame::parse(&bytes).ok().and_then(|frame| sender_of(&frame));
            let hops = sender.and_then(|sender| match toward {
                Toward::Phone => Some(self.homes.hop_limit(sender)),
                Toward::Server => self.routers.hop_limit(sender),
            });
            if let Some(hops) = hops {
                frame::set_hop_limit(&mut bytes, hops);
            }
            let tap = match toward {
                Toward::Server => &mut self.server_tap,
                Toward::Phone => &mut self.phone_tap,
            };
            // In its order among what goes on.
            send_off(tap, self.mtu, &mut self.unsent);
            let unix_ns = wall_ns();
            if let Err(error) = tap.send(&bytes) {
                self.unsent.count(tap.interface(), &error);
                continue;
            }
            self.outbox.send(&Notice::Frame(SeenFrame {
                toward,
                unix_ns,
                fate: Fate::Injected(outage),
                kind: FrameKind::Traffic,
                late: None,
                original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                bytes,
            }));
        }
    }

    /// Sends on what was late on purpose and is due.
    pub(super) fn send_late(&mut self) {
        while let Some((outage, late)) = self.waiting.pop(monotonic()) {
            self.let_go(outage, late);
        }
        self.send_off();
    }

    /// Sends a frame on that was late on purpose.
    pub(super) fn let_go(&mut self, outage: OutageId, late: Late) {
        let far = match late.toward {
            Toward::Server => &mut self.server_tap,
            Toward::Phone => &mut self.phone_tap,
        };
        late.go(outage, far, self.mtu, &mut self.outbox, &mut self.unsent);
    }

    pub(super) fn send_canary(
        &mut self,
        outage: Option<OutageId>,
        phone: PhoneIndex,
        server: ServerIndex,
        toward: Toward,
    ) {
        let known = self.setup.phones.get(usize::from(phone)).zip(self.setup.servers.get(usize::from(server)));
        let Some((key, of)) = known else {
            return self
                .outbox
                .send(&Notice::Trouble("was asked for a canary on a path that was not set up".to_owned()));
        };
        let rule = outage.and_then(|outage| self.outages.rule(outage));
        let (addresses, ports) =
            rule.map_or((&of.addresses[..], &of.sip_ports[..]), |rule| (&rule.servers, rule.ports()));
        // One behind a router is known by its address, and has none of the other family.
        let of_phone = addresses.iter().find(|address| key.mac().is_some() || key.address(**address).is_some());
        let (Some(address), Some(port)) = (of_phone.or(addresses.first()).copied(), ports.first().copied()) else {
            return;
        };
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let vlan = self.setup.network.vlan;
        let asks = rule.is_some_and(Rule::is_of_resolution) && toward == Toward::Server;
        let name = rule.filter(|rule| rule.is_of_names()).and_then(|rule| rule.names.first());
        let bytes = match name.filter(|_| toward == Toward::Server) {
            Some(name) => canary::build_name_question(nonce, key, address, name, vlan),
            None if asks => canary::build_question(nonce, key, address, vlan),
            None => canary::build(nonce, toward, key, (address, port).into(), vlan),
        };
        let unix_ns = wall_ns();
        let sent = self.canary_port.send(&bytes);
        let Ok(frame) = Frame::parse(&bytes) else { return };
        let (decision, stolen) = self.outages.judge(&frame, None, toward, unix_ns);
        self.outbox.send(&Notice::Frame(SeenFrame {
            toward,
            unix_ns,
            fate: fate_of(decision),
            kind: FrameKind::Canary,
            late: None,
            original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes: bytes.clone(),
        }));
        let canary = Canary { nonce, outage, phone, server, toward, unix_ns };
        if let Err(error) = sent {
            self.outbox.send(&Notice::Trouble(format!("could not send a canary: {error}")));
        }
        // Where the kernel gives the path up, what may pass is ours to send, canaries like everything else, though none is
        // lost or late. Our own sending is not seen by the tap.
        let far = match toward {
            Toward::Server => &mut self.server_tap,
            Toward::Phone => &mut self.phone_tap,
        };
        if stolen && !matches!(decision, Decision::Drop(_)) && far.send(&bytes).is_ok() {
            self.outbox.send(&report(&canary, true, unix_ns));
        } else {
            self.canaries.push(canary);
        }
    }

    /// Tells of frames of devices that are of no outage and have not come out.
    pub(super) fn judge_strangers(&mut self, now_ns: i64) {
        if !self.strangers.is_due(now_ns) {
            return;
        }
        // What was not seen may have come out.
        self.report_losses();
        for Stray { outage, toward, at_ns, bytes, .. } in self.strangers.overdue(now_ns) {
            self.outbox.send(&Notice::Frame(SeenFrame {
                toward,
                unix_ns: at_ns,
                fate: Fate::Passed,
                kind: FrameKind::Stray(outage),
                late: None,
                original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                bytes,
            }));
        }
    }

    pub(super) fn judge_canaries(&mut self, now_ns: i64) {
        let (late, pending) =
            self.canaries.drain(..).partition::<Vec<_>, _>(|canary| now_ns - canary.unix_ns > CANARY_PATIENCE_NS);
        self.canaries = pending;
        for canary in late {
            self.outbox.send(&report(&canary, false, canary.unix_ns));
        }
    }
}

fn sender_of(frame: &Frame<'_>) -> Option<IpAddr> {
    match &frame.content {
        Content::Ip(packet) => Some(packet.source),
        _ => None,
    }
}
