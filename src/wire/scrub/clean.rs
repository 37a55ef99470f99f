//! Cleans bytes that belong together: secrets are masked, and if there is a key, who is named gets a pseudonym.

use super::{
    message,
    text::{Kind, MASK, Pseudonyms, blank},
};
use crate::wire::{
    redact,
    signalling::sniff::{STUN_HEADER, is_stun},
    sip,
};

/// How much of what stands ahead of a piece may tell that it begins within a secret: more than the longest name and hash.
pub const MEMORY: usize = 1024;

/// Cleans. Without pseudonyms everything but secrets stays.
pub struct Cleaner {
    pub pseudonyms: Option<Pseudonyms>,
}

impl Cleaner {
    /// All of a datagram's payload, or its beginning if it was `cut`.
    pub fn payload(&mut self, bytes: &mut [u8], cut: bool) {
        if sip::looks_like_sip(bytes) {
            self.message(bytes, cut);
        } else if self.pseudonyms.is_some() && is_stun(bytes) {
            // It may be there to keep a path open.
            bytes[STUN_HEADER..].fill(MASK);
        } else {
            self.other(&[], bytes, cut);
        }
    }

    /// A SIP message from its beginning; `cut`: its end is missing.
    pub fn message(&mut self, bytes: &mut [u8], cut: bool) {
        // Where the secrets stand is found before anything changes, and stays true: no length changes.
        let secrets = redact::sip_secrets(bytes, cut);
        if let Some(pseudonyms) = &mut self.pseudonyms {
            for mark in message::marks(&ascii(bytes)) {
                pseudonyms.write_over(&mut bytes[mark.range], mark.kind);
            }
        }
        redact::overwrite(bytes, &secrets);
    }

    /// Bytes of which nobody can tell what they are: another protocol, or the end of a message whose beginning was not seen.
    /// With pseudonyms nothing is left of them. `before`: what stood ahead of them, as far as it was seen; `cut`: something
    /// is missing behind them.
    pub fn other(&mut self, before: &[u8], bytes: &mut [u8], cut: bool) {
        if bytes.is_empty() {
            return;
        }
        if self.pseudonyms.is_some() {
            let is_text = bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
            if is_text {
                blank(bytes);
            } else if !sip::is_keep_alive(bytes) {
                bytes.fill(MASK);
            }
            return;
        }
        let before = &before[before.len().saturating_sub(MEMORY)..];
        let secrets = redact::sip_secrets(&[before, bytes].concat(), cut);
        let secrets: Vec<_> = secrets
            .into_iter()
            .map(|secret| secret.start.saturating_sub(before.len())..secret.end.saturating_sub(before.len()))
            .collect();
        redact::overwrite(bytes, &secrets);
    }

    /// As [`other`](Self::other), in a stream that speaks SIP: the lines stay, since a line may be where SIP goes on.
    pub fn garbage(&mut self, before: &[u8], bytes: &mut [u8]) {
        if self.pseudonyms.is_none() {
            self.other(before, bytes, true);
        } else if !sip::is_keep_alive(bytes) {
            blank(bytes);
        }
    }

    /// Text that somebody wrote about the traffic.
    pub fn text(&mut self, bytes: &mut [u8], kind: Kind) {
        let secrets = redact::text_secrets(bytes);
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.write_over(bytes, kind);
        }
        redact::overwrite(bytes, &secrets);
    }
}

/// A text for those who look for separators: each byte that is not ASCII is a letter, in its own place.
fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { 'z' }).collect()
}
