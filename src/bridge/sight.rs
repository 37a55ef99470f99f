//! What becomes of each frame that a tap saw: counted, decided over, reported, sent on.

use std::{collections::BTreeMap, io};

use super::{
    canary::{self, Canary},
    clock::wall_ns,
    connections::{Connections, Made},
    interest::Interest,
    outage::Outages,
    outbox::Outbox,
    protocol::{FrameKind, Notice, PhoneIndex, SeenFrame},
    reply,
    rules::Decision,
    segment,
    tap::{Received, Tap},
};
use crate::{
    config::Mac,
    event::{Fate, Loss, OutageId, Toward},
    wire::frame::{self, Body, Content, Frame},
};

/// A sign of life is reported this often for each phone.
const LIFE_INTERVAL_NS: i64 = 1_000_000_000;
/// A frame that waited longer than this is not sent on any more: late voice is noise, and late SIP a wrong proof.
const STALE_NS: i64 = 200_000_000;

/// What reading one frame needs of the helper, apart from the taps.
pub struct Sight<'a> {
    pub outbox: &'a mut Outbox,
    pub outages: &'a mut Outages,
    pub phones: &'a BTreeMap<Mac, PhoneIndex>,
    pub interest: &'a mut Interest,
    pub last_life: &'a mut BTreeMap<PhoneIndex, i64>,
    pub canaries: &'a mut Vec<Canary>,
    pub connections: &'a mut Connections,
    /// What is to be sent about the frames that were taken.
    pub made: &'a mut Vec<Made>,
    pub unsent: &'a mut Unsent,
    pub mtu: usize,
}

/// Frames that should have gone on and could not.
#[derive(Debug, Default)]
pub struct Unsent {
    pub count: u64,
    pub last: String,
}

impl Unsent {
    /// One more.
    pub fn count(&mut self, interface: &str, error: &io::Error) {
        self.count += 1;
        self.last = format!("through `{interface}`: {error}");
    }
}

impl Sight<'_> {
    /// Takes a frame from the tap at which frames enter that go `entering`; `far` is the other tap.
    pub fn take(&mut self, received: Received<'_>, entering: Toward, far: &mut Tap) {
        if received.truncated() {
            self.outbox.send(&Notice::Lost { how: Loss::Truncated, count: 1 });
        }
        if received.outgoing {
            let leaving = match entering {
                Toward::Server => Toward::Phone,
                Toward::Phone => Toward::Server,
            };
            self.see_out(&received, leaving);
        } else {
            self.see_in(received, entering, far);
        }
    }

    fn see_in(&mut self, received: Received<'_>, toward: Toward, far: &mut Tap) {
        let now_ns = wall_ns();
        let at_ns = received.unix_ns.unwrap_or(now_ns);
        let Ok(frame) = Frame::parse(received.bytes) else { return };
        let Some(phone) = self.phone_of(&frame, toward) else { return };
        if toward == Toward::Server {
            self.note_life(phone, at_ns);
        }
        let (decision, stolen) = self.outages.judge(&frame, toward, at_ns);
        if let Decision::Drop(outage) = decision
            && self.outages.count_drop(outage, phone, toward)
        {
            self.outbox.send(&Notice::FirstBite { outage, phone, toward, unix_ns: at_ns });
        }
        if self.interest.wants(&frame, toward) {
            self.outbox.send(&Notice::Frame(seen(&received, toward, at_ns, fate_of(decision), FrameKind::Traffic)));
        }
        if let Decision::Drop(outage) = decision
            && toward == Toward::Server
        {
            self.reply(outage, &frame, &received, at_ns);
        }
        if stolen && decision == Decision::Pass && now_ns - at_ns < STALE_NS {
            if received.checksum_open {
                frame::fix_checksums(received.bytes);
            }
            if let Err(error) = send_on(far, received.bytes, self.mtu) {
                self.unsent.count(far.interface(), &error);
            }
        }
    }

    fn reply(&mut self, outage: OutageId, frame: &Frame<'_>, received: &Received<'_>, at_ns: i64) {
        let Some(rule) = self.outages.rule(outage) else { return };
        let mut completed = None;
        if received.checksum_open {
            let mut bytes = received.bytes.to_vec();
            frame::fix_checksums(&mut bytes);
            completed = Some(bytes);
        }
        let bytes = completed.as_deref().unwrap_or(received.bytes);
        self.made.extend(reply::to(rule, (frame, bytes), self.connections, at_ns));
    }

    /// A frame that leaves proves what the bridge really does.
    fn see_out(&mut self, received: &Received<'_>, toward: Toward) {
        if self.canaries.is_empty() && self.outages.next_limit().is_none() {
            return;
        }
        let at_ns = received.unix_ns.unwrap_or_else(wall_ns);
        let Ok(frame) = Frame::parse(received.bytes) else { return };
        if let Some(nonce) = canary_nonce(&frame) {
            if let Some(place) = self.canaries.iter().position(|it| it.nonce == nonce && it.toward == toward) {
                let canary = self.canaries.swap_remove(place);
                self.outbox.send(&report(&canary, true, at_ns));
            }
            return;
        }
        let Some(phone) = self.phone_of(&frame, toward) else { return };
        if let Some(outage) = self.outages.forbids(&frame, toward, at_ns)
            && self.outages.count_leak(outage, phone, toward)
        {
            self.outbox.send(&Notice::Leak { outage, phone, toward, unix_ns: at_ns });
            self.outbox.send(&Notice::Frame(seen(received, toward, at_ns, Fate::Passed, FrameKind::Leak)));
        }
    }

    fn note_life(&mut self, phone: PhoneIndex, unix_ns: i64) {
        let last = self.last_life.get(&phone).copied();
        if last.is_none_or(|last| unix_ns - last >= LIFE_INTERVAL_NS || unix_ns < last) {
            self.last_life.insert(phone, unix_ns);
            self.outbox.send(&Notice::SignOfLife { phone, unix_ns });
        }
    }

    fn phone_of(&self, frame: &Frame<'_>, toward: Toward) -> Option<PhoneIndex> {
        let mac = match toward {
            Toward::Server => frame.source,
            Toward::Phone => frame.destination,
        };
        self.phones.get(&mac?).copied()
    }
}

/// Sends a frame out of a side; one that an offload made too long goes in pieces.
fn send_on(far: &mut Tap, bytes: &[u8], mtu: usize) -> io::Result<()> {
    match far.send(bytes) {
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            let pieces = segment::cut(bytes, mtu).ok_or(error)?;
            pieces.iter().try_for_each(|piece| far.send(piece))
        }
        sent => sent,
    }
}

fn canary_nonce(frame: &Frame<'_>) -> Option<u64> {
    match &frame.content {
        Content::Ip(packet) => match packet.body {
            Body::Udp { payload, .. } => canary::nonce_of(payload),
            _ => None,
        },
        _ => None,
    }
}

fn seen(received: &Received<'_>, toward: Toward, unix_ns: i64, fate: Fate, kind: FrameKind) -> SeenFrame {
    let original_len = u32::try_from(received.original_len).unwrap_or(u32::MAX);
    SeenFrame { toward, unix_ns, fate, kind, original_len, bytes: received.bytes.to_vec() }
}

/// What a canary came to.
pub fn report(canary: &Canary, passed: bool, unix_ns: i64) -> Notice {
    let Canary { outage, phone, server, toward, .. } = *canary;
    Notice::Canary { outage, phone, server, toward, passed, unix_ns }
}

/// A decision, for the record.
pub fn fate_of(decision: Decision) -> Fate {
    match decision {
        Decision::Pass => Fate::Passed,
        Decision::Drop(outage) => Fate::Dropped(outage),
    }
}
