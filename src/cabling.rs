//! Which device is behind each port of a bench: keys are pressed through each keypad and looked for on every console, each
//! console is asked which extensions it serves and who it is, and each REGISTER is read for the extension and the address that a
//! MAC address goes with. What does not go together is named with the phone that it belongs to.
//!
//! All keypads press at once, each a word of its own ([`words`]). Of a keypad whose word shows nowhere, or on several consoles, one
//! key is pressed alone; but if no console has shown anything that is not explained, all of those press once more at once.
//!
//! Pure: observations and times in, orders and findings out. Not here: who opens the ports (`cli::check`).
//!
//! A device is a MAC address of the bench file, since frames are told apart by that, or an address, where it is behind a router.
//! Whatever two phones have exchanged, the majority of a phone's parts says which device it is, and the others are what is swapped.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::{
    config::{Bench, Mac, Model, Phone},
    event::{Action, KeyName, Observed, PhoneName, PortKind, SipFact, SipMessage, SipStart, Stamp, Stroke, Toward},
    wire::console::ConsoleFact,
};

mod findings;
mod watched;
mod words;

use watched::Watched;

pub use findings::{Finding, Part};

/// How long phones may take to be heard of at first: those of a bench that was just joined are booting.
const SETTLING: Duration = Duration::from_secs(10);

/// How long a console may take to answer, and to show a key.
const ANSWER: Duration = Duration::from_millis(1500);

/// How long a keypad may take to press its keys, and how much longer for each that may be on the same board.
const PRESS: Duration = Duration::from_secs(8);
const PRESS_EACH: Duration = Duration::from_millis(1500);
/// However many they are, it is over then.
const PRESS_ALL: Duration = Duration::from_secs(20);

/// For so long keypads are pressed alone that could not be told apart.
const ALONE: Duration = Duration::from_secs(10);

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

/// Which ports of a phone answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// Something was heard on its console.
    pub console: bool,
    /// Its keypad has said that it pressed what it was told to.
    pub keypad: bool,
}

/// The procedure.
#[derive(Debug)]
pub struct Cabling {
    phones: Vec<Watched>,
    /// Extensions of the bench's phones that are not looked at, and whose they are.
    elsewhere: BTreeMap<String, PhoneName>,
    /// MAC addresses of all of its phones, and whose they are.
    macs: BTreeMap<Mac, PhoneName>,
    manner: Manner,
    began: Stamp,
    stage: Stage,
    /// What is still to be done, one after the other.
    next: VecDeque<Task>,
    orders: VecDeque<Action>,
    sequence: u32,
    /// Until when keypads are pressed alone; none: none has to be.
    alone_until: Option<Stamp>,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Ask every console.
    Ask,
    /// Press keys through all keypads that have a word.
    PressAll { again: bool },
    /// Press a key through the keypad of this phone.
    Press(usize),
    /// Make the phone of this keypad boot.
    Restart(usize),
    /// Wait for phones that have not registered.
    Listen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Until ports are open and phones were heard.
    Settling { until: Stamp },
    /// Until consoles have answered.
    Asked { until: Stamp },
    /// Until the keypads have pressed.
    Pressing { press: Press, until: Stamp },
    /// Until their keys show.
    Shown { press: Press, until: Stamp },
    /// Until a phone has booted.
    Booting { phone: usize, until: Stamp },
    /// Until all have registered.
    Listening { until: Stamp },
}

/// Keys that are pressed at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Press {
    /// By phone: what is pressed through its keypad.
    words: BTreeMap<usize, Vec<KeyName>>,
    /// Orders that nothing was heard of yet, and the phones of their keypads.
    played: BTreeMap<u32, usize>,
    /// What each console has shown of keys.
    shown: BTreeMap<PhoneName, Vec<KeyName>>,
    /// It was tried before.
    again: bool,
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
        let restarts = (0..phones.len()).filter(|index| manner.restarts && !phones[*index].restart.is_empty());
        let next = [Task::Ask, Task::PressAll { again: false }].into_iter();
        let next = next.chain(restarts.map(Task::Restart)).chain([Task::Listen]);
        Self {
            next: next.collect(),
            phones,
            elsewhere: others.into_iter().flat_map(lines).collect(),
            macs: bench.phones.iter().filter_map(|phone| Some((phone.mac()?, phone.name.clone()))).collect(),
            manner,
            began: now,
            stage: Stage::Settling { until: now + SETTLING },
            orders: VecDeque::new(),
            sequence: 0,
            alone_until: None,
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

    /// What answered of a phone; none: it is not looked at.
    pub fn answers(&self, phone: &PhoneName) -> Option<Answers> {
        let watched = self.phones.iter().find(|it| it.phone.name == *phone)?;
        let here = |port| !watched.lost.contains_key(&port);
        let keypad = watched.acknowledged && here(PortKind::Keypad);
        Some(Answers { console: watched.heard && here(PortKind::Console), keypad })
    }

    /// When it began.
    pub fn began(&self) -> Stamp {
        self.began
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
        | Stage::Listening { until }) = &self.stage;
        (!self.over).then_some(*until)
    }

    fn line(&mut self, console: &PhoneName, text: &str) {
        let Some(at) = self.phones.iter().position(|it| it.phone.name == *console) else { return };
        let watched = &mut self.phones[at];
        watched.heard = true;
        if let Some(identity) = watched.dialect.as_ref().map(|dialect| dialect.identity(text)) {
            watched.mac = identity.mac.or(watched.mac);
        }
        let fact = watched.dialect.as_ref().and_then(|dialect| dialect.meaning(text));
        match fact {
            Some(ConsoleFact::Registered { extension, .. } | ConsoleFact::Unregistered { extension }) => {
                watched.told.insert(extension);
            }
            Some(ConsoleFact::Key { name }) => {
                if let Stage::Pressing { press, .. } | Stage::Shown { press, .. } = &mut self.stage {
                    press.shown.entry(console.clone()).or_default().push(name);
                }
            }
            _ => {}
        }
    }

    fn played(&mut self, now: Stamp, played: u32, error: Option<&str>) {
        match &mut self.stage {
            Stage::Pressing { press, .. } => {
                let Some(phone) = press.played.remove(&played) else { return };
                self.phones[phone].acknowledged = error.is_none();
                self.phones[phone].unpressed = error.map(str::to_owned);
                if error.is_some() {
                    press.words.remove(&phone);
                }
                if press.played.is_empty() {
                    let press = std::mem::take(press);
                    self.stage = Stage::Shown { press, until: now + ANSWER };
                }
            }
            Stage::Booting { phone, .. } => {
                if let Some(error) = error {
                    self.phones[*phone].unpressed = Some(error.to_owned());
                    self.go_on(now);
                }
            }
            _ => {}
        }
    }

    /// What consoles have shown of what was pressed, and whose keypads are to be pressed once more.
    fn compare(&mut self, now: Stamp, press: &Press) {
        let alone = press.words.len() == 1 && press.words.values().all(|word| word.len() == 1);
        let mut explained = BTreeSet::new();
        let mut open = Vec::new();
        for (phone, word) in &press.words {
            // Of a key that is pressed alone, one that shows twice is that key as well.
            let is_it = |shown: &Vec<KeyName>| if alone { shown.contains(&word[0]) } else { shown == word };
            let consoles: Vec<&PhoneName> =
                press.shown.iter().filter(|(_, shown)| is_it(shown)).map(|(console, _)| console).collect();
            explained.extend(consoles.iter().copied());
            let shown_on = self.phones[*phone].shown_on.get_or_insert_default();
            if alone || consoles.len() == 1 {
                shown_on.extend(consoles.into_iter().cloned());
            }
            if shown_on.is_empty() && !alone {
                open.push(*phone);
            }
        }
        if open.is_empty() || alone {
            return;
        }
        let garbled = press.shown.keys().any(|console| !explained.contains(console));
        if garbled {
            self.alone_until = Some(now + ALONE);
            open.iter().rev().for_each(|phone| self.next.push_front(Task::Press(*phone)));
        } else if !press.again {
            self.next.push_front(Task::PressAll { again: true });
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
        match &mut self.stage {
            Stage::Settling { until } | Stage::Listening { until } => all_heard || now >= *until,
            Stage::Asked { until } => now >= *until,
            Stage::Pressing { press, until } => {
                let late = now >= *until;
                if late {
                    for phone in std::mem::take(&mut press.played).into_values() {
                        press.words.remove(&phone);
                        self.phones[phone].unpressed = Some("the keypad did not say what came of it".to_owned());
                    }
                }
                late
            }
            // Not before its time: it may show on another console as well.
            Stage::Shown { until, .. } => now >= *until,
            Stage::Booting { phone, until } => self.phones[*phone].booted.is_some() || now >= *until,
        }
    }

    fn go_on(&mut self, now: Stamp) {
        if let Stage::Shown { press, .. } | Stage::Pressing { press, .. } = &mut self.stage {
            let press = std::mem::take(press);
            self.compare(now, &press);
        }
        let Some(task) = self.next.pop_front() else {
            self.over = true;
            return;
        };
        match task {
            Task::Ask => {
                for watched in &mut self.phones {
                    // What it says of its own accord is no answer.
                    watched.heard &= watched.questions.is_empty();
                    for text in watched.questions.clone() {
                        self.orders.push_back(Action::Type { phone: watched.phone.name.clone(), text });
                    }
                }
                self.stage = Stage::Asked { until: now + ANSWER };
            }
            Task::PressAll { again } => self.press_all(now, again),
            Task::Press(phone) => {
                let late = self.alone_until.is_some_and(|until| now >= until);
                let key = self.phones[phone].key.clone().filter(|_| !late);
                self.press(now, key.map(|key| (phone, vec![key])).into_iter().collect(), true);
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

    /// Presses the keypads that nothing was seen of yet.
    fn press_all(&mut self, now: Stamp, again: bool) {
        let open = |it: &Watched| it.unpressed.is_none() && it.shown_on.as_ref().is_none_or(BTreeSet::is_empty);
        let pairs: Vec<_> = self.phones.iter().map(|it| it.pair.clone().filter(|_| open(it))).collect();
        let words = words::words(&pairs);
        let alone = |phone: &usize| self.phones[*phone].key.is_some() && words[*phone].is_none() && !again;
        let alone: Vec<_> = (0..self.phones.len()).filter(alone).map(Task::Press).collect();
        alone.into_iter().rev().for_each(|task| self.next.push_front(task));
        let words = words.into_iter().enumerate().filter_map(|(phone, word)| Some((phone, word?)));
        self.press(now, words.collect(), again);
    }

    fn press(&mut self, now: Stamp, words: BTreeMap<usize, Vec<KeyName>>, again: bool) {
        let mut played = BTreeMap::new();
        for (phone, word) in &words {
            played.insert(self.play(*phone, word.iter().cloned().map(Stroke::from).collect()), *phone);
        }
        let others = u32::try_from(words.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let patience = (PRESS + PRESS_EACH.saturating_mul(others)).min(PRESS_ALL);
        let until = if words.is_empty() { now } else { now + patience };
        self.stage = Stage::Pressing { press: Press { words, played, again, ..Press::default() }, until };
    }

    fn play(&mut self, phone: usize, keys: Vec<Stroke>) -> u32 {
        self.sequence += 1;
        let order = Action::PlayKeys { phone: self.phones[phone].phone.name.clone(), sequence: self.sequence, keys };
        self.orders.push_back(order);
        self.sequence
    }
}

#[cfg(test)]
mod tests;
