//! The state file of what siprig changed on a pair of interfaces, from the first change until it is undone.
//!
//! It is written by who holds the lock on the pair, and beside the file first, so that it is always whole. What it says
//! counts in the network namespace that it was written in, and until the machine starts again: neither bridges nor settings
//! outlive that.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{error::UserError, exit::Exit, state};
use crate::{
    bridge::survey,
    config::Network,
    event::{Action, Event, Observed, Offload, OutageEnd, OutageId, Record, SettingChange},
    session::Subscriber,
};

/// The version of the file.
const SCHEMA: &str = "siprig.network/1";

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    schema: String,
    place: Place,
    /// The bridge between the two.
    pub bridge: Option<BridgeMade>,
    /// Settings, each as it was before anything was changed.
    pub settings: Vec<Setting>,
    /// An interface that is switched off for an outage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<SwitchedOff>,
}

/// An interface that was switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedOff {
    /// Its name.
    pub interface: String,
    /// Since when, in UTC.
    pub since: String,
}

/// Where and when a change counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Which start of the machine (random(4), `boot_id`).
    boot: String,
    /// Which network namespace.
    namespace: u64,
}

/// A bridge that was worked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeMade {
    /// Its name.
    pub name: String,
    /// Its number: another bridge may get the same name, and in one namespace never the same number.
    pub index: u32,
    /// Siprig made it; otherwise it was there.
    pub created: bool,
    /// Since when, in UTC.
    pub since: String,
}

/// A setting that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Of which interface.
    pub interface: String,
    /// Which.
    pub setting: Offload,
    /// Whether it was on before.
    pub was_on: bool,
    /// When, in UTC.
    pub since: String,
}

impl Setting {
    /// As who changed it said it.
    pub fn change(&self) -> SettingChange {
        SettingChange { interface: self.interface.clone(), setting: self.setting, was_on: self.was_on }
    }
}

/// The file of one pair of interfaces.
#[derive(Debug, Clone)]
pub struct ChangesFile {
    path: PathBuf,
    place: Place,
}

impl ChangesFile {
    /// The file of the pair of interfaces of a bench, whichever way round they are named.
    ///
    /// # Errors
    /// If there is no directory for it.
    pub fn of(network: &Network) -> Result<Self, UserError> {
        let namespace = fs::metadata("/proc/self/ns/net").map_or(0, |found| found.ino());
        Ok(Self { path: state::of_network()?.join(name(namespace, network)), place: Place::here() })
    }

    /// What it says; nothing, if it is not there or tells of another namespace or an earlier start of the machine.
    ///
    /// # Errors
    /// If it can not be read.
    pub fn read(&self) -> Result<Changes, UserError> {
        let place = self.place.clone();
        let none = Changes { schema: SCHEMA.to_owned(), place, bridge: None, settings: Vec::new(), off: None };
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(none),
            Err(error) => return Err(self.unusable("read", &error)),
        };
        match serde_json::from_slice::<Changes>(&text) {
            Ok(changes) if changes.schema != SCHEMA => Err(self.unusable("understand", &"it has another version")),
            Ok(changes) => Ok(if changes.place == self.place { changes } else { none }),
            Err(error) => Err(self.unusable("understand", &error)),
        }
    }

    /// Writes it; where nothing is changed any more there is none.
    ///
    /// # Errors
    /// If it can not be written.
    pub fn write(&self, changes: &Changes) -> Result<(), UserError> {
        let failed = |error: io::Error| self.unusable("write", &error);
        if changes.is_nothing() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec(changes).map_err(|error| failed(error.into()))?;
        let beside = self.path.with_extension("new");
        let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let written =
            written.and_then(|mut file| io::Write::write_all(&mut file, &text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&beside, &self.path)).map_err(failed)
    }

    /// Adds what the bridge was made of, and what was changed for it.
    ///
    /// # Errors
    /// If it can not be read or written.
    pub fn note(&self, bridge: &str, adopted: bool, changed: &[SettingChange]) -> Result<(), UserError> {
        let mut changes = self.read()?;
        // A bridge that is gone already needs no undoing.
        if let Ok(index) = nix::net::if_::if_nametoindex(bridge) {
            changes.note_bridge(bridge, index, adopted, &now());
        }
        changes.note_settings(changed, &now());
        self.write(&changes)
    }

    /// Adds settings that were changed.
    ///
    /// # Errors
    /// If it can not be read or written.
    pub fn note_settings(&self, changed: &[SettingChange]) -> Result<(), UserError> {
        let mut changes = self.read()?;
        changes.note_settings(changed, &now());
        self.write(&changes)
    }

    /// Notes that an interface is about to be switched off.
    ///
    /// # Errors
    /// If it can not be read or written.
    pub fn note_off(&self, interface: &str) -> Result<(), UserError> {
        let mut changes = self.read()?;
        changes.off.get_or_insert_with(|| SwitchedOff { interface: interface.to_owned(), since: now() });
        self.write(&changes)
    }

    /// Notes that it is on again.
    ///
    /// # Errors
    /// If it can not be read or written.
    pub fn note_on(&self) -> Result<(), UserError> {
        let mut changes = self.read()?;
        changes.off = None;
        self.write(&changes)
    }

    fn unusable(&self, what: &str, error: &dyn std::fmt::Display) -> UserError {
        let message = format!("cannot {what} {}, where changes of interfaces are noted: {error}", self.path.display());
        UserError::new(Exit::Rig, message, "remove it, or set SIPRIG_STATE to a directory of your own")
    }
}

impl Changes {
    /// Nothing that siprig made or changed is left.
    fn is_nothing(&self) -> bool {
        self.settings.is_empty() && self.off.is_none() && !self.bridge.as_ref().is_some_and(|bridge| bridge.created)
    }

    /// Whether siprig made the bridge of this name and number.
    pub fn made(&self, name: &str, index: u32) -> Option<&BridgeMade> {
        self.bridge.as_ref().filter(|bridge| bridge.created && bridge.name == name && bridge.index == index)
    }

    /// The bridge of this number is gone.
    pub fn forget_bridge(&mut self, index: u32) {
        self.bridge = self.bridge.take().filter(|bridge| bridge.index != index);
    }

    /// Only the bridge of this number is there; none: there is no bridge.
    pub fn forget_bridge_unless(&mut self, index: Option<u32>) {
        self.bridge = self.bridge.take().filter(|bridge| Some(bridge.index) == index);
    }

    fn note_bridge(&mut self, name: &str, index: u32, adopted: bool, now: &str) {
        // What siprig has made is there the next time, and so is adopted; it stays its own.
        if adopted && self.made(name, index).is_some() {
            return;
        }
        let (name, since) = (name.to_owned(), now.to_owned());
        self.bridge = Some(BridgeMade { name, index, created: !adopted, since });
    }

    /// The value that counts is the one from before the first change.
    fn note_settings(&mut self, changed: &[SettingChange], now: &str) {
        for change in changed {
            let known = |it: &Setting| it.interface == change.interface && it.setting == change.setting;
            if !self.settings.iter().any(known) {
                let SettingChange { interface, setting, was_on } = change.clone();
                self.settings.push(Setting { interface, setting, was_on, since: now.to_owned() });
            }
        }
    }
}

impl Place {
    fn here() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: boot.trim().to_owned(), namespace: survey::namespace() }
    }
}

fn name(namespace: u64, network: &Network) -> String {
    let mut sides = [network.phone_side.as_str(), network.server_side.as_str()];
    sides.sort_unstable();
    format!("net-{namespace}-{}-{}.json", sides[0], sides[1])
}

fn now() -> String {
    super::lock::Holder::myself("").since
}

/// Notes what a run changes, as soon as it is told, and ahead of it where a run that is killed would leave it so.
pub struct Noting {
    file: ChangesFile,
    network: Network,
    /// Outages for which a link is down.
    down: BTreeSet<OutageId>,
}

impl Noting {
    /// Notes there what is changed on these interfaces.
    pub fn new(network: &Network) -> Result<Self, UserError> {
        Ok(Self { file: ChangesFile::of(network)?, network: network.clone(), down: BTreeSet::new() })
    }

    /// The outage is over. Whether the link is on again is not known of one whose helper was lost.
    fn ended(&mut self, outage: OutageId, why: OutageEnd) -> Result<(), UserError> {
        let last = why != OutageEnd::HelperLost && self.down.remove(&outage) && self.down.is_empty();
        if last { self.file.note_on() } else { Ok(()) }
    }
}

impl Subscriber for Noting {
    fn record(&mut self, record: &Record) {
        let noted = match &record.event {
            Event::Observed(Observed::BridgeReady { bridge, adopted, changed }) => {
                self.file.note(bridge, *adopted, changed)
            }
            Event::Observed(Observed::LinkBack { changed, .. }) if !changed.is_empty() => {
                self.file.note_settings(changed)
            }
            Event::Action(Action::BeginOutage { outage, spec }) => {
                let Some(side) = spec.mode.link() else { return };
                self.down.insert(*outage);
                self.file.note_off(self.network.interface_of(side))
            }
            Event::Observed(Observed::OutageEnded { outage, why, .. }) => self.ended(*outage, *why),
            _ => return,
        };
        if let Err(error) = noted {
            // The run needs no such file; `net restore` would.
            error.print();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn network(phone_side: &str, server_side: &str) -> Network {
        Network::between(phone_side, server_side)
    }

    fn file(folder: &Path) -> ChangesFile {
        ChangesFile { path: folder.join("net-1-a-b.json"), place: Place::here() }
    }

    fn off(interface: &str) -> SettingChange {
        SettingChange { interface: interface.to_owned(), setting: Offload::GenericReceiveOffload, was_on: true }
    }

    fn files(folder: &Path) -> usize {
        folder.read_dir().unwrap().count()
    }

    #[test]
    fn a_pair_has_one_file_whichever_way_round_it_is_named() {
        assert_eq!(name(7, &network("a", "b")), name(7, &network("b", "a")));
    }

    #[test]
    fn what_was_there_before_the_first_change_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let mut changes = file.read().unwrap();
        changes.note_settings(&[off("a")], "first");
        changes.note_settings(&[SettingChange { was_on: false, ..off("a") }, off("b")], "second");
        file.write(&changes).unwrap();
        let read = file.read().unwrap();
        let told: Vec<_> =
            read.settings.iter().map(|it| (it.interface.as_str(), it.was_on, it.since.as_str())).collect();
        assert_eq!(told, [("a", true, "first"), ("b", true, "second")]);
        assert_eq!(files(folder.path()), 1, "nothing is left beside the file");
    }

    #[test]
    fn a_bridge_that_siprig_made_stays_its_own_and_one_that_took_its_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut changes = file(folder.path()).read().unwrap();
        changes.note_bridge("siprig0", 5, false, "first");
        changes.note_bridge("siprig0", 5, true, "again");
        assert_eq!(changes.made("siprig0", 5).map(|bridge| bridge.since.as_str()), Some("first"));
        assert_eq!(changes.made("siprig0", 9), None);
        changes.note_bridge("siprig0", 9, true, "somebody else's");
        assert_eq!(changes.made("siprig0", 9), None);
    }

    #[test]
    fn where_nothing_is_left_to_undo_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let mut changes = file.read().unwrap();
        changes.note_bridge("br-lab", 5, true, "adopted");
        file.write(&changes).unwrap();
        assert_eq!(files(folder.path()), 0);
        changes.note_settings(&[off("a")], "now");
        file.write(&changes).unwrap();
        assert_eq!(files(folder.path()), 1);
        changes.settings.clear();
        file.write(&changes).unwrap();
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn what_another_namespace_or_an_earlier_start_of_the_machine_left_says_nothing_here() {
        let folder = tempfile::tempdir().unwrap();
        let here = file(folder.path());
        let elsewhere = ChangesFile { place: Place { namespace: u64::MAX, ..Place::here() }, ..here.clone() };
        let earlier = ChangesFile { place: Place { boot: "another".to_owned(), ..Place::here() }, ..here.clone() };
        for other in [elsewhere, earlier] {
            let mut changes = other.read().unwrap();
            changes.note_settings(&[off("a")], "then");
            other.write(&changes).unwrap();
            assert_eq!(other.read().unwrap(), changes);
            assert_eq!(here.read().unwrap().settings, []);
        }
    }

    #[test]
    fn a_file_that_is_none_is_named_and_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        fs::write(&file.path, "{").unwrap();
        assert!(file.note("siprig0", false, &[off("a")]).unwrap_err().text().contains("net-1-a-b.json"));
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "{");
    }
}
