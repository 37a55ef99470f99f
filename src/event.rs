//! The spine: everything that happens in a run is a [`Record`], and every judgement is a function of records.
//!
//! Drivers report what they see as [`Observed`]; the session gives each report a number and a place in the order;
//! the engine answers with [`Derived`] facts and with [`Action`]s for the drivers. All three are journalled, so that
//! feeding the observed records of a journal to a fresh engine must give the same derived ones and the same actions.
//!
//! Not here: how bytes become events (`wire`), where they come from (`driver`), what they mean (`engine`).

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    config::Plan,
    verdict::{Case, CaseId, Measurement},
};

/// A point in time: nanoseconds since the run began, on the monotonic clock of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The instant at which the run began.
    pub const ZERO: Self = Self(0);

    /// The stamp that lies `millis` milliseconds after the beginning of the run.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Milliseconds since the beginning of the run.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time from `earlier` to `self`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Stamp {
    type Output = Self;

    /// Saturates at the end of time (584 years after the run began).
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Stamp {
    /// Seconds with milliseconds, as `12.345`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = (self.0 + 500_000) / 1_000_000;
        write!(f, "{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// When something happened, as well as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The best estimate. May lie before records that were taken earlier.
    pub at: Stamp,
    /// The true time lies within ± this many nanoseconds of `at`.
    #[serde(default)]
    pub error_ns: u64,
}

impl When {
    /// A time that is exact on our own clock, such as a deadline that fired.
    pub const fn exactly(at: Stamp) -> Self {
        Self { at, error_ns: 0 }
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name_type! {
    /// The name of a phone in the bench file, as `p1`.
    PhoneName
}
name_type! {
    /// The name of a server in the bench file, as `a`.
    ServerName
}
name_type! {
    /// The name of a key in the phone model's table, as `options`.
    KeyName
}

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
    /// The keypad executed a key sequence, or gave up on it.
    KeysPlayed {
        /// The phone whose keys they are.
        phone: PhoneName,
        /// The number given in [`Action::PlayKeys`].
        sequence: u32,
        /// From the order to the board's acknowledgement.
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
    },
    /// An outage is in force. The time of the record is *t0*, its error the span of the commit.
    OutageBegan {
        /// Which.
        outage: OutageId,
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
    /// Evidence was lost: from here to the record before, absence can not be proven.
    EvidenceLost {
        /// How.
        how: Loss,
        /// How many frames or bytes.
        count: u64,
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
    /// From now on this server holds a live binding for the line, or held one and no longer does.
    Binding(BindingChange),
    /// Where the line is registered, seen from the phone: the server that last confirmed it.
    Home {
        /// The line.
        line: LineId,
        /// The server, or none.
        server: Option<ServerName>,
    },
    /// A key press showed (or failed to show) its effect on the phone.
    KeyConfirmed {
        /// The phone.
        phone: PhoneName,
        /// The key.
        key: KeyName,
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
        /// Key names of the phone's model.
        keys: Vec<KeyName>,
    },
    /// Take a server away.
    BeginOutage {
        /// The number that the engine gave it.
        outage: OutageId,
        /// What it does.
        spec: OutageSpec,
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

/// A network fault, as ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSpec {
    /// What happens to the frames.
    pub mode: OutageMode,
    /// The server that goes away.
    pub server: ServerName,
    /// How much of it.
    pub scope: OutageScope,
    /// For whom.
    pub phones: Vec<PhoneName>,
    /// It ends by itself after this time, whatever happens to the controller.
    #[serde(with = "crate::config::duration")]
    pub limit: Duration,
}

/// What an outage does to the frames under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageMode {
    /// They vanish, both ways, without a word.
    Drop,
}

/// How much of a server an outage takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageScope {
    /// Everything to and from its addresses.
    Host,
    /// Its SIP ports only.
    Sip,
}

/// Why an outage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageEnd {
    /// As ordered.
    Lifted,
    /// Its time limit came.
    Limit,
    /// The bridge helper failed; the kernel forwards everything.
    HelperLost,
}

/// What an outage did to one phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutageTally {
    /// Frames from the phone that were dropped.
    pub dropped_to_server: u64,
    /// Frames to the phone that were dropped.
    pub dropped_to_phone: u64,
    /// Frames under the outage that were seen beyond the bridge.
    pub leaked: u64,
}

/// Direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toward {
    /// From a phone to a server.
    Server,
    /// From a server to a phone.
    Phone,
}

/// What a phone must get past before it can say anything in SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The link address of the server (ARP).
    Arp,
    /// A TCP connection to its SIP port.
    Tcp,
}

/// What happens at a [`Door`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knock {
    /// The phone asks: an ARP request, a SYN.
    Asked,
    /// The server lets it in: an ARP reply, a SYN with ACK.
    Opened,
    /// The server refuses: a RST.
    Refused,
}

/// A port of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortKind {
    /// The serial console.
    Console,
    /// The keypad board.
    Keypad,
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Console => "console",
            Self::Keypad => "keypad",
        })
    }
}

/// A part of the rig that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RigPart {
    /// A serial console.
    Console,
    /// A keypad.
    Keypad,
    /// The bridge helper.
    Bridge,
    /// A file of the run directory.
    Disk,
}

/// How evidence was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The kernel dropped frames before the tap read them (`PACKET_STATISTICS`).
    KernelDrop,
    /// A frame was longer than the tap's buffer.
    Truncated,
    /// The ring between helper and controller was full.
    RingFull,
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

/// Transport of a SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// What the bridge did with the frame that carried a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was forwarded.
    Passed,
    /// This outage dropped it.
    Dropped(OutageId),
}

/// A SIP message seen on the wire, with what a judgement may need of it. Secrets are already masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SipFact {
    /// The phone that sent it or that it is for.
    pub phone: PhoneName,
    /// The server by the address on the wire; none: an address that the bench does not name.
    pub server: Option<ServerName>,
    /// Address and port of the server's end.
    pub server_addr: SocketAddr,
    /// Address and port of the phone's end.
    pub phone_addr: SocketAddr,
    /// Which way it went.
    pub toward: Toward,
    /// What carried it.
    pub transport: Transport,
    /// Whether it arrived.
    pub fate: Fate,
    /// Where its (first) frame lies in the capture.
    pub raw: RawRef,
    /// The message itself.
    pub message: SipMessage,
}

/// The content of a SIP message as far as it was read; what could not be read is named, never guessed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipMessage {
    /// It was read.
    Read(Box<SipSummary>),
    /// It looks like SIP and could not be read.
    Unreadable {
        /// What is wrong with it.
        reason: String,
        /// Where, in bytes from its beginning.
        offset: usize,
    },
}

/// What tracking of registrations, calls and subscriptions needs of a SIP message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SipSummary {
    /// Request or response.
    pub start: SipStart,
    /// `Call-ID`.
    pub call_id: String,
    /// Number of `CSeq`.
    pub cseq: u32,
    /// Method of `CSeq`, as written.
    pub method: String,
    /// `branch` of the topmost `Via`; empty if it has none.
    pub branch: String,
    /// Address of record of `From`: `user@host`.
    pub from: String,
    /// Address of record of `To`: `user@host`.
    pub to: String,
    /// `tag` of `To`.
    pub to_tag: Option<String>,
    /// Every `Contact`.
    pub contacts: Vec<SipContact>,
    /// `Expires`, in seconds.
    pub expires: Option<u32>,
    /// `Min-Expires`, in seconds.
    pub min_expires: Option<u32>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// It carries `Authorization` or `Proxy-Authorization`.
    pub authorized: bool,
    /// `User-Agent` or `Server`.
    pub agent: Option<String>,
    /// Package of `Event`, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// State of `Subscription-State`, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_state: Option<String>,
    /// The nonce that it asks to be used (401, 407), or that its credentials use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// It says that the credentials were right but for the age of their nonce (`stale=true`, RFC 7616 section 3.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale_nonce: bool,
    /// Findings that did not prevent reading: `bare LF`, `surplus body`, ….
    pub oddities: Vec<String>,
}

/// The start line of a SIP message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipStart {
    /// A request.
    Request {
        /// As written; methods are case-sensitive (RFC 3261 section 7.1).
        method: String,
        /// The Request-URI as written.
        uri: String,
    },
    /// A response.
    Response {
        /// Status code.
        code: u16,
        /// Reason phrase as written.
        reason: String,
    },
}

/// One `Contact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipContact {
    /// The URI as written, without angle brackets; `*` for the wildcard.
    pub uri: String,
    /// Its own `expires` parameter, in seconds.
    pub expires: Option<u32>,
    /// Its `+sip.instance`, without quotes.
    pub instance: Option<String>,
}

/// A change of a binding that a server holds for a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingChange {
    /// The line.
    pub line: LineId,
    /// The server that holds or held it.
    pub server: ServerName,
    /// The bound contact.
    pub contact: String,
    /// What changed.
    pub change: BindingEvent,
    /// The records that show it.
    pub evidence: Vec<u64>,
}

/// What happened to a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingEvent {
    /// A 2xx created it.
    Created {
        /// Granted lifetime in seconds.
        granted_s: u32,
    },
    /// A 2xx prolonged it.
    Refreshed {
        /// Granted lifetime in seconds.
        granted_s: u32,
    },
    /// Its time ran out without a refresh.
    Expired,
    /// The phone removed it.
    Removed,
}

/// A move of a line between servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    /// Registering at the primary in the first place.
    Baseline,
    /// Being confirmed at the primary again, with nothing the matter.
    Renewal,
    /// From the primary to the backup.
    Failover,
    /// From the backup to the primary; of a line that never left it: being confirmed there again.
    Failback,
    /// To nowhere: both servers are away, and the line has asked both in vain.
    Stranded,
    /// From nowhere to the first server that is back.
    Recovery,
    /// Registering because somebody logged on, or because a phone was set back: at the first server that is there.
    LogOn,
    /// From wherever it was to nowhere: somebody logged off.
    LogOff,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Baseline => "baseline",
            Self::Renewal => "renewal",
            Self::Failover => "failover",
            Self::Failback => "failback",
            Self::Stranded => "stranded",
            Self::Recovery => "recovery",
            Self::LogOn => "log-on",
            Self::LogOff => "log-off",
        })
    }
}
