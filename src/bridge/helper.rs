//! The helper's life: set up, then one loop over socket and taps. One thread; nothing in it waits for anything but
//! [`poll`].

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::{AsFd, FromRawFd, OwnedFd},
    process::ExitCode,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
    },
    time::{ClockId, clock_gettime},
    unistd::getppid,
};

use super::{
    canary::{self, Canary, CanaryPort},
    join,
    link::Links,
    outage::{Outages, Wanted},
    outbox::Outbox,
    protocol::{FrameKind, Notice, Order, PhoneIndex, Refusal, SeenFrame, ServerIndex, Setup},
    rules::{Decision, ports_of},
    table::{LEASE, RENEWAL, Table},
    tap::{Received, Tap},
};
use crate::{
    config::Mac,
    event::{Fate, Loss, OutageEnd, OutageId, Toward},
    wire::frame::{self, Body, Content, Frame},
};

/// A canary that has not come out after this time was dropped.
const CANARY_PATIENCE_NS: i64 = 20_000_000;
/// A sign of life is reported this often for each phone.
const LIFE_INTERVAL_NS: i64 = 1_000_000_000;
/// How long the loop sleeps when there is nothing to do; losses are looked for as often.
const IDLE: Duration = Duration::from_millis(250);
/// Frames read from one tap before anything else gets a turn.
const BURST: usize = 256;
/// A frame that waited longer than this is not sent on any more: late voice is noise, and late SIP a wrong proof.
const STALE_NS: i64 = 200_000_000;

/// Runs the helper on the descriptor of that number. Exit code 0 after an orderly end or the controller's, 3 if the
/// interfaces can not be joined.
pub fn run(fd: &str) -> ExitCode {
    let Ok(fd) = fd.parse::<i32>() else { return ExitCode::from(2) };
    // Neither can fail with these arguments; and a helper without them still ends with its socket.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    prefer();
    // SAFETY: the controller made this descriptor for us, and nothing else in this process uses it.
    let mut outbox = Outbox::new(unsafe { OwnedFd::from_raw_fd(fd) });
    let Ok(Some(Order::Setup(setup))) = outbox.receive(true) else { return ExitCode::from(2) };
    if i64::from(getppid().as_raw()) != i64::from(setup.controller_pid) {
        return ExitCode::SUCCESS;
    }
    match Helper::start(setup, outbox) {
        Ok(mut helper) => {
            helper.serve();
            ExitCode::SUCCESS
        }
        Err((mut outbox, refusal)) => {
            outbox.send(&Notice::Refused(refusal));
            ExitCode::from(3)
        }
    }
}

/// Asks for more of a busy processor than others get. Only root is heard; without, stamps of outages are less sharp.
fn prefer() {
    // SAFETY: a plain call.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -15) };
}

struct Helper {
    setup: Setup,
    outbox: Outbox,
    phone_tap: Tap,
    server_tap: Tap,
    canary_port: CanaryPort,
    table: Table,
    outages: Outages,
    phones: BTreeMap<Mac, PhoneIndex>,
    sip_ports: BTreeSet<u16>,
    last_life: BTreeMap<PhoneIndex, i64>,
    canaries: Vec<Canary>,
    next_nonce: u64,
    renewed: Duration,
    closing: bool,
}

impl Helper {
    fn start(setup: Setup, mut outbox: Outbox) -> Result<Self, (Outbox, Refusal)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let parts = match runtime {
            Ok(runtime) => runtime.block_on(assemble(&setup)),
            Err(error) => Err(Refusal::from_io("start", &error)),
        };
        let parts = match parts {
            Ok(parts) => parts,
            Err(refusal) => return Err((outbox, refusal)),
        };
        outbox.send(&parts.ready);
        let phones = (0..).zip(&setup.phones).map(|(index, phone)| (phone.mac, index)).collect();
        let sip_ports = setup.servers.iter().flat_map(|server| server.sip_ports.iter().copied()).collect();
        Ok(Self {
            outages: Outages::new(setup.network.protected.iter().copied()),
            outbox,
            phone_tap: parts.phone_tap,
            server_tap: parts.server_tap,
            canary_port: parts.canary_port,
            table: parts.table,
            phones,
            sip_ports,
            last_life: BTreeMap::new(),
            canaries: Vec::new(),
            next_nonce: u64::try_from(wall_ns()).unwrap_or(0) << 20,
            renewed: monotonic(),
            closing: false,
            setup,
        })
    }

    fn serve(&mut self) {
        let mut looked = monotonic();
        while !self.closing {
            self.wait();
            self.keep_lease();
            // Taken before the taps are read: what was sent until then and is not seen now was dropped.
            let now_ns = wall_ns();
            while self.read_taps() {}
            self.judge_canaries(now_ns);
            self.take_orders();
            for outage in self.outages.overdue(monotonic()) {
                self.lift(outage, OutageEnd::Limit);
            }
            if monotonic().saturating_sub(looked) >= IDLE {
                looked = monotonic();
                self.report_losses();
            }
            self.outbox.flush();
        }
    }

    fn wait(&self) {
        let mut patience = IDLE;
        if !self.table.is_empty() {
            patience = patience.min((self.renewed + RENEWAL).saturating_sub(monotonic()));
        }
        if let Some(limit) = self.outages.next_limit() {
            patience = patience.min(limit.saturating_sub(monotonic()));
        }
        if !self.canaries.is_empty() {
            patience = patience.min(Duration::from_millis(5));
        }
        // Rounded up, or the last millisecond would be spent spinning.
        let millis = u16::try_from(patience.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let mut talk = PollFlags::POLLIN;
        talk.set(PollFlags::POLLOUT, self.outbox.is_waiting());
        let mut ready = [
            PollFd::new(self.outbox.as_fd(), talk),
            PollFd::new(self.phone_tap.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.server_tap.as_fd(), PollFlags::POLLIN),
        ];
        // An interrupted wait is as good as one that ended.
        let _ = poll(&mut ready, PollTimeout::from(millis));
    }

    /// Renews what the kernel drops for us, or finds that we came too late and the outages are over.
    fn keep_lease(&mut self) {
        if self.table.is_empty() {
            return;
        }
        let held = monotonic().saturating_sub(self.renewed);
        if held < RENEWAL {
            return;
        }
        let before = monotonic();
        if held < LEASE && self.table.renew().is_ok() {
            self.renewed = before;
            return;
        }
        let overrun = monotonic().saturating_sub(self.renewed + LEASE);
        let ended_ns = wall_ns() - nanos(overrun);
        self.table.forget();
        for outage in self.outages.in_force() {
            self.outages.end(outage, ended_ns);
            self.finish(outage, OutageEnd::HelperLost, (ended_ns, nanos(RENEWAL).unsigned_abs()));
        }
    }

    fn take_orders(&mut self) {
        loop {
            match self.outbox.receive(false) {
                Ok(Some(order)) => self.obey(order),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(None) | Err(_) => {
                    self.closing = true;
                    return;
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Setup(_) => self.outbox.send(&Notice::Trouble("was set up twice".to_owned())),
            Order::Begin { outage, mode, scope, server, phones, limit_ms } => {
                let limit = Duration::from_millis(limit_ms);
                self.begin(&Wanted { outage, mode, scope, server, phones, limit });
            }
            Order::End { outage } => self.lift(outage, OutageEnd::Lifted),
            Order::Canaries { outage, server, phones } => {
                for phone in phones {
                    for toward in [Toward::Server, Toward::Phone] {
                        self.send_canary(outage, phone, server, toward);
                    }
                }
            }
            Order::Close => {
                for outage in self.outages.in_force() {
                    self.lift(outage, OutageEnd::Lifted);
                }
                self.closing = true;
            }
        }
    }

    fn begin(&mut self, wanted: &Wanted) {
        let rule = match self.outages.plan(&self.setup, wanted) {
            Ok(rule) => rule,
            Err(reason) => return self.outbox.send(&Notice::Trouble(reason)),
        };
        let paths = self.outages.paths(Some(&rule), None);
        let begun = monotonic();
        match timed(|| self.table.replace(paths)) {
            Ok((unix_ns, error_ns)) => {
                self.renewed = begun;
                self.outages.begin(rule, wanted, unix_ns, begun);
                self.outbox.send(&Notice::Began { outage: wanted.outage, unix_ns, error_ns });
            }
            Err(error) => {
                self.outbox.send(&Notice::Trouble(format!("could not begin outage {}: {error}", wanted.outage.0)));
            }
        }
    }

    fn lift(&mut self, outage: OutageId, why: OutageEnd) {
        if !self.outages.in_force().contains(&outage) {
            return;
        }
        let paths = self.outages.paths(None, Some(outage));
        let begun = monotonic();
        match timed(|| self.table.replace(paths)) {
            Ok((unix_ns, error_ns)) => {
                self.renewed = begun;
                self.outages.end(outage, unix_ns);
                self.finish(outage, why, (unix_ns, error_ns));
            }
            // Whatever the kernel has against it, it will have forgotten the elements when their lease is over.
            Err(error) => {
                self.outbox.send(&Notice::Trouble(format!("could not lift outage {}: {error}", outage.0)));
                self.renewed = Duration::ZERO;
            }
        }
    }

    /// Reads what came in before the end, so that it is in the tally, and says that the outage is over.
    fn finish(&mut self, outage: OutageId, why: OutageEnd, (unix_ns, error_ns): (i64, u64)) {
        while self.read_taps() {}
        let tally = self.outages.close(outage);
        self.outbox.send(&Notice::Ended { outage, why, unix_ns, error_ns, tally });
    }

    /// Takes a burst from both taps. True if there may be more.
    fn read_taps(&mut self) -> bool {
        let mut more = false;
        for side in [Toward::Server, Toward::Phone] {
            let mut taken = 0;
            while taken < BURST && self.read_one(side) {
                taken += 1;
            }
            more |= taken == BURST;
        }
        more
    }

    /// Takes one frame from the tap at which frames enter that go `entering`. True if there was one.
    fn read_one(&mut self, entering: Toward) -> bool {
        let (tap, far) = match entering {
            Toward::Server => (&mut self.phone_tap, &mut self.server_tap),
            Toward::Phone => (&mut self.server_tap, &mut self.phone_tap),
        };
        match tap.receive() {
            Ok(Some(received)) => {
                let mut sight = Sight {
                    setup: &self.setup,
                    outbox: &mut self.outbox,
                    outages: &mut self.outages,
                    phones: &self.phones,
                    sip_ports: &self.sip_ports,
                    last_life: &mut self.last_life,
                    canaries: &mut self.canaries,
                };
                sight.take(received, entering, far);
                true
            }
            Ok(None) => false,
            Err(error) => {
                let interface = tap.interface();
                self.outbox.send(&Notice::Trouble(format!("lost interface `{interface}`: {error}; bring it up again")));
                false
            }
        }
    }

    fn send_canary(&mut self, outage: Option<OutageId>, phone: PhoneIndex, server: ServerIndex, toward: Toward) {
        let known = self.setup.phones.get(usize::from(phone)).zip(self.setup.servers.get(usize::from(server)));
        let Some((key, of)) = known else {
            return self.outbox.send(&Notice::Trouble("was asked for a canary on a path that was not set up".to_owned()));
        };
        let (Some(address), Some(port)) = (of.addresses.first(), of.sip_ports.first()) else { return };
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let vlan = self.setup.network.vlan;
        let bytes = canary::build(nonce, toward, key.mac, key.address, (*address, *port).into(), vlan);
        let unix_ns = wall_ns();
        let sent = self.canary_port.send(&bytes);
        let Ok(frame) = Frame::parse(&bytes) else { return };
        let (decision, stolen) = self.outages.judge(&frame, toward, unix_ns);
        self.outbox.send(&Notice::Frame(SeenFrame {
            toward,
            unix_ns,
            fate: fate_of(decision),
            kind: FrameKind::Canary,
            original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes: bytes.clone(),
        }));
        let canary = Canary { nonce, outage, phone, server, toward, unix_ns };
        if let Err(error) = sent {
            self.outbox.send(&Notice::Trouble(format!("could not send a canary: {error}")));
        }
        // Where the kernel gives the path up, what may pass is ours to send, canaries like everything else. Our own
        // sending is not seen by the tap.
        let far = match toward {
            Toward::Server => &mut self.server_tap,
            Toward::Phone => &mut self.phone_tap,
        };
        if stolen && decision == Decision::Pass && far.send(&bytes).is_ok() {
            self.outbox.send(&report(&canary, true, unix_ns));
        } else {
            self.canaries.push(canary);
        }
    }

    fn judge_canaries(&mut self, now_ns: i64) {
        let (late, pending) =
            self.canaries.drain(..).partition::<Vec<_>, _>(|canary| now_ns - canary.unix_ns > CANARY_PATIENCE_NS);
        self.canaries = pending;
        for canary in late {
            self.outbox.send(&report(&canary, false, canary.unix_ns));
        }
    }

    fn report_losses(&mut self) {
        let count = self.phone_tap.lost() + self.server_tap.lost();
        if count > 0 {
            self.outbox.send(&Notice::Lost { how: Loss::KernelDrop, count });
        }
    }
}

/// What reading one frame needs of the helper, apart from the taps.
struct Sight<'a> {
    setup: &'a Setup,
    outbox: &'a mut Outbox,
    outages: &'a mut Outages,
    phones: &'a BTreeMap<Mac, PhoneIndex>,
    sip_ports: &'a BTreeSet<u16>,
    last_life: &'a mut BTreeMap<PhoneIndex, i64>,
    canaries: &'a mut Vec<Canary>,
}

impl Sight<'_> {
    fn take(&mut self, received: Received<'_>, entering: Toward, far: &mut Tap) {
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
        if self.is_signalling(&frame, toward) {
            self.outbox.send(&Notice::Frame(seen(&received, toward, at_ns, fate_of(decision), FrameKind::Traffic)));
        }
        if stolen && decision == Decision::Pass && now_ns - at_ns < STALE_NS {
            if received.checksum_open {
                frame::fix_checksums(received.bytes);
            }
            if let Err(error) = far.send(received.bytes) {
                let interface = far.interface();
                self.outbox.send(&Notice::Trouble(format!("could not send a frame through `{interface}`: {error}")));
            }
        }
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
        self.phones.get(&mac).copied()
    }

    /// Whether the controller wants to see it: SIP with anybody, and what tells why SIP fails.
    fn is_signalling(&self, frame: &Frame<'_>, toward: Toward) -> bool {
        let packet = match &frame.content {
            Content::Arp { .. } => return true,
            Content::Other { .. } => return false,
            Content::Ip(packet) => packet,
        };
        match (&packet.body, ports_of(packet)) {
            (_, Some((source, destination))) => {
                self.sip_ports.contains(&source) || self.sip_ports.contains(&destination)
            }
            (Body::Icmp { kind, .. }, _) if packet.source.is_ipv4() => matches!(kind, 3 | 4 | 5 | 11 | 12),
            (Body::Icmp { kind, .. }, _) => matches!(kind, 1..=4),
            (Body::Fragment { .. }, _) => {
                let server = match toward {
                    Toward::Server => packet.destination,
                    Toward::Phone => packet.source,
                };
                self.setup.servers.iter().any(|known| known.addresses.contains(&server))
            }
            _ => false,
        }
    }
}

struct Parts {
    ready: Notice,
    phone_tap: Tap,
    server_tap: Tap,
    canary_port: CanaryPort,
    table: Table,
}

async fn assemble(setup: &Setup) -> Result<Parts, Refusal> {
    let network = &setup.network;
    let links = Links::connect().map_err(|error| Refusal::from_io("ask the kernel for its interfaces", &error))?;
    let examined = join::examine(&links, network).await?;
    let joined = join::join(&links, network, &examined).await?;
    let table = Table::create(&joined.bridge)?;
    let phone_tap = Tap::open(&network.phone_side, examined.phone.index)?;
    let server_tap = Tap::open(&network.server_side, examined.server.index)?;
    let canary_port = CanaryPort::open(&links, joined.bridge_index, examined.server.index).await?;
    links
        .up(examined.phone.index)
        .await
        .map_err(|error| Refusal::from_io(format!("switch on `{}`", network.phone_side), &error))?;
    let ready = Notice::Ready { bridge: joined.bridge, adopted: joined.adopted, changed: joined.changed };
    phone_tap.clear_error();
    server_tap.clear_error();
    Ok(Parts { ready, phone_tap, server_tap, canary_port, table })
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

fn report(canary: &Canary, passed: bool, unix_ns: i64) -> Notice {
    let Canary { outage, phone, server, toward, .. } = *canary;
    Notice::Canary { outage, phone, server, toward, passed, unix_ns }
}

fn fate_of(decision: Decision) -> Fate {
    match decision {
        Decision::Pass => Fate::Passed,
        Decision::Drop(outage) => Fate::Dropped(outage),
    }
}

/// Does it and says when: the middle of the time it took on the wall clock, and half of it.
fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<(i64, u64)> {
    let before = wall_ns();
    work()?;
    let half = (wall_ns() - before).max(0) / 2;
    Ok((before + half, half.unsigned_abs() + 1))
}

fn wall_ns() -> i64 {
    nanos(read_clock(ClockId::CLOCK_REALTIME))
}

fn monotonic() -> Duration {
    read_clock(ClockId::CLOCK_MONOTONIC)
}

fn read_clock(clock: ClockId) -> Duration {
    // Neither clock can fail on Linux: both ids are always valid (clock_gettime(2)).
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
