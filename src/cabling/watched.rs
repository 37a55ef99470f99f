//! A phone whose parts are looked at, and what was learnt through its ports.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    config::{Mac, Model, Phone, StepKind},
    event::{KeyName, PhoneName, PortKind, Stroke},
    wire::console::CompiledDialect,
};

/// Keys whose press does a phone no harm, the first that it has is used.
const HARMLESS: [&str; 6] = ["voldown", "volup", "navdown", "goodbye", "cancel", "1"];

/// Of these words are made: what the one does, the other undoes; or nothing is done.
const PAIRS: [[&str; 2]; 3] = [["voldown", "volup"], ["navdown", "navup"], ["goodbye", "cancel"]];

/// A phone, and what was learnt through its ports.
#[derive(Debug)]
pub(super) struct Watched {
    pub phone: Phone,
    pub dialect: Option<CompiledDialect>,
    /// What its console is asked: for its registrations, and who it is.
    pub questions: Vec<String>,
    /// What is pressed to see where it arrives.
    pub key: Option<KeyName>,
    /// Two keys of which words can be made.
    pub pair: Option<[KeyName; 2]>,
    /// What makes it boot.
    pub restart: Vec<Stroke>,
    /// Something was heard on its console.
    pub heard: bool,
    /// Extensions that its console told of.
    pub told: BTreeSet<String>,
    /// The MAC address that its console told.
    pub mac: Option<Mac>,
    /// The consoles that showed the keys of its keypad; none: nobody has pressed it.
    pub shown_on: Option<BTreeSet<PhoneName>>,
    /// Its keypad has said that it pressed them.
    pub acknowledged: bool,
    /// Why its keypad could not be tried.
    pub unpressed: Option<String>,
    /// The MAC address whose phone booted when its keypad told it to.
    pub booted: Option<PhoneName>,
    /// Extensions and addresses of the REGISTERs that came from its MAC address.
    pub registers: BTreeSet<(String, IpAddr)>,
    /// `Call-ID`s of these; a boot makes new ones.
    pub calls: BTreeSet<String>,
    pub lost: BTreeMap<PortKind, String>,
}

impl Watched {
    pub fn new(phone: &Phone, model: Option<&Model>) -> Self {
        let dialect = model.and_then(|model| model.console.as_ref()).filter(|_| phone.console.is_some());
        let can_press = |stroke: &Stroke| {
            let pressed = model.zip(phone.keypad.as_ref());
            pressed.is_some_and(|(model, keypad)| {
                model.can_hold(keypad, stroke) && stroke.keys().iter().all(|key| model.can_press(keypad, key))
            })
        };
        let can = |key: &&str| can_press(&Stroke::key(*key));
        let key = HARMLESS.iter().copied().find(|key| can(key));
        let pair = PAIRS.iter().find(|pair| pair.iter().all(&can));
        let restart = model.and_then(|model| model.menus.get(StepKind::RESTART)).cloned().unwrap_or_default();
        let questions = dialect.into_iter().flat_map(|it| [&it.status_command, &it.identity_command]);
        Self {
            phone: phone.clone(),
            // The configuration was checked: its patterns compile.
            dialect: dialect.and_then(|dialect| CompiledDialect::new(dialect).ok()),
            questions: questions.flatten().cloned().collect(),
            key: key.map(KeyName::from),
            pair: pair.map(|pair| pair.map(KeyName::from)),
            restart: if restart.iter().all(can_press) { restart } else { Vec::new() },
            heard: false,
            told: BTreeSet::new(),
            mac: None,
            shown_on: None,
            acknowledged: false,
            unpressed: None,
            booted: None,
            registers: BTreeSet::new(),
            calls: BTreeSet::new(),
            lost: BTreeMap::new(),
        }
    }

    pub fn registers_at_all(&self) -> bool {
        self.phone.lines.iter().any(|line| line.registers)
    }
}
