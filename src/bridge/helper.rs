//! The helper's life: set up, then one loop over socket and taps. One thread; nothing in it waits for anything but
//! [`poll`].

use std::{
    collections::BTreeMap,
    net::IpAddr,
    os::fd::{AsFd, FromRawFd, OwnedFd},
    process::ExitCode,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
        time::TimeSpec,
    },
    unistd::getppid,
};

mod down;
mod following;
mod lease;
mod links;
mod orders;
mod own;
mod taps;

use down::Down;
use lease::Lease;

use super::{
    addresses::{Addresses, Handed},
    busy::Busy,
    canary::{Canary, CanaryPort},
    clock::{monotonic, nanos, wall_ns},
    connections::{Connections, Made},
    guardian::{Guardian, LinkSwitch},
    homes::Homes,
    interest::Interest,
    media::Media,
    outage::Outages,
    outbox::Outbox,
    parts::Parts,
    paths::Paths,
    ports::Ports,
    privileges,
    protocol::{Notice, Order, PhoneIndex, Refusal, Setup},
    routers::Routers,
    sight::Unsent,
    strangers::Strangers,
    table::Table,
    tap::Tap,
    waiting::Waiting,
};
use crate::{
    config::Mac,
    event::{Loss, OutageEnd, SettingChange},
    wire::messages::Messages,
};

/// How long the loop sleeps when there is nothing to do; losses are looked for as often.
const IDLE: Duration = Duration::from_millis(250);

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
    match Parts::assemble(&setup) {
        Ok(parts) => {
            if let Err(reason) = privileges::drop(&[parts.phone_tap.binder(), parts.server_tap.binder()]) {
                let operation = format!("work without privileges that are not needed: could not {reason}");
                outbox.send(&Notice::Refused(Refusal::Permission { operation }));
                return ExitCode::from(3);
            }
            Helper::new(setup, outbox, parts).serve();
            ExitCode::SUCCESS
        }
        Err(refusal) => {
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
    ports: Ports,
    /// Since when the bridge is gone, if somebody has removed it.
    bridge_gone: Option<i64>,
    /// Settings that were changed when an interface came again, and are not told yet.
    resettled: Vec<SettingChange>,
    table: Table,
    link_switch: LinkSwitch,
    /// None: no link may be taken down, or it was lost.
    guardian: Option<Guardian>,
    /// The link that is down, or on its way back.
    down: Option<Down>,
    outages: Outages,
    phones: BTreeMap<Mac, PhoneIndex>,
    routers: Routers,
    addresses: Addresses,
    learned: Vec<Handed>,
    /// Addresses of phones that were seen to be behind a protected router.
    spared: Vec<IpAddr>,
    interest: Interest,
    media: Media,
    last_life: BTreeMap<PhoneIndex, i64>,
    canaries: Vec<Canary>,
    connections: Connections,
    messages: Messages,
    paths: Paths,
    waiting: Waiting,
    made: Vec<Made>,
    next_nonce: u64,
    homes: Homes,
    strangers: Strangers,
    busy: Busy,
    unsent: Unsent,
    mtu: usize,
    lease: Lease,
    /// When the controller last said anything.
    heard: Duration,
    /// When the loop last came round.
    round: Duration,
    /// Since when it comes round as it should.
    awake: Duration,
    closing: bool,
}

impl Helper {
    fn new(setup: Setup, mut outbox: Outbox, parts: Parts) -> Self {
        outbox.send(&parts.ready);
        if !parts.orphans.is_empty() {
            outbox.send(&Notice::OrphansRemoved(parts.orphans));
        }
        let on_link = (0..).zip(&setup.phones).filter_map(|(index, phone)| Some((phone.mac()?, index)));
        Self {
            outages: Outages::new(&setup),
            outbox,
            phone_tap: parts.phone_tap,
            server_tap: parts.server_tap,
            canary_port: parts.canary_port,
            ports: parts.ports,
            bridge_gone: None,
            resettled: Vec::new(),
            table: parts.table,
            link_switch: parts.link_switch,
            guardian: parts.guardian,
            down: None,
            phones: on_link.collect(),
            routers: Routers::new(&setup),
            addresses: Addresses::new(&setup.phones),
            learned: Vec::new(),
            spared: Vec::new(),
            interest: Interest::new(&setup.servers),
            media: Media::default(),
            last_life: BTreeMap::new(),
            canaries: Vec::new(),
            connections: Connections::default(),
            messages: Messages::default(),
            paths: Paths::default(),
            waiting: Waiting::default(),
            made: Vec::new(),
            next_nonce: u64::try_from(wall_ns()).unwrap_or(0) << 20,
            homes: Homes::new(&setup.servers),
            strangers: Strangers::default(),
            busy: Busy::default(),
            unsent: Unsent::default(),
            mtu: parts.mtu,
            lease: Lease::void(),
            heard: monotonic(),
            round: monotonic(),
            awake: monotonic(),
            closing: false,
            setup,
        }
    }

    fn serve(&mut self) {
        let mut looked = monotonic();
        while !self.closing {
            let links_told = self.wait();
            self.come_round();
            self.mind_guardian();
            if links_told {
                self.watch_links();
            }
            self.mind_link();
            self.keep_lease();
            self.send_late();
            // Taken before the taps are read: what was sent until then and is not seen now was dropped.
            let now_ns = wall_ns();
            if !self.read_taps() {
                self.judge_canaries(now_ns);
                self.judge_strangers(now_ns);
            }
            self.take_orders();
            self.mind_absence();
            for outage in self.outages.overdue(monotonic()) {
                self.lift(outage, OutageEnd::Limit);
            }
            if monotonic().saturating_sub(looked) >= IDLE {
                looked = monotonic();
                self.report_losses();
                self.media.due(wall_ns()).into_iter().for_each(|counted| self.outbox.send(&Notice::Media(counted)));
                self.seek_ports();
                self.busy.turn();
                self.mind_busy();
                self.seek_link();
            }
            self.outbox.flush();
        }
        self.leave_link();
    }

    /// Waits for something to do. True if the kernel tells of interfaces.
    fn wait(&self) -> bool {
        let mut patience = IDLE;
        if !self.table.is_empty() {
            patience = patience.min(self.lease.due().saturating_sub(monotonic()));
        }
        if let Some(limit) = self.outages.next_limit() {
            patience = patience.min(limit.saturating_sub(monotonic()));
        }
        if let Some(due) = self.guardian.as_ref().filter(|_| self.down.is_some()).map(Guardian::due) {
            patience = patience.min(due.saturating_sub(monotonic()));
        }
        if !self.canaries.is_empty() {
            patience = patience.min(Duration::from_millis(5));
        }
        if let Some(due) = self.waiting.next_due() {
            patience = patience.min(due.saturating_sub(monotonic()));
        }
        if self.has_in_hand() {
            patience = Duration::ZERO;
        }
        let mut talk = PollFlags::POLLIN;
        talk.set(PollFlags::POLLOUT, self.outbox.is_waiting());
        let guardian = self.guardian.as_ref().map_or_else(|| self.ports.events.as_fd(), AsFd::as_fd);
        let mut ready = [
            PollFd::new(guardian, PollFlags::POLLIN),
            PollFd::new(self.outbox.as_fd(), talk),
            PollFd::new(self.phone_tap.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.server_tap.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ports.events.as_fd(), PollFlags::POLLIN),
        ];
        // An interrupted wait is as good as one that ended.
        let _ = ppoll(&mut ready, Some(TimeSpec::from_duration(patience)), None);
        let [.., links] = &ready;
        links.any().unwrap_or(false)
    }

    /// Renews what the kernel drops for us, when it is time; or finds that it is too late.
    fn keep_lease(&mut self) {
        let now = monotonic();
        if self.table.is_empty() || now < self.lease.due() {
            return;
        }
        if self.has_lapsed() {
            return self.admit_lapse();
        }
        match self.table.renew() {
            Ok(()) => self.lease = Lease::granted(now),
            Err(error) => {
                self.lease.refused(now, &error);
                // An element is gone already; for anything else there is time to try again.
                if error.raw_os_error() == Some(libc::ENOENT) {
                    self.admit_lapse();
                }
            }
        }
    }

    /// Whether the kernel may have begun to forward again, because we did not get to renew what it drops.
    fn has_lapsed(&self) -> bool {
        !self.table.is_empty() && self.lease.is_over(monotonic())
    }

    /// Ends all outages at the time at which the kernel began to forward again.
    fn admit_lapse(&mut self) {
        let now = monotonic();
        let (ago, error) = self.lease.over_for(now);
        let ended_ns = wall_ns() - nanos(ago);
        self.outbox.send(&Notice::Trouble(self.lease.story(now)));
        self.table.forget();
        let ended = (ended_ns, nanos(error).unsigned_abs());
        let of_table: Vec<_> = self.outages.in_force().into_iter().filter(|outage| !self.is_of_link(*outage)).collect();
        for outage in &of_table {
            self.outages.end(*outage, ended);
        }
        for outage in of_table {
            self.finish(outage, OutageEnd::Lapsed, ended);
        }
    }

    fn report_losses(&mut self) {
        let count = self.phone_tap.lost() + self.server_tap.lost();
        if count > 0 {
            self.strangers.void();
            self.outbox.send(&Notice::Lost { how: Loss::KernelDrop, count });
        }
        let Unsent { count, last } = std::mem::take(&mut self.unsent);
        if count > 0 {
            self.outbox.send(&Notice::Trouble(format!("could not send {count} frames on {last}")));
        }
    }
}
