//! The border to rsip: heads pass through its parser, and its types are filled from pieces that we split.

use std::panic::catch_unwind;

use rsip::{
    Auth, Header, Headers, Host, HostWithPort, Param, Port, Request, Response, Scheme, headers::UntypedHeader, param,
};

use super::{Unreadable, head::Field, start::Start, uri::Uri, value};

/// Stands in for every Request-URI: rsip refuses whole messages for an IPv6 literal in it. For a URI without user it would
/// first write an error that quotes the rest of the message.
const PLACEHOLDER: &str = "sip:placeholder@192.0.2.1";

/// Methods that rsip has a name for. Others become OPTIONS.
const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// Gives a head to rsip, written into `text`; the headers as rsip understood them. Its reason for refusing is not passed
/// on, as it quotes the message with all secrets.
///
/// # Errors
/// If it refuses, or understands a header otherwise than we do.
pub fn through_rsip(start: &Start<'_>, fields: &[Field<'_>], text: &mut String) -> Result<Headers, Unreadable> {
    let lines = fields.iter().map(|field| (field.long_name, field.value));
    let headers = match start {
        Start::Request { method, .. } => request(method, lines, text).map(|request| request.headers),
        Start::Response { code, .. } => response(*code, lines, text).map(|response| response.headers),
    };
    let headers = headers.ok_or_else(|| Unreadable::at(0, "refused by the SIP parser"))?;
    if headers.iter().map(value_of).eq(fields.iter().map(|field| field.value)) {
        Ok(headers)
    } else {
        Err(Unreadable::at(0, "understood otherwise by the SIP parser"))
    }
}

/// rsip's request of that method, a placeholder URI and these headers.
pub fn request<'a>(
    method: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    text: &mut String,
) -> Option<Request> {
    text.clear();
    text.push_str(if METHODS.contains(&method) { method } else { "OPTIONS" });
    text.push(' ');
    text.push_str(PLACEHOLDER);
    text.push_str(" SIP/2.0\r\n");
    push_headers(headers, text);
    // No panic of rsip's is known after 16 million mutated messages. This is insurance: a phone must not end a run.
    catch_unwind(|| Request::try_from(text.as_bytes()).ok()).ok().flatten()
}

/// rsip's response of that code with these headers.
pub fn response<'a>(
    code: u16,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    text: &mut String,
) -> Option<Response> {
    text.clear();
    text.push_str("SIP/2.0 ");
    text.push_str(&code.to_string());
    text.push_str(" Reason\r\n");
    push_headers(headers, text);
    catch_unwind(|| Response::try_from(text.as_bytes()).ok()).ok().flatten()
}

fn push_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, text: &mut String) {
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    text.push_str("\r\n");
}

/// The value of a header as rsip keeps it.
pub fn value_of(header: &Header) -> &str {
    macro_rules! of_each {
        ($($name:ident)*) => {
            match header {
                $(Header::$name(header) => header.value(),)*
                Header::Other(_, value) => value,
            }
        };
    }
    of_each!(
        Accept AcceptEncoding AcceptLanguage AlertInfo Allow AuthenticationInfo Authorization CSeq CallId CallInfo Contact
        ContentDisposition ContentEncoding ContentLanguage ContentLength ContentType Date ErrorInfo Event Expires From
        InReplyTo MaxForwards MimeVersion MinExpires Organization Priority ProxyAuthenticate ProxyAuthorization
        ProxyRequire RecordRoute ReplyTo Require RetryAfter Route Server Subject SubscriptionState Supported
        Timestamp To Unsupported UserAgent Via Warning WwwAuthenticate
    )
}

/// A URI in rsip's type, split by us. None if it has no scheme, no host, or a port that is none.
pub fn uri(text: &str) -> Option<rsip::Uri> {
    let plain = |scheme, host_with_port| rsip::Uri {
        scheme: Some(scheme),
        auth: None,
        host_with_port,
        params: Vec::new(),
        headers: Vec::new(),
    };
    match Uri::parse(text)? {
        Uri::Sip(uri) => {
            let scheme = if uri.secure { Scheme::Sips } else { Scheme::Sip };
            // An IPv6 literal stays a text in brackets, as rsip prints its own without them.
            let host = if uri.host.starts_with('[') { Host::Domain(uri.host.into()) } else { Host::from(uri.host) };
            let place = HostWithPort { host, port: uri.port.map(Port::from) };
            let auth = uri.user.map(|user| Auth { user: user.to_owned(), password: uri.password.map(str::to_owned) });
            Some(rsip::Uri { auth, params: params(uri.parameters), ..plain(scheme, place) })
        }
        Uri::Other(scheme, rest) => {
            let place = HostWithPort { host: Host::Domain(rest.into()), port: None };
            Some(plain(Scheme::Other(scheme.to_owned()), place))
        }
    }
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
