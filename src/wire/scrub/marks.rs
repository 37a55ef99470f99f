//! Where in the values of SIP somebody is named: URIs, addresses with a name, parameters.
//!
//! Only places are told here, and what stands there ([`Kind`]); what becomes of it is no matter of grammar. What the grammar
//! leaves open is an identity, so that an unknown parameter or header gives nobody away.

use std::ops::Range;

use super::text::Kind;
use crate::wire::sip::value::{self, Address};

/// Parameters of URIs and headers whose values name nobody.
const NOBODYS: [&str; 48] = [
    "audio",
    "automata",
    "boundary",
    "cause",
    "charset",
    "class",
    "comp",
    "counter",
    "duplex",
    "duration",
    "event",
    "expires",
    "handling",
    "index",
    "info",
    "isfocus",
    "keep",
    "language",
    "level",
    "limit",
    "lr",
    "method",
    "methods",
    "mobility",
    "npdi",
    "ob",
    "party",
    "priority",
    "privacy",
    "profile-type",
    "purpose",
    "q",
    "reason",
    "refresher",
    "reg-id",
    "retry-after",
    "rn-type",
    "rport",
    "screen",
    "screen-ind",
    "sigcomp-type",
    "transport",
    "transport-param",
    "ttl",
    "user",
    "version",
    "video",
    "voicemail",
];

/// Begins every branch of RFC 3261 (section 8.1.1.7).
const COOKIE: &str = "z9hG4bK";

/// A piece of a text and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub range: Range<usize>,
    pub kind: Kind,
}

/// Collects marks on one text. Every piece that a method takes is a slice of that text.
pub struct Marks<'a> {
    text: &'a str,
    found: Vec<Mark>,
}

impl<'a> Marks<'a> {
    pub fn on(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub fn into_found(self) -> Vec<Mark> {
        self.found
    }

    /// Where a piece begins in the text.
    pub fn place(&self, piece: &str) -> usize {
        piece.as_ptr().addr() - self.text.as_ptr().addr()
    }

    pub fn add(&mut self, piece: &'a str, kind: Kind) {
        if !piece.is_empty() {
            let start = self.place(piece);
            self.found.push(Mark { range: start..start + piece.len(), kind });
        }
    }

    /// A name that the protocol or its makers gave, and that is no name of this kind if it holds a number.
    pub fn name(&mut self, name: &'a str) {
        if name.as_bytes().windows(3).any(|three| three.iter().all(u8::is_ascii_digit)) {
            self.add(name, Kind::Identity);
        }
    }

    /// A list of addresses, as in `Contact` and `Route`.
    pub fn addresses(&mut self, value: &'a str) {
        for address in value::split(value, true) {
            self.address(address);
        }
    }

    /// `"name" <uri>;parameters` or `uri;parameters`.
    pub fn address(&mut self, value: &'a str) {
        let (Address { display, uri, bracketed, behind }, parameters) = Address::split(value);
        if !bracketed && let Some((display, uri)) = uri.split_once('<') {
            // Its end is missing.
            self.add(display, Kind::Identity);
            self.uri(uri);
            return self.parameters(parameters);
        }
        self.add(display, Kind::Identity);
        self.uri(uri);
        self.add(behind, Kind::Identity);
        self.parameters(parameters);
    }

    pub fn uri(&mut self, uri: &'a str) {
        let uri = uri.trim().trim_start_matches('<').trim_end_matches('>');
        let (scheme, rest) = match uri.split_once(':') {
            // `pbx:5060` is a host with a port; `sip:5060` is none.
            Some((scheme, rest)) if is_scheme(scheme) && (is_known(scheme) || !is_port(rest)) => (scheme, rest),
            _ => ("", uri),
        };
        if is_telephone(scheme) {
            let (number, parameters) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
            self.user(number);
            self.parameters(parameters);
        } else if scheme.eq_ignore_ascii_case("urn") {
            match rest.get(..8) {
                Some(begin) if begin.eq_ignore_ascii_case("service:") => {}
                Some(begin) if begin.to_ascii_lowercase().starts_with("uuid:") => self.add(rest, Kind::Uuid),
                _ => self.add(rest, Kind::Token),
            }
        } else if let Some(rest) = rest.strip_prefix("//") {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            self.add(user, Kind::Escaped);
            self.host_and_port(host);
            self.add(path, Kind::Escaped);
        } else {
            self.sip(rest);
        }
    }

    /// What follows `sip:`.
    fn sip(&mut self, rest: &'a str) {
        // A user part may hold `?`, and a careless header behind the `?` may hold `@`.
        let before_headers = rest.find('?').unwrap_or(rest.len());
        let at = rest[..before_headers].rfind('@').or_else(|| rest.rfind('@'));
        let (userinfo, rest) = at.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let (user, parameters) = user.split_at(user.find(';').unwrap_or(user.len()));
        self.user(user);
        self.parameters(parameters);
        self.add(password, Kind::Escaped);
        let (rest, headers) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (place, parameters) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        self.host_and_port(place);
        self.parameters(parameters);
        for header in headers.split(['?', '&']) {
            self.add(header.split_once('=').map_or("", |(_, value)| value), Kind::Token);
        }
    }

    /// A number or a name. Of a feature code (`*11*PIN*1001#`, `#11#`, `*98`) the code stays.
    fn user(&mut self, user: &'a str) {
        let sign = |text: &str| match text.as_bytes() {
            [b'*' | b'#', ..] => Some(1),
            [b'%', b'2', b'a' | b'A' | b'3', ..] => Some(3),
            _ => None,
        };
        let mut rest = user;
        while let Some(len) = sign(rest) {
            rest = &rest[len..];
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_code = rest.len() < user.len()
            && match sign(&rest[digits..]) {
                Some(_) => digits <= 3,
                None => digits <= 2 && digits == rest.len(),
            };
        self.add(if is_code { &rest[digits..] } else { user }, Kind::Escaped);
    }

    /// The port stays.
    pub fn host_and_port(&mut self, place: &'a str) {
        let place = place.trim();
        let host = match place.rsplit_once(':') {
            Some((host, port)) if is_port(port) && is_host(host) => host,
            _ => place,
        };
        self.add(host, Kind::Identity);
    }

    /// Parameters between semicolons.
    pub fn parameters(&mut self, text: &'a str) {
        for parameter in value::pieces(text) {
            self.parameter(parameter);
        }
    }

    fn parameter(&mut self, parameter: &'a str) {
        let Some((name, value)) = parameter.split_once('=') else {
            let name = parameter.to_ascii_lowercase();
            if !is_nobodys(&name) && !is_feature(&name) {
                self.add(parameter, Kind::Token);
            }
            return;
        };
        self.name(name);
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim().trim_matches('"');
        match &*name {
            name if is_nobodys(name) => {}
            "branch" => self.add(value.strip_prefix(COOKIE).unwrap_or(value), Kind::Token),
            "text" => self.add(value, Kind::Free),
            "received" | "maddr" | "phone-context" | "isub" | "ext" => self.add(value, Kind::Identity),
            "call-id" => self.call_id(value),
            _ if value.to_ascii_lowercase().contains("urn:uuid:") => self.add(value, Kind::Uuid),
            _ if value.starts_with('<') || value.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("sip:")) => {
                self.uri(value);
            }
            name if is_feature(name) => {}
            _ => self.add(value, Kind::Token),
        }
    }

    /// `word@host` or a word alone.
    pub fn call_id(&mut self, id: &'a str) {
        let (word, host) = id.rsplit_once('@').unwrap_or((id, ""));
        self.add(word, Kind::Token);
        self.host_and_port(host);
    }

    /// `SIP/2.0/UDP host:port;parameters`.
    pub fn via(&mut self, value: &'a str) {
        let (sender, parameters) = value.split_at(value.find(';').unwrap_or(value.len()));
        // White space may stand around the slashes.
        let behind = sender.rsplit_once('/').map_or(sender, |(_, behind)| behind.trim());
        match behind.split_once([' ', '\t', '\r', '\n']) {
            Some((_, sent_by)) => {
                self.name(&sender[..self.place(sent_by) - self.place(sender)]);
                self.host_and_port(sent_by);
            }
            None => self.add(sender, Kind::Identity),
        }
        self.parameters(parameters);
    }

    /// A challenge or credentials (RFC 7616 section 3).
    pub fn auth(&mut self, value: &'a str) {
        let value = value.trim();
        let (scheme, rest) = value.split_once([' ', '\t', '\r', '\n']).unwrap_or((value, ""));
        self.name(scheme);
        self.auth_parameters(rest);
    }

    /// The parameters of a challenge or of credentials. The hash itself is a secret and masked elsewhere, whatever is said
    /// here.
    pub fn auth_parameters(&mut self, rest: &'a str) {
        for parameter in value::split(rest, true) {
            let Some((name, value)) = parameter.split_once('=') else {
                self.add(parameter, Kind::Token);
                continue;
            };
            self.name(name);
            let value = value.trim().trim_matches('"');
            match &*name.trim().to_ascii_lowercase() {
                "algorithm" | "charset" | "nc" | "qop" | "stale" | "userhash" => {}
                "username" | "realm" => self.add(value, Kind::Identity),
                "uri" => self.uri(value),
                "domain" => value.split_ascii_whitespace().for_each(|uri| self.uri(uri)),
                _ => self.add(value, Kind::Token),
            }
        }
    }
}

fn is_nobodys(name: &str) -> bool {
    NOBODYS.binary_search(&name).is_ok()
}

/// Feature tags (RFC 3840) but for the one that tells devices apart.
fn is_feature(name: &str) -> bool {
    ["+sip.", "sip.", "+g."].iter().any(|begin| name.starts_with(begin)) && !name.ends_with("instance")
}

fn is_host(text: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes().all(name) || text.starts_with('[') && text.ends_with(']')
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_known(scheme: &str) -> bool {
    is_telephone(scheme) || ["sip", "sips", "urn"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn is_telephone(scheme: &str) -> bool {
    ["tel", "fax", "modem"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn is_port(text: &str) -> bool {
    value::number::<u16>(text.trim()).is_some()
}
