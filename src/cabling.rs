//! Which device is behind each port of a bench: a key is pressed through each keypad and looked for on every console, each
//! console is asked which extensions it serves, and each REGISTER is read for the extension and the address that a MAC
//! address goes with. What does not go together is named with the phone that it belongs to.
//!
//! Pure: observations and times in, orders and findings out. Not here: who opens the ports (`cli::check`).
//!
//! A device is a MAC address of the bench file, since frames are told apart by that, or an address, where it is behind a router.
//! Whatever two phones have exchanged, the majority of a phone's parts says which device it is, and the others are what is swapped.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use crate::{
    config::{Bench, Model, Phone, StepKind},
    event::{Action, KeyName, Observed, PhoneName, PortKind, SipFact, SipMessage, SipStart, Stamp, Stroke, Toward},
    wire::console::{CompiledDialect, ConsoleFact},
};

mod findings;

pub use findings::{Finding, Part};

/// Keys whose press does a phone no harm, the first that it has is used.
const HARMLESS: [&str; 6] = ["voldown", "volup", "navdown", "goodbye", "cancel", "1"];

/// How long phones may take to be heard of at first: those of a bench that was just joined are booting.
const SETTLING: Duration = Duration::from_secs(10);

/// How long a console may take to answer, and to show a key.
const ANSWER: Duration = Duration::from_millis(1500);

/// How long a keypad may take to press a key.
const PRESS: Duration = Duration::from_secs(10);

/// How long a phone may take to boot and to register.
const BOOT: Duration = Duration::from_secs(180);

/// How the procedure is to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// How long REGISTERs are waited for that nobody brings about.
    pub listens: Duration,
    /// Phones are made to boot by their keypads, one after the other, and their REGISTER is waited for.
    pub restarts: bool,
}

/// The procedure.
#[derive(Debug)]
pub struct Cabling {
    phones: Vec<Watched>,
    /// Extensions of the bench's phones that are not looked at, and whose they are.
    elsewhere: BTreeMap<String, PhoneName>,
    manner: Manner,
    began: Stamp,
    stage: Stage,
    /// What is still to be done, one after the other.
    next: VecDeque<Task>,
    orders: VecDeque<Action>,
    sequence: u32,
    over: bool,
}

/// A phone, and what was learnt through its ports.
#[derive(Debug)]
struct Watched {
    phone: Phone,
    dialect: Option<CompiledDialect>,
    status_command: Option<String>,
    /// What is pressed to see where it arrives.
    key: Option<KeyName>,
    /// What makes it boot.
    restart: Vec<Stroke>,
    /// Something was heard on its console.
    heard: bool,
    /// Extensions that its console told of.
    told: BTreeSet<String>,
    /// The consoles that showed the key of its keypad; none: nobody has pressed it.
    shown_on: Option<BTreeSet<PhoneName>>,
    /// Why its keypad could not be tried.
    unpressed: Option<String>,
    /// The MAC address whose phone booted when its keypad told it to.
    booted: Option<PhoneName>,
    /// Extensions and addresses of the REGISTERs that came from its MAC address.
    registers: BTreeSet<(String, IpAddr)>,
    /// `Call-ID`s of these; a boot makes new ones.
    calls: BTreeSet<String>,
    lost: BTreeMap<PortKind, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Ask every console.
    Ask,
    /// Press a key through the keypad of this phone.
    Press(usize),
    /// Make the phone of this keypad boot.
    Restart(usize),
    /// Wait for phones that have not registered.
    Listen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until ports are open and phones were heard.
    Settling { until: Stamp },
    /// Until consoles have answered.
    Asked { until: Stamp },
    /// Until the keypad has pressed.
    Pressing { phone: usize, sequence: u32, until: Stamp },
    /// Until its key shows.
    Shown { phone: usize, until: Stamp },
    /// Until a phone has booted.
    Booting { phone: usize, until: Stamp },
    /// Until all have registered.
    Listening { until: Stamp },
}

impl Cabling {
    /// Begins with these phones of a bench at this time.
    pub fn new(
        bench: &Bench,
        models: &BTreeMap<String, Model>,
        chosen: &[PhoneName],
        manner: Manner,
        now: Stamp,
    ) -> Self {
        let (watched, others): (Vec<&Phone>, Vec<&Phone>) =
            bench.phones.iter().partition(|phone| chosen.contains(&phone.name));
        let phones: Vec<Watched> =
            watched.into_iter().map(|phone| Watched::new(phone, models.get(&phone.model))).collect();
        let lines = |phone: &Phone| {
            let extensions = phone.lines.iter().map(|line| line.extension.clone());
            extensions.map(|extension| (extension, phone.name.clone())).collect::<Vec<_>>()
        };
        let presses = (0..phones.len()).filter(|index| phones[*index].key.is_some()).map(Task::Press);
        let restarts = (0..phones.len()).filter(|index| manner.restarts && !phones[*index].restart.is_empty());
        let next = [Task::Ask].into_iter().chain(presses).chain(restarts.map(Task::Restart)).chain([Task::Listen]);
        Self {
            next: next.collect(),
            phones,
            elsewhere: others.into_iter().flat_map(lines).collect(),
            manner,
            began: now,
            stage: Stage::Settling { until: now + SETTLING },
            orders: VecDeque::new(),
            sequence: 0,
            over: false,
        }
    }

    /// Takes in what a driver reports.
    pub fn observe(&mut self, now: Stamp, observed: &Observed) {
        match observed {
            Observed::ConsoleLine { phone, text, echo: false, .. } => self.line(phone, text),
            Observed::KeysPlayed { sequence, error, .. } => self.played(now, *sequence, error.as_deref()),
            Observed::Sip(fact) => self.sip(fact),
            Observed::PortLost { phone, port, reason } => {
                if let Some(watched) = self.phones.iter_mut().find(|it| it.phone.name == *phone) {
                    watched.lost.insert(*port, reason.clone());
                }
            }
            Observed::PortOpened { phone, port, .. } => {
                if let Some(watched) = self.phones.iter_mut().find(|it| it.phone.name == *phone) {
                    watched.lost.remove(port);
                }
            }
            _ => {}
        }
        self.advance(now);
    }

    /// Lets a time pass.
    pub fn pass(&mut self, now: Stamp) {
        self.advance(now);
    }

    /// The next order for the drivers.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.orders.pop_front()
    }

    /// When [`pass`](Self::pass) is wanted; none when it is over.
    pub fn poll_deadline(&self) -> Option<Stamp> {
        let (Stage::Settling { until }
        | Stage::Asked { until }
        | Stage::Pressing { until, .. }
        | Stage::Shown { until, .. }
        | Stage::Booting { until, .. }
        | Stage::Listening { until }) = self.stage;
        (!self.over).then_some(until)
    }

    fn line(&mut self, console: &PhoneName, text: &str) {
        let Some(at) = self.phones.iter().position(|it| it.phone.name == *console) else { return };
        let watched = &mut self.phones[at];
        watched.heard = true;
        let fact = watched.dialect.as_ref().and_then(|dialect| dialect.meaning(text));
        match fact {
            Some(ConsoleFact::Registered { extension, .. } | ConsoleFact::Unregistered { extension }) => {
                watched.told.insert(extension);
            }
            Some(ConsoleFact::Key { name }) => {
                let (Stage::Pressing { phone, .. } | Stage::Shown { phone, .. }) = self.stage else { return };
                if self.phones[phone].key.as_ref() == Some(&name) {
                    self.phones[phone].shown_on.get_or_insert_default().insert(console.clone());
                }
            }
            _ => {}
        }
    }

    fn played(&mut self, now: Stamp, played: u32, error: Option<&str>) {
        match (self.stage, error) {
            (Stage::Pressing { phone, sequence, .. }, None) if sequence == played => {
                self.phones[phone].shown_on.get_or_insert_default();
                self.stage = Stage::Shown { phone, until: now + ANSWER };
            }
            (Stage::Pressing { phone, sequence, .. }, Some(error)) if sequence == played => {
                self.phones[phone].unpressed = Some(error.to_owned());
                self.go_on(now);
            }
            (Stage::Booting { phone, .. }, Some(error)) => {
                self.phones[phone].unpressed = Some(error.to_owned());
                self.go_on(now);
            }
            _ => {}
        }
    }

    /// A REGISTER says which extension and which address a MAC address goes with.
    fn sip(&mut self, fact: &SipFact) {
        let SipMessage::Read(message) = &fact.message else { return };
        if fact.toward != Toward::Server
            || !matches!(&message.start, SipStart::Request { method, .. } if method == "REGISTER")
        {
            return;
        }
        let extension = message.to.split('@').next().unwrap_or_default().to_owned();
        let Some(at) = self.phones.iter().position(|it| it.phone.name == fact.phone) else { return };
        self.phones[at].registers.insert((extension, fact.phone_addr.ip()));
        let anew = self.phones[at].calls.insert(message.call_id.clone());
        if let Stage::Booting { phone, .. } = self.stage
            && anew
        {
            self.phones[phone].booted.get_or_insert_with(|| fact.phone.clone());
        }
    }

    fn advance(&mut self, now: Stamp) {
        while !self.over && self.is_done(now) {
            self.go_on(now);
        }
    }

    /// Whether the stage in progress has come to its end, or to nothing.
    fn is_done(&mut self, now: Stamp) -> bool {
        let all_heard = self.phones.iter().all(|it| !it.registers.is_empty() || !it.registers_at_all());
        match self.stage {
            Stage::Settling { until } | Stage::Listening { until } => all_heard || now >= until,
            Stage::Asked { until } => now >= until,
            Stage::Pressing { phone, until, .. } => {
                let late = now >= until;
                if late {
                    self.phones[phone].unpressed = Some("the keypad did not say what came of it".to_owned());
                }
                late
            }
            // Not before its time: it may show on another console as well.
            Stage::Shown { until, .. } => now >= until,
            Stage::Booting { phone, until } => self.phones[phone].booted.is_some() || now >= until,
        }
    }

    fn go_on(&mut self, now: Stamp) {
        let Some(task) = self.next.pop_front() else {
            self.over = true;
            return;
        };
        match task {
            Task::Ask => {
                for watched in &self.phones {
                    if let Some(text) = watched.status_command.clone() {
                        self.orders.push_back(Action::Type { phone: watched.phone.name.clone(), text });
                    }
                }
                self.stage = Stage::Asked { until: now + ANSWER };
            }
            Task::Press(phone) => {
                let key = self.phones[phone].key.clone();
                let sequence = self.play(phone, key.into_iter().map(Stroke::from).collect());
                self.stage = Stage::Pressing { phone, sequence, until: now + PRESS };
            }
            Task::Restart(phone) => {
                let strokes = self.phones[phone].restart.clone();
                self.play(phone, strokes);
                self.stage = Stage::Booting { phone, until: now + BOOT };
            }
            Task::Listen => {
                let until = (self.began + self.manner.listens).max(now);
                self.stage = Stage::Listening { until };
            }
        }
    }

    fn play(&mut self, phone: usize, keys: Vec<Stroke>) -> u32 {
        self.sequence += 1;
        let order = Action::PlayKeys { phone: self.phones[phone].phone.name.clone(), sequence: self.sequence, keys };
        self.orders.push_back(order);
        self.sequence
    }
}

impl Watched {
    fn new(phone: &Phone, model: Option<&Model>) -> Self {
        let dialect = model.and_then(|model| model.console.as_ref()).filter(|_| phone.console.is_some());
        let can_press = |stroke: &Stroke| {
            let pressed = model.zip(phone.keypad.as_ref());
            pressed.is_some_and(|(model, keypad)| {
                model.can_hold(keypad, stroke) && stroke.keys().iter().all(|key| model.can_press(keypad, key))
            })
        };
        let key = HARMLESS.into_iter().find(|key| can_press(&Stroke::key(*key)));
        let restart = model.and_then(|model| model.menus.get(StepKind::RESTART)).cloned().unwrap_or_default();
        Self {
            phone: phone.clone(),
            // The configuration was checked: its patterns compile.
            dialect: dialect.and_then(|dialect| CompiledDialect::new(dialect).ok()),
            status_command: dialect.and_then(|dialect| dialect.status_command.clone()),
            key: key.map(KeyName::from),
            restart: if restart.iter().all(can_press) { restart } else { Vec::new() },
            heard: false,
            told: BTreeSet::new(),
            shown_on: None,
            unpressed: None,
            booted: None,
            registers: BTreeSet::new(),
            calls: BTreeSet::new(),
            lost: BTreeMap::new(),
        }
    }

    fn registers_at_all(&self) -> bool {
        self.phone.lines.iter().any(|line| line.registers)
    }
}

#[cfg(test)]
mod tests;
