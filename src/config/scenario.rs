//! A scenario: an ordered list of steps. A TOML file in `rig/scenarios/`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    bench::Role,
    keying::{self, Confirm},
    pbx::Need,
};
use crate::{
    event::{Move, PbxName, PushCommand, Stroke},
    verdict::Blame,
};

mod outage;
mod turns;

pub use outage::{Failure, LONGEST_DELAY, LONGEST_OUTAGE, ModePlan, Moment, OutagePlan};
pub use turns::{TurnOrder, Turns};

/// A checked scenario: every outage is lifted by a later step or by the teardown, moves come in a possible order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, which is also that of its file.
    pub name: String,
    /// What it tries, in a sentence.
    pub title: String,
    /// The sentence of the source document that it proves or refutes.
    pub proves: Option<String>,
    /// The virtual bench on which it is tried where no bench is named; none: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_on: Option<String>,
    /// Who waits for whom.
    #[serde(default, skip_serializing_if = "Pace::is_together")]
    pub pace: Pace,
    /// Where its lines are when it begins: verified before, and what it is restored to.
    #[serde(default, skip_serializing_if = "StartState::is_registered")]
    pub start: StartState,
    /// The side of each call that a peer of the bench takes; none: phones call each other in pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Party>,
    /// What a bench must have for it, beside what its steps say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The load that its moves put on servers is measured as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub load: bool,
    /// Nothing is asked of the phones, and no case is judged: somebody looks on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
    /// Limits of measurements beside those that follow from the phones' timers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Its steps, one after the other.
    pub steps: Vec<Step>,
    /// Steps that restore the start state, whatever the cases came to. Every outage is over before the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teardown: Vec<Step>,
    /// The teardown may take this long altogether.
    #[serde(default = "teardown_limit", with = "super::duration", skip_serializing_if = "is_teardown_limit")]
    pub teardown_limit: Duration,
}

/// How long a teardown may take where the scenario does not say: until a registration of ten minutes has run out, and as
/// long again for what comes before and after it.
pub const fn teardown_limit() -> Duration {
    Duration::from_secs(1800)
}

fn is_teardown_limit(limit: &Duration) -> bool {
    *limit == teardown_limit()
}

/// Who waits for whom before the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// All phones finish a step before any begins the next.
    #[default]
    Together,
    /// The two phones of each pair do, whatever the other pairs are at.
    Pairs,
    /// Each phone goes its own way.
    Phones,
}

impl Pace {
    fn is_together(&self) -> bool {
        *self == Self::Together
    }
}

/// Where lines are when a scenario begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartState {
    /// Logged on and registered at the primary, local settings empty, in no call.
    #[default]
    Registered,
    /// Nobody is logged on: no server holds a binding.
    LoggedOff,
}

impl StartState {
    fn is_registered(&self) -> bool {
        *self == Self::Registered
    }
}

/// A limit that a scenario sets to a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limit {
    /// The measurement's name.
    pub measurement: String,
    /// The most that it may be, in its own unit (milliseconds for times).
    pub at_most: u64,
    /// Whose fault it is where it is more.
    pub blame: Blame,
}

impl Scenario {
    /// A scenario of these steps, and everything else as it is where a file does not say.
    pub fn of(name: &str, title: &str, steps: Vec<Step>) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            proves: None,
            tried_on: None,
            pace: Pace::default(),
            start: StartState::default(),
            peer: None,
            needs: Vec::new(),
            load: false,
            watch: false,
            limits: Vec::new(),
            steps,
            teardown: Vec::new(),
            teardown_limit: teardown_limit(),
        }
    }

    /// The steps and those of the teardown, in order.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.teardown)
    }

    /// Whether any outage is lifted for one phone after the other.
    pub fn has_turns(&self) -> bool {
        self.all_steps().any(|step| matches!(step.kind, StepKind::Lift { turns: Some(_), .. }))
    }

    /// Whether any step types a PIN.
    pub fn types_pin(&self) -> bool {
        self.all_steps().any(|step| step.kind.types_pin())
    }
}

impl Step {
    /// A step of all phones.
    pub fn of(title: &str, kind: StepKind) -> Self {
        Self {
            title: title.to_owned(),
            kind,
            optional: false,
            completes: false,
            only: None,
            confirm: Confirm::default(),
            documented_limit: None,
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// For people: `take the primary away`.
    pub title: String,
    /// What is done or expected.
    #[serde(flatten)]
    pub kind: StepKind,
    /// A phone that lacks the part (console, keypad, menu) passes over the step; otherwise its case is skipped.
    pub optional: bool,
    /// It completes the step before it, and whoever passed over that passes over it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub completes: bool,
    /// Only these phones take it; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Only>,
    /// Of keys that it presses, what is to show that they arrived.
    #[serde(default, skip_serializing_if = "Confirm::is_default")]
    pub confirm: Confirm,
    /// What it expects does not happen, and a document says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documented_limit: Option<DocumentedLimit>,
}

/// Phones that take a step which the others pass over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Only {
    /// One side of each pair.
    Party(Party),
    /// Those whose model has this name, or a name that begins with it where it ends in `*`.
    Model(String),
}

impl Only {
    /// Whether a model is meant.
    pub fn names_model(&self, model: &str) -> bool {
        match self {
            Self::Party(_) => false,
            Self::Model(name) => name.strip_suffix('*').map_or(model == name, |beginning| model.starts_with(beginning)),
        }
    }
}

/// A limit that the maker admits. A case that shows it fails as expected; one that does not show it fails unexpectedly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentedLimit {
    /// The code that the step's failure has where the limit shows, as `never-failed-back`.
    pub code: String,
    /// The sentence of the document.
    pub says: String,
}

/// What a step does or expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StepKind {
    /// Each line makes this move within its computed deadline.
    Expect {
        /// Which move.
        of: Move,
    },
    /// Each phone gives a sign of life.
    Alive,
    /// No line registers anywhere, because its registrar is off, and its phone lives.
    Silence,
    /// Each line shows what it does about the outage of its primary, whatever that is.
    Reaction,
    /// Each line has the subscription of its message lamp at the server where it is registered.
    MessageLamp,
    /// Each phone's keys bring up a menu; each press is confirmed by its effect.
    Keys {
        /// Name of a key sequence of the model.
        menu: String,
        /// They make the phone boot, which therefore is no crash, and bring up nothing else.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reboots: bool,
    },
    /// Each phone's keys are pressed one by one; each press is confirmed by its effect.
    Press {
        /// Keys of the model, and placeholders (see [`keying`]).
        keys: Vec<Stroke>,
        /// They make the phone boot, which therefore is no crash.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reboots: bool,
    },
    /// Each phone dials; the call on the wire confirms it.
    Dial {
        /// Digits of the key pad, and placeholders (see [`keying`]).
        number: String,
    },
    /// Each phone is told something by its XML interface.
    Push {
        /// What.
        command: PushCommand,
    },
    /// Each phone is made to boot: by its XML interface, or else by the keys of [`RESTART`](StepKind::RESTART).
    Restart,
    /// Settings are put on top of what the base set of the bench has for each phone, in the phone's own file. They are taken
    /// away again before the teardown. What makes them count is a boot.
    Configure {
        /// By name; none: the file is as in the base set.
        settings: BTreeMap<String, String>,
    },
    /// Each phone asks for its own file in the course of a boot.
    Fetch,
    /// Each phone's display comes to show a text, by its console.
    Display {
        /// A part of what it shows.
        text: String,
    },
    /// A person does something, and says so.
    Ask {
        /// What, for people; `{phone}` and `{extension}` stand for those of the phone.
        text: String,
        /// How long it is waited for.
        #[serde(with = "super::duration")]
        limit: Duration,
    },
    /// In each pair of phones somebody's keys do something about a call.
    Call {
        /// What.
        act: CallAct,
    },
    /// In each pair of phones a call stands so.
    ExpectCall {
        /// How.
        of: CallMark,
    },
    /// No phone of a pair is in any call.
    ExpectIdle,
    /// A setting of the PBX is changed, for everybody. It is set back before the teardown.
    Pbx {
        /// Which.
        setting: PbxName,
        /// What it is to be.
        state: String,
    },
    /// Servers go away for the phones under test.
    Outage(Box<OutagePlan>),
    /// Outages in force end.
    Lift {
        /// Of the servers in this role; none: all of them.
        server: Option<Role>,
        /// For one phone after the other; none: for all at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turns: Option<Turns>,
    },
    /// Nothing happens for a while.
    Wait {
        /// For how long.
        #[serde(rename = "for", with = "super::duration")]
        span: Duration,
    },
    /// Phones that go at their own pace wait here for all others.
    Meet,
}

impl StepKind {
    /// The key sequence of a model that makes a phone boot.
    pub const RESTART: &str = "restart";

    /// The keys that it presses by name, with placeholders; none for those that the model names.
    pub fn pressed(&self) -> Option<Vec<Stroke>> {
        match self {
            Self::Press { keys, .. } => Some(keys.clone()),
            Self::Dial { number } => keying::keys_of(number).ok(),
            _ => None,
        }
    }

    /// Whether it changes what is changed back before the teardown, beside the network.
    pub fn changes_settings(&self) -> bool {
        matches!(self, Self::Pbx { .. } | Self::Configure { .. })
    }

    /// Whether it types a PIN.
    pub fn types_pin(&self) -> bool {
        self.pressed().is_some_and(|keys| keys.iter().any(keying::is_pin))
    }
}

/// A side of a call. Phones are paired in the order of the run: the first calls the second, the third the fourth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// Who calls.
    Callers,
    /// Who is called.
    Callees,
}

/// What keys do about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallAct {
    /// The caller dials the callee's extension.
    Dial,
    /// The callee picks up.
    Answer,
    /// The caller hangs up.
    HangUp,
    /// Both hang up, whatever they are in: for teardowns.
    Clear,
}

impl CallAct {
    /// The key sequences of the model that it takes, before and after the digits.
    pub const fn menus(self) -> &'static [&'static str] {
        match self {
            Self::Dial => &["hang-up", "send"],
            Self::Answer => &["answer"],
            Self::HangUp | Self::Clear => &["hang-up"],
        }
    }

    /// Whose keys are pressed; none: both parties'.
    pub const fn party(self) -> Option<Party> {
        match self {
            Self::Dial | Self::HangUp => Some(Party::Callers),
            Self::Answer => Some(Party::Callees),
            Self::Clear => None,
        }
    }
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallMark {
    /// The callee's telephone rings, and the caller's hears it.
    Ringing,
    /// It was picked up, and the caller has confirmed that.
    Answered,
    /// It does not get through.
    Fails,
    /// It was picked up, and nobody has ended it.
    Alive,
    /// The caller has ended it, and the callee has confirmed that.
    HungUp,
}
