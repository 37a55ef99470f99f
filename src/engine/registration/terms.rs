//! What a REGISTER asks for and what its 2xx grants, read from their Contact and Expires (RFC 3261 section 10.2.1).

use std::time::Duration;

use super::{Attempt, Purpose};
use crate::event::{SipContact, SipSummary};

/// Lifetime of a binding whose 2xx and request name none (RFC 3261 section 10.2.1.1 leaves it to the registrar).
const UNSPOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// What a REGISTER asks for: every Contact must agree on zero before it counts as a removal.
pub(super) fn purpose(message: &SipSummary) -> Purpose {
    if message.contacts.is_empty() {
        Purpose::Fetch
    } else if message.contacts.iter().all(|contact| contact.uri == "*" || lifetime(contact, message) == Some(0)) {
        Purpose::Remove
    } else {
        Purpose::Register
    }
}

/// Lifetime of a contact: its own parameter first, then the header (RFC 3261 section 10.2.1.1).
pub(super) fn lifetime(contact: &SipContact, message: &SipSummary) -> Option<u32> {
    contact.expires.or(message.expires)
}

/// The contact that a 2xx grants to this attempt, and for how long.
pub(super) fn granted(attempt: &Attempt, message: &SipSummary) -> Option<(String, Duration)> {
    let asked = attempt.contact.as_ref()?;
    let ours = message.contacts.iter().find(|contact| same_contact(&contact.uri, &asked.uri))?;
    let lifetime = lifetime(ours, message)
        .or(asked.expires)
        .or(attempt.expires)
        .map_or(UNSPOKEN_LIFETIME, |secs| Duration::from_secs(secs.into()));
    Some((ours.uri.clone(), lifetime))
}

/// The user part of `user@host`.
pub(super) fn address_user(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(user, _)| user)
}

/// Whether two contact URIs name the same place: user exactly, host and port without regard to case, URI parameters
/// aside, because registrars drop or add some.
pub(super) fn same_contact(one: &str, other: &str) -> bool {
    fn key(uri: &str) -> (Option<&str>, String) {
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let host = host.split([';', '?']).next().unwrap_or(host);
        (user, host.to_ascii_lowercase())
    }
    key(one) == key(other)
}
