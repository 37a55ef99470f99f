//! What a REGISTER asks for and what its 2xx grants, read from their Contact and Expires (RFC 3261 section 10.2.1).

use std::time::Duration;

use super::{Attempt, Purpose};
use crate::{
    event::{SipContact, SipSummary},
    wire::sip::{Contact, Glance},
};

/// Lifetime of a binding whose 2xx and request name none (RFC 3261 section 10.2.1.1 leaves it to the registrar).
const UNSPOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// What a REGISTER asks for: every Contact must agree on zero before it counts as a removal.
pub(super) fn purpose(message: &Glance<'_>) -> Purpose {
    if message.contacts.is_empty() {
        Purpose::Fetch
    } else if message.contacts.iter().all(|contact| contact.uri == "*" || lifetime(contact, message) == Some(0)) {
        Purpose::Remove
    } else {
        Purpose::Register
    }
}

/// Lifetime of a contact: its own parameter first, then the header (RFC 3261 section 10.2.1.1).
pub(super) fn lifetime(contact: &Contact<'_>, message: &Glance<'_>) -> Option<u32> {
    contact.expires.or(message.expires)
}

/// The contacts that a 2xx grants of those that this attempt asked for, and for how long: each as the server wrote it.
pub(super) fn granted<S>(attempt: &Attempt<S>, message: &Glance<'_>) -> Vec<(String, Duration)> {
    let grant = |asked: &SipContact| {
        let ours = message.contacts.iter().find(|contact| is_same(contact, asked))?;
        let lifetime = lifetime(ours, message)
            .or(asked.expires)
            .or(attempt.expires)
            .map_or(UNSPOKEN_LIFETIME, |secs| Duration::from_secs(secs.into()));
        Some((ours.uri.to_owned(), lifetime))
    };
    attempt.contacts.iter().filter_map(grant).collect()
}

/// Whether a 2xx names a contact among those that the server still holds.
pub(super) fn listed(contact: &str, message: &Glance<'_>) -> bool {
    message.contacts.iter().any(|it| same_contact(it.uri, contact) && lifetime(it, message) != Some(0))
}

/// The same of an answer as a record has it.
pub(in crate::engine) fn is_held(contact: &str, message: &SipSummary) -> bool {
    listed(contact, &Glance::from(message))
}

/// Whether a contact of an answer is the one that was asked for: by its URI, or by the device that it leads to, which a
/// server between may write another address for (RFC 5626 section 6).
fn is_same(answered: &Contact<'_>, asked: &SipContact) -> bool {
    let device = asked.instance.as_deref();
    same_contact(answered.uri, &asked.uri) || (device.is_some() && answered.instance.as_deref() == device)
}

/// The user part of `user@host`.
pub(in crate::engine) fn address_user(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(user, _)| user)
}

/// Whether two contact URIs name the same place: user exactly, host and port without regard to case, URI parameters
/// aside, because registrars drop or add some, and no port for 5060.
pub(super) fn same_contact(one: &str, other: &str) -> bool {
    fn key(uri: &str) -> (Option<&str>, &str) {
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let host = host.split([';', '?']).next().unwrap_or(host);
        // The port that a URI without one stands for (RFC 3261 section 19.1.2); registrars write it out, or leave it out.
        let bare = host.strip_suffix(":5060").unwrap_or(host);
        (user, bare)
    }
    // Mostly a server writes what the phone did.
    one == other || {
        let ((user, host), (other_user, other_host)) = (key(one), key(other));
        user == other_user && host.eq_ignore_ascii_case(other_host)
    }
}
