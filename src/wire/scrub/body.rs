//! Where in the body of a SIP message somebody is named.
//!
//! Known are SDP, summaries of waiting messages, and pieces of SIP. Of any other body nothing but its lines is left.

use super::{
    marks::Marks,
    message::{self, line},
    text::Kind,
};

/// Attributes of SDP that name nobody (the registry at iana.org/assignments/sdp-parameters), with or without a value.
const PLAIN_ATTRIBUTES: [&str; 35] = [
    "bundle-only",
    "charset",
    "connection",
    "content",
    "crypto",
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "fmtp",
    "framerate",
    "group",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "inactive",
    "keywds",
    "lang",
    "maxptime",
    "mid",
    "msid-semantic",
    "orient",
    "ptime",
    "quality",
    "recvonly",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "rtpmap",
    "sdplang",
    "sendonly",
    "sendrecv",
    "setup",
    "silencesupp",
    "type",
    "x-rtp-session-id",
];

/// What the headers say of the body.
#[derive(Debug, Default)]
pub struct Content {
    /// In lower case, without parameters.
    kind: String,
    encoded: bool,
}

impl Content {
    /// Takes in a header by its long name.
    pub fn learn(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("Content-Type") {
            self.kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        } else if name.eq_ignore_ascii_case("Content-Encoding") {
            self.encoded = !value.trim().eq_ignore_ascii_case("identity");
        }
    }

    /// Marks the body.
    pub fn marks<'a>(&self, marks: &mut Marks<'a>, body: &'a str) {
        match &*self.kind {
            "application/sdp" if !self.encoded => sdp(marks, body),
            "application/simple-message-summary" if !self.encoded => summary(marks, body),
            // Pieces of SIP in pieces of SIP are nothing that anybody sends, and could go on for ever.
            "message/sipfrag" if !self.encoded && !names_sipfrag(body) => message::message(marks, body),
            _ => marks.add(body, Kind::Unknown),
        }
    }
}

fn names_sipfrag(body: &str) -> bool {
    memchr::memmem::find(body.to_ascii_lowercase().as_bytes(), b"message/sipfrag").is_some()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (next, behind) = line(rest);
        rest = behind;
        (!next.is_empty()).then(|| next.trim_end_matches(['\r', '\n']))
    })
}

/// A session description (RFC 8866).
fn sdp<'a>(marks: &mut Marks<'a>, body: &'a str) {
    for line in lines(body) {
        match line.split_once('=').filter(|(kind, _)| kind.len() == 1) {
            Some(("v" | "b" | "t" | "r" | "z" | "m", _)) => {}
            Some(("o", value)) => origin(marks, value),
            Some(("c", value)) => {
                let address = value.rsplit(' ').next().unwrap_or_default();
                marks.add(address.split('/').next().unwrap_or_default(), Kind::Identity);
            }
            Some(("s", value)) => marks.add(value, Kind::Free),
            Some(("a", value)) => attribute(marks, value),
            Some(("k", value)) => marks.add(value, Kind::Token),
            _ => marks.add(line, Kind::Identity),
        }
    }
}

/// User, two numbers, kinds of network and address, address.
fn origin<'a>(marks: &mut Marks<'a>, value: &'a str) {
    for (index, word) in value.split(' ').enumerate() {
        match index {
            0 => marks.add(word, Kind::Identity),
            1 | 2 if word.bytes().all(|byte| byte.is_ascii_digit()) => {}
            1 | 2 => marks.add(word, Kind::Token),
            3 | 4 => {}
            _ => marks.add(word, Kind::Identity),
        }
    }
}

fn attribute<'a>(marks: &mut Marks<'a>, value: &'a str) {
    let (name, value) = value.split_once(':').unwrap_or((value, ""));
    marks.name(name);
    let name = name.trim().to_ascii_lowercase();
    match &*name {
        name if PLAIN_ATTRIBUTES.binary_search(&name).is_ok() => {}
        "candidate" | "remote-candidates" | "rtcp" | "source-filter" => marks.add(value, Kind::Addresses),
        "tool" => marks.add(value, Kind::Product),
        "ssrc" => marks.add(value.split_once(':').map_or("", |(_, value)| value), Kind::Token),
        _ => marks.add(value, Kind::Token),
    }
}

/// A summary of waiting messages (RFC 3842 section 3.5).
fn summary<'a>(marks: &mut Marks<'a>, body: &'a str) {
    for line in lines(body) {
        match line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value)) {
            Some((name, _)) if name == "messages-waiting" => {}
            Some((name, value)) if name == "message-account" => marks.uri(value),
            Some((name, value)) if name.ends_with("-message") && counts(value) => {}
            _ => marks.add(line, Kind::Identity),
        }
    }
}

/// `2/8 (0/2)`.
fn counts(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b" \t/()".contains(&byte))
}
