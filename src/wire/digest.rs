//! Digest authentication (RFC 7616), hashed over the text as received.

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
    /// `auth` is among the offered qualities of protection; false: the server is of RFC 2069's kind.
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
    response: String,
}

impl Challenge {
    /// Reads a header value; none if it is no digest challenge that can be answered.
    pub fn parse(value: &str) -> Option<Self> {
        let _ = value;
        None
    }

    /// The strongest of several challenges; of equals the first (RFC 7616 section 3.7).
    pub fn best<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.filter_map(Self::parse).next()
    }

    /// The header value.
    pub fn header(&self) -> String {
        String::new()
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
        let _ = (challenge, method, uri, user, password, cnonce, nc);
        String::new()
    }

    /// Reads a header value.
    pub fn parse(value: &str) -> Option<Self> {
        let _ = value;
        None
    }

    /// Whether they were made with this password, compared in constant time.
    pub fn verify(&self, method: &str, password: &str) -> bool {
        let _ = (method, password, &self.response);
        false
    }
}
