//! What tracking of registrations, calls and subscriptions needs of a message, and what is odd about it.

use super::{Message, typed, value};
use crate::{
    event::{SipContact, SipStart, SipSummary},
    wire::digest::{Challenge, Credentials},
};

/// Headers that every message carries (RFC 3261 sections 8.1.1 and 8.2.6.2).
const REQUIRED: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// Headers that a message carries at most once and that we rely on.
const SINGLE: [&str; 6] = ["From", "To", "Call-ID", "CSeq", "Expires", "Max-Forwards"];

/// Headers whose values are an address with parameters.
const ADDRESSES: [&str; 3] = ["From", "To", "Contact"];

/// Headers that ask for credentials (RFC 3261 section 22).
const CHALLENGES: [&str; 2] = ["WWW-Authenticate", "Proxy-Authenticate"];

/// Headers that carry them.
const CREDENTIALS: [&str; 2] = ["Authorization", "Proxy-Authorization"];

/// As much of a nonce is kept as tells it from others, in characters.
const LONGEST_NONCE: usize = 128;

/// Fills the summary. What is missing or unreadable is empty or zero there and named among the oddities.
pub fn of(message: &Message) -> SipSummary {
    let (cseq, method) = message.header("CSeq").map(cseq).unwrap_or_default();
    let record = |name| message.header(name).map(record).unwrap_or_default();
    let delta = |name| message.header(name).and_then(delta_seconds);
    let word = |name| message.header(name).map(|text| text.split(';').next().unwrap_or_default().trim().to_owned());
    let agent = match message.start {
        SipStart::Request { .. } => message.header("User-Agent").or_else(|| message.header("Server")),
        SipStart::Response { .. } => message.header("Server").or_else(|| message.header("User-Agent")),
    };
    let challenge = || Challenge::best(CHALLENGES.iter().flat_map(|name| message.headers(name)));
    let (nonce, stale_nonce) = match message.start {
        SipStart::Request { .. } => {
            let credentials = CREDENTIALS.iter().flat_map(|name| message.headers(name)).find_map(Credentials::parse);
            (credentials.map(|credentials| credentials.nonce), false)
        }
        SipStart::Response { .. } => {
            challenge().map_or((None, false), |challenge| (Some(challenge.nonce), challenge.stale))
        }
    };
    SipSummary {
        start: message.start.clone(),
        call_id: message.header("Call-ID").unwrap_or_default().to_owned(),
        cseq: cseq.unwrap_or_default(),
        method: method.to_owned(),
        branch: message.via_branch().unwrap_or_default().to_owned(),
        from: record("From"),
        to: record("To"),
        to_tag: message.header("To").and_then(typed::to).and_then(|to| Some(to.tag()?.value().to_owned())),
        contacts: message.headers("Contact").map(contact).collect(),
        expires: delta("Expires"),
        min_expires: delta("Min-Expires"),
        retry_after: delta("Retry-After"),
        authorized: CREDENTIALS.iter().any(|name| message.header(name).is_some()),
        agent: agent.map(str::to_owned),
        event: word("Event"),
        subscription_state: word("Subscription-State"),
        nonce: nonce.map(|nonce| nonce.chars().take(LONGEST_NONCE).collect()),
        stale_nonce,
        oddities: message.oddities.0.iter().map(|what| (*what).to_owned()).collect(),
    }
}

/// Number and method of `CSeq`.
fn cseq(text: &str) -> (Option<u32>, &str) {
    let (number, method) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (value::number(number), method.trim())
}

/// `user@host`; for a URI without user or of another scheme the URI as written.
fn record(text: &str) -> String {
    let uri = typed::from(text).map(|from| from.uri);
    match uri.as_ref().and_then(typed::record_of) {
        Some((user, host)) => format!("{user}@{host}"),
        None => value::Address::split(text).uri.to_owned(),
    }
}

fn contact(text: &str) -> SipContact {
    let uri = value::Address::split(text).uri.trim().to_owned();
    let typed = typed::contact(text);
    let expires = typed.as_ref().and_then(|contact| value::number(contact.expires()?.value()));
    let instance = typed.as_ref().and_then(|contact| typed::other_param(&contact.params, "+sip.instance"));
    SipContact { uri, expires, instance: instance.map(str::to_owned) }
}

/// The seconds that a value begins with: `Retry-After` may go on with a comment and parameters.
fn delta_seconds(text: &str) -> Option<u32> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let goes_on_well = text[end..].is_empty() || text[end..].starts_with([' ', '\t', ';', '(']);
    goes_on_well.then(|| value::number(&text[..end])).flatten()
}

impl Message {
    /// Looks for what a reader of the journal should know.
    pub(super) fn look_for_oddities(&mut self) {
        let mut found = std::mem::take(&mut self.oddities);
        let mut note = |odd: bool, what: &'static str| {
            if odd {
                found.note(what);
            }
        };
        note(REQUIRED.iter().any(|name| self.header(name).is_none()), "a required header is missing");
        note(SINGLE.iter().any(|name| self.lines(name).nth(1).is_some()), "a header that is single is repeated");
        if let Some(text) = self.header("CSeq") {
            let (number, method) = cseq(text);
            note(number.is_none_or(|number| number >= 1 << 31), "an unreadable CSeq number");
            let differs = matches!(&self.start, SipStart::Request { method: start, .. } if start != method);
            note(differs, "the method of CSeq differs");
        }
        let unreadable = |name| self.header(name).is_some_and(|text| delta_seconds(text).is_none());
        note(["Expires", "Min-Expires", "Retry-After"].into_iter().any(unreadable), "an unreadable number of seconds");
        let forwards = self.header("Max-Forwards").map(|text| value::number::<u8>(text).is_some());
        note(forwards == Some(false), "an unreadable Max-Forwards");
        note(self.header("Date").is_some_and(|date| !date.ends_with("GMT")), "a Date outside GMT");
        for text in ADDRESSES.iter().flat_map(|name| self.headers(name)).filter(|text| *text != "*") {
            let address = value::Address::split(text);
            note(typed::uri(address.uri).is_none(), "an unreadable address");
            note(address.bracketed && address.uri.trim().len() != address.uri.len(), "white space around a URI");
            note(!address.bracketed && address.uri.contains('?'), "headers in a URI without angle brackets");
            note(unbalanced(text), "an unbalanced quote or bracket");
            let bad_expires = |(name, text): (&str, Option<std::borrow::Cow<'_, str>>)| {
                name.eq_ignore_ascii_case("expires") && text.and_then(|text| value::number::<u32>(&text)).is_none()
            };
            note(value::parameters(address.parameters).any(bad_expires), "an unreadable number of seconds");
            note(has_empty(address.parameters.get(1..).unwrap_or_default(), b';'), "an empty parameter");
        }
        for via in self.lines("Via") {
            note(has_empty(via, b',') || has_empty(via, b';'), "an empty parameter");
        }
        self.oddities = found;
    }
}

fn unbalanced(text: &str) -> bool {
    let mut outside = value::Outside::of(text);
    outside.by_ref().for_each(drop);
    outside.unbalanced
}

fn has_empty(text: &str, separator: u8) -> bool {
    !text.is_empty() && value::pieces(text, Some(separator)).any(str::is_empty)
}
