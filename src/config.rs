//! Files that people write, read strictly and turned into types that the rest of the program trusts.
//!
//! Each file is read twice: serde with unknown keys refused, then checked as a whole (names, references, addresses).
//! Errors name file, line, what was expected and what to do. What survives is a [`Plan`], which the journal's first
//! record carries, so that a run can be judged again without the files it came from.
//!
//! The phones' own configuration files are [`provisioning`]'s; they are nobody's to refuse, and read tolerantly.
//!
//! Not here: anything that opens a port or an interface, and the description of the virtual bench.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::PhoneName;

mod aim;
pub mod bench;
mod check;
mod dark;
pub mod diagnostic;
pub mod document;
pub mod duration;
mod embedded;
mod identity;
pub mod keying;
pub mod licences;
pub mod load;
pub mod model;
pub mod overrides;
pub mod pbx;
pub mod peer;
pub mod phone_files;
pub mod port;
pub mod provisioning;
mod raw;
pub mod scenario;
pub mod suite;
pub mod witness;

pub use aim::Aim;
pub use bench::{Bench, CAPTURE_SIZE, ConsolePort, Hook, Keypad, Line, Network, Phone, Proxies, Role, Server};
pub use check::LONGEST;
pub use identity::{Identity, Mac};
pub use keying::Confirm;
pub use licences::Licences;
pub use model::{
    Assignable, Dialect, FailbackHabit, KeyGroup, KeyUrl, LoginDialogue, Model, Pressing, RegistrationHabit,
    RenewalLead, Sign, Source, Timer, Timers, XmlNames,
};
pub use pbx::{Need, PbxSetting};
pub use peer::Peer;
pub use phone_files::{PhoneFiles, PutCommand, Served};
pub use port::{AddressError, PortAddress, Remote, UsbIdentity, UsbPath};
pub use scenario::{
    CallAct, CallMark, DocumentedLimit, Failure, Limit, ModePlan, Moment, Only, OutagePlan, Pace, Party, Scenario,
    StartState, Step, StepKind, TurnOrder, Turns,
};
pub use suite::{Day, Entry, KnownIssue, Notify, Occasion, Suite};
pub use witness::{Asked, ServerWitness, StatusPage, SyslogDialect, WatchedPage};

/// All that a run's judgement depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the run, which is also that of its directory: `2026-11-23T221503Z-failover`.
    pub run: String,
    /// Wall clock at the run's beginning, in nanoseconds since the Unix epoch.
    pub epoch_unix_ns: i64,
    /// Version of siprig that ran it.
    pub version: String,
    /// The bench.
    pub bench: Bench,
    /// The models of its phones, by the name the phones use.
    pub models: BTreeMap<String, Model>,
    /// The scenario, or the first of several.
    pub scenario: Scenario,
    /// The scenarios that follow it, each on all the phones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Scenario>,
    /// The phones under test, a subset of the bench's, in its order.
    pub phones: Vec<PhoneName>,
    /// Phones that may go by settings which a run before this one put on top of the base set, and which a boot takes away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<PhoneName>,
    /// `--set` overrides in force, as given.
    pub overrides: Vec<String>,
    /// Exact bytes were kept: no secret is masked (`--keep-secrets`).
    pub keep_secrets: bool,
    /// Links may be taken down (`--allow-link-down`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_link_down: bool,
}

impl Plan {
    /// Every scenario, in the order in which they are run.
    pub fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        std::iter::once(&self.scenario).chain(&self.then)
    }

    /// What is run, for people: `failover`, or `failover and 2 more scenarios`.
    pub fn title(&self) -> String {
        let first = &self.scenario.name;
        match self.then.len() {
            0 => first.clone(),
            1 => format!("{first} and 1 more scenario"),
            more => format!("{first} and {more} more scenarios"),
        }
    }

    /// The phone of that name, if it is in the bench.
    pub fn phone(&self, name: &PhoneName) -> Option<&Phone> {
        self.bench.phones.iter().find(|phone| phone.name == *name)
    }

    /// The model of that phone.
    pub fn model_of(&self, phone: &Phone) -> Option<&Model> {
        self.models.get(&phone.model)
    }
}
