//! What controller and helper say to each other: one postcard-encoded message per packet of a `SOCK_SEQPACKET` pair.
//!
//! Phones and servers are numbers here (their place in [`Setup`]): the helper needs no names. Times are nanoseconds of
//! `CLOCK_REALTIME`, as the kernel stamps frames.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

mod setup;

pub use setup::{PhoneKey, ServerKey, Setup};

use crate::{
    event::{
        Course, Fate, Impairment, LinkLoss, LinkPlace, LinkSide, Loss, OutageEnd, OutageId, OutageScope, OutageTally,
        Selection, SettingChange, Toward, Unreachable,
    },
    wire::sip::StandIn,
};

/// Largest message, in bytes: a frame of the largest IP packet and what describes it.
pub const MESSAGE_MAX: usize = 70_000;

/// How often the controller says that it is there while an outage is in force.
pub const PRESENCE: Duration = Duration::from_millis(100);
/// An outage whose controller says nothing for so long is over: one that hangs must not keep phones from their server.
pub const ABSENCE: Duration = Duration::from_millis(750);

/// How often the helper is asked whether it is there: its taps are silent where nothing comes.
pub const ASKED: Duration = Duration::from_millis(500);

/// An outage that is about the link follows a phone to another address within this time, from the frame that shows it.
pub const FOLLOWING: Duration = Duration::from_millis(10);

/// Place of a phone in [`Setup::phones`].
pub type PhoneIndex = u16;
/// Place of a server in [`Setup::servers`].
pub type ServerIndex = u16;

/// A message to the helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Join the interfaces. The first message, and once.
    Setup(Setup),
    /// Take a server away.
    Begin {
        /// Number of the outage.
        outage: OutageId,
        /// What happens to the frames.
        course: Course<Treatment>,
        /// They do not pass because the link of this side is down; none: each is decided over.
        link: Option<LinkSide>,
        /// Only frames that go this way are taken, and the others pass; none: both ways.
        toward: Option<Toward>,
        /// How much of the server.
        scope: OutageScope,
        /// Of that, only these SIP messages; none: everything.
        only: Option<Selection>,
        /// Which server.
        server: ServerIndex,
        /// For whom.
        phones: Vec<PhoneIndex>,
        /// It ends by itself after this many milliseconds.
        limit_ms: u64,
    },
    /// Give it back.
    End {
        /// Number of the outage.
        outage: OutageId,
    },
    /// Send canaries both ways for each phone.
    Canaries {
        /// The outage they prove, or none for the control.
        outage: Option<OutageId>,
        /// Whose paths.
        server: ServerIndex,
        /// Whose paths.
        phones: Vec<PhoneIndex>,
    },
    /// The controller is there. Said each [`PRESENCE`] while an outage is in force.
    Present,
    /// Say what an outage has done so far.
    Count {
        /// Number of the outage.
        outage: OutageId,
    },
    /// Lift everything and end.
    Close,
    /// Say that you are there: [`Notice::Pong`]. Asked each [`ASKED`].
    Ping,
}

/// What happens to frames under an outage: a [`Manner`](crate::event::Manner) without names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Treatment {
    /// They pass.
    Pass,
    /// They vanish.
    Drop,
    /// They vanish, and the phone is told so.
    Refuse,
    /// They vanish, and the phone is told so of the whole host.
    Unreachable(Unreachable),
    /// They vanish, and both ends of a connection are told so.
    Reset,
    /// They vanish, and SIP requests of the phone are answered.
    Answer(StandIn),
    /// What asks for the server's link-layer address, and what tells it, vanishes.
    Unresolvable,
    /// What asks name servers for the server's names vanishes.
    Nameless,
    /// They pass, late, damaged in number and order, or not at all.
    Impair(Impairment),
}

/// A message from the helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// Both sides are joined, both taps run.
    Ready {
        /// Name of the bridge.
        bridge: String,
        /// It was there before.
        adopted: bool,
        /// Settings of the interfaces that were changed.
        changed: Vec<SettingChange>,
    },
    /// Something that an earlier helper had left was removed.
    OrphansRemoved(Vec<String>),
    /// The interfaces can not be joined. The helper ends.
    Refused(Refusal),
    /// A frame for the record.
    Frame(SeenFrame),
    /// An outage is in force.
    Began {
        /// Which.
        outage: OutageId,
        /// Middle of the commit.
        unix_ns: i64,
        /// Half its span.
        error_ns: u64,
    },
    /// An outage does not begin, because of what its server's frames show.
    Declined {
        /// Which.
        outage: OutageId,
        /// What they show.
        reason: String,
    },
    /// An outage is over.
    Ended {
        /// Which.
        outage: OutageId,
        /// Why.
        why: OutageEnd,
        /// Middle of the commit that lifted it.
        unix_ns: i64,
        /// Half its span.
        error_ns: u64,
        /// What it did, for each of its phones.
        tally: Vec<(PhoneIndex, OutageTally)>,
    },
    /// What an outage has done so far, for each of its phones.
    Count {
        /// Which outage.
        outage: OutageId,
        /// Nothing, if it is not in force.
        tally: Vec<(PhoneIndex, OutageTally)>,
    },
    /// The first frame of a phone that an outage dropped in one direction.
    FirstBite {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneIndex,
        /// Which way it went.
        toward: Toward,
        /// When it came in.
        unix_ns: i64,
    },
    /// The last frame of a phone that an outage dropped in one direction. Sent before its end.
    LastBite {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneIndex,
        /// Which way it went.
        toward: Toward,
        /// When it came in.
        unix_ns: i64,
    },
    /// A frame under an outage left on the other side. Once for each phone and direction; the tally counts all.
    Leak {
        /// Which outage.
        outage: OutageId,
        /// Whose frame.
        phone: PhoneIndex,
        /// Which way it went.
        toward: Toward,
        /// When it went out.
        unix_ns: i64,
    },
    /// What became of a canary.
    Canary {
        /// As ordered.
        outage: Option<OutageId>,
        /// Whose path.
        phone: PhoneIndex,
        /// Whose path.
        server: ServerIndex,
        /// Which way it went.
        toward: Toward,
        /// It came out on the other side.
        passed: bool,
        /// When it came out; else when it was sent.
        unix_ns: i64,
    },
    /// A phone has shown an address that it was not known to have.
    Address {
        /// Which.
        phone: PhoneIndex,
        /// Its address.
        address: IpAddr,
        /// When.
        unix_ns: i64,
    },
    /// An outage followed an address that changed hands, and not within [`FOLLOWING`].
    FollowedLate {
        /// Which outage.
        outage: OutageId,
        /// The phone that has the address now, or had it until now.
        phone: PhoneIndex,
        /// The address.
        address: IpAddr,
        /// How long after the frame that showed it.
        late_ns: u64,
        /// When it did.
        unix_ns: i64,
    },
    /// A phone behind a router has shown a place that its frames were not known to come from.
    Router {
        /// Which.
        phone: PhoneIndex,
        /// Its address.
        address: IpAddr,
        /// The place.
        place: LinkPlace,
        /// It is another device that has the address, on the link.
        taken: bool,
        /// When.
        unix_ns: i64,
    },
    /// A server has shown a place that it was not known to answer from.
    Server {
        /// Which.
        server: ServerIndex,
        /// Its address.
        address: IpAddr,
        /// The place.
        place: LinkPlace,
        /// When.
        unix_ns: i64,
    },
    /// Speech of a phone crossed the bridge.
    Media(Counted),
    /// A phone sent something.
    SignOfLife {
        /// Which.
        phone: PhoneIndex,
        /// When.
        unix_ns: i64,
    },
    /// Evidence was lost.
    Lost {
        /// How.
        how: Loss,
        /// How many frames.
        count: u64,
    },
    /// An interface carries nothing any more.
    LinkLost {
        /// Which.
        interface: String,
        /// How.
        how: LinkLoss,
        /// When it was told.
        unix_ns: i64,
        /// By how much earlier it may have been.
        error_ns: u64,
    },
    /// It does again.
    LinkBack {
        /// Which.
        interface: String,
        /// The worst that had happened.
        how: LinkLoss,
        /// How long nothing passed, at least.
        gap_ns: u64,
        /// Settings that were changed so that it could be joined again.
        changed: Vec<SettingChange>,
        /// When.
        unix_ns: i64,
    },
    /// An order could not be carried out, or a side is gone; the helper goes on.
    Trouble(String),
    /// The helper is there, and looks at its taps.
    Pong,
}

/// One direction of a stream of RTP, since it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Whose.
    pub phone: PhoneIndex,
    /// The phone's end.
    pub own: SocketAddr,
    /// The other.
    pub other: SocketAddr,
    /// Which way it goes.
    pub toward: Toward,
    /// Packets that passed.
    pub packets: u64,
    /// Packets that an outage took.
    pub dropped: u64,
    /// When the first passed.
    pub first_ns: i64,
    /// When the last passed.
    pub last_ns: i64,
    /// The longest time between two that passed, the second since this was told last.
    pub gap_ns: u64,
}

/// A frame for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFrame {
    /// Which way it goes; it entered on the opposite side.
    pub toward: Toward,
    /// When the kernel stamped it; of a frame to a phone that is late on purpose, when it was sent on.
    pub unix_ns: i64,
    /// What the bridge did with it.
    pub fate: Fate,
    /// What it is.
    pub kind: FrameKind,
    /// It is late on purpose.
    pub late: Option<Lateness>,
    /// Length on the wire in bytes.
    pub original_len: u32,
    /// The frame, its VLAN tags in place.
    pub bytes: Vec<u8>,
}

impl SeenFrame {
    /// The same, late on purpose; not at all, if by nothing.
    pub fn late(self, outage: OutageId, by_ns: u64) -> Self {
        Self { late: (by_ns > 0).then_some(Lateness { outage, by_ns }), ..self }
    }
}

/// How late a frame is on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// For which outage.
    pub outage: OutageId,
    /// By so many nanoseconds.
    pub by_ns: u64,
}

/// Why a frame is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameKind {
    /// It came in from a phone or a server.
    Traffic,
    /// It goes twice; this is the second.
    Copy(OutageId),
    /// Our own canary.
    Canary,
    /// It went out although an outage forbids it.
    Leak,
    /// It is of a device that is not of this outage, and did not come out.
    Stray(OutageId),
}

/// Why the interfaces can not be joined. Every one of them is a fault of the rig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// An interface is not there.
    #[error("there is no interface `{interface}`; {remedy}")]
    MissingInterface {
        /// Its name.
        interface: String,
        /// What to do about it.
        remedy: String,
    },
    /// The kernel does not let us.
    #[error("no permission to {operation}; run as root, or give siprig CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN")]
    Permission {
        /// What was tried.
        operation: String,
    },
    /// Another siprig works with the same interfaces.
    #[error("another siprig works on bridge `{bridge}`; wait for it, or stop it")]
    Busy {
        /// Name of the bridge.
        bridge: String,
    },
    /// An interface, or the kernel, does not fit.
    #[error("can not {operation}: {reason}; {remedy}")]
    Unfit {
        /// What was tried.
        operation: String,
        /// What is wrong.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Refusal {
    /// What the system's answer to `operation` means.
    pub fn from_io(operation: impl Into<String>, error: &std::io::Error) -> Self {
        let operation = operation.into();
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            return Self::Permission { operation };
        }
        let remedy = "look at the kernel log (`dmesg`) for the cause".to_owned();
        Self::Unfit { operation, reason: error.to_string(), remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_with_a_jumbo_frame_survives_the_socket_and_fits_it() {
        let frame = SeenFrame {
            toward: Toward::Server,
            unix_ns: -1,
            fate: Fate::Dropped(OutageId(7)),
            kind: FrameKind::Traffic,
            late: Some(Lateness { outage: OutageId(7), by_ns: u64::MAX }),
            original_len: 65_557,
            bytes: vec![0xff; 65_557],
        };
        let bytes = postcard::to_stdvec(&Notice::Frame(frame.clone())).unwrap();
        assert!(bytes.len() <= MESSAGE_MAX, "{}", bytes.len());
        assert_eq!(postcard::from_bytes::<Notice>(&bytes).unwrap(), Notice::Frame(frame));
    }
}
