//! A run on virtual time: the real engine judges simulated phones and servers, and nobody waits.
//!
//! What a bench does in ten minutes happens here in milliseconds, because the clock jumps from one event to the next:
//! for trying out scenarios, for tests of judgement, and for thousands of randomised runs. Everything that the engine
//! hears is what drivers would report; the records are those of a run and can be replayed as such.
//!
//! Not here: frames, ports, processes. The bridge is modelled as a place on the way of each message, where an outage is
//! in force or not.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use crate::{
    config::{Plan, Scenario, diagnostic::Diagnostics, document::Document, load},
    engine::Engine,
    event::{
        Action, Derived, Event, Observed, OutageEnd, OutageId, OutageMode, PbxName, PeerCall, PhoneName, Record,
        RigPart, ServerName, Stamp, When,
    },
    session,
    verdict::Case,
    virtual_bench::{
        Description, DescriptionError,
        peer::{Peer, PeerInput},
        phone::{Phone, PhoneInput, PhoneSpec},
        plan::LabPlan,
        random::Random,
        registrar::{Registrar, RegistrarInput, RegistrarSpec},
    },
};

mod canary;
mod device;
pub mod healthy;
mod hook;
mod link;
pub mod loading;
mod pbx;
mod peer;
mod push;
mod speech;
mod witness;

pub use link::Weather;

use device::Device;
use hook::Hooked;
use link::{Crossing, Link, Outage, Treatment};
use loading::{FileOrder, Files};
use pbx::PbxOrder;
use push::Pushes;
use witness::Looks;

/// After this much virtual time a run is given up: no scenario takes so long.
const LONGEST: Stamp = Stamp::from_millis(7 * 24 * 3600 * 1000);

/// A run that makes more records than this goes round in circles.
const MOST_RECORDS: usize = 1_000_000;

/// When the bridge of the run is up.
const BRIDGE_UP: Stamp = Stamp::from_millis(40);

/// From an order to the bridge to its effect.
const ORDER: Duration = Duration::from_micros(300);

/// Doubt of a kernel stamp.
const FRAME_ERROR_NS: u64 = 20_000;

/// A run on virtual time.
#[derive(Debug)]
pub struct Rehearsal {
    plan: Plan,
    now: Stamp,
    agenda: BTreeMap<(Stamp, u64), Happening>,
    scheduled: u64,
    engine: Engine,
    seq: u64,
    records: Vec<Record>,
    devices: BTreeMap<PhoneName, Device>,
    servers: BTreeMap<SocketAddr, Registrar>,
    /// Call partners, on the servers' side of the bridge.
    peers: BTreeMap<SocketAddr, Peer>,
    peer_calls: BTreeMap<u32, PeerCall>,
    spoken: speech::Spoken,
    link: Link,
    outages: BTreeMap<OutageId, Outage>,
    hooked: BTreeMap<OutageId, Hooked>,
    /// What settings of the PBX were before they were changed.
    changed: BTreeMap<PbxName, String>,
    files: Files,
    pushes: Pushes,
    looks: Looks,
    finished: bool,
}

/// Something that is to happen.
#[derive(Debug)]
enum Happening {
    /// A driver reports.
    Report(When, Observed),
    /// An outage takes force.
    Begin(OutageId),
    /// An outage ends.
    End(OutageId, OutageEnd),
    /// A command has stopped a server.
    Stopped(OutageId),
    /// A command has started it again.
    Started(OutageId, OutageEnd),
    /// Commands have changed a setting of the PBX.
    Pbx(PbxOrder),
    /// A phone's file is written.
    Write(FileOrder),
    /// A datagram about files reaches the host that serves them.
    Serve(PhoneName, IpAddr, Vec<u8>),
    /// A message is at the bridge.
    Cross(Crossing),
    /// What an outage has made late goes on.
    GoOn(OutageId),
    /// Something reaches a phone.
    ToPhone(PhoneName, PhoneInput),
    /// Something reaches a server.
    ToServer(SocketAddr, RegistrarInput),
    /// A second of speech is over.
    Spoken,
    /// Something reaches a call partner.
    ToPeer(SocketAddr, PeerInput),
    /// A phone that something was pushed to has not answered by then.
    PushOverdue(PhoneName, u32),
    /// A phone's further witnesses are looked at, now and again.
    Look(PhoneName),
    /// The same because somebody has asked.
    LookOnce(PhoneName),
    /// A server is asked for its list, now and again.
    LookAtList(ServerName),
}

/// Why a rehearsal came to no end.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The bench of the description is not a good one.
    #[error("the rehearsal's bench is wrong: {0:?}")]
    Bench(Diagnostics),
    /// The bench that the scenario names can not be.
    #[error("the rehearsal's bench can not be: {0}")]
    Description(DescriptionError),
    /// It went on for a virtual week, or made a million records.
    #[error("the run did not end by {0} s; last it waited for {1}")]
    Endless(Stamp, &'static str),
}

impl Rehearsal {
    /// The virtual bench of a description, with a scenario to be run on all its phones. `phone` and `server` may change
    /// what each is told before it begins.
    ///
    /// # Errors
    /// If the description makes no valid bench, or names no model.
    pub fn new(
        description: &Description,
        scenario: Scenario,
        weather: Weather,
        mut phone: impl FnMut(&mut PhoneSpec),
        mut server: impl FnMut(&mut RegistrarSpec),
    ) -> Result<Self, RehearsalError> {
        let rig = Path::new(load::RIG);
        let keys = load::model(&description.lab.model, rig).map_err(RehearsalError::Bench)?.keys;
        let mut passwords = Random::new(weather.seed);
        let lab = LabPlan::new(description, Path::new("/rehearsal"), &keys, || passwords.token());
        let text = lab.bench_file().to_string();
        let document = Document::parse("rehearsal.toml".into(), text, &[]).map_err(RehearsalError::Bench)?;
        let (bench, models) = load::checked_bench(&document, rig).map_err(RehearsalError::Bench)?;
        let plan = Plan {
            run: format!("rehearsal-{}", scenario.name),
            epoch_unix_ns: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phones: bench.phones.iter().map(|phone| phone.name.clone()).collect(),
            bench,
            models,
            scenario,
            then: Vec::new(),
            unsettled: Vec::new(),
            overrides: Vec::new(),
            keep_secrets: false,
            allow_link_down: true,
        };
        let files = Files::of(&lab);
        let mut servers = BTreeMap::new();
        for mut on_link in lab.servers {
            server(&mut on_link.spec);
            let address = SocketAddr::new(on_link.spec.address, on_link.spec.port);
            servers.insert(address, Registrar::new(on_link.spec));
        }
        let peers =
            lab.peers.into_iter().map(|spec| (SocketAddr::new(spec.address, spec.port), Peer::new(spec))).collect();
        // All servers have the same users.
        let users = servers.values().next().map(|server| server.spec().users.clone()).unwrap_or_default();
        let mut devices = BTreeMap::new();
        for mut process in lab.phones {
            phone(&mut process.phone);
            let first = process.phone.lines.first().map(|line| &line.extension);
            let pin = first.and_then(|first| users.get(first)?.pin.clone());
            devices.insert(PhoneName(process.phone.name.clone()), Device::new(Phone::new(process.phone), pin));
        }
        Ok(Self {
            plan,
            now: Stamp::ZERO,
            agenda: BTreeMap::new(),
            scheduled: 0,
            engine: Engine::new(),
            seq: 0,
            records: Vec::new(),
            devices,
            servers,
            peers,
            peer_calls: BTreeMap::new(),
            spoken: speech::Spoken::default(),
            link: Link::new(weather),
            outages: BTreeMap::new(),
            hooked: BTreeMap::new(),
            changed: BTreeMap::new(),
            files,
            pushes: Pushes::default(),
            looks: Looks::default(),
            finished: false,
        })
    }

    /// The plan that the run follows, to be changed before it begins.
    pub fn plan_mut(&mut self) -> &mut Plan {
        &mut self.plan
    }

    /// Runs to the end and returns the records, as a journal would hold them.
    ///
    /// # Errors
    /// If there is no end.
    pub fn run(mut self) -> Result<Vec<Record>, RehearsalError> {
        self.begin();
        while !self.finished {
            if self.now > LONGEST || self.records.len() > MOST_RECORDS {
                let waiting = self.engine.poll_deadline().map_or("nothing", |(_, reason)| reason);
                return Err(RehearsalError::Endless(self.now, waiting));
            }
            self.step()?;
        }
        Ok(self.records)
    }

    fn begin(&mut self) {
        let plan = Box::new(self.plan.clone());
        self.observe(When::exactly(Stamp::ZERO), Observed::RunStarted { plan });
        let ready = Observed::BridgeReady { bridge: "siprig0".to_owned(), adopted: false, changed: Vec::new() };
        self.schedule(BRIDGE_UP, Happening::Report(When::exactly(BRIDGE_UP), ready));
        self.begin_looks(BRIDGE_UP);
        if !self.peers.is_empty() {
            self.schedule(BRIDGE_UP, Happening::Spoken);
        }
        let phones: Vec<PhoneName> = self.devices.keys().cloned().collect();
        for phone in phones {
            let link_up = BRIDGE_UP + self.link.pause();
            self.schedule(link_up, Happening::ToPhone(phone, PhoneInput::LinkUp));
        }
    }

    /// The next thing happens, whoever it concerns.
    fn step(&mut self) -> Result<(), RehearsalError> {
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        let deadline = self.engine.poll_deadline();
        let phones = self.devices.values().filter_map(Device::deadline);
        let servers = self.servers.values().filter_map(Registrar::poll_deadline).map(stamp);
        let peers = self.peers.values().filter_map(Peer::poll_deadline).map(stamp);
        let Some(next) =
            agenda.into_iter().chain(phones).chain(servers).chain(peers).chain(deadline.map(|(at, _)| at)).min()
        else {
            return Err(RehearsalError::Endless(self.now, "nothing"));
        };
        self.now = self.now.max(next);
        if agenda == Some(next) {
            if let Some((_, happening)) = self.agenda.pop_first() {
                self.happen(happening);
            }
        } else if let Some(phone) = self.due_phone(next) {
            self.give_phone(&phone, PhoneInput::Timeout);
        } else if let Some(server) = self.due_server(next) {
            self.give_server(server, RegistrarInput::Timeout);
        } else if let Some(peer) = self.due_peer(next) {
            self.give_peer(peer, PeerInput::Timeout);
        } else if let Some((due, reason)) = deadline {
            self.observe(When::exactly(due), Observed::DeadlineFired { reason: reason.to_owned() });
        }
        Ok(())
    }

    fn due_phone(&self, now: Stamp) -> Option<PhoneName> {
        let due = self.devices.iter().find(|(_, device)| device.deadline().is_some_and(|at| at <= now));
        due.map(|(name, _)| name.clone())
    }

    fn due_server(&self, now: Stamp) -> Option<SocketAddr> {
        let due = |server: &Registrar| server.poll_deadline().is_some_and(|at| stamp(at) <= now);
        self.servers.iter().find(|(_, server)| due(server)).map(|(address, _)| *address)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Report(when, observed) => self.observe(when, observed),
            Happening::Begin(outage) => {
                self.link.cut(outage);
                self.observe(When { at: self.now, error_ns: FRAME_ERROR_NS }, Observed::OutageBegan { outage });
            }
            Happening::End(outage, why) => self.end_outage(outage, why),
            Happening::Stopped(outage) => self.stopped(outage),
            Happening::Started(outage, why) => self.started(outage, why),
            Happening::Pbx(order) => self.change_pbx(order),
            Happening::Write(order) => self.write_file(order),
            Happening::Serve(phone, host, bytes) => self.serve(&phone, host, &bytes),
            Happening::Cross(crossing) => self.cross(crossing),
            Happening::GoOn(outage) => self.go_on_late(outage),
            Happening::ToPhone(phone, input) => self.give_phone(&phone, input),
            Happening::ToServer(server, input) => self.give_server(server, input),
            Happening::Spoken => self.tell_speech(),
            Happening::ToPeer(peer, input) => self.give_peer(peer, input),
            Happening::PushOverdue(phone, conn) => self.push_overdue(&phone, conn),
            Happening::Look(phone) => self.look_at(phone),
            Happening::LookOnce(phone) => self.look(&phone),
            Happening::LookAtList(server) => self.look_at_list(server),
        }
    }

    fn schedule(&mut self, at: Stamp, happening: Happening) {
        self.scheduled += 1;
        self.agenda.insert((at.max(self.now), self.scheduled), happening);
    }

    /// A driver's report reaches the session a little later than it happened.
    fn report(&mut self, when: When, observed: Observed) {
        let at = self.now + self.link.lateness();
        self.schedule(at, Happening::Report(when, observed));
    }

    fn observe(&mut self, when: When, observed: Observed) {
        self.seq += 1;
        let record = Record { seq: self.seq, seen: self.now, when, event: Event::Observed(observed) };
        if let Event::Observed(observed) = &record.event {
            self.engine.handle(record.seq, self.now, when, observed);
        }
        self.records.push(record);
        for record in session::conclusions(&mut self.engine, self.seq, self.now) {
            self.seq = record.seq;
            match &record.event {
                Event::Action(action) => self.perform(action.clone()),
                Event::Derived(Derived::RunEnded) => self.finished = true,
                Event::Derived(_) | Event::Observed(_) => {}
            }
            self.records.push(record);
        }
    }

    fn perform(&mut self, action: Action) {
        let soon = self.now + ORDER;
        match action {
            Action::Type { phone, text } => {
                let ending = self.line_ending(&phone);
                if let Some(device) = self.devices.get_mut(&phone) {
                    device.typed(&text, self.now);
                }
                let bytes = format!("{text}{ending}").into_bytes();
                self.schedule(soon, Happening::ToPhone(phone, PhoneInput::Console(bytes)));
            }
            Action::TypeControl { phone, control } => {
                self.schedule(soon, Happening::ToPhone(phone, PhoneInput::Console(vec![control.byte()])));
            }
            Action::PlayKeys { phone, sequence, keys } if self.pushes_keys(&phone) => {
                self.push_keys(phone, sequence, keys);
            }
            Action::PlayKeys { phone, sequence, keys } => self.play(phone, sequence, &keys),
            Action::Push { phone, sequence, command } => self.push_command(phone, sequence, command),
            Action::BeginOutage { outage, spec } if spec.mode == OutageMode::Hook => self.stop_server(outage, &spec),
            Action::BeginOutage { outage, spec } if self.link.routes(&spec) => {
                let reason = format!("server {} answers from a router's address", spec.server);
                self.report(When::exactly(soon), Observed::OutageDeclined { outage, reason });
            }
            Action::BeginOutage { outage, spec } => {
                let course = match Treatment::course(&spec, &self.plan.bench.servers) {
                    Ok(course) => course,
                    Err(stranger) => {
                        let reason = format!("the bench has no server `{stranger}` to redirect to");
                        let failed = Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason };
                        return self.report(When::exactly(self.now), failed);
                    }
                };
                self.schedule(soon, Happening::Begin(outage));
                self.schedule(soon + spec.limit, Happening::End(outage, OutageEnd::Limit));
                self.outages.insert(outage, Outage::new(*spec, course, soon));
            }
            Action::EndOutage { outage } => self.schedule(soon, Happening::End(outage, OutageEnd::Lifted)),
            Action::SendCanaries { outage, server, phones } => self.send_canaries(outage, &server, phones, soon),
            Action::SetPbx { setting, sequence, state } => {
                self.order_pbx(PbxOrder { setting, sequence, state: Some(state) });
            }
            Action::RestorePbx { setting, sequence } => self.order_pbx(PbxOrder { setting, sequence, state: None }),
            Action::WritePhoneFile { phone, sequence, settings } => {
                self.order_file(FileOrder { phone, sequence, settings });
            }
            // Nothing is noted here.
            Action::SettlePhoneFile { .. } => {}
            Action::CallFromPeer { sequence, call } => self.call_from_peer(sequence, *call),
            Action::EndPeerCall { sequence, patiently } => self.end_peer_call(sequence, patiently),
            Action::AskWitnesses { phone } => self.ask_witnesses(phone),
            Action::Finish => self.finished = true,
        }
    }

    fn line_ending(&self, phone: &PhoneName) -> String {
        let model = self.plan.phone(phone).and_then(|phone| self.plan.model_of(phone));
        model.and_then(|model| model.console.as_ref()).map_or("\r", |dialect| &dialect.line_ending).to_owned()
    }

    fn end_outage(&mut self, outage: OutageId, why: OutageEnd) {
        if self.hooked.contains_key(&outage) {
            return self.start_server(outage, why);
        }
        if !self.outages.contains_key(&outage) {
            return;
        }
        self.link.mend(outage);
        self.release(outage);
        self.reset_spoken(outage);
        let (tally, bites) = self.outages.remove(&outage).map(Outage::close).unwrap_or_default();
        for ((phone, toward), at) in bites {
            self.observe(When { at, error_ns: FRAME_ERROR_NS }, Observed::LastBite { outage, phone, toward });
        }
        let when = When { at: self.now, error_ns: FRAME_ERROR_NS };
        self.observe(when, Observed::OutageEnded { outage, why, tally });
    }
}

/// The virtual bench on which a scenario is tried.
///
/// # Errors
/// If there is none of that name, or something is wrong with it.
pub fn tried_on(scenario: &Scenario) -> Result<Description, RehearsalError> {
    let Some(name) = &scenario.tried_on else { return Ok(Description::default()) };
    let document = load::document(name, Path::new(load::RIG), &[]).map_err(RehearsalError::Bench)?;
    let description: Description = document.read_as().map_err(RehearsalError::Bench)?;
    description.checked().map_err(RehearsalError::Description)
}

/// The cases that a run came to, in the order in which they were decided.
pub fn cases(records: &[Record]) -> impl Iterator<Item = &Case> {
    records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::CaseDecided(case)) => Some(&**case),
        _ => None,
    })
}

/// Timers that a real phone has by its manual, with a lifetime of ten minutes: what shortened benches stand for.
pub fn manual_timers(description: &mut Description) {
    let seconds = Duration::from_secs;
    description.timers.expires = seconds(600);
    description.timers.transaction = seconds(4);
    description.timers.renewal_lead = seconds(15);
    description.timers.retry_timeout = seconds(120);
    description.timers.retry_rejected = seconds(1800);
}

/// The instant of a simulated device's clock.
fn stamp(at: Duration) -> Stamp {
    Stamp::ZERO + at
}

/// The same the other way round.
fn clock(at: Stamp) -> Duration {
    at.since(Stamp::ZERO)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod logon_tests;

#[cfg(test)]
mod push_tests;
