//! What becomes of each frame that a tap saw: counted, decided over, reported, sent on.

use std::{collections::BTreeMap, io, net::IpAddr, time::Duration};

use super::{
    addresses::{Addresses, Handed},
    busy::Busy,
    canary::{self, Canary},
    clock::{monotonic, nanos, wall_ns},
    connections::{Connections, Made},
    homes::{Homes, Moved},
    interest::Interest,
    media::Media,
    outage::Outages,
    outbox::Outbox,
    paths::Paths,
    protocol::{FrameKind, Notice, PhoneIndex, SeenFrame, Treatment},
    reply,
    routers::{Routers, Shown},
    rules::{Decision, name_server_of},
    segment,
    strangers::Strangers,
    tap::{Received, Tap, Unsendable},
    waiting::{Late, Waiting},
};
use crate::{
    config::Mac,
    event::{Fate, Loss, OutageId, Toward},
    wire::{
        bad_path::Lot,
        frame::{self, Body, Content, Frame, Packet},
        messages::Messages,
        resolution::Question,
    },
};

/// A sign of life is reported this often for each phone.
const LIFE_INTERVAL_NS: i64 = 1_000_000_000;
/// A frame that waited longer than this is not sent on any more: late voice is noise, and late SIP a wrong proof.
const STALE_NS: i64 = 200_000_000;
/// A frame that came in before an outage begins goes on for so long after it.
const LINGER_NS: i64 = 1_000_000;

/// That a frame on a bad path arrives.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    /// The outage whose path it is.
    outage: OutageId,
    /// When (monotonic).
    due: Duration,
    /// That is later than it came in, by whatever time it was read.
    held: bool,
    twice: bool,
}

/// What reading one frame needs of the helper, apart from the taps.
pub struct Sight<'a> {
    pub outbox: &'a mut Outbox,
    pub outages: &'a mut Outages,
    /// Phones that are on the link.
    pub phones: &'a BTreeMap<Mac, PhoneIndex>,
    /// Where the others are.
    pub routers: &'a mut Routers,
    /// Addresses of those that are behind a protected router.
    pub spared: &'a mut Vec<IpAddr>,
    pub addresses: &'a mut Addresses,
    /// Addresses that have changed hands.
    pub learned: &'a mut Vec<Handed>,
    pub interest: &'a mut Interest,
    /// What they say.
    pub media: &'a mut Media,
    pub last_life: &'a mut BTreeMap<PhoneIndex, i64>,
    pub canaries: &'a mut Vec<Canary>,
    pub connections: &'a mut Connections,
    pub messages: &'a mut Messages,
    pub paths: &'a mut Paths,
    pub waiting: &'a mut Waiting,
    /// What is to be sent about the frames that were taken.
    pub made: &'a mut Vec<Made>,
    pub unsent: &'a mut Unsent,
    /// Where the servers are.
    pub homes: &'a mut Homes,
    pub strangers: &'a mut Strangers,
    pub busy: &'a mut Busy,
    pub mtu: usize,
}

/// Frames that should have gone on and could not.
#[derive(Debug, Default)]
pub struct Unsent {
    pub count: u64,
    pub last: String,
}

/// Whether it says that an interface is switched off, or gone.
pub fn is_of_link(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV))
}

impl Unsent {
    /// One more. What could not go because the link was lost is told with that.
    pub fn count(&mut self, interface: &str, error: &io::Error) {
        if is_of_link(error) {
            return;
        }
        self.count += 1;
        self.last = format!("through `{interface}`: {error}");
    }

    /// So many more, which waited for too long.
    pub fn too_late(&mut self, interface: &str, count: usize) {
        if count > 0 {
            self.count += count as u64;
            self.last = format!("through `{interface}`: they had waited for too long");
        }
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

    fn see_in(&mut self, mut received: Received<'_>, toward: Toward, far: &mut Tap) {
        let now_ns = wall_ns();
        let at_ns = received.unix_ns.unwrap_or(now_ns);
        let Ok(frame) = Frame::parse(received.bytes) else { return };
        if let Some(Moved { server, address, place }) = self.homes.learn(&frame, received.bytes, toward) {
            self.outbox.send(&Notice::Server { server, address, place, unix_ns: at_ns });
        }
        if toward == Toward::Server {
            self.follow_router(&frame, received.bytes, at_ns);
        }
        self.follow_stranger(&frame, received.bytes, toward, at_ns);
        let fresh = now_ns - at_ns < STALE_NS;
        let Some(phone) = self.phone_of(&frame, toward) else {
            self.count_stranger(&frame, toward);
            if toward == Toward::Server
                && let Some((phone, address)) = self.addresses.lose(&frame)
            {
                self.learned.push(Handed { phone, address, is_its: false, shown_ns: at_ns });
            }
            // Somebody else's with the address of a phone.
            if self.outages.is_stolen(&frame, toward, at_ns) {
                self.pass_on(received, fresh, far);
            }
            return;
        };
        if toward == Toward::Server {
            self.note_life(phone, at_ns);
            if frame.source.is_some_and(|mac| self.phones.contains_key(&mac))
                && let Some(address) = self.addresses.learn(phone, &frame)
            {
                self.learned.push(Handed { phone, address, is_its: true, shown_ns: at_ns });
                self.outbox.send(&Notice::Address { phone, address, unix_ns: at_ns });
            }
        }
        let wanted = self.interest.wants(&frame, toward);
        let heard = if wanted { self.messages.hear(&frame, toward) } else { None };
        let (mut decision, stolen) = self.outages.judge(&frame, heard.as_ref(), toward, at_ns);
        // What waited here for longer than an outage takes to begin does not go on when it has begun.
        if stolen && decision == Decision::Pass && now_ns - at_ns > LINGER_NS {
            match self.outages.judge(&frame, heard.as_ref(), toward, now_ns).0 {
                Decision::Drop(outage) => decision = Decision::Drop(outage),
                Decision::Pass | Decision::Impair(_) => {}
            }
        }
        let mut arrives = None;
        if let Decision::Impair(outage) = decision {
            match self.draw(outage, phone, toward, &received, at_ns) {
                Some(arrival) => arrives = Some(arrival),
                None => decision = Decision::Drop(outage),
            }
        }
        if let Decision::Drop(outage) = decision {
            let bystander = self.outages.bystander(outage, &frame, toward);
            if self.outages.count_drop(outage, phone, toward, bystander, at_ns) {
                self.outbox.send(&Notice::FirstBite { outage, phone, toward, unix_ns: at_ns });
            }
        }
        if !wanted {
            self.media.see(phone, &frame, toward, at_ns, !matches!(decision, Decision::Drop(_)));
        }
        // Of what name servers are asked nothing is shipped but what is taken.
        let taken = matches!(decision, Decision::Drop(outage) if self.outages.is_of_names(outage));
        let mut report =
            (wanted || taken).then(|| seen(&received, toward, at_ns, fate_of(decision), FrameKind::Traffic));
        if let Decision::Drop(outage) = decision {
            self.outbox.send_seen(report.take());
            self.reply(outage, (&frame, toward), &received, at_ns);
        }
        match (decision, arrives) {
            (Decision::Impair(_), Some(arrival)) if stolen && fresh && !received.truncated() => {
                complete(&mut received);
                let late = Late {
                    toward,
                    bytes: received.bytes.to_vec(),
                    came_ns: at_ns,
                    held: arrival.held,
                    seen: report.take(),
                };
                self.delay(late, phone, arrival, far);
            }
            (Decision::Pass | Decision::Impair(_), _) => {
                self.outbox.send_seen(report.take());
                if stolen {
                    self.pass_on(received, fresh, far);
                }
            }
            (Decision::Drop(_), _) => {}
        }
    }

    /// Sends a frame on that the kernel has given up.
    fn pass_on(&mut self, mut received: Received<'_>, fresh: bool, far: &mut Tap) {
        match !received.truncated() {
            true if fresh => {
                complete(&mut received);
                send_on(far, received.bytes, self.mtu, self.unsent);
            }
            true => self.unsent.too_late(far.interface(), 1),
            false => {}
        }
    }

    /// Learns from a frame of a phone behind a router where it comes from.
    fn follow_router(&mut self, frame: &Frame<'_>, bytes: &[u8], unix_ns: i64) {
        for Shown { phone, address, place, taken } in self.routers.learn(frame, bytes) {
            if !taken && self.outages.is_protected(place.mac) {
                self.spared.push(address);
            }
            self.outbox.send(&Notice::Router { phone, address, place, taken, unix_ns });
        }
    }

    /// Follows a frame of a device that is not of the outage of its server, if it has to come out on the other side.
    fn follow_stranger(&mut self, frame: &Frame<'_>, bytes: &[u8], toward: Toward, at_ns: i64) {
        if self.outages.are_none() {
            return;
        }
        let Some((outage, mac)) = self.outages.stranger(frame, toward, at_ns) else { return };
        let passes = match toward {
            Toward::Server => frame.destination.is_some_and(|to| self.homes.is_beyond(to)),
            Toward::Phone => self.strangers.is_near(mac),
        };
        if passes && device_of(frame, toward).is_some_and(|device| self.busy.is_seen_through(device, at_ns)) {
            self.strangers.enter(outage, mac, toward, at_ns, bytes);
        }
    }

    /// Counts a frame of a device that is nobody's.
    fn count_stranger(&mut self, frame: &Frame<'_>, toward: Toward) {
        let mac = match toward {
            Toward::Server => frame.source,
            Toward::Phone => frame.destination,
        };
        // What goes to a group, everybody sees.
        let one = frame.destination.is_some_and(|to| to.0[0] & 1 == 0);
        if let (Some(mac), Some(device)) = (mac, device_of(frame, toward).filter(|_| one))
            && !self.homes.is_server(device)
        {
            self.busy.count(device, mac);
        }
    }

    /// What becomes of a frame on the bad path of an outage; none: it is lost.
    fn draw(
        &mut self,
        outage: OutageId,
        phone: PhoneIndex,
        toward: Toward,
        received: &Received<'_>,
        at_ns: i64,
    ) -> Option<Arrival> {
        let now = monotonic();
        // It has been here since its stamp, and not since it was read.
        let waited = Duration::from_nanos(u64::try_from(wall_ns() - at_ns).unwrap_or(0));
        let came_ns = u64::try_from(now.saturating_sub(waited).as_nanos()).unwrap_or(u64::MAX);
        // An outage that is over makes nothing late.
        let at_once = Some(Arrival { outage, due: now, held: false, twice: false });
        let Some(rule) = self.outages.rule(outage) else { return at_once };
        let Some((Treatment::Impair(bad), since_ns)) = rule.treatment_at(at_ns) else { return at_once };
        let path = self.paths.of(outage, phone, toward, bad.seed);
        match path.draw(bad, received.original_len, since_ns, came_ns) {
            Lot::Lost => None,
            Lot::Arrives { at_ns, twice } => {
                Some(Arrival { outage, due: Duration::from_nanos(at_ns), held: at_ns > came_ns, twice })
            }
        }
    }

    /// Sends a frame on when its time comes, which may be now.
    fn delay(&mut self, mut late: Late, phone: PhoneIndex, arrival: Arrival, far: &mut Tap) {
        let Arrival { outage, due, held, twice } = arrival;
        let now = monotonic();
        self.outages.count_arrival(outage, phone, held, twice);
        let copy = twice.then(|| late.copy(outage));
        // What a phone says counts from when it says it, and what it is told from when it is told.
        if late.toward == Toward::Server {
            let by_ns = wall_ns().saturating_add(nanos(due.saturating_sub(now))).saturating_sub(late.came_ns);
            let by_ns = if held { u64::try_from(by_ns).unwrap_or(0) } else { 0 };
            let seen = late.seen.take().map(|seen| seen.late(outage, by_ns));
            self.outbox.send_seen(seen);
        }
        for late in [Some(late), copy].into_iter().flatten() {
            if due <= now {
                late.go(outage, far, self.mtu, self.outbox, self.unsent);
            } else if let Err(late) = self.waiting.push(due, outage, late) {
                self.unsent.count(far.interface(), &io::Error::other("too many frames are late"));
                self.outbox.send_seen(late.seen);
            }
        }
    }

    fn reply(&mut self, outage: OutageId, (frame, toward): (&Frame<'_>, Toward), received: &Received<'_>, at_ns: i64) {
        let Some(rule) = self.outages.rule(outage) else { return };
        let mut completed = None;
        if received.checksum_open {
            let mut bytes = received.bytes.to_vec();
            frame::fix_checksums(&mut bytes);
            completed = Some(bytes);
        }
        let bytes = completed.as_deref().unwrap_or(received.bytes);
        let Some((treatment, _)) = rule.treatment_at(at_ns) else { return };
        let taken = reply::Taken { frame, bytes, toward, at_ns };
        self.made.extend(reply::to(rule, treatment, &taken, self.connections));
    }

    /// A frame that leaves proves what the bridge really does.
    fn see_out(&mut self, received: &Received<'_>, toward: Toward) {
        if self.strangers.came_out(toward, received.bytes) {
            return;
        }
        if self.canaries.is_empty() && self.outages.next_limit().is_none() {
            return;
        }
        let at_ns = received.unix_ns.unwrap_or_else(wall_ns);
        let Ok(frame) = Frame::parse(received.bytes) else { return };
        if let Some(nonce) = canary_nonce(&frame, received.bytes)
            && let Some(place) = self.canaries.iter().position(|it| it.nonce == nonce && it.toward == toward)
        {
            let canary = self.canaries.swap_remove(place);
            return self.outbox.send(&report(&canary, true, at_ns));
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
        self.phones.get(&mac?).copied().or_else(|| self.routers.phone(frame, toward)).or_else(|| {
            // A server asks everybody for the phone.
            let question = Question::of(frame).filter(|_| toward == Toward::Phone)?;
            self.addresses.phone(question.target)
        })
    }
}

/// Makes the check sums of a frame right that is to be sent on.
fn complete(received: &mut Received<'_>) {
    if received.checksum_open {
        frame::fix_checksums(received.bytes);
    }
}

/// Sends a frame out of a side, soon; see [`send_off`].
pub fn send_on(far: &mut Tap, bytes: &[u8], mtu: usize, unsent: &mut Unsent) {
    if far.queue(bytes) {
        send_off(far, mtu, unsent);
    }
}

/// Sends what is queued at a side. A frame that an offload made too long goes in pieces; what can not be sent is counted.
pub fn send_off(far: &mut Tap, mtu: usize, unsent: &mut Unsent) {
    while let Err(Unsendable { frame, error }) = far.flush() {
        let pieces = match error.raw_os_error() {
            Some(libc::EMSGSIZE) => segment::cut(&frame, mtu),
            _ => None,
        };
        let sent = pieces.ok_or(error).and_then(|pieces| pieces.iter().try_for_each(|piece| far.send(piece)));
        if let Err(error) = sent {
            unsent.count(far.interface(), &error);
        }
    }
}

/// The address of the device on the phones' side.
fn device_of(frame: &Frame<'_>, toward: Toward) -> Option<IpAddr> {
    let Content::Ip(packet) = &frame.content else { return None };
    Some(match toward {
        Toward::Server => packet.source,
        Toward::Phone => packet.destination,
    })
}

fn canary_nonce(frame: &Frame<'_>, bytes: &[u8]) -> Option<u64> {
    match &frame.content {
        Content::Ip(Packet { body: Body::Udp { payload, .. }, .. }) if name_server_of(frame).is_none() => {
            canary::nonce_of(payload)
        }
        Content::Ip(Packet { body: Body::Udp { payload, .. }, .. }) => canary::nonce_of_question(payload),
        _ => Question::of(frame).and_then(|_| canary::nonce_of_question(bytes)),
    }
}

fn seen(received: &Received<'_>, toward: Toward, unix_ns: i64, fate: Fate, kind: FrameKind) -> SeenFrame {
    let original_len = u32::try_from(received.original_len).unwrap_or(u32::MAX);
    SeenFrame { toward, unix_ns, fate, kind, late: None, original_len, bytes: received.bytes.to_vec() }
}

/// What a canary came to.
pub fn report(canary: &Canary, passed: bool, unix_ns: i64) -> Notice {
    let Canary { outage, phone, server, toward, .. } = *canary;
    Notice::Canary { outage, phone, server, toward, passed, unix_ns }
}

/// A decision, for the record.
pub fn fate_of(decision: Decision) -> Fate {
    match decision {
        Decision::Pass | Decision::Impair(_) => Fate::Passed,
        Decision::Drop(outage) => Fate::Dropped(outage),
    }
}
