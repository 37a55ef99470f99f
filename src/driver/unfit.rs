//! What is said of an order that can not even be passed on.

use super::network::NetworkError;
use crate::event::{Observed, PbxName, PeerName, PhoneName, RigPart, ServerName};

pub(super) fn missing(part: RigPart, phone: PhoneName) -> Observed {
    let reason = "the bench names none for this phone; add it to the bench file".to_owned();
    Observed::DriverFailed { part, phone: Some(phone), reason }
}

/// A digit that an operator gave in confidence to a process that is no more.
pub(super) fn forgotten(phone: PhoneName, sequence: u32) -> Observed {
    let error = Some("nobody knows any more which digit it was".to_owned());
    Observed::KeysPlayed { phone, sequence, ack_after_ns: 0, error }
}

/// The same of a line.
pub(super) fn untyped(phone: PhoneName) -> Observed {
    let reason = "nobody knows any more what was to be typed".to_owned();
    Observed::DriverFailed { part: RigPart::Console, phone: Some(phone), reason }
}

pub(super) fn no_hook(server: &ServerName) -> Observed {
    let reason = format!("nothing stops server {server}; add `hook` to it in the bench file");
    Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason }
}

pub(super) fn no_setting(setting: &PbxName) -> Observed {
    let reason = format!("nothing changes pbx.{setting}; add [pbx.{setting}] to the bench file");
    Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason }
}

pub(super) fn no_file(phone: PhoneName) -> Observed {
    let reason = format!("nothing says where the file of {phone} is; add [provisioning] to the bench file");
    Observed::DriverFailed { part: RigPart::Bridge, phone: Some(phone), reason }
}

pub(super) fn no_call(peer: &PeerName) -> Observed {
    let reason = format!("peer {peer} can not be run; look at its `call` in the bench file");
    Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason }
}

pub(super) fn bridge_failed(error: &NetworkError) -> Observed {
    Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason: error.to_string() }
}
