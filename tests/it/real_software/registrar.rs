//! The registrars' own word: what they hold is asked from them by `kamcmd`, beside siprig, and compared with what
//! siprig read off the wire.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use siprig::{
    event::{BindingEvent, Derived, Event, Observed, Record},
    journal::JournalReader,
};

/// Registrars count lifetimes in whole seconds, by a clock that ticks once a second.
const ROUNDING_S: f64 = 2.0;

/// What a registrar holds at some time: contacts by extension, and the seconds that are left of them.
#[derive(Debug)]
pub struct Holding {
    server: String,
    /// Before and after it was asked, in nanoseconds since 1970.
    asked: [i128; 2],
    contacts: BTreeMap<(String, String), f64>,
}

impl Holding {
    /// Asks the registrar of this name on the bench in `lab`.
    pub fn ask(lab: &Path, server: &str) -> Self {
        let socket = format!("unix:{}", lab.join(format!("{server}.ctl")).display());
        let before = now();
        let output = Command::new("kamcmd").args(["-s", &socket, "ul.dump"]).output().unwrap();
        let after = now();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        Self { server: server.to_owned(), asked: [before, after], contacts: contacts(&text) }
    }
}

/// The live contacts in what `ul.dump` prints; of the dead ones it prints a word instead of a number.
fn contacts(dump: &str) -> BTreeMap<(String, String), f64> {
    let (mut extension, mut address) = (String::new(), String::new());
    let mut held = BTreeMap::new();
    for line in dump.lines() {
        match line.trim().split_once(": ") {
            Some(("AoR", aor)) => extension = aor.to_owned(),
            Some(("Address", contact)) => address = contact.to_owned(),
            Some(("Expires", left)) => {
                if let Some(left) = left.parse().ok().filter(|left| *left > 0.0) {
                    held.insert((extension.clone(), address.clone()), left);
                }
            }
            _ => {}
        }
    }
    held
}

/// Holds every answer of the registrars against the journal of the run.
pub fn agree(journal: &Path, holdings: &[Holding]) {
    let records: Vec<Record> = JournalReader::open(journal).unwrap().map(Result::unwrap).collect();
    let Event::Observed(Observed::RunStarted { plan }) = &records[0].event else { panic!("a journal without a plan") };
    // The bench may have phones that this run is not about.
    let lines = plan.phones.iter().flat_map(|name| &plan.phone(name).unwrap().lines);
    let extensions: BTreeSet<&str> = lines.map(|line| line.extension.as_str()).collect();
    for holding in holdings {
        // Something may have changed while it answered: then the answer is right if it was so before or after.
        let asked = holding.asked.map(|unix| (unix - i128::from(plan.epoch_unix_ns)) as f64 / 1e9);
        let believed = asked.map(|time| (time, believed(&records, &holding.server, time)));
        let said = &holding.contacts;
        for (contact, left) in said.iter().filter(|(contact, _)| extensions.contains(contact.0.as_str())) {
            let agrees = believed
                .iter()
                .any(|(time, held)| held.get(contact).is_some_and(|until| (time + left - until).abs() <= ROUNDING_S));
            assert!(agrees, "registrar {}: {contact:?} for {left} s; siprig: {believed:#?}", holding.server);
        }
        for contact in believed[0].1.keys().filter(|contact| believed[1].1.contains_key(*contact)) {
            assert!(said.contains_key(contact), "registrar {} holds no {contact:?}: {said:#?}", holding.server);
        }
    }
}

/// The bindings that siprig took a server to hold at a time: when they run out, all in seconds since the run began.
fn believed(records: &[Record], server: &str, time: f64) -> BTreeMap<(String, String), f64> {
    let mut held = BTreeMap::new();
    for record in records {
        let Event::Derived(Derived::Binding(binding)) = &record.event else { continue };
        let at = record.when.at.as_millis_f64() / 1e3;
        if binding.server.0 != server || at > time {
            continue;
        }
        let contact = (binding.line.extension.clone(), binding.contact.clone());
        match binding.change {
            BindingEvent::Created { granted_s } | BindingEvent::Refreshed { granted_s } => {
                held.insert(contact, at + f64::from(granted_s));
            }
            BindingEvent::Expired | BindingEvent::Removed => {
                held.remove(&contact);
            }
        }
    }
    held
}

#[expect(clippy::disallowed_methods, reason = "an outside witness has a clock of its own")]
fn now() -> i128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().cast_signed()
}
