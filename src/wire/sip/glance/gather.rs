//! Goes once over the header lines.

use std::borrow::Cow;

use super::{
    Contact, Glance, Oddities, Start,
    address::{self, Party},
    said::{Again, Said},
    scalar, via,
};
use crate::wire::{
    date,
    digest::Nonce,
    sip::{head::Field, name::Name, value},
};

/// Headers that every message carries, `Via` aside (RFC 3261 sections 8.1.1 and 8.2.6.2).
const REQUIRED: [Name; 4] = [Name::From, Name::To, Name::CallId, Name::CSeq];

/// As much of a nonce is kept as tells it from others, in bytes.
const LONGEST_NONCE: usize = 128;

/// What the lines said so far.
#[derive(Debug)]
pub struct Gathered<'a> {
    once: [Said<&'a str>; Name::COUNT],
    /// `branch` of the first `Via`, once there was one.
    via: Option<Option<Cow<'a, str>>>,
    contacts: Vec<Contact<'a>>,
    authorized: bool,
    nonce: Option<Nonce<'a>>,
    pub odd: Oddities,
}

impl Default for Gathered<'_> {
    fn default() -> Self {
        Self::new(Oddities::default())
    }
}

impl<'a> Gathered<'a> {
    /// Nothing yet, but what was odd ahead of them.
    pub fn new(odd: Oddities) -> Self {
        let once = [Said::Never; Name::COUNT];
        Self { once, via: None, contacts: Vec::new(), authorized: false, nonce: None, odd }
    }

    /// Takes in a line.
    pub fn take(&mut self, field: &Field<'a>, start: &Start<'_>) {
        let is_request = matches!(start, Start::Request { .. });
        match field.name {
            Name::Other => {}
            Name::Via => {
                let branch = via::branch(field.value, &mut self.odd);
                self.via.get_or_insert(branch);
            }
            Name::Contact => address::contacts(field.value, &mut self.contacts, &mut self.odd),
            Name::Authorization | Name::ProxyAuthorization => {
                self.authorized = true;
                if is_request && self.nonce.is_none() {
                    self.nonce = Nonce::of_credentials(field.value);
                }
            }
            Name::WwwAuthenticate | Name::ProxyAuthenticate => {
                if !is_request && let Some(next) = Nonce::of_challenge(field.value) {
                    self.nonce = Some(match self.nonce.take() {
                        Some(nonce) => nonce.or(next),
                        None => next,
                    });
                }
            }
            name => self.once[name as usize].say(field.value, again(name), &mut self.odd),
        }
    }

    /// All together, with the start line and what follows the head. What was gathered goes into it.
    pub fn glance(&mut self, start: Start<'a>, behind: &'a [u8]) -> Glance<'a> {
        let missing = |name: &Name| matches!(self.once[*name as usize], Said::Never | Said::Once(""));
        self.odd.note_if(self.via.is_none() || REQUIRED.iter().any(missing), "a required header is missing");
        let body = self.body(behind);
        let odd = &mut self.odd;
        let once = |name: Name| self.once[name as usize].agreed();
        let (cseq, method) = once(Name::CSeq).map(|text| scalar::cseq(text, &start, odd)).unwrap_or_default();
        let from = once(Name::From).map(|text| Party::of(text, None, odd)).unwrap_or_default();
        let to = once(Name::To).map(|text| Party::of(text, Some(&from), odd)).unwrap_or_default();
        let mut seconds = |name| once(name).and_then(|text| scalar::seconds(text, odd));
        let (expires, min_expires) = (seconds(Name::Expires), seconds(Name::MinExpires));
        let retry_after = seconds(Name::RetryAfter);
        let forwards = once(Name::MaxForwards).is_none_or(|text| value::number::<u8>(text).is_some());
        odd.note_if(!forwards, "an unreadable Max-Forwards");
        odd.note_if(once(Name::Date).is_some_and(|date| !date.ends_with("GMT")), "a Date outside GMT");
        if self.contacts.iter().any(|contact| contact.uri == "*") {
            odd.note_if(self.contacts.len() > 1, "a wildcard among other contacts");
            odd.note_if(expires != Some(0), "a wildcard without Expires: 0");
        }
        let (user_agent, server) = (once(Name::UserAgent), once(Name::Server));
        Glance {
            start,
            call_id: once(Name::CallId).unwrap_or_default(),
            cseq,
            method,
            branch: self.via.take().flatten().unwrap_or_default(),
            from: from.record,
            from_tag: from.tag,
            to: to.record,
            to_tag: to.tag,
            contacts: std::mem::take(&mut self.contacts),
            expires,
            min_expires,
            retry_after,
            date: match start {
                Start::Response { .. } => once(Name::Date).and_then(date::unix_seconds),
                Start::Request { .. } => None,
            },
            authorized: self.authorized,
            agent: match start {
                Start::Request { .. } => user_agent.or(server),
                Start::Response { .. } => server.or(user_agent),
            },
            event: once(Name::Event).map(scalar::word),
            subscription_state: once(Name::SubscriptionState).map(scalar::word),
            content_type: once(Name::ContentType).map(scalar::word),
            stale_nonce: self.nonce.as_ref().is_some_and(|nonce| nonce.stale),
            nonce: self.nonce.take().map(|nonce| shortened(nonce.text)),
            body,
            oddities: std::mem::take(&mut self.odd),
        }
    }

    /// Cuts what follows the head by `Content-Length` (RFC 3261 section 18.3).
    fn body(&mut self, behind: &'a [u8]) -> &'a [u8] {
        let announced = match self.once[Name::ContentLength as usize] {
            Said::Never => return behind,
            Said::Once(text) => value::number::<usize>(text),
            Said::Differently => None,
        };
        match announced {
            Some(length) if length > behind.len() => {
                self.odd.note("body shorter than Content-Length");
                behind
            }
            Some(length) => {
                self.odd.note_if(length < behind.len(), "surplus bytes behind the body");
                &behind[..length]
            }
            None => {
                self.odd.note("unusable Content-Length");
                behind
            }
        }
    }
}

fn again(name: Name) -> Again {
    if name == Name::ContentLength {
        Again { at_all: "repeated Content-Length", differently: "unusable Content-Length" }
    } else {
        Again { at_all: "a header that is single is repeated", differently: "repeated headers contradict each other" }
    }
}

fn shortened(nonce: Cow<'_, str>) -> Cow<'_, str> {
    let end = nonce.floor_char_boundary(LONGEST_NONCE);
    match nonce {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(text) => Cow::Owned(text[..end].to_owned()),
    }
}
