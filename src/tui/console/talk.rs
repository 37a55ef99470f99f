//! What phones say and are told: their SIP, their consoles and their keys, folded from records. Bounded: the oldest go first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{
    face::{Face, Faces},
    ladder::Ladder,
    rate::Rate,
};
use crate::{
    config,
    event::{
        Action, Answer, ByHandAnswer, Derived, Event, Fate, Hand, Observed, OutageId, PhoneName, PortKind, Record,
        ServerName, Stamp,
    },
    tui::wording,
};

/// SIP messages, lines of consoles and strokes of keys that are kept of a phone: the more phones there are, the fewer.
const MOST: usize = 400;
/// But so many.
const LEAST: usize = 40;
/// Of all phones together.
const ALL: usize = 100_000;
/// The longest line of a console or of a message that is kept, in bytes. All of it is in the recording.
const LONGEST: usize = 512;

/// All phones.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// So much is kept of each.
    room: usize,
    phones: HashMap<PhoneName, Phone>,
    servers: BTreeMap<ServerName, Traffic>,
    /// What an operator wished of the network last, if it was refused.
    pub refused: Option<String>,
}

/// One phone.
#[derive(Debug, Clone, Default)]
pub struct Phone {
    /// Its SIP.
    pub sip: Ladder,
    /// What its console said, was told, and whether it was there.
    pub console: VecDeque<Said>,
    /// What was done to its keys.
    pub keys: VecDeque<Pressed>,
    /// Why the last line that an operator wanted to type was not.
    pub untyped: Option<String>,
    /// What its display shows, and how its lamps burn.
    pub face: Face,
}

/// A line of a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Stamp,
    /// What, not harmless yet.
    pub text: String,
    /// By whom.
    pub by: Speaker,
}

/// Who says something on a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The phone.
    Phone,
    /// The phone, repeating what we typed.
    Echo,
    /// We typed it.
    Rig,
    /// About the port itself.
    Port,
}

/// Strokes that were ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// When they were ordered.
    pub at: Stamp,
    /// Which order; none: it was refused.
    sequence: Option<u32>,
    /// The operator who wanted it; none: the scenario did.
    pub by: Option<String>,
    /// What was pressed; secrets are placeholders already.
    pub strokes: String,
    /// How long until the board had done it, in nanoseconds, or what went wrong; none: not yet.
    pub answer: Option<Result<u64, String>>,
    /// Whether each key that could be told of showed: confirmed and unconfirmed ones.
    pub shown: (u32, u32),
}

/// SIP messages to and from a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// That arrived.
    pub passed: u64,
    /// That an outage dropped.
    pub dropped: u64,
    /// That the bridge made.
    pub injected: u64,
    /// When the last was dropped, and by which outage.
    pub last_drop: Option<(OutageId, Stamp)>,
    /// By the minute.
    pub rate: Rate,
}

impl Talk {
    /// What is known of a phone.
    pub fn phone(&self, name: &PhoneName) -> Option<&Phone> {
        self.phones.get(name)
    }

    /// All of them.
    pub fn phones(&self) -> impl Iterator<Item = &Phone> {
        self.phones.values()
    }

    /// What went to and from a server.
    pub fn server(&self, name: &ServerName) -> Traffic {
        self.servers.get(name).cloned().unwrap_or_default()
    }

    /// Takes one more record.
    pub fn apply(&mut self, record: &Record) {
        let at = record.when.at;
        match &record.event {
            Event::Observed(observed) => self.observed(record.seq, at, observed),
            Event::Action(Action::Type { phone, text }) => self.said(phone, at, wording::typed(text), Speaker::Rig),
            Event::Action(Action::TypeControl { phone, control }) => {
                self.said(phone, at, control.to_string(), Speaker::Rig);
            }
            Event::Action(Action::PlayKeys { phone, sequence, keys }) => {
                // What an operator wanted was told of when it was answered.
                let told = |known: &Phone| known.keys.iter().rev().any(|it| it.sequence == Some(*sequence));
                if !self.phone(phone).is_some_and(told) {
                    let strokes = keys.iter().map(wording::stroke_of).collect::<Vec<_>>().join(" ");
                    let sequence = Some(*sequence);
                    self.pressed(phone, Pressed { at, sequence, by: None, strokes, answer: None, shown: (0, 0) });
                }
            }
            Event::Derived(Derived::HandAnswered { by, phone, hand: Hand::Press(stroke), answer }) => {
                let (sequence, answer) = match answer {
                    Answer::Obeyed { sequence } => (*sequence, None),
                    Answer::Refused { reason } => (None, Some(Err(format!("refused: {reason}")))),
                };
                let (by, strokes) = (Some(by.clone()), wording::stroke_of(stroke));
                self.pressed(phone, Pressed { at, sequence, by, strokes, answer, shown: (0, 0) });
            }
            Event::Derived(Derived::HandAnswered { phone, hand: Hand::Type(_) | Hand::Control(_), answer, .. }) => {
                if let Some(known) = self.of(phone) {
                    known.untyped = match answer {
                        Answer::Obeyed { .. } => None,
                        Answer::Refused { reason } => Some(reason.clone()),
                    };
                }
            }
            Event::Derived(Derived::OutageAnswered { by, answer, .. }) => {
                self.refused = match answer {
                    ByHandAnswer::Obeyed { .. } => None,
                    ByHandAnswer::Refused { reason } => Some(format!("refused to {by}: {reason}")),
                };
            }
            Event::Derived(Derived::KeyConfirmed { phone, key, by }) => {
                let name = key.to_string();
                let keys = self.of(phone).into_iter().flat_map(|known| known.keys.iter_mut().rev());
                let is_meant =
                    |pressed: &&mut Pressed| pressed.shown == (0, 0) && pressed.strokes.split(' ').any(|it| it == name);
                if let Some(pressed) = keys.into_iter().find(is_meant) {
                    match by {
                        Some(_) => pressed.shown.0 += 1,
                        None => pressed.shown.1 += 1,
                    }
                }
            }
            Event::Action(_) | Event::Derived(_) => {}
        }
    }

    fn observed(&mut self, seq: u64, at: Stamp, observed: &Observed) {
        match observed {
            Observed::RunStarted { plan } => {
                self.room = (ALL / plan.phones.len().max(1)).clamp(LEAST, MOST);
                let faces = Faces::of(plan);
                let phone = |it: &config::Phone| Phone { face: faces.face(it), ..Phone::default() };
                self.phones = plan.bench.phones.iter().map(|it| (it.name.clone(), phone(it))).collect();
                self.servers = plan.bench.servers.iter().map(|it| (it.name.clone(), Traffic::default())).collect();
            }
            Observed::Sip(fact) => {
                if let Some(traffic) = fact.server.as_ref().and_then(|server| self.servers.get_mut(server)) {
                    traffic.rate.count(at);
                    match fact.fate {
                        Fate::Passed => traffic.passed += 1,
                        Fate::Injected(_) => traffic.injected += 1,
                        Fate::Dropped(outage) => {
                            traffic.dropped += 1;
                            traffic.last_drop = Some((outage, at));
                        }
                    }
                }
                let room = self.room;
                if let Some(known) = self.of(&fact.phone) {
                    known.sip.take(seq, at, fact, room);
                }
            }
            Observed::ConsoleLine { phone, text, echo, .. } => {
                let by = if *echo { Speaker::Echo } else { Speaker::Phone };
                if let Some(of) = self.of(phone).filter(|_| !echo) {
                    of.face.hear(text, at);
                }
                self.said(phone, at, text.clone(), by);
            }
            Observed::PortOpened { phone, port: PortKind::Console, away_ns, .. } => {
                if let Some(of) = self.of(phone) {
                    of.face.port(false, at);
                }
                let away = away_ns.map_or_else(String::new, |ns| format!(" again after {:.1} s", ns as f64 / 1e9));
                self.said(phone, at, format!("the port is open{away}"), Speaker::Port);
            }
            Observed::PortLost { phone, port: PortKind::Console, reason } => {
                if let Some(of) = self.of(phone) {
                    of.face.port(true, at);
                }
                self.said(phone, at, format!("the port is lost: {reason}"), Speaker::Port);
            }
            Observed::KeysPlayed { phone, sequence, ack_after_ns, error } => {
                let answer = error.clone().map_or(Ok(*ack_after_ns), Err);
                let keys = self.of(phone).into_iter().flat_map(|known| known.keys.iter_mut().rev());
                if let Some(pressed) = keys.into_iter().find(|pressed| pressed.sequence == Some(*sequence)) {
                    let lost = |error| if pressed.by.is_some() { format!("lost: {error}") } else { error };
                    pressed.answer = Some(answer.map_err(lost));
                }
            }
            _ => {}
        }
    }

    fn said(&mut self, phone: &PhoneName, at: Stamp, text: String, by: Speaker) {
        let text = bounded(text);
        let room = self.room;
        if let Some(known) = self.of(phone) {
            push(&mut known.console, Said { at, text, by }, room);
        }
    }

    fn pressed(&mut self, phone: &PhoneName, pressed: Pressed) {
        let room = self.room;
        if let Some(known) = self.of(phone) {
            push(&mut known.keys, pressed, room);
        }
    }

    /// A phone of the bench.
    fn of(&mut self, phone: &PhoneName) -> Option<&mut Phone> {
        self.phones.get_mut(phone)
    }
}

/// As much of a line as is kept.
pub(super) fn bounded(mut line: String) -> String {
    if line.len() > LONGEST {
        line.truncate(line.floor_char_boundary(LONGEST));
        line.push('…');
        line.shrink_to_fit();
    }
    line
}

fn push<T>(queue: &mut VecDeque<T>, item: T, room: usize) {
    while queue.len() >= room.max(1) {
        queue.pop_front();
    }
    queue.push_back(item);
}
