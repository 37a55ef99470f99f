//! The controller's end of the bridge: starts the helper process, gives it orders, and turns what it ships into records.
//!
//! Not here: anything that touches an interface ([`bridge`](crate::bridge) does), and what a SIP message means.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch as latest},
    task::JoinHandle,
    time::{MissedTickBehavior, timeout},
};

use super::{Report, clock::RunClock, heard::LastHeard, outbox::Outbox};
use crate::{
    bridge::protocol::{ASKED, Notice, Order, PRESENCE, PhoneKey, Refusal, ServerKey, Setup, Treatment},
    config::{Bench, Identity, Network, Plan},
    event::{
        HELPER_GONE, Manner, Observed, OutageEnd, OutageId, OutageSpec, OutageTally, PhoneName, RigPart, ServerName,
        Stamp, When,
    },
    wire::sip::StandIn,
};

mod link;
mod preflight;
mod recording;
mod signalling;
mod watch;

pub use link::Program;
pub use preflight::{Finding, preflight};

use link::HelperLink;
use watch::Watch;

/// What an outage has done so far, for each of its phones.
pub type Tallies = BTreeMap<PhoneName, OutageTally>;

/// How long the helper may take to join the interfaces.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take to lift everything and end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// Why the network can not be worked with. Every one of them is a fault of the rig (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The bench names no interfaces.
    #[error("the bench has no [network] section; name its `phone-side` and `server-side` interfaces")]
    NoNetwork,
    /// The interfaces can not be joined: one is missing, unfit, or forbidden to us.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An order names something that the bench does not have.
    #[error("the bench has no {0}; name one of the bench file's")]
    Unknown(String),
    /// An outage needs something of a server that the bench does not have.
    #[error("the outage {0}; choose another mode")]
    NoPlace(String),
    /// The helper process is gone or speaks nonsense.
    #[error("the bridge helper {0}; {gone}", gone = HELPER_GONE)]
    Helper(String),
    /// The capture can not be written.
    #[error("can not write {file}: {source}; make room or choose another --report-dir")]
    Capture {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl NetworkError {
    /// Whether somebody else works with the interfaces.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Busy { .. }))
    }
}

/// The bridge between the two interfaces of a bench, while a run lasts.
#[derive(Debug)]
pub struct NetworkDriver {
    bench: Bench,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<Result<(), NetworkError>>,
    helper_pid: Option<u32>,
    counted: latest::Receiver<Tallies>,
    heard: LastHeard,
}

impl NetworkDriver {
    /// Joins the two interfaces of the plan's bench and watches them; `capture.pcapng`, and what it goes on in, is written
    /// in `run_dir`.
    /// [`BridgeReady`](crate::event::Observed::BridgeReady) is among the reports when this returns.
    ///
    /// # Errors
    /// If an interface is missing or unfit, the kernel forbids it, or the capture can not be created.
    pub async fn start(
        plan: &Plan,
        clock: &RunClock,
        run_dir: &Path,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, NetworkError> {
        Self::start_with(&Program::default(), plan, clock, run_dir, reports).await
    }

    /// The same with another program as helper.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        program: &Program,
        plan: &Plan,
        clock: &RunClock,
        run_dir: &Path,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, NetworkError> {
        let watch = Watch::new(&plan.bench, plan.keep_secrets, clock.clone(), Some(run_dir))?;
        Self::open(program, setup_of(&plan.bench, plan.allow_link_down)?, &plan.bench, watch, clock, reports).await
    }

    /// The same for a bench without a run: no capture is written. `allow_link_down`: links may be taken down.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_unrecorded(
        bench: &Bench,
        allow_link_down: bool,
        clock: &RunClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, NetworkError> {
        let watch = Watch::new(bench, false, clock.clone(), None)?;
        Self::open(&Program::default(), setup_of(bench, allow_link_down)?, bench, watch, clock, reports).await
    }

    async fn open(
        program: &Program,
        setup: Setup,
        bench: &Bench,
        watch: Watch,
        clock: &RunClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, NetworkError> {
        let mut helper = HelperLink::spawn(program)?;
        let helper_pid = helper.pid();
        helper.send(&Order::Setup(setup)).await?;
        let answer = timeout(START_PATIENCE, helper.receive()).await;
        let ready = answer.map_err(|_| NetworkError::Helper("did not answer".to_owned()))??;
        let observed = match ready {
            Some(Notice::Ready { bridge, adopted, changed }) => Observed::BridgeReady { bridge, adopted, changed },
            Some(Notice::Refused(refusal)) => return Err(refusal.into()),
            Some(_) => return Err(NetworkError::Helper("did not say that it is ready".to_owned())),
            None => return Err(NetworkError::Helper("ended before it was ready".to_owned())),
        };
        let mut outbox = Outbox::new(reports.clone());
        let ready = Report { when: When::exactly(clock.now()), observed };
        if let Err(mpsc::error::TrySendError::Full(ready)) = reports.try_send(ready) {
            outbox.push(ready.when, ready.observed);
        }
        let (orders, inbox) = mpsc::unbounded_channel();
        let (counts, counted) = latest::channel(Tallies::new());
        let (heard, clock) = (LastHeard::default(), clock.clone());
        let ours = heard.clone();
        let pump = Pump { helper, watch, outbox, clock, inbox, in_force: BTreeSet::new(), counts, heard: ours };
        Ok(Self { bench: bench.clone(), orders, task: tokio::spawn(pump.run()), helper_pid, counted, heard })
    }

    /// Process id of the helper, while it lives.
    pub fn helper_pid(&self) -> Option<u32> {
        self.helper_pid
    }

    /// When the helper was heard last: while it is there and looks at its taps, each [`ASKED`] at least.
    pub fn heard(&self) -> LastHeard {
        self.heard.clone()
    }

    /// Orders an outage. [`OutageBegan`](crate::event::Observed::OutageBegan) reports when it took force.
    ///
    /// # Errors
    /// If the helper is gone, or the outage names a phone or server that the bench does not have, as the one that goes away
    /// or as the one that a redirection leads to.
    pub fn begin_outage(&mut self, outage: OutageId, spec: &OutageSpec) -> Result<(), NetworkError> {
        if let Some(lacks) = self.bench.lacks_of(spec) {
            return Err(NetworkError::NoPlace(lacks));
        }
        let course = spec.mode.course();
        self.order(Order::Begin {
            outage,
            course: course.try_map(|manner| self.treatment(manner))?,
            link: spec.mode.link(),
            toward: spec.toward,
            scope: spec.scope.clone(),
            only: spec.only.clone(),
            server: self.server(&spec.server)?,
            phones: self.phones(&spec.phones)?,
            limit_ms: u64::try_from(spec.limit.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Orders the end of an outage. [`OutageEnded`](crate::event::Observed::OutageEnded) reports when it ended.
    ///
    /// # Errors
    /// If the helper is gone.
    pub fn end_outage(&mut self, outage: OutageId) -> Result<(), NetworkError> {
        self.order(Order::End { outage })
    }

    /// Sends a canary through every path of `phones` × `server`, both ways. Each comes back as
    /// [`Canary`](crate::event::Observed::Canary).
    ///
    /// # Errors
    /// If the helper is gone, or a phone or the server is not in the bench.
    pub fn send_canaries(
        &mut self,
        outage: Option<OutageId>,
        server: &ServerName,
        phones: &[PhoneName],
    ) -> Result<(), NetworkError> {
        self.order(Order::Canaries { outage, server: self.server(server)?, phones: self.phones(phones)? })
    }

    /// Asks what an outage has done so far. The answer comes by [`counted`](Self::counted), and is no fact of a run: the tally
    /// at the end of the outage is.
    ///
    /// # Errors
    /// If the helper is gone.
    pub fn count(&mut self, outage: OutageId) -> Result<(), NetworkError> {
        self.order(Order::Count { outage })
    }

    /// What was last counted.
    pub fn counted(&self) -> latest::Receiver<Tallies> {
        self.counted.clone()
    }

    /// Lifts every outage, waits for the helper's end and finishes the capture. The bridge itself stays.
    ///
    /// # Errors
    /// If the helper does not end, or the capture can not be finished.
    pub async fn close(self) -> Result<(), NetworkError> {
        // A helper that is gone already has nothing to lift; the task says what became of it.
        let _ = self.orders.send(Order::Close);
        let mut task = self.task;
        match timeout(CLOSE_PATIENCE, &mut task).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(NetworkError::Helper("left its supervisor in disorder".to_owned())),
            Err(_) => {
                // Drops the child process, which kills it.
                task.abort();
                Err(NetworkError::Helper("did not end and was killed".to_owned()))
            }
        }
    }

    fn order(&self, order: Order) -> Result<(), NetworkError> {
        self.orders.send(order).map_err(|_| NetworkError::Helper("has ended".to_owned()))
    }

    fn treatment(&self, manner: Manner) -> Result<Treatment, NetworkError> {
        Ok(match manner {
            Manner::Pass => Treatment::Pass,
            Manner::Drop => Treatment::Drop,
            Manner::Refuse => Treatment::Refuse,
            Manner::Unreachable(what) => Treatment::Unreachable(what),
            Manner::Reset => Treatment::Reset,
            Manner::Unresolvable => Treatment::Unresolvable,
            Manner::Nameless => Treatment::Nameless,
            Manner::Impair(impairment) => Treatment::Impair(impairment),
            Manner::Answer(spoof) => {
                let unknown = |stranger| NetworkError::Unknown(format!("server `{stranger}` to redirect to"));
                Treatment::Answer(StandIn::of(&spoof, &self.bench.servers).map_err(unknown)?)
            }
        })
    }

    fn server(&self, name: &ServerName) -> Result<u16, NetworkError> {
        place(&self.bench.servers, |it| it.name == *name)
            .ok_or_else(|| NetworkError::Unknown(format!("server `{name}`")))
    }

    fn phones(&self, names: &[PhoneName]) -> Result<Vec<u16>, NetworkError> {
        let find = |name: &PhoneName| {
            place(&self.bench.phones, |it| it.name == *name)
                .ok_or_else(|| NetworkError::Unknown(format!("phone `{name}`")))
        };
        names.iter().map(find).collect()
    }
}

fn place<T>(all: &[T], wanted: impl Fn(&T) -> bool) -> Option<u16> {
    all.iter().position(wanted).and_then(|index| u16::try_from(index).ok())
}

fn setup_of(bench: &Bench, allow_link_down: bool) -> Result<Setup, NetworkError> {
    let network: Network = bench.network.clone().ok_or(NetworkError::NoNetwork)?;
    let phones = bench.phones.iter().map(|phone| match &phone.identity {
        Identity::OnLink { mac } => PhoneKey::OnLink { mac: *mac, address: phone.address },
        Identity::Routed { routed, mac } => PhoneKey::Routed {
            addresses: routed.clone(),
            protected: mac.is_some_and(|mac| network.protected.contains(&mac)),
        },
    });
    let phones = phones.collect();
    let servers = bench.servers.iter().map(|server| ServerKey {
        addresses: server.addresses.clone(),
        sip_ports: server.sip_ports().to_vec(),
        gateway: server.gateway,
        names: server.names.clone(),
    });
    let servers = servers.collect();
    Ok(Setup { controller_pid: std::process::id(), network, phones, servers, allow_link_down })
}

/// What goes on between helper and session while a run lasts.
struct Pump {
    helper: HelperLink,
    watch: Watch,
    outbox: Outbox,
    clock: RunClock,
    inbox: mpsc::UnboundedReceiver<Order>,
    in_force: BTreeSet<OutageId>,
    counts: latest::Sender<Tallies>,
    heard: LastHeard,
}

impl Pump {
    async fn run(mut self) -> Result<(), NetworkError> {
        let mut closing = false;
        let mut presence = tokio::time::interval(PRESENCE);
        presence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asking = tokio::time::interval(ASKED);
        asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut present_until = Stamp::ZERO;
        loop {
            // However much there is to take, the helper must not think that nobody is here. While there is something, a timer may
            // not be looked at for long: the clock decides.
            let now = self.clock.now();
            if !closing && !self.in_force.is_empty() && now >= present_until {
                if let Err(error) = self.helper.send(&Order::Present).await {
                    return self.lose(error.to_string()).await;
                }
                present_until = now + PRESENCE / 2;
            }
            tokio::select! {
                biased;
                _ = presence.tick(), if !closing && !self.in_force.is_empty() => {}
                _ = asking.tick(), if !closing => {
                    if let Err(error) = self.helper.send(&Order::Ping).await {
                        return self.lose(error.to_string()).await;
                    }
                }
                notice = self.helper.receive() => match notice {
                    Ok(Some(notice)) => self.take(notice),
                    Ok(None) if closing => break,
                    Ok(None) => return self.lose("has ended".to_owned()).await,
                    Err(error) => return self.lose(error.to_string()).await,
                },
                order = self.inbox.recv(), if !closing => {
                    // The driver was dropped without being closed: the same as an order to close.
                    let order = order.unwrap_or(Order::Close);
                    closing = order == Order::Close;
                    if let Order::Begin { outage, server, .. } = &order {
                        self.watch.expect(*outage, *server);
                    }
                    if let Err(error) = self.helper.send(&order).await {
                        return self.lose(error.to_string()).await;
                    }
                }
                () = self.outbox.deliver() => {}
            }
        }
        self.helper.ended().await;
        let done = self.watch.finish();
        self.outbox.finish();
        done
    }

    fn take(&mut self, notice: Notice) {
        self.heard.note(self.clock.now());
        match &notice {
            Notice::Began { outage, .. } => {
                self.in_force.insert(*outage);
            }
            Notice::Ended { outage, .. } => {
                self.in_force.remove(outage);
            }
            Notice::Count { tally, .. } => {
                self.counts.send_replace(self.watch.named(tally));
            }
            _ => {}
        }
        self.watch.take(notice, &mut self.outbox);
    }

    /// The helper is gone and the kernel forwards again: says so until somebody closes the driver.
    async fn lose(mut self, reason: String) -> Result<(), NetworkError> {
        let now = When::exactly(self.clock.now());
        for outage in std::mem::take(&mut self.in_force) {
            self.watch.lose(outage, now);
            let tally = BTreeMap::new();
            self.outbox.push(now, Observed::OutageEnded { outage, why: OutageEnd::HelperLost, tally });
        }
        let reason = NetworkError::Helper(reason).to_string();
        self.outbox.push(now, Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason });
        let done = self.watch.finish();
        loop {
            tokio::select! {
                () = self.outbox.deliver() => {}
                order = self.inbox.recv() => if matches!(order, None | Some(Order::Close)) { break },
            }
        }
        self.outbox.finish();
        done
    }
}
