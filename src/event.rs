//! The spine: everything that happens in a run is a [`Record`], and every judgement is a function of records.
//!
//! Drivers report what they see as [`Observed`]; the session gives each report a number and a place in the order;
//! the engine answers with [`Derived`] facts and with [`Action`]s for the drivers. All three are journalled, so that
//! feeding the observed records of a journal to a fresh engine must give the same derived ones and the same actions.
//!
//! | part | what it holds |
//! |---|---|
//! | [`observed`] | what drivers report |
//! | [`derived`] | what the engine concludes |
//! | [`stamp`] | times, and names of phones, servers and keys |
//! | [`door`] | what a phone knocks at before SIP, and what is done about it |
//! | [`fetch`] | what phones load |
//! | [`stroke`] | what is done to keys at a time |
//! | [`outage`] | what an outage is, does and ends by |
//! | [`hand`] | what operators do to phones, and what becomes of it |
//! | [`hook`] | commands that stop and start servers |
//! | [`pbx`] | settings of the PBX that commands set and read |
//! | [`media`] | speech, as it is described and as it is counted |
//! | [`phone_files`] | why a phone's own file could not be written |
//! | [`peer`] | calls of partners on the servers' side |
//! | [`place`] | where frames of a server come from, or of a phone behind a router |
//! | [`push`] | what phones are told |
//! | [`rig`] | parts of it that can fail, and evidence that can be lost |
//! | [`setting`] | what was changed on the interfaces |
//! | [`sip`] | a SIP message as the wire shows it |
//! | [`tls`] | what the wire shows of one that is encrypted |
//! | [`moves`] | bindings and moves, as the engine concludes them |
//! | [`witness`] | what further witnesses say of registrations |
//!
//! Not here: how bytes become events (`wire`), where they come from (`driver`), what they mean (`engine`).

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub mod about;
mod derived;
pub mod door;
pub mod fetch;
pub mod hand;
pub mod hook;
pub mod media;
pub mod moves;
pub mod observed;
pub mod outage;
pub mod pbx;
pub mod peer;
pub mod phone_files;
pub mod place;
pub mod prompt;
pub mod push;
pub mod rig;
pub mod setting;
pub mod sip;
pub mod stamp;
pub mod stroke;
pub mod tls;
pub mod witness;

pub use derived::Derived;
pub use door::{Door, Knock};
pub use fetch::Fetch;
pub use hand::{Answer, Control, Hand};
pub use hook::{HookAct, HookOutcome};
pub use media::{AudioLine, Speech};
pub use moves::{BindingChange, BindingEvent, Move};
pub use observed::Observed;
pub use outage::{
    Blocking, ByHand, ByHandAnswer, Bystander, Bystanders, Course, Harm, Impairment, LinkSide, Manner, OutageEnd,
    OutageMode, OutageScope, OutageSpec, OutageTally, Part, Phase, Selection, Share, Spoof, Toward, Unreachable,
};
pub use pbx::{PbxAct, PbxFault, PbxFlaw};
pub use peer::PeerCall;
pub use phone_files::{FileFault, FileFlaw};
pub use place::LinkPlace;
pub use prompt::{PromptEnd, Reply};
pub use push::PushCommand;
pub use rig::{HELPER_GONE, LinkLoss, Loss, PortKind, RigPart};
pub use setting::{Offload, SettingChange};
pub use sip::{Fate, SipContact, SipFact, SipMessage, SipStart, SipSummary, Transport};
pub use stamp::{KeyName, PbxName, PeerName, PhoneName, ServerName, Stamp, When};
pub use stroke::{Hold, Stroke};
pub use tls::{TlsFact, TlsStep};
pub use witness::{Standing, Testimony, Witness};

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
    /// Type a control character on a console, without a line ending.
    TypeControl {
        /// The phone.
        phone: PhoneName,
        /// Which.
        control: Control,
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
    /// Ask the further witnesses of a phone that can be asked. What they say comes in as [`Observed::Testified`].
    AskWitnesses {
        /// The phone.
        phone: PhoneName,
    },
    /// Have a setting of the PBX set and read back. What comes of it is an [`Observed::PbxSettled`].
    SetPbx {
        /// The setting.
        setting: PbxName,
        /// Comes back with it.
        sequence: u32,
        /// The state that it is to have.
        state: String,
    },
    /// Have it set to what it was before it was changed for the first time, and read back.
    RestorePbx {
        /// The setting.
        setting: PbxName,
        /// Comes back in [`Observed::PbxSettled`].
        sequence: u32,
    },
    /// Have a phone's own file written as the base set has it, with settings on top. What comes of it is an
    /// [`Observed::PhoneFileWritten`].
    WritePhoneFile {
        /// The phone.
        phone: PhoneName,
        /// Comes back with it.
        sequence: u32,
        /// By name; none: as the base set has it.
        settings: BTreeMap<String, String>,
    },
    /// A phone has its base set again: there is nothing left to be undone, should the rig die.
    SettlePhoneFile {
        /// The phone.
        phone: PhoneName,
    },
    /// Have a peer call a phone. What comes of it are [`Observed::PeerCalls`] and [`Observed::PeerCalled`].
    CallFromPeer {
        /// Comes back with them.
        sequence: u32,
        /// Who calls whom.
        call: Box<PeerCall>,
    },
    /// Have such a call ended.
    EndPeerCall {
        /// The number of the order.
        sequence: u32,
        /// The phone hangs up: the command is given a moment to end by itself.
        patiently: bool,
    },
    /// The run is over: close the drivers.
    Finish,
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
