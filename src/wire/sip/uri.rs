//! URIs split into their parts.

use std::borrow::Cow;

use super::value;

/// A URI of any scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uri<'a> {
    Sip(SipUri<'a>),
    /// Scheme, and what follows its colon.
    Other(&'a str, &'a str),
}

/// A `sip` or `sips` URI, in pieces of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipUri<'a> {
    pub secure: bool,
    /// Without password.
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
    /// As written, an IPv6 address in its brackets.
    pub host: &'a str,
    pub port: Option<u16>,
    /// Beginning with `;`, or empty.
    pub parameters: &'a str,
    /// Behind the scheme's colon.
    text: &'a str,
}

impl<'a> Uri<'a> {
    /// None if it has no scheme, or if a `sip` or `sips` URI has no host or a port that is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = value::trim(text);
        let colon = memchr::memchr(b':', text.as_bytes())?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        let secure = scheme.eq_ignore_ascii_case("sips");
        if secure || scheme.eq_ignore_ascii_case("sip") {
            SipUri::parse(rest, secure).map(Self::Sip)
        } else {
            value::is_token(scheme).then_some(Self::Other(scheme, rest))
        }
    }

    /// `user@host` of a `sip` or `sips` URI with a user: needless escapes in the user undone, no password, the host in
    /// lower case, no port, an IPv6 address in its brackets.
    pub fn record(&self) -> Option<Cow<'a, str>> {
        let Self::Sip(uri) = self else { return None };
        let user = uri.user.filter(|user| !user.is_empty())?;
        let as_written = uri.text.get(..user.len() + 1 + uri.host.len()).filter(|text| text.ends_with(uri.host));
        match as_written {
            Some(text)
                if !text.bytes().any(|byte| byte == b'%') && !uri.host.bytes().any(|it| it.is_ascii_uppercase()) =>
            {
                Some(Cow::Borrowed(text))
            }
            _ => Some(Cow::Owned(format!("{}@{}", unescaped(user), uri.host.to_ascii_lowercase()))),
        }
    }
}

impl<'a> SipUri<'a> {
    fn parse(text: &'a str, secure: bool) -> Option<Self> {
        // A user part may hold `?`, and a careless header behind the `?` may hold `@`.
        let question = memchr::memchr(b'?', text.as_bytes());
        let at = memchr::memrchr(b'@', &text.as_bytes()[..question.unwrap_or(text.len())]);
        let at = at.or_else(|| memchr::memrchr(b'@', text.as_bytes()).filter(|_| question.is_some()));
        let (user, rest) = match at {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        let (user, password) = match user.and_then(|user| user.split_once(':')) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (user, None),
        };
        let rest = &rest[..memchr::memchr(b'?', rest.as_bytes()).unwrap_or(rest.len())];
        let (place, parameters) = rest.split_at(memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len()));
        let (host, port) = host_and_port(value::trim(place))?;
        Some(Self { secure, user, password, host, port, parameters, text })
    }
}

/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
pub fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at(host_end);
    let host = value::trim(host);
    if host.is_empty() || host.contains([' ', '\t', '<', '>', '"', ',']) {
        return None;
    }
    match value::trim(port).strip_prefix(':') {
        Some(port) => Some((host, Some(value::number(value::trim(port))?))),
        None if port.is_empty() => Some((host, None)),
        None => None,
    }
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
