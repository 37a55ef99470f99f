//! URIs split into their parts.

use std::borrow::Cow;

use super::{
    find::{find, find_any},
    value,
};

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
    /// The host holds capital letters.
    upper_case: bool,
    /// Behind the scheme's colon.
    text: &'a str,
}

impl<'a> Uri<'a> {
    /// None if it has no scheme, or if a `sip` or `sips` URI has no host or a port that is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = value::trim(text);
        let colon = find(text.as_bytes(), b':')?;
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
        let (user, rest) = match end_of_user(text.as_bytes()) {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        let (user, password) = match user.map(|user| (user, find(user.as_bytes(), b':'))) {
            Some((user, Some(colon))) => (Some(&user[..colon]), Some(&user[colon + 1..])),
            Some((user, None)) => (Some(user), None),
            None => (None, None),
        };
        let Place { host, port, rest, upper_case } = Place::parse(rest)?;
        let parameters = match rest.as_bytes().first() {
            Some(b';') => &rest[..find(rest.as_bytes(), b'?').unwrap_or(rest.len())],
            Some(b'?') | None => "",
            Some(_) => return None,
        };
        Some(Self { secure, user, password, host, port, parameters, upper_case, text })
    }
}

/// The last `@` before the first `?`. A user part may hold `?`, and a careless header behind it `@`: where there is no other,
/// the last of all.
fn end_of_user(text: &[u8]) -> Option<usize> {
    let mut last = None;
    let mut at = 0;
    while let Some(step) = find_any(&text[at..], *b"@?") {
        at += step;
        if text[at] == b'?' {
            return last.or_else(|| memchr::memrchr(b'@', &text[at..]).map(|step| at + step));
        }
        last = Some(at);
        at += 1;
    }
    last
}

/// `host`, `host:port`, `[IPv6]` or `[IPv6]:port`, white space around each part allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// As written, an IPv6 address in its brackets.
    pub host: &'a str,
    pub port: Option<u16>,
    /// What follows.
    pub rest: &'a str,
    /// The host holds capital letters.
    pub upper_case: bool,
}

impl<'a> Place<'a> {
    /// From the beginning of a text. None if there is no host, or a port that is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii_start();
        let bytes = text.as_bytes();
        let is_literal = bytes.first() == Some(&b'[');
        let end = if is_literal { Some(find(bytes, b']')? + 1) } else { find_any(bytes, *b":;? ") };
        let (host, rest) = text.split_at(end.unwrap_or(bytes.len()));
        let class = host.bytes().fold(0, |class, byte| class | HOST_CLASS[usize::from(byte)]);
        if host.is_empty() || !is_literal && class & NO_HOST != 0 {
            return None;
        }
        let mut place = Self { host, port: None, rest: rest.trim_ascii_start(), upper_case: class & UPPER_CASE != 0 };
        if let Some(behind) = place.rest.strip_prefix(':') {
            let digits = behind.trim_ascii_start();
            let (port, len) = port(digits.as_bytes())?;
            (place.port, place.rest) = (Some(port), digits[len..].trim_ascii_start());
        }
        Some(place)
    }
}

/// The port that a text begins with, and how many digits it has.
pub fn port(bytes: &[u8]) -> Option<(u16, usize)> {
    let (mut port, mut len) = (0_u16, 0);
    while let Some(digit) = bytes.get(len).filter(|byte| byte.is_ascii_digit()) {
        port = port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))?;
        len += 1;
    }
    (len > 0).then_some((port, len))
}

/// Length of the host that a text begins with, if it has no brackets and no capital letters, and ends within the text as a
/// host in angle brackets may.
pub fn plain_host_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.iter().position(|byte| HOST_CLASS[usize::from(*byte)] != 0)?;
    (len > 0 && matches!(bytes[len], b'>' | b':' | b';' | b'?' | b'@' | b' ')).then_some(len)
}

const UPPER_CASE: u8 = 1;

/// What no name and no IPv4 address holds, however careless.
const NO_HOST: u8 = 2;

/// What may follow a host.
const HOST_END: u8 = 4;

const HOST_CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter = b'A';
    while letter <= b'Z' {
        table[letter as usize] = UPPER_CASE;
        letter += 1;
    }
    let mut rest: &[u8] = b"\t<>\",[]@";
    while let [byte, others @ ..] = rest {
        table[*byte as usize] = NO_HOST;
        rest = others;
    }
    let mut rest: &[u8] = b":;? ";
    while let [byte, others @ ..] = rest {
        table[*byte as usize] = HOST_END;
        rest = others;
    }
    table
};

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
