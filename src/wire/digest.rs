//! Digest authentication (RFC 7616, and RFC 2617 without qop), hashed over the text as received.
//!
//! Both ends: answering a challenge, and checking an answer. Not here: which nonces are still good, auth-int (no phone
//! that we know of uses it), and the headers' names.

use std::{borrow::Cow, fmt};

use md5::Md5;
use sha2::{Digest, Sha256};

use super::sip::{
    find::{find, find_any},
    value,
};

/// Hash of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// `MD5`.
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
}

/// A `WWW-Authenticate` or `Proxy-Authenticate` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Protection space.
    pub realm: String,
    /// The server's value for one use.
    pub nonce: String,
    /// Comes back unchanged.
    pub opaque: Option<String>,
    /// Hash to use.
    pub algorithm: Algorithm,
    /// `auth` is among the offered qualities of protection; false: none is offered (RFC 2617 section 3.2.1).
    pub qop_auth: bool,
    /// The credentials were right, only their nonce is too old.
    pub stale: bool,
}

/// An `Authorization` or `Proxy-Authorization` value. Its `Debug` form masks the response.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Protection space.
    pub realm: String,
    /// The server's value.
    pub nonce: String,
    /// The URI text that was hashed.
    pub uri: String,
    /// Hash that was used.
    pub algorithm: Algorithm,
    /// The server's opaque value, as it came back.
    pub opaque: Option<String>,
    /// Quality of protection, as written.
    pub qop: Option<String>,
    /// Count of requests with this nonce: the characters as received, as they enter the hash.
    pub nc: Option<String>,
    cnonce: String,
    response: String,
}

impl Algorithm {
    /// Names are compared without regard to case: phones send `md5`.
    fn named(name: &str) -> Option<Self> {
        [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    fn strength(self) -> u8 {
        match self {
            Self::Md5 | Self::Md5Sess => 0,
            Self::Sha256 | Self::Sha256Sess => 1,
        }
    }

    /// The hash of the parts joined by colons, in hexadecimal digits.
    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 | Self::Md5Sess => hex(&Md5::digest(&text)),
            Self::Sha256 | Self::Sha256Sess => hex(&Sha256::digest(&text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Challenge {
    /// Reads a header value; none if it is no digest challenge that can be answered here.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = Fields::of(value)?;
        let qop_auth = match fields.get("qop") {
            Some(offered) if offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
            None => false,
        };
        Some(Self {
            realm: fields.get("realm")?.into_owned(),
            nonce: fields.get("nonce")?.into_owned(),
            opaque: fields.get("opaque").map(Cow::into_owned),
            algorithm: fields.algorithm()?,
            qop_auth,
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The strongest of several challenges; of equals the first (RFC 7616 section 3.7).
    pub fn best<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values
            .filter_map(Self::parse)
            .reduce(|best, next| if next.algorithm.strength() > best.algorithm.strength() { next } else { best })
    }

    /// The header value.
    pub fn header(&self) -> String {
        let Self { realm, nonce, opaque, algorithm, qop_auth, stale } = self;
        let mut value = format!("Digest realm={}, nonce={}", quoted(realm), quoted(nonce));
        if let Some(opaque) = opaque {
            value += &format!(", opaque={}", quoted(opaque));
        }
        value += &format!(", algorithm={}", algorithm.name());
        if *qop_auth {
            value += ", qop=\"auth\"";
        }
        if *stale {
            value += ", stale=true";
        }
        value
    }
}

impl Credentials {
    /// The header value that answers a challenge. `nc` counts requests with this nonce, from 1.
    pub fn answer(
        challenge: &Challenge,
        method: &str,
        uri: &str,
        user: &str,
        password: &str,
        cnonce: &str,
        nc: u32,
    ) -> String {
        let mut credentials = Self {
            username: user.to_owned(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            algorithm: challenge.algorithm,
            opaque: challenge.opaque.clone(),
            qop: challenge.qop_auth.then(|| "auth".to_owned()),
            nc: challenge.qop_auth.then(|| format!("{nc:08x}")),
            cnonce: cnonce.to_owned(),
            response: String::new(),
        };
        credentials.response = credentials.expected(method, password);
        credentials.header()
    }

    /// Reads a header value; none if a part that the hash needs is missing.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = Fields::of(value)?;
        let owned = |name| fields.get(name).map(Cow::into_owned);
        let (qop, nc, cnonce) = (owned("qop"), owned("nc"), owned("cnonce"));
        let algorithm = fields.algorithm()?;
        let complete = qop.is_none() || nc.is_some() && cnonce.is_some();
        (complete && (!algorithm.is_session() || cnonce.is_some())).then_some(())?;
        Some(Self {
            username: owned("username")?,
            realm: owned("realm")?,
            nonce: owned("nonce")?,
            uri: owned("uri")?,
            algorithm,
            opaque: owned("opaque"),
            qop,
            nc,
            cnonce: cnonce.unwrap_or_default(),
            response: owned("response")?,
        })
    }

    /// Whether they were made with this password, compared in constant time.
    pub fn verify(&self, method: &str, password: &str) -> bool {
        let understood = self.qop.as_ref().is_none_or(|qop| qop.eq_ignore_ascii_case("auth"));
        let expected = self.expected(method, password);
        let same_length = expected.len() == self.response.len();
        let difference = expected
            .bytes()
            .zip(self.response.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b.to_ascii_lowercase()));
        understood && same_length && difference == 0
    }

    /// The response that the password gives (RFC 7616 section 3.4.1).
    fn expected(&self, method: &str, password: &str) -> String {
        let hash = |parts: &[&str]| self.algorithm.hash(parts);
        let mut secret = hash(&[&self.username, &self.realm, password]);
        if self.algorithm.is_session() {
            secret = hash(&[&secret, &self.nonce, &self.cnonce]);
        }
        let request = hash(&[method, &self.uri]);
        match &self.qop {
            Some(qop) => {
                let nc = self.nc.as_deref().unwrap_or_default();
                hash(&[&secret, &self.nonce, nc, &self.cnonce, qop, &request])
            }
            None => hash(&[&secret, &self.nonce, &request]),
        }
    }

    fn header(&self) -> String {
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            quoted(&self.username),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(&self.uri),
            self.response,
            self.algorithm.name()
        );
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque={}", quoted(opaque));
        }
        if let (Some(qop), Some(nc)) = (&self.qop, &self.nc) {
            value += &format!(", qop={qop}, nc={nc}");
        }
        if self.qop.is_some() || self.algorithm.is_session() {
            value += &format!(", cnonce={}", quoted(&self.cnonce));
        }
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The nonce of a challenge or of credentials, and what else a watcher needs to know of them: for those who answer nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce<'a> {
    /// The server's value.
    pub text: Cow<'a, str>,
    /// The credentials were right, only their nonce is too old.
    pub stale: bool,
    strength: Option<u8>,
}

impl<'a> Nonce<'a> {
    /// Of a challenge; none if it is of another scheme or has none.
    pub fn of_challenge(value: &'a str) -> Option<Self> {
        let (mut text, mut stale, mut algorithm) = (None, false, Some(Algorithm::Md5));
        for (name, value) in Fields::of(value)?.each() {
            match name.len() {
                5 if name.eq_ignore_ascii_case("nonce") => text = text.or(Some(value)),
                5 if name.eq_ignore_ascii_case("stale") => stale = value::unquoted(value).eq_ignore_ascii_case("true"),
                9 if name.eq_ignore_ascii_case("algorithm") => algorithm = Algorithm::named(&value::unquoted(value)),
                _ => {}
            }
        }
        Some(Self { text: value::unquoted(text?), stale, strength: algorithm.map(Algorithm::strength) })
    }

    /// Of credentials; none if they are of another scheme or have none.
    pub fn of_credentials(value: &'a str) -> Option<Self> {
        Some(Self { text: Fields::of(value)?.get("nonce")?, stale: false, strength: None })
    }

    /// The one that a phone answers to, if it can: the strongest that is known here, of equals the first (RFC 7616 section
    /// 3.7).
    pub fn or(self, next: Self) -> Self {
        if next.strength > self.strength { next } else { self }
    }
}

/// The parameters of a value that begins with `Digest`.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn of(value: &'a str) -> Option<Self> {
        let (scheme, rest) = value::trim(value).split_once([' ', '\t'])?;
        scheme.eq_ignore_ascii_case("Digest").then_some(Self(rest))
    }

    /// Names, and values as written, quotes included.
    fn each(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                rest = rest.trim_ascii_start();
                let stop = find_any(rest.as_bytes(), *b"=,")?;
                let (name, behind) = (rest[..stop].trim_ascii_end(), &rest[stop + 1..]);
                if rest.as_bytes()[stop] == b',' {
                    rest = behind;
                    continue;
                }
                let behind = behind.trim_ascii_start();
                let closed = if behind.starts_with('"') { value::end_of_quote(&behind.as_bytes()[1..]) } else { None };
                let value = &behind[..closed.map_or(0, |len| len + 1)];
                let end = find(&behind.as_bytes()[value.len()..], b',').map(|len| value.len() + len);
                let value = behind[..end.unwrap_or(behind.len())].trim_ascii_end();
                rest = end.map_or("", |end| &behind[end + 1..]);
                return Some((name, value));
            }
        })
    }

    fn get(self, wanted: &str) -> Option<Cow<'a, str>> {
        let found = self.each().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value::unquoted(value))
    }

    /// MD5 if none is named (RFC 7616 section 3.3); none if an unknown one is.
    fn algorithm(self) -> Option<Algorithm> {
        self.get("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::named(&name))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
