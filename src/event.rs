//! The spine: everything that happens in a run is a [`Record`], and every judgement is a function of records.
//!
//! Drivers report what they see as [`Observed`]; the session gives each report a number and a place in the order;
//! the engine answers with [`Derived`] facts and with [`Action`]s for the drivers. All three are journalled, so that
//! feeding the observed records of a journal to a fresh engine must give the same derived ones and the same actions.
//!
//! | part | what it holds |
//! |---|---|
//! | [`stamp`] | times, and names of phones, servers and keys |
//! | [`door`] | what a phone knocks at before SIP, and what is done about it |
//! | [`stroke`] | what is done to keys at a time |
//! | [`outage`] | what an outage is, does and ends by |
//! | [`hook`] | commands that stop and start servers |
//! | [`place`] | where a server answers from |
//! | [`push`] | what phones are told |
//! | [`rig`] | parts of it that can fail, and evidence that can be lost |
//! | [`setting`] | what was changed on the interfaces |
//! | [`sip`] | a SIP message as the wire shows it |
//! | [`tls`] | what the wire shows of one that is encrypted |
//! | [`moves`] | bindings and moves, as the engine concludes them |
//!
//! Not here: how bytes become events (`wire`), where they come from (`driver`), what they mean (`engine`).

use std::{collections::BTreeMap, fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Mac, Plan},
    verdict::{Case, CaseId, Measurement},
};

pub mod door;
pub mod hook;
pub mod moves;
pub mod outage;
pub mod place;
pub mod push;
pub mod rig;
pub mod setting;
pub mod sip;
pub mod stamp;
pub mod stroke;
pub mod tls;

pub use door::{Door, Knock};
pub use hook::{HookAct, HookOutcome};
pub use moves::{BindingChange, BindingEvent, Move};
pub use outage::{
    Bystander, Bystanders, Course, Impairment, Manner, OutageEnd, OutageMode, OutageScope, OutageSpec, OutageTally,
    Part, Phase, Selection, Share, Spoof, Toward, Unreachable,
};
pub use place::ServerPlace;
pub use push::PushCommand;
pub use rig::{LinkLoss, Loss, PortKind, RigPart};
pub use setting::{Offload, SettingChange};
pub use sip::{Fate, SipContact, SipFact, SipMessage, SipStart, SipSummary, Transport};
pub use stamp::{KeyName, PhoneName, ServerName, Stamp, When};
pub use stroke::{Hold, Stroke};
pub use tls::{TlsFact, TlsStep};

/// One SIP account of a phone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineId {
    /// The phone it belongs to.
    pub phone: PhoneName,
    /// The extension, which is the user part of its address of record.
    pub extension: String,
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.phone, self.extension)
    }
}

/// The number of an outage within its run, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutageId(pub u32);

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the journal, from 1. Evidence names these numbers.
    pub seq: u64,
    /// When the session took it: never decreases, orders the journal.
    pub seen: Stamp,
    /// When it happened: the only time used in measurements.
    #[serde(flatten)]
    pub when: When,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The three kinds of record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It came in through a driver, the clock or the operator.
    Observed(Observed),
    /// The engine concluded it.
    Derived(Derived),
    /// The engine ordered it from the drivers.
    Action(Action),
}

/// What drivers report. The only input of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Observed {
    /// The run begins. Always the first record; holds all that the judgement depends on.
    RunStarted {
        /// Bench, models and scenario, checked and merged.
        plan: Box<Plan>,
    },
    /// A console or keypad is open and being read.
    PortOpened {
        /// The phone it belongs to.
        phone: PhoneName,
        /// Which of its ports.
        port: PortKind,
        /// For how long it was away, in nanoseconds, where it was lost before: what the phone said meanwhile is lost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        away_ns: Option<u64>,
        /// Its bytes come through a network: nobody knows how long they took, and all of its times are the rougher.
        #[serde(default, skip_serializing_if = "is_false")]
        across_network: bool,
    },
    /// A console or keypad is gone: unplugged, closed by the other end, or not answering.
    PortLost {
        /// The phone it belongs to.
        phone: PhoneName,
        /// Which of its ports.
        port: PortKind,
        /// What the system said.
        reason: String,
    },
    /// A complete line (or a confirmed prompt) arrived on a console.
    ConsoleLine {
        /// The phone that wrote it.
        phone: PhoneName,
        /// Without control sequences and line ending, secrets masked; lossy UTF-8, at most 4096 bytes.
        text: String,
        /// Where its bytes lie in the raw log of that console.
        raw: RawRef,
        /// It repeats what we typed.
        echo: bool,
    },
    /// The keypad executed a key sequence, or gave up on it. A phone whose XML interface is its keypad took it, or did not.
    KeysPlayed {
        /// The phone whose keys they are.
        phone: PhoneName,
        /// The number given in [`Action::PlayKeys`].
        sequence: u32,
        /// From the order to the acknowledgement of the board, or of the phone.
        ack_after_ns: u64,
        /// What went wrong, if anything did.
        error: Option<String>,
    },
    /// A phone took what was pushed to it, or did not.
    Pushed {
        /// The phone.
        phone: PhoneName,
        /// The number given in [`Action::Push`].
        sequence: u32,
        /// From the order to the phone's answer.
        ack_after_ns: u64,
        /// What went wrong, if anything did.
        error: Option<String>,
    },
    /// A SIP message of a declared phone passed, or tried to pass, the bridge. Seen on the side it entered from.
    Sip(Box<SipFact>),
    /// The bridge is up: both sides are joined and both taps run.
    BridgeReady {
        /// The bridge's interface name.
        bridge: String,
        /// True if it existed before and was only adopted.
        adopted: bool,
        /// Settings of the interfaces that had to be changed for it, and stay so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<SettingChange>,
    },
    /// An outage is in force. The time of the record is *t0*, its error the span of the commit; of a server that was stopped by
    /// a command, the time is when that was run, and its error how long it took.
    OutageBegan {
        /// Which.
        outage: OutageId,
    },
    /// A command that stops or starts a server is about to be run.
    HookStarted {
        /// The outage that it begins or ends.
        outage: OutageId,
        /// The server.
        server: ServerName,
        /// Which of its commands.
        act: HookAct,
    },
    /// It has ended, or was killed.
    HookEnded {
        /// The outage that it begins or ends.
        outage: OutageId,
        /// The server.
        server: ServerName,
        /// Which of its commands.
        act: HookAct,
        /// What came of it.
        outcome: HookOutcome,
    },
    /// An outage was ordered and does not begin, because of what its server's frames show.
    OutageDeclined {
        /// Which.
        outage: OutageId,
        /// What they show.
        reason: String,
    },
    /// An outage has ended; all paths it blocked are open again.
    OutageEnded {
        /// Which.
        outage: OutageId,
        /// Why it ended.
        why: OutageEnd,
        /// What it did, per phone.
        tally: BTreeMap<PhoneName, OutageTally>,
    },
    /// The first frame of a phone that an outage dropped in one direction: the *first bite*.
    FirstBite {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneName,
        /// Which way it went.
        toward: Toward,
    },
    /// The last frame of a phone that an outage dropped in one direction. Told when the outage has ended; the time is that of the
    /// frame.
    LastBite {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneName,
        /// Which way it went.
        toward: Toward,
    },
    /// A frame under an outage was seen beyond the bridge. The time is that of the frame.
    Leak {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneName,
        /// Which way it went.
        toward: Toward,
    },
    /// A marked frame of our own was sent through the bridge in the phone's name.
    Canary {
        /// The outage in force, or none for the control before it.
        outage: Option<OutageId>,
        /// The phone whose path it took.
        phone: PhoneName,
        /// The server whose path it took.
        server: ServerName,
        /// Which way it went.
        toward: Toward,
        /// True if it came out on the other side.
        passed: bool,
    },
    /// A frame came in from the phone: the device is alive. Reported at most once a second for each phone.
    SignOfLife {
        /// Which phone.
        phone: PhoneName,
    },
    /// A phone has shown an address that it was not known to have, by a frame of its own.
    AddressSeen {
        /// Which phone.
        phone: PhoneName,
        /// The address.
        address: IpAddr,
    },
    /// A server has shown where it answers from. Told once for each place.
    ServerSeen {
        /// Which server.
        server: ServerName,
        /// Its address.
        address: IpAddr,
        /// The place.
        place: ServerPlace,
    },
    /// A frame of a device that is not of an outage, to or from the server that is away for others, has come into the bridge and
    /// not come out. Told once for each device and direction.
    BystanderLost {
        /// The outage.
        outage: OutageId,
        /// The device.
        mac: Mac,
        /// Which way the frame went.
        toward: Toward,
        /// Where it lies in the capture.
        raw: RawRef,
    },
    /// A phone tried to reach a server ahead of any SIP, or was answered: what tells a server that is not there from a
    /// phone that does not call.
    Knock {
        /// Which phone.
        phone: PhoneName,
        /// The server by the address on the wire.
        server: ServerName,
        /// What it knocked at.
        door: Door,
        /// Who did what.
        knock: Knock,
        /// Whether the frame arrived.
        fate: Fate,
        /// Where the frame lies in the capture.
        raw: RawRef,
    },
    /// A step in the life of a TLS connection between a phone and a SIP port of a server.
    Encrypted(Box<TlsFact>),
    /// Evidence was lost: from here to the record before, absence can not be proven.
    EvidenceLost {
        /// How.
        how: Loss,
        /// How many frames or bytes.
        count: u64,
    },
    /// What an earlier bridge helper had left on the bridge was removed.
    OrphansRemoved {
        /// Of ports and tables.
        names: Vec<String>,
    },
    /// An interface carries nothing any more. The kernel may tell of a lost carrier late, by as much as the record's error.
    LinkLost {
        /// Which interface.
        interface: String,
        /// How.
        how: LinkLoss,
    },
    /// It carries frames again: what did not come in between is no proof of anything.
    LinkBack {
        /// Which interface.
        interface: String,
        /// The worst that had happened.
        how: LinkLoss,
        /// How long nothing passed, at least, in nanoseconds.
        gap_ns: u64,
        /// Settings that were changed so that it could be joined again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<SettingChange>,
    },
    /// The wall clock was stepped against the monotonic one.
    ClockStepped {
        /// By how much, in nanoseconds.
        by_ns: i64,
    },
    /// The deadline that the engine asked for has come.
    DeadlineFired {
        /// The reason that the engine gave.
        reason: String,
    },
    /// A driver can not go on.
    DriverFailed {
        /// Which part of the rig.
        part: RigPart,
        /// The phone concerned, or none if all are.
        phone: Option<PhoneName>,
        /// What happened and what to do about it.
        reason: String,
    },
    /// Somebody asked for the end of the run.
    StopRequested {
        /// A signal's name (`SIGINT`) or the operator's.
        by: String,
    },
}

/// What the engine concludes. Front ends and reports live on these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Derived {
    /// The next of several scenarios begins. The first one begins with the run, without a word.
    ScenarioStarted {
        /// Its name.
        scenario: String,
        /// Its index, from 0.
        index: usize,
        /// How many there are.
        of: usize,
    },
    /// A step of the scenario begins.
    StepStarted {
        /// Its index, from 0.
        step: usize,
        /// How many there are.
        of: usize,
        /// For people: `take the primary away`.
        title: String,
        /// The phones that begin it, where phones go at their own pace; none: all of the run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        phones: Vec<PhoneName>,
    },
    /// A case finished or left a step.
    StepEnded {
        /// Its index, from 0.
        step: usize,
        /// Which case.
        case: CaseId,
        /// Whether what the step expects was seen.
        ok: bool,
        /// For people: what was seen, or what was not.
        note: String,
        /// The records that show it.
        evidence: Vec<u64>,
    },
    /// An outage that phones may do without does not begin for these, with all that follows from it: the bench has no place
    /// for it.
    OutageSkipped {
        /// What would have begun, and for whom.
        spec: Box<OutageSpec>,
        /// What it needs, for people: `needs a server on the link: …`.
        needs: String,
    },
    /// From now on this server holds a live binding for the line, or held one and no longer does.
    Binding(BindingChange),
    /// Where the line is registered, seen from the phone: the server that last confirmed it.
    Home {
        /// The line.
        line: LineId,
        /// The server, or none.
        server: Option<ServerName>,
    },
    /// Whom the phone of a line speaks with whose signalling is encrypted: a weaker claim than [`Home`](Self::Home).
    Connected {
        /// The line.
        line: LineId,
        /// The servers, in the order of their names.
        servers: Vec<ServerName>,
    },
    /// A key press showed (or failed to show) its effect on the phone.
    KeyConfirmed {
        /// The phone.
        phone: PhoneName,
        /// What was pressed.
        key: Stroke,
        /// The console line that shows it; none: unconfirmed.
        by: Option<u64>,
    },
    /// The latest time at which a move is still in order.
    DeadlineComputed {
        /// The case it belongs to.
        case: CaseId,
        /// Which move.
        of: Move,
        /// The length of the window, in milliseconds.
        window_ms: f64,
        /// The sum, written out for people.
        derivation: String,
        /// Timers in it that are assumed, neither configured nor seen on the wire.
        assumed: Vec<String>,
    },
    /// A value was measured.
    Measured {
        /// The case it belongs to.
        case: CaseId,
        /// The value.
        measurement: Measurement,
    },
    /// An always-on detector saw something.
    Detected {
        /// The line.
        line: LineId,
        /// A stable word: `flapping`, `double-registration`, `stranger`, `storm`, `reboot`.
        code: String,
        /// For people.
        note: String,
        /// The records that show it.
        evidence: Vec<u64>,
    },
    /// A case is decided.
    CaseDecided(Box<Case>),
    /// Nothing more will be concluded.
    RunEnded,
}

/// What the engine orders from the drivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Type a line on a console.
    Type {
        /// The phone.
        phone: PhoneName,
        /// Without line ending.
        text: String,
    },
    /// Play keys on a keypad, in order.
    PlayKeys {
        /// The phone.
        phone: PhoneName,
        /// Comes back in [`Observed::KeysPlayed`].
        sequence: u32,
        /// What is pressed: keys of the phone's model.
        keys: Vec<Stroke>,
    },
    /// Tell a phone something by its XML interface.
    Push {
        /// The phone.
        phone: PhoneName,
        /// Comes back in [`Observed::Pushed`].
        sequence: u32,
        /// What it is told.
        command: PushCommand,
    },
    /// Take a server away.
    BeginOutage {
        /// The number that the engine gave it.
        outage: OutageId,
        /// What it does.
        spec: Box<OutageSpec>,
    },
    /// Give the server back.
    EndOutage {
        /// Which.
        outage: OutageId,
    },
    /// Send canaries through every path of `phones` × `server`, both ways.
    SendCanaries {
        /// The outage they shall prove, or none for the control.
        outage: Option<OutageId>,
        /// The server whose paths are tried.
        server: ServerName,
        /// The phones whose paths are tried.
        phones: Vec<PhoneName>,
    },
    /// The run is over: close the drivers.
    Finish,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Where the bytes behind a record lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRef {
    /// File name within the run directory.
    pub file: String,
    /// Offset of the first byte.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
}
