//! The short look that the privileged process takes at SIP messages, to know which of them an outage is about.

use siprig::{
    event::{SipStart, Toward},
    wire::{
        messages::{
            Messages,
            scan::{Start, scan},
        },
        sip::Message,
    },
};

/// So much of a message is looked at.
const LOOKED_AT: usize = 8192;

/// What it reads is what a reader of all of it reads, where that has nothing to find fault with; and then it does read it.
pub fn check(bytes: &[u8]) {
    let scanned = scan(bytes);
    let heard = [Toward::Server, Toward::Phone].map(|toward| Messages::default().take(bytes, toward));
    assert_eq!(heard.map(|heard| heard.is_some()), [scanned.is_some(); 2]);
    let Ok(read) = Message::parse(bytes) else { return };
    let summary = read.summary();
    // A call id and a method are one word each (RFC 3261 section 25.1); a reader of all of it is more patient.
    let words = [&summary.call_id, &summary.method];
    let plain = words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_graphic()));
    if !summary.oddities.is_empty() || bytes.len() > LOOKED_AT || !plain {
        return;
    }
    let scanned = scanned.unwrap_or_else(|| panic!("it is {summary:?} and was not read"));
    let start = match (scanned.start, read.start()) {
        (Start::Request(method), SipStart::Request { .. }) => method == scanned.method,
        (Start::Answer(code), SipStart::Response { code: read, .. }) => code == *read,
        _ => false,
    };
    assert!(start, "{:?} and {:?}", scanned.start, read.start());
    assert_eq!(scanned.call_id, summary.call_id.as_bytes());
    assert_eq!((scanned.cseq, scanned.method), (summary.cseq, summary.method.as_bytes()));
    assert_eq!(scanned.expires, summary.expires);
}
