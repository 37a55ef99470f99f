//! The network driver on the lab's interfaces, and what it reports.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use siprig::{
    config::{
        Bench, Identity, Line, Model, Network, Phone, Plan, RenewalLead, Role, Scenario, Server, Source, Timer, Timers,
    },
    driver::{
        Report,
        clock::RunClock,
        network::{NetworkDriver, NetworkError, Program},
    },
    event::{
        LinkLoss, Observed, OutageEnd, OutageId, OutageMode, OutageScope, OutageSpec, OutageTally, PhoneName,
        ServerName, Stamp, Toward,
    },
    wire::capture::{CaptureReader, Ending, Note},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::mpsc, time::timeout};

use super::hosts::{self, Lab};

const PATIENCE: Duration = Duration::from_secs(10);
/// Reports that wait until a test asks for them.
const REPORTS: usize = 4096;

/// A running driver.
pub struct Rig {
    runtime: Runtime,
    driver: Option<NetworkDriver>,
    reports: mpsc::Receiver<Report>,
    seen: Vec<Observed>,
    directory: TempDir,
    pub clock: RunClock,
    pub bridge: (String, bool),
}

pub fn network() -> Network {
    Network::between("phones", "servers")
}

fn plan(network: Network) -> Plan {
    let timer = |value| Timer { value, source: Source::Assumed };
    let timers = Timers {
        expires: timer(Duration::from_secs(60)),
        transaction: timer(Duration::from_secs(4)),
        renewal_lead: Timer { value: RenewalLead::Percent(10.0), source: Source::Assumed },
        retry_timeout: timer(Duration::from_secs(120)),
        retry_rejected: timer(Duration::from_secs(120)),
    };
    let server = |name: &str, role, addresses| Server {
        name: ServerName::from(name),
        role,
        addresses,
        services: BTreeMap::from([("sip".to_owned(), vec![5060])]),
        hook: None,
        witness: None,
        names: Vec::new(),
        gateway: None,
    };
    let line = Line {
        registers: true,
        extension: "1001".to_owned(),
        primary: ServerName::from("a"),
        backup: Some(ServerName::from("b")),
        proxies: None,
        domain: None,
        auth_user: None,
        password_file: None,
        pin_file: None,
    };
    let phone = Phone {
        name: PhoneName::from("p1"),
        model: "any".to_owned(),
        identity: Identity::OnLink { mac: hosts::PHONE_MAC.parse().unwrap() },
        address: Some(hosts::PHONE.ip),
        lines: vec![line],
        console: None,
        keypad: None,
        push: None,
        status_page: None,
        timers: timers.clone(),
    };
    let model = Model { name: "any".to_owned(), title: "Any".to_owned(), timers, ..Model::unknown() };
    let primary = vec![hosts::SERVER.ip, hosts::SERVER_6.ip];
    Plan {
        then: Vec::new(),
        run: "test".to_owned(),
        epoch_unix_ns: 0,
        version: "0".to_owned(),
        bench: Bench {
            name: "test".to_owned(),
            network: Some(network),
            syslog: None,
            action_uri: None,
            pbx: BTreeMap::new(),
            peers: Vec::new(),
            provisioning: None,
            licences: None,
            servers: vec![server("a", Role::Primary, primary), server("b", Role::Backup, vec![hosts::BACKUP.ip])],
            phones: vec![phone],
        },
        models: BTreeMap::from([("any".to_owned(), model)]),
        scenario: Scenario::of("test", "test", Vec::new()),
        phones: vec![PhoneName::from("p1")],
        unsettled: Vec::new(),
        overrides: Vec::new(),
        keep_secrets: false,
        allow_link_down: false,
    }
}

fn spec(mode: OutageMode, toward: Option<Toward>, scope: OutageScope, limit: Duration) -> OutageSpec {
    OutageSpec {
        mode,
        toward,
        server: ServerName::from("a"),
        scope,
        only: None,
        phones: vec![PhoneName::from("p1")],
        limit,
        by: None,
    }
}

impl Rig {
    pub fn start(_lab: &Lab) -> Self {
        Self::try_start(network()).unwrap()
    }

    /// On another bench.
    pub fn start_with(_lab: &Lab, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = plan(network());
        change(&mut plan);
        Self::try_start_on(&plan).unwrap()
    }

    pub fn start_in_vlan(_lab: &Lab, vlan: u16) -> Self {
        Self::try_start(Network { vlan: Some(vlan), ..network() }).unwrap()
    }

    pub fn refusal(_lab: &Lab, change: impl FnOnce(&mut Network)) -> NetworkError {
        let mut network = network();
        change(&mut network);
        match Self::try_start(network) {
            Ok(_) => panic!("the interfaces were joined"),
            Err(error) => error,
        }
    }

    fn try_start(network: Network) -> Result<Self, NetworkError> {
        Self::try_start_on(&plan(network))
    }

    fn try_start_on(plan: &Plan) -> Result<Self, NetworkError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (sender, reports) = mpsc::channel(REPORTS);
        let clock = RunClock::start();
        let program = Program::at(env!("CARGO_BIN_EXE_siprig"));
        let started = runtime.block_on(NetworkDriver::start_with(&program, plan, &clock, directory.path(), sender));
        let bridge = (String::new(), false);
        let mut rig = Self { runtime, driver: Some(started?), reports, seen: Vec::new(), directory, clock, bridge };
        let ready = rig.expect("ready", |it| matches!(it, Observed::BridgeReady { .. }));
        if let Observed::BridgeReady { bridge, adopted, .. } = ready {
            rig.bridge = (bridge, adopted);
        }
        hosts::wait_until_open();
        Ok(rig)
    }

    fn driver(&mut self) -> &mut NetworkDriver {
        self.driver.as_mut().unwrap()
    }

    /// The next report that is wanted; those before it are kept for [`close`](Self::close).
    pub fn expect(&mut self, what: &str, wanted: impl Fn(&Observed) -> bool) -> Observed {
        self.expect_at(what, wanted).1
    }

    pub fn expect_at(&mut self, what: &str, wanted: impl Fn(&Observed) -> bool) -> (Stamp, Observed) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let report = self.runtime.block_on(async { timeout(left, self.reports.recv()).await });
            let Ok(Some(report)) = report else { panic!("waited in vain for {what}; saw {:?}", self.seen) };
            self.seen.push(report.observed.clone());
            if wanted(&report.observed) {
                return (report.when.at, report.observed);
            }
        }
    }

    pub fn begin(&mut self, outage: u32, scope: OutageScope) {
        self.begin_for(outage, scope, Duration::from_secs(30));
    }

    pub fn begin_for(&mut self, outage: u32, scope: OutageScope, limit: Duration) -> Stamp {
        self.begin_as(outage, OutageMode::DROP, None, scope, limit)
    }

    /// Begins an outage that does more than to drop, or less.
    pub fn begin_mode(&mut self, outage: u32, mode: OutageMode, toward: Option<Toward>, scope: OutageScope) {
        self.begin_as(outage, mode, toward, scope, Duration::from_secs(30));
    }

    /// Orders an outage, which may be refused.
    pub fn try_begin(&mut self, mode: OutageMode) -> Result<(), NetworkError> {
        let spec = spec(mode, None, OutageScope::Sip, Duration::from_secs(30));
        self.driver().begin_outage(OutageId(1), &spec)
    }

    /// Begins an outage of the whole host that is changed so.
    pub fn begin_changed(&mut self, outage: u32, mode: OutageMode, change: impl FnOnce(&mut OutageSpec)) -> Stamp {
        let mut spec = spec(mode, None, OutageScope::Host, Duration::from_secs(30));
        change(&mut spec);
        self.driver().begin_outage(OutageId(outage), &spec).unwrap();
        self.expect_at("the beginning", |it| matches!(it, Observed::OutageBegan { .. })).0
    }

    fn begin_as(
        &mut self,
        outage: u32,
        mode: OutageMode,
        toward: Option<Toward>,
        scope: OutageScope,
        limit: Duration,
    ) -> Stamp {
        self.begin_changed(outage, mode, |it| (it.toward, it.scope, it.limit) = (toward, scope, limit))
    }

    /// What the helper says against an outage that is changed so.
    pub fn refused(&mut self, change: impl FnOnce(&mut OutageSpec)) -> String {
        let mut spec = spec(OutageMode::DROP, None, OutageScope::Host, Duration::from_secs(30));
        change(&mut spec);
        self.driver().begin_outage(OutageId(99), &spec).unwrap();
        let refuses = |it: &Observed| matches!(it, Observed::OutageDeclined { .. } | Observed::DriverFailed { .. });
        match self.expect("a refusal", refuses) {
            Observed::OutageDeclined { reason, .. } | Observed::DriverFailed { reason, .. } => reason,
            _ => unreachable!(),
        }
    }

    pub fn end(&mut self, outage: u32) -> (OutageEnd, OutageTally) {
        self.driver().end_outage(OutageId(outage)).unwrap();
        match self.expect("the end", |it| matches!(it, Observed::OutageEnded { .. })) {
            Observed::OutageEnded { why, tally, .. } => (why, tally[&PhoneName::from("p1")]),
            _ => unreachable!(),
        }
    }

    /// Sends canaries; whether they passed toward the server, and toward the phone.
    pub fn canaries(&mut self, outage: Option<u32>) -> [bool; 2] {
        let names = [PhoneName::from("p1")];
        self.driver().send_canaries(outage.map(OutageId), &ServerName::from("a"), &names).unwrap();
        let mut passed = [None, None];
        while passed.contains(&None) {
            if let Observed::Canary { toward, passed: it, .. } =
                self.expect("a canary", |it| matches!(it, Observed::Canary { .. }))
            {
                passed[usize::from(toward == Toward::Phone)] = Some(it);
            }
        }
        passed.map(Option::unwrap)
    }

    /// What the kernel says of the helper (proc_pid_status(5)).
    pub fn helper_status(&mut self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.driver().helper_pid().unwrap())).unwrap()
    }

    /// How long the helper has used a processor (proc_pid_stat(5): the 14th and 15th field, in ticks of 10 ms).
    pub fn helper_time(&mut self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.driver().helper_pid().unwrap())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The next interface that is lost, and how.
    pub fn link_lost(&mut self) -> (String, LinkLoss) {
        match self.expect("the loss of a link", |it| matches!(it, Observed::LinkLost { .. })) {
            Observed::LinkLost { interface, how } => (interface, how),
            _ => unreachable!(),
        }
    }

    /// How an interface was lost that is back, and for how long.
    pub fn link_back(&mut self, name: &str) -> (LinkLoss, Duration) {
        let back = |it: &Observed| matches!(it, Observed::LinkBack { interface, .. } if interface == name);
        match self.expect("the return of a link", back) {
            Observed::LinkBack { how, gap_ns, .. } => (how, Duration::from_nanos(gap_ns)),
            _ => unreachable!(),
        }
    }

    pub fn signal(&mut self, signal: Signal) {
        let pid = self.driver().helper_pid().unwrap();
        kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    }

    /// Everything that was reported so far.
    pub fn so_far(&mut self) -> &[Observed] {
        while let Ok(report) = self.reports.try_recv() {
            self.seen.push(report.observed);
        }
        &self.seen
    }

    /// Closes the driver; everything that it reported from the beginning.
    pub fn close(&mut self) -> Vec<Observed> {
        let driver = self.driver.take().unwrap();
        self.runtime.block_on(driver.close()).unwrap();
        while let Ok(report) = self.reports.try_recv() {
            self.seen.push(report.observed);
        }
        std::mem::take(&mut self.seen)
    }

    pub fn capture(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("capture.pcapng")).unwrap()
    }

    /// The notes in the capture: those on frames, and those behind the last.
    pub fn notes(&self) -> (Vec<Note>, Vec<Note>) {
        let capture = self.capture();
        let mut reader = CaptureReader::new(&capture[..]).unwrap();
        let mut on_frames = Vec::new();
        while let Some(captured) = reader.next() {
            on_frames.extend(captured.unwrap().comment.iter().flat_map(|comment| Note::all(comment)));
        }
        assert_eq!(reader.ending(), Ending::Whole);
        (on_frames, reader.remarks().iter().flat_map(|remark| Note::all(remark)).collect())
    }
}
