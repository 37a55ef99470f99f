//! Where in a SIP message somebody is named.
//!
//! Works on a text of the message's length in which every byte is ASCII, line by line and without asking that anything be
//! well-formed, so that a message of which the end is missing, or one that no reader takes, is marked as far as it goes.

use super::{
    body,
    marks::{Mark, Marks},
    text::Kind,
};
use crate::wire::sip::{self, long_name, value};

/// What the value of a header is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Words of the protocol.
    Plain,
    /// The same, with parameters.
    Parameters,
    Addresses,
    Via,
    CallId,
    Auth,
    /// Parameters of credentials without a scheme ahead.
    AuthInfo,
    Product,
    Warning,
    RetryAfter,
    Token,
    /// Whatever it is.
    Other,
}

/// Marks a message. Its text must be ASCII, byte for byte in the places of the message's.
pub fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Marks::on(text);
    message(&mut marks, text);
    marks.into_found()
}

/// Marks a message, or a fragment of one (RFC 3420), that is a slice of the text.
pub fn message<'a>(marks: &mut Marks<'a>, text: &'a str) {
    let blank = text.len() - text.trim_start_matches(['\r', '\n']).len();
    let (start, mut rest) = line(&text[blank..]);
    start_line(marks, start);
    let mut content = body::Content::default();
    while !rest.is_empty() {
        let (field, behind) = if is_blank(rest) { line(rest) } else { folded(rest) };
        rest = behind;
        if field.trim_end_matches(['\r', '\n']).is_empty() {
            break;
        }
        match field.split_once(':') {
            Some((name, value)) if value::is_token(name.trim()) => {
                marks.name(name);
                let name = long_name(name.trim());
                content.learn(name, value);
                header(marks, form(name), value.trim());
            }
            _ => marks.add(field, Kind::Identity),
        }
    }
    content.marks(marks, rest);
}

/// The first line with its end, and what follows.
pub fn line(text: &str) -> (&str, &str) {
    text.split_at(memchr::memchr(b'\n', text.as_bytes()).map_or(text.len(), |at| at + 1))
}

/// A line with those that are folded into it (RFC 3261 section 7.3.1).
fn folded(text: &str) -> (&str, &str) {
    let goes_on = |end: &usize| text[*end..].starts_with([' ', '\t']);
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
    text.split_at(ends.into_iter().find(|end| !goes_on(end)).unwrap_or(text.len()))
}

fn is_blank(text: &str) -> bool {
    text.starts_with('\n') || text.starts_with("\r\n")
}

fn start_line<'a>(marks: &mut Marks<'a>, line: &'a str) {
    let line = line.trim_matches(['\r', '\n']);
    if line.trim_start().get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
        let mut words = line.trim_start().splitn(3, ' ');
        let code = words.nth(1).and_then(value::number);
        let phrase = words.next().unwrap_or_default();
        if !code.is_some_and(|code| sip::reason(code).eq_ignore_ascii_case(phrase.trim())) {
            marks.add(phrase, Kind::Free);
        }
        return;
    }
    let Some((method, rest)) = line.split_once(' ') else { return marks.add(line, Kind::Identity) };
    marks.name(method);
    match rest.rsplit_once(' ') {
        Some((uri, version)) if version.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) => {
            marks.uri(uri)
        }
        _ => marks.uri(rest),
    }
}

fn header<'a>(marks: &mut Marks<'a>, form: Form, value: &'a str) {
    let list = || value::split(value, true);
    match form {
        Form::Plain => {}
        Form::Parameters => list().for_each(|value| {
            marks.parameters(value.split_at(value.find(';').unwrap_or(value.len())).1);
        }),
        Form::Addresses => marks.addresses(value),
        Form::Via => list().for_each(|via| marks.via(via)),
        Form::CallId => list().for_each(|id| {
            let (id, parameters) = id.split_at(id.find(';').unwrap_or(id.len()));
            marks.call_id(id);
            marks.parameters(parameters);
        }),
        Form::Auth => marks.auth(value),
        Form::AuthInfo => marks.auth_parameters(value),
        Form::Product => marks.add(value, Kind::Product),
        Form::Warning => list().for_each(|warning| {
            let mut words = warning.splitn(3, ' ');
            marks.host_and_port(words.nth(1).unwrap_or_default());
            marks.add(words.next().unwrap_or_default(), Kind::Free);
        }),
        Form::RetryAfter => {
            let (seconds, rest) = value.split_at(value.bytes().take_while(u8::is_ascii_digit).count());
            // More digits than any delay has are not one.
            marks.add(if seconds.len() > 10 { seconds } else { "" }, Kind::Identity);
            let (comment, parameters) = rest.split_at(rest.rfind(')').map_or(0, |at| at + 1));
            marks.add(comment, Kind::Free);
            marks.parameters(parameters);
        }
        Form::Token => marks.add(value, Kind::Token),
        // With angle brackets it is made of addresses; otherwise of whatever.
        Form::Other if value.contains('<') => marks.addresses(value),
        Form::Other => marks.add(value, Kind::Identity),
    }
}

/// By the long name of a header. Those of registration and calls that name nobody are listed; what is not listed may.
fn form(name: &str) -> Form {
    let mut lower = [0; 32];
    let Some(lower) = lower.get_mut(..name.len()) else { return Form::Other };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"accept"
        | b"accept-encoding"
        | b"accept-language"
        | b"accept-resource-priority"
        | b"allow"
        | b"allow-events"
        | b"content-disposition"
        | b"content-encoding"
        | b"content-language"
        | b"content-length"
        | b"content-type"
        | b"cseq"
        | b"date"
        | b"expires"
        | b"flow-timer"
        | b"max-expires"
        | b"max-forwards"
        | b"mime-version"
        | b"min-expires"
        | b"min-se"
        | b"p-early-media"
        | b"priority"
        | b"privacy"
        | b"proxy-require"
        | b"rack"
        | b"recv-info"
        | b"refer-sub"
        | b"request-disposition"
        | b"require"
        | b"resource-priority"
        | b"rseq"
        | b"security-client"
        | b"security-server"
        | b"security-verify"
        | b"session-expires"
        | b"supported"
        | b"timestamp"
        | b"unsupported" => Form::Plain,
        b"accept-contact"
        | b"answer-mode"
        | b"event"
        | b"info-package"
        | b"reason"
        | b"reject-contact"
        | b"subscription-state" => Form::Parameters,
        b"alert-info"
        | b"call-info"
        | b"cc-diversion"
        | b"contact"
        | b"diversion"
        | b"error-info"
        | b"from"
        | b"history-info"
        | b"p-asserted-identity"
        | b"p-associated-uri"
        | b"p-called-party-id"
        | b"p-preferred-identity"
        | b"p-served-user"
        | b"path"
        | b"permission-missing"
        | b"record-route"
        | b"refer-to"
        | b"referred-by"
        | b"remote-party-id"
        | b"reply-to"
        | b"route"
        | b"service-route"
        | b"to" => Form::Addresses,
        b"via" => Form::Via,
        b"call-id" | b"in-reply-to" | b"join" | b"replaces" | b"session-id" | b"target-dialog" => Form::CallId,
        b"authorization" | b"proxy-authenticate" | b"proxy-authorization" | b"www-authenticate" => Form::Auth,
        b"authentication-info" | b"proxy-authentication-info" => Form::AuthInfo,
        b"server" | b"user-agent" => Form::Product,
        b"warning" => Form::Warning,
        b"retry-after" => Form::RetryAfter,
        b"identity" | b"sip-etag" | b"sip-if-match" => Form::Token,
        _ => Form::Other,
    }
}

#[cfg(test)]
mod tests;
