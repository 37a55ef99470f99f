//! What comes in: reports of drivers, of the clock and of the operator.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{
    ByHand, Door, Fate, Fetch, FileFlaw, Hand, HookAct, HookOutcome, Knock, LinkLoss, LinkPlace, Loss, OutageEnd,
    OutageId, OutageTally, PbxAct, PbxFlaw, PbxName, PeerCall, PeerName, PhoneName, PortKind, RawRef, Reply, RigPart,
    ServerName, SettingChange, SipFact, Speech, Testimony, TlsFact, Toward, Witness,
};
use crate::config::{Mac, Plan};

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
        /// The number given in [`Action::PlayKeys`](super::Action::PlayKeys).
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
        /// The number given in [`Action::Push`](super::Action::Push).
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
    /// A command that reads or sets a setting of the PBX has ended, or was killed.
    PbxRan {
        /// The setting.
        setting: PbxName,
        /// What the command was to do about it.
        act: PbxAct,
        /// What came of it.
        outcome: HookOutcome,
    },
    /// A setting of the PBX reads as ordered, or that was tried in vain.
    PbxSettled {
        /// The setting.
        setting: PbxName,
        /// The number of the order; none: it was set back without one, at the end of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u32>,
        /// What it was before it was changed; none: it is so, or is so again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
        /// Why it is not known to be as ordered; none: it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flaw: Option<PbxFlaw>,
    },
    /// A phone's own file was written where it is served from, or that was tried in vain. That the phone has what it says is for
    /// the phone to show.
    PhoneFileWritten {
        /// The phone.
        phone: PhoneName,
        /// The number of the order; none: it was written back without one, at the end of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u32>,
        /// Its name, as the phone asks for it.
        file: String,
        /// What is on top of the base set now; none: it is as in the base set.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        settings: BTreeMap<String, String>,
        /// Why it is not as ordered; none: it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flaw: Option<FileFlaw>,
    },
    /// The command by which a peer calls a phone is about to be run.
    PeerCalls {
        /// The number of the order.
        sequence: u32,
        /// Who calls whom.
        call: Box<PeerCall>,
    },
    /// It has ended, or was ended.
    PeerCalled {
        /// The number of the order.
        sequence: u32,
        /// Who called.
        peer: PeerName,
        /// The phone that was to ring.
        phone: PhoneName,
        /// What came of it. An error: the call was not answered, as far as the command knows.
        outcome: HookOutcome,
    },
    /// The process by which a peer answers calls has ended, and nobody had asked for that.
    PeerGone {
        /// Whose it was.
        peer: PeerName,
        /// What it wrote, and how it ended.
        outcome: HookOutcome,
    },
    /// Speech of a phone crossed the bridge. The time is that of the last packet.
    Spoke(Box<Speech>),
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
        place: LinkPlace,
    },
    /// An outage followed an address of a phone that changed hands, and not within the time in which that proves anything: 10 ms.
    FollowedLate {
        /// Which outage.
        outage: OutageId,
        /// The phone that has the address now, or had it until now.
        phone: PhoneName,
        /// The address.
        address: IpAddr,
        /// How long after the frame that showed it, in nanoseconds.
        late_ns: u64,
    },
    /// A phone behind a router has shown where its frames come from. Told once for each place.
    RouterSeen {
        /// Which phone.
        phone: PhoneName,
        /// Its address.
        address: IpAddr,
        /// The place of its router.
        place: LinkPlace,
        /// The place is none of a router's, while others of that address are: a device on the link has taken the address. It is not
        /// the phone, and let alone.
        #[serde(default, skip_serializing_if = "is_false")]
        taken: bool,
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
        /// At which of its addresses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// What it knocked at.
        door: Door,
        /// Who did what.
        knock: Knock,
        /// Whether the frame arrived.
        fate: Fate,
        /// Where the frame lies in the capture.
        raw: RawRef,
    },
    /// A phone asked for a file.
    Fetched(Box<Fetch>),
    /// A step in the life of a TLS connection between a phone and a SIP port of a server.
    Encrypted(Box<TlsFact>),
    /// A further witness says where a line is registered: told when that is new, and when it was asked. The error of its time is
    /// that of its clock; of one that is looked at again and again, the time between two looks.
    Testified(Box<Testimony>),
    /// A further witness is not heard any more: what it said before counts no longer.
    WitnessLost {
        /// Which.
        witness: Witness,
        /// The phone whose word it is; none: it speaks of all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<PhoneName>,
        /// What is the matter, and what to do about it.
        reason: String,
    },
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
    /// Somebody asked that every phone be given its network back at once. The run goes on.
    RestoreRequested {
        /// Who.
        by: String,
    },
    /// An operator asked that something be done to a phone.
    HandAsked {
        /// Who.
        by: String,
        /// To which.
        phone: PhoneName,
        /// What.
        hand: Hand,
    },
    /// Who may lay hands on phones from now on.
    KeyboardHeld {
        /// Who; none: whoever wants to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// An operator answered a prompt.
    ReplyGiven {
        /// Who.
        by: String,
        /// Its number.
        prompt: u32,
        /// What.
        reply: Reply,
    },
    /// No operator is there whom a prompt could ask.
    NobodyAttends {
        /// Its number.
        prompt: u32,
    },
    /// An operator asked for an outage, or for the end of one that an operator has made.
    OutageAsked {
        /// Who.
        by: String,
        /// What.
        wish: ByHand,
    },
    /// Somebody asked for the end of the run.
    StopRequested {
        /// A signal's name (`SIGINT`) or the operator's.
        by: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
