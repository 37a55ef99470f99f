//! Bindings, and what a REGISTER does to them (RFC 3261 section 10.3, steps 6 to 8).

use std::{net::SocketAddr, time::Duration};

use super::{RegistrarSpec, answer::Way};
use crate::wire::sip::{Message, address};

/// Most bindings of one extension.
const MOST: usize = 16;

/// A live binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Contact's URI as registered.
    pub contact: String,
    /// When it ends, on the scale of `now`.
    pub expires_at: Duration,
    /// When it was made or refreshed last.
    pub since: Duration,
    /// Where the request came from.
    pub source: SocketAddr,
    /// Over what it came.
    pub(super) way: Way,
    /// `Call-ID` of the request that made or refreshed it.
    pub call_id: String,
    /// `CSeq` number of that request.
    pub cseq: u32,
}

impl Binding {
    /// As a 200 lists it, with what is left of its lifetime.
    pub fn contact_header(&self, now: Duration) -> String {
        let left = self.expires_at.saturating_sub(now);
        // A lifetime that was just granted must come back whole.
        format!("<{}>;expires={}", self.contact, left.as_millis().div_ceil(1000))
    }

    /// How a request gets to it: over the connection that it came over, else to the address in the Contact.
    pub(super) fn way(&self) -> Way {
        match self.way {
            Way::Connection(_) => self.way,
            Way::Datagram(_) => Way::Datagram(address::place(&self.contact).unwrap_or(self.source)),
        }
    }
}

/// Why a REGISTER can not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A lifetime below the minimum.
    TooBrief,
    /// Anything else.
    Code(u16),
}

/// What a REGISTER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    call_id: String,
    cseq: u32,
    /// `Contact: *` with `Expires: 0`.
    remove_all: bool,
    /// Contacts and their granted lifetimes; zero removes.
    contacts: Vec<(String, Duration)>,
}

impl Change {
    /// Reads the request. One without contacts asks for nothing but the list.
    pub fn read(message: &Message, spec: &RegistrarSpec) -> Result<Self, Refused> {
        let request = message.summary();
        let wildcard = request.contacts.iter().any(|contact| contact.uri == "*");
        if wildcard && (request.contacts.len() > 1 || request.expires != Some(0)) {
            return Err(Refused::Code(400));
        }
        let mut contacts = Vec::new();
        for contact in request.contacts.iter().filter(|_| !wildcard) {
            let asked = contact.expires.or(request.expires).map(|seconds| Duration::from_secs(u64::from(seconds)));
            let granted = match asked {
                None => spec.max_expires,
                Some(Duration::ZERO) => Duration::ZERO,
                Some(asked) if asked < spec.min_expires => return Err(Refused::TooBrief),
                Some(asked) => asked.min(spec.max_expires),
            };
            contacts.push((contact.uri.clone(), granted));
        }
        Ok(Self { call_id: request.call_id.clone(), cseq: request.cseq, remove_all: wildcard, contacts })
    }

    /// The longest lifetime that it grants; none if it binds nothing.
    pub fn granted(&self) -> Option<Duration> {
        self.contacts.iter().map(|(_, granted)| *granted).max().filter(|granted| !granted.is_zero())
    }

    /// Carries it out on the bindings of the extension, or changes nothing. The request came from there, over that.
    ///
    /// # Errors
    /// The status code, if it is out of order or asks for too much.
    pub(super) fn apply(
        self,
        bindings: &mut Vec<Binding>,
        now: Duration,
        (source, way): (SocketAddr, Way),
    ) -> Result<(), u16> {
        let touched = |binding: &&Binding| {
            self.remove_all || self.contacts.iter().any(|(contact, _)| *contact == binding.contact)
        };
        let known = bindings.iter().filter(touched).filter(|binding| binding.call_id == self.call_id);
        let newest = known.map(|binding| binding.cseq).max();
        match newest {
            Some(newest) if self.cseq < newest => return Err(500),
            // A repeat, as the answer got lost: it must not prolong anything.
            Some(newest) if self.cseq == newest => return Ok(()),
            _ => {}
        }
        if self.remove_all {
            bindings.clear();
        }
        for (contact, granted) in self.contacts {
            bindings.retain(|binding| binding.contact != contact);
            if granted.is_zero() {
                continue;
            }
            if bindings.len() >= MOST {
                return Err(500);
            }
            let (call_id, cseq) = (self.call_id.clone(), self.cseq);
            bindings.push(Binding { contact, expires_at: now + granted, since: now, source, way, call_id, cseq });
        }
        Ok(())
    }
}
