//! The border to rsip: heads pass through its parser, and its types are filled from pieces that we split.

use std::panic::catch_unwind;

use rsip::{
    Auth, Host, HostWithPort, Param, Port, Request, Response, Scheme, Uri, param,
    typed::{Contact, From, To},
};

use super::{Header, head::Head, value};
use crate::event::SipStart;

/// Stands in for every Request-URI: rsip refuses whole messages for an IPv6 literal in it.
const PLACEHOLDER: &str = "sip:placeholder.invalid";

/// Gives a head to rsip and takes the headers back as it understood them. None if it refuses; its reason is not passed
/// on, as it quotes the message with all secrets.
pub fn through_rsip(head: &Head) -> Option<Vec<Header>> {
    let lines: Vec<(&str, &str)> = head.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let headers = match &head.start {
        SipStart::Request { method, .. } => request(method, &lines)?.headers,
        SipStart::Response { code, .. } => response(*code, &lines)?.headers,
    };
    headers
        .into_iter()
        .map(|header| {
            let line = header.to_string();
            let (name, value) = line.split_once(':')?;
            Some(Header { name: name.to_owned(), value: value.trim().to_owned() })
        })
        .collect()
}

/// rsip's request of that method, a placeholder URI and these headers. Methods unknown to rsip become OPTIONS.
pub fn request(method: &str, headers: &[(&str, &str)]) -> Option<Request> {
    let known = rsip::Method::all().into_iter().find(|known| known.to_string() == method);
    let text = head_text(&format!("{} {PLACEHOLDER} SIP/2.0", known.unwrap_or(rsip::Method::Options)), headers);
    // No panic of rsip's is known after 16 million mutated messages. This is insurance: a phone must not end a run.
    catch_unwind(|| Request::try_from(text.as_bytes()).ok()).ok().flatten()
}

/// rsip's response of that code with these headers.
pub fn response(code: u16, headers: &[(&str, &str)]) -> Option<Response> {
    let text = head_text(&format!("SIP/2.0 {code} Reason"), headers);
    catch_unwind(|| Response::try_from(text.as_bytes()).ok()).ok().flatten()
}

fn head_text(start: &str, headers: &[(&str, &str)]) -> String {
    let size = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
    let mut text = String::with_capacity(start.len() + size + 4);
    text.push_str(start);
    text.push_str("\r\n");
    for (name, value) in headers {
        for part in [*name, ": ", *value, "\r\n"] {
            text.push_str(part);
        }
    }
    text.push_str("\r\n");
    text
}

/// User and host of the URI in a `From`, `To` or `Contact` value, where that is a `sip` or `sips` URI with a user. Needless
/// escapes in the user are undone; the host is in lower case, without port, an IPv6 address in its brackets.
pub fn address_of_record(header_value: &str) -> Option<(String, String)> {
    record_of(&uri(value::Address::split(header_value).uri)?)
}

/// As [`address_of_record`], of a URI.
pub fn record_of(uri: &Uri) -> Option<(String, String)> {
    match uri.scheme {
        Some(Scheme::Sip | Scheme::Sips) => {
            Some((unescaped(uri.user()?), uri.host_with_port.host.to_string().to_ascii_lowercase()))
        }
        _ => None,
    }
}

/// `From` in rsip's type.
pub fn from(text: &str) -> Option<From> {
    let address = value::Address::split(text);
    let display_name = address.display.map(str::to_owned);
    Some(From { display_name, uri: uri(address.uri)?, params: params(address.parameters) })
}

/// `To` in rsip's type.
pub fn to(text: &str) -> Option<To> {
    let address = value::Address::split(text);
    let display_name = address.display.map(str::to_owned);
    Some(To { display_name, uri: uri(address.uri)?, params: params(address.parameters) })
}

/// One `Contact` in rsip's type; none for the wildcard.
pub fn contact(text: &str) -> Option<Contact> {
    let address = value::Address::split(text);
    let display_name = address.display.map(str::to_owned);
    Some(Contact { display_name, uri: uri(address.uri)?, params: params(address.parameters) })
}

/// `branch` of one `Via` value.
pub fn branch(via: &str) -> Option<String> {
    let parameters = &via[value::Outside::of(via).find(|(_, byte)| *byte == b';')?.0..];
    params(parameters).into_iter().find_map(|param| match param {
        Param::Branch(branch) => Some(branch.value().to_owned()),
        _ => None,
    })
}

/// A URI in rsip's type, split by us. None if it has no scheme, no host, or a port that is none.
pub fn uri(text: &str) -> Option<Uri> {
    let (scheme, rest) = text.trim().split_once(':')?;
    if !value::is_token(scheme) {
        return None;
    }
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case("sip") => Scheme::Sip,
        _ if scheme.eq_ignore_ascii_case("sips") => Scheme::Sips,
        _ => {
            let host_with_port = HostWithPort { host: opaque(rest), port: None };
            let scheme = Some(Scheme::Other(scheme.to_owned()));
            return Some(Uri { scheme, auth: None, host_with_port, params: Vec::new(), headers: Vec::new() });
        }
    };
    // A user part may hold `?`, and a careless header behind the `?` may hold `@`.
    let before_headers = rest.find('?').unwrap_or(rest.len());
    let at = rest[..before_headers].rfind('@').or_else(|| rest.rfind('@'));
    let (user, rest) = match at {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let auth = user.map(|user| match user.split_once(':') {
        Some((user, password)) => Auth { user: user.to_owned(), password: Some(password.to_owned()) },
        None => Auth { user: user.to_owned(), password: None },
    });
    let rest = &rest[..rest.find('?').unwrap_or(rest.len())];
    let (place, parameters) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    let host_with_port = host_with_port(place.trim())?;
    Some(Uri { scheme: Some(scheme), auth, host_with_port, params: params(parameters), headers: Vec::new() })
}

/// An IPv6 literal stays a text in brackets, as rsip prints its own without them.
fn host_with_port(text: &str) -> Option<HostWithPort> {
    let host_end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at(host_end);
    if host.is_empty() || host.contains([' ', '\t', '<', '>', '"', ',']) {
        return None;
    }
    let port = match port.trim().strip_prefix(':') {
        Some(port) => Some(Port::from(value::number::<u16>(port.trim())?)),
        None if port.is_empty() => None,
        None => return None,
    };
    let host = if host.starts_with('[') { opaque(host) } else { Host::from(host) };
    Some(HostWithPort { host, port })
}

fn opaque(text: &str) -> Host {
    Host::Domain(text.into())
}

/// Parameters in rsip's type. Those that rsip would reprint in its own spelling (`transport=udp`) are kept as text.
fn params(text: &str) -> Vec<Param> {
    value::parameters(text)
        .map(|(name, value)| match (name.to_ascii_lowercase().as_str(), value) {
            ("branch", Some(value)) => Param::Branch(param::Branch::new(value)),
            ("tag", Some(value)) => Param::Tag(param::Tag::new(value)),
            ("expires", Some(value)) => Param::Expires(param::Expires::new(value)),
            ("received", Some(value)) => Param::Received(param::Received::new(value)),
            ("q", Some(value)) => Param::Q(param::Q::new(value)),
            ("lr", None) => Param::Lr,
            (_, value) => Param::Other(name.into(), value.map(|value| value.into_owned().into())),
        })
        .collect()
}

/// The value of a parameter that rsip has no name for.
pub fn other_param<'a>(params: &'a [Param], wanted: &str) -> Option<&'a str> {
    params.iter().find_map(|param| match param {
        Param::Other(name, Some(value)) if name.value().eq_ignore_ascii_case(wanted) => Some(value.value()),
        _ => None,
    })
}

/// Undoes escapes of characters that need none: `%31` and `1` are the same user (RFC 3261 section 19.1.4).
fn unescaped(user: &str) -> String {
    let mut plain = String::with_capacity(user.len());
    let mut rest = user;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) => {
                plain.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            _ => {
                plain.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    plain + rest
}
