//! The outside world. Only here does the program ask for the time or touch a device.
//!
//! Ports are opened first and the bridge last, so that a missing or busy port ends a run before anything was touched.
//!
//! Not here: what the reports mean, and in which order things happen (`engine`, `session`).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use crate::{
    config::{self, Phone, Plan, Scenario, keying},
    event::{Action, Observed, OutageMode, PhoneName, RigPart, Stroke, When},
};

pub mod clock;
pub mod discretion;
mod error;
mod fetch;
pub mod heard;
pub mod hook;
pub mod keypad;
pub mod listen;
pub mod network;
mod outbox;
pub mod pbx;
pub mod peer;
pub mod phone_files;
pub mod privileges;
pub mod push;
pub mod secrets;
pub mod serial;
pub mod signals;
pub mod supervisor;
pub mod synchrony;
mod unfit;
pub mod whispers;
pub mod witness;

use clock::RunClock;
use discretion::{Discretion, Pin};
pub use error::DriverError;
use hook::{
    Hooks,
    notes::{Changed, Left, Notes, Rewritten},
};
use keypad::{
    Keypad, Order,
    evdev::EventKeys,
    kp1::{Board, Seat},
    single::{Manner, Single},
    typed::TypedKeys,
    url::{Account, UrlKeys},
};
use network::{NetworkDriver, NetworkError};
use pbx::Settings;
use peer::Peers;
use phone_files::Writer;
use push::{Addressee, Pusher};
use serial::{Console, ConsoleError, ConsoleSetup, Spoken, share::Share};
use unfit::{bridge_failed, forgotten, missing, no_call, no_file, no_hook, no_setting, untyped};
use whispers::Whispers;
use witness::Witnesses;

/// What is around a run on its machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Where it is noted which servers are stopped by commands; none: none is.
    pub notes: Option<&'a Notes<Left>>,
    /// Where it is noted which settings of the PBX are changed; none: nobody would know of them.
    pub changes: Option<&'a Notes<Changed>>,
    /// Where it is noted which phones' files are other than they were; none: nobody would know of them.
    pub rewritten: Option<&'a Notes<Rewritten>>,
    /// Where sockets go by which others may look on at the consoles; none: nobody may.
    pub state: Option<&'a Path>,
    /// What operators press and type in confidence; none: they do not.
    pub whispers: Option<&'a Whispers>,
}

/// What a driver tells the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it happened.
    pub when: When,
    /// What happened.
    pub observed: Observed,
}

/// All devices of a run.
#[derive(Debug)]
pub struct Drivers {
    consoles: BTreeMap<PhoneName, Console>,
    /// Of those, the ones that others may look on at.
    shares: Vec<Share>,
    /// What presses the keys of each phone.
    keypads: BTreeMap<PhoneName, Box<dyn Keypad>>,
    /// Boards: one may serve several phones.
    boards: Vec<Board>,
    /// What presses keys otherwise than by a board or in XML.
    singles: Vec<Single>,
    /// Phones that are pushed to.
    pushers: BTreeMap<PhoneName, Pusher>,
    /// None: the bench has no interfaces.
    network: Option<NetworkDriver>,
    hooks: Hooks,
    settings: Settings,
    writer: Writer,
    peers: Peers,
    witnesses: Witnesses,
    whispers: Whispers,
    reports: mpsc::Sender<Report>,
    clock: RunClock,
}

impl Drivers {
    /// Opens the consoles and keypads of the phones under test, then the bridge. Whatever happens on them arrives as
    /// [`Report`]s; a console is read from now until [`Drivers::close`].
    ///
    /// # Errors
    /// If a port is missing, busy or forbidden, or if the bridge can not be had.
    pub async fn start(
        plan: &Plan,
        clock: &RunClock,
        run_dir: &Path,
        around: Surroundings<'_>,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, DriverError> {
        let mut drivers = Self {
            consoles: BTreeMap::new(),
            shares: Vec::new(),
            keypads: BTreeMap::new(),
            boards: Vec::new(),
            singles: Vec::new(),
            pushers: BTreeMap::new(),
            network: None,
            hooks: Hooks::default(),
            settings: Settings::default(),
            writer: Writer::default(),
            peers: Peers::default(),
            witnesses: Witnesses::default(),
            whispers: around.whispers.cloned().unwrap_or_default(),
            reports,
            clock: clock.clone(),
        };
        if let Err(error) = drivers.open_all(plan, run_dir, around).await {
            drivers.close().await;
            return Err(error);
        }
        Ok(drivers)
    }

    /// When the bridge helper was heard last; none: the bench has no interfaces.
    pub fn tap(&self) -> Option<heard::LastHeard> {
        self.network.as_ref().map(NetworkDriver::heard)
    }

    /// Carries out what the engine ordered. Never waits for a device: what comes of it is reported.
    ///
    /// # Errors
    /// [`Observed::DriverFailed`] if the order can not even be passed on.
    pub fn perform(&mut self, action: Action) -> Result<(), Box<Observed>> {
        let done =
            match action {
                Action::Type { phone, text } => self.type_line(phone, text),
                Action::TypeControl { phone, control } => match self.consoles.get(&phone) {
                    Some(console) => {
                        console.type_bytes(vec![control.byte()]);
                        Ok(())
                    }
                    None => Err(missing(RigPart::Console, phone)),
                },
                Action::PlayKeys { phone, sequence, keys } => self.play(phone, sequence, keys),
                Action::Push { phone, sequence, command } => match self.pushers.get(&phone) {
                    Some(pusher) => {
                        pusher.command(sequence, command);
                        Ok(())
                    }
                    None => Err(missing(RigPart::Keypad, phone)),
                },
                Action::BeginOutage { outage, spec } if spec.mode == OutageMode::Hook => {
                    let begun = self.hooks.begin(outage, &spec.server, spec.limit);
                    if begun { Ok(()) } else { Err(no_hook(&spec.server)) }
                }
                Action::BeginOutage { outage, spec } => self.network(|network| network.begin_outage(outage, &spec)),
                Action::EndOutage { outage } if self.hooks.end(outage) => Ok(()),
                Action::EndOutage { outage } => self.network(|network| network.end_outage(outage)),
                Action::SetPbx { setting, sequence, state } => {
                    if self.settings.set(&setting, sequence, state) {
                        Ok(())
                    } else {
                        Err(no_setting(&setting))
                    }
                }
                Action::RestorePbx { setting, sequence } => {
                    if self.settings.restore(&setting, sequence) {
                        Ok(())
                    } else {
                        Err(no_setting(&setting))
                    }
                }
                Action::WritePhoneFile { phone, sequence, settings } => {
                    if self.writer.write(&phone, sequence, settings) { Ok(()) } else { Err(no_file(phone)) }
                }
                Action::SettlePhoneFile { phone } => {
                    if self.writer.settle(&phone) {
                        Ok(())
                    } else {
                        Err(no_file(phone))
                    }
                }
                Action::CallFromPeer { sequence, call } => {
                    let peer = call.peer.clone();
                    if self.peers.call(sequence, *call) { Ok(()) } else { Err(no_call(&peer)) }
                }
                Action::EndPeerCall { sequence, patiently } => {
                    self.peers.end(sequence, patiently);
                    Ok(())
                }
                Action::SendCanaries { outage, server, phones } => {
                    self.network(|network| network.send_canaries(outage, &server, &phones))
                }
                Action::AskWitnesses { phone } => {
                    self.witnesses.ask(&phone);
                    Ok(())
                }
                Action::Finish => Ok(()),
            };
        done.map_err(Box::new)
    }

    /// Gives everything back, the network first: ends all outages, releases all keys, closes all ports. What was still
    /// to be said, and what could not be given back, is among the reports when this returns.
    pub async fn close(self) {
        self.witnesses.close().await;
        if let Some(network) = self.network
            && let Err(error) = network.close().await
        {
            let report = Report { when: When::exactly(self.clock.now()), observed: bridge_failed(&error) };
            // The session reads again only after this; a full queue must not hold up the rest.
            let _ = self.reports.try_send(report);
        }
        self.peers.close().await;
        self.hooks.close().await;
        self.settings.close().await;
        self.writer.close().await;
        drop(self.keypads);
        for board in self.boards {
            board.close().await;
        }
        for single in self.singles {
            single.close().await;
        }
        for pusher in self.pushers.into_values() {
            pusher.close().await;
        }
        for console in self.consoles.into_values() {
            console.close().await;
        }
    }

    async fn open_all(&mut self, plan: &Plan, run_dir: &Path, around: Surroundings<'_>) -> Result<(), DriverError> {
        let Surroundings { notes, changes, rewritten, state, .. } = around;
        let phones: Vec<&Phone> = plan.phones.iter().filter_map(|name| plan.phone(name)).collect();
        let discretions: BTreeMap<PhoneName, Discretion> =
            phones.iter().map(|phone| (phone.name.clone(), Discretion::default())).collect();
        let spoken = spoken(plan, &phones)?;
        for phone in &phones {
            if let Some(port) = &phone.console {
                let dialect = spoken.get(phone.model.as_str());
                let keep_secrets = plan.keep_secrets;
                let discretion = discretions.get(&phone.name).cloned().unwrap_or_default();
                let setup = ConsoleSetup {
                    phone: &phone.name,
                    port,
                    dialect,
                    run_dir: Some(run_dir),
                    keep_secrets,
                    discretion,
                };
                let console = Console::open(setup, &self.clock, self.reports.clone()).await?;
                if let Some(state) = state {
                    let typist = format!("siprig run {}", plan.title());
                    // Nobody can look on then; the run is not about that.
                    self.shares.extend(Share::open(state, &plan.bench.name, &phone.name, &console, &typist));
                }
                self.consoles.insert(phone.name.clone(), console);
            }
        }
        for (port, seats) in boards(plan, &phones, &discretions)? {
            let Some(first) = seats.first().map(|seat| seat.phone.clone()) else { continue };
            let served: Vec<PhoneName> = seats.iter().map(|seat| seat.phone.clone()).collect();
            let board = Board::open(&port, seats, &self.clock, self.reports.clone())
                .map_err(|source| DriverError::Keypad { phone: first, source })?;
            self.keypads.extend(served.into_iter().map(|phone| (phone, Box::new(board.keys()) as Box<dyn Keypad>)));
            self.boards.push(board);
        }
        for addressee in addressees(plan, &phones, &discretions)? {
            let phone = addressee.phone.clone();
            let pusher = Pusher::start(addressee, &self.clock, self.reports.clone());
            if plan.phone(&phone).is_some_and(|phone| phone.keypad == Some(config::Keypad::Xml)) {
                self.keypads.insert(phone.clone(), Box::new(pusher.keys()));
            }
            self.pushers.insert(phone, pusher);
        }
        for phone in &phones {
            self.open_single(plan, phone, &discretions)?;
        }
        let witnesses = Witnesses::prepare(plan, &self.clock, run_dir, &discretions)?;
        self.hooks = Hooks::start(plan, notes, &self.clock, &self.reports)?;
        self.settings = Settings::start(plan, changes, &self.clock, &self.reports)?;
        self.writer = Writer::start(plan, rewritten, &self.clock, &self.reports)?;
        self.peers = Peers::start(plan, &self.clock, &self.reports)?;
        if plan.bench.network.is_some() {
            self.network = Some(NetworkDriver::start(plan, &self.clock, run_dir, self.reports.clone()).await?);
        }
        self.witnesses = witnesses.start(&self.clock, &self.reports).await?;
        Ok(())
    }

    /// What presses a phone's keys one stroke at a time, if that is how they are pressed.
    fn open_single(
        &mut self,
        plan: &Plan,
        phone: &Phone,
        discretions: &BTreeMap<PhoneName, Discretion>,
    ) -> Result<(), DriverError> {
        let (Some(keypad), Some(model)) = (&phone.keypad, plan.model_of(phone)) else { return Ok(()) };
        let manner = Manner {
            phone: phone.name.clone(),
            pressing: model.pressing,
            pin: pin(plan, phone)?,
            discretion: discretions.get(&phone.name).cloned().unwrap_or_default(),
        };
        let (clock, reports) = (self.clock.clone(), self.reports.clone());
        let single = match keypad {
            config::Keypad::Kp1 { .. } | config::Keypad::Xml => return Ok(()),
            config::Keypad::Url { at, user, password_file } => {
                let account = user.as_ref();
                let of = format!("keypad of {}", phone.name);
                let account = account.map(|user| self::account(&of, user, password_file.as_deref())).transpose()?;
                let Some(url) = model.key_url.clone() else { return Ok(()) };
                let (names, from) = (model.url_keys.clone(), plan.bench.probe_address());
                Single::start(manner, UrlKeys { to: *at, from, url, names, account, clock }, &self.clock, reports)
            }
            config::Keypad::Console => {
                let Some(console) = self.consoles.get(&phone.name) else { return Ok(()) };
                let keys = TypedKeys { typist: console.typist(), texts: model.typed_keys.clone() };
                Single::start(manner, keys, &clock, reports)
            }
            config::Keypad::Evdev { fifo } => {
                Single::start(manner, EventKeys::new(fifo.clone(), model.key_codes.clone(), &clock), &clock, reports)
            }
        };
        self.keypads.insert(phone.name.clone(), Box::new(single.keys()));
        self.singles.push(single);
        Ok(())
    }

    fn play(&self, phone: PhoneName, sequence: u32, mut strokes: Vec<Stroke>) -> Result<(), Observed> {
        let Some(keypad) = self.keypads.get(&phone) else { return Err(missing(RigPart::Keypad, phone)) };
        let mut digit = None;
        if let [stroke] = strokes.as_mut_slice()
            && let Some(number) = keying::whispered_digit(stroke)
        {
            // It is as secret as the digits of a PIN, and pressed like one.
            let Some(told) = self.whispers.take(number) else { return Err(forgotten(phone, sequence)) };
            digit = Some(Pin::of_digit(told));
            *stroke = Stroke::key(keying::PIN);
        }
        keypad.play(Order { phone, sequence, strokes, digit });
        Ok(())
    }

    fn type_line(&self, phone: PhoneName, text: String) -> Result<(), Observed> {
        let Some(console) = self.consoles.get(&phone) else { return Err(missing(RigPart::Console, phone)) };
        match keying::whisper_of(&text).map(|number| self.whispers.take(number)) {
            None => console.type_line(text),
            Some(Some(secret)) => console.type_secret_line(secret),
            Some(None) => return Err(untyped(phone)),
        }
        Ok(())
    }

    fn network(&mut self, order: impl FnOnce(&mut NetworkDriver) -> Result<(), NetworkError>) -> Result<(), Observed> {
        let network = self.network.as_mut().ok_or(NetworkError::NoNetwork);
        network.and_then(order).map_err(|error| bridge_failed(&error))
    }
}

/// How the phones under test speak, by model: each is compiled once.
fn spoken<'a>(plan: &'a Plan, phones: &[&'a Phone]) -> Result<BTreeMap<&'a str, Spoken>, ConsoleError> {
    let mut spoken = BTreeMap::new();
    for phone in phones.iter().filter(|phone| phone.console.is_some()) {
        let dialect = plan.model_of(phone).and_then(|model| model.console.as_ref());
        if let Some(dialect) = dialect.filter(|_| !spoken.contains_key(phone.model.as_str())) {
            let compiled = Spoken::new(dialect);
            let compiled = compiled.map_err(|source| ConsoleError::Dialect { phone: phone.name.clone(), source })?;
            spoken.insert(phone.model.as_str(), compiled);
        }
    }
    Ok(spoken)
}

/// The boards of the phones under test, each with all phones that it serves.
fn boards(
    plan: &Plan,
    phones: &[&Phone],
    discretions: &BTreeMap<PhoneName, Discretion>,
) -> Result<BTreeMap<PathBuf, Vec<Seat>>, DriverError> {
    let mut boards = BTreeMap::<PathBuf, Vec<Seat>>::new();
    for phone in phones {
        if let Some(config::Keypad::Kp1 { port, unit }) = &phone.keypad {
            boards.entry(port.clone()).or_default().push(Seat {
                phone: phone.name.clone(),
                unit: *unit,
                keys: plan.model_of(phone).map(|model| model.keys.clone()).unwrap_or_default(),
                pressing: plan.model_of(phone).map(|model| model.pressing).unwrap_or_default(),
                pin: pin(plan, phone)?,
                discretion: discretions.get(&phone.name).cloned().unwrap_or_default(),
            });
        }
    }
    Ok(boards)
}

/// The phones under test that are pushed to, with the keys of those that have no other keypad.
fn addressees(
    plan: &Plan,
    phones: &[&Phone],
    discretions: &BTreeMap<PhoneName, Discretion>,
) -> Result<Vec<Addressee>, DriverError> {
    let from = plan.bench.probe_address();
    let mut addressees = Vec::new();
    for phone in phones {
        let Some(to) = phone.push else { continue };
        let model = plan.model_of(phone).filter(|_| phone.keypad == Some(config::Keypad::Xml));
        addressees.push(Addressee {
            phone: phone.name.clone(),
            to,
            from,
            keys: model.map(|model| model.xml_keys.clone()).unwrap_or_default(),
            pressing: model.map(|model| model.pressing).unwrap_or_default(),
            pin: if model.is_some() { pin(plan, phone)? } else { None },
            discretion: discretions.get(&phone.name).cloned().unwrap_or_default(),
        });
    }
    Ok(addressees)
}

/// Who asks at a web interface; `of` says whose, for people.
fn account(of: &str, user: &str, file: Option<&Path>) -> Result<Account, DriverError> {
    let read = |file: &Path| {
        let text = std::fs::read_to_string(file);
        text.map_err(|source| DriverError::Password { of: of.to_owned(), path: file.to_owned(), source })
    };
    let password = file.map(read).transpose()?.unwrap_or_default();
    Ok(Account { user: user.to_owned(), password: password.trim_end_matches(['\r', '\n']).to_owned() })
}

/// The PIN that a scenario may have typed on a phone: that of its first line. None if it types none, or none is known.
fn pin(plan: &Plan, phone: &Phone) -> Result<Option<Pin>, DriverError> {
    let line = phone.lines.first().filter(|_| plan.scenarios().any(Scenario::types_pin));
    let Some((line, path)) = line.and_then(|line| Some((line, line.pin_file.as_ref()?))) else { return Ok(None) };
    Pin::read(path).map(Some).map_err(|source| DriverError::Pin { line: line.extension.clone(), source })
}
