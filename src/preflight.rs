//! What must be so before a night may judge phones: their cables ([`cabling`](crate::cabling)), where their lines are registered,
//! and which firmware they have. All phones at once.
//!
//! Pure: observations and times in, orders and findings out. Not here: who opens the ports, and what is of the machine and of its
//! files (`cli::check`).
//!
//! What is not known is no pass. A line that does not register meanwhile is where a further witness says that it is
//! ([`standing`]); where none says so it is unknown, unless it may be made to register anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cabling::{self, Cabling},
    config::{Bench, Model, Phone, Plan, StepKind},
    event::{
        Action, KeyName, Observed, PhoneName, ServerName, SipFact, SipMessage, SipStart, Stamp, Stroke, Testimony,
        Toward, When,
    },
    wire::console::CompiledDialect,
};

pub mod clocks;
mod findings;
mod standing;

use clocks::Offset;
pub use findings::{Finding, Verdict};
use standing::Standings;

/// So long phones are waited for that have not said where they are, from the beginning, if nothing is said.
pub const LISTENS: Duration = Duration::from_secs(40);

/// How often witnesses are asked.
const ASKS: Duration = Duration::from_secs(4);

/// How long a phone may take to register that was told to.
const ANEW: Duration = Duration::from_secs(15);

/// How long one may take to boot and to register.
const BOOT: Duration = Duration::from_secs(180);

/// Longest name of a firmware that is told.
const LONGEST_NAME: usize = 64;

/// The name in a model's `[console.commands]` of what has a phone register at once.
const REGISTER: &str = "register";

/// How it is gone about.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// How long it may take until all have said where they are, from the beginning.
    pub listens: Duration,
    /// Phones that have not said so by then are made to register anew, or to boot.
    pub forces: bool,
}

/// The procedure.
#[derive(Debug)]
pub struct Preflight {
    bench: Bench,
    phones: Vec<Looked>,
    standings: Standings,
    cabling: Cabling,
    /// The clocks of servers, as they dated their answers last.
    servers: BTreeMap<ServerName, Offset>,
    epoch_unix_ns: i64,
    manner: Manner,
    stage: Stage,
    orders: Vec<Action>,
}

/// A phone, and what was heard of its firmware.
#[derive(Debug)]
struct Looked {
    phone: Phone,
    dialect: Option<CompiledDialect>,
    /// What is typed to have it register at once.
    register: Option<String>,
    /// What makes it boot.
    restart: Vec<Stroke>,
    /// What it calls itself when it registers (RFC 3261 section 20.41).
    agent: Option<String>,
    /// What its console says.
    firmware: Option<String>,
    /// Its clock, as it dates its syslog.
    clock: Option<Offset>,
    /// How it was made to register.
    forced: Option<Forced>,
}

/// How a phone was made to register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forced {
    ByCommand,
    ByRestart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until the cables are looked at.
    Cables,
    /// Until all have said where they are; the witnesses are asked again then.
    Listening {
        until: Stamp,
        asks: Stamp,
    },
    /// Until those have registered that were made to.
    Forcing {
        until: Stamp,
    },
    Over,
}

impl Preflight {
    /// Begins with the phones of a plan at this time.
    pub fn new(plan: &Plan, manner: Manner, now: Stamp) -> Self {
        let cables = cabling::Manner { listens: Duration::ZERO, restarts: false };
        let phones: Vec<Looked> = plan
            .phones
            .iter()
            .filter_map(|name| plan.phone(name))
            .map(|it| Looked::new(it, plan.model_of(it)))
            .collect();
        Self {
            standings: Standings::new(phones.iter().map(|it| &it.phone)),
            phones,
            bench: plan.bench.clone(),
            servers: BTreeMap::new(),
            epoch_unix_ns: plan.epoch_unix_ns,
            cabling: Cabling::new(&plan.bench, &plan.models, &plan.phones, cables, now),
            manner,
            stage: Stage::Cables,
            orders: Vec::new(),
        }
        .beginning(now)
    }

    fn beginning(mut self, now: Stamp) -> Self {
        self.advance(now);
        self
    }

    /// Takes in what a driver reports.
    pub fn observe(&mut self, now: Stamp, when: When, observed: &Observed) {
        match observed {
            Observed::ConsoleLine { phone, text, echo: false, .. } => self.line(phone, text),
            Observed::Sip(fact) => self.sip(fact, when),
            Observed::Testified(testimony) => self.testified(testimony, when),
            Observed::WitnessLost { witness, phone, reason } => {
                self.standings.lost(witness, phone.as_ref(), reason);
            }
            _ => {}
        }
        self.cabling.observe(now, observed);
        self.advance(now);
    }

    /// Lets a time pass.
    pub fn pass(&mut self, now: Stamp) {
        self.cabling.pass(now);
        self.advance(now);
    }

    /// The next order for the drivers.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.cabling.poll_action().or_else(|| (!self.orders.is_empty()).then(|| self.orders.remove(0)))
    }

    /// When [`pass`](Self::pass) is wanted; none when it is over.
    pub fn poll_deadline(&self) -> Option<Stamp> {
        match self.stage {
            Stage::Cables => self.cabling.poll_deadline(),
            Stage::Listening { until, asks } => Some(until.min(asks)),
            Stage::Forcing { until } => Some(until),
            Stage::Over => None,
        }
    }

    /// What was found out about the cables.
    pub fn cables(&self) -> Vec<cabling::Finding> {
        self.cabling.findings()
    }

    /// The clock of a server, if it has dated anything.
    pub fn clock_of(&self, server: &ServerName) -> Option<Offset> {
        self.servers.get(server).copied()
    }

    fn testified(&mut self, testimony: &Testimony, when: When) {
        self.standings.testified(testimony, when.at);
        let looked = self.phones.iter_mut().find(|it| it.phone.name == testimony.line.phone);
        if let Some((looked, dated_ms)) = looked.zip(testimony.dated_ms) {
            looked.clock = Some(Offset::of_ms(dated_ms, self.epoch_unix_ns, when));
        }
    }

    fn sip(&mut self, fact: &SipFact, when: When) {
        self.standings.sip(fact, when);
        let SipMessage::Read(message) = &fact.message else { return };
        if let Some((server, date)) = fact.server.as_ref().zip(message.date).filter(|_| fact.toward == Toward::Phone) {
            let seen_ns = self.epoch_unix_ns.saturating_add_unsigned(when.at.0);
            self.servers.insert(server.clone(), Offset::of_seconds(date, seen_ns, seen_ns));
        }
        let registers = matches!(&message.start, SipStart::Request { method, .. } if method == "REGISTER");
        if fact.toward == Toward::Server
            && registers
            && let Some(looked) = self.phones.iter_mut().find(|it| it.phone.name == fact.phone)
        {
            let agent = message.agent.as_ref().map(|agent| agent.chars().take(LONGEST_NAME).collect());
            looked.agent = agent.or(looked.agent.take());
        }
    }

    fn line(&mut self, phone: &PhoneName, text: &str) {
        let Some(looked) = self.phones.iter_mut().find(|it| it.phone.name == *phone) else { return };
        let Some(dialect) = &looked.dialect else { return };
        let firmware = dialect.identity(text).firmware;
        looked.firmware = firmware.map(|name| name.chars().take(LONGEST_NAME).collect()).or(looked.firmware.take());
        if let Some(fact) = dialect.meaning(text) {
            self.standings.told_by_console(&fact);
        }
    }

    fn advance(&mut self, now: Stamp) {
        if self.stage == Stage::Cables && self.cabling.poll_deadline().is_none() {
            let until = (self.cabling.began() + self.manner.listens).max(now);
            self.stage = Stage::Listening { until, asks: now };
        }
        if let Stage::Listening { asks, .. } = &mut self.stage
            && now >= *asks
        {
            *asks = now + ASKS;
            // They tell of their own accord what is new to them, and nothing else.
            let ask = |looked: &Looked| Action::AskWitnesses { phone: looked.phone.name.clone() };
            self.orders.extend(self.phones.iter().map(ask));
        }
        let (until, forced) = match self.stage {
            Stage::Listening { until, .. } => (until, false),
            Stage::Forcing { until } => (until, true),
            Stage::Cables | Stage::Over => return,
        };
        if self.standings.all_at_home(&self.bench, now) || (forced && now >= until) {
            self.stage = Stage::Over;
        } else if now >= until {
            self.force(now);
        }
    }

    /// Has phones register of whose lines nobody knows where they are.
    fn force(&mut self, now: Stamp) {
        let unknown: BTreeSet<PhoneName> = self.standings.unknown(&self.bench, now);
        let mut until = None;
        for (sequence, looked) in (ORDERS..).zip(&mut self.phones).filter(|_| self.manner.forces) {
            let name = &looked.phone.name;
            if !unknown.contains(name) {
                continue;
            }
            let (order, forced) = match (&looked.register, looked.restart.as_slice()) {
                (Some(text), _) => (Action::Type { phone: name.clone(), text: text.clone() }, Forced::ByCommand),
                (None, []) => continue,
                (None, keys) => {
                    let (phone, keys) = (name.clone(), keys.to_vec());
                    (Action::PlayKeys { phone, sequence, keys }, Forced::ByRestart)
                }
            };
            self.orders.push(order);
            looked.forced = Some(forced);
            let patience = if forced == Forced::ByCommand { ANEW } else { BOOT };
            until = until.max(Some(now + patience));
        }
        self.stage = until.map_or(Stage::Over, |until| Stage::Forcing { until });
    }
}

/// Numbers of orders to keypads, beyond those of the cabling proof.
const ORDERS: u32 = 1 << 20;

impl Looked {
    fn new(phone: &Phone, model: Option<&Model>) -> Self {
        let dialect = model.and_then(|model| model.console.as_ref()).filter(|_| phone.console.is_some());
        let restart = model.and_then(|model| model.menus.get(StepKind::RESTART)).cloned().unwrap_or_default();
        let presses = |stroke: &Stroke| {
            model.zip(phone.keypad.as_ref()).is_some_and(|(model, keypad)| {
                let can = |key: &KeyName| model.can_press(keypad, key);
                model.can_hold(keypad, stroke) && stroke.keys().iter().all(can)
            })
        };
        Self {
            phone: phone.clone(),
            register: dialect.and_then(|dialect| dialect.commands.get(REGISTER).cloned()),
            dialect: dialect.and_then(|dialect| CompiledDialect::new(dialect).ok()),
            restart: if restart.iter().all(presses) { restart } else { Vec::new() },
            agent: None,
            firmware: None,
            clock: None,
            forced: None,
        }
    }
}

#[cfg(test)]
mod tests;
