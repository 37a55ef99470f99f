//! What tracking of registrations, calls and subscriptions needs of a message, borrowed from its bytes.

use std::borrow::Cow;

use super::{oddity::Oddities, start::Start};
use crate::{
    event::{AudioLine, SipContact, SipSummary},
    wire::sdp,
};

mod address;
mod gather;
mod plain;
mod said;
mod scalar;
mod via;

pub(super) use gather::Gathered;

/// A message as [`SipSummary`] shows it, in pieces of its bytes. What is missing, unreadable or said in two different ways
/// is empty, none or zero here and named among the oddities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance<'a> {
    /// Request or response.
    pub start: Start<'a>,
    /// `Call-ID`.
    pub call_id: &'a str,
    /// Number of `CSeq`.
    pub cseq: u32,
    /// Method of `CSeq`, as written.
    pub method: &'a str,
    /// `branch` of the topmost `Via`.
    pub branch: Cow<'a, str>,
    /// Address of record of `From`: `user@host`.
    pub from: Cow<'a, str>,
    /// `tag` of `From`.
    pub from_tag: Option<Cow<'a, str>>,
    /// Address of record of `To`: `user@host`.
    pub to: Cow<'a, str>,
    /// `tag` of `To`.
    pub to_tag: Option<Cow<'a, str>>,
    /// Every `Contact`.
    pub contacts: Vec<Contact<'a>>,
    /// `Expires`, in seconds.
    pub expires: Option<u32>,
    /// `Min-Expires`, in seconds.
    pub min_expires: Option<u32>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// `Date` of a response, in seconds since the Unix epoch.
    pub date: Option<i64>,
    /// It carries `Authorization` or `Proxy-Authorization`.
    pub authorized: bool,
    /// `User-Agent` or `Server`.
    pub agent: Option<&'a str>,
    /// Package of `Event`, without parameters.
    pub event: Option<&'a str>,
    /// State of `Subscription-State`, without parameters.
    pub subscription_state: Option<&'a str>,
    /// Media type of `Content-Type`, without parameters, as written.
    pub content_type: Option<&'a str>,
    /// The nonce that it asks to be used, or that its credentials use.
    pub nonce: Option<Cow<'a, str>>,
    /// It says that the credentials were right but for the age of their nonce.
    pub stale_nonce: bool,
    /// The body, cut by `Content-Length`.
    pub body: &'a [u8],
    /// Findings that did not prevent reading.
    pub oddities: Oddities,
}

/// One `Contact`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact<'a> {
    /// The URI as written, without angle brackets; `*` for the wildcard.
    pub uri: &'a str,
    /// Its own `expires` parameter, in seconds.
    pub expires: Option<u32>,
    /// Its `+sip.instance`, without quotes.
    pub instance: Option<Cow<'a, str>>,
    /// Its `q`, in thousandths.
    pub q: Option<u16>,
    /// Its `reg-id`.
    pub reg_id: Option<u32>,
}

impl Glance<'_> {
    /// The audio stream that its body describes.
    fn audio(&self) -> Option<AudioLine> {
        let described = self.content_type.is_some_and(|kind| kind.eq_ignore_ascii_case(sdp::CONTENT_TYPE));
        described.then(|| sdp::audio(self.body)).flatten()
    }

    /// The same for the journal.
    pub fn summary(&self) -> SipSummary {
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        SipSummary {
            start: self.start.into(),
            call_id: self.call_id.to_owned(),
            cseq: self.cseq,
            method: self.method.to_owned(),
            branch: self.branch.clone().into_owned(),
            from: self.from.clone().into_owned(),
            from_tag: owned(&self.from_tag),
            to: self.to.clone().into_owned(),
            to_tag: owned(&self.to_tag),
            contacts: self.contacts.iter().map(SipContact::from).collect(),
            expires: self.expires,
            min_expires: self.min_expires,
            retry_after: self.retry_after,
            date: self.date,
            authorized: self.authorized,
            agent: self.agent.map(str::to_owned),
            event: self.event.map(str::to_owned),
            subscription_state: self.subscription_state.map(str::to_owned),
            content_type: self.content_type.map(str::to_owned),
            audio: self.audio(),
            nonce: owned(&self.nonce),
            stale_nonce: self.stale_nonce,
            oddities: self.oddities.iter().map(str::to_owned).collect(),
        }
    }
}

impl<'a> From<&'a SipSummary> for Glance<'a> {
    /// The same message again; body and oddities are left out.
    fn from(summary: &'a SipSummary) -> Self {
        let lent = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Self {
            start: (&summary.start).into(),
            call_id: &summary.call_id,
            cseq: summary.cseq,
            method: &summary.method,
            branch: Cow::Borrowed(&summary.branch),
            from: Cow::Borrowed(&summary.from),
            from_tag: lent(&summary.from_tag),
            to: Cow::Borrowed(&summary.to),
            to_tag: lent(&summary.to_tag),
            contacts: summary.contacts.iter().map(Contact::from).collect(),
            expires: summary.expires,
            min_expires: summary.min_expires,
            retry_after: summary.retry_after,
            date: summary.date,
            authorized: summary.authorized,
            agent: summary.agent.as_deref(),
            event: summary.event.as_deref(),
            subscription_state: summary.subscription_state.as_deref(),
            content_type: summary.content_type.as_deref(),
            nonce: lent(&summary.nonce),
            stale_nonce: summary.stale_nonce,
            body: &[],
            oddities: Oddities::default(),
        }
    }
}

impl<'a> From<&'a SipContact> for Contact<'a> {
    fn from(contact: &'a SipContact) -> Self {
        Self {
            uri: &contact.uri,
            expires: contact.expires,
            instance: contact.instance.as_deref().map(Cow::Borrowed),
            q: contact.q,
            reg_id: contact.reg_id,
        }
    }
}

impl From<&Contact<'_>> for SipContact {
    fn from(contact: &Contact<'_>) -> Self {
        Self {
            uri: contact.uri.to_owned(),
            expires: contact.expires,
            instance: contact.instance.as_deref().map(str::to_owned),
            q: contact.q,
            reg_id: contact.reg_id,
        }
    }
}
